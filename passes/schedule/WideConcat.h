// Concatenations of many tensors, before bufferization (WideConcat.cpp).
#ifndef ONNXC_PASSES_SCHEDULE_WIDECONCAT_H
#define ONNXC_PASSES_SCHEDULE_WIDECONCAT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace onnxc {

/// The tensor that `v` is computed over, in its place: the destination of the
/// op that defines it; null where there is none.
mlir::Value destinationOf(mlir::Value v);

/// Gives every long chain of insertions in `func` a buffer of its own.
void placeWideConcats(mlir::func::FuncOp func);

} // namespace onnxc

#endif
