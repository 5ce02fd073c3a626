// Generated code that AddressSanitizer checks.
#ifndef ONNXC_CODEGEN_LLVM_SANITIZE_H
#define ONNXC_CODEGEN_LLVM_SANITIZE_H

#include "llvm/IR/Module.h"

namespace onnxc {

/// Before optimisation: marks the functions to be checked, puts poisoned memory
/// behind every constant and around every buffer that @onnxc.alloc hands out.
void prepareSanitizer(llvm::Module &module);

/// After optimisation: LLVM's instrumentation of every access.
void instrumentAccesses(llvm::Module &module);

} // namespace onnxc

#endif
