// Names of files that exist only while a process is at work.
#ifndef ONNXC_COMPILER_DRIVER_TEMPORARYNAMES_H
#define ONNXC_COMPILER_DRIVER_TEMPORARYNAMES_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace onnxc {

/// ".tmp-MACHINE-PROCESS", what a temporary file or folder of this process has
/// at the end of its name.
std::string temporarySuffix();

/// Removes the files, and folders with what is in them, in `folder` that have
/// such a name and were left by a process that is no more (killed, or the
/// machine went down). Those of other machines that share the folder stay, as
/// long as that may be.
void removeAbandoned(llvm::StringRef folder);

} // namespace onnxc

#endif
