// powf, fpowi, ipowi, cbrt, rsqrt.
//
// pow: exp(y log|x|) with the logarithm and the product in double words, then
// the special cases of C's pow laid over it.
#include "passes/math/Coefficients.h"
#include "passes/math/Families.h"

#include "mlir/IR/TypeUtilities.h"

#include <cmath>

using namespace mlir;

namespace onnxc::mathexp {

/// exp(hi + lo); far out of range it saturates like exp.
static Expr emitExpDouble(DoubleWord x) {
  VecBuilder &vb = *x.hi.vb;
  Expr hi = vb.clampMin(vb.clampMax(x.hi, vb.c(150.0, 1000.0)),
                        vb.c(-150.0, -1000.0));
  Expr lo = vb.select(vb.eq(hi, x.hi), x.lo, vb.c(0.0));
  auto [n, nBits] = vb.roundProduct(hi, vb.c(kLog2EF32, kLog2EF64));
  Expr r = vb.fma(n, vb.c(-kLn2HiF32, -kLn2HiF64), hi);
  DoubleWord step = vb.twoProd(n, vb.c(-kLn2LoF32, -kLn2LoF64));
  DoubleWord d = vb.twoSum(r, step.hi);
  d = vb.twoSum(d.hi, d.lo + (step.lo + lo));
  Expr q = vb.horner(d.hi, kExpF32, kExpF64);
  // e^(r + lo) - 1 = r + (lo + r^2 Q + r lo).
  Expr tail = vb.fma(d.hi * d.hi, q, vb.fma(d.hi, d.lo, d.lo));
  return emitLdexp(vb.c(1.0) + (d.hi + tail), nBits);
}

Expr emitPow(Expr x, Expr y) {
  VecBuilder &vb = *x.vb;
  Expr zero = vb.c(0.0), one = vb.c(1.0), inf = vb.infinity();
  Expr ax = vb.abs(x), ay = vb.abs(y);
  // Huge exponents act alike; bounded they keep the exact products finite.
  Expr bound = vb.c(std::ldexp(1.0, 40), std::ldexp(1.0, 80));
  Expr yc = vb.clampMin(vb.clampMax(y, bound), -bound);
  DoubleWord e = vb.mul(emitLogDouble(ax), yc);
  Expr r = emitExpDouble(e);

  Expr yNegative = vb.lt(y, zero);
  Expr vanishes = vb.select(yNegative, inf, zero);
  Expr explodes = vb.select(yNegative, zero, inf);
  r = vb.select(vb.eq(ax, zero), vanishes, r);
  r = vb.select(vb.eq(ax, inf), explodes, r);
  Expr atInfinity = vb.select(vb.gt(ax, one), explodes,
                              vb.select(vb.lt(ax, one), vanishes, one));
  r = vb.select(vb.eq(ay, inf), atInfinity, r);

  // Integers, and odd ones: everything from 2^(mantissa+1) on is even.
  Expr huge = vb.c(std::ldexp(1.0, vb.mantissaBits() + 1));
  Expr isInteger = vb.eq(vb.trunc(y), y);
  Expr half = y * vb.c(0.5);
  Expr isOdd = isInteger & vb.ne(vb.trunc(half), half) & vb.lt(ay, huge);
  Expr xNegative = vb.lti(vb.bits(x), vb.ci(0));
  r = vb.select(xNegative & isOdd, -r, r);
  Expr undefined = vb.lt(x, zero) & vb.gt(x, -inf) & vb.lt(ay, inf) &
                   vb.logicalNot(isInteger);
  r = vb.select(undefined, vb.nan(), r);
  r = vb.select(vb.cmp(arith::CmpFPredicate::UNO, x, y), x + y, r);
  return vb.select(vb.eq(x, one) | vb.eq(y, zero), one, r);
}

Expr emitPowInt(Expr x, Expr n, std::optional<int64_t> constant) {
  VecBuilder &vb = *x.vb;
  Expr one = vb.c(1.0);
  if (constant) {
    uint64_t left = *constant < 0 ? 0 - uint64_t(*constant) : *constant;
    Expr result = one, power = x;
    bool first = true;
    for (; left; left >>= 1) {
      if (left & 1) {
        result = first ? power : result * power;
        first = false;
      }
      if (left > 1)
        power = power * power;
    }
    return *constant < 0 ? one / result : result;
  }
  unsigned width = getElementTypeOrSelf(n.v.getType()).getIntOrFloatBitWidth();
  Expr zero = vb.ci(0, width);
  Expr negative = vb.lti(n, zero);
  Expr left = vb.select(negative, zero - n, n);
  Expr result = one, power = x;
  for (unsigned i = 0; i < width; ++i) {
    Expr bit = vb.nei(vb.shr(left, i) & vb.ci(1, width), zero);
    result = vb.select(bit, result * power, result);
    if (i + 1 < width)
      power = power * power;
  }
  return vb.select(negative, one / result, result);
}

Value emitIntPow(OpBuilder &b, Location loc, Value x, Value n,
                 std::optional<int64_t> constant) {
  Type type = x.getType();
  unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  auto splat = [&](int64_t value) -> Value {
    TypedAttr attr = IntegerAttr::get(getElementTypeOrSelf(type),
                                      APInt(width, value, /*isSigned=*/true,
                                            /*implicitTrunc=*/true));
    if (auto vector = dyn_cast<VectorType>(type))
      attr = DenseElementsAttr::get(vector, Attribute(attr));
    return arith::ConstantOp::create(b, loc, attr);
  };
  auto mul = [&](Value l, Value r) -> Value {
    return arith::MulIOp::create(b, loc, l, r);
  };
  auto is = [&](arith::CmpIPredicate p, Value l, Value r) -> Value {
    return arith::CmpIOp::create(b, loc, p, l, r);
  };
  auto select = [&](Value cond, Value t, Value f) -> Value {
    return arith::SelectOp::create(b, loc, cond, t, f);
  };
  Value one = splat(1);
  if (constant && *constant >= 0) {
    Value result, power = x;
    for (uint64_t left = *constant; left; left >>= 1) {
      if (left & 1)
        result = result ? mul(result, power) : power;
      if (left > 1)
        power = mul(power, power);
    }
    return result ? result : one;
  }
  Value zero = splat(0), minusOne = splat(-1);
  Value result = one, power = x;
  for (unsigned i = 0; i + 1 < width; ++i) {
    Value bit = arith::AndIOp::create(
        b, loc, arith::ShRUIOp::create(b, loc, n, splat(i)), one);
    result = select(is(arith::CmpIPredicate::ne, bit, zero), mul(result, power),
                    result);
    if (i + 2 < width)
      power = mul(power, power);
  }
  // 1/x^n truncates to zero except for x = 1 and x = -1 (a zero base is
  // undefined there and gives zero).
  Value odd =
      is(arith::CmpIPredicate::ne, arith::AndIOp::create(b, loc, n, one), zero);
  Value inverse = select(is(arith::CmpIPredicate::eq, x, one), one,
                         select(is(arith::CmpIPredicate::eq, x, minusOne),
                                select(odd, minusOne, one), zero));
  return select(is(arith::CmpIPredicate::slt, n, zero), inverse, result);
}

Expr emitCbrt(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr a = vb.abs(x);
  // Cubes of powers of two keep the iteration in range: denormals are lifted,
  // numbers whose triple would overflow are lowered.
  Expr tiny = vb.lt(a, vb.c(std::ldexp(1.0, -100), std::ldexp(1.0, -900)));
  Expr large = vb.gt(a, vb.c(std::ldexp(1.0, 100), std::ldexp(1.0, 900)));
  Expr one = vb.c(1.0);
  auto factor = [&](int up32, int up64) {
    return vb.select(
        tiny, vb.c(std::ldexp(1.0, up32), std::ldexp(1.0, up64)),
        vb.select(large, vb.c(std::ldexp(1.0, -up32), std::ldexp(1.0, -up64)),
                  one));
  };
  Expr finite = vb.lt(vb.c(0.0), a) & vb.lt(a, vb.infinity());
  Expr whole = a;
  a = a * factor(54, 162);
  // First guess: a third of the bit pattern plus two thirds of the bias.
  Expr pattern = vb.bits(a);
  if (vb.isF64())
    pattern = vb.resize(vb.shr(pattern, 32), 32, false);
  mlir::Type f32Shape = mlir::Float32Type::get(vb.b.getContext());
  if (auto vector = dyn_cast<VectorType>(vb.floatType()))
    f32Shape = vector.clone(f32Shape);
  Value third = arith::SIToFPOp::create(vb.b, vb.loc, f32Shape, pattern.v);
  TypedAttr scale = vb.b.getF32FloatAttr(1.0f / 3.0f);
  if (auto vector = dyn_cast<VectorType>(f32Shape))
    scale = DenseElementsAttr::get(vector, Attribute(scale));
  Value scaleValue = arith::ConstantOp::create(vb.b, vb.loc, scale);
  third = arith::MulFOp::create(vb.b, vb.loc, third, scaleValue);
  Expr guess =
      vb.wrap(arith::FPToSIOp::create(vb.b, vb.loc, vb.intType(32), third));
  guess = guess + vb.ci(vb.isF64() ? 0x2a9f7893 : 0x2a5119f2, 32);
  if (vb.isF64())
    guess = vb.shl(vb.resize(guess, 64, false), 32);
  Expr y = vb.fromBits(guess);
  // Halley: y -= y (y^3 - a) / (2 y^3 + a), tripling the digits each time.
  for (unsigned i = 0, e = vb.isF64() ? 3 : 2; i < e; ++i) {
    DoubleWord y2 = vb.twoProd(y, y);
    DoubleWord y3 = vb.mul(y2, y);
    Expr miss = (y3.hi - a) + y3.lo;
    y = y - y * (miss / (y3.hi + y3.hi + a));
  }
  y = y * factor(-18, -54);
  return vb.copysign(vb.select(finite, y, whole), x);
}

Expr emitRsqrt(Expr x) { return x.vb->c(1.0) / x.vb->sqrt(x); }

} // namespace onnxc::mathexp
