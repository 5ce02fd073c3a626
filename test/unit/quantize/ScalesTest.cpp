// Scales, zero points, and weights as integers.
#include "Equalize.h"
#include "Plan.h"
#include "Scales.h"
#include "Simplify.h"
#include "WeightOnly.h"
#include "gtest/gtest.h"

using namespace onnxc::quantize;

static const ActivationType U8 = {onnx::TensorProto::UINT8, 0, 255, false, "u8"};
static const ActivationType S8 = {onnx::TensorProto::INT8, -128, 127, false, "s8"};
static const ActivationType S16 = {onnx::TensorProto::INT16, -32768, 32767, true, "s16"};

TEST(Scales, RangesHoldZero) {
  EXPECT_FLOAT_EQ(scaleOf({0, 2.55f}, U8).scale, 0.01f);
  EXPECT_EQ(scaleOf({0, 2.55f}, U8).zero, 0);
  EXPECT_EQ(scaleOf({0, 2.55f}, S8).zero, -128);
  EXPECT_EQ(scaleOf({-1, 1}, U8).zero, 128);
  EXPECT_EQ(scaleOf({-1, 0}, U8).zero, 255);
  EXPECT_EQ(scaleOf({-1, 0.5f}, S16).zero, 0);
  EXPECT_FLOAT_EQ(scaleOf({-1, 0.5f}, S16).scale, 1 / 32767.0f);
  EXPECT_EQ(scaleOf({0, 0}, U8).scale, 1);
  EXPECT_EQ(scaleOf({0, 1e-30f}, S8).scale, 1);
}

static onnx::NodeProto node(const char *op, int64_t group = 1) {
  onnx::NodeProto made;
  made.set_op_type(op);
  if (group != 1)
    onnxc::import::setAttribute(made, "group", group);
  return made;
}

static onnx::TensorProto tensor(llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<float> values) {
  onnx::TensorProto made;
  made.set_data_type(onnx::TensorProto::FLOAT);
  for (int64_t dim : dims)
    made.add_dims(dim);
  setFloats(made, values);
  return made;
}

TEST(Weights, ChannelsOfEachOp) {
  std::vector<size_t> outputs, inputs;
  // Two groups of two inputs and three outputs each.
  forEachWeight(node("ConvTranspose", 2), {4, 3, 1, 1}, [&](size_t, size_t c) { outputs.push_back(c); });
  EXPECT_EQ(outputs, (std::vector<size_t>{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}));
  forEachInputWeight(node("ConvTranspose", 2), {4, 3, 1, 1}, [&](size_t, size_t c) { inputs.push_back(c); });
  EXPECT_EQ(inputs, (std::vector<size_t>{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3}));
  outputs.clear();
  inputs.clear();
  forEachWeight(node("Conv", 2), {4, 2, 1, 1}, [&](size_t, size_t c) { outputs.push_back(c); });
  EXPECT_EQ(outputs, (std::vector<size_t>{0, 0, 1, 1, 2, 2, 3, 3}));
  forEachInputWeight(node("Conv", 2), {4, 2, 1, 1}, [&](size_t, size_t c) { inputs.push_back(c); });
  EXPECT_EQ(inputs, (std::vector<size_t>{0, 1, 0, 1, 2, 3, 2, 3}));
}

TEST(Weights, ABiasThatDoesNotFitRaisesTheScale) {
  onnx::TensorProto weights = tensor({2, 1, 1, 1}, {1e-6f, 0});
  QuantizedWeights plain = quantizeWeights(node("Conv"), weights, 1e-3f, {}, true);
  EXPECT_EQ(plain.values[0], 127);
  EXPECT_EQ(plain.scales[1], 1);
  QuantizedWeights raised = quantizeWeights(node("Conv"), weights, 1e-3f, {1000, 3}, true);
  EXPECT_GT(raised.scales[0], plain.scales[0]);
  std::vector<int32_t> bias = quantizeBias({1000, 3}, {raised.scales[0] * 1e-3f, raised.scales[1] * 1e-3f});
  EXPECT_NEAR(bias[0], 1 << 30, 1 << 8);
  EXPECT_NEAR(bias[1], 1 << 24, 1 << 4);
}

TEST(Weights, BlocksUseAllIntegers) {
  BlockedWeights made = quantizeBlocks({-8, 1, 2, 14, 0, 0}, {6, 1}, 0, 2, 4);
  EXPECT_EQ(made.scaleDims, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(made.values, (std::vector<int8_t>{-8, 1, 1, 7, 0, 0}));
  EXPECT_EQ(made.scales, (std::vector<float>{1, 2, 1}));
  // The last block is shorter.
  EXPECT_EQ(quantizeBlocks({1, 2, 3}, {1, 3}, 1, 2, 8).scaleDims, (std::vector<int64_t>{1, 2}));
}

TEST(Plan, Patterns) {
  EXPECT_TRUE(matches("conv*", "conv_3"));
  EXPECT_TRUE(matches("*layer.*/attention*", "/bert/layer.11/attention/MatMul"));
  EXPECT_FALSE(matches("layer.1/*", "layer.11/x"));
  EXPECT_TRUE(matches("a", "a"));
  EXPECT_FALSE(matches("a", "ab"));
}
