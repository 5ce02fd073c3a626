// The rt dialect: what a run does beside computing.
#ifndef ONNXC_DIALECTS_RT_RT_H
#define ONNXC_DIALECTS_RT_RT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/rt/RtDialect.h.inc"

namespace onnxc::rt {

/// The status that a run returns, with its error record.
struct RunStatus : mlir::SideEffects::Resource::Base<RunStatus> {
  llvm::StringRef getName() final { return "RunStatus"; }
};

/// In the text of a check: where the numbers come.
constexpr char kGot = '\1', kWanted = '\2';

/// The text of a check as a message, with numbers where they are constants.
std::string messageOf(class CheckOp check);

} // namespace onnxc::rt

#define GET_OP_CLASSES
#include "dialects/rt/RtOps.h.inc"

#endif
