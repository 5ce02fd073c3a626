// A part of what a kernel computes, as a kernel of its own: a stage.
#ifndef ONNXC_PASSES_SCHEDULE_STAGESLICE_H
#define ONNXC_PASSES_SCHEDULE_STAGESLICE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <array>
#include <optional>
#include <vector>

namespace onnxc {

/// Which rows of an operand rows [a, a + n) of the output need, along one of
/// the two axes of an image: [a * stride - below, + (n - 1) * stride + window).
struct AxisWindow {
  int dim = -1; ///< of the operand; -1: none, it is needed whole
  int64_t stride = 1, window = 1, below = 0;
  int64_t extent(int64_t n) const { return (n - 1) * stride + window; }
};

struct StageOperand {
  std::array<AxisWindow, 2> axes;
  mlir::TypedAttr padding; ///< rows outside of the buffer hold this; null: they are not read for rows of the output
  bool isWhole() const { return axes[0].dim < 0 && axes[1].dim < 0; }
};

/// A call of a kernel whose output can be computed in boxes of rows and columns.
struct Stage {
  mlir::func::CallOp call;
  mlir::func::FuncOp kernel;
  unsigned output;                     ///< argument
  std::vector<StageOperand> operands;  ///< one per argument
  int64_t multiplyAdds = 0;            ///< iterations of the whole kernel
  /// The kernel moves elements: dim d of the output is dim moved[d] of the input, argument 0. Empty: it computes.
  llvm::SmallVector<int64_t> moved;
};

/// Nullopt: the kernel is of another form. Boxes are along dims 1 and 2 of an output of four dims.
std::optional<Stage> readStage(mlir::func::CallOp call, mlir::func::FuncOp kernel);

/// A copy of the stage's kernel, outside of the module, whose arguments have `types`, those of a box of the output and of
/// what it needs; padding is read like what is beside it.
mlir::func::FuncOp sliceKernel(const Stage &stage, llvm::ArrayRef<mlir::Type> types);

} // namespace onnxc

#endif
