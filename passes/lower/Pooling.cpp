// Pooling: windowed reductions in channels-last order, global pooling, and the
// ops that work with the indices of maxima.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Convolution.h"
#include "passes/lower/Families.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

using namespace mlir;

namespace onnxc::lower {

static Value maximum(OpBuilder &b, Location loc, Value a, Value c, bool isUnsigned) {
  if (isa<FloatType>(a.getType()))
    return arith::MaximumFOp::create(b, loc, a, c);
  if (isUnsigned)
    return arith::MaxUIOp::create(b, loc, a, c);
  return arith::MaxSIOp::create(b, loc, a, c);
}

/// |v|^p, with the common powers spelled out.
static Value absPower(OpBuilder &b, Location loc, Value v, int64_t p) {
  Value a = math::AbsFOp::create(b, loc, v);
  if (p == 1)
    return a;
  if (p == 2)
    return arith::MulFOp::create(b, loc, v, v);
  return math::PowFOp::create(b, loc, a, arith::ConstantOp::create(b, loc, b.getFloatAttr(v.getType(), double(p))));
}

static Value root(OpBuilder &b, Location loc, Value v, int64_t p) {
  if (p == 1)
    return v;
  if (p == 2)
    return math::SqrtOp::create(b, loc, v);
  return math::PowFOp::create(b, loc, v, arith::ConstantOp::create(b, loc, b.getFloatAttr(v.getType(), 1.0 / p)));
}

/// Reduces every window of channels-last `x`, which is padded with `padding`,
/// starting from `init`; body gets (element as compute type, acc).
static Value poolCore(Lowering &l, Value x, Type elem, const Window &win, Value padding, Type accElem, Value init,
                      ScalarFn combine) {
  size_t n = win.rank();
  x = padWindow(l, x, win, elem, padding);
  Dims out{l.dim(x, 0)};
  out.append(win.out);
  out.push_back(l.dim(x, n + 1));
  MLIRContext *ctx = l.b.getContext();
  size_t total = 2 * n + 2;
  SmallVector<AffineExpr> xMap{getAffineDimExpr(0, ctx)}, kMap, yMap{getAffineDimExpr(0, ctx)};
  for (size_t i = 0; i < n; ++i) {
    AffineExpr o = getAffineDimExpr(1 + i, ctx), k = getAffineDimExpr(2 + n + i, ctx);
    xMap.push_back(o * win.strides[i] + k * win.dilations[i]);
    kMap.push_back(k);
    yMap.push_back(o);
  }
  xMap.push_back(getAffineDimExpr(1 + n, ctx));
  yMap.push_back(getAffineDimExpr(1 + n, ctx));
  SmallVector<utils::IteratorType> types(total, utils::IteratorType::parallel);
  std::fill(types.begin() + 2 + n, types.end(), utils::IteratorType::reduction);
  // The window operand only gives the kernel loops their extents.
  Value window = l.empty(win.kernel, Lowering::storage(elem));
  return l.generic({x, window}, l.fill(out, accElem, init),
                   {AffineMap::get(total, 0, xMap, ctx), AffineMap::get(total, 0, kMap, ctx),
                    AffineMap::get(total, 0, yMap, ctx)},
                   types, [&](OpBuilder &b, Location loc, ValueRange v) {
                     Value acc = Lowering::load(b, loc, v[2], accElem);
                     Value r = combine(b, loc, {Lowering::load(b, loc, v[0], elem), acc});
                     return Lowering::store(b, loc, r, accElem);
                   });
}

static Window poolWindow(Operation *op, Lowering &l, Value channelsLastX) {
  Dims kernel;
  for (int64_t k : intsAttr(op, "kernel_shape"))
    kernel.push_back(l.idx(k));
  return windowOf(op, l, spatialDims(l, channelsLastX, true), kernel);
}

static bool negativePads(Operation *op) {
  return llvm::any_of(intsAttr(op, "pads"), [](int64_t p) { return p < 0; });
}

/// Flat index (in an (n, c, spatial...) tensor) of the maximum of each window;
/// the first one wins.
static Value maxIndices(Operation *op, Lowering &l, Value x, Type elem, const Window &win) {
  size_t n = win.rank();
  bool columns = intAttr(op, "storage_order", 0) != 0;
  Dims xd = l.dims(x), out{xd[0], xd[1]};
  out.append(win.out);
  SmallVector<Value> extents, low, kernel;
  for (OpFoldResult d : xd)
    extents.push_back(l.value(d));
  for (size_t i = 0; i < n; ++i) {
    low.push_back(l.value(win.low[i]));
    kernel.push_back(l.value(win.kernel[i]));
  }
  Type i64 = l.b.getI64Type();
  return l.generate(out, i64, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    auto times = [&](Value a, Value c) -> Value { return arith::MulIOp::create(b, loc, a, c); };
    auto sum = [&](Value a, Value c) -> Value { return arith::AddIOp::create(b, loc, a, c); };
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1), none = arith::ConstantIntOp::create(b, loc, 0, 1);
    // Loops over the window carry (found, best, index).
    std::function<SmallVector<Value>(OpBuilder &, size_t, SmallVector<Value>, ValueRange)> loop =
        [&](OpBuilder &b, size_t dim, SmallVector<Value> position, ValueRange state) -> SmallVector<Value> {
      auto times = [&](Value a, Value c) -> Value { return arith::MulIOp::create(b, loc, a, c); };
      auto sum = [&](Value a, Value c) -> Value { return arith::AddIOp::create(b, loc, a, c); };
      if (dim < n) {
        auto f = scf::ForOp::create(b, loc, zero, kernel[dim], one, state);
        OpBuilder inner = OpBuilder::atBlockEnd(f.getBody());
        Value stride = arith::ConstantIndexOp::create(inner, loc, win.strides[dim]);
        Value dilation = arith::ConstantIndexOp::create(inner, loc, win.dilations[dim]);
        Value start = arith::SubIOp::create(inner, loc, arith::MulIOp::create(inner, loc, at[2 + dim], stride), low[dim]);
        Value step = arith::MulIOp::create(inner, loc, f.getInductionVar(), dilation);
        position.push_back(arith::AddIOp::create(inner, loc, start, step));
        SmallVector<Value> r = loop(inner, dim + 1, position, f.getRegionIterArgs());
        scf::YieldOp::create(inner, loc, r);
        return SmallVector<Value>(f.getResults());
      }
      Value inside = arith::ConstantIntOp::create(b, loc, 1, 1), flat = zero;
      SmallVector<Value> from{at[0], at[1]};
      for (size_t i = 0; i < n; ++i) {
        Value last = arith::SubIOp::create(b, loc, extents[2 + i], one);
        inside = arith::AndIOp::create(
            b, loc, inside,
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, position[i], last)); // negative is large
        Value clamped = arith::MaxSIOp::create(b, loc, zero, arith::MinSIOp::create(b, loc, position[i], last));
        from.push_back(clamped);
      }
      for (size_t i = 0; i < n; ++i) {
        size_t d = columns ? n - 1 - i : i;
        flat = sum(times(flat, extents[2 + d]), from[2 + d]);
      }
      Value v = Lowering::at(b, loc, x, from, elem);
      Value greater;
      if (isa<FloatType>(v.getType()))
        greater = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, v, state[1]);
      else
        greater = arith::CmpIOp::create(
            b, loc, Lowering::isUnsigned(elem) ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt, v, state[1]);
      Value first = arith::XOrIOp::create(b, loc, state[0], arith::ConstantIntOp::create(b, loc, 1, 1));
      Value take = arith::AndIOp::create(b, loc, inside, arith::OrIOp::create(b, loc, first, greater));
      return {arith::OrIOp::create(b, loc, state[0], inside), arith::SelectOp::create(b, loc, take, v, state[1]),
              arith::SelectOp::create(b, loc, take, flat, state[2])};
    };
    Value image = sum(times(at[0], extents[1]), at[1]);
    for (size_t i = 0; i < n; ++i)
      image = times(image, extents[2 + i]);
    SmallVector<Value> init{none, Lowering::lowest(b, loc, elem), zero};
    Value best = loop(b, 0, {}, init)[2];
    return arith::IndexCastOp::create(b, loc, i64, sum(image, best));
  });
}

static LogicalResult lowerMaxPool(Operation *op, Lowering &l) {
  if (negativePads(op))
    return l.fail(op, "negative pads");
  Type elem = Lowering::elem(op->getOperand(0));
  bool last = channelsLast(op), isUnsigned = Lowering::isUnsigned(elem);
  Value x = l.in(op, 0);
  if (Lowering::wants(op, 1)) {
    Value first = last ? toChannelsFirst(l, x) : x;
    Dims kernel;
    for (int64_t k : intsAttr(op, "kernel_shape"))
      kernel.push_back(l.idx(k));
    Window win = windowOf(op, l, spatialDims(l, first, false), kernel);
    Value indices = maxIndices(op, l, first, elem, win);
    l.set(op, 1, last ? toChannelsLast(l, indices) : indices);
  }
  if (!last)
    x = toChannelsLast(l, x);
  Value lowest = Lowering::lowest(l.b, l.loc(), elem);
  Value y = poolCore(l, x, elem, poolWindow(op, l, x), lowest, elem, lowest,
                     [&](OpBuilder &b, Location loc, ValueRange v) { return maximum(b, loc, v[0], v[1], isUnsigned); });
  l.set(op, 0, last ? y : toChannelsFirst(l, y));
  return success();
}

/// Number of elements that count in each window of spatial dim i, as an f32 or
/// f64 vector over the outputs.
static Value counts(Lowering &l, const Window &win, size_t i, OpFoldResult in, bool includePad, Type acc) {
  OpFoldResult first = includePad ? l.sub(l.idx(0), win.low[i]) : l.idx(0);
  OpFoldResult end = includePad ? l.add(in, win.asked[i]) : in;
  Value firstV = l.value(first), endV = l.value(end), low = l.value(win.low[i]), kernel = l.value(win.kernel[i]);
  return l.generate({win.out[i]}, acc, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    Value stride = arith::ConstantIndexOp::create(b, loc, win.strides[i]);
    Value dilation = arith::ConstantIndexOp::create(b, loc, win.dilations[i]);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value start = arith::SubIOp::create(b, loc, arith::MulIOp::create(b, loc, at[0], stride), low);
    // Taps k with first <= start + k*dilation < end.
    Value skip = arith::CeilDivSIOp::create(b, loc, arith::SubIOp::create(b, loc, firstV, start), dilation);
    Value stop = arith::CeilDivSIOp::create(b, loc, arith::SubIOp::create(b, loc, endV, start), dilation);
    skip = arith::MaxSIOp::create(b, loc, skip, zero);
    stop = arith::MinSIOp::create(b, loc, stop, kernel);
    Value count = arith::MaxSIOp::create(b, loc, arith::SubIOp::create(b, loc, stop, skip),
                                         arith::ConstantIndexOp::create(b, loc, 1));
    return arith::SIToFPOp::create(b, loc, acc, arith::IndexCastOp::create(b, loc, b.getI64Type(), count));
  });
}

static LogicalResult lowerAveragePool(Operation *op, Lowering &l) {
  if (negativePads(op))
    return l.fail(op, "negative pads");
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  bool last = channelsLast(op), includePad = intAttr(op, "count_include_pad", 0) != 0;
  Value x = l.in(op, 0);
  if (!last)
    x = toChannelsLast(l, x);
  Window win = poolWindow(op, l, x);
  Dims in = spatialDims(l, x, true);
  size_t n = win.rank();
  Value zero = Lowering::scalar(l.b, l.loc(), elem, 0), accZero = Lowering::scalar(l.b, l.loc(), acc, 0);
  Value y = poolCore(l, x, elem, win, zero, acc, accZero,
                     [](OpBuilder &b, Location loc, ValueRange v) { return plus(b, loc, v[1], v[0]); });
  // Windows that lie inside everywhere share one constant; others multiply the
  // counts of their dims.
  double whole = 1;
  SmallVector<Value> ins{y};
  SmallVector<Type> elems{acc};
  for (size_t i = 0; i < n; ++i) {
    auto low = Lowering::staticDim(win.low[i]), high = Lowering::staticDim(win.high[i]),
         asked = Lowering::staticDim(win.asked[i]), kernel = Lowering::staticDim(win.kernel[i]);
    if (low && high && asked && (includePad ? *high <= *asked : *low == 0 && *high == 0)) {
      whole *= double(*kernel);
      continue;
    }
    Value c = counts(l, win, i, in[i], includePad, acc);
    SmallVector<int64_t> axes;
    for (size_t a = i + 1; a < n + 1; ++a)
      axes.push_back(int64_t(a - i));
    ins.push_back(l.unsqueeze(c, axes));
    elems.push_back(acc);
  }
  y = l.map(ins, elems, elem, [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    Value count = Lowering::scalar(b, loc, acc, whole);
    if (v.size() == 1)
      return arith::MulFOp::create(b, loc, v[0], Lowering::scalar(b, loc, acc, 1.0 / whole));
    for (Value c : v.drop_front())
      count = arith::MulFOp::create(b, loc, count, c);
    return arith::DivFOp::create(b, loc, v[0], count);
  });
  l.set(op, 0, last ? y : toChannelsFirst(l, y));
  return success();
}

static LogicalResult lowerLpPool(Operation *op, Lowering &l) {
  if (negativePads(op))
    return l.fail(op, "negative pads");
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  int64_t p = intAttr(op, "p", 2);
  bool last = channelsLast(op);
  Value x = l.in(op, 0);
  if (!last)
    x = toChannelsLast(l, x);
  Value zero = Lowering::scalar(l.b, l.loc(), elem, 0), accZero = Lowering::scalar(l.b, l.loc(), acc, 0);
  Value y = poolCore(l, x, elem, poolWindow(op, l, x), zero, acc, accZero,
                     [&](OpBuilder &b, Location loc, ValueRange v) {
                       return plus(b, loc, v[1], absPower(b, loc, v[0], p));
                     });
  y = l.map({y}, {acc}, elem, [&](OpBuilder &b, Location loc, ValueRange v) { return root(b, loc, v[0], p); });
  l.set(op, 0, last ? y : toChannelsFirst(l, y));
  return success();
}

/// Reduction over all spatial dims, which stay as unit dims.
static Value globalPool(Operation *op, Lowering &l, Type accElem, Value init, ScalarFn combine) {
  Value x = l.in(op, 0);
  int64_t rank = Lowering::rank(x), first = channelsLast(op) ? 1 : 2;
  SmallVector<int64_t> axes;
  for (int64_t i = 0; i < rank - 2; ++i)
    axes.push_back(first + i);
  return l.unsqueeze(l.reduce(x, Lowering::elem(op->getOperand(0)), axes, accElem, init, combine), axes);
}

static LogicalResult lowerGlobalAveragePool(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  Value y = globalPool(op, l, acc, Lowering::scalar(l.b, l.loc(), acc, 0),
                       [](OpBuilder &b, Location loc, ValueRange v) { return plus(b, loc, v[1], v[0]); });
  OpFoldResult count = l.product(spatialDims(l, l.in(op, 0), channelsLast(op)));
  auto fixed = Lowering::staticDim(count);
  Value countV = fixed ? Value() : l.value(count);
  y = l.map({y}, {acc}, elem, [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    if (fixed)
      return arith::MulFOp::create(b, loc, v[0], Lowering::scalar(b, loc, acc, 1.0 / double(*fixed)));
    Value c = arith::IndexCastOp::create(b, loc, b.getI64Type(), countV);
    return arith::DivFOp::create(b, loc, v[0], arith::SIToFPOp::create(b, loc, acc, c));
  });
  l.set(op, 0, y);
  return success();
}

static LogicalResult lowerGlobalMaxPool(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0));
  bool isUnsigned = Lowering::isUnsigned(elem);
  l.set(op, 0,
        globalPool(op, l, elem, Lowering::lowest(l.b, l.loc(), elem), [&](OpBuilder &b, Location loc, ValueRange v) {
          return maximum(b, loc, v[0], v[1], isUnsigned);
        }));
  return success();
}

static LogicalResult lowerGlobalLpPool(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  int64_t p = intAttr(op, "p", 2);
  Value y = globalPool(op, l, acc, Lowering::scalar(l.b, l.loc(), acc, 0),
                       [&](OpBuilder &b, Location loc, ValueRange v) {
                         return plus(b, loc, v[1], absPower(b, loc, v[0], p));
                       });
  l.set(op, 0, l.map({y}, {acc}, elem, [&](OpBuilder &b, Location loc, ValueRange v) { return root(b, loc, v[0], p); }));
  return success();
}

/// Scatters x to the flat indices of the pooled tensor's input shape; a larger
/// output_shape leaves zeros at the ends.
static LogicalResult lowerMaxUnpool(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0)), indexElem = Lowering::elem(op->getOperand(1));
  bool last = channelsLast(op);
  Value x = l.in(op, 0), indices = l.in(op, 1);
  if (last) {
    x = toChannelsFirst(l, x);
    indices = toChannelsFirst(l, indices);
  }
  Dims xd = l.dims(x), shape{xd[0], xd[1]};
  size_t n = xd.size() - 2;
  SmallVector<int64_t> kernel = intsAttr(op, "kernel_shape"), strides = intsAttr(op, "strides", n, 1),
                       pads = intsAttr(op, "pads", 2 * n, 0);
  for (size_t i = 0; i < n; ++i)
    shape.push_back(l.add(l.mul(l.sub(xd[2 + i], l.idx(1)), l.idx(strides[i])),
                          l.idx(kernel[i] - pads[i] - pads[n + i])));
  OpFoldResult count = l.product(xd), total = l.product(shape);
  Value flatX = l.reshape(x, {count}), flatI = l.reshape(indices, {count});
  Value init = l.fill({total}, elem, Lowering::scalar(l.b, l.loc(), elem, 0));
  OpBuilder &b = l.b;
  Location loc = l.loc();
  Value zero = l.index(0), one = l.index(1);
  Value top = arith::SubIOp::create(b, loc, l.value(total), one);
  if (l.options.clampIndices)
    l.checkReadable(total, {count}, "the result");
  else
    l.checkElements(flatI, c64(l, 0), dim64(l, total), ONNXC_INDEX_OUT_OF_RANGE, Lowering::operandName(op, 1),
                    "an index into \2 elements", dim64(l, total));
  auto loop = scf::ForOp::create(b, loc, zero, l.value(count), one, ValueRange{init});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value i = loop.getInductionVar();
    Value to = Lowering::at(b, loc, flatI, {i}, indexElem);
    to = arith::IndexCastOp::create(b, loc, b.getIndexType(), to);
    to = arith::MaxSIOp::create(b, loc, zero, arith::MinSIOp::create(b, loc, to, top));
    Value v = tensor::ExtractOp::create(b, loc, flatX, ValueRange{i});
    Value next = tensor::InsertOp::create(b, loc, v, loop.getRegionIterArg(0), ValueRange{to});
    scf::YieldOp::create(b, loc, next);
  }
  Value y = l.reshape(loop.getResult(0), shape);
  if (Lowering::has(op, 2)) {
    auto wanted = l.intsAsDims(op->getOperand(2));
    if (!wanted || wanted->size() != shape.size())
      return l.fail(op, "the length of output_shape is unknown");
    Dims low(shape.size(), l.idx(0)), high;
    for (size_t i = 0; i < shape.size(); ++i)
      high.push_back(l.max(l.sub((*wanted)[i], shape[i]), l.idx(0)));
    y = l.pad(y, low, high, elem, Lowering::scalar(l.b, l.loc(), elem, 0));
  }
  l.set(op, 0, last ? toChannelsLast(l, y) : y);
  return success();
}

/// Maximum over a pooled_shape grid of every region; regions are in input
/// coordinates scaled by spatial_scale, rounded, and at least one cell large.
static LogicalResult lowerMaxRoiPool(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0));
  if (channelsLast(op))
    return l.fail(op, "layout NHWC");
  Value x = l.in(op, 0), rois = l.in(op, 1);
  SmallVector<int64_t> pooled = intsAttr(op, "pooled_shape");
  double scale = floatAttr(op, "spatial_scale", 1.0);
  Dims xd = l.dims(x);
  SmallVector<Value> extent{l.value(xd[0]), l.value(xd[1]), l.value(xd[2]), l.value(xd[3])};
  Type roiElem = Lowering::elem(op->getOperand(1)), i64 = l.b.getI64Type();
  if (!l.options.clampIndices) {
    Value batches = l.generate({l.dim(rois, 0)}, i64, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
      Value v = Lowering::at(b, loc, rois, {at[0], arith::ConstantIndexOp::create(b, loc, 0)}, roiElem);
      return arith::FPToSIOp::create(b, loc, i64, v);
    });
    l.checkElements(batches, c64(l, 0), dim64(l, xd[0]), ONNXC_INDEX_OUT_OF_RANGE, Lowering::operandName(op, 1),
                    "an index into \2 images", dim64(l, xd[0]));
  }
  Value y = l.generate(
      {l.dim(rois, 0), xd[1], l.idx(pooled[0]), l.idx(pooled[1])}, elem,
      [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
        Type f32 = b.getF32Type(), i64 = b.getI64Type(), index = b.getIndexType();
        auto constant = [&](int64_t v) -> Value { return arith::ConstantIndexOp::create(b, loc, v); };
        Value zero = constant(0), one = constant(1);
        auto field = [&](int64_t i) -> Value {
          Value v = Lowering::at(b, loc, rois, {at[0], constant(i)}, Lowering::elem(op->getOperand(1)));
          return isa<Float32Type>(v.getType()) ? v : Value(arith::TruncFOp::create(b, loc, f32, v));
        };
        auto toIndex = [&](Value v) -> Value {
          return arith::IndexCastOp::create(b, loc, index, arith::FPToSIOp::create(b, loc, i64, v));
        };
        auto corner = [&](int64_t i) -> Value { // rounds half away from zero
          Value v = arith::MulFOp::create(b, loc, field(i), Lowering::scalar(b, loc, f32, scale));
          return toIndex(math::RoundOp::create(b, loc, v));
        };
        Value batch = toIndex(field(0));
        Value lastBatch = arith::SubIOp::create(b, loc, extent[0], one);
        batch = arith::MaxSIOp::create(b, loc, zero, arith::MinSIOp::create(b, loc, batch, lastBatch));
        Value from[2], to[2];
        for (int d = 0; d < 2; ++d) { // rois are (batch, x1, y1, x2, y2)
          Value start = corner(2 - d), end = corner(4 - d);
          Value size = arith::AddIOp::create(b, loc, arith::SubIOp::create(b, loc, end, start), one);
          size = arith::MaxSIOp::create(b, loc, size, one);
          Value cells = constant(pooled[d]), cell = at[2 + d];
          Value lo = arith::FloorDivSIOp::create(b, loc, arith::MulIOp::create(b, loc, cell, size), cells);
          Value next = arith::AddIOp::create(b, loc, cell, one);
          Value hi = arith::CeilDivSIOp::create(b, loc, arith::MulIOp::create(b, loc, next, size), cells);
          auto clamp = [&](Value v) -> Value {
            v = arith::AddIOp::create(b, loc, v, start);
            return arith::MaxSIOp::create(b, loc, zero, arith::MinSIOp::create(b, loc, v, extent[2 + d]));
          };
          from[d] = clamp(lo);
          to[d] = clamp(hi);
        }
        Value lowest = Lowering::lowest(b, loc, elem);
        auto rows = scf::ForOp::create(b, loc, from[0], to[0], one, ValueRange{lowest});
        OpBuilder rb = OpBuilder::atBlockEnd(rows.getBody());
        auto cols = scf::ForOp::create(rb, loc, from[1], to[1], one, rows.getRegionIterArgs());
        OpBuilder cb = OpBuilder::atBlockEnd(cols.getBody());
        Value v = Lowering::at(cb, loc, x, {batch, at[1], rows.getInductionVar(), cols.getInductionVar()}, elem);
        scf::YieldOp::create(cb, loc, ValueRange{maximum(cb, loc, v, cols.getRegionIterArg(0), false)});
        scf::YieldOp::create(rb, loc, cols.getResults());
        Value empty = arith::OrIOp::create(b, loc,
                                           arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, to[0], from[0]),
                                           arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle, to[1], from[1]));
        return arith::SelectOp::create(b, loc, empty, Lowering::scalar(b, loc, elem, 0), rows.getResult(0));
      });
  l.set(op, 0, y);
  return success();
}

void registerPooling(Registry &r) {
  r.add("onnx.MaxPool", lowerMaxPool);
  r.add("onnx.AveragePool", lowerAveragePool);
  r.add("onnx.LpPool", lowerLpPool);
  r.add("onnx.GlobalAveragePool", lowerGlobalAveragePool);
  r.add("onnx.GlobalMaxPool", lowerGlobalMaxPool);
  r.add("onnx.GlobalLpPool", lowerGlobalLpPool);
  r.add("onnx.MaxUnpool", lowerMaxUnpool);
  r.add("onnx.MaxRoiPool", lowerMaxRoiPool);
}

} // namespace onnxc::lower
