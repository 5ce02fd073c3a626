// The device side of a model in its object.
#ifndef ONNXC_CODEGEN_LLVM_DEVICE_H
#define ONNXC_CODEGEN_LLVM_DEVICE_H

#include "codegen/llvm/Emit.h"

namespace llvm {
class Constant;
} // namespace llvm

namespace onnxc {

/// The global that the object writer fills with the device's weights.
void declareDeviceWeights(llvm::Module &module, const DeviceImage &image);

/// m_init and m_deinit.
struct DeviceEntries {
  llvm::Constant *init, *deinit;
};

/// Adds the program record (PTX, cubins, kernels) and the functions
/// <prefix>_init and <prefix>_deinit, which hand it to runtime-lite/cuda.
DeviceEntries addDeviceEntries(llvm::Module &module, const DeviceImage &image, llvm::StringRef prefix);

} // namespace onnxc

#endif
