// RUN: onnx-compile-opt --onnxc-move-quantization %s | FileCheck %s

// DequantizeLinear sinks; its axis follows the dims.
// CHECK-LABEL: func.func @sink
// CHECK: %[[T:.*]] = onnx.Transpose %arg0 {perm = array<i64: 2, 0, 1>} : (tensor<2x3x4xi8>) -> tensor<4x2x3xi8>
// CHECK: %[[D:.*]] = onnx.DequantizeLinear %[[T]], {{.*}} {axis = 2 : i64}
// CHECK: return %[[D]]
func.func @sink(%q: tensor<2x3x4xi8>) -> tensor<4x2x3xf32> {
  %none = onnx.NoValue
  %s = onnx.Constant dense<[0.5, 0.25, 0.125]> : tensor<3xf32>
  %x = onnx.DequantizeLinear %q, %s, %none {axis = 1 : i64} : (tensor<2x3x4xi8>, tensor<3xf32>, none) -> tensor<2x3x4xf32>
  %y = onnx.Transpose %x {perm = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  return %y : tensor<4x2x3xf32>
}

// A maximum of quantised values is exact; the pair behind it cancels.
// CHECK-LABEL: func.func @cancel
// CHECK: %[[Y:.*]], %{{.*}} = onnx.MaxPool %arg0 {{.*}} -> (tensor<1x2x2x2xui8>, none)
// CHECK-NEXT: return %[[Y]]
func.func @cancel(%q: tensor<1x2x4x4xui8>) -> tensor<1x2x2x2xui8> {
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<7> : tensor<ui8>
  %x = onnx.DequantizeLinear %q, %s, %z : (tensor<1x2x4x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2x4x4xf32>
  %y, %i = onnx.MaxPool %x {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>} : (tensor<1x2x4x4xf32>) -> (tensor<1x2x2x2xf32>, none)
  %r = onnx.QuantizeLinear %y, %s, %z : (tensor<1x2x2x2xf32>, tensor<f32>, tensor<ui8>) -> tensor<1x2x2x2xui8>
  return %r : tensor<1x2x2x2xui8>
}

// Other parameters: a step per element stays.
// CHECK-LABEL: func.func @requantize
// CHECK: onnx.DequantizeLinear
// CHECK: onnx.QuantizeLinear
func.func @requantize(%q: tensor<4xui8>) -> tensor<4xui8> {
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<7> : tensor<ui8>
  %o = onnx.Constant dense<8> : tensor<ui8>
  %x = onnx.DequantizeLinear %q, %s, %z : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  %r = onnx.QuantizeLinear %x, %s, %o : (tensor<4xf32>, tensor<f32>, tensor<ui8>) -> tensor<4xui8>
  return %r : tensor<4xui8>
}

// QuantizeLinear rises to where floats are made: branches of a Concat differ.
// CHECK-LABEL: func.func @rise
// CHECK: %[[R:.*]] = onnx.Relu %arg0
// CHECK: %[[Q:.*]] = onnx.QuantizeLinear %[[R]]
// CHECK: %[[C:.*]] = onnx.Concat %[[Q]], %arg1 {axis = 1 : i64} : (tensor<1x2xui8>, tensor<1x3xui8>) -> tensor<1x5xui8>
// CHECK: %[[S:.*]] = onnx.Reshape %[[C]]
// CHECK-NEXT: return %[[S]]
func.func @rise(%x: tensor<1x2xf32>, %q: tensor<1x3xui8>) -> tensor<5xui8> {
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<7> : tensor<ui8>
  %shape = onnx.Constant dense<5> : tensor<1xi64>
  %r = onnx.Relu %x : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %d = onnx.DequantizeLinear %q, %s, %z : (tensor<1x3xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x3xf32>
  %c = onnx.Concat %r, %d {axis = 1 : i64} : (tensor<1x2xf32>, tensor<1x3xf32>) -> tensor<1x5xf32>
  %f = onnx.Reshape %c, %shape : (tensor<1x5xf32>, tensor<1xi64>) -> tensor<5xf32>
  %y = onnx.QuantizeLinear %f, %s, %z : (tensor<5xf32>, tensor<f32>, tensor<ui8>) -> tensor<5xui8>
  return %y : tensor<5xui8>
}

// Padding with zero is padding with the zero point; a value between two
// integers cannot sink, but rises as what it is quantised to.
// CHECK-LABEL: func.func @fill
// CHECK: onnx.DequantizeLinear %arg0
// CHECK: %[[Z:.*]] = onnx.Constant dense<7> : tensor<ui8>
// CHECK: onnx.Pad %arg0, %{{.*}}, %[[Z]], {{.*}} -> tensor<6xui8>
// CHECK: onnx.Pad {{.*}} -> tensor<8xf32>
// CHECK: %[[T:.*]] = onnx.Constant dense<9> : tensor<ui8>
// CHECK: onnx.Pad %{{.*}}, %{{.*}}, %[[T]], {{.*}} -> tensor<6xui8>
func.func @fill(%q: tensor<4xui8>, %x: tensor<4xf32>) -> (tensor<6xf32>, tensor<8xf32>, tensor<6xui8>) {
  %none = onnx.NoValue
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<7> : tensor<ui8>
  %pads = onnx.Constant dense<1> : tensor<2xi64>
  %pads2 = onnx.Constant dense<2> : tensor<2xi64>
  %v = onnx.Constant dense<0.8> : tensor<f32>
  %d = onnx.DequantizeLinear %q, %s, %z : (tensor<4xui8>, tensor<f32>, tensor<ui8>) -> tensor<4xf32>
  %a = onnx.Pad %d, %pads, %none, %none : (tensor<4xf32>, tensor<2xi64>, none, none) -> tensor<6xf32>
  %b = onnx.Pad %d, %pads2, %v, %none : (tensor<4xf32>, tensor<2xi64>, tensor<f32>, none) -> tensor<8xf32>
  %c = onnx.Pad %x, %pads, %v, %none : (tensor<4xf32>, tensor<2xi64>, tensor<f32>, none) -> tensor<6xf32>
  %e = onnx.QuantizeLinear %c, %s, %z : (tensor<6xf32>, tensor<f32>, tensor<ui8>) -> tensor<6xui8>
  return %a, %b, %e : tensor<6xf32>, tensor<8xf32>, tensor<6xui8>
}

// Parameters that only the run knows, linear resampling, floats that others
// read too: nothing moves.
// CHECK-LABEL: func.func @stays
// CHECK: onnx.DequantizeLinear
// CHECK-NEXT: onnx.Transpose {{.*}}f32
// CHECK: onnx.DequantizeLinear
// CHECK: onnx.Resize {{.*}}f32
// CHECK: onnx.Transpose {{.*}}f32
// CHECK-NEXT: onnx.QuantizeLinear
func.func @stays(%q: tensor<4x2xui8>, %t: tensor<f32>, %i: tensor<1x1x2x2xui8>, %x: tensor<4x2xf32>) -> (tensor<2x4xf32>, tensor<1x1x4x4xf32>, tensor<2x4xui8>, tensor<4x2xf32>) {
  %none = onnx.NoValue
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<7> : tensor<ui8>
  %sizes = onnx.Constant dense<[1, 1, 4, 4]> : tensor<4xi64>
  %d = onnx.DequantizeLinear %q, %t, %z : (tensor<4x2xui8>, tensor<f32>, tensor<ui8>) -> tensor<4x2xf32>
  %a = onnx.Transpose %d {perm = array<i64: 1, 0>} : (tensor<4x2xf32>) -> tensor<2x4xf32>
  %e = onnx.DequantizeLinear %i, %s, %z : (tensor<1x1x2x2xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x1x2x2xf32>
  %b = onnx.Resize %e, %none, %none, %sizes {mode = "linear"} : (tensor<1x1x2x2xf32>, none, none, tensor<4xi64>) -> tensor<1x1x4x4xf32>
  %r = onnx.Relu %x : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %u = onnx.Transpose %r {perm = array<i64: 1, 0>} : (tensor<4x2xf32>) -> tensor<2x4xf32>
  %c = onnx.QuantizeLinear %u, %s, %z : (tensor<2x4xf32>, tensor<f32>, tensor<ui8>) -> tensor<2x4xui8>
  return %a, %b, %c, %r : tensor<2x4xf32>, tensor<1x1x4x4xf32>, tensor<2x4xui8>, tensor<4x2xf32>
}

// Constants of 4 bits become bytes.
// CHECK-LABEL: func.func @nibbles
// CHECK: %[[W:.*]] = onnx.Constant dense<[-8, 7]> : tensor<2xi8>
// CHECK: onnx.DequantizeLinear %[[W]]
func.func @nibbles() -> tensor<2xf32> {
  %none = onnx.NoValue
  %w = onnx.Constant dense<[-8, 7]> : tensor<2xi4>
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %d = onnx.DequantizeLinear %w, %s, %none : (tensor<2xi4>, tensor<f32>, none) -> tensor<2xf32>
  return %d : tensor<2xf32>
}
