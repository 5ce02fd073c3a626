//===- OnnxOps.td - all families -*- tablegen -*-===//
//
// The root that mlir-tblgen reads: every family of the onnx dialect.
//
#ifndef ONNXC_DIALECTS_ONNX_ONNXOPS_TD
#define ONNXC_DIALECTS_ONNX_ONNXOPS_TD

include "dialects/onnx/Activation.td"
include "dialects/onnx/ControlFlow.td"
include "dialects/onnx/Convolution.td"
include "dialects/onnx/Elementwise.td"
include "dialects/onnx/Generator.td"
include "dialects/onnx/Image.td"
include "dialects/onnx/Indexing.td"
include "dialects/onnx/Linear.td"
include "dialects/onnx/Logical.td"
include "dialects/onnx/Normalization.td"
include "dialects/onnx/Pooling.td"
include "dialects/onnx/Quantization.td"
include "dialects/onnx/Recurrent.td"
include "dialects/onnx/Reduction.td"
include "dialects/onnx/Sequence.td"
include "dialects/onnx/Signal.td"
include "dialects/onnx/Tensor.td"
include "dialects/onnx/Text.td"

#endif // ONNXC_DIALECTS_ONNX_ONNXOPS_TD
