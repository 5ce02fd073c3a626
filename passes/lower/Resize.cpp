// Resize.  Interpolation is separable: per resized axis a table of source
// indices and weights, made at compile time when sizes and scales are known.
// Nearest is one gather over all axes, or a plain repeat or strided slice when
// the table says so; linear and cubic are one weighted gather per axis.
#include "dialects/onnx/ConstantData.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Families.h"
#include "passes/lower/Lowering.h"
#include "passes/lower/Num.h"
#include "passes/lower/Scalars.h"
#include "passes/lower/Window.h"
#include "runtime-lite/include/onnxc.h"

using namespace mlir;

namespace onnxc::lower {

void registerSampling(Registry &r);

namespace {

/// Longer tables are computed at run time: they would grow the object, and the
/// time to make them, with the size of the image.
constexpr double kTableEntries = 1 << 16;

/// What happens along one axis.
struct Axis {
  int64_t dim;
  OpFoldResult inDim, outDim;
  Num in, out, scale, roiStart, roiEnd;
  bool known() const { return in.c && out.c && scale.c && roiStart.c && roiEnd.c; }
  /// Whether the compiler writes out what is wanted per output position.
  bool hasTable() const { return known() && *out.c <= kTableEntries; }
};

/// Source indices (clamped) and weights of one output position.
struct Sample {
  SmallVector<Num> index, weight;
  Num outside; ///< tf_crop_and_resize: extrapolated
};

class ResizeLowering {
public:
  ResizeLowering(Operation *op, Lowering &l)
      : op(op), l(l), elem(Lowering::elem(op->getOperand(0))), mode(strAttr(op, "mode", "nearest")),
        coordinates(strAttr(op, "coordinate_transformation_mode", "half_pixel")),
        nearest(strAttr(op, "nearest_mode", "round_prefer_floor")), antialias(intAttr(op, "antialias", 0) != 0),
        exclude(intAttr(op, "exclude_outside", 0) != 0), a(floatAttr(op, "cubic_coeff_a", -0.75)) {}

  LogicalResult run();

private:
  LogicalResult readAxes();
  Num coordinate(NumBuilder &n, const Axis &x, Num o);
  Num cubicWeight(NumBuilder &n, Num distance);
  int64_t taps(const Axis &x);
  Sample sample(NumBuilder &n, const Axis &x, Num o);
  bool crop() const { return coordinates == "tf_crop_and_resize"; }
  bool isNearest() const { return mode == "nearest"; }

  Value table(const Axis &x, Type type, llvm::function_ref<Num(NumBuilder &, const Sample &)> pick);
  std::optional<SmallVector<int64_t>> knownIndices(const Axis &x);
  Value gatherNearest(Value x);
  Value interpolate(Value x, const Axis &axis, Type acc);
  Value interpolateByLoop(Value x, const Axis &axis, Type acc);
  Value repeat(Value x, ArrayRef<std::pair<int64_t, int64_t>> times);

  Operation *op;
  Lowering &l;
  Type elem;
  StringRef mode, coordinates, nearest;
  bool antialias, exclude;
  double a;
  SmallVector<Axis> axes;
};

} // namespace

/// A float operand's element i as a number.
static Num element(Lowering &l, Value onnxValue, int64_t i) {
  if (auto values = Lowering::constFloats(onnxValue))
    return Num((*values)[i]);
  Value at = l.index(i), t = l.get(onnxValue);
  Value v = Lowering::at(l.b, l.loc(), t, {at}, Lowering::elem(onnxValue));
  return Num(v.getType().isF64() ? v : arith::ExtFOp::create(l.b, l.loc(), l.b.getF64Type(), v).getResult());
}

static Num numOf(NumBuilder &n, Lowering &l, OpFoldResult d) {
  if (auto s = Lowering::staticDim(d))
    return Num(double(*s));
  return n.fromIndex(l.value(d));
}

LogicalResult ResizeLowering::readAxes() {
  Value x = l.in(op, 0);
  int64_t rank = Lowering::rank(x);
  SmallVector<int64_t> which = intsAttr(op, "axes");
  if (which.empty())
    for (int64_t i = 0; i < rank; ++i)
      which.push_back(i);
  for (int64_t &w : which)
    w = l.axis(w, rank);
  NumBuilder n(l.b, l.loc());
  auto length = [&](unsigned operand) -> int64_t {
    return Lowering::has(op, operand) ? cast<RankedTensorType>(l.in(op, operand).getType()).getDimSize(0) : 0;
  };
  bool bySizes = Lowering::has(op, 3) && length(3) != 0;
  if (!bySizes && length(2) != int64_t(which.size()))
    return l.fail(op, "the number of scales differs from the number of axes or is unknown");
  std::optional<Dims> sizes = bySizes ? l.intsAsDims(op->getOperand(3)) : std::nullopt;
  if (bySizes && (!sizes || sizes->size() != which.size()))
    return l.fail(op, "the number of sizes differs from the number of axes or is unknown");
  if (crop() && length(1) != int64_t(2 * which.size()))
    return l.fail(op, "tf_crop_and_resize needs a roi with two values per axis");
  auto toDim = [&](Num v) -> OpFoldResult {
    if (v.c)
      return l.idx(int64_t(*v.c));
    Value real = n.value(v);
    auto number = [&](double f) -> Value { return arith::ConstantOp::create(l.b, l.loc(), l.b.getFloatAttr(real.getType(), f)); };
    Value least = arith::CmpFOp::create(l.b, l.loc(), arith::CmpFPredicate::OGE, real, number(0));
    Value most = arith::CmpFOp::create(l.b, l.loc(), arith::CmpFPredicate::OLT, real, number(double(l.mostElements())));
    l.check(arith::AndIOp::create(l.b, l.loc(), least, most), ONNXC_SHAPE_MISMATCH,
            Lowering::operandName(op, 2) + " (scales): got no size that memory holds");
    return arith::IndexCastOp::create(l.b, l.loc(), l.b.getIndexType(), n.toInt(v)).getResult();
  };
  for (auto [i, dim] : llvm::enumerate(which)) {
    Axis axis;
    axis.dim = dim;
    axis.inDim = l.dim(x, dim);
    axis.in = numOf(n, l, axis.inDim);
    if (bySizes) {
      axis.outDim = (*sizes)[i];
      l.checkBetween(dim64(l, axis.outDim), 0, l.idx(l.mostElements()), "element " + Twine(i) + " of " + Lowering::operandName(op, 3) + " (sizes)",
                     ONNXC_SHAPE_MISMATCH);
      axis.out = numOf(n, l, axis.outDim);
      axis.scale = n.div(axis.out, axis.in);
    } else {
      axis.scale = element(l, op->getOperand(2), i);
      axis.out = n.floor(n.mul(axis.in, axis.scale));
      axis.outDim = toDim(axis.out);
    }
    l.checkReadable(axis.inDim, {axis.outDim}, "dim " + Twine(dim) + " of " + Lowering::operandName(op, 0));
    axis.roiEnd = Num(1);
    if (crop()) {
      axis.roiStart = element(l, op->getOperand(1), i);
      axis.roiEnd = element(l, op->getOperand(1), which.size() + i);
    }
    axes.push_back(axis);
  }
  StringRef policy = strAttr(op, "keep_aspect_ratio_policy", "stretch");
  if (bySizes && policy != "stretch") {
    Num scale = axes[0].scale;
    for (const Axis &x : axes)
      scale = policy == "not_larger" ? n.min(scale, x.scale) : n.max(scale, x.scale);
    for (Axis &x : axes) {
      x.scale = scale;
      x.out = n.floor(n.add(n.mul(scale, x.in), Num(0.5)));
      x.outDim = toDim(x.out);
    }
  }
  // Axes that stay as they are.
  llvm::erase_if(axes, [](const Axis &x) {
    return x.known() && *x.in.c == *x.out.c && std::fabs(*x.scale.c - 1) < 1e-9 && *x.roiStart.c == 0 &&
           *x.roiEnd.c == 1;
  });
  return success();
}

Num ResizeLowering::coordinate(NumBuilder &n, const Axis &x, Num o) {
  Num outWidth = n.mul(x.scale, x.in), one(1), half(0.5);
  Num isOne = n.equal(outWidth, one);
  Num span = n.sub(x.in, one), steps = n.sub(outWidth, one);
  Num centred = n.sub(n.div(n.add(o, half), x.scale), half);
  if (coordinates == "align_corners")
    return n.select(isOne, Num(0), n.div(n.mul(o, span), steps));
  if (coordinates == "asymmetric")
    return n.div(o, x.scale);
  if (crop()) {
    Num part = n.sub(x.roiEnd, x.roiStart);
    Num inside = n.select(isOne, n.div(n.mul(part, span), Num(2)), n.div(n.mul(n.mul(o, part), span), steps));
    return n.add(inside, n.mul(x.roiStart, span));
  }
  if (coordinates == "pytorch_half_pixel")
    return n.select(isOne, Num(-0.5), centred);
  if (coordinates == "half_pixel_symmetric") {
    Num offset = n.mul(n.div(x.in, Num(2)), n.sub(one, n.div(x.out, outWidth)));
    return n.add(offset, centred);
  }
  return centred;
}

/// Cubic convolution kernel (Keys, 1981) with coefficient `a`.
Num ResizeLowering::cubicWeight(NumBuilder &n, Num distance) {
  Num d = n.abs(distance), A(a);
  auto horner = [&](double c3, double c2, double c1, double c0) {
    return n.add(n.mul(n.add(n.mul(n.add(n.mul(Num(c3), d), Num(c2)), d), Num(c1)), d), Num(c0));
  };
  Num near = horner(a + 2, -(a + 3), 0, 1), far = horner(a, -5 * a, 8 * a, -4 * a);
  return n.select(n.lessEqual(d, Num(1)), near, n.select(n.less(d, Num(2)), far, Num(0)));
}

int64_t ResizeLowering::taps(const Axis &x) {
  if (isNearest())
    return 2;
  int64_t radius = mode == "cubic" ? 2 : 1;
  if (!antialias)
    return 2 * radius;
  double scale = std::min(*x.scale.c, 1.0);
  return 2 - 2 * (int64_t(std::floor(-radius / scale)) + 1);
}

Sample ResizeLowering::sample(NumBuilder &n, const Axis &axis, Num o) {
  Num x = coordinate(n, axis, o), one(1), last = n.sub(axis.in, one);
  int64_t count = taps(axis);
  // The window of `count` neighbours; a position on a pixel counts as the
  // right end of the interval to its left, so that the ratio is in (0, 1].
  Num left = n.sub(n.ceil(x), one), ratio = n.sub(x, left);
  Num start = n.sub(left, Num(count / 2 - 1));
  Sample s;
  auto clamped = [&](Num i) { return n.max(Num(0), n.min(i, last)); };
  if (crop())
    s.outside = n.either(n.less(x, Num(0)), n.less(last, x));
  if (isNearest()) {
    Num right = n.add(left, one), exact = n.equal(ratio, one), pick;
    if (nearest == "floor")
      pick = n.select(exact, right, left);
    else if (nearest == "ceil")
      pick = right;
    else if (nearest == "round_prefer_ceil")
      pick = n.select(n.less(ratio, Num(0.5)), left, right);
    else
      pick = n.select(n.lessEqual(ratio, Num(0.5)), left, right);
    s.index.push_back(clamped(pick));
    return s;
  }
  Num sum(0), shrink = antialias ? n.min(axis.scale, one) : one;
  for (int64_t t = 0; t < count; ++t) {
    Num at = n.add(start, Num(double(t)));
    Num distance = n.mul(n.sub(at, x), shrink);
    Num w = mode == "cubic" ? cubicWeight(n, distance) : n.max(Num(0), n.sub(one, n.abs(distance)));
    if (exclude)
      w = n.select(n.either(n.less(at, Num(0)), n.less(last, at)), Num(0), w);
    sum = n.add(sum, w);
    s.index.push_back(clamped(at));
    s.weight.push_back(w);
  }
  if (exclude || antialias) {
    Num divisor = n.select(n.equal(sum, Num(0)), one, sum);
    for (Num &w : s.weight)
      w = n.div(w, divisor);
  }
  return s;
}

/// One number per output position of `x`, as a 1-D tensor.
Value ResizeLowering::table(const Axis &x, Type type, llvm::function_ref<Num(NumBuilder &, const Sample &)> pick) {
  if (x.hasTable()) {
    NumBuilder n(l.b, l.loc()); // makes no op: all numbers are known
    int64_t count = int64_t(*x.out.c);
    auto tensor = RankedTensorType::get({count}, type);
    unsigned size = type.getIntOrFloatBitWidth() / 8;
    AsmResourceBlob blob = HeapAsmResourceBlob::allocate(std::max<int64_t>(1, count * size), 64);
    for (int64_t o = 0; o < count; ++o) {
      double v = *pick(n, sample(n, x, Num(double(o)))).c;
      char *to = blob.getMutableData().data() + o * size;
      if (type.isF32()) {
        float f = float(v);
        std::memcpy(to, &f, size);
      } else if (type.isF64()) {
        std::memcpy(to, &v, size);
      } else {
        int64_t i = int64_t(v);
        std::memcpy(to, &i, size); // little-endian
      }
    }
    return arith::ConstantOp::create(l.b, l.loc(), onnx::makeConstant(tensor, std::move(blob)));
  }
  return l.generate({x.outDim}, type, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    NumBuilder n(b, loc);
    Num v = pick(n, sample(n, x, n.fromIndex(at[0])));
    if (isa<IntegerType>(type)) {
      Value i = n.toInt(v);
      return type.isInteger(64) ? i : arith::TruncIOp::create(b, loc, type, i).getResult();
    }
    return type.isF64() ? n.value(v) : arith::TruncFOp::create(b, loc, type, n.value(v)).getResult();
  });
}

std::optional<SmallVector<int64_t>> ResizeLowering::knownIndices(const Axis &x) {
  if (!x.hasTable() || crop())
    return std::nullopt;
  NumBuilder n(l.b, l.loc());
  SmallVector<int64_t> all;
  for (int64_t o = 0; o < int64_t(*x.out.c); ++o)
    all.push_back(int64_t(*sample(n, x, Num(double(o))).index[0].c));
  return all;
}

/// Every element along the given (dim, count) repeated: a copy into a shape
/// with a dim of its own for the copies.
Value ResizeLowering::repeat(Value x, ArrayRef<std::pair<int64_t, int64_t>> times) {
  Dims in = l.dims(x), split, joined;
  MLIRContext *ctx = l.b.getContext();
  SmallVector<AffineExpr> from;
  for (size_t i = 0; i < in.size(); ++i) {
    from.push_back(getAffineDimExpr(split.size(), ctx));
    split.push_back(in[i]);
    joined.push_back(in[i]);
    for (auto [dim, count] : times)
      if (dim == int64_t(i)) {
        split.push_back(l.idx(count));
        joined.back() = l.mul(in[i], l.idx(count));
      }
  }
  SmallVector<utils::IteratorType> types(split.size(), utils::IteratorType::parallel);
  Value y = l.generic({x}, l.empty(split, cast<RankedTensorType>(x.getType()).getElementType()),
                      {AffineMap::get(split.size(), 0, from, ctx), l.b.getMultiDimIdentityMap(split.size())}, types,
                      [](OpBuilder &, Location, ValueRange v) { return v[0]; });
  return l.reshape(y, joined);
}

Value ResizeLowering::gatherNearest(Value x) {
  // Regular tables need no gather.
  SmallVector<std::pair<int64_t, int64_t>> times;
  SmallVector<Axis> rest;
  for (const Axis &axis : axes) {
    auto indices = knownIndices(axis);
    int64_t in = axis.in.c ? int64_t(*axis.in.c) : 0, out = indices ? indices->size() : 0;
    bool repeats = out && in && out % in == 0, strided = out != 0;
    int64_t step = out > 1 ? (*indices)[1] - (*indices)[0] : 1;
    for (int64_t o = 0; o < out; ++o) {
      repeats = repeats && (*indices)[o] == o / (out / in);
      strided = strided && step > 0 && (*indices)[o] == (*indices)[0] + o * step;
    }
    if (repeats) {
      times.push_back({axis.dim, out / in});
    } else if (strided) {
      Dims sizes = l.dims(x), offsets(sizes.size(), l.idx(0)), strides(sizes.size(), l.idx(1));
      sizes[axis.dim] = l.idx(out);
      offsets[axis.dim] = l.idx((*indices)[0]);
      strides[axis.dim] = l.idx(step);
      x = l.slice(x, offsets, sizes, strides);
    } else {
      rest.push_back(axis);
    }
  }
  if (!rest.empty()) {
    Dims out = l.dims(x);
    int64_t rank = out.size();
    MLIRContext *ctx = l.b.getContext();
    SmallVector<Value> tables;
    SmallVector<AffineMap> maps;
    for (const Axis &axis : rest) {
      out[axis.dim] = axis.outDim;
      auto map = AffineMap::get(rank, 0, getAffineDimExpr(axis.dim, ctx));
      tables.push_back(table(axis, l.b.getI64Type(), [](NumBuilder &, const Sample &s) { return s.index[0]; }));
      maps.push_back(map);
      if (crop()) {
        tables.push_back(table(axis, l.b.getI8Type(), [](NumBuilder &n, const Sample &s) {
          return n.select(s.outside, Num(1), Num(0));
        }));
        maps.push_back(map);
      }
    }
    maps.push_back(l.b.getMultiDimIdentityMap(rank));
    SmallVector<utils::IteratorType> types(rank, utils::IteratorType::parallel);
    x = l.generic(tables, l.empty(out, Lowering::storage(elem)), maps, types,
                  [&, source = x](OpBuilder &b, Location loc, ValueRange v) -> Value {
                    SmallVector<Value> at;
                    for (int64_t i = 0; i < rank; ++i)
                      at.push_back(linalg::IndexOp::create(b, loc, i));
                    Value outside;
                    for (auto [i, axis] : llvm::enumerate(rest)) {
                      at[axis.dim] = arith::IndexCastOp::create(b, loc, b.getIndexType(), v[crop() ? 2 * i : i]);
                      if (crop())
                        outside = outside ? arith::OrIOp::create(b, loc, outside, v[2 * i + 1]).getResult() : v[2 * i + 1];
                    }
                    Value r = tensor::ExtractOp::create(b, loc, source, at);
                    if (!crop())
                      return r;
                    Value fill = Lowering::scalar(b, loc, elem, floatAttr(op, "extrapolation_value", 0));
                    Value zero = arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(0));
                    Value is = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, outside, zero);
                    return arith::SelectOp::create(b, loc, is, Lowering::store(b, loc, fill, elem), r);
                  });
  }
  return times.empty() ? x : repeat(x, times);
}

/// y(..., o, ...) = sum over t of weight_t(o) * x(..., index_t(o), ...)
Value ResizeLowering::interpolate(Value x, const Axis &axis, Type acc) {
  Dims out = l.dims(x);
  out[axis.dim] = axis.outDim;
  int64_t rank = out.size(), count = taps(axis);
  auto map = AffineMap::get(rank, 0, getAffineDimExpr(axis.dim, l.b.getContext()));
  SmallVector<Value> tables;
  for (int64_t t = 0; t < count; ++t)
    tables.push_back(table(axis, l.b.getI64Type(), [&](NumBuilder &, const Sample &s) { return s.index[t]; }));
  for (int64_t t = 0; t < count; ++t)
    tables.push_back(table(axis, acc, [&](NumBuilder &, const Sample &s) { return s.weight[t]; }));
  if (crop())
    tables.push_back(
        table(axis, l.b.getI8Type(), [](NumBuilder &n, const Sample &s) { return n.select(s.outside, Num(1), Num(0)); }));
  SmallVector<AffineMap> maps(tables.size(), map);
  maps.push_back(l.b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> types(rank, utils::IteratorType::parallel);
  return l.generic(tables, l.empty(out, acc), maps, types, [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    SmallVector<Value> at;
    for (int64_t i = 0; i < rank; ++i)
      at.push_back(linalg::IndexOp::create(b, loc, i));
    Value sum;
    for (int64_t t = 0; t < count; ++t) {
      at[axis.dim] = arith::IndexCastOp::create(b, loc, b.getIndexType(), v[t]);
      Value term = arith::MulFOp::create(b, loc, tensor::ExtractOp::create(b, loc, x, at), v[count + t]);
      sum = sum ? arith::AddFOp::create(b, loc, sum, term).getResult() : term;
    }
    if (!crop())
      return sum;
    Value fill = Lowering::scalar(b, loc, acc, floatAttr(op, "extrapolation_value", 0));
    Value zero = arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(0));
    Value is = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, v[2 * count], zero);
    return arith::SelectOp::create(b, loc, is, fill, sum);
  });
}

/// As `interpolate` with antialias, where the run decides how many neighbours
/// there are: weights are computed in a loop per element.
Value ResizeLowering::interpolateByLoop(Value x, const Axis &axis, Type acc) {
  Dims out = l.dims(x);
  out[axis.dim] = axis.outDim;
  return l.generate(out, acc, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    NumBuilder n(b, loc);
    Num one(1), last = n.sub(axis.in, one), p = coordinate(n, axis, n.fromIndex(at[axis.dim]));
    Num shrink = n.min(axis.scale, one);
    Num reach = n.add(n.floor(n.div(Num(mode == "cubic" ? -2 : -1), shrink)), one); // leftmost neighbour
    Num start = n.add(n.sub(n.ceil(p), one), reach), count = n.sub(Num(2), n.mul(Num(2), reach));
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), step = arith::ConstantIndexOp::create(b, loc, 1);
    Value end = arith::IndexCastOp::create(b, loc, b.getIndexType(), n.toInt(count));
    Value nothing = n.value(Num(0));
    auto loop = scf::ForOp::create(b, loc, zero, end, step, ValueRange{nothing, nothing});
    OpBuilder ib = OpBuilder::atBlockEnd(loop.getBody());
    NumBuilder m(ib, loc);
    Num place = m.add(start, m.fromIndex(loop.getInductionVar())), distance = m.mul(m.sub(place, p), shrink);
    Num w = mode == "cubic" ? cubicWeight(m, distance) : m.max(Num(0), m.sub(one, m.abs(distance)));
    if (exclude)
      w = m.select(m.either(m.less(place, Num(0)), m.less(last, place)), Num(0), w);
    SmallVector<Value> from(at);
    Num clamped = m.max(Num(0), m.min(place, last));
    from[axis.dim] = arith::IndexCastOp::create(ib, loc, ib.getIndexType(), m.toInt(clamped));
    Value v = Lowering::at(ib, loc, x, from, acc);
    if (!acc.isF64())
      v = arith::ExtFOp::create(ib, loc, ib.getF64Type(), v);
    Num sum = m.add(Num(loop.getRegionIterArg(0)), m.mul(Num(v), w)), weights = m.add(Num(loop.getRegionIterArg(1)), w);
    scf::YieldOp::create(ib, loc, ValueRange{m.value(sum), m.value(weights)});
    Num total(loop.getResult(1));
    Num r = n.div(Num(loop.getResult(0)), n.select(n.equal(total, Num(0)), one, total));
    if (crop())
      r = n.select(n.either(n.less(p, Num(0)), n.less(last, p)), Num(floatAttr(op, "extrapolation_value", 0)), r);
    return acc.isF64() ? n.value(r) : arith::TruncFOp::create(b, loc, acc, n.value(r)).getResult();
  });
}

LogicalResult ResizeLowering::run() {
  if (channelsLast(op))
    return l.fail(op, "layout NHWC");
  if (mode != "nearest" && mode != "linear" && mode != "cubic")
    return l.fail(op, "mode '" + mode + "'");
  if (failed(readAxes()))
    return failure();
  Value x = l.in(op, 0);
  if (isNearest()) {
    l.set(op, 0, gatherNearest(x));
    return success();
  }
  Type acc = elem.isF64() ? elem : l.b.getF32Type();
  bool isFloat = isa<FloatType>(elem);
  x = isFloat ? widen(l, x, elem) : l.map({x}, {elem}, acc, [&](OpBuilder &b, Location loc, ValueRange v) {
    return Lowering::convert(b, loc, v[0], elem, acc);
  });
  for (const Axis &axis : axes)
    x = antialias && !axis.scale.c ? interpolateByLoop(x, axis, acc) : interpolate(x, axis, acc);
  if (isFloat)
    x = narrow(l, x, elem);
  else
    x = l.map({x}, {acc}, elem, [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
      Value r = math::RoundEvenOp::create(b, loc, v[0]);
      unsigned bits = std::min(elem.getIntOrFloatBitWidth(), 24u); // exact in f32
      bool isUnsigned = Lowering::isUnsigned(elem);
      double top = std::ldexp(1.0, isUnsigned ? bits : bits - 1) - 1, bottom = isUnsigned ? 0 : -top - 1;
      if (elem.getIntOrFloatBitWidth() <= 24) {
        r = arith::MaximumFOp::create(b, loc, r, Lowering::scalar(b, loc, acc, bottom));
        r = arith::MinimumFOp::create(b, loc, r, Lowering::scalar(b, loc, acc, top));
      }
      return Lowering::convert(b, loc, r, acc, elem);
    });
  l.set(op, 0, x);
  return success();
}

static LogicalResult lowerResize(Operation *op, Lowering &l) { return ResizeLowering(op, l).run(); }

void registerResize(Registry &r) {
  r.add("onnx.Resize", lowerResize);
  registerSampling(r);
}

} // namespace onnxc::lower
