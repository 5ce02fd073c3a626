// The table of ops.
#include "OpTable.h"
#include "llvm/ADT/StringSwitch.h"

namespace onnxc::quantize {

static const OpRow Rows[] = {
    {"Conv", Role::Weighted, 2, true, 0, 0},
    {"ConvTranspose", Role::Weighted, 2, true, 0, 0},
    {"Gemm", Role::Weighted, 2, true, 0, 0},
    {"MatMul", Role::Weighted, 2, true, 0, 0},
    {"Add", Role::Compute, 2, true, 0, 0},
    {"Sub", Role::Compute, 2, true, 0, 0},
    {"Mul", Role::Compute, 2, true, 0, 0},
    {"AveragePool", Role::Compute, 1, false, 0, 0},
    {"GlobalAveragePool", Role::Compute, 1, false, 0, 0},
    {"ReduceMean", Role::Compute, 1, false, 0, 0},
    {"LeakyRelu", Role::Compute, 1, false, 0, 0},
    {"PRelu", Role::Compute, 2, false, 0, 0},
    {"Elu", Role::Compute, 1, false, 0, 0},
    {"HardSwish", Role::Compute, 1, false, 0, 0},
    {"HardSigmoid", Role::Compute, 1, false, 0, 1},
    {"Sigmoid", Role::Compute, 1, false, 0, 1},
    {"Tanh", Role::Compute, 1, false, 0, 0},
    {"Gelu", Role::Compute, 1, false, 0, 0},
    {"Softmax", Role::Compute, 1, false, 0, 1},
    {"LayerNormalization", Role::Compute, 1, false, 0, 0},
    {"Relu", Role::Clamp, 1, false, 0, 0},
    {"Clip", Role::Clamp, 1, false, 0, 0},
    {"MaxPool", Role::Move, 1, false, 0, 0},
    {"GlobalMaxPool", Role::Move, 1, false, 0, 0},
    {"Reshape", Role::Move, 1, false, 0, 0},
    {"Flatten", Role::Move, 1, false, 0, 0},
    {"Squeeze", Role::Move, 1, false, 0, 0},
    {"Unsqueeze", Role::Move, 1, false, 0, 0},
    {"Transpose", Role::Move, 1, false, 0, 0},
    {"Slice", Role::Move, 1, false, 0, 0},
    {"Split", Role::Move, 1, false, 0, 0},
    {"Gather", Role::Move, 1, false, 0, 0},
    {"Expand", Role::Move, 1, false, 0, 0},
    {"Tile", Role::Move, 1, false, 0, 0},
    {"Pad", Role::Move, 1, false, 0, 0},
    {"Resize", Role::Move, 1, false, 0, 0},
    {"DepthToSpace", Role::Move, 1, false, 0, 0},
    {"SpaceToDepth", Role::Move, 1, false, 0, 0},
    {"Concat", Role::Join, -1, false, 0, 0},
};

llvm::ArrayRef<OpRow> opTable() { return Rows; }

const OpRow *opRow(const onnx::NodeProto &node) {
  if (!node.domain().empty())
    return nullptr;
  for (const OpRow &row : Rows)
    if (node.op_type() == row.op)
      return &row;
  return nullptr;
}

bool isQuantizedOp(const onnx::NodeProto &node) {
  llvm::StringRef op = node.op_type();
  return op == "QuantizeLinear" || op == "DequantizeLinear" || op.starts_with("QLinear") || op == "QGemm" ||
         op == "QAttention" || op == "ConvInteger" || op == "MatMulInteger" || op.starts_with("DynamicQuantize") ||
         op == "MatMulIntegerToFloat" || op == "MatMulNBits" || op == "GatherBlockQuantized";
}

bool needsExactOperand(const onnx::NodeProto &node, int index) {
  return llvm::StringSwitch<bool>(node.op_type())
      .Cases({"Sqrt", "Reciprocal", "Exp", "Log"}, true)
      .Case("Div", index == 1)
      .Default(false);
}

} // namespace onnxc::quantize
