// The exported entry points of a compiled model.
#ifndef ONNXC_CODEGEN_LLVM_ENTRY_H
#define ONNXC_CODEGEN_LLVM_ENTRY_H

#include "codegen/llvm/Emit.h"

namespace onnxc {

/// Adds m_run, m_model and the helpers they need to the module that holds
/// @main; everything else becomes internal. False and `error` on failure.
bool addEntryPoints(llvm::Module &module, const ModelInterface &interface, std::string &error);

} // namespace onnxc

#endif
