//===- Pooling.td - onnx dialect ops -*- tablegen -*-===//
//
// Pooling.
//
#ifndef ONNXC_DIALECTS_ONNX_POOLING_TD
#define ONNXC_DIALECTS_ONNX_POOLING_TD

include "dialects/onnx/OpBase.td"

def Onnx_AveragePoolOp : Onnx_PoolOp<"AveragePool", "Mean of every window", [Onnx_Homogeneous]> {
  let attrs = (ins Onnx_Int<0>:$count_include_pad);
}

def Onnx_GlobalAveragePoolOp
    : Onnx_GlobalPoolOp<"GlobalAveragePool", "Mean over all spatial dims",
      [Onnx_Homogeneous]>;

def Onnx_GlobalLpPoolOp
    : Onnx_GlobalPoolOp<"GlobalLpPool", "Lp norm over all spatial dims"> {
  let attrs = (ins Onnx_Int<2>:$p);
}

def Onnx_GlobalMaxPoolOp
    : Onnx_GlobalPoolOp<"GlobalMaxPool", "Maximum over all spatial dims",
      [Onnx_PassesQuantized]>;

def Onnx_LpPoolOp : Onnx_PoolOp<"LpPool", "Lp norm of every window"> {
  let attrs = (ins Onnx_Int<2>:$p);
}

def Onnx_MaxPoolOp
    : Onnx_PureOp<"MaxPool",
      [Onnx_ComputesChannelsLast,
       DeclareOpInterfaceMethods<Onnx_PassesQuantized, ["passesQuantized"]>]> {
  let summary = "Maximum of every window and, on request, its flat index";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$X, Onnx_Str<"NOTSET">:$auto_pad, Onnx_Int<0>:$ceil_mode,
    OptionalAttr<DenseI64ArrayAttr>:$dilations,
    DenseI64ArrayAttr:$kernel_shape, OptionalAttr<DenseI64ArrayAttr>:$pads,
    Onnx_Int<0>:$storage_order, OptionalAttr<DenseI64ArrayAttr>:$strides,
    Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$Y, Onnx_OptionalTensor:$Indices);
}

def Onnx_MaxUnpoolOp : Onnx_PureOp<"MaxUnpool"> {
  let summary = "Scatter pooled values back to their indices";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$I, Onnx_OptionalTensor:$output_shape,
    DenseI64ArrayAttr:$kernel_shape, OptionalAttr<DenseI64ArrayAttr>:$pads,
    OptionalAttr<DenseI64ArrayAttr>:$strides, Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$output);
}

#endif // ONNXC_DIALECTS_ONNX_POOLING_TD
