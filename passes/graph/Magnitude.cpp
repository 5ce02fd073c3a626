// Bounds of quantised computations, from the sums of integer products on.
#include "passes/graph/Magnitude.h"

#include "dialects/onnx/ConstantData.h"
#include "dialects/onnx/Onnx.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace onnxc::graph {

/// Values this far from the bounds of integer products are not looked at.
static constexpr unsigned kDepth = 8;

/// The greatest |element| of a constant of f32 or i32.
static std::optional<double> magnitudeOf(ElementsAttr attr) {
  auto data = onnx::readConstant(attr);
  Type elem = attr.getElementType();
  if (!data)
    return std::nullopt;
  ArrayRef<char> bytes = data->bytes();
  double most = 0;
  auto scan = [&](auto zero) {
    using T = decltype(zero);
    for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
      T v;
      memcpy(&v, bytes.data() + i, sizeof(T));
      most = std::max(most, std::abs(double(v)));
      if (std::isnan(double(v)))
        most = std::numeric_limits<double>::infinity();
    }
  };
  if (elem.isF32())
    scan(float());
  else if (elem.isInteger(32) && !elem.isUnsignedInteger())
    scan(int32_t());
  else
    return std::nullopt;
  return most;
}

/// The greatest |element - zero point| of a factor of an integer product.
static double factorMagnitude(Value v, bool hasZero) {
  unsigned bits = getElementTypeOrSelf(v.getType()).getIntOrFloatBitWidth();
  double range = std::ldexp(1.0, bits);
  if (hasZero)
    return range;
  return getElementTypeOrSelf(v.getType()).isUnsignedInteger() ? range : range / 2;
}

static std::optional<double> bound(Value v, unsigned depth);

/// |a| + |b| or |a| * |b|.
static std::optional<double> combined(Operation *op, unsigned depth, bool sum) {
  auto a = bound(op->getOperand(0), depth), b = bound(op->getOperand(1), depth);
  if (!a || !b)
    return std::nullopt;
  return sum ? *a + *b : *a * *b;
}

static std::optional<double> boundOf(Operation *op, unsigned depth);

/// Nullopt for values of other types than f32 and i32, and for i32 that may have overflowed.
static std::optional<double> bound(Value v, unsigned depth) {
  Operation *op = v.getDefiningOp();
  Type elem = getElementTypeOrSelf(v.getType());
  bool word = elem.isInteger(32) && !elem.isUnsignedInteger();
  if (!op || depth == 0 || !(elem.isF32() || word))
    return std::nullopt;
  std::optional<double> most = boundOf(op, depth);
  return most && word && *most > double(INT32_MAX) ? std::nullopt : most;
}

static std::optional<double> boundOf(Operation *op, unsigned depth) {
  auto present = [](Value zero) { return zero && !isa<NoneType>(zero.getType()); };
  /// Products of `terms` elements of two factors.
  auto product = [&](Value a, Value b, Value zeroA, Value zeroB, int64_t terms) {
    return factorMagnitude(a, present(zeroA)) * factorMagnitude(b, present(zeroB)) * double(terms);
  };
  return llvm::TypeSwitch<Operation *, std::optional<double>>(op)
      .Case([&](onnx::ConstantOp c) { return magnitudeOf(cast<ElementsAttr>(c.getValue())); })
      .Case([&](onnx::ConvIntegerOp c) -> std::optional<double> {
        auto w = dyn_cast<RankedTensorType>(c.getW().getType());
        if (!w || !w.hasStaticShape() || w.getDimSize(0) == 0)
          return std::nullopt;
        return product(c.getX(), c.getW(), c.getXZeroPoint(), c.getWZeroPoint(), w.getNumElements() / w.getDimSize(0));
      })
      .Case([&](onnx::MatMulIntegerOp m) -> std::optional<double> {
        auto a = dyn_cast<RankedTensorType>(m.getA().getType());
        if (!a || a.getRank() == 0 || a.isDynamicDim(a.getRank() - 1))
          return std::nullopt;
        return product(m.getA(), m.getB(), m.getAZeroPoint(), m.getBZeroPoint(), a.getDimSize(a.getRank() - 1));
      })
      .Case<onnx::AddOp, onnx::SubOp>([&](Operation *op) { return combined(op, depth - 1, /*sum=*/true); })
      .Case([&](onnx::MulOp m) { return combined(m, depth - 1, /*sum=*/false); })
      .Case<onnx::CastOp, onnx::ReluOp, onnx::TransposeOp, onnx::ReshapeOp>(
          [&](Operation *op) { return bound(op->getOperand(0), depth - 1); })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<double> magnitude(Value v) {
  // What is cast to integers, or overflows, is not looked at.
  return getElementTypeOrSelf(v.getType()).isF32() ? bound(v, kDepth) : std::nullopt;
}

} // namespace onnxc::graph
