// DeformConv: the taps of every window are sampled at shifted positions into
// columns (n, oh, ow, (ci, kh, kw)); a 1x1 convolution over them does the rest.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Convolution.h"
#include "passes/lower/ScalarBuilder.h"

using namespace mlir;

namespace onnxc::lower {

static LogicalResult lowerDeformConv(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  Value x = l.in(op, 0), w = l.in(op, 1), offset = l.in(op, 2);
  if (Lowering::rank(x) != 4 || channelsLast(op))
    return l.fail(op, "only 2-D images in layout NCHW are supported");
  Value mask = Lowering::has(op, 4) ? l.in(op, 4) : Value();
  Dims xd = l.dims(x), wd = l.dims(w), od = l.dims(offset);
  SmallVector<int64_t> strides = intsAttr(op, "strides", 2, 1), dilations = intsAttr(op, "dilations", 2, 1),
                       pads = intsAttr(op, "pads", 4, 0);
  int64_t offsetGroups = intAttr(op, "offset_group", 1);
  OpFoldResult taps = l.mul(wd[2], wd[3]);
  Value perGroup = l.value(l.floorDiv(xd[1], l.idx(offsetGroups))), tapsV = l.value(taps), width = l.value(wd[3]);
  Value extent[2] = {l.value(xd[2]), l.value(xd[3])};

  Dims columns{xd[0], od[2], od[3], xd[1], wd[2], wd[3]};
  Value cols = l.generate(columns, acc, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    ScalarBuilder s(b, loc, acc);
    auto constant = [&](int64_t v) -> Value { return arith::ConstantIndexOp::create(b, loc, v); };
    auto plusIndex = [&](Value p, Value q) -> Value { return arith::AddIOp::create(b, loc, p, q); };
    auto times = [&](Value p, Value q) -> Value { return arith::MulIOp::create(b, loc, p, q); };
    Value group = arith::DivUIOp::create(b, loc, at[3], perGroup);
    Value tap = plusIndex(times(group, tapsV), plusIndex(times(at[4], width), at[5]));
    Value first[2], part[2];
    for (int d = 0; d < 2; ++d) {
      Value channel = plusIndex(times(tap, constant(2)), constant(d));
      Value shift = Lowering::at(b, loc, offset, {at[0], channel, at[1], at[2]}, elem);
      Value base = plusIndex(times(at[1 + d], constant(strides[d])), times(at[4 + d], constant(dilations[d])));
      base = plusIndex(base, constant(-pads[d]));
      Value real = arith::SIToFPOp::create(b, loc, acc, arith::IndexCastOp::create(b, loc, b.getI64Type(), base));
      Value p = s.add(real, shift);
      p = s.min(s.max(s.select(s.isNaN(p), s.num(-1e6), p), s.num(-1e6)), s.num(1e9));
      Value floor = math::FloorOp::create(b, loc, p);
      part[d] = s.sub(p, floor);
      Value whole = arith::FPToSIOp::create(b, loc, b.getI64Type(), floor);
      first[d] = arith::IndexCastOp::create(b, loc, b.getIndexType(), whole);
    }
    Value sum, zero = constant(0), one = constant(1);
    for (int corner = 0; corner < 4; ++corner) {
      Value inside, weight;
      SmallVector<Value> from{at[0], at[3]};
      for (int d = 0; d < 2; ++d) {
        bool next = d ? corner & 1 : corner & 2;
        Value i = next ? plusIndex(first[d], one) : first[d];
        Value last = arith::SubIOp::create(b, loc, extent[d], one);
        Value ok = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, i, last); // negative is large
        inside = inside ? s.both(inside, ok) : ok;
        from.push_back(arith::MaxSIOp::create(b, loc, zero, arith::MinSIOp::create(b, loc, i, last)));
        Value factor = next ? part[d] : s.sub(s.num(1), part[d]);
        weight = weight ? s.mul(weight, factor) : factor;
      }
      Value v = s.select(inside, s.mul(Lowering::at(b, loc, x, from, elem), weight), s.num(0));
      sum = sum ? s.add(sum, v) : v;
    }
    return mask ? s.mul(sum, Lowering::at(b, loc, mask, {at[0], tap, at[1], at[2]}, elem)) : sum;
  });
  Value image = l.reshape(cols, {xd[0], od[2], od[3], l.mul(xd[1], taps)});
  OpFoldResult one = l.idx(1), none = l.idx(0);
  Value kernel = l.reshape(widen(l, w, elem), {wd[0], l.mul(wd[1], taps), one, one});
  Window win{{1, 1}, {1, 1}, {one, one}, {none, none}, {none, none}, {od[2], od[3]}, {none, none}};
  Value y = convCore(l, image, kernel, acc, win, intAttr(op, "group", 1));
  if (Lowering::has(op, 3))
    y = l.map({y, l.in(op, 3)}, {acc, elem}, elem,
              [](OpBuilder &b, Location loc, ValueRange v) { return plus(b, loc, v[0], v[1]); });
  else
    y = narrow(l, y, elem);
  l.set(op, 0, toChannelsFirst(l, y));
  return success();
}

void registerDeformConv(Registry &r) { r.add("onnx.DeformConv", lowerDeformConv); }

} // namespace onnxc::lower
