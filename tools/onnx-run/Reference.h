// Reference outputs from ONNX Runtime, which runs in a process of its own.
#ifndef ONNXC_TOOLS_ONNX_RUN_REFERENCE_H
#define ONNXC_TOOLS_ONNX_RUN_REFERENCE_H

#include "Tensor.h"
#include "llvm/Support/Error.h"

namespace onnxc::run {

/// The folder of this executable.
std::string executableFolder();

/// Runs ort_reference.py (beside the executable) on `inputs`, one element per
/// run; files pass through `folder`. The Python is $ONNXC_PYTHON, else
/// venv/bin/python of the build tree, else python3 of the path. Unless
/// `optimised`, ONNX Runtime computes node by node as the model says.
llvm::Expected<std::vector<NamedTensors>>
onnxRuntimeOutputs(llvm::StringRef model, llvm::ArrayRef<NamedTensors> inputs,
                   llvm::StringRef folder, bool optimised = true);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_REFERENCE_H
