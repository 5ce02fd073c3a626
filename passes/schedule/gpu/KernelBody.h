// What the mappings of a kernel to the device have in common: reading its ops
// and running their bodies at a point of the iteration space.
#ifndef ONNXC_PASSES_SCHEDULE_GPU_KERNELBODY_H
#define ONNXC_PASSES_SCHEDULE_GPU_KERNELBODY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <optional>

namespace onnxc {

/// The ops of a kernel: [alloc] [fill] root [epilogue].
struct KernelOps {
  mlir::linalg::FillOp fill;
  mlir::linalg::GenericOp root, epilogue;
  mlir::memref::AllocOp temporary; ///< what the epilogue reads of the root
};

/// Nullopt when the block has another form.
std::optional<KernelOps> readKernel(mlir::Block &body);

/// `map` applied to `ivs`, as arith on index.
llvm::SmallVector<mlir::Value> mapped(mlir::OpBuilder &b, mlir::Location loc, mlir::AffineMap map, mlir::ValueRange ivs);

/// Operand `operand` of `op` at the point `ivs`; scalars are themselves.
mlir::Value loadOperand(mlir::OpBuilder &b, mlir::linalg::GenericOp op, mlir::OpOperand *operand, mlir::ValueRange ivs);

/// Clones the body of `op` with `args` for its block arguments and `ivs` for
/// linalg.index; returns what it yields.
llvm::SmallVector<mlir::Value> inlineBody(mlir::OpBuilder &b, mlir::linalg::GenericOp op, mlir::ValueRange args, mlir::ValueRange ivs);

/// The loop of `root` behind each loop of the epilogue, -1 for a loop of one
/// iteration that the root has no loop for; nullopt where no such order exists.
std::optional<llvm::SmallVector<int>> epilogueLoops(KernelOps ops);

/// Stores the root's results at the point `ivs` of its loops: to its outputs
/// or, through the epilogue, to the epilogue's output.
void storeResults(mlir::OpBuilder &b, KernelOps ops, llvm::ArrayRef<int> epilogueLoops, mlir::ValueRange results, mlir::ValueRange ivs);

} // namespace onnxc

#endif
