// Small expression layer the math expansions are written in: `Expr` is a Value
// with operators, `VecBuilder` makes constants, selects and bit casts of one
// floating-point shape (a scalar or a vector of f32 or f64).
#ifndef ONNXC_PASSES_MATH_VECBUILDER_H
#define ONNXC_PASSES_MATH_VECBUILDER_H

#include "passes/math/ExpandMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"

#include <optional>
#include <utility>

namespace onnxc::mathexp {

class VecBuilder;

/// An SSA value with arithmetic operators. Floats use arith.*f, integers
/// arith.*i; comparisons live in VecBuilder because they need a predicate.
struct Expr {
  mlir::Value v;
  VecBuilder *vb = nullptr;
};

/// Sum of two values, hi rounded to nearest and |lo| <= ulp(hi)/2.
struct DoubleWord {
  Expr hi, lo;
};

/// One copy of each constant per isolated region, placed at its start.
class ConstantCache {
public:
  mlir::Value get(mlir::OpBuilder &b, mlir::Location loc, mlir::TypedAttr attr);

private:
  llvm::DenseMap<std::pair<mlir::Block *, mlir::Attribute>, mlir::Value> known;
};

class VecBuilder {
public:
  /// `type` is f32, f64 or a vector of them; it fixes the width of constants.
  VecBuilder(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type,
             const ExpandMathOptions &options, ConstantCache *cache)
      : b(b), loc(loc), type(type), options(options), cache(cache) {}

  bool isF64() const;
  bool hasFMA() const { return options.hasFMA && (options.hasF64 || !isF64()); }
  unsigned mantissaBits() const { return isF64() ? 52 : 23; }
  int exponentBias() const { return isF64() ? 1023 : 127; }
  mlir::Type floatType() const { return type; }
  /// Same shape with integer elements of `width` bits (0: the float's width).
  mlir::Type intType(unsigned width = 0) const;

  Expr wrap(mlir::Value v) { return {v, this}; }
  Expr c(double value);
  Expr c(double f32Value, double f64Value) {
    return c(isF64() ? f64Value : f32Value);
  }
  Expr ci(uint64_t value, unsigned width = 0);
  Expr infinity();
  Expr nan();

  Expr fma(Expr x, Expr y, Expr z);
  Expr sqrt(Expr x);
  Expr abs(Expr x);
  Expr copysign(Expr magnitude, Expr sign);
  Expr select(Expr cond, Expr ifTrue, Expr ifFalse);
  Expr cmp(mlir::arith::CmpFPredicate predicate, Expr x, Expr y);
  Expr cmpi(mlir::arith::CmpIPredicate predicate, Expr x, Expr y);
  Expr lt(Expr x, Expr y) { return cmp(mlir::arith::CmpFPredicate::OLT, x, y); }
  Expr gt(Expr x, Expr y) { return cmp(mlir::arith::CmpFPredicate::OGT, x, y); }
  Expr le(Expr x, Expr y) { return cmp(mlir::arith::CmpFPredicate::OLE, x, y); }
  Expr ge(Expr x, Expr y) { return cmp(mlir::arith::CmpFPredicate::OGE, x, y); }
  Expr eq(Expr x, Expr y) { return cmp(mlir::arith::CmpFPredicate::OEQ, x, y); }
  Expr ne(Expr x, Expr y) { return cmp(mlir::arith::CmpFPredicate::UNE, x, y); }
  Expr isNaN(Expr x) { return cmp(mlir::arith::CmpFPredicate::UNO, x, x); }
  Expr eqi(Expr x, Expr y) {
    return cmpi(mlir::arith::CmpIPredicate::eq, x, y);
  }
  Expr nei(Expr x, Expr y) {
    return cmpi(mlir::arith::CmpIPredicate::ne, x, y);
  }
  Expr lti(Expr x, Expr y) {
    return cmpi(mlir::arith::CmpIPredicate::slt, x, y);
  }
  Expr logicalNot(Expr cond);
  /// One i1: does the condition hold in any lane?
  mlir::Value any(Expr cond);
  bool guardSlowPaths() const {
    return options.guardSlowPaths && mlir::isa<mlir::VectorType>(type);
  }
  /// Upper and lower bound; a NaN passes through.
  Expr clampMax(Expr x, Expr hi) { return select(lt(hi, x), hi, x); }
  Expr clampMin(Expr x, Expr lo) { return select(gt(lo, x), lo, x); }

  Expr bits(Expr x);     // float -> integer of the same width
  Expr fromBits(Expr i); // and back
  Expr shl(Expr x, unsigned n);
  Expr shr(Expr x, unsigned n); // logical
  Expr sar(Expr x, unsigned n); // arithmetic
  Expr shlv(Expr x, Expr n);
  Expr shrv(Expr x, Expr n);
  Expr resize(Expr x, unsigned width, bool isSigned);
  Expr toFloat(Expr signedInt);          // sitofp to the builder's type
  Expr toSigned(Expr x, unsigned width); // fptosi

  /// Sum of coeffs[i] x^i, Horner's order.
  Expr horner(Expr x, llvm::ArrayRef<double> coeffs);
  template <size_t N, size_t M>
  Expr horner(Expr x, const double (&f32)[N], const double (&f64)[M]) {
    return isF64() ? horner(x, llvm::ArrayRef<double>(f64))
                   : horner(x, llvm::ArrayRef<double>(f32));
  }

  /// Round to nearest integer for |x| < 2^(mantissa-1): first as a float,
  /// second as an integer whose low bits hold the two's complement value.
  std::pair<Expr, Expr> roundSmall(Expr x);
  /// The same of x*y with one rounding where fma exists.
  std::pair<Expr, Expr> roundProduct(Expr x, Expr y);
  /// Nearest-even, toward zero, down, up: native, or bit tricks when the
  /// options say the target lacks the instruction. Any magnitude, keeps -0.
  Expr roundEven(Expr x);
  Expr trunc(Expr x);
  Expr floor(Expr x);
  Expr ceil(Expr x);

  /// 2^n from an integer n of the float's width, for normal results.
  Expr pow2(Expr n);

  /// Exact sums and products.
  DoubleWord fastTwoSum(Expr big, Expr small);
  DoubleWord twoSum(Expr x, Expr y);
  DoubleWord twoProd(Expr x, Expr y);
  DoubleWord mul(DoubleWord x, Expr y);
  DoubleWord mul(DoubleWord x, DoubleWord y);
  DoubleWord add(DoubleWord x, DoubleWord y);

  mlir::OpBuilder &b;
  mlir::Location loc;

private:
  mlir::Value splat(mlir::Type t, mlir::TypedAttr element);
  mlir::Type type;
  const ExpandMathOptions &options;
  ConstantCache *cache;
};

Expr operator+(Expr x, Expr y);
Expr operator-(Expr x, Expr y);
Expr operator*(Expr x, Expr y);
Expr operator/(Expr x, Expr y);
Expr operator&(Expr x, Expr y);
Expr operator|(Expr x, Expr y);
Expr operator^(Expr x, Expr y);
Expr operator-(Expr x);

} // namespace onnxc::mathexp

#endif // ONNXC_PASSES_MATH_VECBUILDER_H
