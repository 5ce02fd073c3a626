// Opset adapters of normalisations and softmax.
#include "compiler/import/adapters/Adapters.h"

namespace onnxc::import {

namespace {

// 8 -> 9: statistics could be per element instead of per channel.
void batchNormSpatial(NodeRewrite &step) {
  if (intAttribute(step.node, "spatial").value_or(1) == 0)
    step.fail("statistics per element (spatial=0) do not exist in newer "
              "opsets; export with spatial=1");
  removeAttribute(step.node, "spatial");
}

// 13 -> 14: more than one output meant training.
void batchNormOutputs(NodeRewrite &step) {
  for (int i = 1; i < step.node.output_size(); ++i)
    if (step.hasOutput(i))
      step.fail("it is a batch normalization in training mode (it has more "
                "than one output); export the model for inference");
  step.dropOutputsFrom(1);
}

// 20 -> 21: scale and bias were per group and are now per channel, so each is
// repeated for its group's channels.
void groupNormChannels(NodeRewrite &step) {
  auto groups = intAttribute(step.node, "num_groups");
  if (!groups || *groups <= 0)
    step.fail("its number of groups is missing");
  ::onnx::NodeProto *shape;
  std::string channels = step.before("Shape", {step.node.input(0)}, &shape);
  setAttribute(*shape, "start", int64_t(1));
  setAttribute(*shape, "end", int64_t(2));
  std::string perGroup =
      step.before("Div", {channels, step.integers({*groups})});
  ::onnx::NodeProto *concat;
  std::string target =
      step.before("Concat", {step.integers({*groups}), perGroup}, &concat);
  setAttribute(*concat, "axis", int64_t(0));
  for (int input : {1, 2}) {
    std::string column = step.before(
        "Unsqueeze", {step.node.input(input), step.integers({1})});
    std::string repeated = step.before("Expand", {column, target});
    step.setInput(input,
                  step.before("Reshape", {repeated, step.integers({-1})}));
  }
}

// 12 -> 13: the op worked on the input flattened to two dimensions at `axis`.
// At the last axis that is the new meaning; else it is spelled out.
void softmaxFlatten(NodeRewrite &step) {
  int64_t axis = intAttribute(step.node, "axis").value_or(1);
  auto rank = step.rank(0);
  setAttribute(step.node, "axis", int64_t(-1));
  if (axis == -1 || (rank && axis == *rank - 1))
    return;
  std::string data = step.node.input(0);
  std::string shape = step.before("Shape", {data});
  ::onnx::NodeProto *flatten;
  step.setInput(0, step.before("Flatten", {data}, &flatten));
  setAttribute(*flatten, "axis", axis);
  step.after("Reshape", 0, {shape});
}

} // namespace

AdapterRows normalizationAdapters() {
  return {
      {"BatchNormalization", 8, batchNormSpatial},
      {"BatchNormalization", 13, batchNormOutputs},
      {"GroupNormalization", 20, groupNormChannels},
      {"Hardmax", 12, softmaxFlatten},
      {"LogSoftmax", 12, softmaxFlatten},
      {"Softmax", 12, softmaxFlatten},
  };
}

} // namespace onnxc::import
