// Rounding half away from zero, remainder, and NaN-aware minima and maxima.
#include "passes/math/Families.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

#include <cmath>

using namespace mlir;

namespace onnxc::mathexp {

Expr emitRoundHalfAway(Expr x) {
  VecBuilder &vb = *x.vb;
  // The largest number below one half: x + 0.5 would round 0.49999997 up.
  Expr half = vb.c(0.5 - std::ldexp(1.0, -25), 0.5 - std::ldexp(1.0, -54));
  return vb.trunc(x + vb.copysign(half, x));
}

Expr emitMaximum(Expr x, Expr y, bool isMax) {
  VecBuilder &vb = *x.vb;
  Expr r = vb.select(isMax ? vb.gt(x, y) : vb.lt(x, y), x, y);
  // Equal operands differ at most in the sign of zero.
  Expr xb = vb.bits(x), yb = vb.bits(y);
  r = vb.select(vb.eq(x, y), vb.fromBits(isMax ? xb & yb : xb | yb), r);
  return vb.select(vb.cmp(arith::CmpFPredicate::UNO, x, y), x + y, r);
}

Expr emitMaxNum(Expr x, Expr y, bool isMax) {
  VecBuilder &vb = *x.vb;
  // The comparison fails when either is a NaN, which then yields y.
  Expr r = vb.select(isMax ? vb.gt(x, y) : vb.lt(x, y), x, y);
  return vb.select(vb.isNaN(y), x, r);
}

/// x 2^k for x >= 0 in three exact steps; 0 <= k < 2200 (f32: 300).
static Expr emitShiftUp(Expr x, Expr k) {
  VecBuilder &vb = *x.vb;
  Expr limit = vb.ci(vb.isF64() ? 1000 : 100);
  for (unsigned i = 0; i < 2; ++i) {
    Expr step = vb.select(vb.lti(limit, k), limit, k);
    x = x * vb.pow2(step);
    k = k - step;
  }
  return x * vb.pow2(k);
}

static Expr emitExponent(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr tiny = vb.lt(x, vb.c(std::ldexp(1.0, -126), std::ldexp(1.0, -1022)));
  int lift = vb.isF64() ? 54 : 25;
  Expr lifted = vb.select(tiny, x * vb.c(std::ldexp(1.0, lift)), x);
  Expr e = vb.shr(vb.bits(lifted), vb.mantissaBits());
  return e - vb.select(tiny, vb.ci(lift), vb.ci(0));
}

/// r - q * step without fma, for integers q below 2^26 (f32: 2^12).
static Expr exactRest(Expr r, Expr q, Expr step) {
  VecBuilder &vb = *r.vb;
  Expr high =
      vb.fromBits(vb.bits(step) &
                  vb.ci(vb.isF64() ? ~uint64_t(0x7ffffff) : ~uint64_t(0xfff)));
  Expr product = q * step;
  Expr lost = (q * high - product) + q * (step - high);
  return (r - product) - lost;
}

/// a mod d for finite a >= 0 and d > 0. Every round of the
/// loop takes a quotient of at most `quotientBits` bits of a shifted divisor,
/// which leaves an exact remainder.
static Expr emitRemainderLoop(Expr a, Expr d) {
  VecBuilder &vb = *a.vb;
  OpBuilder &b = vb.b;
  Location loc = vb.loc;
  int quotientBits =
      vb.isF64() ? (vb.hasFMA() ? 50 : 24) : (vb.hasFMA() ? 21 : 9);
  Expr dExponent = emitExponent(d);
  auto before = [&](OpBuilder &, Location, ValueRange args) {
    Expr r = vb.wrap(args[0]);
    Value again = vb.any(vb.ge(r, d));
    scf::ConditionOp::create(b, loc, again, args);
  };
  auto after = [&](OpBuilder &, Location, ValueRange args) {
    Expr r = vb.wrap(args[0]);
    Expr k = emitExponent(r) - dExponent - vb.ci(quotientBits);
    k = vb.select(vb.lti(k, vb.ci(0)), vb.ci(0), k);
    Expr step = emitShiftUp(d, k);
    Expr q = vb.trunc(r / step);
    Expr left = vb.hasFMA() ? vb.fma(-q, step, r) : exactRest(r, q, step);
    // A quotient rounded up overshoots by one step.
    left = vb.select(vb.lt(left, vb.c(0.0)), left + step, left);
    left = vb.select(vb.ge(r, d), left, r);
    scf::YieldOp::create(b, loc, left.v);
  };
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::WhileOp::create(b, loc, TypeRange{vb.floatType()},
                                   ValueRange{a.v}, before, after);
  return vb.wrap(loop.getResult(0));
}

Expr emitRem(Expr x, Expr y) {
  VecBuilder &vb = *x.vb;
  Expr zero = vb.c(0.0), one = vb.c(1.0), inf = vb.infinity();
  Expr a = vb.abs(x), d = vb.abs(y);
  Expr usable = vb.lt(a, inf) & vb.gt(d, zero) & vb.lt(d, inf);
  Expr r =
      emitRemainderLoop(vb.select(usable, a, zero), vb.select(usable, d, one));
  r = vb.copysign(r, x);
  // x mod inf is x; every other case outside is NaN.
  Expr keeps = vb.lt(a, inf) & vb.eq(d, inf);
  return vb.select(usable, r, vb.select(keeps, x, vb.nan()));
}

} // namespace onnxc::mathexp
