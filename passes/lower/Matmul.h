// The matrix product contraction, shared by MatMul, Gemm, Einsum and the
// quantised products.
#ifndef ONNXC_PASSES_LOWER_MATMUL_H
#define ONNXC_PASSES_LOWER_MATMUL_H

#include "dialects/onnx/WidenedWeight.h"
#include "passes/lower/Window.h"

namespace onnxc::lower {

/// a: (batch..., m, k); b: (batch..., k, n), or (batch..., n, k) when transposedB.  Batch dims
/// broadcast as in numpy; both of rank >= 2.  The sum is kept in `elem` (f32, f64 or a signless integer);
/// `multiply` takes elements of a and b as they are stored, and the values of the 0-d tensors `scalars`.  Result (batch..., m, n).
mlir::Value matmulCore(Lowering &l, mlir::Value a, mlir::Value b, mlir::Type elem, bool transposedB = false,
                       ProductFn multiply = mulAdd, mlir::ValueRange scalars = {});

/// As numpy.matmul, 1-D operands included.
mlir::Value matmul(Lowering &l, mlir::Value a, mlir::Value b, mlir::Type elem, ProductFn multiply = mulAdd,
                   mlir::ValueRange scalars = {});

/// a: (..., m, k), or (k); times a weight that stays as it is stored (WidenedProduct.cpp). Result (..., m, n), or (n).
mlir::Value widenedProduct(Lowering &l, mlir::Value a, const onnx::WidenedWeight &weight);

void registerEinsum(Registry &r);

} // namespace onnxc::lower

#endif
