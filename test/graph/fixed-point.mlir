// RUN: onnx-compile-opt --onnxc-fold-quantize-scale=fixed-point %s | FileCheck %s

// In f32, 0.0002 / 0.05 is 17179868 of 2^32; the offset holds the bias of 2.5 quanta, the zero point 3 and one half.
// CHECK-LABEL: func.func @layer
// CHECK-DAG: %[[M:.*]] = onnx.Constant dense<17179868> : tensor<i32>
// CHECK-DAG: %[[O:.*]] = onnx.Constant dense<25769803776> : tensor<i64>
// CHECK: onnx.Rescale %[[O]], %arg0, %[[M]] : (tensor<i64>, tensor<4xi32>, tensor<i32>) -> tensor<4xui8>
func.func @layer(%sums: tensor<4xi32>) -> tensor<4xui8> {
  %m = onnx.Constant dense<0.0002> : tensor<f32>
  %b = onnx.Constant dense<0.125> : tensor<f32>
  %s = onnx.Constant dense<0.05> : tensor<f32>
  %z = onnx.Constant dense<3> : tensor<ui8>
  %x = onnx.Cast %sums {to = 1 : i64} : (tensor<4xi32>) -> tensor<4xf32>
  %y = onnx.Mul %x, %m : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %a = onnx.Add %y, %b : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %o = onnx.QuantizeLinear %a, %s, %z : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  return %o : tensor<4xui8>
}

// Bytes count 256 times: in f32, 0.03 / 0.1 is 5033164 of 2^24.
// CHECK-LABEL: func.func @sum
// CHECK-DAG: onnx.Constant dense<5033164> : tensor<i32>
// CHECK: onnx.Rescale %{{.*}}, %arg0, %{{.*}}, %arg1, %{{.*}} : (tensor<i64>, tensor<4xi8>, tensor<i32>, tensor<4xi8>, tensor<i32>) -> tensor<4xi8>
func.func @sum(%p: tensor<4xi8>, %q: tensor<4xi8>) -> tensor<4xi8> {
  %s = onnx.Constant dense<0.03> : tensor<f32>
  %t = onnx.Constant dense<0.07> : tensor<f32>
  %u = onnx.Constant dense<0.1> : tensor<f32>
  %z = onnx.Constant dense<-7> : tensor<i8>
  %a = onnx.DequantizeLinear %p, %s, %z : (tensor<4xi8>, tensor<f32>, tensor<i8>) -> tensor<4xf32>
  %b = onnx.DequantizeLinear %q, %t, %z : (tensor<4xi8>, tensor<f32>, tensor<i8>) -> tensor<4xf32>
  %y = onnx.Add %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %o = onnx.QuantizeLinear %y, %u, %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
  return %o : tensor<4xi8>
}

// Half of an integer lies half way between two as often as not, and is rounded to the even one.
// CHECK-LABEL: func.func @ties
// CHECK-NOT: onnx.Rescale
// CHECK: return
func.func @ties(%q: tensor<4xi8>) -> tensor<4xi8> {
  %s = onnx.Constant dense<0.125> : tensor<f32>
  %t = onnx.Constant dense<0.25> : tensor<f32>
  %z = onnx.Constant dense<0> : tensor<i8>
  %a = onnx.DequantizeLinear %q, %s, %z : (tensor<4xi8>, tensor<f32>, tensor<i8>) -> tensor<4xf32>
  %o = onnx.QuantizeLinear %a, %t, %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
  return %o : tensor<4xi8>
}

// What ops of the QLinear family become divides by 1, and rounds as they do.
// CHECK-LABEL: func.func @exact
// CHECK-NOT: onnx.Rescale
// CHECK: return
func.func @exact(%sums: tensor<4xi32>) -> tensor<4xi8> {
  %m = onnx.Constant dense<0.003> : tensor<f32>
  %s = onnx.Constant dense<1.0> : tensor<f32>
  %z = onnx.Constant dense<0> : tensor<i8>
  %x = onnx.Cast %sums {to = 1 : i64} : (tensor<4xi32>) -> tensor<4xf32>
  %y = onnx.Mul %x, %m : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %o = onnx.QuantizeLinear %y, %s, %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
  return %o : tensor<4xi8>
}
