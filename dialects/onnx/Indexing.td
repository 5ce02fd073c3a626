//===- Indexing.td - onnx dialect ops -*- tablegen -*-===//
//
// Gather, scatter and other data-dependent selection.
//
#ifndef ONNXC_DIALECTS_ONNX_INDEXING_TD
#define ONNXC_DIALECTS_ONNX_INDEXING_TD

include "dialects/onnx/OpBase.td"

def Onnx_CompressOp
    : Onnx_PureOp<"Compress",
      [Onnx_PassesQuantized]> {
  let summary = "Slices along `axis` where the condition holds";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$input, AnyTensor:$condition, OptionalAttr<I64Attr>:$axis);
  let results = (outs AnyTensor:$output);
}

def Onnx_GatherOp
    : Onnx_PureOp<"Gather",
      [Onnx_PassesQuantized]> {
  let summary = "Slices along `axis` picked by `indices`";
  let hasVerifier = 1;
  let arguments = (ins AnyTensor:$data, AnyTensor:$indices, Onnx_Int<0>:$axis);
  let results = (outs AnyTensor:$output);
}

def Onnx_GatherElementsOp
    : Onnx_PureOp<"GatherElements",
      [Onnx_PassesQuantized]> {
  let summary = "One element per index along `axis`";
  let hasVerifier = 1;
  let arguments = (ins AnyTensor:$data, AnyTensor:$indices, Onnx_Int<0>:$axis);
  let results = (outs AnyTensor:$output);
}

def Onnx_GatherNDOp
    : Onnx_PureOp<"GatherND",
      [Onnx_PassesQuantized]> {
  let summary = "Slices picked by index tuples";
  let arguments = (ins
    AnyTensor:$data, AnyTensor:$indices, Onnx_Int<0>:$batch_dims);
  let results = (outs AnyTensor:$output);
}

def Onnx_NonMaxSuppressionOp : Onnx_PureOp<"NonMaxSuppression"> {
  let summary = "Boxes left after greedy overlap suppression";
  let arguments = (ins
    AnyTensor:$boxes, AnyTensor:$scores,
    Onnx_OptionalTensor:$max_output_boxes_per_class,
    Onnx_OptionalTensor:$iou_threshold, Onnx_OptionalTensor:$score_threshold,
    Onnx_Int<0>:$center_point_box);
  let results = (outs AnyTensor:$selected_indices);
}

def Onnx_NonZeroOp : Onnx_PureOp<"NonZero"> {
  let summary = "Indices of the elements that are not zero";
  let arguments = (ins AnyTensor:$X);
  let results = (outs AnyTensor:$Y);
}

def Onnx_OneHotOp : Onnx_PureOp<"OneHot"> {
  let summary = "One-hot encoding along a new axis";
  let arguments = (ins
    AnyTensor:$indices, AnyTensor:$depth, AnyTensor:$values,
    Onnx_Int<-1>:$axis);
  let results = (outs AnyTensor:$output);
}

def Onnx_ReverseSequenceOp
    : Onnx_PureOp<"ReverseSequence",
      [Onnx_PassesQuantized]> {
  let summary = "Reverse the head of every sequence in a batch";
  let arguments = (ins
    AnyTensor:$input, AnyTensor:$sequence_lens, Onnx_Int<1>:$batch_axis,
    Onnx_Int<0>:$time_axis);
  let results = (outs AnyTensor:$Y);
}

def Onnx_ScatterElementsOp : Onnx_PureOp<"ScatterElements"> {
  let summary = "Write one element per index along `axis`";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$data, AnyTensor:$indices, AnyTensor:$updates, Onnx_Int<0>:$axis,
    Onnx_Str<"none">:$reduction);
  let results = (outs AnyTensor:$output);
}

def Onnx_ScatterNDOp : Onnx_PureOp<"ScatterND"> {
  let summary = "Write slices at index tuples";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$data, AnyTensor:$indices, AnyTensor:$updates,
    Onnx_Str<"none">:$reduction);
  let results = (outs AnyTensor:$output);
}

def Onnx_TensorScatterOp : Onnx_PureOp<"TensorScatter"> {
  let summary = "Write an update into a cache at per-batch positions";
  let arguments = (ins
    AnyTensor:$past_cache, AnyTensor:$update,
    Onnx_OptionalTensor:$write_indices, Onnx_Int<-2>:$axis,
    Onnx_Str<"linear">:$mode);
  let results = (outs AnyTensor:$present_cache);
}

def Onnx_TopKOp : Onnx_PureOp<"TopK"> {
  let summary = "The K largest or smallest along `axis` and their indices";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$X, AnyTensor:$K, Onnx_Int<-1>:$axis, Onnx_Int<1>:$largest,
    Onnx_Int<1>:$sorted);
  let results = (outs AnyTensor:$Values, AnyTensor:$Indices);
}

def Onnx_UniqueOp : Onnx_PureOp<"Unique"> {
  let summary = "Distinct elements or slices";
  let hasVerifier = 1;
  let arguments = (ins
    AnyTensor:$X, OptionalAttr<I64Attr>:$axis, Onnx_Int<1>:$sorted);
  let results = (outs
    AnyTensor:$Y, Onnx_OptionalTensor:$indices,
    Onnx_OptionalTensor:$inverse_indices, Onnx_OptionalTensor:$counts);
}

#endif // ONNXC_DIALECTS_ONNX_INDEXING_TD
