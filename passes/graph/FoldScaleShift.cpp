// Folds scales and shifts per channel into the weights in front of them:
//   BatchNormalization(Conv(x, W, B), ...)  ->  Conv(x, a*W, a*B + s)
// with a = scale / sqrt(var + epsilon) and s = shift - mean * a; likewise Mul,
// Div, Add and Sub with a constant that varies along the channel dim only.
// A BatchNormalization that stands alone becomes Mul and Add.
#include "mlir/Pass/Pass.h"
#include "passes/graph/GraphPasses.h"
#include "passes/graph/GraphUtil.h"
#include <cmath>

using namespace mlir;

namespace onnxc {

using namespace graph;

namespace {

/// y = a*x + s along `axis`; an empty vector is the identity.
struct ScaleShift {
  Value x;
  int64_t axis = 1;
  std::vector<float> a, s;
};

/// Elements of a constant that broadcasts against `x` along `axis` only.
std::optional<std::vector<float>> perChannel(Value c, Value x, int64_t axis) {
  ElementsAttr attr = constantOf(c);
  auto type = attr ? cast<RankedTensorType>(attr.getShapedType()) : RankedTensorType();
  auto xType = ranked(x);
  if (!type || !xType || type.getRank() > xType.getRank() || xType.isDynamicDim(axis))
    return std::nullopt;
  int64_t channels = xType.getDimSize(axis);
  for (int64_t i = 0; i < type.getRank(); ++i) {
    int64_t at = xType.getRank() - type.getRank() + i;
    if (type.getDimSize(i) != 1 && !(at == axis && type.getDimSize(i) == channels))
      return std::nullopt;
  }
  auto values = floatsOf(attr);
  if (values && values->size() == 1)
    values->assign(channels, (*values)[0]);
  return values;
}

std::optional<ScaleShift> batchNormalization(Operation *op) {
  auto type = ranked(op->getOperand(0));
  if (!type || type.getRank() < 2 || !isF32(op->getOperand(0)))
    return std::nullopt;
  if (auto training = op->getAttrOfType<IntegerAttr>("training_mode"); training && training.getInt())
    return std::nullopt;
  for (unsigned i = 1; i < op->getNumResults(); ++i)
    if (!op->getResult(i).use_empty())
      return std::nullopt;
  auto scale = floatsOf(constantOf(op->getOperand(1))), shift = floatsOf(constantOf(op->getOperand(2)));
  auto mean = floatsOf(constantOf(op->getOperand(3))), var = floatsOf(constantOf(op->getOperand(4)));
  if (!scale || !shift || !mean || !var)
    return std::nullopt;
  auto epsilon = op->getAttrOfType<FloatAttr>("epsilon");
  ScaleShift r{op->getOperand(0), 1, {}, {}};
  for (size_t i = 0; i < scale->size(); ++i) {
    double a = (*scale)[i] / std::sqrt(double((*var)[i]) + (epsilon ? epsilon.getValueAsDouble() : 1e-5));
    r.a.push_back(float(a));
    r.s.push_back(float((*shift)[i] - (*mean)[i] * a));
  }
  return r;
}

std::optional<ScaleShift> binary(Operation *op, int64_t axis) {
  bool mul = is(op, "Mul"), add = is(op, "Add"), sub = is(op, "Sub"), div = is(op, "Div");
  if (!mul && !add && !sub && !div)
    return std::nullopt;
  unsigned data = constantOf(op->getOperand(0)) && (mul || add) ? 1 : 0;
  Value x = op->getOperand(data);
  if (!isF32(x) || x.getType() != op->getResult(0).getType() || ranked(x).getRank() <= axis)
    return std::nullopt;
  auto c = perChannel(op->getOperand(1 - data), x, axis);
  if (!c)
    return std::nullopt;
  ScaleShift r{x, axis, {}, {}};
  for (float v : *c)
    if (mul || div)
      r.a.push_back(mul ? v : float(1.0 / v));
    else
      r.s.push_back(add ? v : -v);
  return r;
}

/// The dim of an op's result that its weights produce, or -1.
int64_t channelAxis(Operation *op) {
  if (!op || !isF32(op->getResult(0)))
    return -1;
  auto type = ranked(op->getResult(0));
  if (is(op, "Conv") || is(op, "ConvTranspose"))
    return type.getRank() >= 3 ? 1 : -1;
  if (is(op, "Gemm") || is(op, "MatMul"))
    return type.getRank() - 1;
  return -1;
}

/// Constant `attr` times a[index of the element along `dim`, plus group offset].
ElementsAttr scaled(ElementsAttr attr, ArrayRef<float> a, int64_t dim, int64_t groups) {
  auto type = cast<RankedTensorType>(attr.getShapedType());
  auto data = onnx::readConstant(attr);
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(type.getNumElements() * 4, 64);
  const float *from = reinterpret_cast<const float *>(data->bytes().data());
  float *to = reinterpret_cast<float *>(blob.getMutableData().data());
  int64_t extent = type.getDimSize(dim), inner = 1, outer = 1;
  for (int64_t i = 0; i < type.getRank(); ++i)
    (i < dim ? outer : inner) *= i == dim ? 1 : type.getDimSize(i);
  // ConvTranspose: rows of dim 0 belong to groups, each with its own channels.
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t e = 0; e < extent; ++e) {
      float by = a[(groups > 1 ? o / (outer / groups) * extent : 0) + e];
      for (int64_t i = 0; i < inner; ++i, ++to)
        *to = by * (data->splat ? *from : *from++);
    }
  return onnx::makeConstant(type, std::move(blob));
}

/// Applies scale and shift to the weights of `op`; false when that is not possible.
bool absorb(Operation *op, const ScaleShift &by) {
  bool gemm = is(op, "Gemm"), matmul = is(op, "MatMul"), transposed = is(op, "ConvTranspose");
  Value w = op->getOperand(1), bias = matmul ? Value() : op->getOperand(2);
  ElementsAttr wAttr = constantOf(w);
  if (!wAttr || !wAttr.getElementType().isF32() || !onnx::readConstant(wAttr))
    return false;
  auto wType = cast<RankedTensorType>(wAttr.getShapedType());
  int64_t channels = by.a.empty() ? by.s.size() : by.a.size(), groups = 1, dim = 0;
  std::vector<float> shift(channels, 0.0f);
  bool hasBias = bias && present(bias);
  if (matmul) {
    if (!by.s.empty() || wType.getRank() != 2)
      return false;
    dim = 1;
  } else {
    if (hasBias) {
      ElementsAttr b = constantOf(bias);
      auto values = floatsOf(b);
      if (!values || !b.getElementType().isF32() || !(values->size() == size_t(channels) || values->size() == 1))
        return false;
      if (cast<RankedTensorType>(b.getShapedType()).getRank() > 1 && ranked(bias).getShape().back() != channels)
        return false;
      for (int64_t i = 0; i < channels; ++i)
        shift[i] = (*values)[values->size() == 1 ? 0 : i];
    }
    if (gemm) {
      auto beta = op->getAttrOfType<FloatAttr>("beta");
      if (beta && beta.getValueAsDouble() != 1.0)
        return false;
      auto transB = op->getAttrOfType<IntegerAttr>("transB");
      dim = transB && transB.getInt() ? 0 : 1;
    }
    if (transposed) {
      auto group = op->getAttrOfType<IntegerAttr>("group");
      groups = group ? group.getInt() : 1;
      dim = 1;
    }
  }
  if (wType.getDimSize(dim) * groups != channels)
    return false;
  // A weight that others use too would be doubled.
  if (!by.a.empty() && !w.hasOneUse())
    return false;
  OpBuilder b(op);
  if (!by.a.empty())
    op->setOperand(1, constant(b, w.getLoc(), scaled(wAttr, by.a, dim, groups)));
  if (!matmul && (hasBias || !by.s.empty())) {
    for (int64_t i = 0; i < channels; ++i)
      shift[i] = shift[i] * (by.a.empty() ? 1.0f : by.a[i]) + (by.s.empty() ? 0.0f : by.s[i]);
    op->setOperand(2, constant(b, op->getLoc(), f32Constant(op->getContext(), {channels}, shift)));
  }
  return true;
}

/// x * a + s as elementwise ops.
Value asElementwise(OpBuilder &b, Operation *op, const ScaleShift &by) {
  auto type = ranked(by.x);
  SmallVector<int64_t> shape(type.getRank() - by.axis, 1);
  shape[0] = by.a.size();
  Type result = op->getResult(0).getType();
  Value a = constant(b, op->getLoc(), f32Constant(op->getContext(), shape, by.a));
  Value s = constant(b, op->getLoc(), f32Constant(op->getContext(), shape, by.s));
  Value y = create(b, op->getLoc(), "Mul", {by.x, a}, {result})->getResult(0);
  return create(b, op->getLoc(), "Add", {y, s}, {result})->getResult(0);
}

struct FoldScaleShiftPass : PassWrapper<FoldScaleShiftPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldScaleShiftPass)
  StringRef getArgument() const override { return "onnxc-fold-scale-shift"; }
  StringRef getDescription() const override { return "Fold per-channel scales and shifts into weights"; }

  void runOnOperation() override {
    std::vector<ElementsAttr> before = resourceConstants(getOperation());
    std::vector<Operation *> ops;
    getOperation().walk([&](Operation *op) { ops.push_back(op); });
    // In order, so that a chain folds into its head one op after the other.
    for (Operation *op : ops) {
      bool norm = is(op, "BatchNormalization");
      std::optional<ScaleShift> by;
      if (norm) {
        by = batchNormalization(op);
      } else if (op->getNumOperands() == 2 && op->getNumResults() == 1) {
        for (Value v : op->getOperands())
          if (int64_t axis = channelAxis(v.getDefiningOp()); axis >= 0 && !by)
            by = binary(op, axis);
      }
      if (!by)
        continue;
      Operation *producer = by->x.getDefiningOp();
      OpBuilder b(op);
      if (producer && channelAxis(producer) == by->axis && by->x.hasOneUse() && absorb(producer, *by))
        op->getResult(0).replaceAllUsesWith(by->x);
      else if (norm)
        op->getResult(0).replaceAllUsesWith(asElementwise(b, op, *by));
    }
    eraseDead(getOperation());
    releaseUnused(getOperation(), before);
  }
};

} // namespace

std::unique_ptr<Pass> createFoldScaleShiftPass() { return std::make_unique<FoldScaleShiftPass>(); }

} // namespace onnxc
