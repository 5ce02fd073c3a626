// No division per element: the scale of a QuantizeLinear goes into the
// constants behind which its operand is made.
//   QuantizeLinear(Relu(sums * m + b), s, z)   ->   QuantizeLinear(sums * (m / s) + b / s, 1, z)
// through ops that scale with their operands (Homogeneous), up to constants, to
// products with one, and to values that are dequantised.  Relu and Clip go when
// the saturation of the QuantizeLinear clamps as they do.
#include "dialects/onnx/Onnx.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/GraphPasses.h"
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

void simplify(Operation *q) {
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
  q->getResult(0).replaceAllUsesWith(quantize(b, q->getLoc(), scaledBy(x, by), *p));
}

struct FoldQuantizeScalePass : PassWrapper<FoldQuantizeScalePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldQuantizeScalePass)
  StringRef getArgument() const override { return "onnxc-fold-quantize-scale"; }
  StringRef getDescription() const override { return "Fold scales of QuantizeLinear into what makes its operand"; }

  void runOnOperation() override {
    std::vector<Operation *> quantizers;
    getOperation().walk([&](Operation *op) {
      if (is(op, "QuantizeLinear"))
        quantizers.push_back(op);
    });
    for (Operation *q : quantizers)
      simplify(q);
    eraseDead(getOperation());
  }
};

} // namespace

std::unique_ptr<Pass> createFoldQuantizeScalePass() { return std::make_unique<FoldQuantizeScalePass>(); }

} // namespace onnxc
