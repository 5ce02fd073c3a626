// QLinearConv and QLinearMatMul as integer products; see IntegerForms.h.
#include "dialects/onnx/Onnx.h"
#include "passes/graph/IntegerForms.h"
#include <cmath>

using namespace mlir;

namespace onnxc::graph {

namespace {

/// The operands that both ops have, read as constants.
struct Parameters {
  std::vector<float> xScale, wScale, yScale;
  std::vector<int64_t> xZero, wZero, yZero;

  /// One multiplier, or one per channel of w; nullopt when one is no number.
  std::optional<std::vector<float>> multipliers() const {
    std::vector<float> all;
    for (float w : wScale) {
      float product = xScale[0] * w; // rounded to f32 before the division
      all.push_back(product / yScale[0]);
      if (!std::isfinite(all.back()))
        return std::nullopt;
    }
    return all;
  }
};

std::optional<Parameters> parametersOf(ArrayRef<Value> scales, ArrayRef<Value> zeros) {
  Parameters p;
  std::vector<float> *scaleTo[] = {&p.xScale, &p.wScale, &p.yScale};
  std::vector<int64_t> *zeroTo[] = {&p.xZero, &p.wZero, &p.yZero};
  for (auto [v, to] : llvm::zip(scales, scaleTo)) {
    ElementsAttr attr = constantOf(v);
    auto values = attr && attr.getElementType().isF32() ? floatsOf(attr) : std::nullopt;
    if (!values || values->empty())
      return std::nullopt;
    *to = *values;
  }
  for (auto [v, to] : llvm::zip(zeros, zeroTo)) {
    auto values = intsOf(constantOf(v));
    if (!values || values->empty())
      return std::nullopt;
    *to = *values;
  }
  bool single = p.xScale.size() == 1 && p.yScale.size() == 1 && p.xZero.size() == 1 && p.yZero.size() == 1;
  return single ? std::optional(p) : std::nullopt;
}

/// A vector of parameters, or one value in whatever shape.
bool isVector(Value v) { return ranked(v) && (ranked(v).getRank() <= 1 || ranked(v).getNumElements() == 1); }

Value requantized(OpBuilder &b, Value sums, int64_t axis, ArrayRef<float> multipliers, int64_t zero, Type elem) {
  Value x = scaledSums(b, sums, axis, multipliers);
  return quantize(b, x.getLoc(), x, QuantParams{{1.0f}, {zero}, 0, elem});
}

Type elementOf(Value v) { return ranked(v).getElementType(); }

bool decompose(onnx::QLinearConvOp op) {
  auto p = parametersOf({op.getXScale(), op.getWScale(), op.getYScale()},
                        {op.getXZeroPoint(), op.getWZeroPoint(), op.getYZeroPoint()});
  auto multipliers = p ? p->multipliers() : std::nullopt;
  auto bias = present(op.getB()) ? intsOf(constantOf(op.getB())) : std::vector<int64_t>();
  auto type = ranked(op.getY());
  if (!multipliers || !bias || !type || type.getRank() < 3)
    return false;
  OpBuilder b(op);
  auto x = Factor::of(b, op.getX(), p->xZero, 0), w = Factor::of(b, op.getW(), p->wZero, 0);
  if (!x || !w)
    return false;
  Value sums = integerProduct(b, op, "ConvInteger", *x, *w, op->getAttrs());
  if (!bias->empty())
    sums = plusIntegers(b, sums, 1, *bias);
  op.getY().replaceAllUsesWith(requantized(b, sums, 1, *multipliers, p->yZero[0], elementOf(op.getY())));
  return true;
}

bool decompose(onnx::QLinearMatMulOp op) {
  auto p = parametersOf({op.getAScale(), op.getBScale(), op.getYScale()},
                        {op.getAZeroPoint(), op.getBZeroPoint(), op.getYZeroPoint()});
  auto multipliers = p && isVector(op.getBScale()) && isVector(op.getBZeroPoint()) ? p->multipliers() : std::nullopt;
  auto type = ranked(op.getY()), left = ranked(op.getA()), right = ranked(op.getB());
  if (!multipliers || !type || !left || !right || left.getRank() < 2 || right.getRank() < 2)
    return false;
  OpBuilder b(op);
  auto x = Factor::of(b, op.getA(), p->xZero, left.getRank() - 2);
  auto w = Factor::of(b, op.getB(), p->wZero, right.getRank() - 1);
  if (!x || !w)
    return false;
  Value sums = integerProduct(b, op, "MatMulInteger", *x, *w);
  op.getY().replaceAllUsesWith(
      requantized(b, sums, type.getRank() - 1, *multipliers, p->yZero[0], elementOf(op.getY())));
  return true;
}

} // namespace

bool decomposeQLinear(Operation *op) {
  if (auto conv = dyn_cast<onnx::QLinearConvOp>(op))
    return decompose(conv);
  auto product = dyn_cast<onnx::QLinearMatMulOp>(op);
  return product && decompose(product);
}

} // namespace onnxc::graph
