//===- DimOrder.h - renaming the axes of an op ------------------*- C++ -*-===//
//
// What the implementations of the interface DimOrder have in common.
//
#ifndef ONNXC_DIALECTS_ONNX_DIMORDER_H
#define ONNXC_DIALECTS_ONNX_DIMORDER_H

#include "mlir/IR/Builders.h"

namespace onnxc::onnx {

/// Where axis `axis` (negative from the end) goes; `axis` itself beyond the dims.
int64_t renamedAxis(int64_t axis, llvm::ArrayRef<int64_t> place);

/// Renames the axes in the constant operand `operand`.
void renameAxesOperand(mlir::Operation *op, unsigned operand, mlir::OpBuilder &builder, llvm::ArrayRef<int64_t> place);

/// The axes of a reduction are constant, and with dims dropped the others keep
/// their order channels-first and channels-last.
bool reductionAcceptsDimOrder(mlir::Operation *op);

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_DIMORDER_H
