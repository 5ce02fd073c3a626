//===- Generator.td - onnx dialect ops -*- tablegen -*-===//
//
// Constants, ranges and random numbers.
//
#ifndef ONNXC_DIALECTS_ONNX_GENERATOR_TD
#define ONNXC_DIALECTS_ONNX_GENERATOR_TD

include "dialects/onnx/OpBase.td"

def Onnx_NoValueOp : Onnx_BaseOp<"NoValue", [Pure]> {
  let summary = "Stands for an operand that the model leaves out";
  let results = (outs NoneType:$output);
  let assemblyFormat = "attr-dict";
}

def Onnx_ConstantOp
    : Onnx_BaseOp<"Constant",
      [Pure, ConstantLike, AllTypesMatch<["value", "output"]>]> {
  let summary = "A constant tensor; large ones are resources";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs AnyTensor:$output);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def Onnx_ConstantOfShapeOp : Onnx_PureOp<"ConstantOfShape"> {
  let summary = "A tensor of one value";
  let arguments = (ins AnyTensor:$input, OptionalAttr<ElementsAttr>:$value);
  let results = (outs AnyTensor:$output);
}

def Onnx_EyeLikeOp : Onnx_PureOp<"EyeLike"> {
  let summary = "Ones on a diagonal";
  let arguments = (ins
    AnyTensor:$input, OptionalAttr<I64Attr>:$dtype, Onnx_Int<0>:$k);
  let results = (outs AnyTensor:$output);
}

def Onnx_RangeOp : Onnx_PureOp<"Range"> {
  let summary = "start, start + delta, ... below limit";
  let arguments = (ins
    AnyTensor:$start, AnyTensor:$limit, AnyTensor:$delta,
    Onnx_Int<1>:$stash_type);
  let results = (outs AnyTensor:$output);
}

def Onnx_MultinomialOp : Onnx_Op<"Multinomial"> {
  let summary = "Samples of a multinomial distribution";
  let arguments = (ins
    AnyTensor:$input, Onnx_Int<6>:$dtype, Onnx_Int<1>:$sample_size,
    OptionalAttr<F32Attr>:$seed);
  let results = (outs AnyTensor:$output);
}

def Onnx_RandomNormalOp : Onnx_Op<"RandomNormal"> {
  let summary = "Normally distributed numbers";
  let arguments = (ins
    Onnx_Int<1>:$dtype, Onnx_Float<"0.0f">:$mean, Onnx_Float<"1.0f">:$scale,
    OptionalAttr<F32Attr>:$seed, DenseI64ArrayAttr:$shape);
  let results = (outs AnyTensor:$output);
}

def Onnx_RandomNormalLikeOp : Onnx_Op<"RandomNormalLike"> {
  let summary = "Normally distributed numbers in the shape of the operand";
  let arguments = (ins
    AnyTensor:$input, OptionalAttr<I64Attr>:$dtype, Onnx_Float<"0.0f">:$mean,
    Onnx_Float<"1.0f">:$scale, OptionalAttr<F32Attr>:$seed);
  let results = (outs AnyTensor:$output);
}

def Onnx_RandomUniformOp : Onnx_Op<"RandomUniform"> {
  let summary = "Uniformly distributed numbers";
  let arguments = (ins
    Onnx_Int<1>:$dtype, Onnx_Float<"1.0f">:$high, Onnx_Float<"0.0f">:$low,
    OptionalAttr<F32Attr>:$seed, DenseI64ArrayAttr:$shape);
  let results = (outs AnyTensor:$output);
}

def Onnx_RandomUniformLikeOp : Onnx_Op<"RandomUniformLike"> {
  let summary = "Uniformly distributed numbers in the shape of the operand";
  let arguments = (ins
    AnyTensor:$input, OptionalAttr<I64Attr>:$dtype, Onnx_Float<"1.0f">:$high,
    Onnx_Float<"0.0f">:$low, OptionalAttr<F32Attr>:$seed);
  let results = (outs AnyTensor:$output);
}

#endif // ONNXC_DIALECTS_ONNX_GENERATOR_TD
