// Weights of matrix products that stay narrow; see WidenedWeight.h.
#include "dialects/onnx/WidenedWeight.h"

using namespace mlir;

namespace onnxc::onnx {

/// Fewer elements are folded: a float each is less than the code that widens them.
static constexpr int64_t kSmallWeight = 1024;

static ElementsAttr constantBehind(Value v) {
  auto op = v ? v.getDefiningOp<ConstantOp>() : ConstantOp();
  return op ? op.getValue() : ElementsAttr();
}

static RankedTensorType staticType(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  return type && type.hasStaticShape() ? type : RankedTensorType();
}

static bool isSplat(ElementsAttr attr) { return isa<SplatElementsAttr>(attr); }

std::optional<WidenedWeight> widenedWeight(Operation *product) {
  if (!product->hasTrait<WidensWeight>())
    return std::nullopt;
  auto a = dyn_cast<RankedTensorType>(product->getOperand(0).getType());
  if (!a || !a.getElementType().isF32() || a.getRank() == 0)
    return std::nullopt;
  WidenedWeight w;
  if (auto turned = product->getAttrOfType<IntegerAttr>("transB"))
    w.transposed = turned.getInt() != 0;
  Value from = product->getOperand(1);
  if (auto transpose = from.getDefiningOp<TransposeOp>(); transpose && staticType(from) && staticType(from).getRank() == 2) {
    if (auto perm = transpose.getPerm(); perm && perm->front() == 0)
      return std::nullopt;
    w.transposed = !w.transposed;
    from = transpose.getData();
  }
  w.dequantize = from.getDefiningOp<DequantizeLinearOp>();
  if (!w.dequantize)
    return std::nullopt;
  auto type = staticType(w.dequantize.getX()), result = staticType(from);
  ElementsAttr values = constantBehind(w.dequantize.getX());
  w.scale = constantBehind(w.dequantize.getXScale());
  if (!type || !result || !values || !w.scale || isSplat(values) || type.getRank() != 2 || type.getElementTypeBitWidth() != 8 ||
      !isa<IntegerType>(type.getElementType()) || !result.getElementType().isF32() || !w.scale.getElementType().isF32() ||
      type.getNumElements() <= kSmallWeight)
    return std::nullopt;
  w.k = type.getDimSize(w.transposed ? 1 : 0);
  w.n = type.getDimSize(w.transposed ? 0 : 1);
  auto scaleType = staticType(w.dequantize.getXScale());
  if (!scaleType)
    return std::nullopt;
  int64_t axis = w.dequantize.getAxis(), block = w.dequantize.getBlockSize(), columns = w.transposed ? 0 : 1;
  axis += axis < 0 ? 2 : 0;
  if (block) {
    if (axis == columns || scaleType.getRank() != 2 || scaleType.getDimSize(axis) * block != w.k || scaleType.getDimSize(columns) != w.n)
      return std::nullopt;
    w.block = block;
  } else if (scaleType.getNumElements() != 1 && (scaleType.getRank() != 1 || axis != columns || scaleType.getDimSize(0) != w.n)) {
    return std::nullopt;
  }
  if (Value zero = w.dequantize.getXZeroPoint(); zero && !isa<NoneType>(zero.getType())) {
    w.zero = constantBehind(zero);
    auto zeroType = staticType(zero);
    if (!w.zero || !zeroType || zeroType.getElementType() != type.getElementType() ||
        (zeroType.getNumElements() != 1 && zeroType.getShape() != scaleType.getShape()))
      return std::nullopt;
  }
  return w;
}

bool onlyWidened(Operation *op) {
  return !op->use_empty() && llvm::all_of(op->getUses(), [](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<TransposeOp>(user))
      return isa<DequantizeLinearOp>(use.get().getDefiningOp()) && onlyWidened(user);
    return use.getOperandNumber() == 1 && widenedWeight(user);
  });
}

} // namespace onnxc::onnx
