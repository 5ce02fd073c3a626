// .npy and .npz files: numpy's array format and zip archives of it, stored or
// deflated.
#ifndef ONNXC_TOOLS_ONNX_RUN_NPZ_H
#define ONNXC_TOOLS_ONNX_RUN_NPZ_H

#include "Tensor.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace onnxc::run {

/// Reads one .npy image (format versions 1 to 3; any byte order; C or Fortran
/// order, returned row-major). Raw 2-byte void is taken for bfloat16, raw
/// 1-byte void for uint8. `what` names the array in errors.
llvm::Expected<Tensor> parseNpy(llvm::StringRef image, llvm::StringRef what);

/// The .npy image of a tensor. Types without a numpy name are written as
/// integers of the same width, bfloat16 as raw 2-byte void.
std::string formatNpy(const Tensor &tensor);

/// All arrays of an .npz file, in the order of the archive, without ".npy".
llvm::Expected<NamedTensors> readNpz(llvm::StringRef path);

/// The same of an archive in memory; `what` names it in errors.
llvm::Expected<NamedTensors> parseNpz(llvm::StringRef archive,
                                      llvm::StringRef what);

/// Writes `tensors` to an .npz file, deflated when `compress` is set.
llvm::Error writeNpz(llvm::StringRef path, const NamedTensors &tensors,
                     bool compress = false);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_NPZ_H
