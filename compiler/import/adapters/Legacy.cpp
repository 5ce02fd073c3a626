// Opset adapters for what opsets 1 to 6 had in many ops: attributes without
// meaning for us, and broadcasting that had to be asked for.
#include "compiler/import/adapters/Adapters.h"

namespace onnxc::import {

namespace {

void dropConsumedInputs(NodeRewrite &step) {
  removeAttribute(step.node, "consumed_inputs");
}

void dropIsTest(NodeRewrite &step) { removeAttribute(step.node, "is_test"); }

void dropOutputSequence(NodeRewrite &step) {
  removeAttribute(step.node, "output_sequence");
}

void dropBroadcast(NodeRewrite &step) {
  removeAttribute(step.node, "broadcast");
}

// 6 -> 7: with `axis`, the second operand's dimensions line up with the
// first's from that axis on; new axes behind it say the same.
void explicitBroadcast(NodeRewrite &step) {
  bool broadcast = intAttribute(step.node, "broadcast").value_or(0) != 0;
  auto axis = intAttribute(step.node, "axis");
  removeAttribute(step.node, "broadcast");
  removeAttribute(step.node, "axis");
  if (!broadcast || !axis)
    return;
  auto left = step.rank(0), right = step.rank(1);
  if (!left || !right)
    step.fail("it broadcasts from an axis and the ranks of its inputs are "
              "unknown; export with opset 7 or newer");
  int64_t from = *axis < 0 ? *axis + *left : *axis;
  int64_t behind = *left - from - *right;
  if (from < 0 || behind < 0)
    step.fail("its broadcast axis does not fit the ranks of its inputs");
  if (behind == 0)
    return;
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < behind; ++i)
    axes.push_back(*right + i);
  step.setInput(1, step.before("Unsqueeze", {step.node.input(1),
                                             step.integers(axes)}));
}

// 1 -> 2: the norm's order was a float.
void integerOrder(NodeRewrite &step) {
  if (auto order = floatAttribute(step.node, "p"))
    setAttribute(step.node, "p", int64_t(*order));
}

// 3 -> 4: the axis had a default.
void concatAxis(NodeRewrite &step) {
  if (!findAttribute(step.node, "axis"))
    setAttribute(step.node, "axis", int64_t(1));
}

} // namespace

AdapterRows legacyAdapters() {
  AdapterRows rows = {
      {"BatchNormalization", 6, dropIsTest},
      {"Concat", 3, concatAxis},
      {"Dropout", 6, dropIsTest},
      {"GRU", 6, dropOutputSequence},
      {"Gemm", 6, dropBroadcast},
      {"GlobalLpPool", 1, integerOrder},
      {"LSTM", 6, dropOutputSequence},
      {"LpPool", 1, integerOrder},
      {"RNN", 6, dropOutputSequence},
  };
  for (const char *op :
       {"Abs", "Add", "BatchNormalization", "Ceil", "Clip", "Div", "Dropout",
        "Elu", "Exp", "Floor", "HardSigmoid", "InstanceNormalization",
        "LeakyRelu", "Log", "Max", "Mean", "Min", "Mul", "Neg", "PRelu",
        "Reciprocal", "Relu", "Selu", "Sigmoid", "Sqrt", "Sub", "Sum", "Tanh"})
    rows.push_back({op, 5, dropConsumedInputs});
  for (const char *op : {"Add", "And", "Div", "Equal", "Greater", "Less", "Mul",
                         "Or", "Pow", "Sub", "Xor"})
    rows.push_back({op, 6, explicitBroadcast});
  return rows;
}

} // namespace onnxc::import
