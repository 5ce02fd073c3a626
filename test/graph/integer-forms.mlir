// RUN: onnx-compile-opt --onnxc-integer-forms %s | FileCheck %s

// Weights lose their zero points, the bias is in units of the sums, and there
// is one multiplier per channel.
// CHECK-LABEL: func.func @conv
// CHECK: %[[W:.*]] = onnx.Constant dense<{{.*}}[-8]{{.*}}[72]{{.*}}> : tensor<2x1x1x1xi8>
// CHECK: %[[Z:.*]] = onnx.Constant dense<128> : tensor<ui8>
// CHECK: %[[S:.*]] = onnx.ConvInteger %arg0, %[[W]], %[[Z]], %{{.*}} {pads = array<i64: 1, 1, 1, 1>} : {{.*}} -> tensor<1x2x6x6xi32>
// CHECK: %[[B:.*]] = onnx.Constant dense<{{.*}}[8]{{.*}}[-3]{{.*}}> : tensor<2x1x1xi32>
// CHECK: %[[T:.*]] = onnx.Add %[[S]], %[[B]]
// CHECK: %[[M:.*]] = onnx.Constant dense<{{.*}}1.250000e-01{{.*}}2.500000e-01{{.*}}> : tensor<2x1x1xf32>
// CHECK: %[[F:.*]] = onnx.Cast %[[T]]
// CHECK: %[[Y:.*]] = onnx.Mul %[[F]], %[[M]]
// CHECK: onnx.Relu %[[Y]]
func.func @conv(%q: tensor<1x1x4x4xui8>) -> tensor<1x2x6x6xf32> {
  %none = onnx.NoValue
  %sx = onnx.Constant dense<0.5> : tensor<f32>
  %zx = onnx.Constant dense<128> : tensor<ui8>
  %w = onnx.Constant dense<[[[[120]]], [[[200]]]]> : tensor<2x1x1x1xui8>
  %sw = onnx.Constant dense<[0.25, 0.5]> : tensor<2xf32>
  %zw = onnx.Constant dense<128> : tensor<2xui8>
  %bq = onnx.Constant dense<[8, -3]> : tensor<2xi32>
  %sb = onnx.Constant dense<[0.125, 0.25]> : tensor<2xf32>
  %x = onnx.DequantizeLinear %q, %sx, %zx : (tensor<1x1x4x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x1x4x4xf32>
  %v = onnx.DequantizeLinear %w, %sw, %zw {axis = 0 : i64} : (tensor<2x1x1x1xui8>, tensor<2xf32>, tensor<2xui8>) -> tensor<2x1x1x1xf32>
  %b = onnx.DequantizeLinear %bq, %sb, %none {axis = 0 : i64} : (tensor<2xi32>, tensor<2xf32>, none) -> tensor<2xf32>
  %y = onnx.Conv %x, %v, %b {pads = array<i64: 1, 1, 1, 1>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x6x6xf32>
  %r = onnx.Relu %y : (tensor<1x2x6x6xf32>) -> tensor<1x2x6x6xf32>
  return %r : tensor<1x2x6x6xf32>
}

// A difference that needs 9 bits makes i16 of the weights; a bias that is no
// multiple of the scales is added behind them; transposed sides are transposed.
// CHECK-LABEL: func.func @gemm
// CHECK: %[[W:.*]] = onnx.Constant dense<{{.*}}[-200, 55]{{.*}}> : tensor<1x2xi16>
// CHECK: %[[T:.*]] = onnx.Transpose %[[W]] {perm = array<i64: 1, 0>}
// CHECK: %[[Z:.*]] = onnx.Constant dense<-1> : tensor<i8>
// CHECK: %[[S:.*]] = onnx.MatMulInteger %arg0, %[[T]], %[[Z]], %{{.*}} -> tensor<3x1xi32>
// CHECK: %[[M:.*]] = onnx.Constant dense<2.500000e-01> : tensor<f32>
// CHECK: %[[F:.*]] = onnx.Cast %[[S]]
// CHECK: %[[P:.*]] = onnx.Mul %[[F]], %[[M]]
// CHECK: %[[B:.*]] = onnx.Constant dense<2.000000e-01> : tensor<f32>
// CHECK: onnx.Add %[[P]], %[[B]]
func.func @gemm(%q: tensor<3x2xi8>) -> tensor<3x1xf32> {
  %none = onnx.NoValue
  %sx = onnx.Constant dense<0.5> : tensor<f32>
  %zx = onnx.Constant dense<-1> : tensor<i8>
  %w = onnx.Constant dense<[[0, 255]]> : tensor<1x2xui8>
  %zw = onnx.Constant dense<200> : tensor<ui8>
  %b = onnx.Constant dense<0.1> : tensor<1xf32>
  %x = onnx.DequantizeLinear %q, %sx, %zx : (tensor<3x2xi8>, tensor<f32>, tensor<i8>) -> tensor<3x2xf32>
  %v = onnx.DequantizeLinear %w, %sx, %zw : (tensor<1x2xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2xf32>
  %y = onnx.Gemm %x, %v, %b {transB = 1 : i64, beta = 2.0 : f32} : (tensor<3x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<3x1xf32>
  return %y : tensor<3x1xf32>
}

// Two activations keep their zero points.
// CHECK-LABEL: func.func @activations
// CHECK-DAG: %[[A:.*]] = onnx.Constant dense<3> : tensor<ui8>
// CHECK-DAG: %[[B:.*]] = onnx.Constant dense<-4> : tensor<i8>
// CHECK: onnx.MatMulInteger %arg0, %arg1, %[[A]], %[[B]]
// CHECK-NOT: onnx.MatMul %
func.func @activations(%p: tensor<2x3x?xui8>, %q: tensor<2x?x5xi8>) -> tensor<2x3x5xf32> {
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %zp = onnx.Constant dense<3> : tensor<ui8>
  %zq = onnx.Constant dense<-4> : tensor<i8>
  %a = onnx.DequantizeLinear %p, %s, %zp : (tensor<2x3x?xui8>, tensor<f32>, tensor<ui8>) -> tensor<2x3x?xf32>
  %b = onnx.DequantizeLinear %q, %s, %zq : (tensor<2x?x5xi8>, tensor<f32>, tensor<i8>) -> tensor<2x?x5xf32>
  %y = onnx.MatMul %a, %b : (tensor<2x3x?xf32>, tensor<2x?x5xf32>) -> tensor<2x3x5xf32>
  return %y : tensor<2x3x5xf32>
}

// The multiplier of QLinearMatMul rounds its product before its quotient.
// CHECK-LABEL: func.func @qlinear
// CHECK: onnx.MatMulInteger
// CHECK: %[[M:.*]] = onnx.Constant dense<0.0333333351> : tensor<f32>
// CHECK: %[[X:.*]] = onnx.Mul %{{.*}}, %[[M]]
// CHECK: %[[ONE:.*]] = onnx.Constant dense<1.000000e+00> : tensor<f32>
// CHECK: onnx.QuantizeLinear %[[X]], %[[ONE]], %{{.*}} -> tensor<2x2xui8>
func.func @qlinear(%q: tensor<2x2xui8>) -> tensor<2x2xui8> {
  %sx = onnx.Constant dense<0.1> : tensor<f32>
  %sy = onnx.Constant dense<0.3> : tensor<f32>
  %z = onnx.Constant dense<3> : tensor<ui8>
  %w = onnx.Constant dense<[[1, 2], [3, 4]]> : tensor<2x2xui8>
  %y = onnx.QLinearMatMul %q, %sx, %z, %w, %sx, %z, %sy, %z : (tensor<2x2xui8>, tensor<f32>, tensor<ui8>, tensor<2x2xui8>, tensor<f32>, tensor<ui8>, tensor<f32>, tensor<ui8>) -> tensor<2x2xui8>
  return %y : tensor<2x2xui8>
}

// What only the run knows stays as it is.
// CHECK-LABEL: func.func @computed
// CHECK: onnx.QLinearMatMul
func.func @computed(%q: tensor<2x2xui8>, %s: tensor<f32>) -> tensor<2x2xui8> {
  %z = onnx.Constant dense<3> : tensor<ui8>
  %y = onnx.QLinearMatMul %q, %s, %z, %q, %s, %z, %s, %z : (tensor<2x2xui8>, tensor<f32>, tensor<ui8>, tensor<2x2xui8>, tensor<f32>, tensor<ui8>, tensor<f32>, tensor<ui8>) -> tensor<2x2xui8>
  return %y : tensor<2x2xui8>
}

// A zero point per channel of an integer product goes into the weights too.
// CHECK-LABEL: func.func @integer
// CHECK: %[[W:.*]] = onnx.Constant dense<{{.*}}[0, 0], [2, 2]{{.*}}> : tensor<2x2xi8>
// CHECK: onnx.MatMulInteger %arg0, %[[W]], %{{.*}}, %{{.*}} : (tensor<2x2xui8>, tensor<2x2xi8>, none, none)
func.func @integer(%q: tensor<2x2xui8>) -> tensor<2x2xi32> {
  %none = onnx.NoValue
  %w = onnx.Constant dense<[[1, 2], [3, 4]]> : tensor<2x2xui8>
  %z = onnx.Constant dense<[1, 2]> : tensor<2xui8>
  %y = onnx.MatMulInteger %q, %w, %none, %z : (tensor<2x2xui8>, tensor<2x2xui8>, none, tensor<2xui8>) -> tensor<2x2xi32>
  return %y : tensor<2x2xi32>
}

// No scale: float, as the model says. Sums beyond 32 bits: float.
// CHECK-LABEL: func.func @floats
// CHECK: onnx.MatMul %
// CHECK: onnx.MatMul %
// CHECK-NOT: MatMulInteger
func.func @floats(%q: tensor<2x2xui8>, %p: tensor<2x2xi16>) -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %none = onnx.NoValue
  %zero = onnx.Constant dense<0.0> : tensor<f32>
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %a = onnx.DequantizeLinear %q, %zero, %none : (tensor<2x2xui8>, tensor<f32>, none) -> tensor<2x2xf32>
  %y = onnx.MatMul %a, %a : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %b = onnx.DequantizeLinear %p, %s, %none : (tensor<2x2xi16>, tensor<f32>, none) -> tensor<2x2xf32>
  %v = onnx.MatMul %b, %b : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y, %v : tensor<2x2xf32>, tensor<2x2xf32>
}

// Means are sums of integers; windows are summed by ones.
// CHECK-LABEL: func.func @means
// CHECK: %[[W:.*]] = onnx.Cast %arg0 {to = 6 : i64} : (tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xi32>
// CHECK: %[[S:.*]] = onnx.ReduceSum %[[W]], {{.*}} {keepdims = 0 : i64} {{.*}} -> tensor<1x2xi32>
// CHECK: %[[Z:.*]] = onnx.Constant dense<-32> : tensor<i32>
// CHECK: %[[D:.*]] = onnx.Add %[[S]], %[[Z]]
// CHECK: %[[M:.*]] = onnx.Constant dense<3.125000e-02> : tensor<f32>
// CHECK: %[[F:.*]] = onnx.Cast %[[D]]
// CHECK: %[[Y:.*]] = onnx.Mul %[[F]], %[[M]]
// CHECK: onnx.Unsqueeze %[[Y]], {{.*}} -> tensor<1x2x1x1xf32>
// CHECK: %[[ONE:.*]] = onnx.Constant dense<1> : tensor<2x1x2x2xi8>
// CHECK: onnx.ConvInteger %arg0, %[[ONE]], {{.*}}group = 2 : i64
// CHECK-NOT: Pool
func.func @means(%q: tensor<1x2x4x4xui8>) -> (tensor<1x2x1x1xf32>, tensor<1x2x2x2xf32>) {
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<2> : tensor<ui8>
  %x = onnx.DequantizeLinear %q, %s, %z : (tensor<1x2x4x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2x4x4xf32>
  %g = onnx.GlobalAveragePool %x : (tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32>
  %a = onnx.AveragePool %x {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>} : (tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32>
  return %g, %a : tensor<1x2x1x1xf32>, tensor<1x2x2x2xf32>
}

// Beside the padding fewer elements count: a multiplier per place.
// CHECK-LABEL: func.func @counted
// CHECK: onnx.ConvInteger
// CHECK: onnx.Constant dense<{{.*}}5.000000e-01, 2.500000e-01{{.*}}> : tensor<2xf32>
// CHECK-NOT: onnx.AveragePool
func.func @counted(%q: tensor<1x2x4xui8>) -> tensor<1x2x2xf32> {
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<2> : tensor<ui8>
  %x = onnx.DequantizeLinear %q, %s, %z : (tensor<1x2x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2x4xf32>
  %a = onnx.AveragePool %x {kernel_shape = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 1, 0>} : (tensor<1x2x4xf32>) -> tensor<1x2x2xf32>
  return %a : tensor<1x2x2xf32>
}

// What rounds the size up, or dims that only the run knows: as floats.
// CHECK-LABEL: func.func @pools
// CHECK: onnx.AveragePool
// CHECK: onnx.GlobalAveragePool
func.func @pools(%q: tensor<1x2x5xui8>, %p: tensor<1x2x?xui8>) -> (tensor<1x2x3xf32>, tensor<1x2x1xf32>) {
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<2> : tensor<ui8>
  %x = onnx.DequantizeLinear %q, %s, %z : (tensor<1x2x5xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2x5xf32>
  %a = onnx.AveragePool %x {ceil_mode = 1 : i64, kernel_shape = array<i64: 2>, strides = array<i64: 2>} : (tensor<1x2x5xf32>) -> tensor<1x2x3xf32>
  %y = onnx.DequantizeLinear %p, %s, %z : (tensor<1x2x?xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2x?xf32>
  %g = onnx.GlobalAveragePool %y : (tensor<1x2x?xf32>) -> tensor<1x2x1xf32>
  return %a, %g : tensor<1x2x3xf32>, tensor<1x2x1xf32>
}

// What follows element by element comes before the dims that are kept.
// CHECK-LABEL: func.func @behind
// CHECK: %[[M:.*]] = onnx.Mul {{.*}} -> tensor<1x2xf32>
// CHECK: %[[D:.*]] = onnx.Div %[[M]], {{.*}} -> tensor<1x2xf32>
// CHECK: onnx.Unsqueeze %[[D]], {{.*}} -> tensor<1x2x1x1xf32>
func.func @behind(%q: tensor<1x2x4x4xui8>) -> tensor<1x2x1x1xf32> {
  %s = onnx.Constant dense<0.5> : tensor<f32>
  %z = onnx.Constant dense<2> : tensor<ui8>
  %x = onnx.DequantizeLinear %q, %s, %z : (tensor<1x2x4x4xui8>, tensor<f32>, tensor<ui8>) -> tensor<1x2x4x4xf32>
  %g = onnx.GlobalAveragePool %x : (tensor<1x2x4x4xf32>) -> tensor<1x2x1x1xf32>
  %d = onnx.Div %g, %s : (tensor<1x2x1x1xf32>, tensor<f32>) -> tensor<1x2x1x1xf32>
  return %d : tensor<1x2x1x1xf32>
}
