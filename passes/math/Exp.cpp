// exp, exp2, expm1.
//
// exp: x = 2h ln2 + r with |r| <= ln2, so e^x = (2^h e^r) 2^h. One polynomial
// for e^r, two integer adds into exponents, one multiplication, which
// underflows gradually and overflows to infinity by itself.
#include "passes/math/Coefficients.h"
#include "passes/math/Families.h"

#include "llvm/ADT/SmallVector.h"

#include <cmath>

using namespace mlir;

namespace onnxc::mathexp {

ExpParts emitExpParts(Expr x) {
  VecBuilder &vb = *x.vb;
  auto [n, nBits] = vb.roundProduct(x, vb.c(kLog2EF32, kLog2EF64));
  Expr r = vb.fma(n, vb.c(-kLn2HiF32, -kLn2HiF64), x);
  r = vb.fma(n, vb.c(-kLn2LoF32, -kLn2LoF64), r);
  Expr q = vb.horner(r, kExpF32, kExpF64);
  return {vb.fma(r * r, q, r), nBits};
}

Expr emitScale(Expr n) { return n.vb->pow2(n); }

Expr emitLdexp(Expr p, Expr n) {
  VecBuilder &vb = *p.vb;
  // Sign-extend the integer part, then scale in two normal steps.
  unsigned drop = vb.isF64() ? 64 - 16 : 32 - 16;
  Expr whole = vb.sar(vb.shl(n, drop), drop);
  Expr half = vb.sar(whole, 1);
  return p * vb.pow2(half) * vb.pow2(whole - half);
}

/// e^x = product of the two: 2^h e^r, and 2^h.
static std::pair<Expr, Expr> emitExpFactors(Expr x) {
  VecBuilder &vb = *x.vb;
  x = vb.clampMin(vb.clampMax(x, vb.c(91.0, 712.0)), vb.c(-104.5, -746.0));
  auto [h, hBits] = vb.roundProduct(x, vb.c(kLog2EF32 / 2, kLog2EF64 / 2));
  Expr r = vb.fma(h, vb.c(-2 * kLn2HiF32, -2 * kLn2HiF64), x);
  r = vb.fma(h, vb.c(-2 * kLn2LoF32, -2 * kLn2LoF64), r);
  Expr one = vb.c(1.0);
  Expr q = vb.horner(r, kExpWideF32, kExpWideF64);
  Expr p = vb.fma(vb.fma(q, r, one), r, one);
  Expr shift = vb.shl(hBits, vb.mantissaBits());
  return {vb.fromBits(vb.bits(p) + shift), vb.fromBits(vb.bits(one) + shift)};
}

Expr emitExp(Expr x) {
  auto [p, scale] = emitExpFactors(x);
  return p * scale;
}

Expr emitExpHalf(Expr x) {
  auto [p, scale] = emitExpFactors(x);
  return p * (scale * x.vb->c(0.5));
}

Expr emitExp2(Expr x) {
  VecBuilder &vb = *x.vb;
  x = vb.clampMin(vb.clampMax(x, vb.c(129.0, 1025.0)), vb.c(-151.0, -1076.0));
  auto [n, nBits] = vb.roundSmall(x);
  Expr r = x - n;
  // The table is 2^(r/2) = 1 + r Q(r) over |r| <= 1.
  SmallVector<double> series{1.0};
  ArrayRef<double> table = kExp2F32;
  if (vb.isF64())
    table = kExp2F64;
  double power = 2.0;
  for (double c : table) {
    series.push_back(c * power);
    power *= 2.0;
  }
  return emitLdexp(vb.horner(r, series), nBits);
}

Expr emitExpm1(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr y = vb.clampMin(vb.clampMax(x, vb.c(89.0, 710.0)), vb.c(-20.0, -40.0));
  ExpParts e = emitExpParts(y);
  // Half of 2^n, which stays finite up to the overflow threshold.
  Expr s = emitScale(e.n - vb.ci(1));
  Expr r = vb.fma(s, e.q, s - vb.c(0.5));
  return vb.copysign(r + r, x);
}

} // namespace onnxc::mathexp
