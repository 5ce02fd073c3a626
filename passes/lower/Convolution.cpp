// Conv: one contraction in channels-last order,
//   y(n, o..., co) = sum over k..., ci of x(n, o*stride + k*dilation..., ci) * w(co, ci, k...)
// with the padding stored around x, and bias and conversions as elementwise
// computations behind it.  An op whose layout is NCHW is transposed around it.
#include "passes/lower/Convolution.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Families.h"

using namespace mlir;

namespace onnxc::lower {

void registerConvTranspose(Registry &r);
void registerDeformConv(Registry &r);

void setConvResult(Lowering &l, Operation *op, Value y, Type elem, bool channelsLast) {
  if (Lowering::has(op, 2))
    y = l.map({y, l.in(op, 2)}, {getElementTypeOrSelf(y.getType()), elem}, elem,
              [](OpBuilder &b, Location loc, ValueRange v) { return plus(b, loc, v[0], v[1]); });
  else
    y = narrow(l, y, elem);
  l.set(op, 0, channelsLast ? y : toChannelsFirst(l, y));
}

Dims spatialDims(Lowering &l, Value x, bool channelsLast) {
  Dims all = l.dims(x);
  int64_t first = channelsLast ? 1 : 2;
  return Dims(all.begin() + first, all.begin() + first + (all.size() - 2));
}

Dims kernelDims(Lowering &l, Value w) {
  Dims all = l.dims(w);
  return Dims(all.begin() + 2, all.end());
}

namespace {

/// Iterators of a convolution: n, o..., channel dims..., | k..., ci.
struct Iterators {
  MLIRContext *ctx;
  size_t spatial, channels, reduced; ///< `reduced` is 1 when ci is a loop
  AffineExpr n() const { return getAffineDimExpr(0, ctx); }
  AffineExpr o(size_t i) const { return getAffineDimExpr(1 + i, ctx); }
  AffineExpr channel(size_t i) const { return getAffineDimExpr(1 + spatial + i, ctx); }
  AffineExpr k(size_t i) const { return getAffineDimExpr(1 + spatial + channels + i, ctx); }
  AffineExpr ci() const { return getAffineDimExpr(1 + 2 * spatial + channels, ctx); }
  size_t total() const { return 1 + 2 * spatial + channels + reduced; }
  AffineMap map(ArrayRef<AffineExpr> exprs) const { return AffineMap::get(total(), 0, exprs, ctx); }
  SmallVector<utils::IteratorType> types() const {
    SmallVector<utils::IteratorType> t(total(), utils::IteratorType::parallel);
    std::fill(t.begin() + 1 + spatial + channels, t.end(), utils::IteratorType::reduction);
    return t;
  }
};

} // namespace

Value convCore(Lowering &l, Value x, Value w, Type elem, const Window &win, int64_t group, ProductFn product, Value padding,
               ValueRange scalars) {
  size_t spatial = win.rank();
  Value zero = Lowering::scalar(l.b, l.loc(), elem, 0);
  x = padWindow(l, x, win, padding ? padding.getType() : elem, padding ? padding : zero);
  Dims xd = l.dims(x), wd = l.dims(w);
  OpFoldResult ci = xd.back(), co = wd[0], ciPerGroup = wd[1];

  // Channel dims of x (after the spatial ones), of w (before the kernel ones)
  // and of y, by kind of convolution.
  bool depthwise = group > 1 && Lowering::staticDim(ciPerGroup) == 1 && Lowering::staticDim(co) == group;
  bool grouped = group > 1 && !depthwise;
  Iterators it{l.b.getContext(), spatial, grouped ? size_t(2) : size_t(1), depthwise ? size_t(0) : size_t(1)};
  SmallVector<AffineExpr> xMap{it.n()}, wMap, yMap{it.n()};
  for (size_t i = 0; i < spatial; ++i) {
    xMap.push_back(it.o(i) * win.strides[i] + it.k(i) * win.dilations[i]);
    yMap.push_back(it.o(i));
  }
  Dims yd{xd[0]};
  yd.append(win.out);
  if (depthwise) {
    xMap.push_back(it.channel(0));
    wMap = {it.channel(0), getAffineConstantExpr(0, it.ctx)};
    yMap.push_back(it.channel(0));
    yd.push_back(co);
  } else if (grouped) {
    OpFoldResult g = l.idx(group), coPerGroup = l.floorDiv(co, g);
    Dims split(xd.begin(), xd.end() - 1);
    split.append({g, l.floorDiv(ci, g)});
    x = l.reshape(x, split);
    Dims wSplit{g, coPerGroup};
    wSplit.append(wd.begin() + 1, wd.end());
    w = l.reshape(w, wSplit);
    xMap.append({it.channel(0), it.ci()});
    wMap = {it.channel(0), it.channel(1), it.ci()};
    yMap.append({it.channel(0), it.channel(1)});
    yd.append({g, coPerGroup});
  } else {
    xMap.push_back(it.ci());
    wMap = {it.channel(0), it.ci()};
    yMap.push_back(it.channel(0));
    yd.push_back(co);
  }
  for (size_t i = 0; i < spatial; ++i)
    wMap.push_back(it.k(i));

  SmallVector<Value> ins{x, w};
  SmallVector<AffineMap> maps{it.map(xMap), it.map(wMap)};
  ins.append(scalars.begin(), scalars.end());
  maps.append(scalars.size(), it.map({}));
  maps.push_back(it.map(yMap));
  Value y = l.generic(ins, l.fill(yd, elem, zero), maps, it.types(), [&](OpBuilder &b, Location loc, ValueRange v) {
    return product(b, loc, v[0], v[1], v.back(), v.drop_front(2).drop_back());
  });
  if (!grouped)
    return y;
  Dims joined(yd.begin(), yd.end() - 2);
  joined.push_back(co);
  return l.reshape(y, joined);
}

static LogicalResult lowerConv(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0));
  if (!isa<FloatType>(elem))
    return l.fail(op, "element type is not a float");
  Value x = l.in(op, 0), w = l.in(op, 1);
  for (int64_t p : intsAttr(op, "pads"))
    if (p < 0)
      return l.fail(op, "negative pads");
  bool last = channelsLast(op);
  if (!last)
    x = toChannelsLast(l, x);
  Type acc = wide(elem);
  Window win = windowOf(op, l, spatialDims(l, x, true), kernelDims(l, w));
  Value y = convCore(l, widen(l, x, elem), widen(l, w, elem), acc, win, intAttr(op, "group", 1));
  setConvResult(l, op, y, elem, last);
  return success();
}

void registerConvolution(Registry &r) {
  r.add("onnx.Conv", lowerConv);
  registerConvTranspose(r);
  registerDeformConv(r);
}

} // namespace onnxc::lower
