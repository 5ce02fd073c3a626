// What an object costs: sizes of its sections and the stack it needs.
#ifndef ONNXC_CODEGEN_LLVM_MEASURE_H
#define ONNXC_CODEGEN_LLVM_MEASURE_H

#include "codegen/llvm/Emit.h"
#include "llvm/ADT/StringMap.h"
#include <cstdint>
#include <string>

namespace llvm {
class Module;
} // namespace llvm

namespace onnxc {

/// Bytes of an object that stay in memory at run time.
struct ObjectSizes {
  int64_t code = 0;
  int64_t weights = 0;   ///< of `weights` below, without the padding between them
  int64_t constants = 0; ///< all other data: small constants, texts, the model record, padding
  llvm::StringMap<int64_t> functions; ///< code of each function that has a symbol
};

/// Reads the sizes of a written object of any format; `weights` are what it was
/// filled with. False and `error` when it cannot be read.
bool measureObject(llvm::StringRef path, const std::vector<Weight> &weights, ObjectSizes &sizes, std::string &error);

/// The stack that a call of each function of the module needs at most, in
/// bytes, without that of functions outside of it. `usagePath`: the list of
/// stack sizes that code generation wrote (TargetOptions::StackUsageOutput). -1:
/// unknown, because the function recurses or has no entry in the list.
llvm::StringMap<int64_t> stackBounds(const llvm::Module &module, llvm::StringRef usagePath);

} // namespace onnxc

#endif
