// What is observed of values by channel: for what moves numbers between weights
// and activations, or corrects biases.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_CHANNELS_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_CHANNELS_H

#include "Engine.h"
#include "Graph.h"
#include "Options.h"
#include "llvm/ADT/StringMap.h"

namespace onnxc::quantize {

struct ChannelStatistics {
  std::vector<double> mean;
  std::vector<float> largest; ///< magnitude
};

/// By value. The channel of a value is the one that its weighted readers sum
/// over: dimension 1 of convolutions' inputs, the last one of MatMul's and Gemm's.
using ChannelObservations = llvm::StringMap<ChannelStatistics>;

/// The dimension of the input of a weighted node that its weights sum over.
int channelAxis(const onnx::NodeProto &node, size_t rank);

/// Observes the inputs of all nodes with constant weights on all samples.
llvm::Expected<ChannelObservations> observeChannels(const Runner &runner, onnx::ModelProto &model,
                                                    const CalibrationSet &samples, const Options &options);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_CHANNELS_H
