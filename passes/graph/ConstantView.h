// Constants opened for evaluation: shapes, strides, and results built in place.
#ifndef ONNXC_PASSES_GRAPH_CONSTANTVIEW_H
#define ONNXC_PASSES_GRAPH_CONSTANTVIEW_H

#include "dialects/onnx/ConstantData.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>

namespace onnxc::graph {

using Shape = llvm::SmallVector<int64_t>;
/// Of an evaluation; nullopt when the case is not handled.
using Results = std::optional<llvm::SmallVector<mlir::ElementsAttr>>;
using Operands = llvm::ArrayRef<mlir::ElementsAttr>;

/// Elements of a shape; INT64_MAX when they are more.
int64_t count(llvm::ArrayRef<int64_t> shape);

/// A constant opened for reading.
struct View {
  onnx::ConstantData data;
  mlir::Type elem;
  Shape shape;
  int64_t size() const { return count(shape); }
  /// Element strides, all zero for a splat.
  Shape strides() const;
};

inline mlir::Type resultElem(mlir::Operation *op) {
  return mlir::cast<mlir::ShapedType>(op->getResult(0).getType()).getElementType();
}

/// nullopt for constants that are absent or have no plain byte form.
std::optional<View> open(mlir::ElementsAttr attr);

/// Folding must not bloat the model: a result may be small, or at most about
/// as large as what it is made from.
bool worthwhile(llvm::ArrayRef<int64_t> shape, unsigned elementBytes, int64_t operandBytes);

inline Results one(mlir::ElementsAttr attr) {
  return attr ? Results(llvm::SmallVector<mlir::ElementsAttr>{attr}) : std::nullopt;
}

/// A constant whose elements `write` fills in.
mlir::ElementsAttr build(llvm::ArrayRef<int64_t> shape, mlir::Type elem, llvm::function_ref<void(char *)> write);

/// Visits all index tuples of `shape`, giving the flat offset of each under
/// every list of strides.
void forEach(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<Shape> strides,
             llvm::function_ref<void(llvm::ArrayRef<int64_t>)> visit);

/// The shape that all broadcast to.
std::optional<Shape> broadcast(llvm::ArrayRef<View> in);

//===-- Elementwise (EvaluateElementwise.cpp)

/// The names of the ops that evalElementwise() takes.
llvm::SmallVector<llvm::StringRef> elementwiseNames();
Results evalElementwise(mlir::Operation *op, Operands operands);
Results evalDequantize(mlir::Operation *op, Operands operands);
/// From f32 to integers, as the specification has it without `precision`.
Results evalQuantize(mlir::Operation *op, Operands operands);
Results evalClip(mlir::Operation *op, Operands operands);

} // namespace onnxc::graph

#endif
