//===- Interfaces.td - op interfaces of the onnx dialect -*- tablegen -*-===//
//
// What an op is to a pass: native traits, and interfaces where it takes code.
//
#ifndef ONNXC_DIALECTS_ONNX_INTERFACES_TD
#define ONNXC_DIALECTS_ONNX_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Onnx_InferShapes : OpInterface<"InferShapes"> {
  let cppNamespace = "::onnxc::onnx";
  let description = "Result types from operand types and known operand values.";
  let methods = [InterfaceMethod<[{
      Write what operands and attributes tell about each result type into
      `types`. On entry it holds the present types; a rule that knows nothing
      leaves them. The caller merges both and keeps `none` for results that the
      model leaves out. Fails, with a diagnostic, on operands that contradict
      each other.
    }], "::llvm::LogicalResult", "inferShapes",
    (ins "::llvm::SmallVectorImpl<::mlir::Type> &":$types)>];
}

//===-- Native traits (Traits.h)

class Onnx_Trait<string name> : NativeOpTrait<name> {
  let cppNamespace = "::onnxc::onnx";
}

// Each element of the result is a function of the elements at its place in the
// operands, which broadcast; `none` operands count as absent.
def Onnx_Elementwise : Onnx_Trait<"Elementwise">;

// A function that takes many instructions per element: of 8 bits it is read
// from a table.
def Onnx_CostlyFunction : Onnx_Trait<"CostlyFunction">;

// Scales with its operands: f(a*x, a*y, ...) = a * f(x, y, ...) for a > 0 over
// all floating-point operands.
def Onnx_Homogeneous : Onnx_Trait<"Homogeneous">;

// Computes channels-last whatever `layout` says; operand 0 and result 0 are
// images.
def Onnx_ComputesChannelsLast : Onnx_Trait<"ComputesChannelsLast">;

// A product of matrices that takes constant bytes as they are: a DequantizeLinear
// behind operand 1 is part of it (WidenedWeight.h).
def Onnx_WidensWeight : Onnx_Trait<"WidensWeight">;

//===-- Order of dims

def Onnx_DimOrder : OpInterface<"DimOrder"> {
  let cppNamespace = "::onnxc::onnx";
  let description = [{
    Computes the same with the dims of operand 0 and of the results in another
    order, after its axes are renamed. (Elementwise ops do as they are.)
  }];
  let methods = [
    InterfaceMethod<"Its axes are known now, so that they can be renamed.",
      "bool", "acceptsDimOrder", (ins), "", "return true;">,
    InterfaceMethod<"Renames axes: dim d of operand 0 becomes dim place[d].",
      "void", "permuteDims", (ins "::mlir::OpBuilder &":$builder,
      "::llvm::ArrayRef<int64_t>":$place)>,
    InterfaceMethod<"All operands have the dims of operand 0.",
      "bool", "operandsShareDims", (ins), "", "return false;">,
    InterfaceMethod<"The results have the dims of operand 0.",
      "bool", "resultsShareDims", (ins), "", "return true;">];
}

//===-- Quantised values

def Onnx_PassesQuantized : OpInterface<"PassesQuantized"> {
  let cppNamespace = "::onnxc::onnx";
  let description = [{
    Every element of result 0 (of all results, for several of one kind) is an
    element of operand 0, chosen by place or by order alone, or the fill value:
    op(a*x + b) = a*op(x) + b for a > 0.
  }];
  let methods = [
    InterfaceMethod<"Attributes and types allow it.",
      "bool", "passesQuantized", (ins), "", "return true;">,
    InterfaceMethod<"All operands are such data, not operand 0 alone.",
      "bool", "joinsOperands", (ins), "", "return false;">,
    InterfaceMethod<[{
        Where dim `axis` of operand 0 is in the results, element by element;
        nullopt where its elements are moved.
      }], "std::optional<int64_t>", "axisBehind", (ins "int64_t":$axis), "",
      "return std::nullopt;">,
    InterfaceMethod<[{
        The operand with the value that is put where no element goes (0 when
        absent); nullopt when there is no such place.
      }], "std::optional<unsigned>", "fillOperand", (ins), "",
      "return std::nullopt;">];
}

#endif // ONNXC_DIALECTS_ONNX_INTERFACES_TD
