//===- CanonicalizeMovement.cpp - data movement that does nothing --------===//
//
// Identities, casts to the present type, transposes and reshapes that compose,
// Expand, Pad, Slice, Tile, Split and Concat that keep their operand. A value
// replaces another only where both have the same type, so that users and the
// signature of the function stay valid.
//
#include "dialects/onnx/Canonicalize.h"
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace onnxc::onnx {

LogicalResult replaceIfSameType(Operation *op, Value value,
                                PatternRewriter &rewriter) {
  if (op->getResult(0).getType() != value.getType())
    return rewriter.notifyMatchFailure(op, "the types differ");
  rewriter.replaceOp(op, value);
  return success();
}

namespace {

bool isStatic(Value value) {
  RankedTensorType type = rankedType(value);
  return type && type.hasStaticShape();
}

struct DropIdentity : OpRewritePattern<IdentityOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(IdentityOp op,
                                PatternRewriter &rewriter) const override {
    return replaceIfSameType(op, op.getInput(), rewriter);
  }
};

// Equal types mean equal element types: nothing is converted.
template <typename CastLikeOrCast>
struct DropCast : OpRewritePattern<CastLikeOrCast> {
  using OpRewritePattern<CastLikeOrCast>::OpRewritePattern;
  LogicalResult matchAndRewrite(CastLikeOrCast op,
                                PatternRewriter &rewriter) const override {
    return replaceIfSameType(op, op.getInput(), rewriter);
  }
};

// Inference mode only: without a mask and without training.
struct DropDropout : OpRewritePattern<DropoutOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DropoutOp op,
                                PatternRewriter &rewriter) const override {
    if (isPresent(op.getTrainingMode()) &&
        getStaticInt(op.getTrainingMode()) != 0)
      return rewriter.notifyMatchFailure(op, "it may train");
    if (!op.getMask().use_empty())
      return rewriter.notifyMatchFailure(op, "the mask is used");
    if (op.getOutput().getType() != op.getData().getType())
      return rewriter.notifyMatchFailure(op, "the types differ");
    rewriter.replaceAllUsesWith(op.getOutput(), op.getData());
    rewriter.eraseOp(op);
    return success();
  }
};

//===-- Transpose

Dims permOf(TransposeOp op, int64_t rank) {
  if (std::optional<ArrayRef<int64_t>> perm = op.getPerm())
    return Dims(*perm);
  Dims perm;
  for (int64_t k = rank; k-- > 0;)
    perm.push_back(k);
  return perm;
}

// Transpose(Transpose(x, p), q) => Transpose(x, p o q); none for an identity.
struct ComposeTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = rankedType(op.getData());
    if (!type)
      return failure();
    Dims perm = permOf(op, type.getRank());
    Value data = op.getData();
    if (auto inner = data.getDefiningOp<TransposeOp>();
        inner && rankedType(inner.getData())) {
      Dims innerPerm = permOf(inner, type.getRank());
      for (int64_t &dim : perm)
        dim = innerPerm[dim];
      data = inner.getData();
    }
    bool identity = true;
    for (auto [k, dim] : llvm::enumerate(perm))
      identity &= dim == int64_t(k);
    if (identity)
      return replaceIfSameType(op, data, rewriter);
    if (data == op.getData())
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      op.getDataMutable().assign(data);
      op.setPerm(perm);
    });
    return success();
  }
};

//===-- Reshape

// Whether the shape operand asks for just the dims that `data` has.
bool keepsShape(Value data, Value shape, bool zeroKeeps) {
  RankedTensorType type = rankedType(data);
  std::optional<SmallVector<KnownInt>> wanted = getKnownElements(shape);
  if (!type || !wanted || int64_t(wanted->size()) != type.getRank())
    return false;
  unsigned derived = 0;
  for (auto [k, element] : llvm::enumerate(*wanted)) {
    if (element.value == 0 && zeroKeeps)
      continue;
    if (element.value == -1) {
      ++derived;
      continue;
    }
    if (!getKnownDim(data, k).sameAs(element))
      return false;
  }
  return derived <= 1;
}

struct DropReshape : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    bool same = isStatic(op.getData()) &&
                op.getData().getType() == op.getReshaped().getType();
    if (!same &&
        !keepsShape(op.getData(), op.getShape(), !op.getAllowzero()))
      return failure();
    return replaceIfSameType(op, op.getData(), rewriter);
  }
};

// Reshape(Reshape(x, s), t) => Reshape(x, t), unless t keeps a dim of s.
struct ComposeReshapes : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    Operation *inner = op.getData().getDefiningOp();
    if (!inner || !isa<ReshapeOp, FlattenOp, SqueezeOp, UnsqueezeOp>(inner))
      return failure();
    std::optional<SmallVector<int64_t>> shape = getKnownInts(op.getShape());
    if (!shape)
      return failure();
    if (!op.getAllowzero())
      for (int64_t dim : *shape)
        if (dim == 0 || isDynamic(dim))
          return rewriter.notifyMatchFailure(op, "it may keep a dim");
    rewriter.modifyOpInPlace(
        op, [&] { op.getDataMutable().assign(inner->getOperand(0)); });
    return success();
  }
};

//===-- Others

struct DropExpand : OpRewritePattern<ExpandOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ExpandOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = rankedType(op.getInput());
    if (!type)
      return failure();
    if (!type.hasStaticShape()) {
      std::optional<SmallVector<KnownInt>> shape =
          getKnownElements(op.getShape());
      if (!shape || int64_t(shape->size()) > type.getRank())
        return failure();
      int64_t offset = type.getRank() - shape->size();
      for (auto [k, element] : llvm::enumerate(*shape))
        if (element.value != 1 &&
            !getKnownDim(op.getInput(), offset + k).sameAs(element))
          return rewriter.notifyMatchFailure(op, "a dim may grow");
    }
    return replaceIfSameType(op, op.getInput(), rewriter);
  }
};

struct DropPad : OpRewritePattern<PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PadOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<SmallVector<int64_t>> pads = getStaticInts(op.getPads());
    if (!pads || llvm::any_of(*pads, [](int64_t pad) { return pad != 0; }))
      return rewriter.notifyMatchFailure(op, "it may pad");
    return replaceIfSameType(op, op.getData(), rewriter);
  }
};

struct DropSlice : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = rankedType(op.getData());
    if (!type)
      return failure();
    auto starts = getStaticInts(op.getStarts());
    auto ends = getStaticInts(op.getEnds());
    if (isPresent(op.getSteps())) {
      auto steps = getStaticInts(op.getSteps());
      if (!steps || !llvm::all_of(*steps, [](int64_t s) { return s == 1; }))
        return rewriter.notifyMatchFailure(op, "it may skip elements");
    }
    // With unit steps, as many elements as before are all of them.
    if (type.hasStaticShape())
      return replaceIfSameType(op, op.getData(), rewriter);
    std::optional<SmallVector<int64_t>> axes;
    if (isPresent(op.getAxes()))
      axes = getStaticInts(op.getAxes());
    else if (starts)
      axes = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
    if (!starts || !ends || !axes || starts->size() != axes->size() ||
        ends->size() != axes->size())
      return failure();
    for (auto [start, end, axis] : llvm::zip(*starts, *ends, *axes)) {
      int64_t dim = type.getDimSize(axis < 0 ? axis + type.getRank() : axis);
      // An end beyond any dim that exists.
      bool all = isDynamic(dim) ? end >= std::numeric_limits<int32_t>::max()
                                : end >= dim;
      if (start != 0 || !all)
        return rewriter.notifyMatchFailure(op, "it may cut");
    }
    return replaceIfSameType(op, op.getData(), rewriter);
  }
};

struct DropTile : OpRewritePattern<TileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TileOp op,
                                PatternRewriter &rewriter) const override {
    auto repeats = getStaticInts(op.getRepeats());
    if (!repeats || llvm::any_of(*repeats, [](int64_t n) { return n != 1; }))
      return rewriter.notifyMatchFailure(op, "it may repeat");
    return replaceIfSameType(op, op.getInput(), rewriter);
  }
};

// Concat, Sum, Max, Min, Mean of one operand; Split into one part.
template <typename OpTy>
struct DropSingle : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    bool single = std::is_same_v<OpTy, SplitOp> ? op->getNumResults() == 1
                                                : op->getNumOperands() == 1;
    if (!single)
      return failure();
    return replaceIfSameType(op, op->getOperand(0), rewriter);
  }
};

} // namespace

void populateCanonicalizeMovement(RewritePatternSet &patterns) {
  patterns.add<DropIdentity, DropCast<CastOp>, DropCast<CastLikeOp>,
               DropDropout, ComposeTransposes, DropReshape, ComposeReshapes,
               DropExpand, DropPad, DropSlice, DropTile, DropSingle<ConcatOp>,
               DropSingle<SumOp>, DropSingle<MaxOp>, DropSingle<MinOp>,
               DropSingle<MeanOp>, DropSingle<SplitOp>>(patterns.getContext());
}

} // namespace onnxc::onnx
