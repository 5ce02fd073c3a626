// Making and reading onnx ops by name, for the graph passes.
#ifndef ONNXC_PASSES_GRAPH_GRAPHUTIL_H
#define ONNXC_PASSES_GRAPH_GRAPHUTIL_H

#include "dialects/onnx/ConstantData.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>
#include <vector>

namespace onnxc::graph {

inline bool is(mlir::Operation *op, llvm::StringRef onnxName) {
  llvm::StringRef name = op->getName().getStringRef();
  return name.consume_front("onnx.") && name == onnxName;
}
/// The defining op if it is `onnxName`, else null.
inline mlir::Operation *definedBy(mlir::Value v, llvm::StringRef onnxName) {
  mlir::Operation *op = v.getDefiningOp();
  return op && is(op, onnxName) ? op : nullptr;
}
inline bool present(mlir::Value v) { return !mlir::isa<mlir::NoneType>(v.getType()); }

inline mlir::RankedTensorType ranked(mlir::Value v) { return mlir::dyn_cast<mlir::RankedTensorType>(v.getType()); }
/// Whether `v` has a known rank and elements of f32.
inline bool isF32(mlir::Value v) {
  auto type = ranked(v);
  return type && type.getElementType().isF32();
}

/// The value of an onnx.Constant; null for anything else.
mlir::ElementsAttr constantOf(mlir::Value v);
mlir::Value constant(mlir::OpBuilder &b, mlir::Location loc, mlir::ElementsAttr value);
/// onnx.Constant of a 1-D i64 tensor.
mlir::Value constantInts(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<int64_t> values);

mlir::Operation *create(mlir::OpBuilder &b, mlir::Location loc, llvm::StringRef onnxName, mlir::ValueRange operands,
                        mlir::TypeRange results, llvm::ArrayRef<mlir::NamedAttribute> attrs = {});
mlir::Value transpose(mlir::OpBuilder &b, mlir::Location loc, mlir::Value v, llvm::ArrayRef<int64_t> perm);
mlir::NamedAttribute intAttr(mlir::OpBuilder &b, llvm::StringRef name, int64_t v);

/// Elements as f32 (any float type) or i64 (any integer type), splats expanded.
std::optional<std::vector<float>> floatsOf(mlir::ElementsAttr attr);
std::optional<std::vector<int64_t>> intsOf(mlir::ElementsAttr attr);
/// A float constant that has one value everywhere.
std::optional<double> scalarOf(mlir::Value v);
/// An f32 constant of `shape`.
mlir::ElementsAttr f32Constant(mlir::MLIRContext *ctx, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<float> values);

/// Frees the data of resource constants that were in `before` and that the
/// module no longer names.
std::vector<mlir::ElementsAttr> resourceConstants(mlir::ModuleOp module);
void releaseUnused(mlir::ModuleOp module, llvm::ArrayRef<mlir::ElementsAttr> before);
/// Erases constants and pure ops without uses, users first.
void eraseDead(mlir::ModuleOp module);

} // namespace onnxc::graph

#endif
