// Kernels for GPUs: where each runs, and how its loops become blocks and threads.
#ifndef ONNXC_PASSES_SCHEDULE_GPU_GPU_H
#define ONNXC_PASSES_SCHEDULE_GPU_GPU_H

#include "codegen/targets/GpuTarget.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace onnxc {

/// On tensors: products read f16 operands as they are (NarrowProducts.cpp).
std::unique_ptr<mlir::Pass> createNarrowProductsPass();
/// Decides for each call of a kernel whether the device or the host runs it,
/// gives buffers their homes and writes the copies between them (PlaceKernels.cpp).
std::unique_ptr<mlir::Pass> createPlaceKernelsPass();
/// Constant operands lie as the device's kernels walk through them
/// (PermuteWeights.cpp).
std::unique_ptr<mlir::Pass> createPermuteWeightsPass();
/// Kernels of the device become gpu.funcs of the module @device; what is left of
/// the kernel function launches it (MapKernels.cpp).
std::unique_ptr<mlir::Pass> createMapKernelsPass(const GpuTarget &target);

/// On a call in `main`: the device runs it; on memref.get_global: the device's
/// copy; on gpu.memcpy: the copy goes there.
constexpr llvm::StringLiteral kOnDeviceAttr = "onnxc.device";
/// On a call in `main` that the device should run but cannot: why (string).
constexpr llvm::StringLiteral kFallbackAttr = "onnxc.fallback";
/// On gpu.alloc: it holds the input, or output, that is this argument of `main`
/// (i64); on gpu.memcpy: it completes that output.
constexpr llvm::StringLiteral kInputAttr = "onnxc.input";
constexpr llvm::StringLiteral kOutputAttr = "onnxc.output";
/// On a host function: its body launches a kernel.
constexpr llvm::StringLiteral kLauncherAttr = "onnxc.launcher";
/// On gpu.alloc: where it lies in the device's arena (i64).
constexpr llvm::StringLiteral kOffsetAttr = "onnxc.offset";
/// On a gpu.func: how it was made, for the report: {mapping = "tiles" | "matrix" |
/// "reduction" |
/// "transpose" | "points"} and, where the kernel is a contraction, {type, m, n, k}.
constexpr llvm::StringLiteral kMappingAttr = "onnxc.mapping";
/// The gpu.module of all kernels.
constexpr llvm::StringLiteral kDeviceModule = "device";

} // namespace onnxc

#endif
