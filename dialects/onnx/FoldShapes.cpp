//===- FoldShapes.cpp - shape computations become constants --------------===//
//
// An op whose integer results are all known at compile time (KnownValues.h) is
// replaced by constants:
//
//   %s = onnx.Shape %x : (tensor<2x3xf32>) -> tensor<2xi64>
//   =>  %s = onnx.Constant dense<[2, 3]> : tensor<2xi64>
//
#include "dialects/onnx/Canonicalize.h"
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace onnxc::onnx {
namespace {

// What stays a dense attribute (see the importer); larger results are data.
constexpr int64_t maxFoldedBytes = 1024;

ElementsAttr knownConstant(Value value) {
  RankedTensorType type = rankedType(value);
  if (!type || !type.hasStaticShape())
    return {};
  auto elem = dyn_cast<IntegerType>(type.getElementType());
  if (!elem || elem.getWidth() > 64 ||
      type.getNumElements() * ((elem.getWidth() + 7) / 8) > maxFoldedBytes)
    return {};
  std::optional<SmallVector<KnownInt>> known = getKnownElements(value);
  if (!known)
    return {};
  SmallVector<APInt> values;
  for (const KnownInt &element : *known) {
    if (!element.value)
      return {};
    values.emplace_back(elem.getWidth(), uint64_t(*element.value),
                        /*isSigned=*/false, /*implicitTrunc=*/true);
  }
  return DenseElementsAttr::get(type, values);
}

struct FoldKnownInts : RewritePattern {
  explicit FoldKnownInts(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!isa<InferShapes>(op) || op->getNumResults() == 0 ||
        op->getNumRegions() != 0)
      return failure();
    SmallVector<ElementsAttr> constants;
    for (Value result : op->getResults()) {
      constants.push_back(knownConstant(result));
      if (!constants.back())
        return failure();
    }
    SmallVector<Value> values;
    for (ElementsAttr constant : constants)
      values.push_back(ConstantOp::create(rewriter, op->getLoc(), constant));
    rewriter.replaceOp(op, values);
    return success();
  }
};

// The same elements in another shape.
struct FoldReshapedConstant : RewritePattern {
  explicit FoldReshapedConstant(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!isa<ReshapeOp, SqueezeOp, UnsqueezeOp, FlattenOp>(op))
      return failure();
    auto constant = op->getOperand(0).getDefiningOp<ConstantOp>();
    RankedTensorType type = rankedType(op->getResult(0));
    if (!constant || !type || !type.hasStaticShape() ||
        constant.getValue().getNumElements() != type.getNumElements())
      return failure();
    ElementsAttr value;
    if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()))
      value = dense.reshape(type);
    // A resource has one owner: the attribute that stays.
    else if (auto resource =
                 dyn_cast<DenseResourceElementsAttr>(constant.getValue());
             resource && constant->hasOneUse())
      value = DenseResourceElementsAttr::get(type, resource.getRawHandle());
    if (!value)
      return failure();
    rewriter.replaceOpWithNewOp<ConstantOp>(op, value);
    return success();
  }
};

} // namespace

void populateFoldShapes(RewritePatternSet &patterns) {
  patterns.add<FoldKnownInts, FoldReshapedConstant>(patterns.getContext());
}

} // namespace onnxc::onnx
