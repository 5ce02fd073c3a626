//===- Sequence.td - onnx dialect ops -*- tablegen -*-===//
//
// Sequences and optionals.
//
#ifndef ONNXC_DIALECTS_ONNX_SEQUENCE_TD
#define ONNXC_DIALECTS_ONNX_SEQUENCE_TD

include "dialects/onnx/OpBase.td"

def Onnx_ConcatFromSequenceOp : Onnx_PureOp<"ConcatFromSequence"> {
  let summary = "Concatenation or stack of the tensors of a sequence";
  let arguments = (ins
    Onnx_AnySequence:$input_sequence, I64Attr:$axis, Onnx_Int<0>:$new_axis);
  let results = (outs AnyTensor:$concat_result);
}

def Onnx_SequenceAtOp : Onnx_PureOp<"SequenceAt"> {
  let summary = "The tensor at a position";
  let arguments = (ins Onnx_AnySequence:$input_sequence, AnyTensor:$position);
  let results = (outs AnyTensor:$tensor);
}

def Onnx_SequenceConstructOp : Onnx_PureOp<"SequenceConstruct"> {
  let summary = "A sequence of the operands";
  let arguments = (ins Variadic<AnyTensor>:$inputs);
  let results = (outs Onnx_AnySequence:$output_sequence);
}

def Onnx_SequenceEmptyOp : Onnx_PureOp<"SequenceEmpty"> {
  let summary = "An empty sequence";
  let arguments = (ins OptionalAttr<I64Attr>:$dtype);
  let results = (outs Onnx_AnySequence:$output);
}

def Onnx_SequenceEraseOp : Onnx_PureOp<"SequenceErase"> {
  let summary = "The sequence without one position";
  let arguments = (ins
    Onnx_AnySequence:$input_sequence, Onnx_OptionalTensor:$position);
  let results = (outs Onnx_AnySequence:$output_sequence);
}

def Onnx_SequenceInsertOp : Onnx_PureOp<"SequenceInsert"> {
  let summary = "The sequence with one more tensor";
  let arguments = (ins
    Onnx_AnySequence:$input_sequence, AnyTensor:$tensor,
    Onnx_OptionalTensor:$position);
  let results = (outs Onnx_AnySequence:$output_sequence);
}

def Onnx_SequenceLengthOp : Onnx_PureOp<"SequenceLength"> {
  let summary = "Number of tensors";
  let arguments = (ins Onnx_AnySequence:$input_sequence);
  let results = (outs AnyTensor:$length);
}

def Onnx_SplitToSequenceOp : Onnx_PureOp<"SplitToSequence"> {
  let summary = "Cut along `axis` into a sequence";
  let arguments = (ins
    AnyTensor:$input, Onnx_OptionalTensor:$split, Onnx_Int<0>:$axis,
    Onnx_Int<1>:$keepdims);
  let results = (outs Onnx_AnySequence:$output_sequence);
}

def Onnx_OptionalOp : Onnx_PureOp<"Optional"> {
  let summary = "An optional that holds the operand, or nothing";
  let arguments = (ins AnyType:$input, OptionalAttr<TypeAttr>:$type);
  let results = (outs Onnx_AnyOptional:$output);
}

def Onnx_OptionalGetElementOp : Onnx_PureOp<"OptionalGetElement"> {
  let summary = "The value that the optional holds";
  let arguments = (ins AnyType:$input);
  let results = (outs AnyType:$output);
}

def Onnx_OptionalHasElementOp : Onnx_PureOp<"OptionalHasElement"> {
  let summary = "Whether the optional holds a value";
  let arguments = (ins AnyType:$input);
  let results = (outs AnyTensor:$output);
}

#endif // ONNXC_DIALECTS_ONNX_SEQUENCE_TD
