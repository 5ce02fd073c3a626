//===- Quantization.td - onnx dialect ops -*- tablegen -*-===//
//
// Quantised computation.
//
#ifndef ONNXC_DIALECTS_ONNX_QUANTIZATION_TD
#define ONNXC_DIALECTS_ONNX_QUANTIZATION_TD

include "dialects/onnx/OpBase.td"

def Onnx_ConvIntegerOp
    : Onnx_PureOp<"ConvInteger",
      [Onnx_ComputesChannelsLast]> {
  let summary = "Convolution of integers with zero points, result i32";
  let shapeRule = "inferConv";
  let hasVerifier = 1;
  let arguments = !con((ins
    AnyTensor:$x, AnyTensor:$w, Onnx_OptionalTensor:$x_zero_point,
    Onnx_OptionalTensor:$w_zero_point), Onnx_ConvAttrs);
  let results = (outs AnyTensor:$y);
}

def Onnx_DequantizeLinearOp
    : Onnx_PureOp<"DequantizeLinear",
      [DeclareOpInterfaceMethods<Onnx_DimOrder, ["acceptsDimOrder"]>]> {
  let summary = "(x - zero point) * scale";
  let arguments = (ins
    AnyTensor:$x, AnyTensor:$x_scale, Onnx_OptionalTensor:$x_zero_point,
    Onnx_Int<1>:$axis, Onnx_Int<0>:$block_size, Onnx_Int<0>:$output_dtype);
  let results = (outs AnyTensor:$y);
}

def Onnx_MatMulIntegerOp : Onnx_PureOp<"MatMulInteger"> {
  let summary = "Matrix product of integers with zero points, result i32";
  let shapeRule = "inferMatMul";
  let arguments = (ins
    AnyTensor:$A, AnyTensor:$B, Onnx_OptionalTensor:$a_zero_point,
    Onnx_OptionalTensor:$b_zero_point);
  let results = (outs AnyTensor:$Y);
}

def Onnx_QLinearConvOp
    : Onnx_PureOp<"QLinearConv",
      [Onnx_ComputesChannelsLast]> {
  let summary = "Convolution of quantised tensors";
  let shapeRule = "inferConv";
  let hasVerifier = 1;
  let arguments = !con((ins
    AnyTensor:$x, AnyTensor:$x_scale, AnyTensor:$x_zero_point, AnyTensor:$w,
    AnyTensor:$w_scale, AnyTensor:$w_zero_point, AnyTensor:$y_scale,
    AnyTensor:$y_zero_point, Onnx_OptionalTensor:$B), Onnx_ConvAttrs);
  let results = (outs AnyTensor:$y);
}

def Onnx_QLinearMatMulOp : Onnx_PureOp<"QLinearMatMul"> {
  let summary = "Matrix product of quantised tensors";
  let shapeRule = "inferMatMul";
  let arguments = (ins
    AnyTensor:$a, AnyTensor:$a_scale, AnyTensor:$a_zero_point, AnyTensor:$b,
    AnyTensor:$b_scale, AnyTensor:$b_zero_point, AnyTensor:$y_scale,
    AnyTensor:$y_zero_point);
  let results = (outs AnyTensor:$y);
}

def Onnx_QuantizeLinearOp
    : Onnx_PureOp<"QuantizeLinear",
      [DeclareOpInterfaceMethods<Onnx_DimOrder, ["acceptsDimOrder"]>]> {
  let summary = "saturate(round(x / scale) + zero point)";
  let arguments = (ins
    AnyTensor:$x, AnyTensor:$y_scale, Onnx_OptionalTensor:$y_zero_point,
    Onnx_Int<1>:$axis, Onnx_Int<0>:$block_size, Onnx_Int<0>:$output_dtype,
    Onnx_Int<0>:$precision, Onnx_Int<1>:$saturate);
  let results = (outs AnyTensor:$y);
}

// Made by FoldQuantizeScale.cpp; no ONNX op.
def Onnx_RescaleOp : Onnx_PureOp<"Rescale"> {
  let summary = "saturate((sum of factor products + offset) >> 32)";
  let description = [{
    Integers in fixed point. The factors are pairs of an i32 or 8-bit tensor,
    which has the shape of the result and in the second case counts 256 times,
    and an i32 constant that broadcasts to it. The offset, an i64 constant that
    broadcasts too, holds the zero points and 2^31 for rounding half up.
    Products and the sum have 64 bits.
  }];
  let arguments = (ins AnyTensor:$offset, Variadic<AnyTensor>:$factors);
  let results = (outs AnyTensor:$y);
}

#endif // ONNXC_DIALECTS_ONNX_QUANTIZATION_TD
