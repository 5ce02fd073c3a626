//===- Interfaces.td - op interfaces of the onnx dialect -*- tablegen -*-===//
//
// Shape inference.
//
#ifndef ONNXC_DIALECTS_ONNX_INTERFACES_TD
#define ONNXC_DIALECTS_ONNX_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Onnx_InferShapes : OpInterface<"InferShapes"> {
  let cppNamespace = "::onnxc::onnx";
  let description = "Result types from operand types and known operand values.";
  let methods = [InterfaceMethod<[{
      Write what operands and attributes tell about each result type into
      `types`. On entry it holds the present types; a rule that knows nothing
      leaves them. The caller merges both and keeps `none` for results that the
      model leaves out. Fails, with a diagnostic, on operands that contradict
      each other.
    }], "::llvm::LogicalResult", "inferShapes",
    (ins "::llvm::SmallVectorImpl<::mlir::Type> &":$types)>];
}

#endif // ONNXC_DIALECTS_ONNX_INTERFACES_TD
