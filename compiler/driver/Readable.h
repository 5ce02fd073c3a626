// Text of messages that holds what a model says.
#ifndef ONNXC_COMPILER_DRIVER_READABLE_H
#define ONNXC_COMPILER_DRIVER_READABLE_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace onnxc {

/// `text` as a terminal and a reader can take it: words of more than 300 bytes
/// (a name can have megabytes) and lines of more than 4000 keep their ends only,
/// control characters and what is no UTF-8 become \xNN. Line breaks stay.
std::string readable(llvm::StringRef text);

} // namespace onnxc

#endif
