// Lowering of ops that rank or select elements: TopK and Unique.  Both sort
// index lists; see sortIndices in Scalars.h.
#include "dialects/onnx/Onnx.h"
#include "passes/lower/Families.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using P = arith::CmpIPredicate;

namespace onnxc::lower {

static Type storedElem(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

static Value asI64(Lowering &l, Value index) {
  return arith::IndexCastOp::create(l.b, l.loc(), l.b.getI64Type(), index);
}

/// order[i] = i for i < n.
static Value ascending(Lowering &l, Value order, Value n) {
  return forLoop(l, l.index(0), n, order, [&](Value i, ValueRange s) { return Values{insert(l, i, s[0], i)}; })[0];
}

// ---- TopK -----------------------------------------------------------------

/// The operand as [outer, n, inner] around the axis; each of its outer * inner
/// rows is sorted as a list of indices, and the first k are taken.
static LogicalResult lowerTopK(onnx::TopKOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op.getX()), stored = storedElem(x), indexType = b.getIndexType(), i64 = b.getI64Type();
  int64_t axis = l.axis(int64_t(op.getAxis()), Lowering::rank(x));
  bool largest = op.getLargest() != 0;

  Dims dims = l.dims(x);
  ArrayRef<OpFoldResult> all(dims);
  OpFoldResult outer = l.product(all.take_front(axis)), n = dims[axis], inner = l.product(all.drop_front(axis + 1));
  auto requested = ints64(l, op.getK());
  if (!requested || requested->size() != 1)
    return l.fail(op, "K must hold one element");
  l.checkBetween(requested->front(), 0, n, Lowering::operandName(op, 1) + " (k)", ONNXC_SHAPE_MISMATCH);
  OpFoldResult k = l.min(asDim(l, max64(l, requested->front(), c64(l, 0))), n);
  Dims out = dims;
  out[axis] = k;
  out = refine(out, op.getResult(0).getType());
  k = out[axis];

  Value rows = l.reshape(x, {outer, n, inner});
  Value length = l.value(n);
  Values inits{l.empty({outer, k, inner}, stored), l.empty({outer, k, inner}, i64), l.empty({n}, indexType),
               l.empty({n}, indexType)};
  Values r = forNest(l, {outer, inner}, inits, [&](ValueRange ivs, ValueRange s) {
    auto value = [&](Value i) { return Lowering::at(b, loc, rows, {ivs[0], i, ivs[1]}, elem); };
    // Ties keep the lower index first, as the sort is stable.
    auto before = [&](Value i, Value j) {
      return largest ? comesBefore(b, loc, value(j), value(i), elem) : comesBefore(b, loc, value(i), value(j), elem);
    };
    auto [order, scratch] = sortIndices(l, ascending(l, s[2], length), s[3], length, before);
    Value sorted = order;
    Values taken = forLoop(l, l.index(0), l.value(k), {s[0], s[1]}, [&](Value j, ValueRange t) {
      Value i = extract(l, sorted, j);
      Values to{ivs[0], j, ivs[1]};
      Value values = insert(l, extract(l, rows, {ivs[0], i, ivs[1]}), t[0], to);
      return Values{values, insert(l, asI64(l, i), t[1], to)};
    });
    return Values{taken[0], taken[1], order, scratch};
  });
  l.set(op, 0, l.reshape(r[0], out));
  l.set(op, 1, l.reshape(r[1], out));
  return success();
}

// ---- Unique ---------------------------------------------------------------

namespace {
/// Slices of equal content, in the order of the result.
struct Groups {
  Value first;   ///< index: where each group first occurs
  Value size;    ///< i64: members
  Value inverse; ///< i64: group of each slice
  Value count;   ///< number of groups, index
};
} // namespace

/// -1, 0 or 1 as slice i is less than, equal to or greater than slice j of
/// `slices` [n, m]: the first element that differs decides.
static Value compareSlices(Lowering &l, Value slices, Type elem, Value i, Value j) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  Value m = l.value(l.dim(slices, 1)), one = l.index(1);
  auto read = [&](Value row, Value e) { return Lowering::at(b, loc, slices, {row, e}, elem); };
  auto sign = [&](Value a, Value c) -> Value {
    Value minus = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(-1));
    Value zero = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
    Value plus = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(1));
    Value upper = arith::SelectOp::create(b, loc, comesBefore(b, loc, c, a, elem), plus, zero);
    return arith::SelectOp::create(b, loc, comesBefore(b, loc, a, c, elem), minus, upper);
  };
  if (Lowering::staticDim(l.dim(slices, 1)) == 1)
    return sign(read(i, l.index(0)), read(j, l.index(0)));
  Value zero = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
  return whileLoop(
      l, {l.index(0), zero},
      [&](ValueRange s) -> Value {
        Value more = arith::CmpIOp::create(b, loc, P::slt, s[0], m);
        Value same = arith::CmpIOp::create(b, loc, P::eq, s[1], zero);
        return arith::AndIOp::create(b, loc, more, same);
      },
      [&](ValueRange s) {
        return Values{arith::AddIOp::create(b, loc, s[0], one), sign(read(i, s[0]), read(j, s[0]))};
      })[1];
}

/// Groups in ascending order of content: neighbours in the sorted order that
/// are equal form a group, whose first member comes first.
static Groups groupSorted(Lowering &l, Value slices, Type elem) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  OpFoldResult n = l.dim(slices, 0);
  Value length = l.value(n), one64 = c64(l, 1), zero = l.index(0), one = l.index(1);
  Value order = ascending(l, l.empty({n}, b.getIndexType()), length);
  auto compare = [&](Value i, Value j) { return compareSlices(l, slices, elem, i, j); };
  auto before = [&](Value i, Value j) -> Value {
    Value nothing = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
    return arith::CmpIOp::create(b, loc, P::slt, compare(i, j), nothing);
  };
  order = sortIndices(l, order, l.empty({n}, b.getIndexType()), length, before).first;

  Values inits{zero, l.empty({n}, b.getIndexType()), l.empty({n}, b.getI64Type()), l.empty({n}, b.getI64Type())};
  Values r = forLoop(l, zero, length, inits, [&](Value p, ValueRange s) {
    Value i = extract(l, order, p);
    Value isFirst = arith::CmpIOp::create(b, loc, P::eq, p, zero);
    Value previous = arith::MaxSIOp::create(b, loc, arith::SubIOp::create(b, loc, p, one).getResult(), zero);
    Value nothing = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
    Value differs =
        arith::CmpIOp::create(b, loc, P::ne, compare(extract(l, order, previous), i), nothing);
    Value opens = arith::OrIOp::create(b, loc, isFirst, differs);
    Value step = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), opens);
    Value count = arith::AddIOp::create(b, loc, s[0], step);
    Value group = arith::SubIOp::create(b, loc, count, one);
    Value first = arith::SelectOp::create(b, loc, opens, i, extract(l, s[1], group));
    Value grown = arith::AddIOp::create(b, loc, extract(l, s[2], group), one64);
    Value size = arith::SelectOp::create(b, loc, opens, one64, grown);
    return Values{count, insert(l, first, s[1], group), insert(l, size, s[2], group),
                  insert(l, asI64(l, group), s[3], i)};
  });
  return {r[1], r[2], r[3], r[0]};
}

/// The same groups, in order of first occurrence.
static Groups byOccurrence(Lowering &l, const Groups &g, OpFoldResult n) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  Type index = b.getIndexType();
  Value zero = l.index(0), one = l.index(1), length = l.value(n);
  auto group = [&](Value i) -> Value {
    return arith::IndexCastOp::create(b, loc, index, extract(l, g.inverse, i));
  };
  // A slice that is the first of its group gives it the next number; every
  // slot is written, and only firsts advance.
  Value room = arith::AddIOp::create(b, loc, length, one);
  OpFoldResult slots(room);
  Values inits{zero, l.empty({slots}, index), l.empty({slots}, b.getI64Type()), l.empty({n}, b.getI64Type())};
  Values r = forLoop(l, zero, length, inits, [&](Value i, ValueRange s) {
    Value old = group(i);
    Value isFirst = arith::CmpIOp::create(b, loc, P::eq, extract(l, g.first, old), i);
    Value number = arith::SelectOp::create(b, loc, isFirst, asI64(l, s[0]), extract(l, s[3], old));
    Value step = arith::IndexCastUIOp::create(b, loc, index, isFirst);
    return Values{arith::AddIOp::create(b, loc, s[0], step), insert(l, i, s[1], s[0]),
                  insert(l, extract(l, g.size, old), s[2], s[0]), insert(l, number, s[3], old)};
  });
  Value numbers = r[3];
  Value inverse = forLoop(l, zero, length, l.empty({n}, b.getI64Type()), [&](Value i, ValueRange s) {
    return Values{insert(l, extract(l, numbers, group(i)), s[0], i)};
  })[0];
  return {r[1], r[2], inverse, g.count};
}

static LogicalResult lowerUnique(onnx::UniqueOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op.getX()), stored = storedElem(x), i64 = b.getI64Type();
  if (!elem.isIntOrFloat())
    return l.fail(op, "this element type is not supported");

  // Slices along the axis become the rows of a matrix [n, m].
  Dims moved;
  SmallVector<int64_t> back;
  Value rows;
  if (op.getAxis()) {
    int64_t r = Lowering::rank(x), axis = l.axis(int64_t(*op.getAxis()), r);
    SmallVector<int64_t> perm{axis};
    back.push_back(0);
    for (int64_t i = 0; i < r; ++i)
      if (i != axis)
        perm.push_back(i);
    back.assign(r, 0);
    for (int64_t i = 0; i < r; ++i)
      back[perm[i]] = i;
    rows = l.transpose(x, perm);
    moved = l.dims(rows);
    rows = l.reshape(rows, {moved[0], l.product(ArrayRef<OpFoldResult>(moved).drop_front())});
  } else {
    moved = {l.product(l.dims(x))};
    back = {0};
    rows = l.reshape(x, {moved[0], l.idx(1)});
  }

  OpFoldResult n = l.dim(rows, 0);
  Groups groups = groupSorted(l, rows, elem);
  if (!op.getSorted())
    groups = byOccurrence(l, groups, n);

  OpFoldResult count(groups.count);
  Dims out = moved;
  out[0] = count;
  Value first = groups.first;
  Value y = l.generate({count, l.dim(rows, 1)}, stored, [&](OpBuilder &nb, Location loc, ValueRange ivs) {
    Value row = tensor::ExtractOp::create(nb, loc, first, ivs[0]);
    return Lowering::at(nb, loc, rows, {row, ivs[1]}, stored);
  });
  l.set(op, 0, l.transpose(l.reshape(y, out), back));
  if (Lowering::wants(op, 1))
    l.set(op, 1, l.generate({count}, i64, [&](OpBuilder &nb, Location loc, ValueRange ivs) -> Value {
      return arith::IndexCastOp::create(nb, loc, i64, tensor::ExtractOp::create(nb, loc, first, ivs).getResult());
    }));
  if (Lowering::wants(op, 2))
    l.set(op, 2, groups.inverse);
  if (Lowering::wants(op, 3))
    l.set(op, 3, l.slice(groups.size, {l.idx(0)}, {count}, {l.idx(1)}));
  return success();
}

void registerSelection(Registry &r) {
  r.add<onnx::TopKOp>(lowerTopK);
  r.add<onnx::UniqueOp>(lowerUnique);
  registerNonMaxSuppression(r);
}

} // namespace onnxc::lower
