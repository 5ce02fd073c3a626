// Integer scalars, loops and the merge sort; see Scalars.h.
#include "passes/lower/Scalars.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace onnxc::lower {

// ---- i64 scalars ------------------------------------------------------

Value c64(Lowering &l, int64_t v) { return arith::ConstantOp::create(l.b, l.loc(), l.b.getI64IntegerAttr(v)); }

Value add64(Lowering &l, Value a, Value c) { return l.b.createOrFold<arith::AddIOp>(l.loc(), a, c); }
Value sub64(Lowering &l, Value a, Value c) { return l.b.createOrFold<arith::SubIOp>(l.loc(), a, c); }
Value mul64(Lowering &l, Value a, Value c) { return l.b.createOrFold<arith::MulIOp>(l.loc(), a, c); }
Value min64(Lowering &l, Value a, Value c) { return l.b.createOrFold<arith::MinSIOp>(l.loc(), a, c); }
Value max64(Lowering &l, Value a, Value c) { return l.b.createOrFold<arith::MaxSIOp>(l.loc(), a, c); }

Value div64(Lowering &l, Value a, Value c) {
  Value zero = cmp64(l, arith::CmpIPredicate::eq, c, c64(l, 0));
  Value divisor = select64(l, zero, c64(l, 1), c);
  return l.b.createOrFold<arith::DivSIOp>(l.loc(), a, divisor);
}

Value cmp64(Lowering &l, arith::CmpIPredicate p, Value a, Value c) {
  return l.b.createOrFold<arith::CmpIOp>(l.loc(), p, a, c);
}

Value select64(Lowering &l, Value cond, Value a, Value c) {
  // The same number, of two constants too: a size that is known only later could contradict a declared one unnoticed.
  IntegerAttr first, second;
  bool areConstants = matchPattern(a, m_Constant(&first)) && matchPattern(c, m_Constant(&second));
  if (a == c || (areConstants && first == second))
    return a;
  return l.b.createOrFold<arith::SelectOp>(l.loc(), cond, a, c);
}

Value dim64(Lowering &l, OpFoldResult d) {
  if (auto n = Lowering::staticDim(d))
    return c64(l, *n);
  return l.b.createOrFold<arith::IndexCastOp>(l.loc(), l.b.getI64Type(), l.value(d));
}

OpFoldResult asDim(Lowering &l, Value i64) {
  if (auto n = known64(i64))
    return l.idx(*n);
  return l.b.createOrFold<arith::IndexCastOp>(l.loc(), l.b.getIndexType(), i64);
}

std::optional<int64_t> known64(Value v) {
  APInt n;
  if (matchPattern(v, m_ConstantInt(&n)))
    return n.getSExtValue();
  return std::nullopt;
}

// ---- operands that hold integers ----------------------------------------

std::optional<Values> ints64(Lowering &l, Value onnxValue) {
  Values r;
  if (auto constants = Lowering::constInts(onnxValue)) {
    for (int64_t v : *constants)
      r.push_back(c64(l, v));
    return r;
  }
  Value t = l.get(onnxValue);
  auto type = cast<RankedTensorType>(t.getType());
  if (!type.hasStaticShape() || type.getRank() > 1 || !type.getElementType().isInteger())
    return std::nullopt;
  for (Value v : elements(l, t)) {
    unsigned width = type.getElementType().getIntOrFloatBitWidth();
    r.push_back(width < 64 ? l.b.createOrFold<arith::ExtSIOp>(l.loc(), l.b.getI64Type(), v) : v);
  }
  return r;
}

Value scalarOf(Lowering &l, Value tensor) {
  Values zeros(Lowering::rank(tensor), l.index(0));
  return extract(l, tensor, zeros);
}

Dims refine(Dims ds, Type onnxType) {
  auto type = dyn_cast<RankedTensorType>(onnxType);
  if (!type || type.getRank() != int64_t(ds.size()))
    return ds;
  Builder b(onnxType.getContext());
  for (auto [i, d] : llvm::enumerate(type.getShape()))
    if (!ShapedType::isDynamic(d))
      ds[i] = b.getIndexAttr(d);
  return ds;
}

Value isAxis(Lowering &l, Value a, int64_t d, int64_t rank) {
  Value front = cmp64(l, arith::CmpIPredicate::eq, a, c64(l, d));
  Value back = cmp64(l, arith::CmpIPredicate::eq, a, c64(l, d - rank));
  return l.b.createOrFold<arith::OrIOp>(l.loc(), front, back);
}

// ---- short integer vectors ----------------------------------------------

bool isShort(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.hasStaticShape() && type.getRank() <= 1 && type.getNumElements() <= 16 &&
         type.getElementType().isInteger() && type.getElementType().getIntOrFloatBitWidth() >= 32;
}

bool knownAsScalars(Value tensor) {
  while (auto cast = tensor.getDefiningOp<tensor::CastOp>())
    tensor = cast.getSource();
  auto type = cast<RankedTensorType>(tensor.getType());
  Operation *def = tensor.getDefiningOp();
  return type.hasStaticShape() && type.getRank() <= 1 && type.getNumElements() <= 16 &&
         isa_and_present<arith::ConstantOp, tensor::FromElementsOp>(def);
}

Values elements(Lowering &l, Value tensor) {
  while (auto cast = tensor.getDefiningOp<tensor::CastOp>())
    tensor = cast.getSource();
  auto type = cast<RankedTensorType>(tensor.getType());
  Values r;
  for (int64_t i = 0, n = type.getNumElements(); i < n; ++i) {
    Values at;
    if (type.getRank() == 1)
      at.push_back(l.index(i));
    r.push_back(extract(l, tensor, at));
  }
  return r;
}

Value fromElements(Lowering &l, ArrayRef<int64_t> shape, Type storage, ValueRange scalars) {
  auto type = RankedTensorType::get(shape, storage);
  if (type.getNumElements() == 0)
    return tensor::EmptyOp::create(l.b, l.loc(), shape, storage);
  return tensor::FromElementsOp::create(l.b, l.loc(), type, scalars);
}

// ---- loops --------------------------------------------------------------

Values forLoop(Lowering &l, Value lower, Value upper, ValueRange inits,
               function_ref<Values(Value, ValueRange)> body, int64_t step) {
  auto loop = scf::ForOp::create(l.b, l.loc(), lower, upper, l.index(step), inits,
                                 [&](OpBuilder &b, Location loc, Value iv, ValueRange args) {
                                   scf::YieldOp::create(b, loc, body(iv, args));
                                 });
  return Values(loop.getResults());
}

static Values nestFrom(Lowering &l, ArrayRef<OpFoldResult> dims, Values &ivs, ValueRange args,
                       function_ref<Values(ValueRange, ValueRange)> body) {
  if (ivs.size() == dims.size())
    return body(ivs, args);
  return forLoop(l, l.index(0), l.value(dims[ivs.size()]), args, [&](Value iv, ValueRange carried) {
    ivs.push_back(iv);
    Values r = nestFrom(l, dims, ivs, carried, body);
    ivs.pop_back();
    return r;
  });
}

Values forNest(Lowering &l, ArrayRef<OpFoldResult> dims, ValueRange inits,
               function_ref<Values(ValueRange, ValueRange)> body) {
  Values ivs;
  return nestFrom(l, dims, ivs, inits, body);
}

Values whileLoop(Lowering &l, ValueRange inits, function_ref<Value(ValueRange)> cond,
                 function_ref<Values(ValueRange)> body) {
  auto loop = scf::WhileOp::create(
      l.b, l.loc(), inits.getTypes(), inits,
      [&](OpBuilder &b, Location loc, ValueRange args) { scf::ConditionOp::create(b, loc, cond(args), args); },
      [&](OpBuilder &b, Location loc, ValueRange args) { scf::YieldOp::create(b, loc, body(args)); });
  return Values(loop.getResults());
}

Value extract(Lowering &l, Value tensor, ValueRange indices) {
  return l.b.createOrFold<tensor::ExtractOp>(l.loc(), tensor, indices);
}

Value insert(Lowering &l, Value scalar, Value tensor, ValueRange indices) {
  return tensor::InsertOp::create(l.b, l.loc(), scalar, tensor, indices);
}

// ---- indices in bodies ----------------------------------------------------

Value wrapIndex(OpBuilder &b, Location loc, Value v, Value dim) {
  if (!v.getType().isIndex())
    v = b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(), v);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value negative = b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, v, zero);
  v = b.createOrFold<arith::SelectOp>(loc, negative, b.createOrFold<arith::AddIOp>(loc, v, dim), v);
  v = b.createOrFold<arith::MinSIOp>(loc, v, b.createOrFold<arith::SubIOp>(loc, dim, one));
  return b.createOrFold<arith::MaxSIOp>(loc, v, zero);
}

Value lessThan(OpBuilder &b, Location loc, Value a, Value c, Type onnxElem) {
  if (isa<FloatType>(a.getType()))
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, a, c);
  auto p = Lowering::isUnsigned(onnxElem) ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt;
  return arith::CmpIOp::create(b, loc, p, a, c);
}

Value comesBefore(OpBuilder &b, Location loc, Value a, Value c, Type onnxElem) {
  Value less = lessThan(b, loc, a, c, onnxElem);
  if (!isa<FloatType>(a.getType()))
    return less;
  Value number = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD, a, a);
  Value nan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, c, c);
  return arith::OrIOp::create(b, loc, less, arith::AndIOp::create(b, loc, number, nan));
}

Value equal(OpBuilder &b, Location loc, Value a, Value c) {
  if (isa<FloatType>(a.getType()))
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, a, c);
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, a, c);
}

// ---- sorting --------------------------------------------------------------

/// Merges the runs [lo, mid) and [mid, hi) of `order` into `scratch` and
/// copies them back.
static Values mergeRuns(Lowering &l, Value order, Value scratch, Value lo, Value mid, Value hi, Value last,
                        function_ref<Value(Value, Value)> less) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  using P = arith::CmpIPredicate;
  Values merged = forLoop(l, lo, hi, {lo, mid, scratch}, [&](Value k, ValueRange s) {
    Value i = s[0], j = s[1];
    // Both entries are read; positions past a run are clamped and not used.
    Value left = extract(l, order, arith::MinSIOp::create(b, loc, i, last).getResult());
    Value right = extract(l, order, arith::MinSIOp::create(b, loc, j, last).getResult());
    Value leftDone = arith::CmpIOp::create(b, loc, P::sge, i, mid);
    Value rightLeft = arith::CmpIOp::create(b, loc, P::slt, j, hi);
    Value smaller = less(right, left);
    Value takeRight = arith::AndIOp::create(b, loc, rightLeft, arith::OrIOp::create(b, loc, leftDone, smaller));
    Value step = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), takeRight);
    Value taken = arith::SelectOp::create(b, loc, takeRight, right, left);
    Value out = insert(l, taken, s[2], k);
    Value nextI = arith::AddIOp::create(b, loc, i, arith::SubIOp::create(b, loc, l.index(1), step));
    Value nextJ = arith::AddIOp::create(b, loc, j, step);
    return Values{nextI, nextJ, out};
  });
  Value result = forLoop(l, lo, hi, order, [&](Value k, ValueRange s) {
    return Values{insert(l, extract(l, merged[2], k), s[0], k)};
  })[0];
  return {result, merged[2]};
}

std::pair<Value, Value> sortIndices(Lowering &l, Value order, Value scratch, Value n,
                                    function_ref<Value(Value, Value)> less) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  // One pass per doubling of the run length; with a size known only at run
  // time the passes beyond it find no runs.
  int64_t size = cast<RankedTensorType>(order.getType()).getDimSize(0);
  int64_t passes = 31;
  if (!ShapedType::isDynamic(size))
    for (passes = 0; (int64_t(1) << passes) < size;)
      ++passes;
  if (passes == 0)
    return {order, scratch};
  Value last = arith::MaxSIOp::create(b, loc, arith::SubIOp::create(b, loc, n, l.index(1)), l.index(0));
  Values r = forLoop(l, l.index(0), l.index(passes), {order, scratch}, [&](Value pass, ValueRange s) {
    Value width = arith::ShLIOp::create(b, loc, l.index(1), pass);
    Value twice = arith::ShLIOp::create(b, loc, width, l.index(1));
    // Runs that start at width or later have a left neighbour: (n - width) / 2w, rounded up.
    Value rest = arith::MaxSIOp::create(b, loc, arith::SubIOp::create(b, loc, n, width), l.index(0));
    Value rounded = arith::AddIOp::create(b, loc, rest, arith::SubIOp::create(b, loc, twice, l.index(1)));
    Value pairs = arith::DivUIOp::create(b, loc, rounded, twice);
    return forLoop(l, l.index(0), pairs, s, [&](Value pair, ValueRange t) {
      Value lo = arith::MulIOp::create(b, loc, pair, twice);
      Value mid = arith::AddIOp::create(b, loc, lo, width);
      Value hi = arith::MinSIOp::create(b, loc, arith::AddIOp::create(b, loc, mid, width), n);
      return mergeRuns(l, t[0], t[1], lo, mid, hi, last, less);
    });
  });
  return {r[0], r[1]};
}

} // namespace onnxc::lower
