// Scalar arithmetic; see ScalarBuilder.h.
#include "passes/lower/ScalarBuilder.h"
#include "passes/lower/NarrowTypes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace onnxc::lower {

static bool floating(Value v) { return isa<FloatType>(v.getType()); }

Value ScalarBuilder::numLike(Value like, double v) {
  Type t = like.getType();
  if (auto f = dyn_cast<FloatType>(t))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(f, v));
  return bits(t, int64_t(v));
}

Value ScalarBuilder::bits(Type type, int64_t v) {
  unsigned width = type.getIntOrFloatBitWidth();
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, APInt(64, uint64_t(v), true).sextOrTrunc(width)));
}

Value ScalarBuilder::add(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::AddFOp>(loc, x, y);
  return b.createOrFold<arith::AddIOp>(loc, x, y);
}

Value ScalarBuilder::sub(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::SubFOp>(loc, x, y);
  return b.createOrFold<arith::SubIOp>(loc, x, y);
}

Value ScalarBuilder::mul(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::MulFOp>(loc, x, y);
  return b.createOrFold<arith::MulIOp>(loc, x, y);
}

Value ScalarBuilder::div(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::DivFOp>(loc, x, y);
  Value zero = bits(x.getType(), 0), one = bits(x.getType(), 1);
  Value byZero = eq(y, zero);
  if (isUnsigned())
    return select(byZero, zero, b.createOrFold<arith::DivUIOp>(loc, x, select(byZero, one, y)));
  Value byMinusOne = eq(y, bits(x.getType(), -1));
  Value safe = select(either(byZero, byMinusOne), one, y);
  Value q = b.createOrFold<arith::DivSIOp>(loc, x, safe);
  return select(byZero, zero, select(byMinusOne, neg(x), q));
}

Value ScalarBuilder::rem(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::RemFOp>(loc, x, y);
  Value one = bits(x.getType(), 1);
  Value trivial = eq(y, bits(x.getType(), 0));
  if (isUnsigned())
    return b.createOrFold<arith::RemUIOp>(loc, x, select(trivial, one, y));
  trivial = either(trivial, eq(y, bits(x.getType(), -1)));
  return b.createOrFold<arith::RemSIOp>(loc, x, select(trivial, one, y));
}

Value ScalarBuilder::neg(Value x) {
  if (floating(x))
    return b.createOrFold<arith::NegFOp>(loc, x);
  return b.createOrFold<arith::SubIOp>(loc, bits(x.getType(), 0), x);
}

Value ScalarBuilder::abs(Value x) {
  if (floating(x))
    return math::AbsFOp::create(b, loc, x);
  return isUnsigned() ? x : select(lt(x, bits(x.getType(), 0)), neg(x), x);
}

Value ScalarBuilder::min(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::MinimumFOp>(loc, x, y);
  if (isUnsigned())
    return b.createOrFold<arith::MinUIOp>(loc, x, y);
  return b.createOrFold<arith::MinSIOp>(loc, x, y);
}

Value ScalarBuilder::max(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::MaximumFOp>(loc, x, y);
  if (isUnsigned())
    return b.createOrFold<arith::MaxUIOp>(loc, x, y);
  return b.createOrFold<arith::MaxSIOp>(loc, x, y);
}

Value ScalarBuilder::accumulate(Value x, Value acc) {
  if (floating(x))
    return arith::AddFOp::create(b, loc, acc, x, arith::FastMathFlags::reassoc);
  return b.createOrFold<arith::AddIOp>(loc, acc, x);
}

Value ScalarBuilder::lt(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OLT, x, y);
  return b.createOrFold<arith::CmpIOp>(loc, isUnsigned() ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt, x, y);
}

Value ScalarBuilder::le(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OLE, x, y);
  return b.createOrFold<arith::CmpIOp>(loc, isUnsigned() ? arith::CmpIPredicate::ule : arith::CmpIPredicate::sle, x, y);
}

Value ScalarBuilder::eq(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, x, y);
  return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, x, y);
}

Value ScalarBuilder::ne(Value x, Value y) {
  if (floating(x))
    return b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::UNE, x, y);
  return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, x, y);
}

Value ScalarBuilder::isNaN(Value x) { return b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::UNO, x, x); }
Value ScalarBuilder::select(Value c, Value x, Value y) { return b.createOrFold<arith::SelectOp>(loc, c, x, y); }
Value ScalarBuilder::both(Value x, Value y) { return b.createOrFold<arith::AndIOp>(loc, x, y); }
Value ScalarBuilder::either(Value x, Value y) { return b.createOrFold<arith::OrIOp>(loc, x, y); }
Value ScalarBuilder::exclusive(Value x, Value y) { return b.createOrFold<arith::XOrIOp>(loc, x, y); }

Value ScalarBuilder::exp(Value x) { return math::ExpOp::create(b, loc, x); }
Value ScalarBuilder::log(Value x) { return math::LogOp::create(b, loc, x); }
Value ScalarBuilder::sqrt(Value x) { return math::SqrtOp::create(b, loc, x); }
Value ScalarBuilder::pow(Value x, Value y) { return math::PowFOp::create(b, loc, x, y); }
Value ScalarBuilder::roundEven(Value x) { return math::RoundEvenOp::create(b, loc, x); }

Value ScalarBuilder::sigmoid(Value x) { return reciprocal(add(numLike(x, 1), exp(neg(x)))); }

Value ScalarBuilder::softplus(Value x) {
  // log(1 + e^x) = max(x, 0) + log1p(e^-|x|)
  return add(atLeast(x, numLike(x, 0)), math::Log1pOp::create(b, loc, exp(neg(abs(x)))));
}

//===----------------------------------------------------------------------===//
// Structured helpers
//===----------------------------------------------------------------------===//

Value mapDecoded(Lowering &l, ValueRange ins, ArrayRef<Type> elems, Type outElem, ScalarFn body) {
  SmallVector<Type> raw;
  for (Type t : elems)
    raw.push_back(isNarrow(t) ? Lowering::storage(t) : t);
  Type rawOut = isNarrow(outElem) ? Lowering::storage(outElem) : outElem;
  return l.map(ins, raw, rawOut, [&](OpBuilder &b, Location loc, ValueRange args) {
    SmallVector<Value> decoded;
    for (auto [v, t] : llvm::zip(args, elems))
      decoded.push_back(isNarrow(t) ? decodeNarrow(b, loc, v, t) : v);
    Value r = body(b, loc, decoded);
    return isNarrow(outElem) ? encodeNarrow(b, loc, r, outElem) : r;
  });
}

Value mapWith(Lowering &l, ArrayRef<OpFoldResult> outDims, ValueRange ins, ArrayRef<AffineMap> maps,
              ArrayRef<Type> elems, Type outElem, ScalarFn body) {
  int64_t rank = outDims.size();
  SmallVector<AffineMap> all(maps);
  all.push_back(l.b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  return l.generic(ins, l.empty(outDims, Lowering::storage(outElem)), all, iterators,
                   [&](OpBuilder &b, Location loc, ValueRange args) {
                     SmallVector<Value> loaded;
                     for (auto [v, t] : llvm::zip(args, elems))
                       loaded.push_back(Lowering::load(b, loc, v, t));
                     return Lowering::store(b, loc, body(b, loc, loaded), outElem);
                   });
}

Value reduceWith(Lowering &l, Value x, Type elem, ValueRange along, ArrayRef<Type> alongElems, ArrayRef<int64_t> axes,
                 Type accElem, Value init, ScalarFn body) {
  int64_t rank = Lowering::rank(x);
  AffineMap kept = projection(l.b.getContext(), rank, axes);
  SmallVector<Value> ins{x};
  SmallVector<Type> elems{elem};
  ins.append(along.begin(), along.end());
  elems.append(alongElems.begin(), alongElems.end());
  SmallVector<AffineMap> maps(along.size() + 2, kept);
  maps[0] = l.b.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  Dims outDims;
  for (int64_t i = 0; i < rank; ++i)
    if (llvm::is_contained(axes, i))
      iterators[i] = utils::IteratorType::reduction;
    else
      outDims.push_back(l.dim(x, i));
  elems.push_back(accElem);
  return l.generic(ins, l.fill(outDims, accElem, init), maps, iterators, [&](OpBuilder &b, Location loc, ValueRange args) {
    SmallVector<Value> loaded;
    for (auto [v, t] : llvm::zip(args, elems))
      loaded.push_back(Lowering::load(b, loc, v, t));
    return Lowering::store(b, loc, body(b, loc, loaded), accElem);
  });
}

Value countAs(OpBuilder &b, Location loc, OpFoldResult count, Type elem) {
  if (auto n = Lowering::staticDim(count))
    return Lowering::scalar(b, loc, elem, *n);
  Value n = arith::IndexCastOp::create(b, loc, b.getI64Type(), cast<Value>(count));
  return Lowering::convert(b, loc, n, b.getI64Type(), elem);
}

AffineMap projection(MLIRContext *ctx, int64_t rank, ArrayRef<int64_t> dropped) {
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < rank; ++i)
    if (!llvm::is_contained(dropped, i))
      exprs.push_back(getAffineDimExpr(i, ctx));
  return AffineMap::get(rank, 0, exprs, ctx);
}

} // namespace onnxc::lower
