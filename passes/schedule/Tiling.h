// Choice of vector loop, register tile and loop order for a kernel.
#ifndef ONNXC_PASSES_SCHEDULE_TILING_H
#define ONNXC_PASSES_SCHEDULE_TILING_H

#include "codegen/targets/Target.h"
#include "passes/schedule/LoopNest.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace onnxc {

/// How a loop nest is executed.
struct Tiling {
  int vectorLoop = -1;        ///< loop whose iterations fill vector lanes
  bool horizontal = false;    ///< the vector loop is a reduction: lanes are summed up at the end
  unsigned lanes = 1;
  unsigned vectors = 1;       ///< vectors per tile along the vector loop
  int tileLoop = -1;          ///< parallel loop unrolled by up to `tile` iterations
  unsigned tile = 1;
  int packed = -1;            ///< input that is read from panels [block][reduction][vectors*lanes]
  bool packAtRunTime = false; ///< the panel is filled by the kernel itself
  llvm::SmallVector<int> order; ///< parallel loops from outside in, including both of the above
  llvm::SmallVector<int> reductions; ///< reduction loops from outside in (the horizontal one last)
};

/// Nullopt: no vector form pays or none is known; the op stays scalar loops.
/// `isWeight(i)`: input i of the root is a constant at every call, so that it
/// may be repacked by the compiler.
std::optional<Tiling> chooseTiling(LoopNest &nest, const Target &target, llvm::function_ref<bool(unsigned)> isWeight);

/// Kind of the reduction in a body acc' = combine(acc, f(inputs)).
std::optional<mlir::vector::CombiningKind> combiningKind(mlir::linalg::GenericOp op);

} // namespace onnxc

#endif
