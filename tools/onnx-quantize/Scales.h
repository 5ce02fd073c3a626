// From observed ranges to scales and zero points, and from float weights to
// integers.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_SCALES_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_SCALES_H

#include "Observe.h"
#include "Plan.h"
#include "llvm/ADT/StringMap.h"

namespace onnxc::quantize {

/// A real number r is stored as round(r / scale) + zero.
struct Scale {
  float scale = 1;
  int zero = 0;
};

/// A scale for a range that holds 0. A range without extent, or one too small
/// for a float's scale, has scale 1.
Scale scaleOf(Range range, const ActivationType &type);

/// The scale of each group of values. Values that a Concat joins come to share
/// one here, where their ranges differ by a factor of 8 at most.
llvm::StringMap<Scale> chooseScales(Plan &plan, const Observations &seen, const Options &options,
                                    std::vector<std::string> &notes);

/// Constant weights as symmetric 8-bit integers.
struct QuantizedWeights {
  std::vector<int8_t> values;
  std::vector<float> scales; ///< one, or one for each index of `axis`
  int axis = 0;
};

/// Quantises the weights of a node. `input` is the scale of its activations and
/// `bias` its constant row, empty for none: a channel's scale is at least such
/// that its bias fits 32 bits.
QuantizedWeights quantizeWeights(const onnx::NodeProto &node, const onnx::TensorProto &weights, float input,
                                 llvm::ArrayRef<float> bias, bool perChannel);

/// The bias in units of input scale times weight scale of each channel.
std::vector<int32_t> quantizeBias(llvm::ArrayRef<float> bias, llvm::ArrayRef<float> units);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_SCALES_H
