//===- Logical.td - onnx dialect ops -*- tablegen -*-===//
//
// Comparison, boolean and bitwise operations.
//
#ifndef ONNXC_DIALECTS_ONNX_LOGICAL_TD
#define ONNXC_DIALECTS_ONNX_LOGICAL_TD

include "dialects/onnx/OpBase.td"

//===-- Comparisons: the result is i1.

def Onnx_EqualOp : Onnx_BinaryPredicateOp<"Equal", "A == B">;

def Onnx_GreaterOp : Onnx_BinaryPredicateOp<"Greater", "A > B">;

def Onnx_GreaterOrEqualOp : Onnx_BinaryPredicateOp<"GreaterOrEqual", "A >= B">;

def Onnx_LessOp : Onnx_BinaryPredicateOp<"Less", "A < B">;

def Onnx_LessOrEqualOp : Onnx_BinaryPredicateOp<"LessOrEqual", "A <= B">;

def Onnx_IsInfOp
    : Onnx_UnaryPredicateOp<"IsInf",
      "Whether x is infinite; the attributes choose the signs"> {
  let attrs = (ins Onnx_Int<1>:$detect_negative, Onnx_Int<1>:$detect_positive);
}

def Onnx_IsNaNOp : Onnx_UnaryPredicateOp<"IsNaN", "Whether x is NaN">;

//===-- Booleans.

def Onnx_AndOp : Onnx_BinaryPredicateOp<"And", "Logical and">;

def Onnx_NotOp : Onnx_UnaryElementwiseOp<"Not", "Logical negation">;

def Onnx_OrOp : Onnx_BinaryPredicateOp<"Or", "Logical or">;

def Onnx_XorOp : Onnx_BinaryPredicateOp<"Xor", "Logical exclusive or">;

//===-- Bits.

def Onnx_BitShiftOp
    : Onnx_BinaryBroadcastOp<"BitShift",
      "Shift X by Y bits in the given direction", "X", "Y", "Z"> {
  let hasVerifier = 1;
  let attrs = (ins StrAttr:$direction);
}

def Onnx_BitwiseAndOp : Onnx_BinaryBroadcastOp<"BitwiseAnd", "Bitwise and">;

def Onnx_BitwiseNotOp
    : Onnx_UnaryElementwiseOp<"BitwiseNot", "Bitwise complement">;

def Onnx_BitwiseOrOp : Onnx_BinaryBroadcastOp<"BitwiseOr", "Bitwise or">;

def Onnx_BitwiseXorOp
    : Onnx_BinaryBroadcastOp<"BitwiseXor", "Bitwise exclusive or">;

#endif // ONNXC_DIALECTS_ONNX_LOGICAL_TD
