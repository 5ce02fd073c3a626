// Opset adapters of ops that move data: slices, pads, splits, reshapes,
// scatters.
#include "compiler/import/adapters/Adapters.h"

namespace onnxc::import {

namespace {

// 9 -> 10: starts, ends and axes became inputs.
void sliceToInputs(NodeRewrite &step) {
  step.intsToInput("starts", 1);
  step.intsToInput("ends", 2);
  step.intsToInput("axes", 3);
}

// 1 -> 2: renamed.
void padRename(NodeRewrite &step) {
  auto pads = intsAttribute(step.node, "paddings");
  if (!pads)
    step.fail("its paddings are missing");
  removeAttribute(step.node, "paddings");
  setAttribute(step.node, "pads", *pads);
}

// 10 -> 11: pads and the value became inputs.
void padToInputs(NodeRewrite &step) {
  float value = floatAttribute(step.node, "value").value_or(0.0f);
  removeAttribute(step.node, "value");
  step.intsToInput("pads", 1);
  if (value != 0.0f)
    step.setInput(2, step.scalar(value, step.elementType(0)));
}

// 12 -> 13: Squeeze's and Unsqueeze's axes became an input.
void axesToInput(NodeRewrite &step) { step.intsToInput("axes", 1); }

// No axes are those that are not given: all of size 1.
void squeezeAxesToInput(NodeRewrite &step) {
  if (auto axes = intsAttribute(step.node, "axes"); axes && axes->empty())
    removeAttribute(step.node, "axes");
  axesToInput(step);
}

// 1 -> 2: the sizes could be an input.
void splitSizesToAttribute(NodeRewrite &step) {
  if (!step.hasInput(1))
    return;
  auto sizes = step.constantIntegers(1);
  // The sizes had the data's type.
  if (auto floats = step.constantFloats(1); floats && !sizes)
    sizes.emplace(floats->begin(), floats->end());
  if (!sizes)
    step.fail("its sizes are computed in an opset that allowed that only "
              "once; export with opset 13 or newer");
  step.dropInputsFrom(1);
  setAttribute(step.node, "split", *sizes);
}

// 12 -> 13: the sizes became an input (again).
void splitSizesToInput(NodeRewrite &step) { step.intsToInput("split", 1); }

// 17 -> 18: without sizes the number of outputs must be said.
void splitCount(NodeRewrite &step) {
  if (!step.hasInput(1))
    setAttribute(step.node, "num_outputs", int64_t(step.node.output_size()));
}

// 4 -> 5: the shape became an input.
void reshapeToInput(NodeRewrite &step) {
  removeAttribute(step.node, "consumed_inputs");
  if (!findAttribute(step.node, "shape"))
    step.fail("its shape is missing");
  step.intsToInput("shape", 1);
}

// 5 -> 6: one repeat count along one axis became a count per axis.
void tileRepeats(NodeRewrite &step) {
  auto tiles = step.constantFloats(1);
  auto axis = step.constantFloats(2);
  auto integerTiles = step.constantIntegers(1);
  auto integerAxis = step.constantIntegers(2);
  auto rank = step.rank(0);
  int64_t count = integerTiles && !integerTiles->empty() ? (*integerTiles)[0]
                  : tiles && !tiles->empty()             ? int64_t((*tiles)[0])
                                                         : -1;
  int64_t place = integerAxis && !integerAxis->empty() ? (*integerAxis)[0]
                  : axis && !axis->empty()             ? int64_t((*axis)[0])
                                                       : -1;
  if (!rank || count < 0 || place < 0 || place >= *rank)
    step.fail("its counts are computed or its input's rank is unknown; export "
              "with opset 6 or newer");
  std::vector<int64_t> repeats(size_t(*rank), 1);
  repeats[size_t(place)] = count;
  step.dropInputsFrom(1);
  step.setInput(1, step.integers(repeats));
}

// 10 -> 11: renamed.
void scatterRename(NodeRewrite &step) {
  step.node.set_op_type("ScatterElements");
}

// 19 -> 20: the axis became an input, with another default.
void dftAxisToInput(NodeRewrite &step) {
  int64_t axis = intAttribute(step.node, "axis").value_or(1);
  removeAttribute(step.node, "axis");
  ::onnx::NodeProto *squeeze;
  step.setInput(2, step.before("Squeeze", {step.integers({axis})}, &squeeze));
}

// 8 -> 9: the scan ran once per element of a batch. Batch elements do not see
// each other, so a scan over the batch, whose body is the new scan, is the same.
void scanBatch(NodeRewrite &step) {
  auto scans = intAttribute(step.node, "num_scan_inputs");
  const auto *body = findAttribute(step.node, "body");
  if (!scans || *scans < 0 || !body || step.node.input_size() < 1 ||
      *scans > step.node.input_size() - 1)
    step.fail("it lacks its body or its number of scan inputs");
  if (step.hasInput(0))
    step.fail("sequence lengths have no newer form; export with opset 9 or "
              "newer");
  ::onnx::NodeProto inner;
  inner.set_op_type("Scan");
  inner.set_name(step.node.name());
  *inner.add_attribute() = *body;
  setAttribute(inner, "num_scan_inputs", *scans);
  if (auto directions = intsAttribute(step.node, "directions"))
    setAttribute(inner, "scan_input_directions", *directions);

  ::onnx::GraphProto perElement;
  perElement.set_name("per_batch_element");
  for (int i = 1; i < step.node.input_size(); ++i) {
    std::string name = step.fresh(step.node.input(i));
    inner.add_input(name);
    auto &value = *perElement.add_input();
    value.set_name(name);
    if (int type = step.elementType(i))
      value.mutable_type()->mutable_tensor_type()->set_elem_type(type);
  }
  for (const std::string &output : step.node.output()) {
    std::string name = step.fresh(output.empty() ? "unused" : output);
    inner.add_output(name);
    perElement.add_output()->set_name(name);
  }
  *perElement.add_node() = std::move(inner);

  for (int i = 1; i < step.node.input_size(); ++i)
    step.node.set_input(i - 1, step.node.input(i));
  step.dropInputsFrom(step.node.input_size() - 1);
  step.node.clear_attribute();
  setAttribute(step.node, "num_scan_inputs", int64_t(step.node.input_size()));
  auto &attribute = *step.node.add_attribute();
  attribute.set_name("body");
  attribute.set_type(::onnx::AttributeProto::GRAPH);
  *attribute.mutable_g() = std::move(perElement);
}

} // namespace

AdapterRows shapeAdapters() {
  return {
      {"DFT", 19, dftAxisToInput},
      {"Pad", 1, padRename},
      {"Pad", 10, padToInputs},
      {"Reshape", 4, reshapeToInput},
      {"Scan", 8, scanBatch},
      {"Scatter", 10, scatterRename},
      {"Slice", 9, sliceToInputs},
      {"Split", 1, splitSizesToAttribute},
      {"Split", 12, splitSizesToInput},
      {"Split", 17, splitCount},
      {"Squeeze", 12, squeezeAxesToInput},
      {"Tile", 5, tileRepeats},
      {"Unsqueeze", 12, axesToInput},
  };
}

} // namespace onnxc::import
