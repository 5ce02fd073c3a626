// Static planning of temporary buffers.
#ifndef ONNXC_PASSES_MEMORY_PLANARENA_H
#define ONNXC_PASSES_MEMORY_PLANARENA_H

#include "passes/memory/SizeBounds.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <cstdint>
#include <map>
#include <vector>

namespace onnxc {

struct ArenaPlan {
  int64_t bytes = 0;      ///< size of the arena
  int64_t lowerBound = 0; ///< largest sum of simultaneously live buffers, less what a kernel's input and output can share
  int64_t buffers = 0;    ///< planned allocations
  std::vector<mlir::Location> dynamic; ///< of the allocations left to the caller's allocator
  /// The buffers that are alive when most bytes are: what sets the lower bound.
  struct PeakBuffer {
    mlir::Location location; ///< of the allocation
    int64_t bytes;
    int argument = -1; ///< of `main`, instead of an allocation
    bool isFloat = false; ///< its elements are f32
  };
  std::vector<PeakBuffer> peak;
  /// With several memories: what lies where.
  struct PlacedBuffer {
    std::string node;       ///< that it is made for; empty: an argument, or no node
    int argument;           ///< of `main`, instead of an allocation; -1: none
    int64_t bytes;
    int64_t accessedBytes;  ///< that a run reads and writes of it, an estimate
    unsigned memory = 0;
    int64_t offset = 0;
    bool fits = true;       ///< false: none of the memories has room for it
  };
  std::vector<PlacedBuffer> placed;
  std::vector<int64_t> memoryBytes; ///< that each memory must have, in the order of the options
  int64_t bytesWithArguments = -1; ///< of the arena, if it held the arguments too; -1: nobody asked, or it does
  int64_t wantedOfLast = 0; ///< where some buffers do not fit: what the last memory would have to hold
  /// Offset of each argument that `main` had, an input or a static output; -1: the caller's memory.
  std::vector<int64_t> argumentOffsets;
  std::vector<unsigned> argumentMemories; ///< and in which memory that is
  /// The largest extents of each output, by its number, whose size is known at run time only but bounded.
  std::map<unsigned, std::vector<int64_t>> outputDims;
};

/// Every arena starts at a multiple of this; so does every buffer that is not smaller.
constexpr int64_t kArenaAlign = 64;

struct ArenaOptions {
  unsigned indexBits = 64;  ///< width of `index` on the target
  bool ownsArguments = false; ///< static inputs and outputs have their place in the arena, and share it with temporaries
  bool separate = false; ///< every buffer is an allocation of its own, so that accesses out of it can be told
  InputRanges inputRanges = {}; ///< buffers whose size follows from them are planned at the largest
  bool shares = true;       ///< buffers whose uses do not overlap may share memory
  bool triesArguments = false; ///< find out what the arena would take with `ownsArguments`
  std::vector<int64_t> memories = {}; ///< bytes of the memories that hold the arena, fastest first; empty: one, of any size
  bool overlaps = false;    ///< and input and output of a kernel as far as its order of reads and writes allows (KernelOverlaps)
};

/// Replaces the allocations of `main` by slices of the arena. Arguments
/// are appended to the function: the arena, memref<BYTESxi8>, or its part in each
/// of the memories, and the run frame as an address (index). Arguments that the arena owns go. Allocations
/// whose size is known only at run time and has no bound, or that live across loop iterations,
/// become calls to the external functions @onnxc.alloc(frame, bytes) -> address
/// and @onnxc.free(frame, address).
ArenaPlan planArena(mlir::func::FuncOp main, const ArenaOptions &options);

/// Gives each gpu.alloc of `main` its offset in the device's arena (attribute
/// onnxc.offset). Inputs are alive from the start of the run, outputs until
/// they are complete. Launches run one after the other, so that buffers whose
/// uses do not overlap may share memory, which they do with `shares`.
ArenaPlan planDeviceArena(mlir::func::FuncOp main, bool shares);

/// memref<...> value over the memory at `address`.
mlir::Value memrefAt(mlir::OpBuilder &b, mlir::Location loc, mlir::Value address, mlir::MemRefType type, mlir::ValueRange sizes,
                     unsigned indexBits);

} // namespace onnxc

#endif
