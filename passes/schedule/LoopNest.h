// A kernel as a loop nest over linear accesses: the form that is scheduled.
//
// Every operand of a linalg op on memrefs is addressed by
//   offset(iv) = sum_d coeff[d] * iv[d]
// over the loops of the root op.  Unit loops are dropped and loops that every
// operand walks through contiguously are merged, so that a 1x1 convolution
// becomes a matrix product and an elementwise op a single loop.
#ifndef ONNXC_PASSES_SCHEDULE_LOOPNEST_H
#define ONNXC_PASSES_SCHEDULE_LOOPNEST_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <optional>

namespace onnxc {

/// The buffer behind a chain of views.
mlir::Value bufferOf(mlir::Value v);
/// `buffer` has no other name: an allocation, a constant or a function argument.
bool isOwnBuffer(mlir::Value buffer);

/// Reads outside [0, extent) of one dim of an operand find padding that is not
/// in memory; the root's result does not change when they are left out.
/// Position read: sum_d coeff[d] * iv[d] - low.
struct Window {
  llvm::SmallVector<int64_t> coeff; ///< one parallel and one reduction loop at most are not 0
  int64_t low = 0, extent = 0;
};

/// How one operand is addressed. Coefficients are index attributes or values.
struct Access {
  mlir::Value operand;  ///< the memref, or a scalar when `scalar`
  bool scalar = false;
  mlir::Type element;
  llvm::SmallVector<mlir::OpFoldResult> coeff; ///< elements per step of each loop
  int64_t constant = 0;                        ///< element offset at iv = 0, without the memref's own offset
  llvm::SmallVector<Window> windows;           ///< where the padding of this operand is left out

  bool dependsOn(int d) const { return !scalar && mlir::getConstantIntValue(coeff[d]) != 0; }
  bool contiguousIn(int d) const { return !scalar && mlir::getConstantIntValue(coeff[d]) == 1; }
};

struct Loop {
  mlir::OpFoldResult extent;
  bool reduction = false;
  std::optional<int64_t> size() const { return mlir::getConstantIntValue(extent); }
};

/// The parts of a kernel: fill (optional), root, epilogue (optional).
struct LoopNest {
  mlir::linalg::FillOp fill;
  mlir::linalg::GenericOp root, epilogue;
  mlir::memref::AllocOp temporary;

  llvm::SmallVector<Loop> loops;
  llvm::SmallVector<Access> inputs;         ///< of the root
  Access accumulator;                       ///< the root's output
  llvm::SmallVector<Access> epilogueInputs; ///< in the root's loops; the one that reads the accumulator is absent (operand null)
  Access output;                            ///< what is stored: the epilogue's output or the accumulator
  /// Loop of the nest behind each original loop of root/epilogue (for linalg.index); -1: always 0.
  llvm::SmallVector<int> rootIndex;

  bool hasReduction() const {
    return llvm::any_of(loops, [](const Loop &l) { return l.reduction; });
  }
  llvm::SmallVector<Access *> accesses();
};

/// Reads the body of a kernel function; nullopt when it is not of the form
/// [alloc] [fill] root [epilogue] with linear accesses and elementwise bodies.
std::optional<LoopNest> buildLoopNest(mlir::func::FuncOp kernel);

} // namespace onnxc

#endif
