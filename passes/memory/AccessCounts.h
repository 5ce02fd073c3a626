// How much of a buffer is read and written in a run.
#ifndef ONNXC_PASSES_MEMORY_ACCESSCOUNTS_H
#define ONNXC_PASSES_MEMORY_ACCESSCOUNTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include <vector>

namespace onnxc {

/// Counts the bytes that ops read and write, loops included: from the scheduled
/// kernels, so that what stays in registers does not count and what is loaded
/// again does. An estimate where bounds of loops or branches are known at run time only.
class AccessCounts {
public:
  /// Bytes that a run of its function reads and writes of a buffer; `names`: the buffer and all views of it.
  double bytes(llvm::ArrayRef<mlir::Value> names);

private:
  const std::vector<double> &ofArguments(mlir::func::FuncOp function);
  double ofOperand(mlir::Operation *op, mlir::OpOperand &operand);
  llvm::DenseMap<mlir::Operation *, std::vector<double>> functions; ///< bytes for each argument
};

} // namespace onnxc

#endif
