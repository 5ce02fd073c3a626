//===- OnnxDialect.td - the onnx dialect -*- tablegen -*-===//
//
// The dialect: ONNX ops of the domain ai.onnx at their newest version.
//
#ifndef ONNXC_DIALECTS_ONNX_ONNXDIALECT_TD
#define ONNXC_DIALECTS_ONNX_ONNXDIALECT_TD

include "mlir/IR/OpBase.td"

def Onnx_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::onnxc::onnx";
  let summary = "ONNX operators, one op per ONNX op_type";
  let description = [{
    An op is named after its ONNX op_type and has the operands, results and
    attributes of the newest schema. Every op carries all its operands: one
    that the model leaves out is the `none` value of `onnx.NoValue`; a result
    that the model leaves out has type `none`. Ops that expand well from their
    ONNX function body have no op here.
  }];
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasCanonicalizer = 1;
}

#endif // ONNXC_DIALECTS_ONNX_ONNXDIALECT_TD
