// erf and erfc.
//
// Near zero erf x = x + x P(x^2). Farther out erf = 1 - erfc, where f32 takes
// erfc a = exp(-a G(a)) and everything else exp(-a^2) F(u) / (1 + 2a) with
// u = (a-4)/(a+4), which keeps the relative accuracy of erfc in its tail.
#include "passes/math/Coefficients.h"
#include "passes/math/Families.h"

using namespace mlir;

namespace onnxc::mathexp {

/// erfc(a) for a >= 0.
static Expr emitErfcPositive(Expr a) {
  VecBuilder &vb = *a.vb;
  a = vb.clampMax(a, vb.c(11.0, 28.0));
  Expr four = vb.c(4.0);
  Expr u = (a - four) / (a + four);
  Expr f = vb.horner(u, kErfcF32, kErfcF64);
  DoubleWord square = vb.twoProd(a, a);
  ExpParts e = emitExpParts(-square.hi);
  // exp(-lo) = 1 - lo to first order.
  Expr p = vb.fma(e.q, vb.c(1.0) - square.lo, -square.lo);
  Expr g = f / vb.fma(a, vb.c(2.0), vb.c(1.0));
  return emitLdexp(vb.fma(p, g, g), e.n);
}

/// erf(x) near zero.
static Expr emitErfSmall(Expr x) {
  VecBuilder &vb = *x.vb;
  return vb.fma(x, vb.horner(x * x, kErfF32, kErfF64), x);
}

Expr emitErfc(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr a = vb.abs(x);
  Expr positive = emitErfcPositive(a);
  Expr tail = vb.select(vb.lt(x, vb.c(0.0)), vb.c(2.0) - positive, positive);
  return vb.select(vb.lt(a, vb.c(0.46875)), vb.c(1.0) - emitErfSmall(x), tail);
}

Expr emitErf(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr one = vb.c(1.0);
  Expr a = vb.abs(x);
  Expr small = emitErfSmall(x);
  Expr large;
  if (vb.isF64()) {
    large = one - emitErfcPositive(a);
  } else {
    Expr t = vb.clampMax(a, vb.c(4.0));
    ExpParts e =
        emitExpParts(-(t * vb.horner(t, ArrayRef<double>(kErfTailF32))));
    Expr s = emitScale(e.n);
    large = (one - s) - s * e.q;
  }
  return vb.select(vb.lt(a, vb.c(0.921875, 1.0)), small, vb.copysign(large, x));
}

} // namespace onnxc::mathexp
