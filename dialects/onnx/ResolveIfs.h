//===- ResolveIfs.h - branches that differ in rank --------------*- C++ -*-===//
#ifndef ONNXC_DIALECTS_ONNX_RESOLVEIFS_H
#define ONNXC_DIALECTS_ONNX_RESOLVEIFS_H

#include "dialects/onnx/Onnx.h"

#include <optional>
#include <string>

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace onnxc::onnx {

/// Attribute that shape inference leaves at an If of which one branch cannot
/// run, because its ops contradict each other.
constexpr llvm::StringLiteral kLiveBranch = "live_branch";

struct LiveBranch {
  bool then = false;  ///< the branch that can run
  std::string reason; ///< why the other cannot
};
std::optional<LiveBranch> liveBranch(IfOp op);
void setLiveBranch(IfOp op, const LiveBranch &live);

/// Types are inferred. Afterwards an If with a known condition is its branch;
/// an If of which one branch contradicts the model is the other one and an
/// onnx.Require; a Squeeze that drops whatever dims are 1 is an If on those that
/// are not known; results of an If have a rank wherever both branches lead to
/// one again. Fails, with an error, where neither branch of an If is possible.
llvm::LogicalResult resolveIfs(mlir::func::FuncOp func);

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_RESOLVEIFS_H
