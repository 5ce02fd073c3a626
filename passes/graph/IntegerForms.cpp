// Products and convolutions of dequantised values become integer ones:
//   Conv(DequantizeLinear(x, sx, zx), DequantizeLinear(w, sw, zw), bias)
// becomes
//   Cast(ConvInteger(x, w - zw, zx) + bias / (sx * sw)) * (sx * sw)
// with one multiplier, or one per channel, made when compiling; likewise Gemm
// and MatMul, the ops that have their scales as operands (QLinear.cpp), means
// (IntegerPools.cpp) and ConvTranspose (IntegerTransposed.cpp).
// Sums are exact, where the float form rounds each; what stays in float is
// elementwise and fuses into the kernel that makes the sums.  Weights lose
// their zero points and are i8, or i16 where a difference needs it.
#include "passes/graph/IntegerForms.h"
#include "dialects/onnx/Onnx.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/GraphPasses.h"

using namespace mlir;

namespace onnxc {

using namespace graph;

namespace {

bool convert(onnx::ConvOp op) {
  auto x = dequantized(op.getX()), w = dequantized(op.getW());
  auto type = ranked(op.getY());
  if (!x || !w || !type || type.getRank() < 3 || !x->params.perTensor() || (!w->params.perTensor() && w->params.axis != 0))
    return false;
  std::optional<std::vector<float>> bias = std::vector<float>();
  if (present(op.getB()))
    bias = knownFloats(op.getB());
  std::vector<float> multipliers = multipliersOf(x->params, w->params);
  if (!bias || !allNormal(multipliers))
    return false;
  OpBuilder b(op);
  auto fx = Factor::of(b, x->q, x->params.zero, 0), fw = Factor::of(b, w->q, w->params.zero, 0);
  int64_t terms = 1;
  for (int64_t d : w->type().getShape().drop_front())
    terms = ShapedType::isDynamic(d) || ShapedType::isDynamic(terms) ? ShapedType::kDynamic : terms * d;
  if (!fx || !fw || !fitsWord(*fx, *fw, terms, bias->empty() ? 0 : kBiasRoom))
    return false;
  Value sums = integerProduct(b, op, "ConvInteger", *fx, *fw, op->getAttrs());
  op.getY().replaceAllUsesWith(scaled(b, sums, 1, multipliers, *bias));
  return true;
}

/// A product of matrices, of which the op says what is transposed.
struct Product {
  Dequantized a, b;
  bool transA = false, transB = false;
  float alpha = 1;
};

/// The integer sums and their multipliers.
std::optional<std::pair<Value, std::vector<float>>> sumsOf(OpBuilder &b, Operation *op, const Product &p, double room) {
  int64_t rankA = p.a.type().getRank(), rankB = p.b.type().getRank();
  int64_t rows = rankA - (p.transA ? 1 : 2), columns = rankB - (p.transB ? 2 : 1);
  if (rankA < 2 || rankB < 2 || !ranked(op->getResult(0)) || !p.a.params.perTensor() ||
      (!p.b.params.perTensor() && p.b.params.axis != columns))
    return std::nullopt;
  std::vector<float> multipliers = multipliersOf(p.a.params, p.b.params, p.alpha);
  auto fa = Factor::of(b, p.a.q, p.a.params.zero, rows), fb = Factor::of(b, p.b.q, p.b.params.zero, columns);
  int64_t terms = p.a.type().getDimSize(rankA - (p.transA ? 2 : 1));
  if (!allNormal(multipliers) || !fa || !fb || !fitsWord(*fa, *fb, terms, room))
    return std::nullopt;
  if (p.transA)
    fa->q = transpose(b, op->getLoc(), fa->q, {1, 0});
  if (p.transB)
    fb->q = transpose(b, op->getLoc(), fb->q, {1, 0});
  return std::pair(integerProduct(b, op, "MatMulInteger", *fa, *fb), multipliers);
}

bool convert(onnx::MatMulOp op) {
  auto a = dequantized(op.getA()), c = dequantized(op.getB());
  if (!a || !c)
    return false;
  OpBuilder b(op);
  auto sums = sumsOf(b, op, Product{*a, *c}, 0);
  if (!sums)
    return false;
  op.getY().replaceAllUsesWith(scaledSums(b, sums->first, ranked(op.getY()).getRank() - 1, sums->second));
  return true;
}

bool convert(onnx::GemmOp op) {
  auto a = dequantized(op.getA()), c = dequantized(op.getB());
  auto type = ranked(op.getY());
  if (!a || !c || !type)
    return false;
  Value addend = op.getC();
  float beta = op.getBeta().convertToFloat();
  bool adds = present(addend) && beta != 0;
  // A constant row is a bias; anything else is added as it is.
  std::vector<float> bias;
  if (auto row = adds ? ranked(addend) : RankedTensorType();
      row && row.hasStaticShape() && (row.getRank() < 2 || row.getDimSize(0) == 1))
    if (auto values = knownFloats(addend); values && (values->size() == 1 || int64_t(values->size()) == type.getDimSize(1)))
      bias = *values;
  for (float &v : bias)
    v *= beta;
  OpBuilder b(op);
  auto sums = sumsOf(b, op, Product{*a, *c, op.getTransA() != 0, op.getTransB() != 0, op.getAlpha().convertToFloat()},
                     bias.empty() ? 0 : kBiasRoom);
  if (!sums)
    return false;
  Value y = scaled(b, sums->first, 1, sums->second, bias);
  if (adds && bias.empty()) {
    if (beta != 1)
      addend = create(b, op.getLoc(), "Mul", {addend, scalesConstant(b, op.getLoc(), {beta})}, {addend.getType()})->getResult(0);
    y = create(b, op.getLoc(), "Add", {y, addend}, {type})->getResult(0);
  }
  op.getY().replaceAllUsesWith(y);
  return true;
}

/// Constant weights of an integer op lose their zero points.
void centreWeights(Operation *op, int64_t channelAxis) {
  Value w = op->getOperand(1), zero = op->getOperand(3);
  ElementsAttr attr = constantOf(w);
  auto zeros = attr && present(zero) ? intsOf(constantOf(zero)) : std::nullopt;
  if (!zeros || zeros->empty() || ranked(zero).getRank() > 1 || ranked(w).getRank() < 2 ||
      (zeros->size() != 1 && int64_t(zeros->size()) != ranked(w).getDimSize(channelAxis)))
    return;
  ElementsAttr without = centred(attr, *zeros, channelAxis);
  if (!without)
    return;
  OpBuilder b(op);
  if (without != attr)
    op->setOperand(1, constant(b, w.getLoc(), without));
  op->setOperand(3, create(b, op->getLoc(), "NoValue", {}, {NoneType::get(b.getContext())})->getResult(0));
}

struct IntegerFormsPass : PassWrapper<IntegerFormsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(IntegerFormsPass)
  StringRef getArgument() const override { return "onnxc-integer-forms"; }
  StringRef getDescription() const override { return "Compute products of dequantised values in integers"; }

  void runOnOperation() override {
    std::vector<ElementsAttr> before = resourceConstants(getOperation());
    getOperation().walk([&](Operation *op) {
      warnOfScale(op);
      warnOfJoin(op);
      if (auto conv = dyn_cast<onnx::ConvOp>(op))
        convert(conv);
      else if (auto transposed = dyn_cast<onnx::ConvTransposeOp>(op))
        transposedToIntegers(transposed);
      else if (auto matmul = dyn_cast<onnx::MatMulOp>(op))
        convert(matmul);
      else if (auto gemm = dyn_cast<onnx::GemmOp>(op))
        convert(gemm);
      else if (isa<onnx::ConvIntegerOp>(op))
        centreWeights(op, 0);
      else if (isa<onnx::MatMulIntegerOp>(op) && ranked(op->getOperand(1)))
        centreWeights(op, ranked(op->getOperand(1)).getRank() - 1);
      else if (!decomposeQLinear(op))
        meanToIntegers(op);
    });
    eraseDead(getOperation());
    releaseUnused(getOperation(), before);
  }
};

} // namespace

std::unique_ptr<Pass> createIntegerFormsPass() { return std::make_unique<IntegerFormsPass>(); }

} // namespace onnxc
