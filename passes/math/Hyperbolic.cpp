// tanh, sinh, cosh and their inverses, on top of expm1 and log1p.
#include "passes/math/Coefficients.h"
#include "passes/math/Families.h"

#include <cmath>

using namespace mlir;

namespace onnxc::mathexp {

Expr emitTanh(Expr x) {
  VecBuilder &vb = *x.vb;
  // tanh a = e / (e + 2), e = exp(2a) - 1; beyond the clamp it rounds to 1.
  Expr a = vb.clampMax(vb.abs(x), vb.c(9.5, 20.0));
  ExpParts parts = emitExpParts(a + a);
  Expr s = emitScale(parts.n);
  Expr e = vb.fma(s, parts.q, s - vb.c(1.0));
  Expr t = e / (e + vb.c(2.0));
  // e/(e+2) = e/2 - e/2 * e/(e+2): where the quotient is small its rounding
  // hardly counts in the second form.
  Expr half = e * vb.c(0.5);
  t = vb.select(vb.lt(e, vb.c(1.0)), vb.fma(-half, t, half), t);
  return vb.copysign(t, x);
}

Expr emitSinh(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr a = vb.abs(x);
  Expr e = emitExpm1(a);
  Expr small = vb.c(0.5) * (e + e / (e + vb.c(1.0)));
  Expr r = vb.select(vb.gt(a, vb.c(20.0, 40.0)), emitExpHalf(a), small);
  return vb.copysign(r, x);
}

Expr emitCosh(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr half = emitExpHalf(vb.abs(x));
  return half + vb.c(0.25) / half;
}

Expr emitAsinh(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr one = vb.c(1.0);
  Expr a = vb.abs(x);
  Expr large = vb.gt(a, vb.c(std::ldexp(1.0, 30), std::ldexp(1.0, 60)));
  Expr a2 = a * a;
  Expr arg = a + a2 / (one + vb.sqrt(a2 + one));
  Expr r = emitLog1p(vb.select(large, a, arg));
  r = r + vb.select(large, vb.c(kLn2F32, kLn2F64), vb.c(0.0));
  return vb.copysign(r, x);
}

Expr emitAcosh(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr large = vb.gt(x, vb.c(std::ldexp(1.0, 30), std::ldexp(1.0, 60)));
  Expr t = x - vb.c(1.0);
  Expr arg = t + vb.sqrt(t * (t + vb.c(2.0)));
  Expr r = emitLog1p(vb.select(large, x, arg));
  r = r + vb.select(large, vb.c(kLn2F32, kLn2F64), vb.c(0.0));
  return vb.select(vb.lt(x, vb.c(1.0)), vb.nan(), r);
}

Expr emitAtanh(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr a = vb.abs(x);
  Expr r = vb.c(0.5) * emitLog1p((a + a) / (vb.c(1.0) - a));
  return vb.copysign(r, x);
}

} // namespace onnxc::mathexp
