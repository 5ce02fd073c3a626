// RUN: onnx-compile-opt --onnxc-quant-tables %s | FileCheck %s

// One table for x * sigmoid(x), with what is quantised between.
// CHECK-LABEL: func.func @silu
// CHECK: %[[T:.*]] = onnx.Constant dense<"0x{{.*}}"> : tensor<256xui8>
// CHECK: %[[Y:.*]] = onnx.Gather %[[T]], %arg0 : (tensor<256xui8>, tensor<3x5xui8>) -> tensor<3x5xui8>
// CHECK-NEXT: return %[[Y]]
func.func @silu(%q: tensor<3x5xui8>) -> tensor<3x5xui8> {
  %s = onnx.Constant dense<0.05> : tensor<f32>
  %z = onnx.Constant dense<128> : tensor<ui8>
  %t = onnx.Constant dense<0.0039> : tensor<f32>
  %n = onnx.Constant dense<0> : tensor<ui8>
  %x = onnx.DequantizeLinear %q, %s, %z : (tensor<3x5xui8>, tensor<f32>, tensor<ui8>) -> tensor<3x5xf32>
  %a = onnx.Sigmoid %x : (tensor<3x5xf32>) -> tensor<3x5xf32>
  %b = onnx.QuantizeLinear %a, %t, %n : (tensor<3x5xf32>, tensor<f32>, tensor<ui8>) -> tensor<3x5xui8>
  %c = onnx.DequantizeLinear %b, %t, %n : (tensor<3x5xui8>, tensor<f32>, tensor<ui8>) -> tensor<3x5xf32>
  %y = onnx.Mul %x, %c : (tensor<3x5xf32>, tensor<3x5xf32>) -> tensor<3x5xf32>
  %r = onnx.QuantizeLinear %y, %s, %z : (tensor<3x5xf32>, tensor<f32>, tensor<ui8>) -> tensor<3x5xui8>
  return %r : tensor<3x5xui8>
}

// Signed values index by their bits: first 0 .. 127, then -128 .. -1. Exp of
// 0 is 1, of -1 less than a half; 1 and all above saturate.
// CHECK-LABEL: func.func @signed
// CHECK: %[[T:.*]] = onnx.Constant dense<"0x017F{{(7F)*0+}}"> : tensor<256xi8>
// CHECK: onnx.Gather %[[T]], %arg0
func.func @signed(%q: tensor<4xi8>) -> tensor<4xi8> {
  %none = onnx.NoValue
  %s = onnx.Constant dense<5.0> : tensor<f32>
  %o = onnx.Constant dense<1.0> : tensor<f32>
  %z = onnx.Constant dense<0> : tensor<i8>
  %x = onnx.DequantizeLinear %q, %s, %none : (tensor<4xi8>, tensor<f32>, none) -> tensor<4xf32>
  %y = onnx.Exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %r = onnx.QuantizeLinear %y, %o, %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
  return %r : tensor<4xi8>
}

// Cheap functions, two tensors, 16 bits: as they are.
// CHECK-LABEL: func.func @none
// CHECK-NOT: onnx.Gather
func.func @none(%q: tensor<4xi8>, %p: tensor<4xi8>, %w: tensor<4xi16>) -> (tensor<4xi8>, tensor<4xi8>, tensor<4xi8>) {
  %none = onnx.NoValue
  %s = onnx.Constant dense<1.0> : tensor<f32>
  %z = onnx.Constant dense<0> : tensor<i8>
  %x = onnx.DequantizeLinear %q, %s, %none : (tensor<4xi8>, tensor<f32>, none) -> tensor<4xf32>
  %a = onnx.Relu %x : (tensor<4xf32>) -> tensor<4xf32>
  %r = onnx.QuantizeLinear %a, %s, %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
  %v = onnx.DequantizeLinear %p, %s, %none : (tensor<4xi8>, tensor<f32>, none) -> tensor<4xf32>
  %e = onnx.Exp %v : (tensor<4xf32>) -> tensor<4xf32>
  %b = onnx.Mul %x, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %t = onnx.QuantizeLinear %b, %s, %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
  %d = onnx.DequantizeLinear %w, %s, %none : (tensor<4xi16>, tensor<f32>, none) -> tensor<4xf32>
  %f = onnx.Exp %d : (tensor<4xf32>) -> tensor<4xf32>
  %u = onnx.QuantizeLinear %f, %s, %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
  return %r, %t, %u : tensor<4xi8>, tensor<4xi8>, tensor<4xi8>
}
