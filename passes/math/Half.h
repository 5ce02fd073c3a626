// f16 and bf16 as seen by the math expansions: converted by integer bit
// arithmetic where the target has no instruction for it.
#ifndef ONNXC_PASSES_MATH_HALF_H
#define ONNXC_PASSES_MATH_HALF_H

#include "passes/math/VecBuilder.h"

namespace onnxc::mathexp {

/// True for a scalar or vector of f16 or bf16.
bool isHalf(mlir::Type type);
/// The same shape with f32 elements.
mlir::Type widened(mlir::Type type);

/// arith.extf of half -> f32, or its expansion.
mlir::Value extendHalf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                       const ExpandMathOptions &options, ConstantCache *cache);
/// arith.truncf of f32 -> half `type`, or its expansion (nearest even).
mlir::Value truncateToHalf(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::Value x, mlir::Type type,
                           const ExpandMathOptions &options,
                           ConstantCache *cache);
/// f64 -> f32 rounded to odd, so that a later rounding to half is right.
mlir::Value truncateToOdd(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                          const ExpandMathOptions &options,
                          ConstantCache *cache);

} // namespace onnxc::mathexp

#endif // ONNXC_PASSES_MATH_HALF_H
