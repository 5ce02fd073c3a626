// Buffers in several memories: the hot ones in the fast one.
//
// One memory after the other takes from what is left, hottest first, whatever
// it can hold at the lifetimes there are. Greedy, so that a large cold buffer
// may find no memory in the end; then those left out are placed first, in a next
// round. The direction that a kernel got in one memory holds in the next ones.
#include "passes/memory/PlaceInMemories.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <numeric>

using llvm::ArrayRef;
using llvm::SmallVector;

namespace onnxc {
namespace {

/// Rounds in which buffers that found no place go first, at most.
constexpr int kRounds = 8;
/// Work to find out whether some buffers fit into a memory (see placeBuffers).
constexpr int64_t kTrialWork = 100'000;

class Round {
public:
  Round(ArrayRef<Lifetime> buffers, ArrayRef<int64_t> capacities, ArrayRef<Overlap> overlaps)
      : buffers(buffers), capacities(capacities), overlaps(overlaps) {
    result.memory.assign(buffers.size(), 0);
    result.offsets.assign(buffers.size(), 0);
    unsigned kernels = 0;
    for (const Overlap &o : overlaps)
      kernels = std::max(kernels, o.kernel + 1);
    result.backwards.assign(kernels, false);
    decided.assign(kernels, false);
  }

  /// `search`: each memory is filled in as few bytes as a longer search finds.
  MemoryPlacement run(SmallVector<unsigned> order, bool search) {
    for (unsigned memory = 0; memory < capacities.size(); ++memory) {
      SmallVector<unsigned> members, rest;
      bool last = memory + 1 == capacities.size();
      if (last)
        result.wantedOfLast = place(order, INT64_MAX, kTrialWork).bytes;
      take(order, capacities[memory], members, rest);
      settle(memory, members, search);
      order = std::move(rest);
    }
    result.left.assign(order.begin(), order.end());
    return std::move(result);
  }

private:
  /// Adds those of `offered`, in their order, that fit beside `members`; the others go to `rest`.
  void take(ArrayRef<unsigned> offered, int64_t capacity, SmallVector<unsigned> &members, SmallVector<unsigned> &rest) {
    if (offered.empty())
      return;
    SmallVector<unsigned> all(members);
    all.append(offered.begin(), offered.end());
    if (fits(all, capacity)) {
      members = std::move(all);
      return;
    }
    if (offered.size() == 1) {
      rest.push_back(offered[0]);
      return;
    }
    take(offered.take_front(offered.size() / 2), capacity, members, rest);
    take(offered.drop_front(offered.size() / 2), capacity, members, rest);
  }

  bool fits(ArrayRef<unsigned> members, int64_t capacity) {
    auto [lifetimes, pairs] = subset(members);
    return findPeak(lifetimes, pairs).bytes <= capacity && placeBuffers(lifetimes, capacity, pairs, kTrialWork).bytes <= capacity;
  }

  Placement place(ArrayRef<unsigned> members, int64_t capacity, int64_t work) {
    auto [lifetimes, pairs] = subset(members);
    return placeBuffers(lifetimes, std::min(capacity, findPeak(lifetimes, pairs).bytes), pairs, work);
  }

  /// Offsets of what a memory holds.
  void settle(unsigned memory, ArrayRef<unsigned> members, bool search) {
    auto [lifetimes, pairs] = subset(members);
    Placement placement = placeBuffers(lifetimes, capacities[memory], pairs, kTrialWork);
    if (search)
      if (Placement better = place(members, capacities[memory], kPlacementWork); better.bytes < placement.bytes)
        placement = std::move(better);
    for (auto [i, offset] : llvm::zip_equal(members, placement.offsets)) {
      result.memory[i] = memory;
      result.offsets[i] = offset;
    }
    for (const Overlap &o : pairs)
      if (!decided[o.kernel])
        result.backwards[o.kernel] = placement.backwards[o.kernel];
    for (const Overlap &o : pairs)
      decided[o.kernel] = true;
    result.bytes.push_back(placement.bytes);
  }

  /// These buffers, and the overlaps among them in the directions that are still open.
  std::pair<std::vector<Lifetime>, std::vector<Overlap>> subset(ArrayRef<unsigned> members) const {
    std::vector<Lifetime> lifetimes;
    llvm::DenseMap<unsigned, unsigned> number;
    for (unsigned i : members) {
      number[i] = lifetimes.size();
      lifetimes.push_back(buffers[i]);
    }
    std::vector<Overlap> pairs;
    for (Overlap o : overlaps) {
      auto input = number.find(o.input), output = number.find(o.output);
      if (input == number.end() || output == number.end())
        continue;
      o.input = input->second;
      o.output = output->second;
      if (decided[o.kernel]) {
        int direction = result.backwards[o.kernel];
        o.below[!direction] = o.below[direction];
        o.above[!direction] = o.above[direction];
      }
      pairs.push_back(o);
    }
    return {std::move(lifetimes), std::move(pairs)};
  }

  ArrayRef<Lifetime> buffers;
  ArrayRef<int64_t> capacities;
  ArrayRef<Overlap> overlaps;
  std::vector<bool> decided; ///< kernels whose direction an earlier memory relies on
  MemoryPlacement result;
};

} // namespace

MemoryPlacement placeInMemories(ArrayRef<Lifetime> buffers, ArrayRef<double> heat, ArrayRef<int64_t> capacities,
                                ArrayRef<Overlap> overlaps) {
  SmallVector<unsigned> order(buffers.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::stable_sort(order, [&](unsigned a, unsigned b) { return heat[a] > heat[b]; });
  MemoryPlacement first;
  for (int round = 0; round < kRounds; ++round) {
    MemoryPlacement placement = Round(buffers, capacities, overlaps).run(order, /*search=*/false);
    if (placement.left.empty()) {
      // Kernels that this turns round may leave a later memory with less room.
      MemoryPlacement smaller = Round(buffers, capacities, overlaps).run(order, /*search=*/true);
      return smaller.left.empty() ? smaller : placement;
    }
    if (round == 0)
      first = placement;
    SmallVector<unsigned> next(placement.left.begin(), placement.left.end());
    for (unsigned i : order)
      if (!llvm::is_contained(placement.left, i))
        next.push_back(i);
    if (next == order)
      break;
    order = std::move(next);
  }
  return first;
}

} // namespace onnxc
