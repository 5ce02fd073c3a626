// Static planning of temporary buffers.
#ifndef ONNXC_PASSES_MEMORY_PLANARENA_H
#define ONNXC_PASSES_MEMORY_PLANARENA_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <cstdint>
#include <vector>

namespace onnxc {

struct ArenaPlan {
  int64_t bytes = 0;      ///< size of the arena
  int64_t lowerBound = 0; ///< largest sum of simultaneously live buffers
  int64_t buffers = 0;    ///< planned allocations
  int64_t dynamic = 0;    ///< allocations left to the caller's allocator
  /// The buffers that are alive when most bytes are: what sets the lower bound.
  struct PeakBuffer {
    mlir::Location location; ///< of the allocation
    int64_t bytes;
  };
  std::vector<PeakBuffer> peak;
};

/// A buffer to be placed: `op` allocates it, the ops number `first` to `last` use it.
struct PlannedBuffer {
  mlir::Operation *op;
  int64_t bytes, first, last, offset = 0;
};

/// Bytes that a buffer of a static type takes in an arena.
int64_t bufferBytes(mlir::MemRefType type);

/// Gives each buffer its offset: none overlaps another that is alive with it.
void placeBuffers(llvm::SmallVectorImpl<PlannedBuffer> &buffers, ArenaPlan &plan);

/// memref<...> value over the memory at `address`.
mlir::Value memrefAt(mlir::OpBuilder &b, mlir::Location loc, mlir::Value address, mlir::MemRefType type, mlir::ValueRange sizes,
                     unsigned indexBits);

/// Every buffer starts at a multiple of this.
constexpr int64_t kArenaAlign = 64;

/// Replaces the allocations of `main` by slices of one arena. Two arguments
/// are appended to the function: the arena, memref<BYTESxi8>, and the run
/// frame as an address (index). Allocations whose size is known only at run
/// time, or that live across loop iterations, become calls to the external
/// functions @onnxc.alloc(frame, bytes) -> address and @onnxc.free(frame, address).
/// `indexBits`: width of `index` on the target.
ArenaPlan planArena(mlir::func::FuncOp main, unsigned indexBits);

} // namespace onnxc

#endif
