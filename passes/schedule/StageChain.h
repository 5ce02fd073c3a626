// A chain of kernels that runs box by box: what each box needs, what that costs, and the function that does it.
#ifndef ONNXC_PASSES_SCHEDULE_STAGECHAIN_H
#define ONNXC_PASSES_SCHEDULE_STAGECHAIN_H

#include "passes/schedule/KernelTable.h"
#include "passes/schedule/StageSlice.h"
#include "llvm/ADT/MapVector.h"

namespace onnxc {

/// Rows and columns [scale * a - origin, + extent) of a buffer, for the box of the chain's output that starts at a.
struct StageBox {
  std::array<int64_t, 2> scale{1, 1}, origin{0, 0}, extent{1, 1};
  std::array<int, 2> dims{1, 2}; ///< of the buffer: rows, columns
  mlir::TypedAttr padding;       ///< what rows outside of the buffer hold; null: anything
  unsigned first = 0, last = 0;  ///< stages: that fills it (of an input: its first reader), and its last reader
  bool isInput = false;          ///< read from a buffer of the caller
};

/// Consecutive calls of a block, of which only the last one's output is needed elsewhere.
class StageChain {
public:
  explicit StageChain(llvm::ArrayRef<const Stage *> stages) : stages(stages) {}

  /// Works out the boxes for `extent` rows and columns of the output at a time; false where the chain has no such form.
  bool setExtent(std::array<int64_t, 2> extent);

  mlir::Value output() const { return mlir::func::CallOp(stages.back()->call).getOperand(stages.back()->output); }
  const llvm::MapVector<mlir::Value, StageBox> &allBoxes() const { return boxes; }
  bool isInternal(mlir::Value v) const;

  /// Bytes of scratch, an estimate; of the buffers that are alive during one stage, where input and output overlap by rows.
  int64_t scratchBytes() const;
  /// How many bytes before `input` the output must begin to overlap with it (OverlapDistance::below), where a box reads
  /// all that it needs before it writes.
  int64_t distanceTo(mlir::Value input) const;
  /// Multiply-adds of all stages together, with what is computed more than once, and without.
  double multiplyAdds() const, multiplyAddsOnce() const;
  /// Elements that are copied from inputs.
  double copies() const;

  /// Replaces the calls by one of a function that holds them in loops over boxes.
  mlir::func::CallOp build(KernelTable &kernels, unsigned number);

private:
  int64_t steps(int axis) const;
  mlir::MemRefType boxType(mlir::Value buffer, const StageBox &box) const;
  mlir::MemRefType outputType() const { return mlir::cast<mlir::MemRefType>(output().getType()); }
  bool leavesImage(mlir::Value buffer, const StageBox &box, int axis) const;

  llvm::SmallVector<const Stage *> stages;
  std::array<int64_t, 2> extent{1, 1};
  llvm::MapVector<mlir::Value, StageBox> boxes; ///< of all buffers but the output
};

} // namespace onnxc

#endif
