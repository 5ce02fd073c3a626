// Factors, sums and multipliers of integer products; see IntegerForms.h.
#include "dialects/onnx/Onnx.h"
#include "passes/graph/Evaluate.h"
#include "passes/graph/IntegerForms.h"
#include <cmath>

using namespace mlir;

namespace onnxc::graph {

std::optional<Factor> Factor::of(OpBuilder &b, Value q, ArrayRef<int64_t> zero, int64_t channelAxis) {
  auto type = ranked(q);
  unsigned width = type && isa<IntegerType>(type.getElementType()) ? type.getElementTypeBitWidth() : 0;
  if (width < 2 || width > 16)
    return std::nullopt;
  ElementsAttr attr = constantOf(q);
  if (!attr) {
    if (zero.size() != 1 || width < 8)
      return std::nullopt;
    auto [least, most] = rangeOf(type.getElementType());
    return Factor{q, zero[0], double(std::max(zero[0] - least, most - zero[0]))};
  }
  ElementsAttr from0 = centred(attr, zero, channelAxis);
  if (!from0)
    return std::nullopt;
  Factor f{from0 == attr ? q : constant(b, q.getLoc(), from0)};
  int64_t inner = 1, extent = type.getDimSize(channelAxis);
  for (int64_t d : type.getShape().drop_front(channelAxis + 1))
    inner *= d;
  std::vector<double> sums(extent, 0.0);
  forEachInteger(from0, [&](int64_t i, int64_t v) {
    double magnitude = std::fabs(double(v));
    f.most = std::max(f.most, magnitude);
    sums[i / inner % extent] += magnitude;
  });
  for (double s : sums)
    f.sum = std::max(f.sum, s);
  return f;
}

bool fitsWord(const Factor &x, const Factor &w, int64_t terms, double room) {
  constexpr double word = 2147483647.0;
  double most;
  if (w.sum)
    most = x.most * w.sum;
  else if (x.sum)
    most = w.most * x.sum;
  else
    most = x.most * w.most * double(ShapedType::isDynamic(terms) ? 4096 : terms);
  return most + room <= word;
}

Value integerProduct(OpBuilder &b, Operation *op, StringRef name, const Factor &x, const Factor &w,
                     ArrayRef<NamedAttribute> attrs) {
  Value none = create(b, op->getLoc(), "NoValue", {}, {NoneType::get(b.getContext())})->getResult(0);
  auto zeroOf = [&](const Factor &f) {
    return f.zero ? zerosConstant(b, op->getLoc(), {f.zero}, ranked(f.q).getElementType()) : none;
  };
  auto type = RankedTensorType::get(ranked(op->getResult(0)).getShape(), b.getI32Type());
  return create(b, op->getLoc(), name, {x.q, w.q, zeroOf(x), zeroOf(w)}, {type}, attrs)->getResult(0);
}

/// Shape of one value, or of one per index of dim `axis` of `x`.
static SmallVector<int64_t> channelShape(Value x, int64_t axis, size_t n) {
  if (n == 1)
    return {};
  SmallVector<int64_t> shape(ranked(x).getRank() - axis, 1);
  shape[0] = n;
  return shape;
}

Value plusIntegers(OpBuilder &b, Value sums, int64_t axis, ArrayRef<int64_t> bias) {
  SmallVector<int32_t> words(bias.begin(), bias.end());
  auto type = RankedTensorType::get(channelShape(sums, axis, bias.size()), b.getI32Type());
  AsmResourceBlob blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(
      ArrayRef<char>(reinterpret_cast<const char *>(words.data()), words.size() * 4), 64);
  Value c = constant(b, sums.getLoc(), onnx::makeConstant(type, std::move(blob)));
  return create(b, sums.getLoc(), "Add", {sums, c}, {sums.getType()})->getResult(0);
}

static Value channelConstant(OpBuilder &b, Value x, int64_t axis, ArrayRef<float> values) {
  return constant(b, x.getLoc(), f32Constant(b.getContext(), channelShape(x, axis, values.size()), values));
}

Value plusFloats(OpBuilder &b, Value x, int64_t axis, ArrayRef<float> bias) {
  return create(b, x.getLoc(), "Add", {x, channelConstant(b, x, axis, bias)}, {x.getType()})->getResult(0);
}

Value scaledSums(OpBuilder &b, Value sums, Value multiplier) {
  constexpr int64_t toFloat = 1; // TensorProto.FLOAT
  auto type = RankedTensorType::get(ranked(sums).getShape(), b.getF32Type());
  Value x = create(b, sums.getLoc(), "Cast", {sums}, {type}, {intAttr(b, "to", toFloat)})->getResult(0);
  return create(b, sums.getLoc(), "Mul", {x, multiplier}, {type})->getResult(0);
}

Value scaledSums(OpBuilder &b, Value sums, int64_t axis, ArrayRef<float> multiplier) {
  return scaledSums(b, sums, channelConstant(b, sums, axis, multiplier));
}

std::optional<std::vector<float>> knownFloats(Value v) {
  if (ElementsAttr attr = constantOf(v))
    return attr.getElementType().isF32() ? floatsOf(attr) : std::nullopt;
  Operation *op = definedBy(v, "DequantizeLinear");
  if (!op || !constantOf(op->getOperand(0)))
    return std::nullopt;
  auto values = evaluate(op, {constantOf(op->getOperand(0)), constantOf(op->getOperand(1)), constantOf(op->getOperand(2))});
  return values && (*values)[0].getElementType().isF32() ? floatsOf((*values)[0]) : std::nullopt;
}

std::vector<float> multipliersOf(const QuantParams &x, const QuantParams &w, float by) {
  std::vector<float> all;
  for (float s : w.scale)
    all.push_back(x.scale[0] * s * by);
  return all;
}

/// `bias` in units of the multipliers, where it is that up to the rounding of its own scale.
static std::optional<std::vector<int64_t>> asIntegers(ArrayRef<float> bias, ArrayRef<float> multipliers) {
  std::vector<int64_t> all;
  for (size_t i = 0, n = std::max(bias.size(), multipliers.size()); i < n; ++i) {
    double value = bias[bias.size() == 1 ? 0 : i], unit = multipliers[multipliers.size() == 1 ? 0 : i];
    double q = std::nearbyint(value / unit);
    constexpr double roundings = 3.0 / (1 << 24);
    if (!(std::fabs(q) < (1 << 30)) || std::fabs(q * unit - value) > std::fabs(value) * roundings)
      return std::nullopt;
    all.push_back(int64_t(q));
  }
  return all;
}

bool allNormal(ArrayRef<float> values) {
  return llvm::all_of(values, [](float v) { return std::isnormal(v); });
}

Value scaled(OpBuilder &b, Value sums, int64_t axis, ArrayRef<float> multipliers, ArrayRef<float> bias) {
  if (!bias.empty())
    if (auto words = asIntegers(bias, multipliers))
      return scaledSums(b, plusIntegers(b, sums, axis, *words), axis, multipliers);
  Value y = scaledSums(b, sums, axis, multipliers);
  return bias.empty() ? y : plusFloats(b, y, axis, bias);
}

} // namespace onnxc::graph
