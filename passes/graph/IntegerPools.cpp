// Means of quantised values as sums of integers:
//   GlobalAveragePool(DequantizeLinear(q, s, z))   ->   (ReduceSum(q) - count * z) * (s / count)
// likewise ReduceMean, and an AveragePool whose window is the whole image.  The
// windows of any other AveragePool are summed by a convolution with ones, which
// knows zero points and padding.
#include "dialects/onnx/Onnx.h"
#include "mlir/IR/IRMapping.h"
#include "passes/graph/IntegerForms.h"

using namespace mlir;

namespace onnxc::graph {

namespace {

/// Elements of 8 or 16 bits that `terms` of add up within 32 bits.
bool sumsFit(const Dequantized &x, int64_t terms) {
  auto [least, most] = rangeOf(x.params.elem);
  return x.params.elem.getIntOrFloatBitWidth() >= 8 && x.params.elem.getIntOrFloatBitWidth() <= 16 &&
         terms > 0 && terms <= INT32_MAX / (most - least + 1);
}

/// The product of dims; nullopt when one is dynamic or 0.
std::optional<int64_t> product(ArrayRef<int64_t> dims) {
  int64_t n = 1;
  for (int64_t d : dims)
    if (ShapedType::isDynamic(d) || d == 0 || llvm::MulOverflow(n, d, n))
      return std::nullopt;
  return n;
}

Type resultElementOf(Value v) { return ranked(v).getElementType(); }

/// The only user of `v` where that maps each element, with constants of one element.
Operation *withConstants(Value v) {
  Operation *user = v.hasOneUse() ? *v.user_begin() : nullptr;
  if (!user || !user->hasTrait<onnx::Elementwise>() || user->getNumResults() != 1 || !ranked(user->getResult(0)) ||
      ranked(user->getResult(0)).getShape() != ranked(v).getShape())
    return nullptr;
  bool alone = llvm::all_of(user->getOperands(), [&](Value other) {
    return other == v || !present(other) || (constantOf(other) && ranked(other).getRank() < 2 && ranked(other).getNumElements() == 1);
  });
  return alone ? user : nullptr;
}

/// The mean over `axes` in place of op's result.
bool reduceMean(Operation *op, const Dequantized &x, ArrayRef<int64_t> axes, bool keepdims) {
  SmallVector<int64_t> dims;
  int64_t rank = x.type().getRank();
  for (int64_t a : axes)
    dims.push_back(x.type().getDimSize(a < 0 ? a + rank : a));
  auto terms = product(dims);
  if (!terms || !sumsFit(x, *terms))
    return false;
  constexpr int64_t toInt32 = 6; // TensorProto.INT32
  OpBuilder b(op);
  Location loc = op->getLoc();
  auto type = RankedTensorType::get(x.type().getShape(), b.getI32Type());
  Value words = create(b, loc, "Cast", {x.q}, {type}, {intAttr(b, "to", toInt32)})->getResult(0);
  SmallVector<int64_t> left;
  for (int64_t d = 0; d < rank; ++d)
    if (!llvm::is_contained(axes, d) && !llvm::is_contained(axes, d - rank))
      left.push_back(x.type().getDimSize(d));
  Value sums = create(b, loc, "ReduceSum", {words, constantInts(b, loc, axes)}, {RankedTensorType::get(left, b.getI32Type())},
                      {intAttr(b, "keepdims", 0)})
                   ->getResult(0);
  if (x.params.zero[0])
    sums = plusIntegers(b, sums, 0, {-*terms * x.params.zero[0]});
  Value mean = scaledSums(b, sums, 0, {float(x.params.scale[0] / double(*terms))});
  // Dims come back behind what is computed of each sum, so that it is one kernel.
  Value behind = op->getResult(0);
  while (keepdims) {
    Operation *user = withConstants(behind);
    if (!user)
      break;
    b.setInsertionPoint(user);
    Value next = user->getResult(0);
    IRMapping toMean;
    toMean.map(behind, mean);
    Operation *moved = b.clone(*user, toMean);
    mean = moved->getResult(0);
    mean.setType(RankedTensorType::get(left, resultElementOf(next)));
    behind = next;
  }
  if (keepdims)
    mean = create(b, loc, "Unsqueeze", {mean, constantInts(b, loc, axes)}, {behind.getType()})->getResult(0);
  behind.replaceAllUsesWith(mean);
  return true;
}

/// How many elements of a dim each window sees beside the padding.
SmallVector<int64_t> counts(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation, int64_t low) {
  SmallVector<int64_t> all;
  for (int64_t o = 0; o < out; ++o) {
    int64_t seen = 0;
    for (int64_t k = 0; k < kernel; ++k) {
      int64_t at = o * stride - low + k * dilation;
      seen += at >= 0 && at < in;
    }
    all.push_back(seen);
  }
  return all;
}

bool convert(onnx::AveragePoolOp op, const Dequantized &x) {
  auto type = ranked(op.getY());
  ArrayRef<int64_t> kernel = op.getKernelShape();
  size_t spatial = kernel.size();
  int64_t rank = x.type().getRank(), channels = rank < 3 ? ShapedType::kDynamic : x.type().getDimSize(1);
  SmallVector<int64_t> pads(2 * spatial, 0), strides(spatial, 1), dilations(spatial, 1);
  auto read = [](std::optional<ArrayRef<int64_t>> given, SmallVector<int64_t> &to) {
    if (given && given->size() == to.size())
      to.assign(given->begin(), given->end());
  };
  read(op.getPads(), pads);
  read(op.getStrides(), strides);
  read(op.getDilations(), dilations);
  bool padded = llvm::any_of(pads, [](int64_t p) { return p != 0; }), explicitly = op.getAutoPad() == "NOTSET" || op.getAutoPad() == "VALID";
  auto terms = product(kernel);
  if (!type || rank != int64_t(spatial) + 2 || ShapedType::isDynamic(channels) || op.getLayout() != "NCHW" ||
      op.getCeilMode() || !explicitly || !terms || !sumsFit(x, *terms))
    return false;
  ArrayRef<int64_t> in = x.type().getShape().drop_front(2), out = type.getShape().drop_front(2);
  if (!padded && in == kernel && llvm::all_of(dilations, [](int64_t d) { return d == 1; })) {
    SmallVector<int64_t> axes;
    for (int64_t a = 2; a < rank; ++a)
      axes.push_back(a);
    return reduceMean(op, x, axes, true);
  }
  bool varies = padded && !op.getCountIncludePad();
  if (varies && (!product(in) || !product(out) || *product(out) > 1 << 16))
    return false;
  std::vector<float> multipliers{float(x.params.scale[0] / double(*terms))};
  if (varies) {
    std::vector<double> seen{1};
    for (size_t i = 0; i < spatial; ++i) {
      std::vector<double> next;
      for (double outer : seen)
        for (int64_t n : counts(in[i], out[i], kernel[i], strides[i], dilations[i], pads[i]))
          next.push_back(outer * double(n));
      seen = std::move(next);
    }
    multipliers.clear();
    for (double n : seen)
      multipliers.push_back(float(x.params.scale[0] / std::max(n, 1.0)));
  }
  OpBuilder b(op);
  Location loc = op.getLoc();
  SmallVector<int64_t> shape{channels, 1};
  shape.append(kernel.begin(), kernel.end());
  char unit = 1;
  Value ones = constant(b, loc, onnx::makeSplat(RankedTensorType::get(shape, b.getI8Type()), ArrayRef<char>(unit)));
  auto list = [&](StringRef name, ArrayRef<int64_t> v) { return b.getNamedAttr(name, b.getDenseI64ArrayAttr(v)); };
  Value sums = integerProduct(b, op, "ConvInteger", Factor{x.q, x.params.zero[0]}, Factor{ones},
                              {list("kernel_shape", kernel), list("pads", pads), list("strides", strides),
                               list("dilations", dilations), intAttr(b, "group", channels)});
  Value multiplier = constant(b, loc, f32Constant(b.getContext(), varies ? out : ArrayRef<int64_t>(), multipliers));
  op.getY().replaceAllUsesWith(scaledSums(b, sums, multiplier));
  return true;
}

} // namespace

bool meanToIntegers(Operation *op) {
  if (!isa<onnx::AveragePoolOp, onnx::GlobalAveragePoolOp, onnx::ReduceMeanOp>(op))
    return false;
  auto x = dequantized(op->getOperand(0));
  if (!x || !x->params.perTensor() || !ranked(op->getResult(0)))
    return false;
  if (auto pool = dyn_cast<onnx::AveragePoolOp>(op))
    return convert(pool, *x);
  if (auto mean = dyn_cast<onnx::ReduceMeanOp>(op)) {
    auto axes = present(mean.getAxes()) ? intsOf(constantOf(mean.getAxes())) : std::nullopt;
    return axes && !axes->empty() && reduceMean(op, *x, *axes, mean.getKeepdims() != 0);
  }
  SmallVector<int64_t> axes;
  for (int64_t a = 2; a < x->type().getRank(); ++a)
    axes.push_back(a);
  return !axes.empty() && cast<onnx::GlobalAveragePoolOp>(op).getLayout() == "NCHW" && reduceMean(op, *x, axes, true);
}

} // namespace onnxc::graph
