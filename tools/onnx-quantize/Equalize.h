// Moving factors between neighbours so that the ranges of channels come closer,
// without a change of what the model computes.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_EQUALIZE_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_EQUALIZE_H

#include "Channels.h"

namespace onnxc::quantize {

/// Calls `fn(element, channel)` for each weight; the channel counts those of the
/// node's input, groups included.
void forEachInputWeight(const onnx::NodeProto &node, llvm::ArrayRef<int64_t> dims,
                        llvm::function_ref<void(size_t, size_t)> fn);

/// Cross-layer equalisation (Nagel et al., Data-Free Quantization, 2019): where
/// only Relu, LeakyRelu and pooling lie between two layers, the factor
/// sqrt(range of the first's weights / range of the second's) of each channel
/// goes from the first to the second. Returns the number of pairs.
int equalize(onnx::ModelProto &model);

/// SmoothQuant (Xiao et al., 2022): the factor max|x|^alpha / max|w|^(1 - alpha)
/// of each channel goes from the LayerNormalization that makes x, or the Mul and
/// Add of its scale and shift, into the weights of the MatMul and Gemm that read
/// x. Returns the number of values that were smoothed.
int smooth(onnx::ModelProto &model, const ChannelObservations &channels, double alpha);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_EQUALIZE_H
