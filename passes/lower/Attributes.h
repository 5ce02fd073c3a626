// Attributes of an onnx op by ONNX name, with the schema's default given at
// the use, so that lowerings need no op class.
#ifndef ONNXC_PASSES_LOWER_ATTRIBUTES_H
#define ONNXC_PASSES_LOWER_ATTRIBUTES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

namespace onnxc::lower {

inline int64_t intAttr(mlir::Operation *op, llvm::StringRef name, int64_t def) {
  auto a = op->getAttrOfType<mlir::IntegerAttr>(name);
  return a ? a.getValue().getSExtValue() : def;
}
inline double floatAttr(mlir::Operation *op, llvm::StringRef name, double def) {
  auto a = op->getAttrOfType<mlir::FloatAttr>(name);
  return a ? a.getValueAsDouble() : def;
}
inline llvm::StringRef strAttr(mlir::Operation *op, llvm::StringRef name, llvm::StringRef def) {
  auto a = op->getAttrOfType<mlir::StringAttr>(name);
  return a ? a.getValue() : def;
}
/// Empty when absent.
inline llvm::SmallVector<int64_t> intsAttr(mlir::Operation *op, llvm::StringRef name) {
  if (auto a = op->getAttrOfType<mlir::DenseI64ArrayAttr>(name))
    return llvm::SmallVector<int64_t>(a.asArrayRef());
  return {};
}
/// `n` copies of `def` when absent or empty.
inline llvm::SmallVector<int64_t> intsAttr(mlir::Operation *op, llvm::StringRef name, size_t n, int64_t def) {
  llvm::SmallVector<int64_t> v = intsAttr(op, name);
  if (v.empty())
    v.assign(n, def);
  return v;
}
/// The layout pass chose channels-last for this op's data operand and result.
inline bool channelsLast(mlir::Operation *op) { return strAttr(op, "layout", "NCHW") == "NHWC"; }

} // namespace onnxc::lower

#endif
