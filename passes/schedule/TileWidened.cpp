// Reductions with weights of few bits:  acc + a * ((w - zero) * scale).
//
// A word of a panel holds codes of consecutive steps.  The bits of one, put
// under the exponent of a power of two, are the float  power + code  where the
// power is so large that the lowest bit of the code counts 1:
//   word        0000 cccc 0000 0000 0000        c at bit p
//   or power    2^(23 - p)
// Taking  power + zero  away is exact, so that a step takes an and, an or, a
// subtraction and the multiply-add, with no conversion, and no shift for the
// codes that lie below the exponent.
#include "passes/schedule/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

using namespace mlir;

namespace onnxc {

/// What a weight is scaled and centred by is made of inputs beside the factors, and takes no index. Null is.
static bool madeOfOthers(const LoopNest &nest, const WidenedProduct &w, Value v) {
  linalg::GenericOp root = nest.root;
  if (!v)
    return true;
  if (Operation *def = v.getDefiningOp())
    return def->getNumRegions() == 0 && !isa<linalg::IndexOp>(def) &&
           llvm::all_of(def->getOperands(), [&](Value x) { return madeOfOthers(nest, w, x); });
  Block *body = root.getBody();
  return v != body->getArgument(w.a) && v != body->getArgument(w.b) && v != root.getRegionOutputArgs()[0];
}

/// convert(a * (b - zero)) * scale
static std::optional<WidenedProduct> integerForm(const LoopNest &nest, arith::SIToFPOp converted, Value scale) {
  auto product = converted.getIn().getDefiningOp<arith::MulIOp>();
  if (!product || !product.getType().isInteger(32))
    return std::nullopt;
  WidenedProduct w;
  w.integers = true;
  w.scale = scale;
  auto byte = [&](Value v) {
    Operation *op = v.getDefiningOp();
    auto arg = isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp>(op) && op->getOperand(0).getType().isInteger(8)
                   ? dyn_cast<BlockArgument>(op->getOperand(0))
                   : BlockArgument();
    return arg && arg.hasOneUse() ? arg : BlockArgument();
  };
  Value right = product.getRhs();
  if (auto difference = right.getDefiningOp<arith::SubIOp>()) {
    APInt zero;
    if (matchPattern(difference.getRhs(), m_ConstantInt(&zero)))
      w.zero = double(zero.getSExtValue());
    else
      w.zeroValue = difference.getRhs();
    right = difference.getLhs();
  }
  BlockArgument a = byte(product.getLhs()), b = byte(right);
  if (!a || !b || a == b || !product.getLhs().getDefiningOp<arith::ExtSIOp>())
    return std::nullopt;
  w.a = a.getArgNumber();
  w.b = b.getArgNumber();
  w.isUnsigned = isa<arith::ExtUIOp>(right.getDefiningOp());
  if (!madeOfOthers(nest, w, w.scale) || !madeOfOthers(nest, w, w.zeroValue))
    return std::nullopt;
  return w;
}

std::optional<WidenedProduct> widenedProduct(const LoopNest &nest) {
  linalg::GenericOp root = nest.root;
  Block *body = root.getBody();
  Value acc = root.getRegionOutputArgs()[0];
  if (!acc.getType().isF32() || combiningKind(root) != vector::CombiningKind::ADD)
    return std::nullopt;
  Operation *sum = body->getTerminator()->getOperand(0).getDefiningOp();
  auto product = (sum->getOperand(0) == acc ? sum->getOperand(1) : sum->getOperand(0)).getDefiningOp<arith::MulFOp>();
  if (!product)
    return std::nullopt;
  if (auto integers = product.getLhs().getDefiningOp<arith::SIToFPOp>())
    return integerForm(nest, integers, product.getRhs());
  WidenedProduct w;
  /// `v` as the weight: ((convert(byte) - zero) * scale).
  auto matches = [&](Value v) {
    w.scale = w.zeroValue = {};
    w.zero = 0;
    auto converted = [&](Value x) {
      Operation *op = x.getDefiningOp();
      if (!isa_and_nonnull<arith::UIToFPOp, arith::SIToFPOp>(op) || op->getBlock() != body || !op->getOperand(0).getType().isInteger(8))
        return false;
      auto arg = dyn_cast<BlockArgument>(op->getOperand(0));
      if (!arg || !arg.hasOneUse())
        return false;
      w.b = arg.getArgNumber();
      w.isUnsigned = isa<arith::UIToFPOp>(op);
      return true;
    };
    auto centred = [&](Value x) {
      auto difference = x.getDefiningOp<arith::SubFOp>();
      if (!difference || !converted(difference.getLhs()))
        return converted(x);
      APFloat zero(0.0f);
      if (!matchPattern(difference.getRhs(), m_ConstantFloat(&zero))) {
        w.zeroValue = difference.getRhs();
        return true;
      }
      w.zero = zero.convertToFloat();
      return w.zero == std::nearbyint(w.zero) && std::fabs(w.zero) <= 256;
    };
    if (auto scaled = v.getDefiningOp<arith::MulFOp>())
      for (unsigned i : {0, 1})
        if (centred(scaled.getOperand(i))) {
          w.scale = scaled.getOperand(1 - i);
          return true;
        }
    return centred(v);
  };
  for (unsigned i : {0, 1}) {
    auto a = dyn_cast<BlockArgument>(product.getOperand(i));
    if (!a || a.getOwner() != body || a == acc || !matches(product.getOperand(1 - i)))
      continue;
    w.a = a.getArgNumber();
    if (w.a != w.b && madeOfOthers(nest, w, w.scale) && madeOfOthers(nest, w, w.zeroValue))
      return w;
  }
  return std::nullopt;
}

/// Whether a zero point is an integer of at most 8 bits: a power plus it is exact.
static bool isByte(Value zero) {
  Operation *op = zero.getDefiningOp();
  return isa_and_nonnull<arith::UIToFPOp, arith::SIToFPOp>(op) && op->getOperand(0).getType().isInteger(8);
}

Value TileEmitter::loadSide(unsigned side, const Point &p, unsigned lanes) {
  const Widened &w = *t.widened;
  const auto *found = llvm::find(w.sides, side);
  if (found == w.sides.end())
    return load(side, p, lanes, nullptr);
  Operand &o = operands[t.packed];
  int64_t at = 4 * w.words() * t.width() - 4 * columnWithin, bytes = 0;
  for (auto [s, n] : llvm::zip_equal(w.sides, w.sideBytes)) {
    bytes = n;
    if (s == side)
      break;
    at += n * t.width();
  }
  at += (columnWithin + p.lane) * bytes;
  Type element = nest.inputs[side].element;
  Value raw = vector::LoadOp::create(b, loc, VectorType::get({bytes * lanes}, b.getI8Type()), o.flat, ValueRange{addConst(o.base, at)});
  Value v = vector::BitCastOp::create(b, loc, VectorType::get({int64_t(lanes)}, element), raw);
  return lanes == 1 ? vector::ExtractOp::create(b, loc, v, int64_t(0)).getResult() : v;
}

Value TileEmitter::sideValue(Value v, const Point &p, unsigned lanes) {
  if (auto arg = dyn_cast<BlockArgument>(v))
    return loadSide(arg.getArgNumber(), p, lanes);
  Operation *op = v.getDefiningOp();
  if (op->getBlock() != nest.root.getBody())
    return v;
  SmallVector<Value> args;
  for (Value x : op->getOperands())
    args.push_back(sideValue(x, p, lanes));
  bool vec = llvm::any_of(args, [](Value x) { return isa<VectorType>(x.getType()); });
  if (vec)
    for (Value &x : args)
      x = widen(x, lanes);
  Type type = op->getResult(0).getType();
  OperationState state(loc, op->getName(), args, {vec ? VectorType::get({int64_t(lanes)}, type) : type}, op->getAttrs());
  return b.create(state)->getResult(0);
}

Value TileEmitter::loadWord(int64_t word, const Point &p, unsigned lanes) {
  Operand &o = operands[t.packed];
  Value at = addConst(o.base, 4 * (word * t.width() + p.lane));
  Value raw = vector::LoadOp::create(b, loc, VectorType::get({4 * int64_t(lanes)}, b.getI8Type()), o.flat, ValueRange{at});
  Value v = vector::BitCastOp::create(b, loc, VectorType::get({int64_t(lanes)}, b.getI32Type()), raw);
  return lanes == 1 ? vector::ExtractOp::create(b, loc, v, int64_t(0)).getResult() : v;
}

Value TileEmitter::decode(Value word, int64_t step, const Column &column, unsigned lanes) {
  constexpr unsigned mantissa = 23;
  const Widened &w = *t.widened;
  unsigned at = w.bits * step;
  auto bits = [&](uint32_t v) { return widen(arith::ConstantIntOp::create(b, loc, int32_t(v), 32), lanes); };
  auto number = [&](double v) { return widen(arith::ConstantOp::create(b, loc, b.getF32FloatAttr(float(v))), lanes); };
  if (at + w.bits > mantissa) {
    unsigned shift = mantissa / w.bits * w.bits;
    word = arith::ShRUIOp::create(b, loc, word, bits(shift));
    at -= shift;
  }
  uint32_t mask = ((uint32_t(1) << w.bits) - 1) << at;
  double power = std::ldexp(1.0, mantissa - at);
  Value v = arith::AndIOp::create(b, loc, word, bits(mask));
  v = arith::OrIOp::create(b, loc, v, bits(llvm::bit_cast<uint32_t>(float(power))));
  Type f32 = b.getF32Type();
  v = arith::BitcastOp::create(b, loc, lanes == 1 ? f32 : Type(VectorType::get({int64_t(lanes)}, f32)), v);
  double least = double(w.least);
  if (!column.zero)
    return arith::SubFOp::create(b, loc, v, number(power + w.product.zero - least));
  Value zero = widen(column.zero, lanes);
  if (isByte(w.product.zeroValue))
    return arith::SubFOp::create(b, loc, v, arith::AddFOp::create(b, loc, zero, number(power - least)));
  return arith::SubFOp::create(b, loc, arith::SubFOp::create(b, loc, v, number(power - least)), zero);
}

Value TileEmitter::multiplyAdd(Value a, Value c, Value acc, unsigned lanes) {
  a = widen(a, lanes);
  c = widen(c, lanes);
  if (target.fma)
    return math::FmaOp::create(b, loc, a, c, acc);
  return arith::AddFOp::create(b, loc, acc, arith::MulFOp::create(b, loc, a, c));
}

SmallVector<Value> TileEmitter::emitCodes(int64_t steps, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes,
                                          const DenseMap<int64_t, Column> &columns, bool scaled) {
  const Widened &w = *t.widened;
  SmallVector<Value> out(accs);
  DenseMap<int64_t, Value> words, weights;
  LoadCache cache;
  for (int64_t k = 0; k < steps; ++k) {
    int64_t step = k % w.perWord();
    if (step == 0)
      words.clear();
    weights.clear();
    for (auto [i, p] : llvm::enumerate(points)) {
      Value &word = words[p.lane], &weight = weights[p.lane];
      if (!word)
        word = loadWord(k / w.perWord(), p, lanes);
      if (!weight) {
        const Column &column = columns.at(p.lane);
        weight = decode(word, step, column, lanes);
        if (scaled)
          weight = arith::MulFOp::create(b, loc, weight, widen(column.scale, lanes));
      }
      Point at = p;
      at.reductions.push_back({w.run, k});
      out[i] = multiplyAdd(load(w.product.a, at, lanes, &cache), weight, out[i], lanes);
    }
  }
  return out;
}

SmallVector<Value> TileEmitter::emitWidened(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
  const Widened &w = *t.widened;
  if (level + 1 < t.reductions.size()) {
    int d = t.reductions[level];
    return reductionLoop(d, zero, value(nest.loops[d].extent), 1, accs,
                         [&](ArrayRef<Value> in) { return emitWidened(level + 1, points, in, lanes); });
  }
  if (w.product.integers)
    return emitIntegerRun(points, accs, lanes);
  DenseMap<int64_t, Column> columns;
  for (const Point &p : points)
    if (!columns.count(p.lane))
      columns[p.lane] = {w.product.scale ? sideValue(w.product.scale, p, lanes) : Value(),
                         w.product.zeroValue ? sideValue(w.product.zeroValue, p, lanes) : Value()};
  // For one row, the sum of a run is scaled; for several, the weight that they share.
  bool once = w.product.scale && llvm::all_of(points, [&](const Point &p) { return p.row == points[0].row; });
  bool scaled = w.product.scale && !once;
  SmallVector<Value> sums(accs);
  if (once)
    for (Value &s : sums)
      s = arith::ConstantOp::create(b, loc, b.getZeroAttr(s.getType()));
  sums = loopOverWords(points.size(), sums, [&](int64_t steps, ArrayRef<Value> in) { return emitCodes(steps, points, in, lanes, columns, scaled); });
  if (once)
    for (auto [i, p] : llvm::enumerate(points))
      sums[i] = multiplyAdd(sums[i], columns[p.lane].scale, accs[i], lanes);
  return sums;
}

SmallVector<Value> TileEmitter::loopOverWords(size_t points, SmallVector<Value> sums,
                                              llvm::function_ref<SmallVector<Value>(int64_t, ArrayRef<Value>)> emit) {
  const Widened &w = *t.widened;
  int64_t perWord = w.perWord(), whole = w.length / perWord, most = target.unrollOps / int64_t(perWord * points);
  int64_t unroll = std::max<int64_t>(1, std::min(most, whole)), looped = whole / unroll * unroll;
  auto moveTo = [&](Value word) {
    operands[w.product.a].base = add(operands[w.product.a].base, mul(word, b.getIndexAttr(perWord)));
    operands[t.packed].base = add(operands[t.packed].base, mul(word, b.getIndexAttr(4 * t.width())));
  };
  auto saved = savePosition();
  if (looped > unroll) {
    auto loop = scf::ForOp::create(b, loc, zero, index(looped), index(unroll), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    moveTo(loop.getInductionVar());
    SmallVector<Value> in(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
    scf::YieldOp::create(b, loc, emit(unroll * perWord, in));
    sums.assign(loop.getResults().begin(), loop.getResults().end());
  } else {
    looped = 0;
  }
  restorePosition(saved);
  if (int64_t rest = w.length - looped * perWord) {
    moveTo(index(looped));
    sums = emit(rest, sums);
    restorePosition(saved);
  }
  return sums;
}

//===----------------------------------------------------------------------===//
// Products of integers
//===----------------------------------------------------------------------===//

Value TileEmitter::codeBytes(Value word, int64_t step, unsigned lanes) {
  const Widened &w = *t.widened;
  auto bits = [&](uint32_t v) { return widen(arith::ConstantIntOp::create(b, loc, int32_t(v), 32), lanes); };
  uint32_t mask = ((uint32_t(1) << w.bits) - 1) * 0x01010101u;
  if (unsigned shift = w.bits * unsigned(step / 4))
    word = arith::ShRUIOp::create(b, loc, word, bits(shift));
  return w.bits == 8 ? word : arith::AndIOp::create(b, loc, word, bits(mask)).getResult();
}

SmallVector<Value> TileEmitter::emitIntegerCodes(int64_t steps, ArrayRef<Point> points, ArrayRef<Value> sums, unsigned lanes) {
  const Widened &w = *t.widened;
  SmallVector<Value> out(sums);
  DenseMap<int64_t, Value> words;
  LoadCache cache;
  Type i32 = b.getI32Type();
  if (!w.dot) {
    // code - (zero - least) times a
    auto bits = [&](int64_t v) { return widen(arith::ConstantIntOp::create(b, loc, v, 32), lanes); };
    DenseMap<int64_t, Value> codes;
    for (int64_t k = 0; k < steps; ++k) {
      int64_t step = k % w.perWord();
      if (step == 0)
        words.clear();
      codes.clear();
      for (auto [i, p] : llvm::enumerate(points)) {
        Value &word = words[p.lane], &code = codes[p.lane];
        if (!word)
          word = loadWord(k / w.perWord(), p, lanes);
        if (!code) {
          code = arith::ShRUIOp::create(b, loc, word, bits(w.place(step)));
          code = arith::AndIOp::create(b, loc, code, bits((int64_t(1) << w.bits) - 1));
          code = arith::AddIOp::create(b, loc, code, bits(w.least - int64_t(w.product.zero)));
          if (w.product.zeroValue)
            code = arith::SubIOp::create(b, loc, code, widen(sideValue(w.product.zeroValue, p, lanes), lanes));
        }
        Point at = p;
        at.reductions.push_back({w.run, k});
        Value a = arith::ExtSIOp::create(b, loc, i32, load(w.product.a, at, 1, &cache));
        out[i] = arith::AddIOp::create(b, loc, out[i], arith::MulIOp::create(b, loc, widen(a, lanes), code));
      }
    }
    return out;
  }
  unsigned wide = w.dot->variant(lanes)->lanes;
  auto bytes = [&](Value v) { return vector::BitCastOp::create(b, loc, VectorType::get({int64_t(wide) * 4}, b.getI8Type()), v).getResult(); };
  auto dot = [&](Value acc, Value code, Value a) {
    const char *name = w.dot->variant(lanes)->intrinsic;
    return intrinsic(name, acc.getType(), {acc, code, a});
  };
  Operand &o = operands[w.product.a];
  for (int64_t k = 0; k < steps; k += 4) {
    int64_t step = k % w.perWord();
    if (step == 0)
      words.clear();
    DenseMap<int64_t, Value> codes;
    DenseMap<unsigned, Value> rows;
    for (auto [i, p] : llvm::enumerate(points)) {
      Value &word = words[p.lane], &code = codes[p.lane], &row = rows[p.row];
      if (!word)
        word = loadWord(k / w.perWord(), p, wide);
      if (!code) {
        code = codeBytes(word, step, wide);
        if (!w.dot->unsignedA && w.bits == 8) // of signed bytes
          code = arith::XOrIOp::create(b, loc, code, widen(arith::ConstantIntOp::create(b, loc, int32_t(0x80808080u), 32), wide));
        code = bytes(code);
      }
      if (!row) {
        Value at = addConst(o.base, k);
        if (t.tileLoop >= 0 && p.row)
          at = add(at, mul(index(p.row), o.access->coeff[t.tileLoop]));
        Value raw = vector::LoadOp::create(b, loc, VectorType::get({4}, b.getI8Type()), o.flat, ValueRange{at});
        raw = vector::BitCastOp::create(b, loc, VectorType::get({1}, i32), raw);
        row = bytes(vector::BroadcastOp::create(b, loc, VectorType::get({int64_t(wide)}, i32), vector::ExtractOp::create(b, loc, raw, int64_t(0))));
        Value ones = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(cast<ShapedType>(row.getType()), b.getI8IntegerAttr(1)));
        Value &sum = out[points.size() + (p.row - points[0].row)];
        sum = dot(sum, ones, row);
      }
      out[i] = dot(out[i], code, row);
    }
  }
  return out;
}

SmallVector<Value> TileEmitter::emitIntegerRun(ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
  const Widened &w = *t.widened;
  Type i32 = b.getI32Type();
  unsigned wide = w.dot ? w.dot->variant(lanes)->lanes : lanes, rows = points.back().row - points[0].row + 1;
  Type sumType = wide == 1 ? i32 : Type(VectorType::get({int64_t(wide)}, i32));
  Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(sumType));
  SmallVector<Value> sums(points.size() + (w.dot ? rows : 0), none);
  sums = loopOverWords(points.size(), sums, [&](int64_t steps, ArrayRef<Value> in) { return emitIntegerCodes(steps, points, in, lanes); });
  // What a dot product took for the value of a code, and its zero point, times the sum of the row.
  int64_t offset = w.least - int64_t(w.product.zero) + (w.dot && !w.dot->unsignedA && w.bits == 8 ? 128 : 0);
  SmallVector<Value> out;
  for (auto [i, p] : llvm::enumerate(points)) {
    Value sum = dotResult(sums[i], lanes);
    if (w.dot) {
      Value factor = widen(arith::ConstantIntOp::create(b, loc, offset, 32), lanes);
      if (w.product.zeroValue)
        factor = arith::SubIOp::create(b, loc, factor, widen(sideValue(w.product.zeroValue, p, lanes), lanes));
      Value row = dotResult(sums[points.size() + (p.row - points[0].row)], lanes);
      sum = arith::AddIOp::create(b, loc, sum, arith::MulIOp::create(b, loc, row, factor));
    }
    Type f32 = b.getF32Type();
    Value real = arith::SIToFPOp::create(b, loc, lanes == 1 ? f32 : Type(VectorType::get({int64_t(lanes)}, f32)), sum);
    out.push_back(multiplyAdd(real, sideValue(w.product.scale, p, lanes), accs[i], lanes));
  }
  return out;
}

} // namespace onnxc
