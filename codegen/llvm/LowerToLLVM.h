// func, cf, arith, math, index, memref and vector -> LLVM dialect.
#ifndef ONNXC_CODEGEN_LLVM_LOWERTOLLVM_H
#define ONNXC_CODEGEN_LLVM_LOWERTOLLVM_H

#include "mlir/Support/LLVM.h"
#include <memory>

namespace mlir {
class Operation;
class Pass;
} // namespace mlir

namespace onnxc {

/// `indexBits`: width of `index` on the target, and so of sizes, strides and
/// addresses.
std::unique_ptr<mlir::Pass> createLowerToLLVMPass(unsigned indexBits);

/// Vector ops of higher rank below `root` become ops on rank 1, which LLVM has.
mlir::LogicalResult lowerVectors(mlir::Operation *root);

} // namespace onnxc

#endif
