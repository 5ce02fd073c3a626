// Implements the expression layer: constants, bit casts, rounding and exact
// sums and products.
#include "passes/math/VecBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace onnxc::mathexp {

Value ConstantCache::get(OpBuilder &b, Location loc, TypedAttr attr) {
  // The outermost region below the nearest isolated op dominates every use.
  Region *region = b.getInsertionBlock()->getParent();
  while (Operation *parent = region->getParentOp()) {
    if (parent->hasTrait<OpTrait::IsIsolatedFromAbove>() ||
        !parent->getParentRegion())
      break;
    region = parent->getParentRegion();
  }
  Block *block = &region->front();
  Value &value = known[{block, attr}];
  if (!value) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(block);
    value = arith::ConstantOp::create(b, loc, attr);
  }
  return value;
}

bool VecBuilder::isF64() const { return getElementTypeOrSelf(type).isF64(); }

/// `type` with its element type exchanged.
static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

Type VecBuilder::intType(unsigned width) const {
  return withElement(type, b.getIntegerType(width ? width : isF64() ? 64 : 32));
}

Value VecBuilder::splat(Type t, TypedAttr element) {
  TypedAttr attr = element;
  if (auto vector = dyn_cast<VectorType>(t))
    attr = DenseElementsAttr::get(vector, Attribute(element));
  if (cache)
    return cache->get(b, loc, attr);
  return arith::ConstantOp::create(b, loc, attr);
}

Expr VecBuilder::c(double value) {
  return wrap(splat(type, b.getFloatAttr(getElementTypeOrSelf(type), value)));
}

Expr VecBuilder::ci(uint64_t value, unsigned width) {
  Type t = intType(width);
  auto element = cast<IntegerType>(getElementTypeOrSelf(t));
  APInt bits(64, value);
  return wrap(splat(
      t, IntegerAttr::get(element, bits.zextOrTrunc(element.getWidth()))));
}

Expr VecBuilder::infinity() {
  return c(std::numeric_limits<double>::infinity());
}
Expr VecBuilder::nan() { return c(std::numeric_limits<double>::quiet_NaN()); }

Expr VecBuilder::fma(Expr x, Expr y, Expr z) {
  if (!hasFMA())
    return x * y + z;
  return wrap(math::FmaOp::create(b, loc, x.v, y.v, z.v));
}
Expr VecBuilder::sqrt(Expr x) {
  if (options.hasSqrt && (options.hasF64 || !isF64()))
    return wrap(math::SqrtOp::create(b, loc, x.v));
  // Newton for 1/sqrt from the halved bit pattern, then the exact residual of
  // x / sqrt corrects the last bit. Even powers of two keep clear of denormals
  // and of overflow.
  Expr tiny = lt(x, c(std::ldexp(1.0, -100), std::ldexp(1.0, -900)));
  Expr large = gt(x, c(std::ldexp(1.0, 100), std::ldexp(1.0, 900)));
  auto factor = [&](int up32, int up64) {
    return select(tiny, c(std::ldexp(1.0, up32), std::ldexp(1.0, up64)),
                  select(large,
                         c(std::ldexp(1.0, -up32), std::ldexp(1.0, -up64)),
                         c(1.0)));
  };
  Expr a = x * factor(54, 108);
  Expr magic = ci(isF64() ? 0x5fe6eb50c7b537a9 : 0x5f3759df);
  Expr y = fromBits(magic - shr(bits(a), 1));
  Expr half = a * c(0.5);
  for (unsigned i = 0, e = isF64() ? 4 : 3; i < e; ++i)
    y = y * (c(1.5) - half * y * y);
  Expr s = a * y;
  DoubleWord square = twoProd(s, s);
  s = s + ((a - square.hi) - square.lo) * (y * c(0.5));
  s = s * factor(-27, -54);
  // 0, infinity and NaN are their own roots.
  Expr regular = gt(x, c(0.0)) & lt(x, infinity());
  return select(regular, s, select(lt(x, c(0.0)), nan(), x));
}
Expr VecBuilder::abs(Expr x) { return wrap(math::AbsFOp::create(b, loc, x.v)); }
Expr VecBuilder::copysign(Expr magnitude, Expr sign) {
  return wrap(math::CopySignOp::create(b, loc, magnitude.v, sign.v));
}
Expr VecBuilder::select(Expr cond, Expr ifTrue, Expr ifFalse) {
  return wrap(arith::SelectOp::create(b, loc, cond.v, ifTrue.v, ifFalse.v));
}
Expr VecBuilder::cmp(arith::CmpFPredicate predicate, Expr x, Expr y) {
  return wrap(arith::CmpFOp::create(b, loc, predicate, x.v, y.v));
}
Expr VecBuilder::cmpi(arith::CmpIPredicate predicate, Expr x, Expr y) {
  return wrap(arith::CmpIOp::create(b, loc, predicate, x.v, y.v));
}
Expr VecBuilder::logicalNot(Expr cond) { return cond ^ ci(1, 1); }

Value VecBuilder::any(Expr cond) {
  auto vector = dyn_cast<VectorType>(cond.v.getType());
  if (!vector)
    return cond.v;
  Value flat = cond.v;
  if (vector.getRank() != 1)
    flat = vector::ShapeCastOp::create(
        b, loc, VectorType::get({vector.getNumElements()}, b.getI1Type()),
        flat);
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, flat);
}

Expr VecBuilder::bits(Expr x) {
  Type t = intType(getElementTypeOrSelf(x.v.getType()).getIntOrFloatBitWidth());
  return wrap(arith::BitcastOp::create(b, loc, t, x.v));
}
Expr VecBuilder::fromBits(Expr i) {
  return wrap(arith::BitcastOp::create(b, loc, type, i.v));
}

static Expr shiftAmount(VecBuilder &vb, Expr x, unsigned n) {
  return vb.ci(n, getElementTypeOrSelf(x.v.getType()).getIntOrFloatBitWidth());
}
Expr VecBuilder::shl(Expr x, unsigned n) {
  return shlv(x, shiftAmount(*this, x, n));
}
Expr VecBuilder::shr(Expr x, unsigned n) {
  return shrv(x, shiftAmount(*this, x, n));
}
Expr VecBuilder::sar(Expr x, unsigned n) {
  return wrap(arith::ShRSIOp::create(b, loc, x.v, shiftAmount(*this, x, n).v));
}
Expr VecBuilder::shlv(Expr x, Expr n) {
  return wrap(arith::ShLIOp::create(b, loc, x.v, n.v));
}
Expr VecBuilder::shrv(Expr x, Expr n) {
  return wrap(arith::ShRUIOp::create(b, loc, x.v, n.v));
}

Expr VecBuilder::resize(Expr x, unsigned width, bool isSigned) {
  unsigned from = getElementTypeOrSelf(x.v.getType()).getIntOrFloatBitWidth();
  Type t = intType(width);
  if (from == width)
    return x;
  if (from > width)
    return wrap(arith::TruncIOp::create(b, loc, t, x.v));
  if (isSigned)
    return wrap(arith::ExtSIOp::create(b, loc, t, x.v));
  return wrap(arith::ExtUIOp::create(b, loc, t, x.v));
}
Expr VecBuilder::toFloat(Expr signedInt) {
  return wrap(arith::SIToFPOp::create(b, loc, type, signedInt.v));
}
Expr VecBuilder::toSigned(Expr x, unsigned width) {
  return wrap(arith::FPToSIOp::create(b, loc, intType(width), x.v));
}

Expr VecBuilder::horner(Expr x, ArrayRef<double> coeffs) {
  Expr p = c(coeffs.back());
  for (double k : llvm::reverse(coeffs.drop_back()))
    p = fma(p, x, c(k));
  return p;
}

std::pair<Expr, Expr> VecBuilder::roundSmall(Expr x) {
  // Adding 1.5 * 2^mantissa leaves the integer in the low mantissa bits.
  Expr magic = c(std::ldexp(1.5, mantissaBits()));
  Expr t = x + magic;
  return {t - magic, bits(t)};
}

std::pair<Expr, Expr> VecBuilder::roundProduct(Expr x, Expr y) {
  Expr magic = c(std::ldexp(1.5, mantissaBits()));
  Expr t = fma(x, y, magic);
  return {t - magic, bits(t)};
}

Expr VecBuilder::roundEven(Expr x) {
  if (options.hasRound)
    return wrap(math::RoundEvenOp::create(b, loc, x.v));
  Expr big = c(std::ldexp(1.0, mantissaBits()));
  Expr a = abs(x);
  Expr rounded = copysign((a + big) - big, x);
  return select(lt(a, big), rounded, x);
}
Expr VecBuilder::trunc(Expr x) {
  if (options.hasRound)
    return wrap(math::TruncOp::create(b, loc, x.v));
  Expr r = roundEven(abs(x));
  return copysign(select(gt(r, abs(x)), r - c(1), r), x);
}
Expr VecBuilder::floor(Expr x) {
  if (options.hasRound)
    return wrap(math::FloorOp::create(b, loc, x.v));
  Expr r = roundEven(x);
  return copysign(select(gt(r, x), r - c(1), r), x);
}
Expr VecBuilder::ceil(Expr x) {
  if (options.hasRound)
    return wrap(math::CeilOp::create(b, loc, x.v));
  Expr r = roundEven(x);
  return copysign(select(lt(r, x), r + c(1), r), x);
}

Expr VecBuilder::pow2(Expr n) {
  return fromBits(shl(n + ci(exponentBias()), mantissaBits()));
}

DoubleWord VecBuilder::fastTwoSum(Expr big, Expr small) {
  Expr s = big + small;
  return {s, small - (s - big)};
}
DoubleWord VecBuilder::twoSum(Expr x, Expr y) {
  Expr s = x + y;
  Expr yy = s - x;
  return {s, (x - (s - yy)) + (y - yy)};
}
DoubleWord VecBuilder::twoProd(Expr x, Expr y) {
  Expr p = x * y;
  if (hasFMA())
    return {p, fma(x, y, -p)};
  // Dekker: halves of x and y, rounded so that all four products are exact.
  unsigned low = (mantissaBits() + 2) / 2;
  Expr round = ci(uint64_t(1) << (low - 1));
  Expr mask = ci(~((uint64_t(1) << low) - 1));
  auto high = [&](Expr e) { return fromBits((bits(e) + round) & mask); };
  Expr xh = high(x), yh = high(y);
  Expr xl = x - xh, yl = y - yh;
  return {p, ((xh * yh - p) + (xh * yl + xl * yh)) + xl * yl};
}
DoubleWord VecBuilder::mul(DoubleWord x, Expr y) {
  DoubleWord p = twoProd(x.hi, y);
  return fastTwoSum(p.hi, fma(x.lo, y, p.lo));
}
DoubleWord VecBuilder::mul(DoubleWord x, DoubleWord y) {
  DoubleWord p = twoProd(x.hi, y.hi);
  return fastTwoSum(p.hi, p.lo + (x.hi * y.lo + x.lo * y.hi));
}
DoubleWord VecBuilder::add(DoubleWord x, DoubleWord y) {
  DoubleWord s = twoSum(x.hi, y.hi);
  return fastTwoSum(s.hi, s.lo + (x.lo + y.lo));
}

static bool isFloat(Expr x) {
  return isa<FloatType>(getElementTypeOrSelf(x.v.getType()));
}

template <typename FloatOp, typename IntOp> static Expr binary(Expr x, Expr y) {
  VecBuilder &vb = *x.vb;
  if (isFloat(x))
    return vb.wrap(FloatOp::create(vb.b, vb.loc, x.v, y.v));
  return vb.wrap(IntOp::create(vb.b, vb.loc, x.v, y.v));
}

Expr operator+(Expr x, Expr y) {
  return binary<arith::AddFOp, arith::AddIOp>(x, y);
}
Expr operator-(Expr x, Expr y) {
  return binary<arith::SubFOp, arith::SubIOp>(x, y);
}
Expr operator*(Expr x, Expr y) {
  return binary<arith::MulFOp, arith::MulIOp>(x, y);
}
Expr operator/(Expr x, Expr y) {
  return binary<arith::DivFOp, arith::DivSIOp>(x, y);
}
Expr operator&(Expr x, Expr y) {
  return x.vb->wrap(arith::AndIOp::create(x.vb->b, x.vb->loc, x.v, y.v));
}
Expr operator|(Expr x, Expr y) {
  return x.vb->wrap(arith::OrIOp::create(x.vb->b, x.vb->loc, x.v, y.v));
}
Expr operator^(Expr x, Expr y) {
  return x.vb->wrap(arith::XOrIOp::create(x.vb->b, x.vb->loc, x.v, y.v));
}
Expr operator-(Expr x) {
  return x.vb->wrap(arith::NegFOp::create(x.vb->b, x.vb->loc, x.v));
}

} // namespace onnxc::mathexp
