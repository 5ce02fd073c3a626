// Reads at computed positions: GridSample, RoiAlign, and Col2Im, which sums
// blocks back into an image.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Lowering.h"
#include "passes/lower/Scalars.h"
#include "passes/lower/ScalarBuilder.h"
#include "passes/lower/Window.h"
#include "runtime-lite/include/onnxc.h"

using namespace mlir;

namespace onnxc::lower {

static Value toIndex(OpBuilder &b, Location loc, Value f) {
  Value i = arith::FPToSIOp::create(b, loc, b.getI64Type(), f);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), i);
}

static Value fromIndex(OpBuilder &b, Location loc, Value i, Type type) {
  return arith::SIToFPOp::create(b, loc, type, arith::IndexCastOp::create(b, loc, b.getI64Type(), i));
}

/// i limited to [0, extent).
static Value clampIndex(OpBuilder &b, Location loc, Value i, Value extent) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
  Value last = arith::SubIOp::create(b, loc, extent, one);
  return arith::MaxSIOp::create(b, loc, zero, arith::MinSIOp::create(b, loc, i, last));
}

/// 0 <= i < extent
static Value inRange(OpBuilder &b, Location loc, Value i, Value extent) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  return arith::AndIOp::create(b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, i, zero),
                               arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, i, extent));
}

//===-- GridSample

namespace {

class GridSampler {
public:
  GridSampler(Operation *op, Lowering &l)
      : op(op), l(l), x(l.in(op, 0)), grid(l.in(op, 1)), elem(Lowering::elem(op->getOperand(0))),
        mode(strAttr(op, "mode", "linear")), padding(strAttr(op, "padding_mode", "zeros")),
        align(intAttr(op, "align_corners", 0) != 0), n(Lowering::rank(x) - 2) {}

  LogicalResult run() {
    if (channelsLast(op))
      return l.fail(op, "layout NHWC");
    if (mode == "bilinear")
      mode = "linear";
    if (mode == "bicubic")
      mode = "cubic";
    if (!isa<FloatType>(elem) && mode != "nearest")
      return l.fail(op, "interpolation of integers");
    acc = elem.isF64() ? elem : Type(l.b.getF32Type());
    for (size_t d = 0; d < n; ++d)
      extents.push_back(l.value(l.dim(x, 2 + d)));
    Dims gridDims = l.dims(grid), out{l.dim(x, 0), l.dim(x, 1)};
    out.append(gridDims.begin() + 1, gridDims.end() - 1);
    for (size_t d = 0; d < n; ++d)
      l.checkReadable(l.dim(x, 2 + d), out, "dim " + Twine(2 + d) + " of " + Lowering::operandName(op, 0));
    Dims places{gridDims.begin(), gridDims.end() - 1};
    // Positions are the same for all channels: computed once per place.
    SmallVector<Value> positions;
    for (size_t d = 0; d < n; ++d)
      positions.push_back(l.generate(places, acc, [&](OpBuilder &b, Location loc, ValueRange at) {
        return position(b, loc, at, d);
      }));
    MLIRContext *ctx = l.b.getContext();
    size_t rank = n + 2;
    SmallVector<AffineExpr> from{getAffineDimExpr(0, ctx)};
    for (size_t d = 0; d < n; ++d)
      from.push_back(getAffineDimExpr(2 + d, ctx));
    SmallVector<AffineMap> maps(n, AffineMap::get(rank, 0, from, ctx));
    maps.push_back(l.b.getMultiDimIdentityMap(rank));
    SmallVector<utils::IteratorType> types(rank, utils::IteratorType::parallel);
    l.set(op, 0, l.generic(positions, l.empty(out, Lowering::storage(elem)), maps, types,
                           [&](OpBuilder &b, Location loc, ValueRange v) {
                             Value nImage = linalg::IndexOp::create(b, loc, 0), c = linalg::IndexOp::create(b, loc, 1);
                             SmallVector<Value> at{nImage, c};
                             Value r = mode == "nearest" ? nearest(b, loc, at, v) : blend(b, loc, at, v, 0);
                             return Lowering::store(b, loc, r, elem);
                           }));
    return success();
  }

private:
  /// Lowest and highest coordinate that is not padding.
  std::pair<Value, Value> border(ScalarBuilder &s, size_t d) {
    Value extent = fromIndex(s.b, s.loc, extents[d], acc);
    return align ? std::pair(s.num(0), s.sub(extent, s.num(1)))
                 : std::pair(s.num(-0.5), s.sub(extent, s.num(0.5)));
  }

  /// v folded back into [low, high].
  Value reflect(ScalarBuilder &s, Value v, Value low, Value high) {
    Value range = s.sub(high, low), one = s.num(1);
    Value safe = s.select(s.gt(range, s.num(0)), range, one);
    Value beyond = s.max(s.max(s.sub(low, v), s.sub(v, high)), s.num(0));
    Value turns = math::FloorOp::create(s.b, s.loc, s.div(beyond, safe));
    Value rest = s.sub(beyond, s.mul(turns, safe));
    Value pairs = s.mul(math::FloorOp::create(s.b, s.loc, s.mul(turns, s.num(0.5))), s.num(2));
    Value odd = s.ne(turns, pairs), below = s.lt(v, low);
    Value fromLow = s.exclusive(odd, below); // counts from the low border
    Value folded = s.select(fromLow, s.add(low, rest), s.sub(high, rest));
    folded = s.select(s.gt(range, s.num(0)), folded, low);
    return s.select(s.gt(beyond, s.num(0)), folded, v);
  }

  /// Pixel coordinate along spatial dim d at a place of the grid.
  Value position(OpBuilder &b, Location loc, ValueRange at, size_t d) {
    ScalarBuilder s(b, loc, acc);
    SmallVector<Value> from(at);
    from.push_back(arith::ConstantIndexOp::create(b, loc, n - 1 - d)); // the grid names x before y
    Type gridElem = Lowering::elem(op->getOperand(1));
    Value g = Lowering::convert(b, loc, Lowering::at(b, loc, grid, from, gridElem), gridElem, acc);
    Value extent = fromIndex(b, loc, extents[d], acc), one = s.num(1), half = s.num(0.5);
    Value v = align ? s.mul(s.mul(s.add(g, one), half), s.sub(extent, one))
                    : s.mul(s.sub(s.mul(s.add(g, one), extent), one), half);
    if (mode == "nearest")
      v = s.roundEven(v);
    auto [low, high] = border(s, d);
    if (padding == "border") {
      Value outside = s.either(s.lt(v, low), s.gt(v, high));
      v = s.select(outside, s.min(s.max(v, s.num(0)), s.sub(extent, one)), v);
    } else if (padding == "reflection") {
      v = reflect(s, v, low, high);
    }
    // NaN and far positions must still give an index.
    v = s.select(s.isNaN(v), s.num(-1e6), v);
    return s.min(s.max(v, s.num(-1e6)), s.num(1e9));
  }

  /// Index for pixel i along dim d, and whether there is a pixel (zeros padding).
  std::pair<Value, Value> pixel(OpBuilder &b, Location loc, Value i, size_t d) {
    Value inside = inRange(b, loc, i, extents[d]);
    if (padding == "reflection") {
      ScalarBuilder s(b, loc, acc);
      auto [low, high] = border(s, d);
      i = toIndex(b, loc, reflect(s, fromIndex(b, loc, i, acc), low, high));
    }
    return {clampIndex(b, loc, i, extents[d]), padding == "zeros" ? inside : Value()};
  }

  Value read(OpBuilder &b, Location loc, ValueRange at, Value inside) {
    Value v = Lowering::at(b, loc, x, at, elem);
    return inside ? arith::SelectOp::create(b, loc, inside, v, Lowering::scalar(b, loc, elem, 0)).getResult() : v;
  }

  Value nearest(OpBuilder &b, Location loc, SmallVector<Value> at, ValueRange positions) {
    Value inside;
    for (size_t d = 0; d < n; ++d) {
      auto [i, ok] = pixel(b, loc, toIndex(b, loc, positions[d]), d);
      at.push_back(i);
      if (ok)
        inside = inside ? arith::AndIOp::create(b, loc, inside, ok).getResult() : ok;
    }
    return read(b, loc, at, inside);
  }

  /// Weighted sum along dim d of the blends along the dims behind it.
  Value blend(OpBuilder &b, Location loc, SmallVector<Value> at, ValueRange positions, size_t d, Value inside = {}) {
    if (d == n)
      return read(b, loc, at, inside);
    ScalarBuilder s(b, loc, acc);
    Value floor = math::FloorOp::create(b, loc, positions[d]), ratio = s.sub(positions[d], floor);
    Value first = toIndex(b, loc, floor), sum;
    bool cubic = mode == "cubic";
    for (int64_t t = cubic ? -1 : 0; t <= (cubic ? 2 : 1); ++t) {
      Value offset = arith::ConstantIndexOp::create(b, loc, t);
      auto [i, ok] = pixel(b, loc, arith::AddIOp::create(b, loc, first, offset), d);
      SmallVector<Value> next(at);
      next.push_back(i);
      Value all = ok && inside ? arith::AndIOp::create(b, loc, inside, ok).getResult() : ok ? ok : inside;
      Value w = cubic ? cubicWeight(s, ratio, t) : t == 0 ? s.sub(s.num(1), ratio) : ratio;
      Value term = s.mul(blend(b, loc, next, positions, d + 1, all), w);
      sum = sum ? s.add(sum, term) : term;
    }
    return sum;
  }

  /// Cubic convolution kernel (Keys, 1981) with a = -0.75 at distance |ratio - t|.
  Value cubicWeight(ScalarBuilder &s, Value ratio, int64_t t) {
    const double a = -0.75;
    Value d = s.abs(s.sub(ratio, s.num(double(t))));
    auto horner = [&](double c3, double c2, double c1, double c0) {
      return s.add(s.mul(s.add(s.mul(s.add(s.mul(s.num(c3), d), s.num(c2)), d), s.num(c1)), d), s.num(c0));
    };
    return t == 0 || t == 1 ? horner(a + 2, -(a + 3), 0, 1) : horner(a, -5 * a, 8 * a, -4 * a);
  }

  Operation *op;
  Lowering &l;
  Value x, grid;
  Type elem, acc;
  StringRef mode, padding;
  bool align;
  size_t n;
  SmallVector<Value> extents;
};

} // namespace

static LogicalResult lowerGridSample(Operation *op, Lowering &l) { return GridSampler(op, l).run(); }

//===-- RoiAlign

static LogicalResult lowerRoiAlign(Operation *op, Lowering &l) {
  if (channelsLast(op))
    return l.fail(op, "layout NHWC");
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem), indexElem = Lowering::elem(op->getOperand(2));
  Value x = l.in(op, 0), rois = l.in(op, 1), batches = l.in(op, 2);
  bool half = strAttr(op, "coordinate_transformation_mode", "half_pixel") == "half_pixel";
  bool average = strAttr(op, "mode", "avg") == "avg";
  int64_t size[2] = {intAttr(op, "output_height", 1), intAttr(op, "output_width", 1)};
  int64_t sampling = intAttr(op, "sampling_ratio", 0);
  double scale = floatAttr(op, "spatial_scale", 1.0);
  Value images = l.value(l.dim(x, 0)), extent[2] = {l.value(l.dim(x, 2)), l.value(l.dim(x, 3))};

  Dims out{l.dim(rois, 0), l.dim(x, 1), l.idx(size[0]), l.idx(size[1])};
  l.checkEqual(l.dim(batches, 0), l.dim(rois, 0), "length of " + Lowering::operandName(op, 2));
  for (int64_t d : {2, 3})
    l.checkReadable(l.dim(x, d), out, "dim " + Twine(d) + " of " + Lowering::operandName(op, 0));
  if (l.options.clampIndices)
    l.checkReadable(l.dim(x, 0), out, "dim 0 of " + Lowering::operandName(op, 0));
  else
    l.checkElements(batches, c64(l, 0), dim64(l, images), ONNXC_INDEX_OUT_OF_RANGE, Lowering::operandName(op, 2),
                    "an index into \2 images", dim64(l, images));
  Value y = l.generate(out, elem, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    ScalarBuilder s(b, loc, acc);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
    Value image = Lowering::at(b, loc, batches, {at[0]}, indexElem);
    image = clampIndex(b, loc, arith::IndexCastOp::create(b, loc, b.getIndexType(), image), images);
    Value start[2], bin[2], samples[2];
    for (int d = 0; d < 2; ++d) { // a roi is (x1, y1, x2, y2)
      auto corner = [&](int64_t i) {
        Value v = Lowering::at(b, loc, rois, {at[0], arith::ConstantIndexOp::create(b, loc, i)}, elem);
        return s.sub(s.mul(v, s.num(scale)), s.num(half ? 0.5 : 0.0));
      };
      start[d] = corner(1 - d);
      Value length = s.sub(corner(3 - d), start[d]);
      if (!half)
        length = s.max(length, s.num(1));
      bin[d] = s.div(length, s.num(double(size[d])));
      samples[d] = sampling > 0 ? arith::ConstantIndexOp::create(b, loc, sampling).getResult()
                                : arith::MaxSIOp::create(b, loc, zero, toIndex(b, loc, math::CeilOp::create(b, loc, bin[d])));
    }
    // One sample: four weighted neighbours, summed or their maximum.
    auto sampleAt = [&](OpBuilder &ib, Value iy, Value ix) -> Value {
      ScalarBuilder t(ib, loc, acc);
      Value low[2], high[2], upper[2], lower[2], outside;
      for (int d = 0; d < 2; ++d) {
        Value i = fromIndex(ib, loc, d ? ix : iy, acc), cell = fromIndex(ib, loc, at[2 + d], acc);
        Value count = fromIndex(ib, loc, samples[d], acc), limit = fromIndex(ib, loc, extent[d], acc);
        Value p = t.add(t.add(start[d], t.mul(cell, bin[d])), t.div(t.mul(t.add(i, t.num(0.5)), bin[d]), count));
        Value out = t.either(t.lt(p, t.num(-1)), t.gt(p, limit));
        outside = outside ? t.either(outside, out) : out;
        p = t.min(t.max(p, t.num(0)), t.sub(limit, t.num(1)));
        Value whole = math::FloorOp::create(ib, loc, p);
        low[d] = clampIndex(ib, loc, toIndex(ib, loc, whole), extent[d]);
        high[d] = clampIndex(ib, loc, arith::AddIOp::create(ib, loc, low[d], one), extent[d]);
        upper[d] = t.sub(p, whole);
        lower[d] = t.sub(t.num(1), upper[d]);
      }
      Value result;
      for (int corner = 0; corner < 4; ++corner) {
        bool up = corner & 2, right = corner & 1;
        Value v = Lowering::at(ib, loc, x, {image, at[1], up ? high[0] : low[0], right ? high[1] : low[1]}, elem);
        v = t.mul(v, t.mul(up ? upper[0] : lower[0], right ? upper[1] : lower[1]));
        v = t.select(outside, t.num(0), v);
        result = !result ? v : average ? t.add(result, v) : t.max(result, v);
      }
      return result;
    };
    Value init = average ? s.num(0) : Lowering::lowest(b, loc, acc);
    auto rows = scf::ForOp::create(b, loc, zero, samples[0], one, ValueRange{init});
    OpBuilder rb = OpBuilder::atBlockEnd(rows.getBody());
    auto cols = scf::ForOp::create(rb, loc, zero, samples[1], one, rows.getRegionIterArgs());
    OpBuilder cb = OpBuilder::atBlockEnd(cols.getBody());
    ScalarBuilder t(cb, loc, acc);
    Value v = sampleAt(cb, rows.getInductionVar(), cols.getInductionVar());
    Value so = cols.getRegionIterArg(0);
    scf::YieldOp::create(cb, loc, ValueRange{average ? t.add(so, v) : t.max(so, v)});
    scf::YieldOp::create(rb, loc, cols.getResults());
    Value count = arith::MulIOp::create(b, loc, samples[0], samples[1]), r = rows.getResult(0);
    if (average)
      return s.div(r, fromIndex(b, loc, arith::MaxSIOp::create(b, loc, count, one), acc));
    Value none = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, count, zero);
    return s.select(none, s.num(0), r);
  });
  l.set(op, 0, y);
  return success();
}

//===-- Col2Im

/// image(i) = sum over taps k with (i + pad - k*dilation) divisible by stride
/// of the block column at that position.
static LogicalResult lowerCol2Im(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0));
  Value x = l.in(op, 0);
  auto image = l.intsAsDims(op->getOperand(1)), block = l.intsAsDims(op->getOperand(2));
  if (!image || !block || image->size() != block->size())
    return l.fail(op, "the lengths of image_shape and block_shape are unknown or differ");
  for (int which : {1, 2}) // an image may be empty, a block may not
    for (auto [i, size] : llvm::enumerate(which == 1 ? *image : *block))
      l.checkBetween(dim64(l, size), which - 1, l.idx(INT32_MAX), "element " + Twine(i) + " of " + Lowering::operandName(op, which), ONNXC_SHAPE_MISMATCH);
  size_t n = image->size();
  SmallVector<int64_t> strides = intsAttr(op, "strides", n, 1), dilations = intsAttr(op, "dilations", n, 1),
                       pads = intsAttr(op, "pads", 2 * n, 0);
  Dims columns, out{l.dim(x, 0), l.floorDiv(l.dim(x, 1), l.product(*block))};
  out.append(*image);
  for (size_t i = 0; i < n; ++i) {
    OpFoldResult extent = l.add(l.mul(l.sub((*block)[i], l.idx(1)), l.idx(dilations[i])), l.idx(1));
    OpFoldResult room = l.sub(l.add((*image)[i], l.idx(pads[i] + pads[n + i])), extent);
    columns.push_back(l.add(l.floorDiv(room, l.idx(strides[i])), l.idx(1)));
  }
  OpFoldResult perChannel = l.product(*block);
  l.checkEqual(l.mul(out[1], perChannel), l.dim(x, 1), "channels x elements of " + Lowering::operandName(op, 2));
  for (size_t i = 0; i < n; ++i)
    l.checkBetween(dim64(l, columns[i]), 0, l.dim(x, 2), "columns along dim " + Twine(i), ONNXC_SHAPE_MISMATCH);
  l.checkEqual(l.product(columns), l.dim(x, 2), "columns that fit into " + Lowering::operandName(op, 1));
  // (n, c * taps, columns) as (n, c, taps..., columns...)
  Dims split{out[0], out[1]};
  split.append(*block);
  split.append(columns);
  x = l.reshape(x, split);
  SmallVector<Value> taps, counts;
  for (size_t i = 0; i < n; ++i) {
    taps.push_back(l.value((*block)[i]));
    counts.push_back(l.value(columns[i]));
  }
  Value y = l.generate(out, elem, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
    std::function<Value(OpBuilder &, size_t, SmallVector<Value>, SmallVector<Value>, Value, Value)> loop =
        [&](OpBuilder &ob, size_t d, SmallVector<Value> k, SmallVector<Value> q, Value inside, Value acc) -> Value {
      if (d < n) {
        auto f = scf::ForOp::create(ob, loc, zero, taps[d], one, ValueRange{acc});
        OpBuilder ib = OpBuilder::atBlockEnd(f.getBody());
        auto constant = [&](int64_t v) -> Value { return arith::ConstantIndexOp::create(ib, loc, v); };
        Value reach = arith::MulIOp::create(ib, loc, f.getInductionVar(), constant(dilations[d]));
        Value p = arith::SubIOp::create(ib, loc, arith::AddIOp::create(ib, loc, at[2 + d], constant(pads[d])), reach);
        Value column = arith::FloorDivSIOp::create(ib, loc, p, constant(strides[d]));
        Value back = arith::MulIOp::create(ib, loc, column, constant(strides[d]));
        Value ok = arith::AndIOp::create(ib, loc, inRange(ib, loc, column, counts[d]),
                                         arith::CmpIOp::create(ib, loc, arith::CmpIPredicate::eq, back, p));
        k.push_back(f.getInductionVar());
        q.push_back(clampIndex(ib, loc, column, counts[d]));
        ok = inside ? arith::AndIOp::create(ib, loc, inside, ok).getResult() : ok;
        scf::YieldOp::create(ib, loc, ValueRange{loop(ib, d + 1, k, q, ok, f.getRegionIterArg(0))});
        return f.getResult(0);
      }
      SmallVector<Value> from{at[0], at[1]};
      from.append(k);
      from.append(q);
      Value v = Lowering::at(ob, loc, x, from, elem);
      Value sum = plus(ob, loc, acc, v);
      return arith::SelectOp::create(ob, loc, inside, sum, acc);
    };
    return loop(b, 0, {}, {}, {}, Lowering::scalar(b, loc, elem, 0));
  });
  l.set(op, 0, y);
  return success();
}

void registerSampling(Registry &r) {
  r.add("onnx.GridSample", lowerGridSample);
  r.add("onnx.RoiAlign", lowerRoiAlign);
  r.add("onnx.Col2Im", lowerCol2Im);
}

} // namespace onnxc::lower
