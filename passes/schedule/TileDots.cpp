// Reductions by dot products: groups of 8-bit products added to 32-bit sums.
//
// A word of A, `group` elements that lie next to each other, meets a vector of
// the panel that holds as many elements of each column.  The last group of a
// run is filled up with zeros in the panel; of A only what is there is read.
#include "passes/schedule/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc {

using Step = DotForm::Step;

/// A long run is done in steps of so many groups.
static constexpr int64_t kGroupUnroll = 4;

Value TileEmitter::intrinsic(StringRef name, Type type, ArrayRef<Value> args) {
  return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name), ValueRange(args)).getResult(0);
}

unsigned TileEmitter::dotLanes(unsigned lanes) const {
  const DotForm &form = *t.dot->form;
  return form.step == Step::Intrinsic ? form.variant(lanes)->lanes : lanes;
}

Value TileEmitter::zeroPoint() {
  Value zero = product().zeroA;
  if (!zero)
    return {};
  Operation *def = zero.getDefiningOp();
  if (isa<arith::ConstantOp>(def))
    return b.clone(*def)->getResult(0);
  unsigned input = cast<BlockArgument>(def->getOperand(0)).getArgNumber();
  OperationState state(loc, def->getName(), {load(input, Point(), 1, nullptr)}, {zero.getType()});
  return b.create(state)->getResult(0);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

Value TileEmitter::dotInitial(const Point &p, unsigned lanes) {
  unsigned sums = dotLanes(lanes);
  Value start;
  if (fillValue && !seeding) {
    start = widen(fillValue, sums);
  } else {
    start = initial(p, lanes);
    if (sums > 1 && lanes == 1) {
      start = widen(start, sums);
    } else if (sums > lanes) {
      Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get({int64_t(sums)}, b.getI32Type())));
      start = vector::InsertStridedSliceOp::create(b, loc, start, none, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
    }
  }
  if (!t.dot->corrects)
    return start;
  // (zero point + flip) * sum of the column
  Value factor = zeroPoint(), flip = arith::ConstantIntOp::create(b, loc, t.dot->flip, 32);
  factor = factor && t.dot->flip ? b.createOrFold<arith::AddIOp>(loc, factor, flip) : factor ? factor : flip;
  int64_t bytes = 4 * int64_t(sums);
  Value raw = vector::LoadOp::create(b, loc, VectorType::get({bytes}, b.getI8Type()), operands[t.packed].flat,
                                     ValueRange{addConst(correctionBase, 4 * p.lane)});
  Value columns = vector::BitCastOp::create(b, loc, VectorType::get({int64_t(sums)}, b.getI32Type()), raw);
  if (sums == 1)
    columns = vector::ExtractOp::create(b, loc, columns, int64_t(0));
  Value correction = arith::MulIOp::create(b, loc, columns, widen(factor, sums));
  return arith::SubIOp::create(b, loc, start, correction);
}

Value TileEmitter::dotResult(Value sums, unsigned lanes) {
  auto type = dyn_cast<VectorType>(sums.getType());
  if (!type || type.getNumElements() == int64_t(lanes))
    return sums;
  if (lanes == 1)
    return vector::ExtractOp::create(b, loc, sums, int64_t(0));
  return vector::ExtractStridedSliceOp::create(b, loc, sums, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{int64_t(lanes)},
                                               ArrayRef<int64_t>{1});
}

//===----------------------------------------------------------------------===//
// One group
//===----------------------------------------------------------------------===//

SmallVector<Value> TileEmitter::halves(Value word, bool isUnsigned, Value plus) {
  Type i32 = b.getI32Type();
  auto constant = [&](int64_t v) -> Value { return arith::ConstantIntOp::create(b, loc, v, 32); };
  Value turned = arith::OrIOp::create(b, loc, arith::ShRUIOp::create(b, loc, word, constant(8)),
                                      arith::ShLIOp::create(b, loc, word, constant(24)));
  std::string name = std::string("llvm.arm.") + (isUnsigned ? "u" : "s") + (plus ? "xtab16" : "xtb16");
  SmallVector<Value> out;
  for (Value v : {word, turned}) {
    SmallVector<Value> args;
    if (plus)
      args.push_back(plus);
    args.push_back(v);
    out.push_back(LLVM::CallIntrinsicOp::create(b, loc, i32, b.getStringAttr(name), args).getResult(0));
  }
  return out;
}

Value TileEmitter::negativeHalves() {
  Value zero = zeroPoint();
  if (!zero)
    return {};
  Value none = arith::ConstantIntOp::create(b, loc, 0, 32), low = arith::ConstantIntOp::create(b, loc, 0xffff, 32);
  Value negative = b.createOrFold<arith::SubIOp>(loc, none, zero);
  negative = b.createOrFold<arith::AndIOp>(loc, negative, low);
  return b.createOrFold<arith::MulIOp>(loc, negative, arith::ConstantIntOp::create(b, loc, 0x10001, 32));
}

Value TileEmitter::flipped(Value v) {
  if (!t.dot->flip)
    return v;
  Value mask = arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(-128));
  if (auto type = dyn_cast<VectorType>(v.getType()))
    mask = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getI8IntegerAttr(-128)));
  return arith::XOrIOp::create(b, loc, v, mask);
}

SmallVector<Value> TileEmitter::rowA(unsigned row, int64_t step, unsigned sums) {
  const DotForm &form = *t.dot->form;
  Type i16 = b.getI16Type(), i32 = b.getI32Type();
  Value at = addConst(rows.base, step * t.dot->groupStep(rowsFilled) + row / t.dot->rowsTogether() * t.dot->rowStep());
  SmallVector<Value> out;
  if (t.dot->blocks() || form.step == Step::Reduction) {
    auto type = VectorType::get({t.dot->blocks() ? t.dot->rowStep() : int64_t(form.group)}, b.getI8Type());
    auto load = vector::LoadOp::create(b, loc, type, rows.flat, ValueRange{at});
    load.setAlignmentAttr(b.getI64IntegerAttr(4)); // loads of words reach farther
    return {load};
  }
  if (t.dot->paired()) {
    auto pair = memref::LoadOp::create(b, loc, rows.flat, ValueRange{at});
    pair.setAlignmentAttr(b.getI64IntegerAttr(8)); // more than the type's own
    return {pair};
  }
  for (int64_t i = 0; i < int64_t(form.group) / 2; ++i) {
    auto pair = vector::LoadOp::create(b, loc, VectorType::get({2}, i16), rows.flat, ValueRange{addConst(at, 2 * i)});
    pair.setAlignmentAttr(b.getI64IntegerAttr(4));
    Value word = vector::BitCastOp::create(b, loc, VectorType::get({1}, i32), pair);
    word = vector::ExtractOp::create(b, loc, word, int64_t(0));
    if (form.step == Step::Intrinsic) {
      word = vector::BroadcastOp::create(b, loc, VectorType::get({int64_t(sums)}, i32), word);
      word = vector::BitCastOp::create(b, loc, VectorType::get({2 * int64_t(sums)}, i16), word);
    }
    out.push_back(word);
  }
  return out;
}

SmallVector<Value> TileEmitter::dotA(unsigned row, int64_t step, int64_t rest, unsigned sums, LoadCache &loaded) {
  const Dot &dot = *t.dot;
  const DotForm &form = *dot.form;
  if (dot.rowPanel)
    return rowA(row, step, sums);
  Operand &o = operands[dot.product.a];
  int64_t group = form.group, constant = step * group;
  Value at = o.base;
  if (t.tileLoop >= 0 && row) {
    OpFoldResult c = o.access->coeff[t.tileLoop];
    if (auto k = getConstantIntValue(c))
      constant += *k * row;
    else
      at = add(at, mul(index(row), c));
  }
  at = addConst(at, constant);
  auto bytes = [&](int64_t count) { return VectorType::get({count}, b.getI8Type()); };
  auto read = [&](int64_t count, Value where) -> Value {
    return vector::LoadOp::create(b, loc, bytes(count), o.flat, ValueRange{where});
  };
  Type half = b.getI16Type();
  auto extend = [&](Value v) -> Value {
    auto type = VectorType::get(cast<VectorType>(v.getType()).getShape(), half);
    return dot.product.unsignedA ? arith::ExtUIOp::create(b, loc, type, v).getResult()
                                 : arith::ExtSIOp::create(b, loc, type, v).getResult();
  };

  if (form.step == Step::Reduction) {
    if (!rest)
      return {flipped(read(group, at))};
    SmallVector<bool> there(group, false);
    std::fill(there.begin(), there.begin() + rest, true);
    Value mask = arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(VectorType::get({group}, b.getI1Type()), ArrayRef<bool>(there)));
    Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(bytes(group)));
    return {flipped(vector::MaskedLoadOp::create(b, loc, bytes(group), o.flat, ValueRange{at}, mask, none))};
  }

  // Several groups at once, each a word of one vector.
  if (form.chunk > 1 && !rest && loaded.count({row, -1, 0})) {
    int64_t first = step / form.chunk * form.chunk;
    Value &chunk = loaded[{row, first, 1}];
    if (!chunk) {
      Value from = step == first ? at : arith::SubIOp::create(b, loc, at, index((step - first) * group)).getResult();
      Value v = read(form.chunk * group, from);
      v = form.bits == 16 ? extend(v) : flipped(v);
      chunk = vector::BitCastOp::create(b, loc, VectorType::get({int64_t(form.chunk)}, b.getI32Type()), v);
    }
    SmallVector<int64_t> mask(sums, step - first);
    Value words = vector::ShuffleOp::create(b, loc, chunk, chunk, mask);
    return {vector::BitCastOp::create(b, loc, VectorType::get({int64_t(sums * 32 / form.bits)}, b.getIntegerType(form.bits)), words)};
  }

  Type wordType = b.getIntegerType(8 * group);
  Value word;
  if (!rest) {
    word = vector::BitCastOp::create(b, loc, VectorType::get({1}, wordType), read(group, at));
    word = vector::ExtractOp::create(b, loc, word, int64_t(0));
  } else {
    for (int64_t i = 0; i < rest; ++i) {
      Value byte = memref::LoadOp::create(b, loc, o.flat, ValueRange{addConst(at, i)});
      byte = arith::ExtUIOp::create(b, loc, wordType, byte);
      if (i)
        byte = arith::ShLIOp::create(b, loc, byte, arith::ConstantIntOp::create(b, loc, wordType, 8 * i));
      word = word ? arith::OrIOp::create(b, loc, word, byte).getResult() : byte;
    }
  }
  if (form.step == Step::DualHalf)
    return halves(word, dot.product.unsignedA, negativeHalves());
  Value all = vector::BroadcastOp::create(b, loc, VectorType::get({int64_t(sums)}, wordType), word);
  all = vector::BitCastOp::create(b, loc, bytes(int64_t(sums) * group), all);
  return {form.bits == 16 ? extend(all) : flipped(all)};
}

SmallVector<Value> TileEmitter::dotB(int64_t step, int64_t lane, unsigned sums) {
  const DotForm &form = *t.dot->form;
  Operand &o = operands[t.packed];
  int64_t count = int64_t(form.step == Step::Blocks ? 2 : sums) * form.group;
  int64_t column = t.dot->columnPairs ? lane / 2 * 2 : lane;
  Value at = addConst(o.base, step * form.group * t.width() + column * form.group);
  if (t.dot->columnPairs) {
    SmallVector<Value> out;
    for (int64_t i : {0, 1}) {
      auto load = vector::LoadOp::create(b, loc, VectorType::get({4}, b.getI8Type()), o.flat, ValueRange{addConst(at, 4 * i)});
      load.setAlignmentAttr(b.getI64IntegerAttr(4));
      Value word = vector::ExtractOp::create(b, loc, vector::BitCastOp::create(b, loc, VectorType::get({1}, b.getI32Type()), load), int64_t(0));
      out.push_back(lane % 2 ? word : intrinsic("llvm.arm.sxtb16", b.getI32Type(), {word}));
    }
    return out;
  }
  if (form.step == Step::PairedRows)
    return {arith::ExtSIOp::create(b, loc, b.getI64Type(), memref::LoadOp::create(b, loc, o.flat, ValueRange{at}))};
  auto load = vector::LoadOp::create(b, loc, VectorType::get({count}, b.getI8Type()), o.flat, ValueRange{at});
  Value v = load;
  if (form.group % 4 == 0)
    load.setAlignmentAttr(b.getI64IntegerAttr(4)); // panels are aligned, and made of groups and sums
  if (form.step == Step::DualHalf) {
    v = vector::BitCastOp::create(b, loc, VectorType::get({1}, b.getI32Type()), v);
    return halves(vector::ExtractOp::create(b, loc, v, int64_t(0)), /*isUnsigned=*/false, {});
  }
  if (form.step == Step::Intrinsic && form.bits == 16)
    v = arith::ExtSIOp::create(b, loc, VectorType::get({count}, b.getI16Type()), v);
  return {v};
}

Value TileEmitter::dotStep(ArrayRef<Value> a, ArrayRef<Value> w, Value acc) {
  const DotForm &form = *t.dot->form;
  Type type = acc.getType();
  switch (form.step) {
  case Step::DualHalf:
    for (auto [x, y] : llvm::zip_equal(a, w))
      acc = intrinsic("llvm.arm.smlad", type, {x, y, acc});
    return acc;
  case Step::Reduction: {
    // Operands: whether unsigned, subtracting, exchanging; the sum; the vectors.
    Value no = arith::ConstantIntOp::create(b, loc, 0, 32);
    return intrinsic("llvm.arm.mve.vmldava.v16i8", type, {no, no, no, acc, a[0], w[0]});
  }
  case Step::PairedRows:
    return arith::AddIOp::create(b, loc, acc, arith::MulIOp::create(b, loc, a[0], w[0]));
  case Step::Blocks:
  case Step::Intrinsic:
    break;
  }
  const DotForm::Variant &variant = *form.variant(cast<VectorType>(type).getNumElements());
  const char *name = variant.mixed && t.dot->product.unsignedA ? variant.mixed : variant.intrinsic;
  if (form.adds)
    return intrinsic(name, type, form.aLast ? ArrayRef<Value>{acc, w[0], a[0]} : ArrayRef<Value>{acc, a[0], w[0]});
  return arith::AddIOp::create(b, loc, acc, intrinsic(name, type, {a[0], w[0]}));
}

void TileEmitter::wordStep(const Point &p, MutableArrayRef<Value> accs) {
  auto words = [&](unsigned input, int64_t count) -> Value {
    return vector::BitCastOp::create(b, loc, VectorType::get({count}, b.getI32Type()), load(input, p, kWordColumns, nullptr));
  };
  Value four = vector::ExtractOp::create(b, loc, words(product().a, 1), int64_t(0)), pairs = words(product().b, 2);
  SmallVector<Value> x = halves(four, product().unsignedA, negativeHalves());
  Value w[] = {vector::ExtractOp::create(b, loc, pairs, int64_t(0)), vector::ExtractOp::create(b, loc, pairs, int64_t(1))};
  for (int odd : {0, 1})
    for (auto [column, name] : {std::pair(odd, "llvm.arm.smlabb"), std::pair(odd + 2, "llvm.arm.smlatt")})
      accs[column] = intrinsic(name, b.getI32Type(), {x[odd], w[odd], accs[column]});
}

//===----------------------------------------------------------------------===//
// The reduction
//===----------------------------------------------------------------------===//

SmallVector<Value> TileEmitter::emitDots(int64_t steps, int64_t rest, ArrayRef<Point> points, ArrayRef<Value> accs) {
  SmallVector<Value> out(accs);
  unsigned sums = 1;
  if (auto type = dyn_cast<VectorType>(accs[0].getType()))
    sums = type.getNumElements();
  LoadCache loaded;
  if (steps % t.dot->form->chunk == 0)
    for (const Point &p : points)
      loaded[{p.row, -1, 0}] = {};
  for (int64_t s = 0; s < steps; ++s) {
    int64_t left = s + 1 == steps ? rest : 0;
    DenseMap<unsigned, SmallVector<Value>> rows;
    DenseMap<int64_t, SmallVector<Value>> columns;
    for (auto [i, p] : llvm::enumerate(points)) {
      if (!rows.count(p.row))
        rows[p.row] = dotA(p.row, s, left, sums, loaded);
      if (!columns.count(p.lane))
        columns[p.lane] = dotB(s, p.lane, sums);
      out[i] = dotStep(rows[p.row], columns[p.lane], out[i]);
    }
  }
  return out;
}

SmallVector<Value> TileEmitter::emitDotReductions(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs) {
  const Dot &dot = *t.dot;
  if (dot.interleaves)
    return emitInterleaved(points, accs);
  int64_t group = dot.form->group, groups = dot.paddedLength() / group, most = (dot.form->step == Step::Intrinsic ? 1 : 2) * target.unrollOps;
  size_t runLevel = t.reductions.size() - dot.run.size();
  if (level < runLevel) {
    int d = t.reductions[level];
    if (isColumnReduction(d))
      return emitColumns(level, points, accs, 1);
    int64_t work = groups * accs.size();
    for (size_t i = level; i < runLevel; ++i)
      work *= *nest.loops[t.reductions[i]].size();
    auto inner = [&](ArrayRef<Value> in) { return emitDotReductions(level + 1, points, in); };
    if (isBoundedReduction(d) || work > most) {
      auto [from, to] = reductionRange(d);
      return reductionLoop(d, from, to, 1, accs, inner);
    }
    SmallVector<Value> current(accs);
    for (int64_t k = 0, n = *nest.loops[d].size(); k < n; ++k) {
      auto saved = savePosition();
      enter(d, index(k));
      current = inner(current);
      restorePosition(saved);
    }
    return current;
  }

  int64_t full = dot.length / group, rest = dot.length % group;
  if (dot.rowPanel) { // filled up, too
    full = groups;
    rest = 0;
  }
  int64_t atOnce = target.smallCode ? 2 : std::max<int64_t>(2, dot.form->sumsAtOnce / accs.size());
  if (dot.rowPanel ? groups <= (target.smallCode ? 1 : 2) * atOnce : groups * int64_t(accs.size()) <= most)
    return emitDots(groups, rest, points, accs);
  auto moveTo = [&](Value position) {
    if (dot.rowPanel)
      rows.base = add(rows.base, mul(position, b.getIndexAttr(dot.groupStep(rowsFilled) / group)));
    else
      operands[dot.product.a].base = add(operands[dot.product.a].base, position);
    operands[t.packed].base = add(operands[t.packed].base, mul(position, b.getIndexAttr(t.width())));
  };
  int64_t step = kGroupUnroll * int64_t(accs.size()) <= most && full >= 2 * kGroupUnroll ? kGroupUnroll : 1;
  if (dot.rowPanel)
    for (int64_t n = step = atOnce; n > atOnce / 2; --n)
      if (full % n < full % step)
        step = n;
  int64_t looped = full / step * step;
  SmallVector<Value> current(accs);
  auto saved = savePosition();
  auto loop = scf::ForOp::create(b, loc, zero, index(looped * group), index(step * group), current);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    moveTo(loop.getInductionVar());
    SmallVector<Value> in(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
    scf::YieldOp::create(b, loc, emitDots(step, 0, points, in));
  }
  restorePosition(saved);
  current.assign(loop.getResults().begin(), loop.getResults().end());
  if (looped < groups) {
    moveTo(index(looped * group));
    current = emitDots(groups - looped, rest, points, current);
    restorePosition(saved);
  }
  return current;
}

Value TileEmitter::interleaved(Value at, int64_t stride, int64_t count, unsigned lanes, unsigned sums) {
  const Dot &dot = *t.dot;
  int64_t group = dot.form->group;
  Type element = b.getIntegerType(dot.form->bits);
  auto vectorOf = [&](int64_t n, Type type) { return VectorType::get({n}, type); };
  SmallVector<Value> rows;
  for (int64_t i = 0; i < group; ++i) {
    if (i >= count) {
      rows.push_back(arith::ConstantOp::create(b, loc, b.getZeroAttr(vectorOf(sums, element))));
      continue;
    }
    // No more is read than there is.
    Value row = vector::LoadOp::create(b, loc, vectorOf(lanes, b.getI8Type()), operands[dot.product.a].flat,
                                       ValueRange{addConst(at, i * stride)});
    if (lanes < sums) {
      Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(vectorOf(sums, b.getI8Type())));
      row = vector::InsertStridedSliceOp::create(b, loc, row, none, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
    }
    if (dot.form->bits == 16)
      row = dot.product.unsignedA ? arith::ExtUIOp::create(b, loc, vectorOf(sums, element), row).getResult()
                                  : arith::ExtSIOp::create(b, loc, vectorOf(sums, element), row).getResult();
    rows.push_back(row);
  }
  // Rows i and i + n/2 meet, until one vector holds all.
  while (rows.size() > 1) {
    size_t n = rows.size() / 2;
    for (size_t i = 0; i < n; ++i)
      rows[i] = vector::InterleaveOp::create(b, loc, rows[i], rows[i + n]);
    rows.resize(n);
  }
  return flipped(rows[0]);
}

SmallVector<Value> TileEmitter::emitInterleaved(ArrayRef<Point> points, ArrayRef<Value> accs) {
  const Dot &dot = *t.dot;
  const Access &a = *operands[dot.product.a].access;
  int64_t group = dot.form->group, groups = dot.paddedLength() / group;
  auto coeff = [&](int d) { return d < 0 ? int64_t(0) : *getConstantIntValue(a.coeff[d]); };
  auto firstType = dyn_cast<VectorType>(accs[0].getType());
  unsigned sums = firstType ? firstType.getNumElements() : 1;
  int stepLoop = dot.run.back();
  SmallVector<Value> out(accs);
  DenseMap<std::pair<int64_t, int64_t>, Value> known; // by element offset and vectors: steps of different rows meet in one place
  std::function<void(size_t, int64_t, int64_t)> walk = [&](size_t level, int64_t at, int64_t panelAt) {
    if (level + 1 < t.reductions.size()) {
      int d = t.reductions[level];
      for (int64_t k = 0, n = *nest.loops[d].size(); k < n; ++k)
        walk(level + 1, at + k * coeff(d), panelAt + k * panelCoeff(d));
      return;
    }
    for (int64_t s = 0; s < groups; ++s) {
      int64_t first = s * group, count = std::min(group, dot.length - first);
      DenseMap<int64_t, Value> columns;
      for (auto [i, p] : llvm::enumerate(points)) {
        int64_t offset = at + first * coeff(stepLoop) + int64_t(p.row) * coeff(t.tileLoop) + p.lane;
        Value &x = known[{offset, count}];
        if (!x)
          x = interleaved(addConst(operands[dot.product.a].base, offset), coeff(stepLoop), count, tileLanes, sums);
        Value &w = columns[p.lane];
        if (!w) {
          Operand &panel = operands[t.packed];
          Value base = panel.base;
          panel.base = addConst(base, panelAt);
          w = dotB(s, p.lane, sums)[0];
          panel.base = base;
        }
        out[i] = dotStep({x}, {w}, out[i]);
      }
    }
  };
  walk(0, 0, 0);
  return out;
}

} // namespace onnxc
