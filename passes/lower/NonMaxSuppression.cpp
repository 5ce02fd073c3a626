// Lowering of NonMaxSuppression: per batch and class, the boxes above the
// score threshold by descending score, each kept unless it overlaps a kept one.
#include "dialects/onnx/Onnx.h"
#include "passes/lower/Families.h"
#include "passes/lower/Scalars.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using P = arith::CmpIPredicate;

namespace onnxc::lower {

namespace {
/// A box as ordered corners.
struct Corners {
  Value x0, x1, y0, y1;
};

/// f32 (or f64) arithmetic at the insertion point.
struct Floats {
  OpBuilder &b;
  Location loc;
  Value add(Value a, Value c) { return arith::AddFOp::create(b, loc, a, c); }
  Value sub(Value a, Value c) { return arith::SubFOp::create(b, loc, a, c); }
  Value mul(Value a, Value c) { return arith::MulFOp::create(b, loc, a, c); }
  Value div(Value a, Value c) { return arith::DivFOp::create(b, loc, a, c); }
  Value max(Value a, Value c) { return arith::MaximumFOp::create(b, loc, a, c); }
  Value min(Value a, Value c) { return arith::MinimumFOp::create(b, loc, a, c); }
  Value greater(Value a, Value c) { return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, a, c); }
  Value both(Value a, Value c) { return arith::AndIOp::create(b, loc, a, c); }
};
} // namespace

static Corners readBox(Lowering &l, Value boxes, Type elem, Value batch, Value box, bool center) {
  Floats f{l.b, l.loc()};
  Value v[4];
  for (int i = 0; i < 4; ++i)
    v[i] = Lowering::at(l.b, l.loc(), boxes, {batch, box, l.index(i)}, elem);
  if (!center) // y, x of two opposite corners
    return {f.min(v[1], v[3]), f.max(v[1], v[3]), f.min(v[0], v[2]), f.max(v[0], v[2])};
  Value half = Lowering::scalar(l.b, l.loc(), elem, 0.5);
  Value w = f.mul(v[2], half), h = f.mul(v[3], half); // x, y of the centre, width, height
  return {f.sub(v[0], w), f.add(v[0], w), f.sub(v[1], h), f.add(v[1], h)};
}

/// Intersection over union above the threshold; empty boxes overlap nothing.
static Value overlaps(Lowering &l, const Corners &p, const Corners &q, Value threshold, Type elem) {
  Floats f{l.b, l.loc()};
  Value zero = Lowering::scalar(l.b, l.loc(), elem, 0);
  Value w = f.sub(f.min(p.x1, q.x1), f.max(p.x0, q.x0)), h = f.sub(f.min(p.y1, q.y1), f.max(p.y0, q.y0));
  Value common = f.mul(w, h);
  auto area = [&](const Corners &c) { return f.mul(f.sub(c.x1, c.x0), f.sub(c.y1, c.y0)); };
  Value a = area(p), c = area(q), joined = f.sub(f.add(a, c), common);
  Value meet = f.both(f.greater(w, zero), f.greater(h, zero));
  Value real = f.both(f.both(f.greater(a, zero), f.greater(c, zero)), f.greater(joined, zero));
  return f.both(f.both(meet, real), f.greater(f.div(common, joined), threshold));
}

static LogicalResult lowerNonMaxSuppression(onnx::NonMaxSuppressionOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  Value boxes = l.in(op, 0), scores = l.in(op, 1);
  Type elem = Lowering::elem(op.getBoxes()), index = b.getIndexType(), i64 = b.getI64Type();
  bool center = op.getCenterPointBox() != 0;
  l.checkEqual(l.dim(boxes, 0), l.dim(scores, 0), "dim 0 of " + Lowering::operandName(op, 0));
  l.checkEqual(l.dim(boxes, 1), l.dim(scores, 2), "dim 1 of " + Lowering::operandName(op, 0));
  OpFoldResult batches = l.dim(scores, 0), classes = l.dim(scores, 1), n = l.dim(boxes, 1);
  auto number = [&](unsigned i) -> Value {
    if (!Lowering::has(op, i))
      return Lowering::scalar(b, loc, elem, 0);
    return Lowering::load(b, loc, scalarOf(l, l.in(op, i)), elem);
  };
  Value overlap = number(3), lowest = number(4);
  bool filtered = Lowering::has(op, 4);

  Value quota = c64(l, 0);
  if (Lowering::has(op, 2)) {
    auto given = Lowering::constInts(op.getMaxOutputBoxesPerClass());
    quota = given && given->size() == 1 ? c64(l, given->front()) : scalarOf(l, l.in(op, 2));
  }
  OpFoldResult most = asDim(l, min64(l, max64(l, quota, c64(l, 0)), dim64(l, n)));
  Value limit = l.value(most), length = l.value(n), zero = l.index(0), one = l.index(1);

  // One row more than can be selected: a candidate is always written, and the
  // count advances only if it is kept.  Likewise for the kept boxes of a class.
  OpFoldResult rows = l.add(l.mul(l.mul(batches, classes), most), l.idx(1)), slots = l.add(n, l.idx(1));
  Values inits{zero, l.empty({rows, l.idx(3)}, i64), l.empty({slots}, index), l.empty({slots}, index),
               l.empty({slots}, index)};
  Values r = forNest(l, {batches, classes}, inits, [&](ValueRange ivs, ValueRange s) {
    Value batch = ivs[0], cls = ivs[1];
    auto score = [&](Value i) { return Lowering::at(b, loc, scores, {batch, cls, i}, elem); };

    // Candidates, by descending score; equal scores by ascending index.
    Values found = forLoop(l, zero, length, {zero, s[2]}, [&](Value i, ValueRange t) {
      Value out = insert(l, i, t[1], t[0]);
      Value step = one;
      if (filtered) {
        Value above = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, score(i), lowest);
        step = arith::IndexCastUIOp::create(b, loc, index, above);
      }
      return Values{arith::AddIOp::create(b, loc, t[0], step), out};
    });
    Value candidates = found[0];
    auto [order, scratch] = sortIndices(l, found[1], s[3], candidates,
                                        [&](Value i, Value j) { return lessThan(b, loc, score(j), score(i), elem); });
    Value sorted = order;

    // A for loop, not a while: it carries the lists in place.  Once the class has
    // its fill the candidates left are skipped without a comparison.
    Values kept = forLoop(l, zero, candidates, {zero, s[0], s[1], s[4]}, [&](Value p, ValueRange t) {
      Value box = extract(l, sorted, p), keptCount = t[0], keptList = t[3];
      Value room = arith::CmpIOp::create(b, loc, P::slt, keptCount, limit);
      Value rivals = arith::SelectOp::create(b, loc, room, keptCount, zero);
      Corners mine = readBox(l, boxes, elem, batch, box, center);
      Value no = arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
      Value hit = whileLoop(
          l, {zero, no},
          [&](ValueRange u) -> Value {
            Value more = arith::CmpIOp::create(b, loc, P::slt, u[0], rivals);
            Value clear = arith::CmpIOp::create(b, loc, P::eq, u[1], no);
            return arith::AndIOp::create(b, loc, more, clear);
          },
          [&](ValueRange u) {
            Corners other = readBox(l, boxes, elem, batch, extract(l, keptList, u[0]), center);
            return Values{arith::AddIOp::create(b, loc, u[0], one), overlaps(l, mine, other, overlap, elem)};
          })[1];
      Value yes = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
      Value keep = arith::AndIOp::create(b, loc, room, arith::XOrIOp::create(b, loc, hit, yes).getResult());
      Value step = arith::IndexCastUIOp::create(b, loc, index, keep);
      Value out = t[2];
      for (auto [column, v] : llvm::enumerate(Values{batch, cls, box}))
        out = insert(l, arith::IndexCastOp::create(b, loc, i64, v), out, {t[1], l.index(column)});
      return Values{arith::AddIOp::create(b, loc, keptCount, step), arith::AddIOp::create(b, loc, t[1], step), out,
                    insert(l, box, keptList, keptCount)};
    });
    return Values{kept[1], kept[2], order, scratch, kept[3]};
  });
  Dims size{OpFoldResult(r[0]), l.idx(3)};
  l.set(op, 0, l.slice(r[1], {l.idx(0), l.idx(0)}, refine(size, op.getType()), {l.idx(1), l.idx(1)}));
  return success();
}

void registerNonMaxSuppression(Registry &r) { r.add<onnx::NonMaxSuppressionOp>(lowerNonMaxSuppression); }

} // namespace onnxc::lower
