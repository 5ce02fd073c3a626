// Shapes of 0 elements: the reshape into another order of dims keeps its zeros.
// RUN: onnx-compile-opt %s --onnxc-choose-layout | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK: onnx.Reshape %arg0, %{{.*}} {allowzero = 1 : i64} : (tensor<1x1x3x0xf32>, tensor<4xi64>) -> tensor<1x3x0x1xf32>
func.func @main(%x: tensor<1x1x3x0xf32>, %w: tensor<1x1x2x2xf32>) -> tensor<1x1x5x2xf32> {
  %none = onnx.NoValue
  %0 = onnx.ConvTranspose %x, %w, %none {dilations = array<i64: 2, 2>} : (tensor<1x1x3x0xf32>, tensor<1x1x2x2xf32>, none) -> tensor<1x1x5x2xf32>
  return %0 : tensor<1x1x5x2xf32>
}
