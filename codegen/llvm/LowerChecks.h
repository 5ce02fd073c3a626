// rt.check -> branches, and the table of what failed checks say.
#ifndef ONNXC_CODEGEN_LLVM_LOWERCHECKS_H
#define ONNXC_CODEGEN_LLVM_LOWERCHECKS_H

#include "codegen/llvm/Emit.h"

namespace mlir {
class Pass;
}

namespace onnxc {

/// Each rt.check of @main becomes a branch to a block that calls
///   @onnxc.fail(frame, number of the check, got, wanted)
/// and returns; the frame is the last argument of @main, the number an index
/// into `checks`, which receives what the checks say. After structured control
/// flow has become branches.
std::unique_ptr<mlir::Pass> createLowerChecksPass(std::vector<RunCheck> &checks);

} // namespace onnxc

#endif
