// What a graph loses before it is quantised, without a change of what it
// computes.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_SIMPLIFY_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_SIMPLIFY_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "onnx/onnx_pb.h"

namespace onnxc::quantize {

struct Simplified {
  int batchNorms = 0; ///< that went into the weights before them
  int gemms = 0;      ///< made of a MatMul and an Add
  int equalized = 0;  ///< pairs of layers, by --equalize
  int smoothed = 0;   ///< values, by --smooth-quant
};

/// Constant nodes become initializers, nodes that pass their input on go,
/// batch normalisations go into the Conv, ConvTranspose or Gemm before them
/// (w' = w * s, b' = (b - mean) * s + beta, s = gamma / sqrt(var + epsilon)),
/// and a MatMul of a matrix with a constant, followed by the addition of a
/// constant row, becomes a Gemm. Types are inferred anew.
llvm::Expected<Simplified> simplify(onnx::ModelProto &model, llvm::StringRef path);

/// Gives each Conv and Gemm with constant weights a bias, of zeros where it has none.
void addBiases(onnx::ModelProto &model);

/// For each dim of a weight, the channel of the output that it counts, -1 where
/// it counts none; `outputChannels` is what the bias has.
struct WeightLayout {
  int axis = -1;              ///< the dim that counts the output's channels (of one group)
  int64_t outputChannels = 0; ///< groups included
};

/// Where the constant weights (operand 1) of a Conv, ConvTranspose, Gemm or
/// MatMul have the output's channels.
WeightLayout weightLayout(const onnx::NodeProto &node, llvm::ArrayRef<int64_t> dims);

/// Calls `fn(element, channel)` for each element of a weight with `dims`;
/// the channel counts the output's, groups included.
void forEachWeight(const onnx::NodeProto &node, llvm::ArrayRef<int64_t> dims,
                   llvm::function_ref<void(size_t, size_t)> fn);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_SIMPLIFY_H
