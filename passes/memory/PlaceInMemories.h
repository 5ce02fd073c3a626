// Buffers in several memories: the hot ones in the fast one.
#ifndef ONNXC_PASSES_MEMORY_PLACEINMEMORIES_H
#define ONNXC_PASSES_MEMORY_PLACEINMEMORIES_H

#include "passes/memory/PlaceBuffers.h"

namespace onnxc {

/// Where buffers lie; offsets are from the start of each buffer's memory.
struct MemoryPlacement {
  std::vector<unsigned> memory; ///< of each buffer
  std::vector<int64_t> offsets;
  std::vector<int64_t> bytes;  ///< end of the last buffer of each memory
  std::vector<bool> backwards; ///< one for each kernel of the overlaps
  std::vector<unsigned> left;  ///< buffers that fit nowhere; then the rest is not valid but
  int64_t wantedOfLast = 0;    ///< what the last memory would have to hold, with the others as they are
};

/// Places each buffer in one of the memories of `capacities` bytes, in the order
/// of their speed: by falling `heat`, a buffer goes into the first one in which it
/// fits beside those placed before. Where that leaves a buffer out, the ones left
/// out go first. Pairs of `overlaps` count where both lie in one memory. Deterministic.
MemoryPlacement placeInMemories(llvm::ArrayRef<Lifetime> buffers, llvm::ArrayRef<double> heat, llvm::ArrayRef<int64_t> capacities,
                                llvm::ArrayRef<Overlap> overlaps = {});

} // namespace onnxc

#endif
