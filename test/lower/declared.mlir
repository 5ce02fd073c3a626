// A dim that comes to the same whatever the run says, here 1 or 1, contradicts a declared one when compiling.
// RUN: not onnx-compile-opt %s --onnxc-lower 2>&1 | FileCheck %s

// CHECK: output 'y': dim 0: got 1, wanted 2 as it is declared
func.func @main(%x: tensor<1x3x1x5xf32>, %axes: tensor<1xi64>) -> (tensor<?x?x?x?x?xf32> {onnx.declared = tensor<2x3x1x1x5xf32>, onnx.name = "y"}) {
  %y = onnx.Unsqueeze %x, %axes : (tensor<1x3x1x5xf32>, tensor<1xi64>) -> tensor<?x?x?x?x?xf32>
  return %y : tensor<?x?x?x?x?xf32>
}
