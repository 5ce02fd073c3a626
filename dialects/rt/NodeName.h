// The node of the model that an op comes from.
#ifndef ONNXC_DIALECTS_RT_NODENAME_H
#define ONNXC_DIALECTS_RT_NODENAME_H

#include "mlir/IR/Location.h"
#include <string>

namespace onnxc {

/// The name of the first node that `location` names; empty when it names none.
std::string nodeName(mlir::Location location);

/// `name` with its middle left out where it is long, and without control
/// characters: as messages have it.
std::string shownName(llvm::StringRef name);

} // namespace onnxc

#endif
