//===- CanonicalizeContainers.cpp - branches, optionals, sequences -------===//
//
// If on a known condition becomes its branch; what is put into an optional or
// a sequence and taken out again does not need one.
//
#include "dialects/onnx/Canonicalize.h"
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace onnxc::onnx {

void OnnxDialect::getCanonicalizationPatterns(
    RewritePatternSet &patterns) const {
  populateFoldShapes(patterns);
  populateCanonicalizeMovement(patterns);
  populateCanonicalizeContainers(patterns);
}

namespace {

Value scalarConstant(OpBuilder &builder, Location loc, Type type, int64_t n) {
  auto tensor = cast<RankedTensorType>(type);
  unsigned width = tensor.getElementType().getIntOrFloatBitWidth();
  APInt value(width, uint64_t(n), /*isSigned=*/false, /*implicitTrunc=*/true);
  return ConstantOp::create(builder, loc,
                            DenseElementsAttr::get(tensor, value));
}

struct InlineKnownIf : OpRewritePattern<IfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(IfOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<int64_t> condition = getStaticInt(op.getCond());
    if (!condition)
      return rewriter.notifyMatchFailure(op, "the condition is computed");
    Block &block =
        (*condition ? op.getThenBranch() : op.getElseBranch()).front();
    auto yield = cast<YieldOp>(block.back());
    SmallVector<Value> outputs(yield.getOutputs());
    for (auto [result, output] : llvm::zip(op->getResults(), outputs))
      if (result.getType() != output.getType())
        return rewriter.notifyMatchFailure(op, "the types differ");
    rewriter.eraseOp(yield);
    rewriter.inlineBlockBefore(&block, op);
    rewriter.replaceOp(op, outputs);
    return success();
  }
};

struct TakeFromOptional : OpRewritePattern<OptionalGetElementOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(OptionalGetElementOp op,
                                PatternRewriter &rewriter) const override {
    if (!isa<OptionalType>(op.getInput().getType()))
      return replaceIfSameType(op, op.getInput(), rewriter);
    auto optional = op.getInput().getDefiningOp<OptionalOp>();
    if (!optional || !isPresent(optional.getInput()))
      return failure();
    return replaceIfSameType(op, optional.getInput(), rewriter);
  }
};

struct KnownOptional : OpRewritePattern<OptionalHasElementOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(OptionalHasElementOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = rankedType(op.getOutput());
    if (!type || !type.hasStaticShape())
      return failure();
    Value input = op.getInput();
    if (isa<OptionalType>(input.getType())) {
      auto optional = input.getDefiningOp<OptionalOp>();
      if (!optional)
        return failure();
      input = optional.getInput();
    }
    rewriter.replaceOp(op, scalarConstant(rewriter, op.getLoc(), type,
                                          isPresent(input) ? 1 : 0));
    return success();
  }
};

struct TakeFromSequence : OpRewritePattern<SequenceAtOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SequenceAtOp op,
                                PatternRewriter &rewriter) const override {
    auto sequence = op.getInputSequence().getDefiningOp<SequenceConstructOp>();
    std::optional<int64_t> position = getStaticInt(op.getPosition());
    if (!sequence || !position)
      return failure();
    int64_t size = sequence.getInputs().size();
    int64_t k = *position < 0 ? *position + size : *position;
    if (k < 0 || k >= size)
      return failure();
    return replaceIfSameType(op, sequence.getInputs()[k], rewriter);
  }
};

struct KnownLength : OpRewritePattern<SequenceLengthOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SequenceLengthOp op,
                                PatternRewriter &rewriter) const override {
    auto sequence = op.getInputSequence().getDefiningOp<SequenceConstructOp>();
    RankedTensorType type = rankedType(op.getLength());
    if (!sequence || !type || !type.hasStaticShape())
      return failure();
    rewriter.replaceOp(op, scalarConstant(rewriter, op.getLoc(), type,
                                          sequence.getInputs().size()));
    return success();
  }
};

// Insertion into a known sequence, and its start from an empty one, give a
// known sequence.
struct InsertKnown : OpRewritePattern<SequenceInsertOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SequenceInsertOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> tensors;
    Operation *source = op.getInputSequence().getDefiningOp();
    if (auto sequence = dyn_cast_or_null<SequenceConstructOp>(source))
      llvm::append_range(tensors, sequence.getInputs());
    else if (!isa_and_nonnull<SequenceEmptyOp>(source))
      return failure();
    int64_t size = tensors.size(), k = size;
    if (isPresent(op.getPosition())) {
      std::optional<int64_t> position = getStaticInt(op.getPosition());
      if (!position)
        return failure();
      k = *position < 0 ? *position + size : *position;
    }
    if (k < 0 || k > size)
      return failure();
    tensors.insert(tensors.begin() + k, op.getTensor());
    rewriter.replaceOpWithNewOp<SequenceConstructOp>(
        op, op.getOutputSequence().getType(), tensors);
    return success();
  }
};

// ConcatFromSequence(SequenceConstruct(...)) => Concat, after Unsqueeze of
// each tensor for a stack.
struct ConcatKnown : OpRewritePattern<ConcatFromSequenceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatFromSequenceOp op,
                                PatternRewriter &rewriter) const override {
    auto sequence = op.getInputSequence().getDefiningOp<SequenceConstructOp>();
    if (!sequence || sequence.getInputs().empty())
      return failure();
    SmallVector<Value> tensors(sequence.getInputs());
    if (!llvm::all_of(tensors, rankedType))
      return failure();
    if (op.getNewAxis()) {
      auto axes = ConstantOp::create(rewriter, op.getLoc(),
                                     rewriter.getI64TensorAttr(
                                         {int64_t(op.getAxis())}));
      for (Value &tensor : tensors) {
        RankedTensorType type = rankedType(tensor);
        int64_t axis = int64_t(op.getAxis());
        axis = axis < 0 ? axis + type.getRank() + 1 : axis;
        Dims dims(type.getShape());
        dims.insert(dims.begin() + axis, 1);
        tensor = UnsqueezeOp::create(rewriter, op.getLoc(),
                                     tensorOf(type.getElementType(), dims),
                                     tensor, axes);
      }
    }
    rewriter.replaceOpWithNewOp<ConcatOp>(op, op.getConcatResult().getType(),
                                          tensors, op.getAxis());
    return success();
  }
};

} // namespace

void populateCanonicalizeContainers(RewritePatternSet &patterns) {
  patterns.add<InlineKnownIf, TakeFromOptional, KnownOptional,
               TakeFromSequence, KnownLength, InsertKnown, ConcatKnown>(
      patterns.getContext());
}

} // namespace onnxc::onnx
