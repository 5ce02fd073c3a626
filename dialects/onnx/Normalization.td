//===- Normalization.td - onnx dialect ops -*- tablegen -*-===//
//
// Normalisation, softmax, dropout.
//
#ifndef ONNXC_DIALECTS_ONNX_NORMALIZATION_TD
#define ONNXC_DIALECTS_ONNX_NORMALIZATION_TD

include "dialects/onnx/OpBase.td"

def Onnx_BatchNormalizationOp : Onnx_PureOp<"BatchNormalization"> {
  let summary = "Normalise every channel by given statistics";
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$scale, AnyTensor:$B, AnyTensor:$input_mean,
    AnyTensor:$input_var, Onnx_Float<"1e-05f">:$epsilon,
    Onnx_Float<"0.9f">:$momentum, Onnx_Int<0>:$training_mode,
    Onnx_LayoutAttr:$layout);
  let results = (outs
    AnyTensor:$Y, Onnx_OptionalTensor:$running_mean,
    Onnx_OptionalTensor:$running_var);
}

def Onnx_DropoutOp : Onnx_Op<"Dropout"> {
  let summary = "Identity, or random zeroes in training mode";
  let arguments = (ins
    AnyTensor:$data, Onnx_OptionalTensor:$ratio,
    Onnx_OptionalTensor:$training_mode, OptionalAttr<I64Attr>:$seed);
  let results = (outs AnyTensor:$output, Onnx_OptionalTensor:$mask);
}

def Onnx_HardmaxOp
    : Onnx_SoftmaxOp<"Hardmax", "1 at the first maximum along `axis`, else 0">;

def Onnx_InstanceNormalizationOp : Onnx_PureOp<"InstanceNormalization"> {
  let summary = "Normalise every channel of every sample";
  let arguments = (ins
    AnyTensor:$input, AnyTensor:$scale, AnyTensor:$B,
    Onnx_Float<"1e-05f">:$epsilon, Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$output);
}

def Onnx_LRNOp : Onnx_PureOp<"LRN"> {
  let summary = "Normalise by a window of neighbouring channels";
  let arguments = (ins
    AnyTensor:$X, Onnx_Float<"0.0001f">:$alpha, Onnx_Float<"0.75f">:$beta,
    Onnx_Float<"1.0f">:$bias, I64Attr:$size, Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$Y);
}

def Onnx_LayerNormalizationOp : Onnx_PureOp<"LayerNormalization"> {
  let summary = "Normalise the dims from `axis` on";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$Scale, Onnx_OptionalTensor:$B, Onnx_Int<-1>:$axis,
    Onnx_Float<"1e-05f">:$epsilon, Onnx_Int<1>:$stash_type);
  let results = (outs
    AnyTensor:$Y, Onnx_OptionalTensor:$Mean, Onnx_OptionalTensor:$InvStdDev);
}

def Onnx_LogSoftmaxOp
    : Onnx_SoftmaxOp<"LogSoftmax", "Logarithm of the softmax along `axis`">;

def Onnx_LpNormalizationOp : Onnx_PureOp<"LpNormalization"> {
  let summary = "Divide by the Lp norm along `axis`";
  let shapeRule = "inferLikeOperand";
  let hasVerifier = 1;
  let arguments = (ins AnyTensor:$input, Onnx_Int<-1>:$axis, Onnx_Int<2>:$p);
  let results = (outs AnyTensor:$output);
}

def Onnx_RMSNormalizationOp : Onnx_PureOp<"RMSNormalization"> {
  let summary = "Divide the dims from `axis` on by their root mean square";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$scale, Onnx_Int<-1>:$axis,
    Onnx_Float<"1e-05f">:$epsilon, Onnx_Int<1>:$stash_type);
  let results = (outs AnyTensor:$Y);
}

def Onnx_SoftmaxOp
    : Onnx_SoftmaxOp<"Softmax", "exp(x) / sum(exp(x)) along `axis`">;

#endif // ONNXC_DIALECTS_ONNX_NORMALIZATION_TD
