// Everything in a gpu.module -> LLVM and NVVM dialects.
#ifndef ONNXC_CODEGEN_NVPTX_LOWERTONVVM_H
#define ONNXC_CODEGEN_NVPTX_LOWERTONVVM_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace onnxc {

/// On gpu.module: gpu, nvgpu, func, cf, arith, math, memref and vector to the
/// LLVM dialect. `index` is 32 bits wide where every buffer of the module can
/// be addressed so (attribute onnxc.index_bits of the module, i64), else 64.
std::unique_ptr<mlir::Pass> createLowerToNVVMPass();

/// Width of `index` in a gpu.module (i64); absent: 64.
constexpr llvm::StringLiteral kIndexBitsAttr = "onnxc.index_bits";

} // namespace onnxc

#endif
