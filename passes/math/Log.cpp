// log, log1p, log2, log10 and the double-word logarithm behind pow.
//
// x = 2^k m with m in [sqrt(1/2), sqrt(2)), f = m - 1, log x = k ln2 + f + y
// where y = log(1+f) - f comes from a polynomial.
#include "passes/math/Coefficients.h"
#include "passes/math/Families.h"

#include <cmath>

using namespace mlir;

namespace onnxc::mathexp {

namespace {
struct LogParts {
  Expr k;      // exponent, integer
  Expr kFloat; // exponent with the denormal correction, float
  Expr m;      // significand
};
} // namespace

static constexpr uint64_t kSqrtHalfBits32 = 0x3f3504f3;
static constexpr uint64_t kSqrtHalfBits64 = 0x3fe6a09e667f3bcd;

/// Small signed integers without the slow 64-bit conversion.
static Expr smallToFloat(Expr k) {
  VecBuilder &vb = *k.vb;
  if (!vb.isF64())
    return vb.toFloat(k);
  Expr magic = vb.c(std::ldexp(1.5, 52));
  return vb.fromBits(k + vb.ci(0x4338000000000000)) - magic;
}

static LogParts splitExponent(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr tiny = vb.lt(x, vb.c(std::ldexp(1.0, -126), std::ldexp(1.0, -1022)));
  Expr scaled =
      vb.select(tiny, x * vb.c(std::ldexp(1.0, 25), std::ldexp(1.0, 54)), x);
  Expr base = vb.ci(vb.isF64() ? kSqrtHalfBits64 : kSqrtHalfBits32);
  Expr offset = vb.bits(scaled) - base;
  Expr k = vb.sar(offset, vb.mantissaBits());
  Expr mask = vb.ci((uint64_t(1) << vb.mantissaBits()) - 1);
  Expr m = vb.fromBits((offset & mask) + base);
  Expr kFloat = smallToFloat(k) - vb.select(tiny, vb.c(25.0, 54.0), vb.c(0.0));
  return {k, kFloat, m};
}

/// log(1+f) - f for 1+f in [sqrt(1/2), sqrt(2)].
static Expr emitLogRest(Expr f) {
  VecBuilder &vb = *f.vb;
  Expr f2 = f * f;
  if (!vb.isF64())
    return vb.fma(f2 * f, vb.horner(f, ArrayRef<double>(kLogF32)),
                  f2 * vb.c(-0.5));
  Expr half = f2 * vb.c(0.5);
  Expr s = f / (f + vb.c(2.0));
  Expr z = s * s;
  Expr r = z * vb.horner(z, ArrayRef<double>(kLogF64));
  return vb.fma(s, half + r, -half);
}

/// Results outside the positive finite numbers: log(inf), log(NaN), log(0),
/// log of negatives. `zero` is where the pole lies.
static Expr emitLogSpecials(Expr x, Expr result, Expr zero) {
  VecBuilder &vb = *x.vb;
  result = vb.select(vb.lt(x, vb.infinity()), result, x);
  Expr outside = vb.select(vb.eq(x, zero), -vb.infinity(), vb.nan());
  return vb.select(vb.le(x, zero), outside, result);
}

static Expr emitLogSum(Expr k, Expr f) {
  VecBuilder &vb = *f.vb;
  Expr y = vb.fma(k, vb.c(kLn2LoF32, kLn2LoF64), emitLogRest(f));
  DoubleWord s = vb.fastTwoSum(k * vb.c(kLn2HiF32, kLn2HiF64), f);
  // With k = 0 the order of the fast sum is wrong but its low part is zero.
  return s.hi + (s.lo + y);
}

Expr emitLog(Expr x) {
  VecBuilder &vb = *x.vb;
  LogParts p = splitExponent(x);
  return emitLogSpecials(x, emitLogSum(p.kFloat, p.m - vb.c(1.0)), vb.c(0.0));
}

Expr emitLog1p(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr one = vb.c(1.0);
  Expr u = x + one;
  // What the sum lost, exactly.
  Expr lost = vb.select(vb.lt(vb.abs(x), one), x - (u - one), one - (u - x));
  LogParts p = splitExponent(u);
  // In units of m; far out it no longer counts, only 2^-k must stay in range.
  Expr limit = vb.ci(100);
  Expr k = vb.select(vb.lti(limit, p.k), limit, p.k);
  Expr f = vb.fma(lost, vb.pow2(vb.ci(0) - k), p.m - one);
  Expr r = emitLogSpecials(x, emitLogSum(p.kFloat, f), vb.c(-1.0));
  Expr tiny =
      vb.lt(vb.abs(x), vb.c(std::ldexp(1.0, -30), std::ldexp(1.0, -60)));
  return vb.select(tiny, x, r);
}

/// (k ln2 + log(1+f)) / ln(base): kHi + kLo = log_base(2), cHi + cLo =
/// 1/ln(base).
static Expr emitLogBase(Expr x, Expr kHi, Expr kLo, Expr cHi, Expr cLo) {
  VecBuilder &vb = *x.vb;
  LogParts p = splitExponent(x);
  Expr f = p.m - vb.c(1.0);
  Expr y = emitLogRest(f);
  DoubleWord product = vb.twoProd(f, cHi);
  Expr low = product.lo + vb.fma(f, cLo, vb.fma(y, cHi, p.kFloat * kLo));
  DoubleWord s = vb.fastTwoSum(p.kFloat * kHi, product.hi);
  return emitLogSpecials(x, s.hi + (s.lo + low), vb.c(0.0));
}

Expr emitLog2(Expr x) {
  VecBuilder &vb = *x.vb;
  return emitLogBase(x, vb.c(1.0), vb.c(0.0), vb.c(kLog2EF32, kLog2EF64),
                     vb.c(kLog2ELoF32, kLog2ELoF64));
}

Expr emitLog10(Expr x) {
  VecBuilder &vb = *x.vb;
  return emitLogBase(x, vb.c(kLog10Of2HiF32, kLog10Of2HiF64),
                     vb.c(kLog10Of2LoF32, kLog10Of2LoF64),
                     vb.c(kLog10EF32, kLog10EF64),
                     vb.c(kLog10ELoF32, kLog10ELoF64));
}

DoubleWord emitLogDouble(Expr x) {
  VecBuilder &vb = *x.vb;
  LogParts p = splitExponent(x);
  // s = (m-1)/(m+1) with its remainder; log m = 2s + 2/3 s^3 + s^5 P(s^2).
  Expr one = vb.c(1.0);
  Expr num = p.m - one;
  DoubleWord den = vb.twoSum(p.m, one);
  Expr inverse = one / den.hi;
  Expr s = num * inverse;
  DoubleWord back = vb.twoProd(s, den.hi);
  Expr sLo = (((num - back.hi) - back.lo) - s * den.lo) * inverse;
  DoubleWord sd{s, sLo};
  DoubleWord z = vb.mul(sd, sd);
  DoubleWord s3 = vb.mul(z, sd);
  DoubleWord third =
      vb.mul(s3, DoubleWord{vb.c(kTwoThirdsF32, kTwoThirdsF64),
                            vb.c(kTwoThirdsLoF32, kTwoThirdsLoF64)});
  Expr tail = s3.hi * z.hi * vb.horner(z.hi, kPowLogF32, kPowLogF64);
  DoubleWord twoS{s + s, sLo + sLo};
  DoubleWord sum = vb.add(twoS, vb.fastTwoSum(third.hi, third.lo + tail));
  DoubleWord exponent = vb.fastTwoSum(p.kFloat * vb.c(kLn2HiF32, kLn2HiF64),
                                      p.kFloat * vb.c(kLn2LoF32, kLn2LoF64));
  // The low part of ln2 itself needs one word more in the double format.
  exponent.lo = vb.fma(p.kFloat, vb.c(kLn2Lo2F32, kLn2Lo2F64), exponent.lo);
  return vb.add(exponent, sum);
}

} // namespace onnxc::mathexp
