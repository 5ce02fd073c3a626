// Rewrites math ops into arith code that needs no math library: every result
// is a handful of multiplications, selects and bit operations that work alike
// on scalars and on vectors of any shape.
#ifndef ONNXC_PASSES_MATH_EXPANDMATH_H
#define ONNXC_PASSES_MATH_EXPANDMATH_H

#include <memory>

namespace mlir {
class Operation;
class Pass;
class RewritePatternSet;
} // namespace mlir

namespace onnxc {

/// What the target does in single instructions; everything else is expanded.
struct ExpandMathOptions {
  bool hasFMA = true;    ///< math.fma stays; otherwise multiply and add
  bool hasF64 = true;    ///< f64 arithmetic is native (else no f64 fma, and f32
                         ///< remainders stay in f32)
  bool hasSqrt = true;   ///< math.sqrt stays (of f64 only with hasF64)
  bool hasRound = true;  ///< floor, ceil, trunc, roundeven stay
  bool hasMinMax = true; ///< arith.minimumf and maximumf stay
  /// arith.extf and truncf of f16, and of bf16, stay.
  bool hasF16Conversion = true;
  bool hasBF16Conversion = false;
  /// Leave f16, and bf16, ops in their own format instead of f32.
  bool hasF16Arithmetic = false;
  bool hasBF16Arithmetic = false;
  /// Vectors branch (scf.if) around the reduction of huge trigonometric
  /// arguments when no lane needs it; scalars stay free of branches.
  bool guardSlowPaths = true;
};

/// Replaces every math op nested in `root` (one walk, no fixpoint).
void expandMath(mlir::Operation *root, const ExpandMathOptions &options);

/// The same as rewrite patterns, for use inside a larger set.
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns,
                                const ExpandMathOptions &options);
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns, bool hasFMA);

std::unique_ptr<mlir::Pass> createExpandMathPass();
std::unique_ptr<mlir::Pass>
createExpandMathPass(const ExpandMathOptions &options);

/// Registers `expand-math`.
void registerMathPasses();

} // namespace onnxc

#endif // ONNXC_PASSES_MATH_EXPANDMATH_H
