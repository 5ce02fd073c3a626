// What lies in several memories does not overlap, fits, and is where it is hot.
#include "passes/memory/PlaceInMemories.h"

#include "llvm/ADT/SmallVector.h"
#include "gtest/gtest.h"
#include <random>

using namespace onnxc;

static void expectValid(llvm::ArrayRef<Lifetime> buffers, llvm::ArrayRef<int64_t> capacities, const MemoryPlacement &p,
                        llvm::ArrayRef<Overlap> overlaps = {}) {
  ASSERT_TRUE(p.left.empty());
  ASSERT_EQ(p.bytes.size(), capacities.size());
  for (size_t m = 0; m < capacities.size(); ++m)
    EXPECT_LE(p.bytes[m], capacities[m]);
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(p.offsets[i] % buffers[i].align, 0);
    EXPECT_LE(p.offsets[i] + buffers[i].bytes, p.bytes[p.memory[i]]);
    for (size_t j = 0; j < i; ++j) {
      bool together = buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last && p.memory[i] == p.memory[j];
      bool apart = p.offsets[i] + buffers[i].bytes <= p.offsets[j] || p.offsets[j] + buffers[j].bytes <= p.offsets[i];
      for (const Overlap &o : overlaps)
        if ((o.input == i && o.output == j) || (o.input == j && o.output == i)) {
          bool turned = p.backwards[o.kernel];
          int64_t in = p.offsets[o.input], out = p.offsets[o.output];
          apart |= out + o.below[turned] <= in || out >= in + o.above[turned];
        }
      EXPECT_TRUE(!together || apart) << "buffers " << j << " and " << i;
    }
  }
}

TEST(PlaceInMemories, Nothing) {
  MemoryPlacement p = placeInMemories({}, {}, {0, 100});
  EXPECT_TRUE(p.left.empty());
  EXPECT_EQ(p.bytes, (std::vector<int64_t>{0, 0}));
}

TEST(PlaceInMemories, HotBuffersAreFast) {
  llvm::SmallVector<Lifetime> buffers = {{1024, 64, 0, 9}, {1024, 64, 0, 9}, {1024, 64, 0, 9}};
  double heat[] = {1, 30, 2};
  int64_t capacities[] = {1100, 4096};
  MemoryPlacement p = placeInMemories(buffers, heat, capacities);
  expectValid(buffers, capacities, p);
  EXPECT_EQ(p.memory, (std::vector<unsigned>{1, 0, 1}));
}

TEST(PlaceInMemories, LifetimesShareTheFastMemory) {
  llvm::SmallVector<Lifetime> buffers = {{1024, 64, 0, 1}, {1024, 64, 2, 3}, {1024, 64, 1, 2}};
  double heat[] = {3, 2, 1};
  int64_t capacities[] = {1024, 1024};
  MemoryPlacement p = placeInMemories(buffers, heat, capacities);
  expectValid(buffers, capacities, p);
  EXPECT_EQ(p.memory, (std::vector<unsigned>{0, 0, 1}));
}

TEST(PlaceInMemories, ColdBuffersThatFitNowhereElseGoFirst) {
  // By heat, the first one would take the room that only the others can use.
  llvm::SmallVector<Lifetime> buffers = {{40, 1, 0, 9}, {64, 1, 0, 9}, {60, 1, 0, 9}};
  double heat[] = {9, 1, 1};
  int64_t capacities[] = {64, 100};
  MemoryPlacement p = placeInMemories(buffers, heat, capacities);
  expectValid(buffers, capacities, p);
}

TEST(PlaceInMemories, WhatDoesNotFitIsNamed) {
  llvm::SmallVector<Lifetime> buffers = {{100, 1, 0, 9}, {500, 1, 0, 9}, {300, 1, 0, 9}};
  double heat[] = {3, 2, 1};
  int64_t capacities[] = {0, 128, 600};
  MemoryPlacement p = placeInMemories(buffers, heat, capacities);
  EXPECT_EQ(p.left, std::vector<unsigned>{2});
  EXPECT_EQ(p.wantedOfLast, 800);
}

TEST(PlaceInMemories, RandomChains) {
  std::mt19937 random(3);
  int fits = 0;
  for (int round = 0; round < 40; ++round) {
    llvm::SmallVector<Lifetime> buffers;
    llvm::SmallVector<double> heat;
    std::vector<Overlap> overlaps;
    int n = 2 + int(random() % 20);
    for (int i = 0; i < n; ++i) {
      buffers.push_back({int64_t(1 + random() % 5000), int64_t(1) << (random() % 7), i, i + 1 + int64_t(random() % 4)});
      heat.push_back(double(random() % 100));
    }
    for (int i = 0; i + 1 < n; ++i)
      if (buffers[i].last == i + 1) {
        int64_t d = random() % 600;
        overlaps.push_back({unsigned(i), unsigned(i + 1), {d, buffers[i].bytes}, {buffers[i].bytes, d}, unsigned(random() % 4)});
      }
    int64_t capacities[] = {int64_t(random() % 6000), 0, int64_t(random() % 20000), 8000};
    MemoryPlacement p = placeInMemories(buffers, heat, capacities, overlaps), again = placeInMemories(buffers, heat, capacities, overlaps);
    EXPECT_EQ(p.offsets, again.offsets);
    if (!p.left.empty())
      continue;
    ++fits;
    expectValid(buffers, capacities, p, overlaps);
  }
  EXPECT_GT(fits, 15);
}
