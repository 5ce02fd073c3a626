//===- OpBase.td - op and attribute classes -*- tablegen -*-===//
//
// The classes that keep the records of the families short: one class per
// common signature, which is also one shape rule.
//
#ifndef ONNXC_DIALECTS_ONNX_OPBASE_TD
#define ONNXC_DIALECTS_ONNX_OPBASE_TD

include "dialects/onnx/Interfaces.td"
include "dialects/onnx/OnnxTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===-- Attributes with a default

class Onnx_Int<int default>
    : DefaultValuedAttr<I64Attr, !cast<string>(default)>;
class Onnx_Float<string default> : DefaultValuedAttr<F32Attr, default>;
class Onnx_Str<string default> : DefaultValuedStrAttr<StrAttr, default>;

// Order of the dims of image operands and results; "NCHW" (channels second)
// at import, "NHWC" (channels last) when the layout pass chose so.
def Onnx_LayoutAttr : Onnx_Str<"NCHW">;

//===-- Ops

class Onnx_BaseOp<string mnemonic, list<Trait> traits = []>
    : Op<Onnx_Dialect, mnemonic, traits> {
  let assemblyFormat =
      "operands attr-dict `:` functional-type(operands, results)";
}

// An op with a shape rule: a function of ShapeRules.h named by `shapeRule`, or
// its own inferShapes in Infer*.cpp.
class Onnx_Op<string mnemonic, list<Trait> traits = []>
    : Onnx_BaseOp<mnemonic, !listconcat(
        [DeclareOpInterfaceMethods<Onnx_InferShapes>], traits)> {
  string shapeRule = "";
  // Methods of further interfaces, where a class of ops has them in common.
  code moreDefinitions = "";
  let extraClassDefinition = !if(!empty(shapeRule), "", [{
    ::llvm::LogicalResult
    $cppClass::inferShapes(::llvm::SmallVectorImpl<::mlir::Type> &types) {
      return ::onnxc::onnx::}] # shapeRule # [{(*this, types);
    }
  }]) # moreDefinitions;
}

class Onnx_PureOp<string mnemonic, list<Trait> traits = []>
    : Onnx_Op<mnemonic, !listconcat([Pure], traits)>;

// An op with bodies that may use values from outside.
class Onnx_RegionOp<string mnemonic, list<Trait> traits = []>
    : Onnx_Op<mnemonic, !listconcat([RecursiveMemoryEffects], traits)> {
  let assemblyFormat = "operands attr-dict-with-keyword regions `:` "
                       "functional-type(operands, results)";
}

//===-- Elementwise

// The result has the type of the operand.
class Onnx_UnaryElementwiseOp<string mnemonic, string text, string from = "X",
                              string to = "Y", list<Trait> traits = []>
    : Onnx_PureOp<mnemonic, !listconcat([Onnx_Elementwise], traits)> {
  dag attrs = (ins);
  let summary = text;
  let shapeRule = "inferLikeOperand";
  let arguments = !con(!dag(ins, [AnyTensor], [from]), attrs);
  let results = !dag(outs, [AnyTensor], [to]);
}

// One that takes many instructions.
class Onnx_UnaryFunctionOp<string mnemonic, string text, string from = "X",
                           string to = "Y">
    : Onnx_UnaryElementwiseOp<mnemonic, text, from, to, [Onnx_CostlyFunction]>;

// The result has the shape of the operand and element type i1.
class Onnx_UnaryPredicateOp<string mnemonic, string text>
    : Onnx_PureOp<mnemonic, [Onnx_Elementwise]> {
  dag attrs = (ins);
  let summary = text;
  let shapeRule = "inferPredicate";
  let arguments = !con((ins AnyTensor:$X), attrs);
  let results = (outs AnyTensor:$Y);
}

// Broadcast of both operands; element type of the first.
class Onnx_BinaryBroadcastOp<string mnemonic, string text, string lhs = "A",
                             string rhs = "B", string out = "C",
                             list<Trait> traits = []>
    : Onnx_PureOp<mnemonic, !listconcat([Onnx_Elementwise], traits)> {
  dag attrs = (ins);
  let summary = text;
  let shapeRule = "inferBroadcast";
  let arguments = !con(!dag(ins, [AnyTensor, AnyTensor], [lhs, rhs]), attrs);
  let results = !dag(outs, [AnyTensor], [out]);
}

// Broadcast of both operands; element type i1.
class Onnx_BinaryPredicateOp<string mnemonic, string text>
    : Onnx_PureOp<mnemonic, [Onnx_Elementwise]> {
  let summary = text;
  let shapeRule = "inferPredicate";
  let arguments = (ins AnyTensor:$A, AnyTensor:$B);
  let results = (outs AnyTensor:$C);
}

// Broadcast of any number of operands of one element type: sums and extremes.
class Onnx_VariadicBroadcastOp<string mnemonic, string text, string out>
    : Onnx_PureOp<mnemonic, [Onnx_Elementwise, Onnx_Homogeneous]> {
  let summary = text;
  let shapeRule = "inferBroadcast";
  let arguments = (ins Variadic<AnyTensor>:$data_0);
  let results = !dag(outs, [AnyTensor], [out]);
}

//===-- Reductions

// Reduction over `axes`, a constant or computed operand; over all without.
class Onnx_ReductionOp<string mnemonic, string text, list<Trait> traits = []>
    : Onnx_PureOp<mnemonic, !listconcat(
        [DeclareOpInterfaceMethods<Onnx_DimOrder,
          ["acceptsDimOrder", "resultsShareDims"]>], traits)> {
  let moreDefinitions = [{
    bool $cppClass::acceptsDimOrder() {
      return ::onnxc::onnx::reductionAcceptsDimOrder(*this);
    }
    void $cppClass::permuteDims(::mlir::OpBuilder &builder,
                                ::llvm::ArrayRef<int64_t> place) {
      ::onnxc::onnx::renameAxesOperand(*this, 1, builder, place);
    }
    bool $cppClass::resultsShareDims() { return getKeepdims() != 0; }
  }];
  let summary = text;
  let shapeRule = "inferReduction";
  let arguments = (ins AnyTensor:$data, Onnx_OptionalTensor:$axes,
    Onnx_Int<1>:$keepdims, Onnx_Int<0>:$noop_with_empty_axes);
  let results = (outs AnyTensor:$reduced);
}

class Onnx_ArgReductionOp<string mnemonic, string text>
    : Onnx_PureOp<mnemonic> {
  let summary = text;
  let shapeRule = "inferArgReduction";
  let hasVerifier = 1;
  let arguments = (ins AnyTensor:$data, Onnx_Int<0>:$axis,
    Onnx_Int<1>:$keepdims, Onnx_Int<0>:$select_last_index);
  let results = (outs AnyTensor:$reduced);
}

class Onnx_CumulativeOp<string mnemonic, string text> : Onnx_PureOp<mnemonic> {
  let summary = text;
  let shapeRule = "inferCumulative";
  let arguments = (ins AnyTensor:$x, AnyTensor:$axis, Onnx_Int<0>:$exclusive,
    Onnx_Int<0>:$reverse);
  let results = (outs AnyTensor:$y);
}

class Onnx_SoftmaxOp<string mnemonic, string text>
    : Onnx_PureOp<mnemonic, [DeclareOpInterfaceMethods<Onnx_DimOrder>]> {
  let moreDefinitions = [{
    void $cppClass::permuteDims(::mlir::OpBuilder &,
                                ::llvm::ArrayRef<int64_t> place) {
      setAxis(::onnxc::onnx::renamedAxis(getAxis(), place));
    }
  }];
  let summary = text;
  let shapeRule = "inferLikeOperand";
  let hasVerifier = 1;
  let arguments = (ins AnyTensor:$input, Onnx_Int<-1>:$axis);
  let results = (outs AnyTensor:$output);
}

//===-- Windows

defvar Onnx_ConvAttrs = (ins Onnx_Str<"NOTSET">:$auto_pad,
  OptionalAttr<DenseI64ArrayAttr>:$dilations, Onnx_Int<1>:$group,
  OptionalAttr<DenseI64ArrayAttr>:$kernel_shape,
  OptionalAttr<DenseI64ArrayAttr>:$pads,
  OptionalAttr<DenseI64ArrayAttr>:$strides, Onnx_LayoutAttr:$layout);

class Onnx_PoolOp<string mnemonic, string text, list<Trait> traits = []>
    : Onnx_PureOp<mnemonic, !listconcat([Onnx_ComputesChannelsLast], traits)> {
  dag attrs = (ins);
  let summary = text;
  let shapeRule = "inferPool";
  let hasVerifier = 1;
  let arguments = !con((ins AnyTensor:$X, Onnx_Str<"NOTSET">:$auto_pad,
    Onnx_Int<0>:$ceil_mode, OptionalAttr<DenseI64ArrayAttr>:$dilations,
    DenseI64ArrayAttr:$kernel_shape, OptionalAttr<DenseI64ArrayAttr>:$pads,
    OptionalAttr<DenseI64ArrayAttr>:$strides, Onnx_LayoutAttr:$layout), attrs);
  let results = (outs AnyTensor:$Y);
}

class Onnx_GlobalPoolOp<string mnemonic, string text,
                        list<Trait> traits = []>
    : Onnx_PureOp<mnemonic, !listconcat([Onnx_ComputesChannelsLast], traits)> {
  dag attrs = (ins);
  let summary = text;
  let shapeRule = "inferGlobalPool";
  let arguments = !con((ins AnyTensor:$X, Onnx_LayoutAttr:$layout), attrs);
  let results = (outs AnyTensor:$Y);
}

#endif // ONNXC_DIALECTS_ONNX_OPBASE_TD
