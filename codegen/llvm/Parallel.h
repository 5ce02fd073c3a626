// Calls of functions that run a range of iterations, shared out to threads.
#ifndef ONNXC_CODEGEN_LLVM_PARALLEL_H
#define ONNXC_CODEGEN_LLVM_PARALLEL_H

namespace llvm {
class Module;
} // namespace llvm

namespace onnxc {

/// Replaces each call of a function @onnxc.body.*(begin, end, worker, captured...)
/// by a call of the executor in the caller's context, at most `threads` workers
/// at a time. The frame (see Entry.cpp) is the last argument of the function
/// that holds the call. Without an executor all iterations run at the call.
void shareOutLoops(llvm::Module &module, int threads);

} // namespace onnxc

#endif
