// ConvTranspose as a convolution over the input.
//
//   y(o) = sum over t with (o + low - t*d) divisible by s of x((o + low - t*d) / s) * w(t)
//
// With stride 1 that is a convolution with the reversed kernel.  With dilation
// 1 write o + low = q*s + r and t = j*s + r: each phase r is a convolution of
// stride 1 with every s-th kernel element.  All phases are computed as output
// channels of one convolution and then interleaved:
//   z(n, q..., (r..., co)) -> y(n, q*s + r..., co), cut to [low, low + out).
// With both, zeros are inserted between the input elements first.
#include "dialects/onnx/ConstantData.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Convolution.h"
#include "passes/lower/Families.h"

using namespace mlir;

namespace onnxc::lower {

namespace {

struct Geometry {
  SmallVector<int64_t> strides, dilations, kernel;
  Dims low, out;
};

/// Where kernel element (r, j) of the phase convolution lies in the original
/// kernel, per spatial dim; outside [0, kernel) it is zero.
int64_t sourceOf(int64_t r, int64_t j, int64_t stride, int64_t taps) { return (taps - 1 - j) * stride + r; }

} // namespace

/// Extents and leading pads (ONNX, ConvTranspose).
static Geometry geometryOf(Operation *op, Lowering &l, ArrayRef<OpFoldResult> in, ArrayRef<int64_t> kernel) {
  size_t n = in.size();
  Geometry g;
  g.strides = intsAttr(op, "strides", n, 1);
  g.dilations = intsAttr(op, "dilations", n, 1);
  g.kernel.assign(kernel.begin(), kernel.end());
  SmallVector<int64_t> pads = intsAttr(op, "pads", 2 * n, 0), extra = intsAttr(op, "output_padding", n, 0);
  SmallVector<int64_t> shape = intsAttr(op, "output_shape");
  if (shape.size() > n) // older models state the batch and channel dims too
    shape.erase(shape.begin(), shape.end() - n);
  StringRef mode = strAttr(op, "auto_pad", "NOTSET");
  bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  for (size_t i = 0; i < n; ++i) {
    OpFoldResult s = l.idx(g.strides[i]), zero = l.idx(0);
    int64_t extent = (kernel[i] - 1) * g.dilations[i] + 1;
    OpFoldResult full = l.add(l.mul(l.sub(in[i], l.idx(1)), s), l.idx(extent + extra[i]));
    if (!same && shape.empty()) {
      int64_t low = mode == "VALID" ? 0 : pads[i], high = mode == "VALID" ? 0 : pads[n + i];
      g.low.push_back(l.idx(low));
      g.out.push_back(l.sub(full, l.idx(low + high)));
      continue;
    }
    OpFoldResult out = shape.empty() ? l.mul(in[i], s) : l.idx(shape[i]);
    OpFoldResult total = l.max(l.sub(full, out), zero);
    OpFoldResult half = l.floorDiv(total, l.idx(2));
    g.low.push_back(mode == "SAME_UPPER" ? half : l.sub(total, half));
    g.out.push_back(out);
  }
  return g;
}

/// (ci, co/g, kernel...) -> (g*phases*co/g, ci/g, taps...), reversed; phase-major
/// within a group.  At compile time when the weight is constant.
static Value phaseKernel(Operation *op, Lowering &l, Type elem, int64_t group, ArrayRef<int64_t> kernel,
                         ArrayRef<int64_t> strides, ArrayRef<int64_t> taps) {
  Value onnxW = op->getOperand(1), w = l.in(op, 1);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(w.getType()).getShape();
  size_t n = kernel.size();
  int64_t ci = shape[0] / group, co = shape[1], phases = 1, allTaps = 1, kernelSize = 1;
  for (size_t i = 0; i < n; ++i) {
    phases *= strides[i];
    allTaps *= taps[i];
    kernelSize *= kernel[i];
  }
  SmallVector<int64_t> newShape{group * phases * co, ci};
  newShape.append(taps.begin(), taps.end());
  Type acc = wide(elem);
  auto type = RankedTensorType::get(newShape, acc);

  if (auto data = acc.isF32() ? Lowering::constFloats(onnxW) : std::nullopt) {
    AsmResourceBlob blob = HeapAsmResourceBlob::allocate(type.getNumElements() * sizeof(float), 64);
    float *to = reinterpret_cast<float *>(blob.getMutableData().data());
    for (int64_t g = 0; g < group; ++g)
      for (int64_t p = 0; p < phases; ++p)
        for (int64_t c = 0; c < co; ++c)
          for (int64_t i = 0; i < ci; ++i)
            for (int64_t t = 0; t < allTaps; ++t) {
              int64_t source = 0, scale = 1, rest = t, phase = p;
              for (size_t d = n; d-- > 0;) {
                int64_t s = sourceOf(phase % strides[d], rest % taps[d], strides[d], taps[d]);
                phase /= strides[d];
                rest /= taps[d];
                source = s < kernel[d] && source >= 0 ? source + s * scale : -1;
                scale *= kernel[d];
              }
              *to++ = source < 0 ? 0.0f : float((*data)[((g * ci + i) * co + c) * kernelSize + source]);
            }
    return arith::ConstantOp::create(l.b, l.loc(), onnx::makeConstant(type, std::move(blob)));
  }

  Dims outDims;
  for (int64_t d : newShape)
    outDims.push_back(l.idx(d));
  return l.generate(outDims, acc, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    auto constant = [&](int64_t v) -> Value { return arith::ConstantIndexOp::create(b, loc, v); };
    auto split = [&](Value &v, int64_t by) -> Value { // v = v / by, returns v % by
      Value rem = arith::RemUIOp::create(b, loc, v, constant(by));
      v = arith::DivUIOp::create(b, loc, v, constant(by));
      return rem;
    };
    Value outer = at[0];
    Value c = split(outer, co), phase = split(outer, phases); // outer is the group now
    Value row = arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, outer, constant(ci)), at[1]);
    SmallVector<Value> source{row, c};
    source.resize(2 + n);
    Value inside = arith::ConstantIntOp::create(b, loc, 1, 1);
    for (size_t d = n; d-- > 0;) {
      Value r = split(phase, strides[d]);
      Value tap = arith::SubIOp::create(b, loc, constant(taps[d] - 1), at[2 + d]);
      Value s = arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, tap, constant(strides[d])), r);
      Value ok = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, s, constant(kernel[d]));
      inside = arith::AndIOp::create(b, loc, inside, ok);
      source[2 + d] = arith::MinUIOp::create(b, loc, s, constant(kernel[d] - 1));
    }
    Value v = Lowering::at(b, loc, w, source, elem);
    return arith::SelectOp::create(b, loc, inside, v, Lowering::scalar(b, loc, acc, 0));
  });
}

/// Zeros between the elements of channels-last `x`: extent (in-1)*stride + 1.
static Value spread(Lowering &l, Value x, Type acc, ArrayRef<int64_t> strides) {
  Dims d = l.dims(x);
  for (size_t i = 0; i < strides.size(); ++i)
    d[1 + i] = l.add(l.mul(l.sub(d[1 + i], l.idx(1)), l.idx(strides[i])), l.idx(1));
  return l.generate(d, acc, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    SmallVector<Value> from(at);
    Value hit = arith::ConstantIntOp::create(b, loc, 1, 1), zero = arith::ConstantIndexOp::create(b, loc, 0);
    for (size_t i = 0; i < strides.size(); ++i) {
      Value s = arith::ConstantIndexOp::create(b, loc, strides[i]);
      Value rem = arith::RemUIOp::create(b, loc, at[1 + i], s);
      from[1 + i] = arith::DivUIOp::create(b, loc, at[1 + i], s);
      hit = arith::AndIOp::create(b, loc, hit, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, rem, zero));
    }
    return arith::SelectOp::create(b, loc, hit, Lowering::at(b, loc, x, from, acc), Lowering::scalar(b, loc, acc, 0));
  });
}

static LogicalResult lowerConvTranspose(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0));
  if (!isa<FloatType>(elem))
    return l.fail(op, "element type is not a float");
  auto wType = cast<RankedTensorType>(l.in(op, 1).getType());
  if (!wType.hasStaticShape())
    return l.fail(op, "the shape of the weight is dynamic");
  bool last = channelsLast(op);
  Type acc = wide(elem);
  Value x = l.in(op, 0);
  if (!last)
    x = toChannelsLast(l, x);
  x = widen(l, x, elem);
  Dims in = spatialDims(l, x, true);
  size_t n = in.size();
  int64_t group = intAttr(op, "group", 1), coPerGroup = wType.getDimSize(1), co = group * coPerGroup;
  Geometry g = geometryOf(op, l, in, wType.getShape().drop_front(2));

  bool dilated = llvm::any_of(g.dilations, [](int64_t d) { return d != 1; });
  bool strided = llvm::any_of(g.strides, [](int64_t s) { return s != 1; });
  SmallVector<int64_t> phases(g.strides);
  if (dilated) {
    if (strided) {
      x = spread(l, x, acc, g.strides);
      in = spatialDims(l, x, true);
    }
    phases.assign(n, 1);
  }
  // The convolution computes z(q), q in [0, count), whose phases interleave to
  // positions [skip, skip + out) of the full result; without phases it starts
  // at the first wanted position itself.
  bool direct = llvm::all_of(phases, [](int64_t p) { return p == 1; });
  Window win;
  win.strides.assign(n, 1);
  win.dilations = g.dilations;
  SmallVector<int64_t> taps;
  bool cutInput = false;
  Dims offsets(1, l.idx(0)), sizes(1, l.dim(x, 0)), ones(n + 2, l.idx(1));
  for (size_t i = 0; i < n; ++i) {
    OpFoldResult zero = l.idx(0), one = l.idx(1);
    taps.push_back((g.kernel[i] + phases[i] - 1) / phases[i]);
    OpFoldResult reach = l.idx((taps[i] - 1) * g.dilations[i]);
    OpFoldResult count =
        direct ? g.out[i] : l.add(l.floorDiv(l.add(l.sub(g.out[i], one), g.low[i]), l.idx(phases[i])), one);
    OpFoldResult lead = direct ? l.sub(reach, g.low[i]) : reach; // negative: x is cut instead
    OpFoldResult low = l.max(lead, zero), cut = l.sub(low, lead);
    cutInput |= !isConstantIntValue(cut, 0);
    offsets.push_back(cut);
    OpFoldResult size = l.sub(in[i], cut);
    sizes.push_back(size);
    win.kernel.push_back(l.idx(taps[i]));
    win.low.push_back(low);
    win.high.push_back(l.max(l.sub(l.sub(l.add(count, reach), size), low), zero));
    win.out.push_back(count);
  }
  offsets.push_back(l.idx(0));
  sizes.push_back(l.dim(x, n + 1));
  if (cutInput)
    x = l.slice(x, offsets, sizes, ones);

  Value w = phaseKernel(op, l, elem, group, g.kernel, phases, taps);
  Value y = convCore(l, x, w, acc, win, group);

  if (!direct) {
    // (n, q..., g, r..., co/g) -> (n, q, r, q, r, ..., g, co/g) -> (n, q*s..., co), then cut.
    Dims split{l.dim(y, 0)}, joined{l.dim(y, 0)}, from(1, l.idx(0)), extent{l.dim(y, 0)};
    SmallVector<int64_t> perm{0};
    split.append(win.out);
    split.push_back(l.idx(group));
    for (size_t i = 0; i < n; ++i) {
      split.push_back(l.idx(phases[i]));
      joined.push_back(l.mul(win.out[i], l.idx(phases[i])));
      from.push_back(g.low[i]);
      extent.push_back(g.out[i]);
      perm.append({int64_t(1 + i), int64_t(2 + n + i)});
    }
    split.push_back(l.idx(coPerGroup));
    joined.push_back(l.idx(co));
    from.push_back(l.idx(0));
    extent.push_back(l.idx(co));
    perm.append({int64_t(1 + n), int64_t(2 + 2 * n)});
    y = l.reshape(l.transpose(l.reshape(y, split), perm), joined);
    bool whole = true;
    for (size_t i = 0; i < joined.size(); ++i)
      whole &= Lowering::staticDim(joined[i]) && Lowering::staticDim(joined[i]) == Lowering::staticDim(extent[i]);
    if (!whole)
      y = l.slice(y, from, extent, ones);
  }
  setConvResult(l, op, y, elem, last);
  return success();
}

void registerConvTranspose(Registry &r) { r.add("onnx.ConvTranspose", lowerConvTranspose); }

} // namespace onnxc::lower
