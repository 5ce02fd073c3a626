// No division per element: the scale of a QuantizeLinear goes into the
// constants behind which its operand is made.
//   QuantizeLinear(Relu(sums * m + b), s, z)   ->   QuantizeLinear(sums * (m / s) + b / s, 1, z)
// through ops that scale with their operands (Homogeneous), up to constants, to
// products with one, and to values that are dequantised.  Relu and Clip go when
// the saturation of the QuantizeLinear clamps as they do.
// Where fixed point is cheaper than floats,
//   QuantizeLinear(Cast(sums) * m + b, 1, z)   ->   Rescale((b + z) * 2^32, sums, m * 2^32)
// which may differ where a result lies (nearly) half way between two integers.
#include "dialects/onnx/Onnx.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/GraphPasses.h"
#include "passes/graph/Magnitude.h"
#include "passes/graph/QuantParams.h"
#include <cmath>

using namespace mlir;

namespace onnxc {

using namespace graph;

namespace {

/// Constants above are weights, which are not changed for one of their readers.
constexpr int64_t kSmallConstant = 1 << 16;
/// Ops between a QuantizeLinear and the constants that take its scale.
constexpr int kDepth = 16;

bool allNormal(ArrayRef<float> values) {
  return llvm::all_of(values, [](float v) { return v == 0 || std::isnormal(v); });
}

/// Values of an f32 constant over `by`; nullopt where that is not a normal number.
std::optional<std::vector<float>> divided(Value v, float by) {
  ElementsAttr attr = constantOf(v);
  if (!attr || !attr.getElementType().isF32() || attr.getNumElements() > kSmallConstant)
    return std::nullopt;
  auto values = floatsOf(attr);
  if (!values)
    return std::nullopt;
  for (float &x : *values)
    x /= by;
  return allNormal(*values) ? values : std::nullopt;
}

/// The operand of a product that is constant and takes the scale, if any.
std::optional<unsigned> constantFactor(Operation *op, float by) {
  for (unsigned i : {1u, 0u})
    if (divided(op->getOperand(i), by))
      return i;
  return std::nullopt;
}

/// v / by can be had without a division.
bool takesScale(Value v, float by, int depth = kDepth) {
  Operation *op = v.getDefiningOp();
  if (!op || !isF32(v) || depth == 0)
    return false;
  if (is(op, "Constant"))
    return divided(v, by).has_value();
  if (is(op, "DequantizeLinear")) {
    auto p = paramsOf(op);
    return p && llvm::all_of(p->scale, [&](float s) { return std::isnormal(s / by); });
  }
  if (!v.hasOneUse() || op->getNumResults() != 1)
    return false;
  if (is(op, "Mul"))
    return constantFactor(op, by) || takesScale(op->getOperand(0), by, depth - 1) ||
           takesScale(op->getOperand(1), by, depth - 1);
  return op->hasTrait<onnx::Homogeneous>() && llvm::all_of(op->getOperands(), [&](Value x) {
    return !present(x) || !isF32(x) || takesScale(x, by, depth - 1);
  });
}

/// v / by, where takesScale() says so.
Value scaledBy(Value v, float by, int depth = kDepth) {
  Operation *op = v.getDefiningOp();
  OpBuilder b(op);
  if (is(op, "Constant"))
    return constant(b, v.getLoc(), f32Constant(v.getContext(), ranked(v).getShape(), *divided(v, by)));
  if (is(op, "DequantizeLinear")) {
    QuantParams p = *paramsOf(op);
    for (float &s : p.scale)
      s /= by;
    return dequantize(b, v.getLoc(), op->getOperand(0), p);
  }
  SmallVector<Value> operands(op->getOperands());
  if (is(op, "Mul")) {
    auto at = constantFactor(op, by);
    unsigned i = at ? *at : takesScale(operands[0], by, depth - 1) ? 0 : 1;
    operands[i] = scaledBy(operands[i], by, depth - 1);
  } else {
    for (Value &x : operands)
      if (present(x) && isF32(x))
        x = scaledBy(x, by, depth - 1);
  }
  b.setInsertionPoint(op);
  OperationState state(op->getLoc(), op->getName(), operands, op->getResultTypes(), op->getAttrs());
  return b.create(state)->getResult(0);
}

/// A bound of Clip as the integer it is quantised to, not saturated; `absent` where there is none.
std::optional<double> bound(Value v, const QuantParams &p, double absent) {
  if (!present(v))
    return absent;
  auto value = scalarOf(v);
  return value ? std::optional(std::nearbyint(float(*value) / p.scale[0]) + double(p.zero[0])) : std::nullopt;
}

/// The operand of a Relu or Clip that changes nothing of what is quantised.
Value behindClamp(Value v, const QuantParams &p) {
  auto [least, most] = rangeOf(p.elem);
  constexpr double far = 1e30;
  if (auto relu = dyn_cast_or_null<onnx::ReluOp>(v.getDefiningOp()))
    return p.zero[0] == least ? relu.getX() : Value();
  auto clip = dyn_cast_or_null<onnx::ClipOp>(v.getDefiningOp());
  auto low = clip ? bound(clip.getMin(), p, -far) : std::nullopt, high = clip ? bound(clip.getMax(), p, far) : std::nullopt;
  return low && high && *low <= double(least) && *high >= double(most) ? clip.getInput() : Value();
}

/// A multiplier is off by half of 2^-32, so a product by as much times the sum. Sums of magnitude below 2^25 stay exact
/// to 2^-8; so do multipliers from 2^-17 on, where sums of 2^25 and more saturate.
constexpr double kLeastMultiplier = 1.0 / (1 << 17), kMostSum = 1 << 25;

/// words * multiplier + bias + what is dequantised, in f32; each there or not.
struct Terms {
  Value words;                   ///< i32
  ElementsAttr multiplier, bias;
  SmallVector<Dequantized> addends;
  bool small = false; ///< words stay below kMostSum

  /// Takes in `v`; false where it is of another form.
  bool collect(Value v) {
    if (ElementsAttr attr = constantOf(v))
      return !std::exchange(bias, attr);
    if (Operation *add = definedBy(v, "Add"))
      return collect(add->getOperand(0)) && collect(add->getOperand(1));
    if (auto d = dequantized(v)) {
      addends.push_back(*d);
      return d->params.perTensor() && d->params.elem.getIntOrFloatBitWidth() == 8;
    }
    Operation *mul = words ? nullptr : definedBy(v, "Mul");
    for (unsigned i : {0u, 1u}) {
      Operation *cast = mul ? definedBy(mul->getOperand(i), "Cast") : nullptr;
      multiplier = mul ? constantOf(mul->getOperand(1 - i)) : ElementsAttr();
      if (!cast || !multiplier || !ranked(cast->getOperand(0)) || !ranked(cast->getOperand(0)).getElementType().isInteger(32))
        continue;
      words = cast->getOperand(0);
      std::optional<double> most = magnitude(mul->getOperand(i));
      small = most && *most < kMostSum;
      return true;
    }
    return false;
  }
};

/// Products with a multiplier that ends in many zeros often lie half way between two integers, where fixed point rounds
/// up and a QuantizeLinear to the even one. A multiplier of 0, of a channel that is always the same, has no products.
bool seldomTies(int64_t multiplier) { return !multiplier || llvm::countr_zero(uint64_t(multiplier)) <= 16; }

/// f32 constants in units of 2^-32; nullopt where one is no number or does not fit.
std::optional<std::vector<int64_t>> inUnits(ElementsAttr attr, double limit) {
  auto values = attr.getElementType().isF32() ? floatsOf(attr) : std::nullopt;
  std::vector<int64_t> all;
  for (float v : values ? *values : std::vector<float>()) {
    double units = std::nearbyint(std::ldexp(double(v), 32));
    if (!(std::fabs(units) < limit))
      return std::nullopt;
    all.push_back(int64_t(units));
  }
  return values ? std::optional(all) : std::nullopt;
}

template <typename T>
Value integers(OpBuilder &b, Location loc, ArrayRef<int64_t> shape, ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get(shape, b.getIntegerType(8 * sizeof(T)));
  return constant(b, loc, DenseElementsAttr::get(type, ArrayRef<T>(SmallVector<T>(values.begin(), values.end()))));
}

/// QuantizeLinear(x, 1, p's zero point) in fixed point; null where x has no such form.
Value inFixedPoint(OpBuilder &b, Value x, const QuantParams &p) {
  constexpr double kWord = 2147483648.0, kWide = 1e18, kByteUnits = 256;
  Terms terms;
  auto type = ranked(x);
  if (p.elem.getIntOrFloatBitWidth() != 8 || !type || !terms.collect(x))
    return {};
  auto fits = [&](Value v) { return ranked(v).getShape() == type.getShape(); };
  if (!llvm::all_of(terms.addends, [&](const Dequantized &d) { return fits(d.q); }) || (terms.words && !fits(terms.words)))
    return {};
  auto offsets = terms.bias ? inUnits(terms.bias, kWide) : std::vector<int64_t>{0};
  if (!offsets)
    return {};
  Location loc = x.getLoc();
  SmallVector<Value> factors;
  bool exact = false; // to the rounding
  if (terms.words) {
    auto multipliers = inUnits(terms.multiplier, kWord);
    if (!multipliers || (!terms.small && llvm::any_of(*floatsOf(terms.multiplier), [](float v) { return std::fabs(v) < kLeastMultiplier; })))
      return {};
    auto shape = cast<RankedTensorType>(terms.multiplier.getType()).getShape();
    exact = llvm::all_of(*multipliers, seldomTies);
    factors = {terms.words, integers<int32_t>(b, loc, shape, *multipliers)};
  }
  int64_t shift = (p.zero[0] << 32) + (int64_t(1) << 31);
  for (const Dequantized &d : terms.addends) {
    double units = std::nearbyint(std::ldexp(double(d.params.scale[0]), 32) / kByteUnits);
    if (units >= kWord)
      return {};
    exact |= seldomTies(int64_t(units) * int64_t(kByteUnits));
    factors.append({d.q, integers<int32_t>(b, loc, {}, {int64_t(units)})});
    shift -= d.params.zero[0] * int64_t(units) * int64_t(kByteUnits);
  }
  if (!exact)
    return {};
  for (int64_t &o : *offsets)
    o += shift;
  auto shape = terms.bias ? cast<RankedTensorType>(terms.bias.getType()).getShape() : ArrayRef<int64_t>();
  return onnx::RescaleOp::create(b, loc, RankedTensorType::get(type.getShape(), p.elem), integers<int64_t>(b, loc, shape, *offsets), factors);
}

void simplify(Operation *q, bool fixedPoint) {
  auto p = paramsOf(q);
  if (!p || !p->perTensor() || !isF32(q->getOperand(0)))
    return;
  while (Value x = behindClamp(q->getOperand(0), *p)) {
    Operation *clamp = q->getOperand(0).getDefiningOp();
    q->setOperand(0, x);
    if (clamp->use_empty())
      clamp->erase(); // its use of x would count
  }
  float by = p->scale[0];
  Value x = q->getOperand(0);
  // What is dequantised alone divides nothing but a constant either; it gains the same.
  if (by == 1 || constantOf(x) || !takesScale(x, by))
    return;
  OpBuilder b(q);
  p->scale[0] = 1;
  Value scaled = scaledBy(x, by), integers = fixedPoint ? inFixedPoint(b, scaled, *p) : Value();
  q->getResult(0).replaceAllUsesWith(integers ? integers : quantize(b, q->getLoc(), scaled, *p));
}

struct FoldQuantizeScalePass : PassWrapper<FoldQuantizeScalePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldQuantizeScalePass)
  explicit FoldQuantizeScalePass(bool fixed) { fixedPoint = fixed; }
  FoldQuantizeScalePass(const FoldQuantizeScalePass &other) : PassWrapper(other) {}
  Option<bool> fixedPoint{*this, "fixed-point", llvm::cl::desc("Sums of words are scaled in integers"), llvm::cl::init(false)};
  StringRef getArgument() const override { return "onnxc-fold-quantize-scale"; }
  StringRef getDescription() const override { return "Fold scales of QuantizeLinear into what makes its operand"; }

  void runOnOperation() override {
    std::vector<Operation *> quantizers;
    getOperation().walk([&](Operation *op) {
      if (is(op, "QuantizeLinear"))
        quantizers.push_back(op);
    });
    for (Operation *q : quantizers)
      simplify(q, fixedPoint);
    eraseDead(getOperation());
  }
};

} // namespace

std::unique_ptr<Pass> createFoldQuantizeScalePass(bool fixedPoint) { return std::make_unique<FoldQuantizeScalePass>(fixedPoint); }

} // namespace onnxc
