//===- Elementwise.td - onnx dialect ops -*- tablegen -*-===//
//
// Elementwise arithmetic: unary math, broadcasting binary and variadic math,
// element type conversion, selection.
//
#ifndef ONNXC_DIALECTS_ONNX_ELEMENTWISE_TD
#define ONNXC_DIALECTS_ONNX_ELEMENTWISE_TD

include "dialects/onnx/OpBase.td"

//===-- Unary.

def Onnx_AbsOp : Onnx_UnaryElementwiseOp<"Abs", "Absolute value", "X", "Y",
      [Onnx_Homogeneous]>;

def Onnx_AcosOp
    : Onnx_UnaryFunctionOp<"Acos", "Inverse cosine", "input", "output">;

def Onnx_AcoshOp
    : Onnx_UnaryFunctionOp<"Acosh",
      "Inverse hyperbolic cosine", "input", "output">;

def Onnx_AsinOp
    : Onnx_UnaryFunctionOp<"Asin", "Inverse sine", "input", "output">;

def Onnx_AsinhOp
    : Onnx_UnaryFunctionOp<"Asinh",
      "Inverse hyperbolic sine", "input", "output">;

def Onnx_AtanOp
    : Onnx_UnaryFunctionOp<"Atan", "Inverse tangent", "input", "output">;

def Onnx_AtanhOp
    : Onnx_UnaryFunctionOp<"Atanh",
      "Inverse hyperbolic tangent", "input", "output">;

def Onnx_CeilOp
    : Onnx_UnaryElementwiseOp<"Ceil", "Round towards positive infinity">;

def Onnx_CosOp : Onnx_UnaryFunctionOp<"Cos", "Cosine", "input", "output">;

def Onnx_CoshOp
    : Onnx_UnaryFunctionOp<"Cosh", "Hyperbolic cosine", "input", "output">;

def Onnx_ErfOp
    : Onnx_UnaryFunctionOp<"Erf", "Gauss error function", "input", "output">;

def Onnx_ExpOp
    : Onnx_UnaryFunctionOp<"Exp", "Exponential", "input", "output">;

def Onnx_FloorOp
    : Onnx_UnaryElementwiseOp<"Floor", "Round towards negative infinity">;

def Onnx_LogOp
    : Onnx_UnaryFunctionOp<"Log", "Natural logarithm", "input", "output">;

def Onnx_NegOp : Onnx_UnaryElementwiseOp<"Neg", "Negation", "X", "Y", [Onnx_Homogeneous]>;

def Onnx_ReciprocalOp : Onnx_UnaryFunctionOp<"Reciprocal", "1 / x">;

def Onnx_RoundOp
    : Onnx_UnaryElementwiseOp<"Round", "Round to nearest, ties to even">;

def Onnx_SigmoidOp : Onnx_UnaryFunctionOp<"Sigmoid", "1 / (1 + exp(-x))">;

def Onnx_SignOp
    : Onnx_UnaryElementwiseOp<"Sign",
      "-1, 0 or 1 by the sign of x", "input", "output">;

def Onnx_SinOp : Onnx_UnaryFunctionOp<"Sin", "Sine", "input", "output">;

def Onnx_SinhOp
    : Onnx_UnaryFunctionOp<"Sinh", "Hyperbolic sine", "input", "output">;

def Onnx_SqrtOp : Onnx_UnaryFunctionOp<"Sqrt", "Square root">;

def Onnx_TanOp : Onnx_UnaryFunctionOp<"Tan", "Tangent", "input", "output">;

def Onnx_TanhOp
    : Onnx_UnaryFunctionOp<"Tanh", "Hyperbolic tangent", "input", "output">;

//===-- Binary with numpy broadcasting.

def Onnx_AddOp : Onnx_BinaryBroadcastOp<"Add", "Sum of two tensors", "A", "B", "C",
      [Onnx_Homogeneous]>;

def Onnx_DivOp
    : Onnx_BinaryBroadcastOp<"Div", "Quotient; integers truncate towards zero">;

def Onnx_ModOp
    : Onnx_BinaryBroadcastOp<"Mod",
      "Remainder: sign of the divisor, or of the dividend with fmod"> {
  let attrs = (ins Onnx_Int<0>:$fmod);
}

def Onnx_MulOp : Onnx_BinaryBroadcastOp<"Mul", "Product of two tensors">;

def Onnx_PowOp
    : Onnx_BinaryBroadcastOp<"Pow",
      "X to the power of Y; result has the type of X", "X", "Y", "Z">;

def Onnx_SubOp : Onnx_BinaryBroadcastOp<"Sub", "Difference of two tensors", "A", "B", "C",
      [Onnx_Homogeneous]>;

//===-- Variadic with numpy broadcasting.

def Onnx_MaxOp
    : Onnx_VariadicBroadcastOp<"Max", "Elementwise maximum; NaN wins", "max">;

def Onnx_MeanOp : Onnx_VariadicBroadcastOp<"Mean", "Elementwise mean", "mean">;

def Onnx_MinOp
    : Onnx_VariadicBroadcastOp<"Min", "Elementwise minimum; NaN wins", "min">;

def Onnx_SumOp : Onnx_VariadicBroadcastOp<"Sum", "Elementwise sum", "sum">;

//===-- Conversion and selection.

def Onnx_BitCastOp : Onnx_PureOp<"BitCast"> {
  let summary = "Reinterpret the bits as another element type";
  let hasVerifier = 1;
  let arguments = (ins AnyTensor:$input, I64Attr:$to);
  let results = (outs AnyTensor:$output);
}

def Onnx_CastOp : Onnx_PureOp<"Cast", [Onnx_Elementwise]> {
  let summary = "Convert to the element type `to` (a TensorProto.DataType)";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$input, Onnx_Str<"up">:$round_mode, Onnx_Int<1>:$saturate,
    I64Attr:$to);
  let results = (outs AnyTensor:$output);
}

def Onnx_CastLikeOp : Onnx_PureOp<"CastLike"> {
  let summary = "Convert to the element type of `target_type`";
  let arguments = (ins
    AnyTensor:$input, AnyTensor:$target_type, Onnx_Str<"up">:$round_mode,
    Onnx_Int<1>:$saturate);
  let results = (outs AnyTensor:$output);
}

def Onnx_ClipOp : Onnx_PureOp<"Clip", [Onnx_Elementwise, Onnx_Homogeneous]> {
  let summary = "Limit to [min, max]; a missing bound is open";
  let arguments = (ins
    AnyTensor:$input, Onnx_OptionalTensor:$min, Onnx_OptionalTensor:$max);
  let results = (outs AnyTensor:$output);
}

def Onnx_WhereOp : Onnx_PureOp<"Where", [Onnx_Elementwise]> {
  let summary = "Select X where the condition holds, else Y";
  let arguments = (ins AnyTensor:$condition, AnyTensor:$X, AnyTensor:$Y);
  let results = (outs AnyTensor:$output);
}

#endif // ONNXC_DIALECTS_ONNX_ELEMENTWISE_TD
