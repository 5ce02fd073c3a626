// Offsets for buffers whose lifetimes are known.
#include "passes/memory/PlaceBuffers.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>
#include <queue>
#include <random>

using llvm::ArrayRef;
using llvm::SmallVector;

namespace onnxc {
namespace {

class Search {
public:
  Search(ArrayRef<Lifetime> buffers, int64_t enough, ArrayRef<Overlap> overlaps, int64_t mostWork)
      : buffers(buffers), overlaps(overlaps), enough(enough), mostWork(mostWork), neighbours(buffers.size()) {
    for (auto [k, o] : llvm::enumerate(overlaps)) {
      between[{o.input, o.output}] = k;
      backwards.resize(std::max<size_t>(backwards.size(), o.kernel + 1));
    }
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
    auto tryOrder = [&](const SmallVector<int> &start) {
      Placement p = place(start);
      if (best.offsets.empty() || p.bytes < best.bytes) {
        best = std::move(p);
        now = start;
      }
    };
    for (auto &start : starts)
      tryOrder(start);
    tryDirections(tryOrder);
    backwards = best.backwards;
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

  /// Turns kernels round, one by one, as long as that helps. What lies lowest wherever two overlap is placed first.
  void tryDirections(llvm::function_ref<void(const SmallVector<int> &)> tryOrder) {
    auto lowFirst = [&] {
      SmallVector<int> higher(buffers.size());
      SmallVector<bool> overlaps(buffers.size());
      for (const Overlap &o : this->overlaps) {
        overlaps[o.input] = overlaps[o.output] = true;
        int64_t in = buffers[o.input].bytes, out = buffers[o.output].bytes;
        bool down = std::max(out, o.below[backwards[o.kernel]] + in) < std::max(in, o.above[backwards[o.kernel]] + out);
        ++higher[down ? o.input : o.output];
        --higher[down ? o.output : o.input];
      }
      tryOrder(order([&](int i) { return std::tuple(!overlaps[i], higher[i], -buffers[i].bytes); }));
    };
    lowFirst();
    for (bool better = true; better && best.bytes > enough;) {
      better = false;
      for (size_t k = 0; k < backwards.size(); ++k) {
        int64_t before = best.bytes;
        backwards[k] = !backwards[k];
        lowFirst();
        if (best.bytes < before)
          better = true;
        else
          backwards[k] = !backwards[k];
      }
    }
  }

  /// Buffer i may not start within (first, second) where j lies at `at`.
  std::pair<int64_t, int64_t> forbidden(int i, int j, int64_t at) {
    auto overlap = [&](int input, int output) -> const Overlap * {
      auto it = between.find({unsigned(input), unsigned(output)});
      return it == between.end() ? nullptr : &overlaps[it->second];
    };
    if (const Overlap *o = overlap(/*input=*/j, /*output=*/i))
      return {at - std::min(o->below[backwards[o->kernel]], buffers[i].bytes), at + std::min(o->above[backwards[o->kernel]], buffers[j].bytes)};
    if (const Overlap *o = overlap(/*input=*/i, /*output=*/j))
      return {at - std::min(o->above[backwards[o->kernel]], buffers[i].bytes), at + std::min(o->below[backwards[o->kernel]], buffers[j].bytes)};
    return {at - buffers[i].bytes, at + buffers[j].bytes};
  }

  /// First fit in this order.
  Placement place(ArrayRef<int> sequence) {
    Placement p;
    p.offsets.assign(buffers.size(), -1);
    p.backwards = backwards;
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (int i : sequence) {
      taken.clear();
      for (int j : neighbours[i])
        if (p.offsets[j] >= 0)
          taken.push_back(forbidden(i, j, p.offsets[j]));
      work += neighbours[i].size() + 1;
      llvm::sort(taken);
      int64_t at = 0;
      for (auto [from, to] : taken) {
        if (from >= at)
          break;
        if (to > at)
          at = int64_t(llvm::alignTo(to, buffers[i].align));
      }
      p.offsets[i] = at;
      p.bytes = std::max(p.bytes, at + buffers[i].bytes);
    }
    return p;
  }

  /// Moves a buffer that reaches to the top, or one beside it, to an earlier
  /// place in the order, or turns a kernel round. Keeps what is not worse.
  void improve(SmallVector<int> sequence) {
    std::minstd_rand random(1);
    int64_t bytes = best.bytes;
    Placement current = best;
    while (best.bytes > enough && work < mostWork && sequence.size() > 1) {
      if (!backwards.empty() && random() % 8 == 0) {
        size_t k = random() % backwards.size();
        backwards[k] = !backwards[k];
        Placement p = place(sequence);
        work += int64_t(sequence.size());
        if (p.bytes > bytes) {
          backwards[k] = !backwards[k];
          continue;
        }
        bytes = p.bytes;
        current = p;
        if (p.bytes < best.bytes)
          best = std::move(p);
        continue;
      }
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
  ArrayRef<Overlap> overlaps;
  llvm::DenseMap<std::pair<unsigned, unsigned>, size_t> between; ///< overlaps by input and output
  std::vector<bool> backwards;                                   ///< direction of each kernel
  int64_t enough, mostWork, work = 0;
  std::vector<SmallVector<int>> neighbours;
  Placement best;
};

} // namespace

/// The bytes that input and output of a kernel may share, at most.
static int64_t shared(const Overlap &o, ArrayRef<Lifetime> buffers) {
  int64_t in = buffers[o.input].bytes, out = buffers[o.output].bytes, extent = in + out;
  for (int direction : {0, 1}) {
    extent = std::min(extent, std::max(out, o.below[direction] + in));
    extent = std::min(extent, std::max(in, o.above[direction] + out));
  }
  return in + out - extent;
}

Peak findPeak(ArrayRef<Lifetime> buffers, ArrayRef<Overlap> overlaps) {
  auto spared = [&](int64_t at) {
    llvm::DenseMap<unsigned, int64_t> ofOutput;
    int64_t sum = 0;
    for (const Overlap &o : overlaps)
      if (buffers[o.output].first <= at && at <= buffers[o.input].last) {
        int64_t &bytes = ofOutput[o.output], more = std::min(bytes + shared(o, buffers), buffers[o.output].bytes) - bytes;
        bytes += more;
        sum += more;
      }
    return sum;
  };
  SmallVector<const Lifetime *> byFirst;
  for (const Lifetime &b : buffers)
    byFirst.push_back(&b);
  llvm::stable_sort(byFirst, [](const Lifetime *a, const Lifetime *c) { return a->first < c->first; });
  auto endsLater = [](const Lifetime *a, const Lifetime *c) { return a->last > c->last; };
  std::priority_queue<const Lifetime *, std::vector<const Lifetime *>, decltype(endsLater)> alive(endsLater);
  Peak peak;
  int64_t live = 0;
  for (auto [i, b] : llvm::enumerate(byFirst)) {
    for (; !alive.empty() && alive.top()->last < b->first; alive.pop())
      live -= alive.top()->bytes;
    alive.push(b);
    live += b->bytes;
    if (i + 1 < byFirst.size() && byFirst[i + 1]->first == b->first)
      continue; // born together
    if (int64_t needed = live - spared(b->first); needed > peak.bytes)
      peak = {needed, b->first};
  }
  return peak;
}

Placement placeBuffers(ArrayRef<Lifetime> buffers, int64_t enough, ArrayRef<Overlap> overlaps, int64_t mostWork) {
  if (buffers.empty())
    return {};
  return Search(buffers, enough, overlaps, mostWork).run();
}

} // namespace onnxc
