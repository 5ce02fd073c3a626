// Offsets for buffers whose lifetimes are known.
#include "passes/memory/PlaceBuffers.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>
#include <random>

using llvm::ArrayRef;
using llvm::SmallVector;

namespace onnxc {
namespace {

class Search {
public:
  Search(ArrayRef<Lifetime> buffers, int64_t enough) : buffers(buffers), enough(enough), neighbours(buffers.size()) {
    // Neighbours by a sweep: pairs are few compared with all pairs.
    SmallVector<int> byFirst = order([&](int i) { return buffers[i].first; });
    SmallVector<int> alive;
    for (int i : byFirst) {
      llvm::erase_if(alive, [&](int j) { return buffers[j].last < buffers[i].first; });
      for (int j : alive) {
        neighbours[i].push_back(j);
        neighbours[j].push_back(i);
      }
      alive.push_back(i);
    }
  }

  Placement run() {
    auto live = [&](int i) { return buffers[i].last - buffers[i].first + 1; };
    std::vector<SmallVector<int>> starts = {
        order([&](int i) { return -buffers[i].bytes; }),
        order([&](int i) { return -double(buffers[i].bytes) * double(live(i)); }),
        order([&](int i) { return buffers[i].first; }),
        order([&](int i) { return -live(i); }),
        order([&](int i) {
          int64_t around = buffers[i].bytes;
          for (int j : neighbours[i])
            around += buffers[j].bytes;
          return -around;
        }),
    };
    SmallVector<int> now;
    for (auto &start : starts) {
      Placement p = place(start);
      if (best.offsets.empty() || p.bytes < best.bytes) {
        best = std::move(p);
        now = start;
      }
    }
    improve(now);
    return best;
  }

private:
  template <typename Key> SmallVector<int> order(Key key) const {
    SmallVector<int> result(buffers.size());
    std::iota(result.begin(), result.end(), 0);
    llvm::stable_sort(result, [&](int a, int b) { return key(a) < key(b); });
    return result;
  }

  /// First fit in this order.
  Placement place(ArrayRef<int> sequence) {
    Placement p;
    p.offsets.assign(buffers.size(), -1);
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (int i : sequence) {
      taken.clear();
      for (int j : neighbours[i])
        if (p.offsets[j] >= 0)
          taken.push_back({p.offsets[j], p.offsets[j] + buffers[j].bytes});
      work += neighbours[i].size() + 1;
      llvm::sort(taken);
      int64_t at = 0;
      for (auto [from, to] : taken) {
        if (from - at >= buffers[i].bytes)
          break;
        at = std::max(at, int64_t(llvm::alignTo(to, buffers[i].align)));
      }
      p.offsets[i] = at;
      p.bytes = std::max(p.bytes, at + buffers[i].bytes);
    }
    return p;
  }

  /// Moves a buffer that reaches to the top, or one beside it, to an earlier
  /// place in the order. Keeps what is not worse.
  void improve(SmallVector<int> sequence) {
    constexpr int64_t kWork = 4'000'000;
    std::minstd_rand random(1);
    int64_t bytes = best.bytes;
    Placement current = best;
    while (best.bytes > enough && work < kWork && sequence.size() > 1) {
      SmallVector<int> top;
      for (size_t k = 0; k < sequence.size(); ++k)
        if (current.offsets[sequence[k]] + buffers[sequence[k]].bytes == current.bytes)
          top.push_back(int(k));
      size_t from = top[random() % top.size()];
      if (random() % 2) { // one of those that keep it there
        int i = sequence[from];
        if (!neighbours[i].empty())
          from = llvm::find(sequence, neighbours[i][random() % neighbours[i].size()]) - sequence.begin();
      }
      size_t to = random() % (from + 1);
      SmallVector<int> next = sequence;
      std::rotate(next.begin() + to, next.begin() + from, next.begin() + from + 1);
      Placement p = place(next);
      work += int64_t(sequence.size());
      if (p.bytes > bytes)
        continue;
      bytes = p.bytes;
      sequence = std::move(next);
      current = p;
      if (p.bytes < best.bytes)
        best = std::move(p);
    }
  }

  ArrayRef<Lifetime> buffers;
  int64_t enough, work = 0;
  std::vector<SmallVector<int>> neighbours;
  Placement best;
};

} // namespace

Placement placeBuffers(ArrayRef<Lifetime> buffers, int64_t enough) {
  if (buffers.empty())
    return {};
  return Search(buffers, enough).run();
}

} // namespace onnxc
