//===- Recurrent.td - onnx dialect ops -*- tablegen -*-===//
//
// Recurrent layers. Attribute `layout`: 0 time-major, 1 batch-major.
//
#ifndef ONNXC_DIALECTS_ONNX_RECURRENT_TD
#define ONNXC_DIALECTS_ONNX_RECURRENT_TD

include "dialects/onnx/OpBase.td"

def Onnx_GRUOp : Onnx_PureOp<"GRU"> {
  let summary = "Gated recurrent unit layer";
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$W, AnyTensor:$R, Onnx_OptionalTensor:$B,
    Onnx_OptionalTensor:$sequence_lens, Onnx_OptionalTensor:$initial_h,
    OptionalAttr<DenseF32ArrayAttr>:$activation_alpha,
    OptionalAttr<DenseF32ArrayAttr>:$activation_beta,
    OptionalAttr<StrArrayAttr>:$activations, OptionalAttr<F32Attr>:$clip,
    Onnx_Str<"forward">:$direction, OptionalAttr<I64Attr>:$hidden_size,
    Onnx_Int<0>:$layout, Onnx_Int<0>:$linear_before_reset);
  let results = (outs Onnx_OptionalTensor:$Y, Onnx_OptionalTensor:$Y_h);
}

def Onnx_LSTMOp : Onnx_PureOp<"LSTM"> {
  let summary = "Long short-term memory layer";
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$W, AnyTensor:$R, Onnx_OptionalTensor:$B,
    Onnx_OptionalTensor:$sequence_lens, Onnx_OptionalTensor:$initial_h,
    Onnx_OptionalTensor:$initial_c, Onnx_OptionalTensor:$P,
    OptionalAttr<DenseF32ArrayAttr>:$activation_alpha,
    OptionalAttr<DenseF32ArrayAttr>:$activation_beta,
    OptionalAttr<StrArrayAttr>:$activations, OptionalAttr<F32Attr>:$clip,
    Onnx_Str<"forward">:$direction, OptionalAttr<I64Attr>:$hidden_size,
    Onnx_Int<0>:$input_forget, Onnx_Int<0>:$layout);
  let results = (outs
    Onnx_OptionalTensor:$Y, Onnx_OptionalTensor:$Y_h,
    Onnx_OptionalTensor:$Y_c);
}

def Onnx_RNNOp : Onnx_PureOp<"RNN"> {
  let summary = "Simple recurrent layer";
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$W, AnyTensor:$R, Onnx_OptionalTensor:$B,
    Onnx_OptionalTensor:$sequence_lens, Onnx_OptionalTensor:$initial_h,
    OptionalAttr<DenseF32ArrayAttr>:$activation_alpha,
    OptionalAttr<DenseF32ArrayAttr>:$activation_beta,
    OptionalAttr<StrArrayAttr>:$activations, OptionalAttr<F32Attr>:$clip,
    Onnx_Str<"forward">:$direction, OptionalAttr<I64Attr>:$hidden_size,
    Onnx_Int<0>:$layout);
  let results = (outs Onnx_OptionalTensor:$Y, Onnx_OptionalTensor:$Y_h);
}

#endif // ONNXC_DIALECTS_ONNX_RECURRENT_TD
