// RUN: onnx-compile-opt --onnxc-fold-quantize-scale %s | FileCheck %s

// The scale goes into multiplier, bias and the other summand; saturation at the
// zero point is the Relu.
// CHECK-LABEL: func.func @residual
// CHECK: %[[M:.*]] = onnx.Constant dense<2.500000e-01> : tensor<f32>
// CHECK: %[[X:.*]] = onnx.Mul %arg0, %[[M]]
// CHECK: %[[S:.*]] = onnx.Constant dense<4.000000e+00> : tensor<f32>
// CHECK: %[[D:.*]] = onnx.DequantizeLinear %arg1, %[[S]]
// CHECK: %[[Y:.*]] = onnx.Add %[[X]], %[[D]]
// CHECK: %[[ONE:.*]] = onnx.Constant dense<1.000000e+00> : tensor<f32>
// CHECK: onnx.QuantizeLinear %[[Y]], %[[ONE]]
func.func @residual(%sums: tensor<4xf32>, %q: tensor<4xui8>) -> tensor<4xui8> {
  %m = onnx.Constant dense<0.125> : tensor<f32>
  %s = onnx.Constant dense<2.0> : tensor<f32>
  %t = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<0> : tensor<ui8>
  %x = onnx.Mul %sums, %m : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %d = onnx.DequantizeLinear %q, %s, %z : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  %y = onnx.Add %x, %d : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %r = onnx.Relu %y : (tensor<4xf32>) -> tensor<4xf32>
  %o = onnx.QuantizeLinear %r, %t, %z : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  return %o : tensor<4xui8>
}

// Bounds inside of what saturation gives scale with the rest.
// CHECK-LABEL: func.func @bounds
// CHECK-DAG: %[[L:.*]] = onnx.Constant dense<2.000000e+00> : tensor<f32>
// CHECK-DAG: %[[H:.*]] = onnx.Constant dense<8.000000e+00> : tensor<f32>
// CHECK: onnx.Clip %{{.*}}, %[[L]], %[[H]]
func.func @bounds(%sums: tensor<4xf32>) -> tensor<4xui8> {
  %m = onnx.Constant dense<0.125> : tensor<f32>
  %l = onnx.Constant dense<1.0> : tensor<f32>
  %h = onnx.Constant dense<4.0> : tensor<f32>
  %t = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<0> : tensor<ui8>
  %x = onnx.Mul %sums, %m : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %c = onnx.Clip %x, %l, %h : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %o = onnx.QuantizeLinear %c, %t, %z : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  return %o : tensor<4xui8>
}

// Relu in the middle of the range stays; floats that nothing scales, or that
// others read, are divided.
// CHECK-LABEL: func.func @stays
// CHECK-DAG: %[[T:.*]] = onnx.Constant dense<5.000000e-01> : tensor<f32>
// CHECK: onnx.Relu
// CHECK: onnx.QuantizeLinear %{{.*}}, %[[T]]
// CHECK: onnx.QuantizeLinear %{{.*}}, %[[T]]
func.func @stays(%x: tensor<4xf32>) -> (tensor<4xui8>, tensor<4xui8>, tensor<4xf32>) {
  %m = onnx.Constant dense<0.125> : tensor<f32>
  %t = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<9> : tensor<ui8>
  %r = onnx.Relu %x : (tensor<4xf32>) -> tensor<4xf32>
  %o = onnx.QuantizeLinear %r, %t, %z : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  %y = onnx.Mul %x, %m : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %p = onnx.QuantizeLinear %y, %t, %z : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  return %o, %p, %y : tensor<4xui8>, tensor<4xui8>, tensor<4xf32>
}
