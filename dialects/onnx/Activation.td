//===- Activation.td - onnx dialect ops -*- tablegen -*-===//
//
// Activation functions: elementwise maps with a fixed formula.
//
#ifndef ONNXC_DIALECTS_ONNX_ACTIVATION_TD
#define ONNXC_DIALECTS_ONNX_ACTIVATION_TD

include "dialects/onnx/OpBase.td"

def Onnx_EluOp
    : Onnx_UnaryFunctionOp<"Elu", "x, or alpha * (exp(x) - 1) below zero"> {
  let attrs = (ins Onnx_Float<"1.0f">:$alpha);
}

def Onnx_GeluOp
    : Onnx_UnaryFunctionOp<"Gelu",
      "Gaussian error linear unit, exact or by tanh"> {
  let attrs = (ins Onnx_Str<"none">:$approximate);
}

def Onnx_HardSigmoidOp
    : Onnx_UnaryFunctionOp<"HardSigmoid",
      "max(0, min(1, alpha * x + beta))"> {
  let attrs = (ins Onnx_Float<"0.2f">:$alpha, Onnx_Float<"0.5f">:$beta);
}

def Onnx_HardSwishOp
    : Onnx_UnaryFunctionOp<"HardSwish",
      "x * HardSigmoid(x) with alpha = 1/6, beta = 1/2">;

def Onnx_LeakyReluOp
    : Onnx_UnaryElementwiseOp<"LeakyRelu", "x, or alpha * x below zero", "X", "Y",
      [Onnx_Homogeneous]> {
  let attrs = (ins Onnx_Float<"0.01f">:$alpha);
}

def Onnx_MishOp : Onnx_UnaryFunctionOp<"Mish", "x * tanh(softplus(x))">;

def Onnx_PReluOp : Onnx_PureOp<"PRelu", [Onnx_Elementwise]> {
  let summary = "x, or slope * x below zero; slope broadcasts to X";
  let arguments = (ins AnyTensor:$X, AnyTensor:$slope);
  let results = (outs AnyTensor:$Y);
}

def Onnx_ReluOp : Onnx_UnaryElementwiseOp<"Relu", "max(0, x)", "X", "Y",
      [Onnx_Homogeneous]>;

def Onnx_SeluOp
    : Onnx_UnaryFunctionOp<"Selu",
      "gamma * (x, or alpha * (exp(x) - 1) below zero)"> {
  let attrs = (ins
    Onnx_Float<"1.67326319217681884765625f">:$alpha, Onnx_Float<"1.05070102214813232421875f">:$gamma);
}

def Onnx_ShrinkOp
    : Onnx_UnaryElementwiseOp<"Shrink",
      "x moved by bias towards zero outside [-lambd, lambd], else 0",
      "input", "output"> {
  let attrs = (ins Onnx_Float<"0.0f">:$bias, Onnx_Float<"0.5f">:$lambd);
}

def Onnx_SoftplusOp : Onnx_UnaryFunctionOp<"Softplus", "log(1 + exp(x))">;

def Onnx_SoftsignOp
    : Onnx_UnaryFunctionOp<"Softsign", "x / (1 + |x|)", "input", "output">;

def Onnx_SwishOp : Onnx_UnaryFunctionOp<"Swish", "x * sigmoid(alpha * x)"> {
  let attrs = (ins Onnx_Float<"1.0f">:$alpha);
}

def Onnx_ThresholdedReluOp
    : Onnx_UnaryElementwiseOp<"ThresholdedRelu", "x above alpha, else 0"> {
  let attrs = (ins Onnx_Float<"1.0f">:$alpha);
}

#endif // ONNXC_DIALECTS_ONNX_ACTIVATION_TD
