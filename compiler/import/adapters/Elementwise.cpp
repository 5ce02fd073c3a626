// Opset adapters of elementwise ops.
#include "compiler/import/adapters/Adapters.h"

#include <cmath>
#include <limits>

namespace onnxc::import {

using ::onnx::TensorProto;

namespace {

// 6 -> 11: the bounds were attributes; their defaults mean "no bound".
void clipBoundsToInputs(NodeRewrite &step) {
  int type = step.elementType(0);
  int input = 1;
  for (const char *name : {"min", "max"}) {
    if (auto bound = floatAttribute(step.node, name))
      if (std::fabs(*bound) < std::numeric_limits<float>::max())
        step.setInput(input, step.scalar(*bound, type));
    removeAttribute(step.node, name);
    ++input;
  }
}

// 10 -> 12: the ratio matters in training only. Before 10 the mask had the
// data's type.
void dropoutRatio(NodeRewrite &step) { removeAttribute(step.node, "ratio"); }

void dropoutMask(NodeRewrite &step) {
  if (!step.hasOutput(1))
    return;
  int type = step.elementType(0);
  if (type == 0)
    step.fail("its mask output needs the input's element type, which is "
              "unknown; remove the mask output");
  setAttribute(step.after("Cast", 1), "to", int64_t(type));
}

// 5 -> 6: the type was given by name.
void castTypeName(NodeRewrite &step) {
  std::string name = stringAttribute(step.node, "to").value_or("");
  TensorProto::DataType type;
  for (char &letter : name)
    letter = char(std::toupper(static_cast<unsigned char>(letter)));
  if (!TensorProto::DataType_Parse(name, &type) ||
      type == TensorProto::UNDEFINED)
    step.fail("it casts to the unknown type '" + name + "'");
  setAttribute(step.node, "to", int64_t(type));
}

// 1 -> 6: the defaults had fewer digits.
void seluDefaults(NodeRewrite &step) {
  if (!findAttribute(step.node, "alpha"))
    setAttribute(step.node, "alpha", 1.6732f);
  if (!findAttribute(step.node, "gamma"))
    setAttribute(step.node, "gamma", 1.0507f);
}

// 6 -> 7: a slope vector meant one slope per channel; now it is broadcast from
// the right.
void preluChannels(NodeRewrite &step) {
  auto data = step.rank(0), slope = step.rank(1);
  if (!slope || (*slope == 1 && !data))
    step.fail("the ranks of its inputs are unknown; export with opset 7 or "
              "newer");
  if (*slope != 1 || *data <= 2)
    return;
  std::vector<int64_t> axes;
  for (int64_t axis = 1; axis < *data - 1; ++axis)
    axes.push_back(axis);
  step.setInput(1, step.before("Unsqueeze", {step.node.input(1),
                                             step.integers(axes)}));
}

} // namespace

AdapterRows elementwiseAdapters() {
  return {
      {"Cast", 5, castTypeName},
      {"Clip", 10, clipBoundsToInputs},
      {"Dropout", 9, dropoutMask},
      {"Dropout", 11, dropoutRatio},
      {"PRelu", 6, preluChannels},
      {"Selu", 5, seluDefaults},
  };
}

} // namespace onnxc::import
