// A kernel read as a product of matrices, whatever its loops are.
#ifndef ONNXC_PASSES_SCHEDULE_GPU_CONTRACTION_H
#define ONNXC_PASSES_SCHEDULE_GPU_CONTRACTION_H

#include "codegen/targets/GpuTarget.h"
#include "passes/schedule/gpu/KernelBody.h"

namespace onnxc {

/// Loops of the root that are walked through as one, the last one fastest.
struct LoopGroup {
  llvm::SmallVector<unsigned> loops;
  llvm::SmallVector<int64_t> extents;
  int64_t total = 1;

  void add(unsigned loop, int64_t extent) {
    loops.push_back(loop);
    extents.push_back(extent);
    total *= extent;
  }
  /// Puts `loop` last.
  void makeFastest(unsigned loop);
  bool has(unsigned loop) const { return llvm::is_contained(loops, loop); }
  /// The loops' values at place `flat` of the group, into `ivs`.
  void setIvs(mlir::OpBuilder &b, mlir::Location loc, mlir::Value flat, llvm::MutableArrayRef<mlir::Value> ivs) const;
};

/// output[batch, m, n] = epilogue(sum_k rows[batch, m, k] * columns[batch, k, n]):
/// a matrix product, or a convolution, whose windows are an affine map of m and k.
struct Contraction {
  mlir::OpOperand *rows = nullptr, *columns = nullptr;
  LoopGroup batch, m, n, k;
};

/// Products with fewer rows, columns or steps leave most of any tile idle.
constexpr int64_t kLeastExtent = 8;

/// Nullopt where the kernel is no contraction of static extents: its root adds
/// the product of two tensors to what a fill with zero began. Columns are what
/// the output runs through fastest.
std::optional<Contraction> readContraction(KernelOps ops, llvm::ArrayRef<int> epilogueLoops);

/// The loop of the root along which neighbouring elements are stored; -1: none.
int fastestLoop(KernelOps ops, llvm::ArrayRef<int> epilogueLoops);

/// The loop that `operand` of `op` walks through contiguously, in steps of at
/// least `lanes` elements that start at multiples of their size; -1: none.
/// A step of 1 is any contiguous loop.
int contiguousLoop(mlir::linalg::GenericOp op, mlir::OpOperand *operand, unsigned lanes);

/// Elements from one iteration of `loop` to the next in `operand`; nullopt: not known.
std::optional<int64_t> strideOf(mlir::linalg::GenericOp op, mlir::OpOperand *operand, unsigned loop);

/// Elements of `operand` that lie together along the last loops of `group`.
int64_t contiguousRun(mlir::linalg::GenericOp op, mlir::OpOperand *operand, const LoopGroup &group);

/// Behind each row of `operand` are zeros up to the next sector of memory, and
/// one loop of `op` walks through it: a last step may read them.
void markZeroTail(mlir::linalg::GenericOp op, mlir::OpOperand *operand);

/// Bytes that memory transfers at least.
constexpr int64_t kSectorBytes = 32;

} // namespace onnxc

#endif
