// What an object costs: sizes of its sections and the stack it needs.
#ifndef ONNXC_CODEGEN_LLVM_MEASURE_H
#define ONNXC_CODEGEN_LLVM_MEASURE_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace llvm {
class Module;
} // namespace llvm

namespace onnxc {

/// Bytes of an object's sections that stay in memory at run time.
struct ObjectSizes {
  int64_t code = 0, weights = 0, constants = 0;
};

/// Reads the sizes of a written object. False and `error` on failure.
bool measureObject(llvm::StringRef path, ObjectSizes &sizes, std::string &error);

/// The stack that a call of `function` needs at most, in bytes, without that of
/// functions outside of the module. `usagePath`: the list of stack sizes that
/// code generation wrote (TargetOptions::StackUsageOutput). -1: unknown, because
/// the function recurses or has no entry in the list.
int64_t stackBound(const llvm::Module &module, llvm::StringRef usagePath, llvm::StringRef function);

} // namespace onnxc

#endif
