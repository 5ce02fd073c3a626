// Opset adapters of reductions and of TopK.
#include "compiler/import/adapters/Adapters.h"

namespace onnxc::import {

namespace {

// The axes became an input: in 13 for ReduceSum, in 18 for the others. An
// empty list meant all axes, as a missing input does.
void axesToInput(NodeRewrite &step) {
  auto axes = intsAttribute(step.node, "axes");
  if (axes && axes->empty())
    removeAttribute(step.node, "axes");
  step.intsToInput("axes", 1);
}

// 9 -> 10: k became an input.
void topKToInput(NodeRewrite &step) {
  auto k = intAttribute(step.node, "k");
  if (!k)
    step.fail("its attribute k is missing");
  removeAttribute(step.node, "k");
  step.setInput(1, step.integers({*k}));
}

} // namespace

AdapterRows reductionAdapters() {
  AdapterRows rows = {
      {"ReduceSum", 12, axesToInput},
      {"TopK", 9, topKToInput},
  };
  for (const char *op :
       {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
        "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSumSquare"})
    rows.push_back({op, 17, axesToInput});
  return rows;
}

} // namespace onnxc::import
