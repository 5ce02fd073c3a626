//===- Image.td - onnx dialect ops -*- tablegen -*-===//
//
// Resampling and regions of interest.
//
#ifndef ONNXC_DIALECTS_ONNX_IMAGE_TD
#define ONNXC_DIALECTS_ONNX_IMAGE_TD

include "dialects/onnx/OpBase.td"

def Onnx_GridSampleOp : Onnx_PureOp<"GridSample"> {
  let summary = "Sample at the positions of a grid";
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$grid, Onnx_Int<0>:$align_corners,
    Onnx_Str<"linear">:$mode, Onnx_Str<"zeros">:$padding_mode,
    Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$Y);
}

def Onnx_ImageDecoderOp : Onnx_PureOp<"ImageDecoder"> {
  let summary = "Decode an image file";
  let arguments = (ins
    AnyTensor:$encoded_stream, Onnx_Str<"RGB">:$pixel_format);
  let results = (outs AnyTensor:$image);
}

def Onnx_MaxRoiPoolOp : Onnx_PureOp<"MaxRoiPool"> {
  let summary = "Maximum over a fixed grid of every region";
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$rois, DenseI64ArrayAttr:$pooled_shape,
    Onnx_Float<"1.0f">:$spatial_scale, Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$Y);
}

def Onnx_ResizeOp
    : Onnx_PureOp<"Resize",
      [DeclareOpInterfaceMethods<Onnx_DimOrder, ["acceptsDimOrder"]>,
       DeclareOpInterfaceMethods<Onnx_PassesQuantized, ["passesQuantized"]>]> {
  let summary = "Resample to other sizes";
  let arguments = (ins
    AnyTensor:$X, Onnx_OptionalTensor:$roi, Onnx_OptionalTensor:$scales,
    Onnx_OptionalTensor:$sizes, Onnx_Int<0>:$antialias,
    OptionalAttr<DenseI64ArrayAttr>:$axes,
    Onnx_Str<"half_pixel">:$coordinate_transformation_mode,
    Onnx_Float<"-0.75f">:$cubic_coeff_a, Onnx_Int<0>:$exclude_outside,
    Onnx_Float<"0.0f">:$extrapolation_value,
    Onnx_Str<"stretch">:$keep_aspect_ratio_policy, Onnx_Str<"nearest">:$mode,
    Onnx_Str<"round_prefer_floor">:$nearest_mode, Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$Y);
}

def Onnx_RoiAlignOp : Onnx_PureOp<"RoiAlign"> {
  let summary = "Average or maximum of interpolated samples in every region";
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$rois, AnyTensor:$batch_indices,
    Onnx_Str<"half_pixel">:$coordinate_transformation_mode,
    Onnx_Str<"avg">:$mode, Onnx_Int<1>:$output_height,
    Onnx_Int<1>:$output_width, Onnx_Int<0>:$sampling_ratio,
    Onnx_Float<"1.0f">:$spatial_scale, Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$Y);
}

#endif // ONNXC_DIALECTS_ONNX_IMAGE_TD
