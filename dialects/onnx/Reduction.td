//===- Reduction.td - onnx dialect ops -*- tablegen -*-===//
//
// Reductions along axes, arg reductions and scans along one axis.
//
#ifndef ONNXC_DIALECTS_ONNX_REDUCTION_TD
#define ONNXC_DIALECTS_ONNX_REDUCTION_TD

include "dialects/onnx/OpBase.td"

def Onnx_ReduceL1Op : Onnx_ReductionOp<"ReduceL1", "Sum of absolute values">;

def Onnx_ReduceL2Op
    : Onnx_ReductionOp<"ReduceL2", "Square root of the sum of squares">;

def Onnx_ReduceLogSumOp
    : Onnx_ReductionOp<"ReduceLogSum", "Logarithm of the sum">;

def Onnx_ReduceLogSumExpOp
    : Onnx_ReductionOp<"ReduceLogSumExp",
      "Logarithm of the sum of exponentials">;

def Onnx_ReduceMaxOp : Onnx_ReductionOp<"ReduceMax", "Maximum">;

def Onnx_ReduceMeanOp : Onnx_ReductionOp<"ReduceMean", "Mean", [Onnx_Homogeneous]>;

def Onnx_ReduceMinOp : Onnx_ReductionOp<"ReduceMin", "Minimum">;

def Onnx_ReduceProdOp : Onnx_ReductionOp<"ReduceProd", "Product">;

def Onnx_ReduceSumOp : Onnx_ReductionOp<"ReduceSum", "Sum", [Onnx_Homogeneous]>;

def Onnx_ReduceSumSquareOp
    : Onnx_ReductionOp<"ReduceSumSquare", "Sum of squares">;

def Onnx_ArgMaxOp
    : Onnx_ArgReductionOp<"ArgMax", "Index of the maximum along `axis`">;

def Onnx_ArgMinOp
    : Onnx_ArgReductionOp<"ArgMin", "Index of the minimum along `axis`">;

def Onnx_CumProdOp
    : Onnx_CumulativeOp<"CumProd", "Cumulative product along `axis`">;

def Onnx_CumSumOp : Onnx_CumulativeOp<"CumSum", "Cumulative sum along `axis`">;

#endif // ONNXC_DIALECTS_ONNX_REDUCTION_TD
