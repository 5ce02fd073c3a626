// RUN: onnx-compile-opt --onnxc-fold-constants %s | FileCheck %s

// Elementwise with broadcasting, then a transpose.
// CHECK-LABEL: func.func @arithmetic
// CHECK-NEXT: %[[C:.*]] = onnx.Constant dense<{{.*}}1.100000e+01, 2.100000e+01], [1.200000e+01, 2.200000e+01]{{.*}}> : tensor<2x2xf32>
// CHECK-NEXT: return %[[C]]
func.func @arithmetic() -> tensor<2x2xf32> {
  %a = onnx.Constant dense<[[10.0], [20.0]]> : tensor<2x1xf32>
  %b = onnx.Constant dense<[1.0, 2.0]> : tensor<2xf32>
  %s = onnx.Add %a, %b : (tensor<2x1xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  %t = onnx.Transpose %s {perm = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %t : tensor<2x2xf32>
}

// Dims that the type knows.
// CHECK-LABEL: func.func @dims
// CHECK: onnx.Constant dense<[4, 7]> : tensor<2xi64>
// CHECK-NOT: onnx.Shape
func.func @dims(%x: tensor<?x4xf32>) -> tensor<2xi64> {
  %shape = onnx.Shape %x {start = 0 : i64} : (tensor<?x4xf32>) -> tensor<2xi64>
  %one = onnx.Constant dense<1> : tensor<1xi64>
  %d = onnx.Gather %shape, %one {axis = 0 : i64} : (tensor<2xi64>, tensor<1xi64>) -> tensor<1xi64>
  %seven = onnx.Constant dense<7> : tensor<1xi64>
  %r = onnx.Concat %d, %seven {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  return %r : tensor<2xi64>
}

// A large splat stays a splat.
// CHECK-LABEL: func.func @splat
// CHECK: onnx.Constant dense<6.{{.*}}> : tensor<1000x1000xf32>
func.func @splat() -> tensor<1000x1000xf32> {
  %s = onnx.Constant dense<1000> : tensor<2xi64>
  %a = onnx.ConstantOfShape %s {value = dense<3.0> : tensor<1xf32>} : (tensor<2xi64>) -> tensor<1000x1000xf32>
  %b = onnx.Constant dense<2.0> : tensor<f32>
  %r = onnx.Mul %a, %b : (tensor<1000x1000xf32>, tensor<f32>) -> tensor<1000x1000xf32>
  return %r : tensor<1000x1000xf32>
}

// Division by zero of integers is left to the run.
// CHECK-LABEL: func.func @div_zero
// CHECK: onnx.Div
func.func @div_zero() -> tensor<i64> {
  %a = onnx.Constant dense<5> : tensor<i64>
  %b = onnx.Constant dense<0> : tensor<i64>
  %r = onnx.Div %a, %b : (tensor<i64>, tensor<i64>) -> tensor<i64>
  return %r : tensor<i64>
}

// f16 rounds to nearest even; integers saturate nowhere but wrap.
// CHECK-LABEL: func.func @casts
// CHECK: dense<[1.000000e+00, 2.049000e+03, -0.000000e+00]> : tensor<3xf32>
func.func @casts() -> tensor<3xf32> {
  %a = onnx.Constant dense<[1.0, 2049.0, -0.0]> : tensor<3xf32>
  %b = onnx.Cast %a {to = 11 : i64} : (tensor<3xf32>) -> tensor<3xf64>
  %c = onnx.Cast %b {to = 1 : i64} : (tensor<3xf64>) -> tensor<3xf32>
  return %c : tensor<3xf32>
}
