// Rows of an 8-bit operand, copied ahead of all columns that read them.
//
// Instructions that multiply halves want 16-bit operands. A row is widened once
// instead of once for each column, loses its zero point on the way, and gets
// zeros where it reads padding, so that the loop over the reduction behind it
// is one run for all tiles. Instructions that multiply bytes get a copy of them,
// with the zero point for padding; blocks get two rows side by side.
#include "passes/schedule/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc {

/// Words or vectors that are copied without a loop, and per iteration of one.
static constexpr int64_t kStraightUnits = 8, kUnitsAtOnce = 4;

std::pair<size_t, int64_t> contiguousFrom(const LoopNest &nest, const Access &a, ArrayRef<int> reductions, bool interior) {
  size_t level = reductions.size();
  int64_t length = 1;
  auto clipped = [&](int d) { return llvm::any_of(a.windows, [&](const Window &w) { return w.coeff[d] != 0; }); };
  while (level && (interior || !clipped(reductions[level - 1])) && getConstantIntValue(a.coeff[reductions[level - 1]]) == length)
    length *= *nest.loops[reductions[--level]].size();
  return {level, length};
}

/// for (iv = from; iv < to; iv += step) body(iv)
static void counted(OpBuilder &b, Location loc, Value from, Value to, Value step, function_ref<void(Value)> body) {
  auto f = scf::ForOp::create(b, loc, from, to, step);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(f.getBody()->getTerminator());
  body(f.getInductionVar());
}

void TileEmitter::fillRows(unsigned count) {
  const Operand &a = operands[t.dot->product.a];
  rowsFilled = count;
  int64_t scale = t.dot->groupStep(count) / t.dot->form->group;
  unsigned together = t.dot->rowsTogether();
  auto fill = [&](bool interior) {
    /// The row, or part of a pair of rows, in row `r` of the panel.
    auto row = [&](Value r, RowPart part) {
      Value source = addConst(mul(r, b.getIndexAttr(together)), part == RowPart::Second);
      Value from = t.tileLoop < 0 ? a.base : add(a.base, mul(source, a.access->coeff[t.tileLoop]));
      Value to = mul(r, b.getIndexAttr(t.dot->rowStep()));
      if (t.dot->blocks() && part == RowPart::Second)
        to = addConst(to, t.dot->form->group);
      fillRow(0, source, from, to, scale, interior, part);
    };
    auto rowsOf = [&](Value r) {
      if (t.dot->paired() && interior)
        return row(r, RowPart::Both);
      row(r, RowPart::First);
      if (together == 2)
        row(r, RowPart::Second);
    };
    unsigned whole = count / together;
    if (whole == 1)
      rowsOf(zero);
    else if (whole)
      counted(b, loc, zero, index(whole), index(1), rowsOf);
    if (count % together)
      row(index(whole), RowPart::First);
  };
  Value interior = isInterior(rowClips, count);
  if (!interior)
    return fill(true);
  auto either = scf::IfOp::create(b, loc, interior, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(either.thenBlock());
  fill(true);
  b.setInsertionPointToStart(either.elseBlock());
  fill(false);
}

void TileEmitter::fillRow(size_t level, Value row, Value from, Value to, int64_t scale, bool interior, RowPart part) {
  const Access &a = *operands[t.dot->product.a].access;
  auto [inner, length] = contiguousFrom(nest, a, t.reductions, interior);
  if (level >= inner)
    return copyRun(from, to, length, part);
  int d = t.reductions[level];
  int64_t trips = *nest.loops[d].size(), depth = 1;
  for (int r : ArrayRef<int>(t.reductions).drop_front(level + 1))
    depth *= *nest.loops[r].size();
  std::pair<Value, Value> range{zero, index(trips)};
  bool clips = false;
  for (const Clip &c : rowClips)
    if (c.reduction == d && !interior) {
      Value x = c.parallel < 0 ? zero : c.parallel == t.tileLoop ? add(ivs[c.parallel], row) : ivs[c.parallel];
      range = clipped(c, x, range);
      clips = true;
    }
  auto within = [&](Value iv) { return add(to, mul(iv, b.getIndexAttr(depth * scale))); };
  auto zeros = [&](Value first, Value end) {
    if (t.dot->paired() && part == RowPart::Second)
      return; // the first row of the pair left zeros
    int64_t step = t.dot->wholeGroups ? t.dot->form->group : 1;
    auto type = VectorType::get({step}, b.getIntegerType(t.dot->panelBits()));
    Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
    if (Value zeroA = t.dot->copiesBytes() ? zeroPoint() : Value())
      none = vector::BroadcastOp::create(b, loc, type, arith::TruncIOp::create(b, loc, b.getI8Type(), zeroA));
    if (t.dot->copiesBytes())
      none = flipped(none);
    counted(b, loc, mul(first, b.getIndexAttr(depth)), mul(end, b.getIndexAttr(depth)), index(step), [&](Value k) {
      vector::StoreOp::create(b, loc, none, rows.flat, ValueRange{add(to, mul(k, b.getIndexAttr(scale)))});
    });
  };
  if (clips) { // all of it may be padding
    Value end = index(trips);
    range.first = arith::MinSIOp::create(b, loc, range.first, end);
    range.second = arith::MaxSIOp::create(b, loc, range.second, range.first);
    zeros(zero, range.first);
  }
  counted(b, loc, range.first, range.second, index(1),
          [&](Value iv) { fillRow(level + 1, row, add(from, mul(iv, a.coeff[d])), within(iv), scale, interior, part); });
  if (clips)
    zeros(range.second, index(trips));
}

void TileEmitter::copyRun(Value from, Value to, int64_t count, RowPart part) {
  const Dot &dot = *t.dot;
  int64_t group = dot.form->group, unit = dot.form->step == DotForm::Step::Intrinsic ? target.lanes(dot.panelBits()) : group;
  int64_t step = dot.groupStep(rowsFilled) / group * unit, units = count / unit;
  auto copyUnits = [&](Value source, Value place, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
      if (dot.paired())
        copyElement(addConst(source, i), addConst(place, i * step), part);
      else
        copyUnit(addConst(source, i * unit), addConst(place, i * step), unit);
  };
  int64_t looped = units > kStraightUnits ? units / kUnitsAtOnce * kUnitsAtOnce : 0;
  if (looped)
    counted(b, loc, zero, index(looped), index(kUnitsAtOnce), [&](Value n) {
      copyUnits(add(from, mul(n, b.getIndexAttr(unit))), add(to, mul(n, b.getIndexAttr(step))), kUnitsAtOnce);
    });
  copyUnits(addConst(from, looped * unit), addConst(to, looped * step), units - looped);
  int64_t done = 0, rest = count % unit;
  for (int64_t part = unit / 2; dot.copiesBytes() && part >= 4; part /= 2)
    if (rest - done >= part) {
      copyUnit(addConst(from, units * unit + done), addConst(to, units * step + done), part);
      done += part;
    }
  for (int64_t i = done; i < rest; ++i)
    copyElement(addConst(from, units * unit + i), addConst(to, units * step + dot.placeInRow(i)), RowPart::First);
}

void TileEmitter::copyElement(Value from, Value to, RowPart part) {
  const Dot &dot = *t.dot;
  const Operand &a = operands[dot.product.a];
  if (dot.copiesBytes()) {
    memref::StoreOp::create(b, loc, flipped(memref::LoadOp::create(b, loc, a.flat, ValueRange{from})), rows.flat, ValueRange{to});
    return;
  }
  Type i32 = b.getI32Type(), element = b.getIntegerType(dot.panelBits());
  auto widened = [&](Value at) -> Value {
    Value v = memref::LoadOp::create(b, loc, a.flat, ValueRange{at});
    v = dot.product.unsignedA ? arith::ExtUIOp::create(b, loc, i32, v).getResult() : arith::ExtSIOp::create(b, loc, i32, v).getResult();
    if (Value none = zeroPoint())
      v = arith::SubIOp::create(b, loc, v, none);
    return dot.paired() ? arith::ExtSIOp::create(b, loc, element, v).getResult() : arith::TruncIOp::create(b, loc, element, v).getResult();
  };
  auto upper = [&](Value v) -> Value { return arith::ShLIOp::create(b, loc, v, arith::ConstantIntOp::create(b, loc, element, 32)); };
  Value v = widened(from);
  if (part == RowPart::Both) {
    v = arith::AddIOp::create(b, loc, v, upper(widened(add(from, mul(index(1), a.access->coeff[t.tileLoop])))));
  } else if (part == RowPart::Second) {
    auto lower = memref::LoadOp::create(b, loc, rows.flat, ValueRange{to});
    lower.setAlignmentAttr(b.getI64IntegerAttr(8));
    v = arith::AddIOp::create(b, loc, lower, upper(v));
  }
  auto store = memref::StoreOp::create(b, loc, v, rows.flat, ValueRange{to});
  if (dot.paired())
    store.setAlignmentAttr(b.getI64IntegerAttr(8));
}

void TileEmitter::copyUnit(Value from, Value to, int64_t count) {
  const Dot &dot = *t.dot;
  Type i32 = b.getI32Type(), i16 = b.getI16Type();
  Value v = vector::LoadOp::create(b, loc, VectorType::get({count}, b.getI8Type()), operands[dot.product.a].flat, ValueRange{from});
  if (dot.copiesBytes()) {
    vector::StoreOp::create(b, loc, flipped(v), rows.flat, ValueRange{to});
    return;
  }
  auto type = VectorType::get({count}, i16);
  if (dot.form->step != DotForm::Step::DualHalf) {
    v = dot.product.unsignedA ? arith::ExtUIOp::create(b, loc, type, v).getResult() : arith::ExtSIOp::create(b, loc, type, v).getResult();
    if (Value none = zeroPoint())
      v = arith::SubIOp::create(b, loc, v, widen(arith::TruncIOp::create(b, loc, i16, none), count));
    vector::StoreOp::create(b, loc, v, rows.flat, ValueRange{to});
    return;
  }
  // Even and odd elements in two words.
  v = vector::BitCastOp::create(b, loc, VectorType::get({1}, i32), v);
  SmallVector<Value> both = halves(vector::ExtractOp::create(b, loc, v, int64_t(0)), dot.product.unsignedA, negativeHalves());
  auto constant = [&](int64_t k) -> Value { return arith::ConstantIntOp::create(b, loc, k, 32); };
  Value low = constant(0xffff), high = constant(int64_t(0xffff0000)), half = constant(16);
  auto joined = [&](Value x, Value y) -> Value { return arith::OrIOp::create(b, loc, x, y); };
  if (!dot.wholeGroups) // to the first and the last two
    both = {joined(arith::AndIOp::create(b, loc, both[0], low), arith::ShLIOp::create(b, loc, both[1], half)),
            joined(arith::AndIOp::create(b, loc, both[1], high), arith::ShRUIOp::create(b, loc, both[0], half))};
  for (auto [i, pair] : llvm::enumerate(both)) {
    Value word = vector::BroadcastOp::create(b, loc, VectorType::get({1}, i32), pair);
    auto store = vector::StoreOp::create(b, loc, vector::BitCastOp::create(b, loc, VectorType::get({2}, i16), word), rows.flat,
                                         ValueRange{addConst(to, 2 * int64_t(i))});
    if (dot.wholeGroups)
      store.setAlignmentAttr(b.getI64IntegerAttr(4));
  }
}

} // namespace onnxc
