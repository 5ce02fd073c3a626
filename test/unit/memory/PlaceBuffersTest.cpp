// Placements are correct, and as small as is known to be possible.
#include "passes/memory/PlaceBuffers.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "gtest/gtest.h"
#include <random>

using namespace onnxc;

/// Largest sum of bytes that are alive at one point.
static int64_t mostAlive(llvm::ArrayRef<Lifetime> buffers) {
  int64_t most = 0;
  for (const Lifetime &b : buffers) {
    int64_t sum = 0;
    for (const Lifetime &c : buffers)
      if (c.first <= b.first && b.first <= c.last)
        sum += c.bytes;
    most = std::max(most, sum);
  }
  return most;
}

static void expectValid(llvm::ArrayRef<Lifetime> buffers, const Placement &p) {
  ASSERT_EQ(p.offsets.size(), buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_GE(p.offsets[i], 0);
    EXPECT_EQ(p.offsets[i] % buffers[i].align, 0);
    EXPECT_LE(p.offsets[i] + buffers[i].bytes, p.bytes);
    for (size_t j = 0; j < i; ++j) {
      bool together = buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
      bool apart = p.offsets[i] + buffers[i].bytes <= p.offsets[j] || p.offsets[j] + buffers[j].bytes <= p.offsets[i];
      EXPECT_TRUE(!together || apart) << "buffers " << j << " and " << i;
    }
  }
}

TEST(PlaceBuffers, Nothing) {
  Placement p = placeBuffers({}, 0);
  EXPECT_EQ(p.bytes, 0);
  EXPECT_TRUE(p.offsets.empty());
}

TEST(PlaceBuffers, ChainNeedsTheTwoLargestNeighbours) {
  llvm::SmallVector<Lifetime> chain;
  for (int64_t i = 0; i < 20; ++i)
    chain.push_back({64 * (1 + i % 7), 64, i, i + 1});
  Placement p = placeBuffers(chain, mostAlive(chain));
  expectValid(chain, p);
  EXPECT_EQ(p.bytes, mostAlive(chain));
}

TEST(PlaceBuffers, SearchClosesWhatLargestFirstLeaves) {
  // Lifetimes of a mobile network's first layers: largest first leaves 36,864
  // bytes between two buffers that are needed below a third.
  llvm::SmallVector<Lifetime> layers = {
      {110592, 64, 0, 1}, {110592, 64, 1, 2}, {73728, 64, 2, 3}, {73728, 64, 3, 4}, {147456, 64, 4, 5}, {36864, 64, 5, 6}, {73728, 64, 6, 7}};
  Placement p = placeBuffers(layers, mostAlive(layers));
  expectValid(layers, p);
  EXPECT_EQ(p.bytes, 221184);
}

TEST(PlaceBuffers, RandomLifetimes) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    llvm::SmallVector<Lifetime> buffers;
    int n = 1 + int(random() % 60);
    for (int i = 0; i < n; ++i) {
      int64_t first = random() % 40, align = int64_t(1) << (random() % 7);
      buffers.push_back({int64_t(1 + random() % 5000), align, first, first + int64_t(random() % 12)});
    }
    int64_t least = mostAlive(buffers);
    Placement p = placeBuffers(buffers, least), again = placeBuffers(buffers, least);
    expectValid(buffers, p);
    EXPECT_EQ(p.offsets, again.offsets);
    EXPECT_LE(p.bytes, least * 1.15 + 64);
  }
}

/// A chain of `n` buffers; kernel i reads i and writes i + 1, at `below` bytes or more before, or turned round `above` behind.
static std::vector<Overlap> chainOverlaps(unsigned n, llvm::ArrayRef<int64_t> distance, int64_t bytes) {
  std::vector<Overlap> overlaps;
  for (unsigned i = 0; i + 1 < n; ++i) {
    int64_t d = distance[i % distance.size()];
    overlaps.push_back({i, i + 1, {d, bytes}, {bytes, d}, unsigned(i % distance.size())});
  }
  return overlaps;
}

TEST(PlaceBuffers, KernelsOfBothDirectionsTakeTurns) {
  llvm::SmallVector<Lifetime> chain;
  for (int64_t i = 0; i < 10; ++i)
    chain.push_back({8000, 64, i, i + 1});
  auto overlaps = chainOverlaps(10, {576, 128}, 8000);
  Placement p = placeBuffers(chain, 8576, overlaps);
  EXPECT_EQ(p.bytes, 8576); // where all run in one direction, the chain would wander
  ASSERT_EQ(p.backwards.size(), 2u);
  EXPECT_NE(p.backwards[0], p.backwards[1]);
  for (const Overlap &o : overlaps) {
    int64_t in = p.offsets[o.input], out = p.offsets[o.output];
    bool turned = p.backwards[o.kernel];
    EXPECT_TRUE(out + o.below[turned] <= in || out >= in + o.above[turned]);
  }
}

TEST(PlaceBuffers, OverlapsAreOfTheirPairOnly) {
  // 0 -> 1 overlap, a third buffer is alive meanwhile.
  llvm::SmallVector<Lifetime> buffers = {{1000, 64, 0, 2}, {1000, 64, 2, 4}, {500, 64, 1, 3}};
  Overlap o{0, 1, {100, 1000}, {1000, 100}, 0};
  Placement p = placeBuffers(buffers, 0, o);
  EXPECT_LE(p.bytes, 1000 + 128 + 512);
  for (int i : {0, 1})
    EXPECT_TRUE(p.offsets[i] + 1000 <= p.offsets[2] || p.offsets[2] + 500 <= p.offsets[i]);
}
