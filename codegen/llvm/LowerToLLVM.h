// func, cf, arith, math, index, memref and vector -> LLVM dialect.
#ifndef ONNXC_CODEGEN_LLVM_LOWERTOLLVM_H
#define ONNXC_CODEGEN_LLVM_LOWERTOLLVM_H

#include <memory>

namespace mlir {
class Pass;
} // namespace mlir

namespace onnxc {

/// `indexBits`: width of `index` on the target, and so of sizes, strides and
/// addresses.
std::unique_ptr<mlir::Pass> createLowerToLLVMPass(unsigned indexBits);

} // namespace onnxc

#endif
