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

struct Placement {
  std::vector<int64_t> offsets; ///< one for each buffer
  int64_t bytes = 0;            ///< end of the last one
};

/// Offsets such that buffers that are alive at the same point do not overlap,
/// and few bytes in all (dynamic storage allocation, NP-hard: Garey and
/// Johnson 1979, problem SR2). First fit in several orders, then in orders
/// that a search by local changes finds, until `enough` bytes suffice or a
/// fixed amount of work is done. Deterministic.
Placement placeBuffers(llvm::ArrayRef<Lifetime> buffers, int64_t enough);

} // namespace onnxc

#endif
