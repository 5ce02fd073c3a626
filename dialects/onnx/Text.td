//===- Text.td - onnx dialect ops -*- tablegen -*-===//
//
// Strings.
//
#ifndef ONNXC_DIALECTS_ONNX_TEXT_TD
#define ONNXC_DIALECTS_ONNX_TEXT_TD

include "dialects/onnx/OpBase.td"

def Onnx_RegexFullMatchOp : Onnx_PureOp<"RegexFullMatch"> {
  let summary = "Whether the whole string matches the pattern";
  let shapeRule = "inferPredicate";
  let arguments = (ins AnyTensor:$X, OptionalAttr<StrAttr>:$pattern);
  let results = (outs AnyTensor:$Y);
}

def Onnx_StringConcatOp : Onnx_PureOp<"StringConcat"> {
  let summary = "Concatenation of strings with broadcasting";
  let shapeRule = "inferBroadcast";
  let arguments = (ins AnyTensor:$X, AnyTensor:$Y);
  let results = (outs AnyTensor:$Z);
}

def Onnx_StringNormalizerOp : Onnx_PureOp<"StringNormalizer"> {
  let summary = "Change case, drop stop words";
  let arguments = (ins
    AnyTensor:$X, Onnx_Str<"NONE">:$case_change_action,
    Onnx_Int<0>:$is_case_sensitive, OptionalAttr<StrAttr>:$locale,
    OptionalAttr<StrArrayAttr>:$stopwords);
  let results = (outs AnyTensor:$Y);
}

def Onnx_StringSplitOp : Onnx_PureOp<"StringSplit"> {
  let summary = "Substrings between delimiters, padded with empty strings";
  let arguments = (ins
    AnyTensor:$X, OptionalAttr<StrAttr>:$delimiter,
    OptionalAttr<I64Attr>:$maxsplit);
  let results = (outs AnyTensor:$Y, AnyTensor:$Z);
}

def Onnx_TfIdfVectorizerOp : Onnx_PureOp<"TfIdfVectorizer"> {
  let summary = "Counts or weights of n-grams";
  let arguments = (ins
    AnyTensor:$X, I64Attr:$max_gram_length, I64Attr:$max_skip_count,
    I64Attr:$min_gram_length, StrAttr:$mode, DenseI64ArrayAttr:$ngram_counts,
    DenseI64ArrayAttr:$ngram_indexes,
    OptionalAttr<DenseI64ArrayAttr>:$pool_int64s,
    OptionalAttr<StrArrayAttr>:$pool_strings,
    OptionalAttr<DenseF32ArrayAttr>:$weights);
  let results = (outs AnyTensor:$Y);
}

#endif // ONNXC_DIALECTS_ONNX_TEXT_TD
