// An op whose operand gets its rank only here is checked against it.
// RUN: not onnx-compile-opt %s --onnxc-lower 2>&1 | FileCheck %s

// CHECK: Split: 'onnx.Split' op axis: got 1, wanted -1 to 0 for rank 1
func.func @main(%x: tensor<1x1x3xf32>) -> tensor<*xf32> {
  %none = onnx.NoValue
  %row = onnx.Squeeze %x, %none : (tensor<1x1x3xf32>, none) -> tensor<*xf32>
  %part:3 = onnx.Split %row, %none {axis = 1 : i64, num_outputs = 3 : i64} : (tensor<*xf32>, none) -> (tensor<*xf32>, tensor<*xf32>, tensor<*xf32>)
  %y = onnx.Concat %part#0, %part#2 {axis = 1 : i64} : (tensor<*xf32>, tensor<*xf32>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}
