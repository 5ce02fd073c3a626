//===- Tensor.td - onnx dialect ops -*- tablegen -*-===//
//
// Shape queries and data movement that keeps every element as it is.
//
#ifndef ONNXC_DIALECTS_ONNX_TENSOR_TD
#define ONNXC_DIALECTS_ONNX_TENSOR_TD

include "dialects/onnx/OpBase.td"

def Onnx_IdentityOp
    : Onnx_PureOp<"Identity",
      [Onnx_Elementwise,
       DeclareOpInterfaceMethods<Onnx_PassesQuantized, ["axisBehind"]>]> {
  let summary = "The operand itself";
  let shapeRule = "inferLikeOperand";
  let arguments = (ins AnyType:$input);
  let results = (outs AnyType:$output);
}

//===-- Queries.

def Onnx_ShapeOp : Onnx_PureOp<"Shape"> {
  let summary = "Dimensions [start, end) of the operand";
  let arguments = (ins
    AnyTensor:$data, OptionalAttr<I64Attr>:$end, Onnx_Int<0>:$start);
  let results = (outs AnyTensor:$shape);
}

def Onnx_SizeOp : Onnx_PureOp<"Size"> {
  let summary = "Number of elements";
  let arguments = (ins AnyTensor:$data);
  let results = (outs AnyTensor:$size);
}

//===-- Reinterpretation of the same elements.

def Onnx_FlattenOp
    : Onnx_PureOp<"Flatten",
      [Onnx_PassesQuantized]> {
  let summary = "Matrix: dims before `axis` by dims from `axis`";
  let hasVerifier = 1;
  let arguments = (ins AnyTensor:$input, Onnx_Int<1>:$axis);
  let results = (outs AnyTensor:$output);
}

def Onnx_ReshapeOp
    : Onnx_PureOp<"Reshape",
      [Onnx_PassesQuantized]> {
  let summary = "Other dims, same elements; 0 keeps a dim, -1 is derived";
  let arguments = (ins
    AnyTensor:$data, AnyTensor:$shape, Onnx_Int<0>:$allowzero);
  let results = (outs AnyTensor:$reshaped);
}

def Onnx_SqueezeOp
    : Onnx_PureOp<"Squeeze",
      [Onnx_PassesQuantized]> {
  let summary = "Drop unit dims";
  let arguments = (ins AnyTensor:$data, Onnx_OptionalTensor:$axes);
  let results = (outs AnyTensor:$squeezed);
}

def Onnx_UnsqueezeOp
    : Onnx_PureOp<"Unsqueeze",
      [Onnx_PassesQuantized]> {
  let summary = "Insert unit dims";
  let arguments = (ins AnyTensor:$data, AnyTensor:$axes);
  let results = (outs AnyTensor:$expanded);
}

//===-- Movement.

def Onnx_ConcatOp
    : Onnx_PureOp<"Concat",
      [DeclareOpInterfaceMethods<Onnx_DimOrder, ["operandsShareDims"]>,
       DeclareOpInterfaceMethods<Onnx_PassesQuantized, ["joinsOperands", "axisBehind"]>]> {
  let summary = "Concatenation along `axis`";
  let hasVerifier = 1;
  let arguments = (ins Variadic<AnyTensor>:$inputs, I64Attr:$axis);
  let results = (outs AnyTensor:$concat_result);
}

def Onnx_DepthToSpaceOp
    : Onnx_PureOp<"DepthToSpace",
      [Onnx_PassesQuantized]> {
  let summary = "Move channels into blocks of space";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$input, I64Attr:$blocksize, Onnx_Str<"DCR">:$mode,
    Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$output);
}

def Onnx_ExpandOp
    : Onnx_PureOp<"Expand",
      [Onnx_PassesQuantized]> {
  let summary = "Broadcast to a shape";
  let arguments = (ins AnyTensor:$input, AnyTensor:$shape);
  let results = (outs AnyTensor:$output);
}

def Onnx_PadOp
    : Onnx_PureOp<"Pad",
      [DeclareOpInterfaceMethods<Onnx_DimOrder, ["acceptsDimOrder"]>,
       DeclareOpInterfaceMethods<Onnx_PassesQuantized, ["fillOperand"]>]> {
  let summary = "Add (or, negative, drop) elements at the borders";
  let arguments = (ins
    AnyTensor:$data, AnyTensor:$pads, Onnx_OptionalTensor:$constant_value,
    Onnx_OptionalTensor:$axes, Onnx_Str<"constant">:$mode);
  let results = (outs AnyTensor:$output);
}

def Onnx_SliceOp
    : Onnx_PureOp<"Slice",
      [DeclareOpInterfaceMethods<Onnx_DimOrder, ["acceptsDimOrder"]>,
       Onnx_PassesQuantized]> {
  let summary = "Every `steps`-th element of [starts, ends) per axis";
  let arguments = (ins
    AnyTensor:$data, AnyTensor:$starts, AnyTensor:$ends,
    Onnx_OptionalTensor:$axes, Onnx_OptionalTensor:$steps);
  let results = (outs AnyTensor:$output);
}

def Onnx_SpaceToDepthOp
    : Onnx_PureOp<"SpaceToDepth",
      [Onnx_PassesQuantized]> {
  let summary = "Move blocks of space into channels";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$input, I64Attr:$blocksize, Onnx_Str<"DCR">:$mode,
    Onnx_LayoutAttr:$layout);
  let results = (outs AnyTensor:$output);
}

def Onnx_SplitOp
    : Onnx_PureOp<"Split",
      [DeclareOpInterfaceMethods<Onnx_DimOrder>,
       Onnx_PassesQuantized]> {
  let summary = "Cut into parts along `axis`";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$input, Onnx_OptionalTensor:$split, Onnx_Int<0>:$axis,
    OptionalAttr<I64Attr>:$num_outputs);
  let results = (outs Variadic<AnyTensor>:$outputs);
}

def Onnx_TileOp
    : Onnx_PureOp<"Tile",
      [Onnx_PassesQuantized]> {
  let summary = "Repeat along every axis";
  let arguments = (ins AnyTensor:$input, AnyTensor:$repeats);
  let results = (outs AnyTensor:$output);
}

def Onnx_TransposeOp
    : Onnx_PureOp<"Transpose",
      [DeclareOpInterfaceMethods<Onnx_PassesQuantized, ["axisBehind"]>]> {
  let summary = "Permutation of the dims; reversed without `perm`";
  let hasVerifier = 1;
  let arguments = (ins AnyTensor:$data, OptionalAttr<DenseI64ArrayAttr>:$perm);
  let results = (outs AnyTensor:$transposed);
}

def Onnx_TriluOp : Onnx_PureOp<"Trilu"> {
  let summary = "Upper or lower triangle, zero elsewhere";
  let arguments = (ins
    AnyTensor:$input, Onnx_OptionalTensor:$k, Onnx_Int<1>:$upper);
  let results = (outs AnyTensor:$output);
}

#endif // ONNXC_DIALECTS_ONNX_TENSOR_TD
