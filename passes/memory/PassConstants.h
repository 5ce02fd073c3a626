// Constants of kernels become arguments.
#ifndef ONNXC_PASSES_MEMORY_PASSCONSTANTS_H
#define ONNXC_PASSES_MEMORY_PASSCONSTANTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace onnxc {

/// Moves every memref.get_global of the functions that `main` calls into `main`, which passes them on as last
/// arguments: only `main` is told where a run has its weights.
void passConstants(mlir::func::FuncOp main);

} // namespace onnxc

#endif
