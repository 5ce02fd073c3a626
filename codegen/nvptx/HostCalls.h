// The host's half of the device's work: calls of runtime-lite/cuda.
#ifndef ONNXC_CODEGEN_NVPTX_HOSTCALLS_H
#define ONNXC_CODEGEN_NVPTX_HOSTCALLS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace onnxc {

/// What the object holds beside the device code.
struct DeviceData {
  /// A kernel's number is its place in this list.
  struct Kernel {
    std::string name;
    mlir::Location location;
  };
  std::vector<Kernel> kernels;
  std::vector<char> weights; ///< one blob, uploaded once
  int64_t launches = 0;      ///< launches in the text of `main`
};

/// Rewrites what `main` does with the device into calls of the functions of
/// runtime-lite/cuda/onnxc_cuda.h:
///   gpu.alloc, device constants   -> addresses in the arena, in the weights
///   gpu.memcpy                    -> onnxc_cuda_copy, onnxc_cuda_finish_output
///   gpu.launch_func               -> onnxc_cuda_launch
/// between onnxc_cuda_begin and onnxc_cuda_end. Runs when both arenas are
/// planned and the kernels are in the LLVM dialect.
DeviceData lowerHostCalls(mlir::ModuleOp module);

/// Field of the run frame (codegen/llvm/Entry.cpp) that holds the model's state.
constexpr unsigned kFrameStateField = 4;
/// Field that holds the status of the run, and that of the context.
constexpr unsigned kFrameStatusField = 3, kFrameContextField = 0;

} // namespace onnxc

#endif
