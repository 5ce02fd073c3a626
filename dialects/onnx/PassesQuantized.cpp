//===- PassesQuantized.cpp - ops that choose among elements ---------------===//
//
// The interface PassesQuantized, where more is to say than its defaults.
//
#include "dialects/onnx/ShapeUtils.h"

using namespace mlir;

namespace onnxc::onnx {

std::optional<int64_t> IdentityOp::axisBehind(int64_t axis) { return axis; }

bool ConcatOp::joinsOperands() { return true; }
// The dim along which parts are joined has other parameters in each part.
std::optional<int64_t> ConcatOp::axisBehind(int64_t axis) {
  RankedTensorType type = rankedType(getInputs().front());
  int64_t joined = getAxis();
  if (type && joined < 0)
    joined += type.getRank();
  return type && axis != joined ? std::optional(axis) : std::nullopt;
}

std::optional<int64_t> TransposeOp::axisBehind(int64_t axis) {
  RankedTensorType type = rankedType(getData());
  if (!type)
    return std::nullopt;
  auto perm = getPerm();
  if (!perm)
    return type.getRank() - 1 - axis;
  for (auto [to, from] : llvm::enumerate(*perm))
    if (from == axis)
      return int64_t(to);
  return std::nullopt;
}

std::optional<unsigned> PadOp::fillOperand() {
  return getMode() == "constant" ? std::optional(2u) : std::nullopt;
}

// The nearest elements themselves; no value from outside the image.
bool ResizeOp::passesQuantized() {
  return getMode() == "nearest" && getCoordinateTransformationMode() != "tf_crop_and_resize";
}

// Indices are those of the first maximum, the same in either form; windows that
// see nothing but padding are left to the float form.
bool MaxPoolOp::passesQuantized() {
  auto pads = getPads();
  if (!pads)
    return true;
  ArrayRef<int64_t> kernel = getKernelShape();
  for (auto [i, pad] : llvm::enumerate(*pads))
    if (pad >= kernel[i % kernel.size()])
      return false;
  return true;
}

} // namespace onnxc::onnx
