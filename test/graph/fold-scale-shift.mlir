// RUN: onnx-compile-opt --onnxc-fold-scale-shift %s | FileCheck %s

// a = scale / sqrt(var + epsilon) = 2, s = shift - mean * a = 1 - 3*2 = -5;
// W = 1 -> 2, B = 4 -> 4*2 - 5 = 3.
// CHECK-LABEL: func.func @conv
// CHECK-DAG: %[[W:.*]] = onnx.Constant dense<2.0{{.*}}> : tensor<1x1x1x1xf32>
// CHECK-DAG: %[[B:.*]] = onnx.Constant dense<3.0{{.*}}> : tensor<1xf32>
// CHECK: %[[Y:.*]] = onnx.Conv %{{.*}}, %[[W]], %[[B]]
// CHECK-NEXT: return %[[Y]]
func.func @conv(%x: tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
  %w = onnx.Constant dense<1.0> : tensor<1x1x1x1xf32>
  %b = onnx.Constant dense<4.0> : tensor<1xf32>
  %c = onnx.Conv %x, %w, %b : (tensor<1x1x4x4xf32>, tensor<1x1x1x1xf32>, tensor<1xf32>) -> tensor<1x1x4x4xf32>
  %scale = onnx.Constant dense<4.0> : tensor<1xf32>
  %shift = onnx.Constant dense<1.0> : tensor<1xf32>
  %mean = onnx.Constant dense<3.0> : tensor<1xf32>
  %var = onnx.Constant dense<3.5> : tensor<1xf32>
  %y, %m, %v = onnx.BatchNormalization %c, %scale, %shift, %mean, %var {epsilon = 0.5 : f32}
    : (tensor<1x1x4x4xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> (tensor<1x1x4x4xf32>, none, none)
  return %y : tensor<1x1x4x4xf32>
}

// Nothing in front to fold into.
// CHECK-LABEL: func.func @alone
// CHECK: onnx.Mul
// CHECK: onnx.Add
// CHECK-NOT: BatchNormalization
func.func @alone(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  %one = onnx.Constant dense<1.0> : tensor<2xf32>
  %y, %m, %v = onnx.BatchNormalization %x, %one, %one, %one, %one
    : (tensor<1x2x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<1x2x4xf32>, none, none)
  return %y : tensor<1x2x4xf32>
}

// The convolution's result is used twice: its weights stay.
// CHECK-LABEL: func.func @shared
// CHECK: onnx.Conv
// CHECK: onnx.Mul
func.func @shared(%x: tensor<1x1x4x4xf32>) -> (tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>) {
  %w = onnx.Constant dense<1.0> : tensor<1x1x1x1xf32>
  %none = onnx.NoValue
  %c = onnx.Conv %x, %w, %none : (tensor<1x1x4x4xf32>, tensor<1x1x1x1xf32>, none) -> tensor<1x1x4x4xf32>
  %s = onnx.Constant dense<3.0> : tensor<f32>
  %y = onnx.Mul %c, %s : (tensor<1x1x4x4xf32>, tensor<f32>) -> tensor<1x1x4x4xf32>
  return %c, %y : tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>
}
