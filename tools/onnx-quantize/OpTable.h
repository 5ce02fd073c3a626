// What each ONNX op is to a quantiser: which operands become 8 bits, and where
// the scale of its result comes from.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_OPTABLE_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_OPTABLE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "onnx/onnx_pb.h"

namespace onnxc::quantize {

enum class Role {
  Weighted, ///< a product with constant weights, or with a second activation
  Compute,  ///< makes new values: the result has a scale of its own
  Clamp,    ///< Relu and Clip: part of the node before where that allows it
  Move,     ///< the result's values are among operand 0's: one scale for both
  Join,     ///< as Move, of all operands
};

struct OpRow {
  const char *op;
  Role role;
  int operands;      ///< the first so many are activations (or weights); -1: all
  bool takesClamp;   ///< a Relu or Clip behind it is part of it
  double low, high;  ///< the range of the result, where the op says it; else both 0
};

/// The row of a node's op, or null where it stays float.
const OpRow *opRow(const onnx::NodeProto &node);
llvm::ArrayRef<OpRow> opTable();

/// Ops whose presence says that a model is quantised already.
bool isQuantizedOp(const onnx::NodeProto &node);

/// Whether a quantum of error in an operand of the node is not small in the
/// result: of roots, exponents, logarithms and divisors. What feeds them stays
/// float.
bool needsExactOperand(const onnx::NodeProto &node, int index);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_OPTABLE_H
