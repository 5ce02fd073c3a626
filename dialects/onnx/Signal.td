//===- Signal.td - onnx dialect ops -*- tablegen -*-===//
//
// Signal processing.
//
#ifndef ONNXC_DIALECTS_ONNX_SIGNAL_TD
#define ONNXC_DIALECTS_ONNX_SIGNAL_TD

include "dialects/onnx/OpBase.td"

def Onnx_DFTOp : Onnx_PureOp<"DFT"> {
  let summary = "Discrete Fourier transform";
  let arguments = (ins
    AnyTensor:$input, Onnx_OptionalTensor:$dft_length,
    Onnx_OptionalTensor:$axis, Onnx_Int<0>:$inverse, Onnx_Int<0>:$onesided);
  let results = (outs AnyTensor:$output);
}

def Onnx_MelWeightMatrixOp : Onnx_PureOp<"MelWeightMatrix"> {
  let summary = "Matrix from spectrum bins to mel bins";
  let arguments = (ins
    AnyTensor:$num_mel_bins, AnyTensor:$dft_length, AnyTensor:$sample_rate,
    AnyTensor:$lower_edge_hertz, AnyTensor:$upper_edge_hertz,
    Onnx_Int<1>:$output_datatype);
  let results = (outs AnyTensor:$output);
}

def Onnx_STFTOp : Onnx_PureOp<"STFT"> {
  let summary = "Short-time Fourier transform";
  let arguments = (ins
    AnyTensor:$signal, AnyTensor:$frame_step, Onnx_OptionalTensor:$window,
    Onnx_OptionalTensor:$frame_length, Onnx_Int<1>:$onesided);
  let results = (outs AnyTensor:$output);
}

#endif // ONNXC_DIALECTS_ONNX_SIGNAL_TD
