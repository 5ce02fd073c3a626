//===- ControlFlow.td - onnx dialect ops -*- tablegen -*-===//
//
// Structured control flow. Bodies are regions of one block that may use
// values from outside and end in onnx.Yield.
//
#ifndef ONNXC_DIALECTS_ONNX_CONTROLFLOW_TD
#define ONNXC_DIALECTS_ONNX_CONTROLFLOW_TD

include "dialects/onnx/OpBase.td"

def Onnx_IfOp : Onnx_RegionOp<"If"> {
  let summary = "Run one of two bodies";
  let hasVerifier = 1;
  let arguments = (ins AnyTensor:$cond);
  let results = (outs Variadic<AnyType>:$outputs);
  let regions = (region
    SizedRegion<1>:$then_branch, SizedRegion<1>:$else_branch);
  let assemblyFormat = "operands attr-dict-with-keyword `then` $then_branch "
                       "`else` $else_branch `:` "
                       "functional-type(operands, results)";
}

def Onnx_LoopOp : Onnx_RegionOp<"Loop"> {
  let summary = "Run the body while trips are left and the condition holds";
  let hasVerifier = 1;
  let arguments = (ins
    Onnx_OptionalTensor:$M, Onnx_OptionalTensor:$cond,
    Variadic<AnyType>:$v_initial);
  let results = (outs Variadic<AnyType>:$v_final_and_scan_outputs);
  let regions = (region SizedRegion<1>:$body);
}

def Onnx_ScanOp : Onnx_RegionOp<"Scan"> {
  let summary = "Run the body on slices of the scan inputs";
  let hasVerifier = 1;
  let arguments = (ins
    Variadic<AnyType>:$initial_state_and_scan_inputs, I64Attr:$num_scan_inputs,
    OptionalAttr<DenseI64ArrayAttr>:$scan_input_axes,
    OptionalAttr<DenseI64ArrayAttr>:$scan_input_directions,
    OptionalAttr<DenseI64ArrayAttr>:$scan_output_axes,
    OptionalAttr<DenseI64ArrayAttr>:$scan_output_directions);
  let results = (outs Variadic<AnyType>:$final_state_and_scan_outputs);
  let regions = (region SizedRegion<1>:$body);
}

// Made by ResolveIfs.cpp; no ONNX op.
def Onnx_RequireOp : Onnx_BaseOp<"Require"> {
  let summary = "The run goes on only if the condition has this value";
  let arguments = (ins AnyTensor:$cond, BoolAttr:$wanted, StrAttr:$message);
}

// Made at import; shape inference finds its branch to be impossible.
def Onnx_ContradictionOp : Onnx_Op<"Contradiction"> {
  let summary = "Stands for a branch whose ops have no types that fit together";
  let arguments = (ins StrAttr:$message);
  let results = (outs Variadic<AnyType>:$outputs);
}

def Onnx_YieldOp : Onnx_BaseOp<"Yield", [Pure, Terminator]> {
  let summary = "End of a body: its outputs";
  let arguments = (ins Variadic<AnyType>:$outputs);
  let assemblyFormat = "($outputs^ `:` type($outputs))? attr-dict";
}

#endif // ONNXC_DIALECTS_ONNX_CONTROLFLOW_TD
