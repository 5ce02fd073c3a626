//===- Linear.td - onnx dialect ops -*- tablegen -*-===//
//
// Matrix products.
//
#ifndef ONNXC_DIALECTS_ONNX_LINEAR_TD
#define ONNXC_DIALECTS_ONNX_LINEAR_TD

include "dialects/onnx/OpBase.td"

def Onnx_DetOp : Onnx_PureOp<"Det"> {
  let summary = "Determinant of the trailing square matrices";
  let arguments = (ins AnyTensor:$X);
  let results = (outs AnyTensor:$Y);
}

def Onnx_EinsumOp : Onnx_PureOp<"Einsum"> {
  let summary = "Einstein summation";
  let hasVerifier = 1;
  let arguments = (ins Variadic<AnyTensor>:$Inputs, StrAttr:$equation);
  let results = (outs AnyTensor:$Output);
}

def Onnx_GemmOp : Onnx_PureOp<"Gemm", [Onnx_WidensWeight]> {
  let summary = "alpha * op(A) * op(B) + beta * C";
  let arguments = (ins
    AnyTensor:$A, AnyTensor:$B, Onnx_OptionalTensor:$C,
    Onnx_Float<"1.0f">:$alpha, Onnx_Float<"1.0f">:$beta, Onnx_Int<0>:$transA,
    Onnx_Int<0>:$transB);
  let results = (outs AnyTensor:$Y);
}

def Onnx_MatMulOp : Onnx_PureOp<"MatMul", [Onnx_WidensWeight]> {
  let summary = "Matrix product as numpy.matmul";
  let shapeRule = "inferMatMul";
  let arguments = (ins AnyTensor:$A, AnyTensor:$B);
  let results = (outs AnyTensor:$Y);
}

#endif // ONNXC_DIALECTS_ONNX_LINEAR_TD
