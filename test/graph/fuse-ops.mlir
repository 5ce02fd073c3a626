// RUN: onnx-compile-opt --onnxc-fuse-ops %s | FileCheck %s

// CHECK-LABEL: func.func @layer_norm
// CHECK: %[[Y:.*]], %{{.*}}, %{{.*}} = onnx.LayerNormalization %arg0, %{{.*}}, %{{.*}} {axis = 2 : i64}
// CHECK-NEXT: return %[[Y]]
func.func @layer_norm(%x: tensor<2x3x8xf32>) -> tensor<2x3x8xf32> {
  %axes = onnx.Constant dense<-1> : tensor<1xi64>
  %two = onnx.Constant dense<2.0> : tensor<f32>
  %eps = onnx.Constant dense<1.0e-5> : tensor<f32>
  %scale = onnx.Constant dense<3.0> : tensor<8xf32>
  %shift = onnx.Constant dense<4.0> : tensor<8xf32>
  %m = onnx.ReduceMean %x, %axes : (tensor<2x3x8xf32>, tensor<1xi64>) -> tensor<2x3x1xf32>
  %d = onnx.Sub %x, %m : (tensor<2x3x8xf32>, tensor<2x3x1xf32>) -> tensor<2x3x8xf32>
  %p = onnx.Pow %d, %two : (tensor<2x3x8xf32>, tensor<f32>) -> tensor<2x3x8xf32>
  %v = onnx.ReduceMean %p, %axes : (tensor<2x3x8xf32>, tensor<1xi64>) -> tensor<2x3x1xf32>
  %e = onnx.Add %v, %eps : (tensor<2x3x1xf32>, tensor<f32>) -> tensor<2x3x1xf32>
  %s = onnx.Sqrt %e : (tensor<2x3x1xf32>) -> tensor<2x3x1xf32>
  %n = onnx.Div %d, %s : (tensor<2x3x8xf32>, tensor<2x3x1xf32>) -> tensor<2x3x8xf32>
  %g = onnx.Mul %n, %scale : (tensor<2x3x8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32>
  %y = onnx.Add %g, %shift : (tensor<2x3x8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}

// CHECK-LABEL: func.func @gelu
// CHECK: onnx.Gelu %arg0
// CHECK-NEXT: return
func.func @gelu(%x: tensor<8xf32>) -> tensor<8xf32> {
  %r = onnx.Constant dense<1.41421354> : tensor<f32>
  %one = onnx.Constant dense<1.0> : tensor<f32>
  %half = onnx.Constant dense<0.5> : tensor<f32>
  %d = onnx.Div %x, %r : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %e = onnx.Erf %d : (tensor<8xf32>) -> tensor<8xf32>
  %a = onnx.Add %e, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %m = onnx.Mul %x, %a : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %y = onnx.Mul %m, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// Another factor than one half: not a Gelu.
// CHECK-LABEL: func.func @not_gelu
// CHECK: onnx.Erf
func.func @not_gelu(%x: tensor<8xf32>) -> tensor<8xf32> {
  %r = onnx.Constant dense<1.41421354> : tensor<f32>
  %one = onnx.Constant dense<1.0> : tensor<f32>
  %half = onnx.Constant dense<0.75> : tensor<f32>
  %d = onnx.Div %x, %r : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %e = onnx.Erf %d : (tensor<8xf32>) -> tensor<8xf32>
  %a = onnx.Add %e, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %m = onnx.Mul %x, %a : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %y = onnx.Mul %m, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
