// Files that the user names.
#ifndef ONNXC_TOOLS_ONNX_RUN_FILES_H
#define ONNXC_TOOLS_ONNX_RUN_FILES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>

namespace onnxc::run {

/// The bytes of a plain file; pipes and devices, which may never end, are errors.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readFile(llvm::StringRef path);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_FILES_H
