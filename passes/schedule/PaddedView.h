// A buffer seen with padding around it that is not in memory.
//
//   %p = builtin.unrealized_conversion_cast %x : memref<1x35x35x48xf32> to memref<1x37x37x48xf32>
//          {onnxc.below = array<i64: 0, 1, 1, 0>, onnxc.value = 0.0 : f32}
// stands at the top of a kernel, between the passes that make and that schedule it.
#ifndef ONNXC_PASSES_SCHEDULE_PADDEDVIEW_H
#define ONNXC_PASSES_SCHEDULE_PADDEDVIEW_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace onnxc {

/// `op` is a padded view.
bool isPaddedView(mlir::Operation *op);

/// Elements of padding before the first element of the buffer, per dim.
llvm::ArrayRef<int64_t> paddingBelow(mlir::Operation *view);

/// What the padding holds.
mlir::TypedAttr paddingValue(mlir::Operation *view);

/// Makes the padded view of `buffer`, of type `padded`, filled up with `value`.
mlir::Value createPaddedView(mlir::OpBuilder &b, mlir::Location loc, mlir::Value buffer, mlir::MemRefType padded,
                             llvm::ArrayRef<int64_t> below, mlir::TypedAttr value);

/// Every padded view of `kernel` becomes a buffer of its own: filled, and the contents copied into it.
void materializePaddedViews(mlir::func::FuncOp kernel);

} // namespace onnxc

#endif
