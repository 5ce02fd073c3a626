// asin, acos, atan, atan2.
#include "passes/math/Coefficients.h"
#include "passes/math/Families.h"

#include <cmath>

using namespace mlir;

namespace onnxc::mathexp {

namespace {
/// Angle base + lo + p with |p| <= pi/8.
struct Angle {
  Expr aboveHigh, aboveMid; // which base: pi/2, pi/4, or zero
  Expr p;
};
} // namespace

/// atan(a / b) for a, b >= 0, not both zero, not both infinite. Around 1 and
/// beyond tan(3 pi/8) the quotient is turned back by pi/4 or pi/2 first.
static Angle emitAtanQuotient(Expr a, Expr b) {
  VecBuilder &vb = *a.vb;
  Expr high = vb.gt(a, b * vb.c(2.414213562373095));
  Expr mid = vb.gt(a, b * vb.c(0.4142135623730950));
  Expr num = vb.select(high, -b, vb.select(mid, a - b, a));
  Expr den = vb.select(high, a, vb.select(mid, a + b, b));
  Expr z = num / den;
  Expr t = z * z;
  Expr p = vb.fma(z * t, vb.horner(t, kAtanF32, kAtanF64), z);
  return {high, mid, p};
}

Expr emitAtan(Expr x) {
  VecBuilder &vb = *x.vb;
  Angle angle = emitAtanQuotient(vb.abs(x), vb.c(1.0));
  Expr zero = vb.c(0.0);
  Expr base =
      vb.select(angle.aboveHigh, vb.c(kPio2F32, kPio2F64),
                vb.select(angle.aboveMid, vb.c(kPio4F32, kPio4F64), zero));
  Expr low =
      vb.select(angle.aboveHigh, vb.c(kPio2LoF32, kPio2LoF64),
                vb.select(angle.aboveMid, vb.c(kPio4LoF32, kPio4LoF64), zero));
  return vb.copysign(base + (angle.p + low), x);
}

Expr emitAtan2(Expr y, Expr x) {
  VecBuilder &vb = *x.vb;
  Expr zero = vb.c(0.0), one = vb.c(1.0), inf = vb.infinity();
  Expr a = vb.abs(y), b = vb.abs(x);
  // Infinities and the origin as ordinary quotients with the same angle.
  Expr aInf = vb.eq(a, inf), bInf = vb.eq(b, inf);
  Expr anyInf = aInf | bInf;
  Expr aBounded = vb.select(anyInf, vb.select(aInf, one, zero), a);
  Expr bBounded = vb.select(anyInf, vb.select(bInf, one, zero), b);
  Expr largest = vb.select(vb.gt(a, b), a, b);
  bBounded = vb.select(vb.eq(largest, zero), one, bBounded);
  // Keep a + b finite and the quotient of denormals accurate.
  double small = vb.isF64() ? -1000 : -100, large = vb.isF64() ? 1000 : 100;
  Expr scale =
      vb.select(vb.gt(largest, vb.c(std::ldexp(1.0, large))), vb.c(0.125), one);
  scale = vb.select(vb.lt(largest, vb.c(std::ldexp(1.0, small))),
                    vb.c(std::ldexp(1.0, vb.isF64() ? 54 : 25)), scale);
  Angle angle = emitAtanQuotient(aBounded * scale, bBounded * scale);

  Expr left = vb.lti(vb.bits(x), vb.ci(0));
  auto base = [&](double right32, double right64, double left32,
                  double left64) {
    return vb.select(left, vb.c(left32, left64), vb.c(right32, right64));
  };
  auto choose = [&](Expr high, Expr mid, Expr near) {
    return vb.select(angle.aboveHigh, high,
                     vb.select(angle.aboveMid, mid, near));
  };
  Expr hi = choose(vb.c(kPio2F32, kPio2F64),
                   base(kPio4F32, kPio4F64, k3Pio4F32, k3Pio4F64),
                   base(0, 0, kPiF32, kPiF64));
  Expr lo = choose(vb.c(kPio2LoF32, kPio2LoF64),
                   base(kPio4LoF32, kPio4LoF64, k3Pio4LoF32, k3Pio4LoF64),
                   base(0, 0, kPiLoF32, kPiLoF64));
  Expr p = vb.select(left, -angle.p, angle.p);
  Expr r = vb.copysign(hi + (p + lo), y);
  return vb.select(vb.cmp(arith::CmpFPredicate::UNO, x, y), x + y, r);
}

namespace {
/// Shared by asin and acos: asin(s) = s + s t P(t) with s = x below 1/2 and
/// s = sqrt((1-|x|)/2) above, where asin|x| = pi/2 - 2 asin(s).
struct AsinParts {
  Expr outer; // |x| > 1/2
  Expr s, rest;
};
} // namespace

static AsinParts emitAsinParts(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr a = vb.abs(x);
  Expr outer = vb.gt(a, vb.c(0.5));
  Expr half = (vb.c(1.0) - a) * vb.c(0.5);
  Expr t = vb.select(outer, half, x * x);
  Expr root = vb.sqrt(half);
  Expr s = vb.select(outer, root, a);
  Expr rest = s * t * vb.horner(t, kAsinF32, kAsinF64);
  // What the square root rounded away: (half - root^2) / (2 root).
  DoubleWord square = vb.twoProd(root, root);
  Expr lost = ((half - square.hi) - square.lo) / (root + root);
  Expr useLost = outer & vb.gt(root, vb.c(0.0));
  rest = rest + vb.select(useLost, lost, vb.c(0.0));
  return {outer, s, rest};
}

Expr emitAsin(Expr x) {
  VecBuilder &vb = *x.vb;
  AsinParts p = emitAsinParts(x);
  Expr two = vb.c(2.0);
  // pi/2 - 2s is nearly exact in the right order.
  DoubleWord head = vb.fastTwoSum(vb.c(kPio2F32, kPio2F64), -(p.s * two));
  Expr outer =
      head.hi + (head.lo + vb.fma(p.rest, -two, vb.c(kPio2LoF32, kPio2LoF64)));
  return vb.copysign(vb.select(p.outer, outer, p.s + p.rest), x);
}

Expr emitAcos(Expr x) {
  VecBuilder &vb = *x.vb;
  AsinParts p = emitAsinParts(x);
  Expr negative = vb.lt(x, vb.c(0.0));
  Expr two = vb.c(2.0);
  // Outer: 2 asin(s), or pi minus it. Inner: pi/2 -+ asin|x|.
  Expr factor = vb.select(p.outer, two, vb.c(1.0));
  Expr s = p.s * factor, rest = p.rest * factor;
  Expr flip = vb.select(p.outer, negative, vb.logicalNot(negative));
  s = vb.select(flip, -s, s);
  rest = vb.select(flip, -rest, rest);
  Expr zero = vb.c(0.0);
  Expr baseHi =
      vb.select(p.outer, vb.select(negative, vb.c(kPiF32, kPiF64), zero),
                vb.c(kPio2F32, kPio2F64));
  Expr baseLo =
      vb.select(p.outer, vb.select(negative, vb.c(kPiLoF32, kPiLoF64), zero),
                vb.c(kPio2LoF32, kPio2LoF64));
  DoubleWord head = vb.twoSum(baseHi, s);
  return head.hi + (head.lo + (rest + baseLo));
}

} // namespace onnxc::mathexp
