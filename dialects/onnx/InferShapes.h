//===- InferShapes.h - shape inference over a function ----------*- C++ -*-===//
//
// Refines the types in a function of onnx ops.
//
#ifndef ONNXC_DIALECTS_ONNX_INFERSHAPES_H
#define ONNXC_DIALECTS_ONNX_INFERSHAPES_H

#include "mlir/Support/LLVM.h"
#include <memory>

namespace mlir {
class Operation;
class Pass;
namespace func {
class FuncOp;
} // namespace func
} // namespace mlir

namespace onnxc::onnx {

/// What the types are worth that results have before inference.
enum class Present {
  True, // they stand; a contradiction is an error
  Guess // of another inference: where the rule says otherwise, it is right
};

/// Refines result types op by op, into bodies, then the results of the function
/// type. A type never loses precision. Fails with an error on the op whose
/// present type contradicts its operands.
llvm::LogicalResult inferShapes(mlir::func::FuncOp func,
                                Present present = Present::True);

/// Refines the results of one op (and of the ops in its bodies).
llvm::LogicalResult inferShapes(mlir::Operation *op);

/// Pass `onnx-infer-shapes` on func.func.
std::unique_ptr<mlir::Pass> createInferShapesPass();

/// Registers the passes of this folder.
void registerOnnxPasses();

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_INFERSHAPES_H
