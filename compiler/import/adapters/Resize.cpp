// Opset adapters of the ops that resample: Upsample and Resize, GridSample,
// RoiAlign.
#include "compiler/import/adapters/Adapters.h"

#include <algorithm>

namespace onnxc::import {

namespace {

// 6 -> 7: two scales for the image dimensions became one per dimension.
void upsampleScales(NodeRewrite &step) {
  auto height = floatAttribute(step.node, "height_scale");
  auto width = floatAttribute(step.node, "width_scale");
  if (!height || !width)
    step.fail("its scales are missing");
  removeAttribute(step.node, "height_scale");
  removeAttribute(step.node, "width_scale");
  if (stringAttribute(step.node, "mode").value_or("nearest") == "bilinear")
    setAttribute(step.node, "mode", std::string("linear"));
  auto &scales = *step.node.add_attribute();
  scales.set_name("scales");
  scales.set_type(::onnx::AttributeProto::FLOATS);
  for (float scale : {1.0f, 1.0f, *height, *width})
    scales.add_floats(scale);
}

// 8 -> 9: the scales became an input.
void upsampleScalesToInput(NodeRewrite &step) {
  const auto *scales = findAttribute(step.node, "scales");
  if (!scales)
    step.fail("its scales are missing");
  std::vector<float> values(scales->floats().begin(), scales->floats().end());
  removeAttribute(step.node, "scales");
  step.setInput(1, step.floats(values));
}

// 9 -> 10: the op was renamed.
void upsampleToResize(NodeRewrite &step) {
  step.node.set_op_type("Resize");
  if (stringAttribute(step.node, "mode").value_or("nearest") == "bilinear")
    setAttribute(step.node, "mode", std::string("linear"));
}

// 10 -> 11: the region input came between, and how coordinates map became an
// attribute. Before, they were scaled without an offset and cut off; ONNX
// Runtime rounds up where it shrinks, and we follow.
void resizeCoordinates(NodeRewrite &step) {
  std::string scales = step.node.input(1);
  std::vector<float> values = step.constantFloats(1).value_or(
      std::vector<float>());
  bool shrinks = std::any_of(values.begin(), values.end(),
                             [](float scale) { return scale < 1; });
  bool grows = std::any_of(values.begin(), values.end(),
                           [](float scale) { return scale > 1; });
  step.dropInputsFrom(1);
  step.setInput(2, scales);
  setAttribute(step.node, "coordinate_transformation_mode",
               std::string("asymmetric"));
  if (stringAttribute(step.node, "mode").value_or("nearest") == "nearest")
    setAttribute(step.node, "nearest_mode",
                 std::string(shrinks && !grows ? "ceil" : "floor"));
}

// 12 -> 13: one coordinate mode disappeared, (x + 0.5) / scale.  Rounded down
// it is half_pixel, (x + 0.5) / scale - 0.5, rounded to the nearest.
void resizeRemovedMode(NodeRewrite &step) {
  if (stringAttribute(step.node, "coordinate_transformation_mode")
          .value_or("") != "tf_half_pixel_for_nn")
    return;
  if (stringAttribute(step.node, "mode").value_or("nearest") != "nearest" ||
      stringAttribute(step.node, "nearest_mode").value_or("") != "floor")
    step.fail("the coordinate mode tf_half_pixel_for_nn was removed in opset "
              "13 and has a successor only with mode nearest and nearest_mode "
              "floor; export with half_pixel");
  setAttribute(step.node, "coordinate_transformation_mode",
               std::string("half_pixel"));
  setAttribute(step.node, "nearest_mode", std::string("round_prefer_ceil"));
}

// 18 -> 19: exporters write empty tensors for inputs that are not there.
void resizeEmptyInputs(NodeRewrite &step) {
  for (int input : {1, 2, 3}) {
    auto floats = step.constantFloats(input);
    auto integers = step.constantIntegers(input);
    if ((floats && floats->empty()) || (integers && integers->empty()))
      step.setInput(input, "");
  }
}

// 19 -> 20: the interpolation modes lost their "bi".
void gridSampleModes(NodeRewrite &step) {
  std::string mode = stringAttribute(step.node, "mode").value_or("bilinear");
  if (mode == "bilinear")
    setAttribute(step.node, "mode", std::string("linear"));
  else if (mode == "bicubic")
    setAttribute(step.node, "mode", std::string("cubic"));
}

// 15 -> 16: the half pixel offset became a choice; before there was none.
void roiAlignOffset(NodeRewrite &step) {
  setAttribute(step.node, "coordinate_transformation_mode",
               std::string("output_half_pixel"));
}

} // namespace

AdapterRows resizeAdapters() {
  return {
      {"GridSample", 19, gridSampleModes},
      {"Resize", 10, resizeCoordinates},
      {"Resize", 12, resizeRemovedMode},
      {"Resize", 18, resizeEmptyInputs},
      {"RoiAlign", 15, roiAlignOffset},
      {"Upsample", 6, upsampleScales},
      {"Upsample", 8, upsampleScalesToInput},
      {"Upsample", 9, upsampleToResize},
  };
}

} // namespace onnxc::import
