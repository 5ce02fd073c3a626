// What is stored between kernels has 8 bits: DequantizeLinear sinks through ops
// that choose among elements, QuantizeLinear rises through them.
//   DequantizeLinear -> Transpose -> MatMul   becomes   Transpose -> DequantizeLinear -> MatMul
//   Conv -> MaxPool -> QuantizeLinear         becomes   Conv -> QuantizeLinear -> MaxPool
// Both are exact: such an op (PassesQuantized) gives the same elements whether
// they are quantised before or after it.  A QuantizeLinear directly behind a
// DequantizeLinear with the same parameters cancels.
#include "dialects/onnx/Onnx.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/GraphPasses.h"
#include "passes/graph/QuantParams.h"
#include <cmath>

using namespace mlir;

namespace onnxc {

using namespace graph;

namespace {

/// round(x / scale) + zero point, as QuantizeLinear computes it.
int64_t quantized(double x, const QuantParams &p) {
  auto [least, most] = rangeOf(p.elem);
  float q = std::nearbyint(float(x) / p.scale[0]) + float(p.zero[0]);
  return int64_t(std::clamp(q, float(least), float(most)));
}

/// Data operands of an op that passes quantised values through.
MutableArrayRef<OpOperand> dataOperands(onnx::PassesQuantized op) {
  return op.joinsOperands() ? op->getOpOperands() : op->getOpOperands().take_front(1);
}

class Mover {
public:
  explicit Mover(ModuleOp module) : module(module) {}
  void run() {
    std::vector<Operation *> ops, quantizers;
    module.walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops)
      if (is(op, "DequantizeLinear"))
        widenConstant(op);
      else if (auto passes = dyn_cast<onnx::PassesQuantized>(op))
        sink(passes);
    eraseDead(module); // their uses would count
    module.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (is(op, "QuantizeLinear"))
        quantizers.push_back(op);
    });
    for (Operation *op : llvm::reverse(quantizers))
      rise(op);
  }

private:
  /// Constants of 2 and 4 bits become bytes: they are read more often than stored.
  void widenConstant(Operation *op) {
    ElementsAttr attr = constantOf(op->getOperand(0));
    Value zero = op->getOperand(2);
    auto elem = attr ? dyn_cast<IntegerType>(attr.getElementType()) : IntegerType();
    if (!elem || elem.getWidth() >= 8 || (present(zero) && !constantOf(zero)))
      return;
    ElementsAttr bytes = centred(attr, {0}, 0), zeroBytes = present(zero) ? centred(constantOf(zero), {0}, 0) : ElementsAttr();
    if (!bytes || (present(zero) && !zeroBytes))
      return;
    OpBuilder b(op);
    op->setOperand(0, constant(b, op->getLoc(), bytes));
    if (zeroBytes)
      op->setOperand(2, constant(b, op->getLoc(), zeroBytes));
  }

  /// op(dequantize(q)) -> dequantize(op(q))
  void sink(onnx::PassesQuantized op) {
    std::optional<QuantParams> params;
    SmallVector<Value> operands(op->getOperands());
    if (!op.passesQuantized())
      return;
    for (OpOperand &operand : dataOperands(op)) {
      auto d = dequantized(operand.get());
      if (!d || (params && !(*params == d->params)) || d->params.elem.getIntOrFloatBitWidth() < 8)
        return;
      params = d->params;
      operands[operand.getOperandNumber()] = d->q;
    }
    if (!params)
      return;
    QuantParams behind = *params;
    if (!params->perTensor()) {
      auto axis = op.axisBehind(params->axis);
      if (!axis)
        return;
      behind.axis = *axis;
    }
    OpBuilder b(op);
    if (!fill(b, op, *params, /*exactly=*/true, operands))
      return;
    Operation *moved = rebuild(b, op, operands, params->elem);
    if (!moved)
      return;
    for (auto [was, now] : llvm::zip(op->getResults(), moved->getResults()))
      was.replaceAllUsesWith(was.getType() == now.getType() ? now : dequantize(b, op->getLoc(), now, behind));
  }

  /// quantize(op(x)) -> op(quantize(x)), up to where x comes from.
  void rise(Operation *first) {
    SmallVector<Operation *> open{first};
    while (!open.empty()) {
      Operation *q = open.pop_back_val();
      auto p = paramsOf(q);
      if (!p || !p->perTensor() || cancel(q, *p))
        continue;
      Value y = q->getOperand(0);
      auto op = dyn_cast_or_null<onnx::PassesQuantized>(y.getDefiningOp());
      if (!op || !y.hasOneUse() || !canRise(op, y))
        continue;
      OpBuilder b(op);
      SmallVector<Value> operands(op->getOperands());
      if (p->elem.getIntOrFloatBitWidth() < 8 || !fill(b, op, *p, /*exactly=*/false, operands))
        continue;
      SmallVector<Operation *> raised;
      for (OpOperand &operand : dataOperands(op)) {
        Value &to = operands[operand.getOperandNumber()];
        to = quantize(b, q->getLoc(), to, *p);
        raised.push_back(to.getDefiningOp());
      }
      Operation *moved = rebuild(b, op, operands, p->elem);
      if (!moved)
        continue;
      q->getResult(0).replaceAllUsesWith(moved->getResult(0));
      q->erase();
      op->erase();
      open.append(raised);
    }
  }

  /// quantize(dequantize(q)) is q itself: (q - z) * s / s is within half of q - z up to 16 bits.
  bool cancel(Operation *q, const QuantParams &p) {
    auto d = dequantized(q->getOperand(0));
    if (!d || !(d->params == p) || p.elem.getIntOrFloatBitWidth() > 16 || d->q.getType() != q->getResult(0).getType())
      return false;
    q->getResult(0).replaceAllUsesWith(d->q);
    q->erase();
    return true;
  }

  /// Nothing else reads floats that would then be stored besides.
  bool canRise(onnx::PassesQuantized op, Value y) {
    if (!op.passesQuantized() || y != op->getResult(0) || !isF32(y) ||
        !llvm::all_of(op->getResults().drop_front(), [](Value v) { return v.use_empty(); }))
      return false;
    return llvm::all_of(dataOperands(op), [](OpOperand &x) {
      return isF32(x.get()) && (x.get().hasOneUse() || constantOf(x.get()) || definedBy(x.get(), "DequantizeLinear"));
    });
  }

  /// The fill value of `op` as an integer, in place of the float one.
  bool fill(OpBuilder &b, onnx::PassesQuantized op, const QuantParams &p, bool exactly, SmallVectorImpl<Value> &operands) {
    auto at = op.fillOperand();
    if (!at)
      return true;
    double value = 0;
    if (present(operands[*at])) {
      auto known = scalarOf(operands[*at]);
      if (!known)
        return false;
      value = *known;
    }
    if (!p.perTensor() || !std::isfinite(value))
      return false;
    int64_t q = quantized(value, p);
    if (exactly && float(q - p.zero[0]) * p.scale[0] != float(value))
      return false;
    operands[*at] = zerosConstant(b, op->getLoc(), {q}, p.elem);
    return true;
  }

  /// `op` on integers of `elem`, where it was on floats; null when its types are not known.
  Operation *rebuild(OpBuilder &b, Operation *op, ArrayRef<Value> operands, Type elem) {
    SmallVector<Type> types;
    for (Value v : op->getResults()) {
      if (present(v) && !ranked(v))
        return nullptr;
      types.push_back(isF32(v) ? Type(RankedTensorType::get(ranked(v).getShape(), elem)) : v.getType());
    }
    OperationState state(op->getLoc(), op->getName(), operands, types, op->getAttrs());
    return b.create(state);
  }

  ModuleOp module;
};

struct MoveQuantizationPass : PassWrapper<MoveQuantizationPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MoveQuantizationPass)
  StringRef getArgument() const override { return "onnxc-move-quantization"; }
  StringRef getDescription() const override { return "Sink DequantizeLinear and raise QuantizeLinear"; }
  void runOnOperation() override {
    std::vector<ElementsAttr> before = resourceConstants(getOperation());
    Mover(getOperation()).run();
    eraseDead(getOperation());
    releaseUnused(getOperation(), before);
  }
};

} // namespace

std::unique_ptr<Pass> createMoveQuantizationPass() { return std::make_unique<MoveQuantizationPass>(); }

} // namespace onnxc
