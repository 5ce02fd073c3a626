// Functions that the entry points of a compiled model call.
#ifndef ONNXC_CODEGEN_LLVM_ENTRYSUPPORT_H
#define ONNXC_CODEGEN_LLVM_ENTRYSUPPORT_H

#include <string>

namespace llvm {
class Module;
}

namespace onnxc {

/// Links into the module:
///   i32 @onnxc.refuse(ctx, status, node, text, name, dim, got, wanted)  the error record
///   i32 @onnxc.check_input(ctx, tensor, info)
/// and, with `memory`, for models of run-time sizes:
///   i32 @onnxc.check_size(ctx, tensor, info, i64 element bytes)
///   word @onnxc.alloc(frame, bytes), void @onnxc.free(frame, address), void @onnxc.release_all(frame)
///   void @onnxc.store(frame, tensor, info, source, bytes)
/// Frames are addresses. False and `error` on failure.
bool linkSupport(llvm::Module &module, bool memory, std::string &error);

} // namespace onnxc

#endif
