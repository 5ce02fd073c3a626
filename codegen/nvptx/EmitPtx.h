// The device's half of a module -> LLVM IR -> PTX -> cubins.
#ifndef ONNXC_CODEGEN_NVPTX_EMITPTX_H
#define ONNXC_CODEGEN_NVPTX_EMITPTX_H

#include "codegen/targets/GpuTarget.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace onnxc {

/// Machine code of all kernels for one architecture.
struct Cubin {
  GpuTarget target;
  std::string data;
};

/// What becomes of the kernels of a model.
struct DeviceCode {
  std::vector<std::string> kernels; ///< names, in the order of their numbers
  std::string ir;                   ///< the LLVM module that the back end gets, as text
  std::string ptx;
  std::vector<Cubin> cubins;        ///< empty without ptxas
  std::string note;                 ///< for the user: why there are no cubins; empty: nothing to say
};

/// Optimises the kernels (LLVM dialect) for `targets`, oldest first: PTX for
/// the first of them, and a cubin for each where ptxas is found ($PATH,
/// $CUDA_HOME/bin, /usr/local/cuda/bin). `prefix` starts the kernels' names.
/// False and `error` on failure.
bool emitDeviceCode(mlir::gpu::GPUModuleOp module, llvm::ArrayRef<GpuTarget> targets, llvm::StringRef prefix,
                    int optLevel, DeviceCode &code, std::string &error);

} // namespace onnxc

#endif
