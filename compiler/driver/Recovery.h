// Work that may crash, and what is left of a crash: a sentence.
#ifndef ONNXC_COMPILER_DRIVER_RECOVERY_H
#define ONNXC_COMPILER_DRIVER_RECOVERY_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <string>

namespace onnxc {

/// What ended a piece of work before its time.
struct Crash {
  enum class Cause {
    Defect, ///< ours
    Memory, ///< there was not enough of it
    Output, ///< a file that LLVM writes could not be written
  };
  Cause cause = Cause::Defect;
  std::string reason; ///< a sentence
};

/// Runs `work` on a thread of its own with a large stack. Whatever ends it
/// before its time comes back here: a signal (also a stack overflow), LLVM's
/// report_fatal_error, an allocation that fails, an exception. Returns whether
/// `work` came to its end; otherwise `crash` says what stopped it. Objects on
/// its stack are then not destroyed, so what has to be cleaned up belongs to
/// the caller.
///
/// The first call installs process-wide handlers: LLVM's fatal error and
/// allocation handlers, and those of crash signals. Outside of `work` a crash
/// signal does what it did before.
bool runRecovering(llvm::function_ref<void()> work, Crash &crash);

} // namespace onnxc

#endif
