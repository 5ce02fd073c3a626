// What was seen of a value, and the ranges that methods choose.
#include "Statistics.h"
#include "onnx/onnx_pb.h"
#include "gtest/gtest.h"
#include <cmath>
#include <numeric>

using namespace onnxc::quantize;

static Options withMethod(Method method) {
  Options options;
  options.method = method;
  options.activations = {onnx::TensorProto::UINT8, 0, 255, false, "u8"};
  return options;
}

TEST(Statistics, TheOrderOfSamplesIsNothing) {
  std::vector<std::vector<float>> samples = {{0.001f, -0.002f, 0}, {100, -3, 7}, {1e-6f, 2, -2}, {0, 0, 0}};
  Statistics forwards, backwards;
  for (const auto &sample : samples)
    ASSERT_TRUE(forwards.add(sample, true));
  for (auto it = samples.rbegin(); it != samples.rend(); ++it)
    ASSERT_TRUE(backwards.add(*it, true));
  EXPECT_EQ(forwards.histogram(), backwards.histogram());
  EXPECT_EQ(forwards.width(), backwards.width());
  EXPECT_EQ(forwards.minMax(), (Range{-3, 100}));
  EXPECT_EQ(std::accumulate(forwards.histogram().begin(), forwards.histogram().end(), int64_t(0)), 12);
}

TEST(Statistics, OddNumbersAreNotTakenIn) {
  Statistics statistics;
  std::vector<float> odd(40, 1.0f);
  odd[17] = NAN;
  EXPECT_FALSE(statistics.add(odd, true));
  odd[17] = INFINITY;
  EXPECT_FALSE(statistics.add(odd, false));
  odd[17] = 1;
  odd[39] = -INFINITY;
  EXPECT_FALSE(statistics.add(odd, false));
  EXPECT_EQ(statistics.samples(), 0);
}

TEST(Statistics, JsonKeepsAll) {
  Statistics statistics, read;
  ASSERT_TRUE(statistics.add({1, -2, 3.5f, 0}, true));
  ASSERT_TRUE(read.fromJson(statistics.toJson()));
  EXPECT_EQ(read.histogram(), statistics.histogram());
  EXPECT_EQ(read.minMax(), statistics.minMax());
  EXPECT_EQ(read.width(), statistics.width());
  EXPECT_FALSE(read.fromJson(llvm::json::Object{{"samples", 1}}));
}

TEST(Statistics, MethodsCutOutliers) {
  Statistics statistics;
  std::vector<float> bulk;
  for (int i = 0; i < 100000; ++i)
    bulk.push_back(std::sin(static_cast<float>(i)));
  bulk[5] = 1000;
  ASSERT_TRUE(statistics.add(bulk, true));
  EXPECT_EQ(chooseRange(statistics, withMethod(Method::MinMax)).high, 1000);
  Range percentile = chooseRange(statistics, withMethod(Method::Percentile));
  EXPECT_NEAR(percentile.high, 1, 2 * statistics.width());
  EXPECT_NEAR(percentile.low, -1, 1e-6);
  EXPECT_LT(chooseRange(statistics, withMethod(Method::Mse)).high, 1000);
  EXPECT_LT(chooseRange(statistics, withMethod(Method::Entropy)).high, 1000);
}

TEST(Statistics, WhatIsAlwaysZeroHasNoHistogram) {
  Statistics statistics;
  ASSERT_TRUE(statistics.add({0, 0}, true));
  EXPECT_TRUE(statistics.histogram().empty());
  EXPECT_EQ(chooseRange(statistics, withMethod(Method::Entropy)), (Range{0, 0}));
  ASSERT_TRUE(statistics.add({0, 1}, true));
  EXPECT_EQ(statistics.histogram()[Statistics::HalfBins], 3);
}
