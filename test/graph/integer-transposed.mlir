// ConvTranspose of dequantised values: phases are channels of one convolution, and bytes move to their places.
// RUN: onnx-compile-opt --onnxc-integer-forms --onnxc-move-quantization %s | FileCheck %s

// CHECK-LABEL: func.func @phases
// CHECK: %[[W:.*]] = onnx.Constant {{.*}} : tensor<8x3x2x2xi8>
// CHECK: %[[S:.*]] = onnx.ConvInteger %arg0, %[[W]]
// CHECK-SAME: tensor<1x8x{{[0-9]+}}x{{[0-9]+}}xi32>
// CHECK: onnx.QuantizeLinear
// CHECK: onnx.Reshape {{.*}}xi8>
// CHECK: onnx.Transpose {{.*}}xi8>
// CHECK: onnx.Slice {{.*}} -> tensor<1x2x9x9xi8>
// CHECK-NOT: onnx.ConvTranspose
func.func @phases(%q: tensor<1x3x5x5xi8>) -> tensor<1x2x9x9xi8> {
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %none = onnx.NoValue
  %w = onnx.Constant dense<3> : tensor<3x2x3x3xi8>
  %x = onnx.DequantizeLinear %q, %s, %none : (tensor<1x3x5x5xi8>, tensor<f32>, none) -> tensor<1x3x5x5xf32>
  %f = onnx.DequantizeLinear %w, %s, %none : (tensor<3x2x3x3xi8>, tensor<f32>, none) -> tensor<3x2x3x3xf32>
  %y = onnx.ConvTranspose %x, %f, %none {kernel_shape = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>} : (tensor<1x3x5x5xf32>, tensor<3x2x3x3xf32>, none) -> tensor<1x2x9x9xf32>
  %z = onnx.Constant dense<0> : tensor<i8>
  %r = onnx.QuantizeLinear %y, %s, %z : (tensor<1x2x9x9xf32>, tensor<f32>, tensor<i8>) -> tensor<1x2x9x9xi8>
  return %r : tensor<1x2x9x9xi8>
}

// A stride beside a dilation stays in float.
// CHECK-LABEL: func.func @both
// CHECK: onnx.ConvTranspose
func.func @both(%q: tensor<1x3x5x5xi8>) -> tensor<1x2x13x13xf32> {
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %none = onnx.NoValue
  %w = onnx.Constant dense<3> : tensor<3x2x3x3xi8>
  %x = onnx.DequantizeLinear %q, %s, %none : (tensor<1x3x5x5xi8>, tensor<f32>, none) -> tensor<1x3x5x5xf32>
  %f = onnx.DequantizeLinear %w, %s, %none : (tensor<3x2x3x3xi8>, tensor<f32>, none) -> tensor<3x2x3x3xf32>
  %y = onnx.ConvTranspose %x, %f, %none {kernel_shape = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 2, 2>} : (tensor<1x3x5x5xf32>, tensor<3x2x3x3xf32>, none) -> tensor<1x2x13x13xf32>
  return %y : tensor<1x2x13x13xf32>
}
