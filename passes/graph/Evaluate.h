// Evaluation of onnx ops on constants, at compile time.
#ifndef ONNXC_PASSES_GRAPH_EVALUATE_H
#define ONNXC_PASSES_GRAPH_EVALUATE_H

#include "dialects/onnx/ConstantData.h"
#include "mlir/IR/Operation.h"
#include <optional>

namespace onnxc::graph {

/// The op is in the table of what can be evaluated.
bool canEvaluate(mlir::Operation *op);

/// Results of `op` given constant operands (null: absent).  nullopt when the
/// case is not handled, or when the result would grow without need.
std::optional<llvm::SmallVector<mlir::ElementsAttr>> evaluate(mlir::Operation *op,
                                                             llvm::ArrayRef<mlir::ElementsAttr> operands);

} // namespace onnxc::graph

#endif
