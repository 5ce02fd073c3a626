// ConvTranspose of dequantised values as one convolution of integers.
//
//   y(o) = sum over t with (o + low - t) divisible by s of x((o + low - t) / s) * w(t)
//
// Write o + low = q*s + r and t = j*s + r: each phase r is a convolution of
// stride 1 over q with the kernel elements j*s + r, reversed.  All phases are
// output channels of one, and come to their places by Reshape and Transpose,
// through which a QuantizeLinear rises, so that they move bytes.
#include "dialects/onnx/Onnx.h"
#include "passes/graph/IntegerForms.h"

using namespace mlir;

namespace onnxc::graph {

namespace {

/// One spatial dim.
struct Axis {
  int64_t stride, dilation, kernel, low, in, out;

  int64_t taps() const { return llvm::divideCeil(kernel, stride); }
  /// First and last q that the convolution computes: those of the output, and what makes no padding negative.
  int64_t first() const { return std::min(low / stride, (taps() - 1) * dilation); }
  int64_t last() const { return std::max((low + out - 1) / stride, in - 1); }
  int64_t count() const { return last() - first() + 1; }
  int64_t padBelow() const { return (taps() - 1) * dilation - first(); }
  int64_t padAbove() const { return last() - in + 1; }
  /// The kernel element of tap `tap` in phase `r`; at or above `kernel`: none.
  int64_t source(int64_t tap, int64_t r) const { return (taps() - 1 - tap) * stride + r; }
};

std::optional<SmallVector<Axis>> axesOf(onnx::ConvTransposeOp op) {
  auto x = ranked(op.getX()), w = ranked(op.getW()), y = ranked(op.getY());
  if (!x || !w || !y || x.getRank() < 3 || w.getRank() != x.getRank() || y.getRank() != x.getRank() || op.getLayout() != "NCHW" ||
      op.getOutputShape() || (op.getAutoPad() != "NOTSET" && op.getAutoPad() != "VALID"))
    return std::nullopt;
  size_t spatial = x.getRank() - 2;
  auto at = [](std::optional<ArrayRef<int64_t>> list, size_t i, int64_t standard) { return list && i < list->size() ? (*list)[i] : standard; };
  SmallVector<Axis> axes;
  for (size_t i = 0; i < spatial; ++i) {
    Axis a{at(op.getStrides(), i, 1), at(op.getDilations(), i, 1), w.getDimSize(i + 2), op.getAutoPad() == "VALID" ? 0 : at(op.getPads(), i, 0),
           x.getDimSize(i + 2), y.getDimSize(i + 2)};
    bool known = llvm::none_of(ArrayRef<int64_t>{a.kernel, a.in, a.out}, [](int64_t d) { return ShapedType::isDynamic(d) || d <= 0; });
    if (!known || a.low < 0 || (a.stride > 1 && a.dilation > 1))
      return std::nullopt;
    axes.push_back(a);
  }
  return axes;
}

int64_t product(ArrayRef<int64_t> dims) {
  int64_t n = 1;
  for (int64_t d : dims)
    n *= d;
  return n;
}

/// Calls visit(indices) for all indices below `dims`, the last fastest.
void forEachIndex(ArrayRef<int64_t> dims, llvm::function_ref<void(ArrayRef<int64_t>)> visit) {
  SmallVector<int64_t> at(dims.size(), 0);
  for (int64_t i = 0, n = product(dims); i < n; ++i) {
    visit(at);
    for (size_t d = dims.size(); d-- && ++at[d] == dims[d];)
      at[d] = 0;
  }
}

/// [inputs, outputs of a group, kernel...] -> [(group, phases..., outputs of it), inputs of a group, taps...], 0 where a
/// phase has no element.
ElementsAttr phaseWeights(ElementsAttr w, ArrayRef<Axis> axes, int64_t groups) {
  auto type = cast<RankedTensorType>(w.getShapedType());
  int64_t inputs = type.getDimSize(0) / groups, outputs = type.getDimSize(1);
  std::vector<int64_t> values(type.getNumElements());
  if (!forEachInteger(w, [&](int64_t i, int64_t v) { values[i] = v; }))
    return {};
  SmallVector<int64_t> index{groups}, taps;
  for (const Axis &a : axes) {
    index.push_back(a.stride);
    taps.push_back(a.taps());
  }
  index.push_back(outputs);
  SmallVector<int64_t> shape{product(index), inputs};
  shape.append(taps);
  index.push_back(inputs);
  index.append(taps);
  unsigned bytes = type.getElementTypeBitWidth() / 8;
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(product(shape) * bytes, 64);
  char *to = blob.getMutableData().data();
  size_t n = axes.size();
  forEachIndex(index, [&](ArrayRef<int64_t> at) {
    int64_t group = at[0], output = at[n + 1], input = at[n + 2];
    int64_t from = (group * inputs + input) * outputs + output;
    bool there = true;
    for (size_t i = 0; i < n; ++i) {
      int64_t t = axes[i].source(at[n + 3 + i], at[1 + i]);
      there &= t < axes[i].kernel;
      from = from * axes[i].kernel + t;
    }
    int64_t value = there ? values[from] : 0;
    for (unsigned k = 0; k < bytes; ++k)
      *to++ = char(uint64_t(value) >> 8 * k);
  });
  return onnx::makeConstant(RankedTensorType::get(shape, type.getElementType()), std::move(blob));
}

/// One value, or one per output of a group or of all groups: one per channel of the convolution.
std::vector<float> perPhase(ArrayRef<float> values, int64_t groups, int64_t phases, int64_t outputs) {
  if (values.size() < 2)
    return values;
  std::vector<float> all;
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t r = 0; r < phases; ++r)
      for (int64_t o = 0; o < outputs; ++o)
        all.push_back(values[int64_t(values.size()) == outputs ? o : g * outputs + o]);
  return all;
}

/// [n, (group, phases..., outputs), q...] -> [n, channels, (q, phase)...], cut to the output.
Value interleaved(OpBuilder &b, Location loc, Value x, ArrayRef<Axis> axes, int64_t groups, int64_t outputs, RankedTensorType type) {
  int64_t n = axes.size(), batch = type.getDimSize(0);
  SmallVector<int64_t> split{batch, groups}, joined{batch, groups * outputs}, perm{0, 1, n + 2}, starts, ends, dims;
  for (const Axis &a : axes)
    split.push_back(a.stride);
  split.push_back(outputs);
  for (auto [i, a] : llvm::enumerate(axes)) {
    split.push_back(a.count());
    joined.push_back(a.count() * a.stride);
    perm.append({n + 3 + int64_t(i), 2 + int64_t(i)});
    starts.push_back(a.low - a.first() * a.stride);
    ends.push_back(starts.back() + a.out);
    dims.push_back(2 + i);
  }
  auto reshape = [&](Value v, ArrayRef<int64_t> shape) {
    return create(b, loc, "Reshape", {v, constantInts(b, loc, shape)}, {RankedTensorType::get(shape, b.getF32Type())})->getResult(0);
  };
  x = reshape(transpose(b, loc, reshape(x, split), perm), joined);
  if (joined == type.getShape())
    return x;
  SmallVector<int64_t> ones(n, 1);
  return create(b, loc, "Slice", {x, constantInts(b, loc, starts), constantInts(b, loc, ends), constantInts(b, loc, dims), constantInts(b, loc, ones)}, {type})
      ->getResult(0);
}

} // namespace

bool transposedToIntegers(Operation *root) {
  auto op = cast<onnx::ConvTransposeOp>(root);
  auto x = dequantized(op.getX()), w = dequantized(op.getW());
  auto type = ranked(op.getY());
  auto axes = axesOf(op);
  if (!x || !w || !axes || !type.hasStaticShape() || !constantOf(w->q) || !x->params.perTensor() || (!w->params.perTensor() && w->params.axis != 1))
    return false;
  std::optional<std::vector<float>> bias = std::vector<float>();
  if (present(op.getB()))
    bias = knownFloats(op.getB());
  std::vector<float> multipliers = multipliersOf(x->params, w->params);
  OpBuilder b(op);
  auto fx = Factor::of(b, x->q, x->params.zero, 0), fw = Factor::of(b, w->q, w->params.zero, 1);
  if (!bias || !allNormal(multipliers) || !fx || !fw || !fitsWord(*fx, *fw, 0, bias->empty() ? 0 : kBiasRoom))
    return false;
  int64_t groups = op.getGroup(), outputs = w->type().getDimSize(1), phases = 1;
  SmallVector<int64_t> kernel, dilations, pads, ends, dims{type.getDimSize(0)};
  for (const Axis &a : *axes) {
    phases *= a.stride;
    kernel.push_back(a.taps());
    dilations.push_back(a.dilation);
    pads.push_back(a.padBelow());
    ends.push_back(a.padAbove());
  }
  ElementsAttr weights = phaseWeights(constantOf(fw->q), *axes, groups);
  if (!weights)
    return false;
  pads.append(ends);
  dims.push_back(groups * phases * outputs);
  for (const Axis &a : *axes)
    dims.push_back(a.count());
  Location loc = op.getLoc();
  auto list = [&](StringRef name, ArrayRef<int64_t> v) { return b.getNamedAttr(name, b.getDenseI64ArrayAttr(v)); };
  Value none = create(b, loc, "NoValue", {}, {NoneType::get(b.getContext())})->getResult(0);
  Value zero = fx->zero ? zerosConstant(b, loc, {fx->zero}, ranked(fx->q).getElementType()) : none;
  Value sums = create(b, loc, "ConvInteger", {fx->q, constant(b, loc, weights), zero, none}, {RankedTensorType::get(dims, b.getI32Type())},
                      {list("kernel_shape", kernel), list("dilations", dilations), list("pads", pads), intAttr(b, "group", groups)})
                   ->getResult(0);
  Value y = scaled(b, sums, 1, perPhase(multipliers, groups, phases, outputs), perPhase(*bias, groups, phases, outputs));
  op.getY().replaceAllUsesWith(phases == 1 && type.getShape() == ArrayRef<int64_t>(dims) ? y : interleaved(b, loc, y, *axes, groups, outputs, type));
  return true;
}

} // namespace onnxc::graph
