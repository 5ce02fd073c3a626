// Writing a plan into a graph: QuantizeLinear and DequantizeLinear around what
// computes with integers, weights and biases as integers.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_QDQ_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_QDQ_H

#include "Channels.h"
#include "Scales.h"

namespace onnxc::quantize {

/// The name, in the model that insertQdq() made, of what a value was stored as
/// and read back: by the value's own name.
using ReadBack = llvm::StringMap<std::string>;

/// Rewrites `graph`, which `plan` was made of. A value v of the plan becomes
/// v -> Q -> v_quantized -> DQ -> v_dequantized, which all nodes read; an output
/// of the model keeps its name behind the DQ. Types are no longer known after.
/// With the means of `channels`, where that is not null, biases make up for what
/// rounding of the weights of Conv, Gemm shifts on average.
ReadBack insertQdq(Graph &graph, const Plan &plan, const llvm::StringMap<Scale> &scales, const Options &options,
                   const ChannelObservations *channels);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_QDQ_H
