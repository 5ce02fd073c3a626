// Arithmetic on indices, folded where it can be.
#ifndef ONNXC_PASSES_SCHEDULE_GPU_INDEXMATH_H
#define ONNXC_PASSES_SCHEDULE_GPU_INDEXMATH_H

#include "mlir/IR/Builders.h"

namespace onnxc {

/// Writes ops at the builder's insertion point. Values are of type index and
/// not negative, conditions i1.
struct IndexMath {
  mlir::OpBuilder &b;
  mlir::Location loc;

  mlir::Value index(int64_t n);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value add(mlir::Value x, int64_t n);
  mlir::Value mul(mlir::Value x, int64_t n);
  mlir::Value rem(mlir::Value x, int64_t n);
  mlir::Value div(mlir::Value x, int64_t n);
  mlir::Value below(mlir::Value x, int64_t n);
  mlir::Value both(mlir::Value x, mlir::Value y); ///< a null condition holds always
};

} // namespace onnxc

#endif
