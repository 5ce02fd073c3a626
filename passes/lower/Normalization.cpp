// Normalisations: moments by reductions, then one elementwise pass.
#include "passes/lower/Attributes.h"
#include "passes/lower/Families.h"
#include "passes/lower/ScalarBuilder.h"
#include "passes/lower/Window.h"

using namespace mlir;

namespace onnxc::lower {

using S = ScalarBuilder;

//===----------------------------------------------------------------------===//
// Shared
//===----------------------------------------------------------------------===//

/// Number of elements along `axes` as a scalar of `elem`, at the insertion point.
static Value countOf(Lowering &l, Value x, ArrayRef<int64_t> axes, Type elem) {
  OpFoldResult n = l.idx(1);
  for (int64_t a : axes)
    n = l.mul(n, l.dim(x, a));
  return countAs(l.b, l.loc(), n, elem);
}

/// Mean over `axes`, those dims dropped, in the accumulator type.
static Value meanOver(Lowering &l, Value x, Type elem, ArrayRef<int64_t> axes) {
  Type acc = wide(elem);
  Value n = countOf(l, x, axes, acc);
  Value total = l.reduce(x, elem, axes, acc, Lowering::scalar(l.b, l.loc(), acc, 0),
                         [&](OpBuilder &b, Location loc, ValueRange v) { return S(b, loc, acc).accumulate(v[0], v[1]); });
  return l.map({total}, {acc}, acc, [&](OpBuilder &b, Location loc, ValueRange v) { return S(b, loc, acc).div(v[0], n); });
}

/// Mean of (x - mean)^2 over `axes`; of x^2 when `mean` is null.
static Value variance(Lowering &l, Value x, Type elem, Value mean, ArrayRef<int64_t> axes) {
  Type acc = wide(elem);
  Value n = countOf(l, x, axes, acc);
  SmallVector<Value> along;
  SmallVector<Type> alongElems;
  if (mean) {
    along.push_back(mean);
    alongElems.push_back(acc);
  }
  Value total = reduceWith(l, x, elem, along, alongElems, axes, acc, Lowering::scalar(l.b, l.loc(), acc, 0),
                           [&](OpBuilder &b, Location loc, ValueRange v) {
                             S s(b, loc, acc);
                             Value d = mean ? s.sub(v[0], v[1]) : v[0];
                             return s.accumulate(s.mul(d, d), v.back());
                           });
  return l.map({total}, {acc}, acc, [&](OpBuilder &b, Location loc, ValueRange v) { return S(b, loc, acc).div(v[0], n); });
}

/// 1 / sqrt(variance + epsilon)
static Value inverseDeviation(Lowering &l, Value variance, Type acc, double epsilon) {
  return l.map({variance}, {acc}, acc, [&](OpBuilder &b, Location loc, ValueRange v) {
    S s(b, loc, acc);
    return s.reciprocal(s.sqrt(s.add(v[0], s.num(epsilon))));
  });
}

/// How `t` broadcasts to `rank` dims, right-aligned: static unit dims stand still.
static AffineMap broadcastMap(Lowering &l, Value t, int64_t rank) {
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0, own = Lowering::rank(t); i < own; ++i)
    exprs.push_back(Lowering::staticDim(l.dim(t, i)) == 1 ? l.b.getAffineConstantExpr(0)
                                                           : l.b.getAffineDimExpr(rank - own + i));
  return AffineMap::get(rank, 0, exprs, l.b.getContext());
}

/// One element type to another, elementwise.
static Value convertTo(Lowering &l, Value x, Type from, Type to) {
  if (from == to)
    return x;
  return l.map({x}, {from}, to,
               [&](OpBuilder &b, Location loc, ValueRange v) { return Lowering::convert(b, loc, v[0], from, to); });
}

static int64_t channelAxis(Operation *op, int64_t rank) { return channelsLast(op) ? rank - 1 : std::min<int64_t>(1, rank - 1); }

/// The map of a per-channel vector.
static AffineMap channelMap(Lowering &l, Operation *op, int64_t rank) {
  return AffineMap::get(rank, 0, l.b.getAffineDimExpr(channelAxis(op, rank)), l.b.getContext());
}

static LogicalResult checkFloat(Operation *op, Lowering &l) {
  return isa<FloatType>(Lowering::elem(op->getOperand(0))) ? success() : l.fail(op, "only float tensors are supported");
}

//===----------------------------------------------------------------------===//
// BatchNormalization
//===----------------------------------------------------------------------===//

/// y = a x + c with per-channel a = scale / sqrt(var + epsilon) and
/// c = B - mean a.  In training mode mean and var are those of the batch, and
/// the running ones are blended with them by `momentum`.
static LogicalResult lowerBatchNormalization(Operation *op, Lowering &l) {
  if (failed(checkFloat(op, l)))
    return failure();
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  int64_t rank = Lowering::rank(x);
  if (rank == 0)
    return l.fail(op, "a scalar has no channels");
  if (!intAttr(op, "training_mode", 0) && (Lowering::wants(op, 1) || Lowering::wants(op, 2)))
    return l.fail(op, "attribute 'training_mode': got 0, wanted 1 for the outputs running_mean and running_var");
  double epsilon = floatAttr(op, "epsilon", 1e-5), momentum = floatAttr(op, "momentum", 0.9);
  SmallVector<Value> params;
  for (unsigned i = 1; i <= 4; ++i)
    params.push_back(convertTo(l, l.in(op, i), Lowering::elem(op->getOperand(i)), acc));
  Value scale = params[0], bias = params[1], mean = params[2], var = params[3];

  if (intAttr(op, "training_mode", 0)) {
    SmallVector<int64_t> axes;
    for (int64_t d = 0; d < rank; ++d)
      if (d != channelAxis(op, rank))
        axes.push_back(d);
    Value batchMean = meanOver(l, x, elem, axes), batchVar = variance(l, x, elem, batchMean, axes);
    auto blend = [&](unsigned result, Value running, Value batch) {
      if (!Lowering::wants(op, result))
        return;
      Type out = Lowering::elem(op->getResult(result));
      l.set(op, result, l.map({running, batch}, {acc, acc}, out, [&](OpBuilder &b, Location loc, ValueRange v) {
              S s(b, loc, acc);
              Value r = s.add(s.mul(v[0], s.num(momentum)), s.mul(v[1], s.num(1 - momentum)));
              return Lowering::convert(b, loc, r, acc, out);
            }));
    };
    blend(1, mean, batchMean);
    blend(2, var, batchVar);
    mean = batchMean;
    var = batchVar;
  }

  SmallVector<Type> two(2, acc), three(3, acc);
  Value a = l.map({scale, var}, two, acc, [&](OpBuilder &b, Location loc, ValueRange v) {
    S s(b, loc, acc);
    return s.div(v[0], s.sqrt(s.add(v[1], s.num(epsilon))));
  });
  Value c = l.map({bias, mean, a}, three, acc, [&](OpBuilder &b, Location loc, ValueRange v) {
    S s(b, loc, acc);
    return s.sub(v[0], s.mul(v[1], v[2]));
  });
  AffineMap all = l.b.getMultiDimIdentityMap(rank), channel = channelMap(l, op, rank);
  l.set(op, 0, mapWith(l, l.dims(x), {x, a, c}, {all, channel, channel}, {elem, acc, acc}, elem,
                       [&](OpBuilder &b, Location loc, ValueRange v) {
                         S s(b, loc, acc);
                         return s.add(s.mul(v[0], v[1]), v[2]);
                       }));
  return success();
}

//===----------------------------------------------------------------------===//
// InstanceNormalization
//===----------------------------------------------------------------------===//

/// y = (x - mean) (scale / sqrt(var + epsilon)) + B, moments per sample and channel.
static LogicalResult lowerInstanceNormalization(Operation *op, Lowering &l) {
  if (failed(checkFloat(op, l)))
    return failure();
  Value x = l.in(op, 0), scale = l.in(op, 1), bias = l.in(op, 2);
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  int64_t rank = Lowering::rank(x), channel = channelAxis(op, rank);
  if (rank < 2)
    return l.fail(op, "the input must have a batch and a channel dim");
  SmallVector<int64_t> axes;
  for (int64_t d = 1; d < rank; ++d)
    if (d != channel)
      axes.push_back(d);
  Value mean = meanOver(l, x, elem, axes), var = variance(l, x, elem, mean, axes);
  Value inverse = inverseDeviation(l, var, acc, floatAttr(op, "epsilon", 1e-5));
  Value a = l.map({inverse, scale}, {acc, elem}, acc,
                  [&](OpBuilder &b, Location loc, ValueRange v) { return S(b, loc, acc).mul(v[0], v[1]); });
  AffineMap all = l.b.getMultiDimIdentityMap(rank), sample = projection(l.b.getContext(), rank, axes);
  l.set(op, 0, mapWith(l, l.dims(x), {x, mean, a, bias}, {all, sample, sample, channelMap(l, op, rank)},
                       {elem, acc, acc, elem}, elem, [&](OpBuilder &b, Location loc, ValueRange v) {
                         S s(b, loc, acc);
                         return s.add(s.mul(s.sub(v[0], v[1]), v[2]), v[3]);
                       }));
  return success();
}

//===----------------------------------------------------------------------===//
// LayerNormalization, RMSNormalization
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> axesFrom(int64_t axis, int64_t rank) {
  SmallVector<int64_t> axes;
  for (int64_t d = axis; d < rank; ++d)
    axes.push_back(d);
  return axes;
}

/// y = (x - mean) / sqrt(var + epsilon) * Scale + B over the dims from `axis` on.
static LogicalResult lowerLayerNormalization(Operation *op, Lowering &l) {
  if (failed(checkFloat(op, l)))
    return failure();
  Value x = l.in(op, 0), scale = l.in(op, 1);
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  int64_t rank = Lowering::rank(x);
  SmallVector<int64_t> axes = axesFrom(l.axis(intAttr(op, "axis", -1), rank), rank);
  Value mean = meanOver(l, x, elem, axes), var = variance(l, x, elem, mean, axes);
  Value inverse = inverseDeviation(l, var, acc, floatAttr(op, "epsilon", 1e-5));

  AffineMap all = l.b.getMultiDimIdentityMap(rank), row = projection(l.b.getContext(), rank, axes);
  Type scaleElem = Lowering::elem(op->getOperand(1));
  SmallVector<Value> ins{x, mean, inverse, scale};
  SmallVector<AffineMap> maps{all, row, row, broadcastMap(l, scale, rank)};
  SmallVector<Type> elems{elem, acc, acc, scaleElem};
  bool hasBias = Lowering::has(op, 2);
  if (hasBias) {
    Value bias = l.in(op, 2);
    ins.push_back(bias);
    maps.push_back(broadcastMap(l, bias, rank));
    elems.push_back(Lowering::elem(op->getOperand(2)));
  }
  l.set(op, 0, mapWith(l, l.dims(x), ins, maps, elems, elem, [&](OpBuilder &b, Location loc, ValueRange v) {
          S s(b, loc, acc);
          Value y = s.mul(s.mul(s.sub(v[0], v[1]), v[2]), Lowering::convert(b, loc, v[3], scaleElem, acc));
          return hasBias ? s.add(y, Lowering::convert(b, loc, v[4], elems[4], acc)) : y;
        }));
  for (auto [i, v] : {std::pair<unsigned, Value>{1, mean}, {2, inverse}})
    if (Lowering::wants(op, i))
      l.set(op, i, l.unsqueeze(convertTo(l, v, acc, Lowering::elem(op->getResult(i))), axes));
  return success();
}

/// y = x / sqrt(mean(x^2) + epsilon) * scale over the dims from `axis` on.
static LogicalResult lowerRMSNormalization(Operation *op, Lowering &l) {
  if (failed(checkFloat(op, l)))
    return failure();
  Value x = l.in(op, 0), scale = l.in(op, 1);
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  Type scaleElem = Lowering::elem(op->getOperand(1)), out = Lowering::elem(op->getResult(0));
  int64_t rank = Lowering::rank(x);
  SmallVector<int64_t> axes = axesFrom(l.axis(intAttr(op, "axis", -1), rank), rank);
  Value inverse =
      inverseDeviation(l, variance(l, x, elem, Value(), axes), acc, floatAttr(op, "epsilon", 1e-5));
  AffineMap all = l.b.getMultiDimIdentityMap(rank), row = projection(l.b.getContext(), rank, axes);
  l.set(op, 0, mapWith(l, l.dims(x), {x, inverse, scale}, {all, row, broadcastMap(l, scale, rank)},
                       {elem, acc, scaleElem}, out, [&](OpBuilder &b, Location loc, ValueRange v) {
                         S s(b, loc, acc);
                         Value y = s.mul(s.mul(v[0], v[1]), Lowering::convert(b, loc, v[2], scaleElem, acc));
                         return Lowering::convert(b, loc, y, acc, out);
                       }));
  return success();
}

//===----------------------------------------------------------------------===//
// LpNormalization, LRN
//===----------------------------------------------------------------------===//

/// x / |x|_p along one axis; 0 where the norm is 0.
static LogicalResult lowerLpNormalization(Operation *op, Lowering &l) {
  if (failed(checkFloat(op, l)))
    return failure();
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  int64_t rank = Lowering::rank(x), axis = l.axis(intAttr(op, "axis", -1), rank), p = intAttr(op, "p", 2);
  if (p != 1 && p != 2)
    return l.fail(op, "p must be 1 or 2");
  Value total = l.reduce(x, elem, {axis}, acc, Lowering::scalar(l.b, l.loc(), acc, 0),
                         [&](OpBuilder &b, Location loc, ValueRange v) {
                           S s(b, loc, acc);
                           return s.accumulate(p == 1 ? s.abs(v[0]) : s.mul(v[0], v[0]), v[1]);
                         });
  AffineMap all = l.b.getMultiDimIdentityMap(rank), row = projection(l.b.getContext(), rank, {axis});
  l.set(op, 0, mapWith(l, l.dims(x), {x, total}, {all, row}, {elem, acc}, elem,
                       [&](OpBuilder &b, Location loc, ValueRange v) {
                         S s(b, loc, acc);
                         Value norm = p == 1 ? v[1] : s.sqrt(v[1]);
                         return s.select(s.eq(norm, s.num(0)), s.num(0), s.div(v[0], norm));
                       }));
  return success();
}

/// y = x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels)^beta
///
/// The window is `size` shifted views of x, padded by zeros along the channels.
static LogicalResult lowerLRN(Operation *op, Lowering &l) {
  if (failed(checkFloat(op, l)))
    return failure();
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  int64_t rank = Lowering::rank(x), axis = channelAxis(op, rank), size = intAttr(op, "size", 1);
  if (size < 1 || size > 4096)
    return l.fail(op, "size: got " + Twine(size) + ", wanted 1 to 4096");
  double alpha = floatAttr(op, "alpha", 1e-4), beta = floatAttr(op, "beta", 0.75), bias = floatAttr(op, "bias", 1);
  Dims dims = l.dims(x), low(rank, l.idx(0)), high(rank, l.idx(0)), ones(rank, l.idx(1));
  low[axis] = l.idx((size - 1) / 2);
  high[axis] = l.idx(size / 2);
  Value padded = l.pad(x, low, high, elem, Lowering::scalar(l.b, l.loc(), acc, 0));
  SmallVector<Value> ins{x};
  for (int64_t k = 0; k < size; ++k) {
    Dims offsets(rank, l.idx(0));
    offsets[axis] = l.idx(k);
    ins.push_back(l.slice(padded, offsets, dims, ones));
  }
  SmallVector<AffineMap> maps(ins.size(), l.b.getMultiDimIdentityMap(rank));
  SmallVector<Type> elems(ins.size(), elem);
  l.set(op, 0, mapWith(l, dims, ins, maps, elems, elem, [&](OpBuilder &b, Location loc, ValueRange v) {
          S s(b, loc, acc);
          Value total = s.mul(v[1], v[1]);
          for (Value n : v.drop_front(2))
            total = s.add(total, s.mul(n, n));
          Value base = s.add(s.num(bias), s.mul(s.num(alpha / size), total));
          // The usual exponent needs no logarithm.
          Value divisor = beta == 0.75 ? s.mul(s.sqrt(base), s.sqrt(s.sqrt(base))) : s.pow(base, s.num(beta));
          return s.div(v[0], divisor);
        }));
  return success();
}

void registerNormalization(Registry &r) {
  r.add("onnx.BatchNormalization", lowerBatchNormalization);
  r.add("onnx.InstanceNormalization", lowerInstanceNormalization);
  r.add("onnx.LayerNormalization", lowerLayerNormalization);
  r.add("onnx.RMSNormalization", lowerRMSNormalization);
  r.add("onnx.LpNormalization", lowerLpNormalization);
  r.add("onnx.LRN", lowerLRN);
}

} // namespace onnxc::lower
