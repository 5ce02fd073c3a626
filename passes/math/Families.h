// The expansions by family. Each takes operands of one shape (the builder of
// its first operand decides the format) and returns the result as new IR.
#ifndef ONNXC_PASSES_MATH_FAMILIES_H
#define ONNXC_PASSES_MATH_FAMILIES_H

#include "passes/math/VecBuilder.h"

namespace onnxc::mathexp {

// Exp.cpp
/// e^x = 2^n (1 + q), |q| < 0.42; x must keep 2^n normal. n is held in the low
/// bits of `n`; the bits above the exponent field are garbage.
struct ExpParts {
  Expr q, n;
};
ExpParts emitExpParts(Expr x);
/// 2^n from the n of ExpParts.
Expr emitScale(Expr n);
/// p * 2^n for any n that roundSmall gives: gradual underflow and overflow.
Expr emitLdexp(Expr p, Expr n);
Expr emitExp(Expr x);
/// exp(x) / 2 that overflows only where the half does.
Expr emitExpHalf(Expr x);
Expr emitExp2(Expr x);
Expr emitExpm1(Expr x);

// Log.cpp
Expr emitLog(Expr x);
Expr emitLog1p(Expr x);
Expr emitLog2(Expr x);
Expr emitLog10(Expr x);
/// log(x) to well beyond working precision, for positive finite x.
DoubleWord emitLogDouble(Expr x);

// Trig.cpp
Expr emitSin(Expr x);
Expr emitCos(Expr x);
std::pair<Expr, Expr> emitSinCos(Expr x);
Expr emitTan(Expr x);

// InverseTrig.cpp
Expr emitAsin(Expr x);
Expr emitAcos(Expr x);
Expr emitAtan(Expr x);
Expr emitAtan2(Expr y, Expr x);

// Hyperbolic.cpp
Expr emitTanh(Expr x);
Expr emitSinh(Expr x);
Expr emitCosh(Expr x);
Expr emitAsinh(Expr x);
Expr emitAcosh(Expr x);
Expr emitAtanh(Expr x);

// Erf.cpp
Expr emitErf(Expr x);
Expr emitErfc(Expr x);

// Pow.cpp
Expr emitPow(Expr x, Expr y);
/// x^n by repeated squaring; n is an integer shape, or a constant if given.
Expr emitPowInt(Expr x, Expr n, std::optional<int64_t> constant);
/// Integer power with wrap-around; negative exponents truncate toward zero.
mlir::Value emitIntPow(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                       mlir::Value n, std::optional<int64_t> constant);
Expr emitCbrt(Expr x);
Expr emitRsqrt(Expr x);

// Round.cpp
Expr emitRoundHalfAway(Expr x);
Expr emitRem(Expr x, Expr y);
Expr emitMaximum(Expr x, Expr y, bool isMax);
Expr emitMaxNum(Expr x, Expr y, bool isMax);

/// Horizontal float minima and maxima become ops on halves of the vector.
void expandMinMaxReductions(mlir::Operation *root);

} // namespace onnxc::mathexp

#endif // ONNXC_PASSES_MATH_FAMILIES_H
