// Weights in few bits, everything else in float: for models that wait for their
// weights to come from memory.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_WEIGHTONLY_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_WEIGHTONLY_H

#include "Quantize.h"

namespace onnxc::quantize {

/// Integers of `bits` bits with a scale for each block of `block` elements along
/// an axis (the last block may be shorter).
struct BlockedWeights {
  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<int64_t> scaleDims;
};

/// Symmetric quantisation in blocks. The element of the largest magnitude of a
/// block becomes the lowest integer, so that all of them are used.
BlockedWeights quantizeBlocks(llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> dims, size_t axis, int64_t block,
                              int bits);

/// Stores the constant matrices of MatMul and Gemm and the tables of Gather in
/// 4 or 8 bits by blocks, and with 8 bits the weights of Conv and ConvTranspose
/// by channel, with DequantizeLinear behind them. Of opset 21.
llvm::Expected<Quantized> quantizeWeightsOnly(const onnx::ModelProto &model, const Options &options);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_WEIGHTONLY_H
