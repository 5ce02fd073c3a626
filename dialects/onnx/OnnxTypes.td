//===- OnnxTypes.td - types of the onnx dialect -*- tablegen -*-===//
//
// What ONNX has and builtin types lack: strings (as element type), sequences,
// optionals and maps.
//
#ifndef ONNXC_DIALECTS_ONNX_ONNXTYPES_TD
#define ONNXC_DIALECTS_ONNX_ONNXTYPES_TD

include "dialects/onnx/OnnxDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Onnx_Type<string cppName, string typeMnemonic>
    : TypeDef<Onnx_Dialect, cppName> {
  let mnemonic = typeMnemonic;
}

def Onnx_StringType : Onnx_Type<"String", "string"> {
  let summary = "Element type of string tensors";
}

def Onnx_SequenceType : Onnx_Type<"Sequence", "seq"> {
  let summary = "Sequence of values of one type";
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}

def Onnx_OptionalType : Onnx_Type<"Optional", "opt"> {
  let summary = "A value or nothing";
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}

def Onnx_MapType : Onnx_Type<"Map", "map"> {
  let summary = "Map from integers or strings to values";
  let parameters = (ins "::mlir::Type":$keyType, "::mlir::Type":$valueType);
  let assemblyFormat = "`<` $keyType `,` $valueType `>`";
}

// Operand and result constraints.

def Onnx_AnySequence : Type<
    CPred<"::llvm::isa<::onnxc::onnx::SequenceType>($_self)">, "sequence">;

def Onnx_AnyOptional : Type<
    CPred<"::llvm::isa<::onnxc::onnx::OptionalType>($_self)">, "optional">;

// A tensor, or `none` where the model leaves it out.
def Onnx_OptionalTensor : AnyTypeOf<[AnyTensor, NoneType]>;

#endif // ONNXC_DIALECTS_ONNX_ONNXTYPES_TD
