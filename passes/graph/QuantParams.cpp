// Constant scales and zero points; see QuantParams.h.
#include "passes/graph/QuantParams.h"
#include "dialects/onnx/Onnx.h"
#include "dialects/rt/NodeName.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include <cmath>

using namespace mlir;

namespace onnxc::graph {

std::pair<int64_t, int64_t> rangeOf(Type elem) {
  unsigned width = elem.getIntOrFloatBitWidth();
  if (elem.isUnsignedInteger())
    return {0, (int64_t(1) << width) - 1};
  return {-(int64_t(1) << (width - 1)), (int64_t(1) << (width - 1)) - 1};
}

static Type elementOf(Value v) {
  auto type = ranked(v);
  return type ? type.getElementType() : Type();
}

static bool isSmallInteger(Type t) { return t && isa<IntegerType>(t) && t.getIntOrFloatBitWidth() <= 32 && !t.isInteger(1); }

/// The elements of an integer constant, also of fewer than 8 bits.
static std::optional<std::vector<int64_t>> integersOf(ElementsAttr attr) {
  if (!attr || !isa<IntegerType>(attr.getElementType()))
    return std::nullopt;
  if (attr.getElementType().getIntOrFloatBitWidth() >= 8)
    return intsOf(attr);
  std::vector<int64_t> values(attr.getNumElements());
  if (!forEachInteger(attr, [&](int64_t i, int64_t v) { values[i] = v; }))
    return std::nullopt;
  return values;
}

std::optional<QuantParams> paramsOf(Operation *op) {
  bool quantizes = is(op, "QuantizeLinear");
  if (!quantizes && !is(op, "DequantizeLinear"))
    return std::nullopt;
  Value x = op->getOperand(0), y = op->getResult(0);
  auto real = quantizes ? ranked(x) : ranked(y);
  QuantParams p;
  p.elem = elementOf(quantizes ? y : x);
  auto block = op->getAttrOfType<IntegerAttr>("block_size"), precision = op->getAttrOfType<IntegerAttr>("precision");
  if (!real || !real.getElementType().isF32() || !isSmallInteger(p.elem) || (block && block.getInt()) ||
      (precision && precision.getInt() > 1))
    return std::nullopt;
  ElementsAttr scale = constantOf(op->getOperand(1));
  auto scales = scale && scale.getElementType().isF32() ? floatsOf(scale) : std::nullopt;
  if (!scales || scales->empty() || cast<ShapedType>(scale.getType()).getRank() > 1 ||
      !llvm::all_of(*scales, [](float s) { return std::isnormal(s) && s > 0; }))
    return std::nullopt;
  p.scale = *scales;
  p.zero.assign(p.scale.size(), 0);
  if (Value zero = op->getOperand(2); present(zero)) {
    auto values = integersOf(constantOf(zero));
    if (!values || (values->size() != 1 && values->size() != p.scale.size()))
      return std::nullopt;
    p.zero = *values;
    p.zero.resize(p.scale.size(), values->front());
  }
  if (llvm::all_equal(p.scale) && llvm::all_equal(p.zero)) {
    p.scale.resize(1);
    p.zero.resize(1);
  } else {
    auto axis = op->getAttrOfType<IntegerAttr>("axis");
    p.axis = axis ? axis.getInt() : 1;
    p.axis += p.axis < 0 ? real.getRank() : 0;
    if (p.axis < 0 || p.axis >= real.getRank())
      return std::nullopt;
  }
  return p;
}

/// Operands of `op` that are scales.
static SmallVector<unsigned> scaleOperands(Operation *op) {
  if (isa<onnx::QuantizeLinearOp, onnx::DequantizeLinearOp>(op))
    return {1};
  if (isa<onnx::QLinearConvOp, onnx::QLinearMatMulOp>(op))
    return {1, 4, 6};
  return {};
}

static std::string quotedNode(Operation *op) {
  return "node '" + shownName(nodeName(op->getLoc())) + "' (" + op->getName().stripDialect().str() + ")";
}

void warnOfScale(Operation *op) {
  for (unsigned i : scaleOperands(op)) {
    auto scales = floatsOf(constantOf(op->getOperand(i)));
    const float *bad = scales ? llvm::find_if(*scales, [](float s) { return !std::isfinite(s) || s <= 0; }).base() : nullptr;
    if (!bad || bad == scales->data() + scales->size())
      continue;
    std::string tensor = shownName(nodeName(op->getOperand(i).getLoc())), at = scales->size() > 1 ? "[" + std::to_string(bad - scales->data()) + "]" : "";
    emitWarning(op->getLoc()) << quotedNode(op) << ": its scale '" << tensor << "'" << at << " is " << *bad
                              << ", wanted a finite number above 0; it is computed as it stands, and in float";
  }
}

void warnOfJoin(Operation *op) {
  auto joins = dyn_cast<onnx::PassesQuantized>(op);
  bool computes = llvm::any_of(op->getUsers(), [](Operation *user) { return !user->hasTrait<OpTrait::IsTerminator>(); });
  if (!joins || !joins.joinsOperands() || op->getNumOperands() < 2 || !computes)
    return;
  SmallVector<Dequantized> parts;
  for (Value v : op->getOperands())
    if (auto d = dequantized(v); d && d->params.perTensor())
      parts.push_back(*d);
    else
      return;
  for (auto [i, part] : llvm::enumerate(parts))
    if (part.params.zero[0] != parts[0].params.zero[0]) {
      auto tensor = [&](size_t k) { return "'" + shownName(nodeName(op->getOperand(k).getLoc())) + "' has " + std::to_string(parts[k].params.zero[0]); };
      emitWarning(op->getLoc()) << quotedNode(op) << ": zero points of its inputs differ (that of " << tensor(0) << ", " << tensor(i)
                                << "); they are joined in float, and what follows is float too";
      return;
    }
}

std::optional<Dequantized> dequantized(Value v) {
  Operation *op = definedBy(v, "DequantizeLinear");
  auto p = op && ranked(op->getOperand(0)) ? paramsOf(op) : std::nullopt;
  if (!p)
    return std::nullopt;
  return Dequantized{op->getOperand(0), *p};
}

static SmallVector<int64_t> shapeFor(size_t n) { return n == 1 ? SmallVector<int64_t>{} : SmallVector<int64_t>{int64_t(n)}; }

Value scalesConstant(OpBuilder &b, Location loc, ArrayRef<float> values) {
  return constant(b, loc, f32Constant(b.getContext(), shapeFor(values.size()), values));
}

Value zerosConstant(OpBuilder &b, Location loc, ArrayRef<int64_t> values, Type elem) {
  SmallVector<APInt> ints;
  for (int64_t v : values)
    ints.push_back(APInt(elem.getIntOrFloatBitWidth(), uint64_t(v), /*isSigned=*/false, /*implicitTrunc=*/true));
  return constant(b, loc, cast<ElementsAttr>(DenseElementsAttr::get(RankedTensorType::get(shapeFor(values.size()), elem), ints)));
}

static Value convert(OpBuilder &b, Location loc, StringRef name, Value v, Type elem, const QuantParams &p) {
  Value zero = zerosConstant(b, loc, p.zero, p.elem);
  return create(b, loc, name, {v, scalesConstant(b, loc, p.scale), zero},
                {RankedTensorType::get(ranked(v).getShape(), elem)}, {intAttr(b, "axis", p.perTensor() ? 1 : p.axis)})
      ->getResult(0);
}

Value dequantize(OpBuilder &b, Location loc, Value q, const QuantParams &params) {
  return convert(b, loc, "DequantizeLinear", q, b.getF32Type(), params);
}

Value quantize(OpBuilder &b, Location loc, Value x, const QuantParams &params) {
  return convert(b, loc, "QuantizeLinear", x, params.elem, params);
}

bool forEachInteger(ElementsAttr attr, llvm::function_ref<void(int64_t, int64_t)> visit) {
  auto elem = dyn_cast<IntegerType>(attr.getElementType());
  if (!elem || elem.getWidth() < 2 || elem.getWidth() > 16)
    return false;
  unsigned width = elem.getWidth(), bytes = width > 8 ? 2 : 1;
  int64_t n = attr.getNumElements();
  // What is not used of the bits, the sign comes from those that are.
  auto valueOf = [&](uint64_t bits) {
    bits &= (uint64_t(1) << width) - 1;
    return elem.isUnsigned() ? int64_t(bits) : llvm::SignExtend64(bits, width);
  };
  ArrayRef<char> raw;
  bool splat = false;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || int64_t(blob->getData().size()) != n * bytes)
      return false;
    raw = blob->getData();
  } else if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
    if (width % 8) {
      int64_t i = 0;
      for (const APInt &v : dense.getValues<APInt>())
        visit(i++, valueOf(v.getZExtValue()));
      return true;
    }
    raw = dense.getRawData();
    splat = dense.isSplat();
  } else {
    return false;
  }
  for (int64_t i = 0; i < n; ++i) {
    const auto *at = reinterpret_cast<const unsigned char *>(raw.data()) + (splat ? 0 : i * bytes);
    visit(i, valueOf(at[0] | (bytes == 2 ? uint64_t(at[1]) << 8 : 0)));
  }
  return true;
}

ElementsAttr centred(ElementsAttr attr, ArrayRef<int64_t> zero, int64_t axis) {
  auto type = cast<RankedTensorType>(attr.getShapedType());
  unsigned width = type.getElementTypeBitWidth();
  bool shifted = llvm::any_of(zero, [](int64_t z) { return z != 0; });
  if (type.getNumElements() == 0 || (!shifted && width >= 8))
    return attr;
  int64_t inner = 1, extent = 1;
  if (zero.size() > 1) {
    extent = type.getDimSize(axis);
    for (int64_t d : type.getShape().drop_front(axis + 1))
      inner *= d;
  }
  auto zeroAt = [&](int64_t i) { return zero.size() == 1 ? zero[0] : zero[i / inner % extent]; };
  int64_t least = 0, most = 0;
  if (!forEachInteger(attr, [&](int64_t i, int64_t v) {
        least = std::min(least, v - zeroAt(i));
        most = std::max(most, v - zeroAt(i));
      }))
    return {};
  if (least < INT16_MIN || most > INT16_MAX)
    return {};
  unsigned bytes = least >= INT8_MIN && most <= INT8_MAX ? 1 : 2;
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(type.getNumElements() * bytes, 64);
  char *to = blob.getMutableData().data();
  forEachInteger(attr, [&](int64_t i, int64_t v) {
    uint64_t bits = uint64_t(v - zeroAt(i));
    to[i * bytes] = char(bits);
    if (bytes == 2)
      to[i * bytes + 1] = char(bits >> 8);
  });
  return onnx::makeConstant(RankedTensorType::get(type.getShape(), IntegerType::get(attr.getContext(), 8 * bytes)),
                            std::move(blob));
}

} // namespace onnxc::graph
