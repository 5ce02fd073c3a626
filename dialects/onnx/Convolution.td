//===- Convolution.td - onnx dialect ops -*- tablegen -*-===//
//
// Convolutions.
//
#ifndef ONNXC_DIALECTS_ONNX_CONVOLUTION_TD
#define ONNXC_DIALECTS_ONNX_CONVOLUTION_TD

include "dialects/onnx/OpBase.td"

def Onnx_ConvOp
    : Onnx_PureOp<"Conv",
      [Onnx_ComputesChannelsLast]> {
  let summary = "Convolution";
  let shapeRule = "inferConv";
  let hasVerifier = 1;
  let arguments = !con((ins
    AnyTensor:$X, AnyTensor:$W, Onnx_OptionalTensor:$B), Onnx_ConvAttrs);
  let results = (outs AnyTensor:$Y);
}

def Onnx_ConvTransposeOp
    : Onnx_PureOp<"ConvTranspose",
      [Onnx_ComputesChannelsLast]> {
  let summary = "Transposed convolution";
  let hasVerifier = 1;
  let arguments = !con((ins
    AnyTensor:$X, AnyTensor:$W, Onnx_OptionalTensor:$B,
    OptionalAttr<DenseI64ArrayAttr>:$output_padding,
    OptionalAttr<DenseI64ArrayAttr>:$output_shape), Onnx_ConvAttrs);
  let results = (outs AnyTensor:$Y);
}

def Onnx_DeformConvOp : Onnx_PureOp<"DeformConv"> {
  let summary = "Convolution with learnt sampling offsets";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$W, AnyTensor:$offset, Onnx_OptionalTensor:$B,
    Onnx_OptionalTensor:$mask, OptionalAttr<DenseI64ArrayAttr>:$dilations,
    Onnx_Int<1>:$group, OptionalAttr<DenseI64ArrayAttr>:$kernel_shape,
    Onnx_Int<1>:$offset_group, OptionalAttr<DenseI64ArrayAttr>:$pads,
    OptionalAttr<DenseI64ArrayAttr>:$strides, Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$Y);
}

def Onnx_Col2ImOp : Onnx_PureOp<"Col2Im"> {
  let summary = "Sum columns of blocks back into an image";
  let arguments = (ins
    AnyTensor:$input, AnyTensor:$image_shape, AnyTensor:$block_shape,
    OptionalAttr<DenseI64ArrayAttr>:$dilations,
    OptionalAttr<DenseI64ArrayAttr>:$pads,
    OptionalAttr<DenseI64ArrayAttr>:$strides);
  let results = (outs AnyTensor:$output);
}

#endif // ONNXC_DIALECTS_ONNX_CONVOLUTION_TD
