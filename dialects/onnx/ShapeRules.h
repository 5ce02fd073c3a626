//===- ShapeRules.h - shape rules that several ops share --------*- C++ -*-===//
//
// One function per common rule; OpBase.td names them in `shapeRule`. Each has
// the contract of InferShapes::inferShapes.
//
#ifndef ONNXC_DIALECTS_ONNX_SHAPERULES_H
#define ONNXC_DIALECTS_ONNX_SHAPERULES_H

#include "mlir/IR/Operation.h"

namespace onnxc::onnx {

using TypeList = llvm::SmallVectorImpl<mlir::Type>;

/// Result 0 has the type of operand 0.
llvm::LogicalResult inferLikeOperand(mlir::Operation *op, TypeList &types);

/// All operands broadcast; element type of operand 0.
llvm::LogicalResult inferBroadcast(mlir::Operation *op, TypeList &types);

/// All operands broadcast; element type i1.
llvm::LogicalResult inferPredicate(mlir::Operation *op, TypeList &types);

/// Reduction of operand 0 over the axes in operand 1.
llvm::LogicalResult inferReduction(mlir::Operation *op, TypeList &types);

/// Reduction of operand 0 to i64 indices over the attribute `axis`.
llvm::LogicalResult inferArgReduction(mlir::Operation *op, TypeList &types);

/// Operand 0, scanned along the axis that operand 1 names.
llvm::LogicalResult inferCumulative(mlir::Operation *op, TypeList &types);

/// Pooling windows over operand 0.
llvm::LogicalResult inferPool(mlir::Operation *op, TypeList &types);

/// All spatial dims become 1.
llvm::LogicalResult inferGlobalPool(mlir::Operation *op, TypeList &types);

/// Conv, ConvInteger, QLinearConv.
llvm::LogicalResult inferConv(mlir::Operation *op, TypeList &types);

/// MatMul, MatMulInteger, QLinearMatMul.
llvm::LogicalResult inferMatMul(mlir::Operation *op, TypeList &types);

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_SHAPERULES_H
