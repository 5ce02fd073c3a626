// Offsets for buffers whose lifetimes are known.
#ifndef ONNXC_PASSES_MEMORY_PLACEBUFFERS_H
#define ONNXC_PASSES_MEMORY_PLACEBUFFERS_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace onnxc {

/// A buffer of `bytes`, alive at the points first ... last, both included.
struct Lifetime {
  int64_t bytes, align, first, last;
};

/// Two buffers that are alive together at one point only, where a kernel reads
/// `input` for the last time and writes `output` for the first: they may
/// overlap. The output starts at least `below` bytes before the input, or at
/// least `above` bytes behind it; [0]: where the kernel runs as it is, [1]: where it runs backwards.
struct Overlap {
  unsigned input, output;
  int64_t below[2], above[2];
  unsigned kernel; ///< those of one kernel run in one direction
};

struct Placement {
  std::vector<int64_t> offsets; ///< one for each buffer
  std::vector<bool> backwards;  ///< one for each kernel of the overlaps
  int64_t bytes = 0;            ///< end of the last one
};

/// A moment at which most is alive.
struct Peak {
  int64_t bytes = 0; ///< alive, less what inputs and outputs of kernels can share: no placement takes less
  int64_t at = -1;   ///< point; -1: there are no buffers
};
Peak findPeak(llvm::ArrayRef<Lifetime> buffers, llvm::ArrayRef<Overlap> overlaps = {});

/// What a search for offsets may take: buffers looked at.
constexpr int64_t kPlacementWork = 4'000'000;

/// Offsets such that buffers that are alive at the same point do not overlap,
/// and few bytes in all (dynamic storage allocation, NP-hard: Garey and
/// Johnson 1979, problem SR2), but for `overlaps`. First fit in several orders,
/// then in orders, and with directions of kernels, that a search by local
/// changes finds, until `enough` bytes suffice or the amount `mostWork` of work is
/// done. Deterministic.
Placement placeBuffers(llvm::ArrayRef<Lifetime> buffers, int64_t enough, llvm::ArrayRef<Overlap> overlaps = {},
                       int64_t mostWork = kPlacementWork);

} // namespace onnxc

#endif
