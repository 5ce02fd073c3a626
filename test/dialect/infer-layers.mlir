// Shapes of elementwise ops, reductions, products and layers.
// RUN: onnx-compile-opt %s --onnx-infer-shapes | FileCheck %s

// CHECK-LABEL: func.func @elementwise
// CHECK: onnx.Add {{.*}} -> tensor<2x3x4xf32>
// CHECK: onnx.Greater {{.*}} -> tensor<2x3x4xi1>
// CHECK: onnx.Where {{.*}} -> tensor<2x3x4xf32>
// CHECK: onnx.Max {{.*}} -> tensor<2x3x?xf32>
func.func @elementwise(%a: tensor<2x1x4xf32>, %b: tensor<3x1xf32>, %c: tensor<?xf32>) {
  %0 = onnx.Add %a, %b : (tensor<2x1x4xf32>, tensor<3x1xf32>) -> tensor<*xf32>
  %1 = onnx.Greater %0, %b : (tensor<*xf32>, tensor<3x1xf32>) -> tensor<*xi1>
  %2 = onnx.Where %1, %a, %b : (tensor<*xi1>, tensor<2x1x4xf32>, tensor<3x1xf32>) -> tensor<*xf32>
  %d = onnx.Constant dense<0.0> : tensor<2x1x1xf32>
  %3 = onnx.Max %d, %b, %c : (tensor<2x1x1xf32>, tensor<3x1xf32>, tensor<?xf32>) -> tensor<*xf32>
  return
}

// CHECK-LABEL: func.func @reductions
// CHECK: onnx.ReduceSum {{.*}} -> tensor<2x1x4xf32>
// CHECK: onnx.ReduceMean {{.*}} -> tensor<f32>
// CHECK: onnx.ReduceMax {{.*}} -> tensor<2x3x4xf32>
// CHECK: onnx.ReduceMin {{.*}} -> tensor<?x?x?xf32>
// CHECK: onnx.ArgMax {{.*}} -> tensor<2x3xi64>
func.func @reductions(%x: tensor<2x3x4xf32>, %computed: tensor<?xi64>) {
  %none = onnx.NoValue
  %axes = onnx.Constant dense<-2> : tensor<1xi64>
  %0 = onnx.ReduceSum %x, %axes : (tensor<2x3x4xf32>, tensor<1xi64>) -> tensor<*xf32>
  %1 = onnx.ReduceMean %x, %none {keepdims = 0 : i64} : (tensor<2x3x4xf32>, none) -> tensor<*xf32>
  %2 = onnx.ReduceMax %x, %none {noop_with_empty_axes = 1 : i64} : (tensor<2x3x4xf32>, none) -> tensor<*xf32>
  %3 = onnx.ReduceMin %x, %computed : (tensor<2x3x4xf32>, tensor<?xi64>) -> tensor<*xf32>
  %4 = onnx.ArgMax %x {axis = -1 : i64, keepdims = 0 : i64} : (tensor<2x3x4xf32>) -> tensor<*xi64>
  return
}

// CHECK-LABEL: func.func @products
// CHECK: onnx.MatMul {{.*}} -> tensor<5x2x4xf32>
// CHECK: onnx.MatMul {{.*}} -> tensor<2xf32>
// CHECK: onnx.Gemm {{.*}} -> tensor<?x7xf32>
// CHECK: onnx.Einsum {{.*}} -> tensor<2x4xf32>
// CHECK: onnx.Einsum {{.*}} -> tensor<5x3x2xf32>
func.func @products(%a: tensor<5x2x3xf32>, %b: tensor<3x4xf32>, %v: tensor<3xf32>, %m: tensor<2x3xf32>, %x: tensor<?x9xf32>, %w: tensor<7x9xf32>) {
  %none = onnx.NoValue
  %0 = onnx.MatMul %a, %b : (tensor<5x2x3xf32>, tensor<3x4xf32>) -> tensor<*xf32>
  %1 = onnx.MatMul %m, %v : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<*xf32>
  %2 = onnx.Gemm %x, %w, %none {transB = 1 : i64} : (tensor<?x9xf32>, tensor<7x9xf32>, none) -> tensor<*xf32>
  %3 = onnx.Einsum %m, %b {equation = "ij, jk"} : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<*xf32>
  %4 = onnx.Einsum %a {equation = "...ij->...ji"} : (tensor<5x2x3xf32>) -> tensor<*xf32>
  return
}

// CHECK-LABEL: func.func @windows
// CHECK: onnx.Conv {{.*}} -> tensor<?x8x16x16xf32>
// CHECK: onnx.Conv {{.*}} -> tensor<?x32x32x8xf32>
// CHECK: onnx.MaxPool {{.*}} -> (tensor<?x3x16x16xf32>, none)
// CHECK: onnx.AveragePool {{.*}} -> tensor<?x3x16x16xf32>
// CHECK: onnx.ConvTranspose {{.*}} -> tensor<?x6x65x65xf32>
// CHECK: onnx.GlobalAveragePool {{.*}} -> tensor<?x3x1x1xf32>
func.func @windows(%x: tensor<?x3x32x32xf32>, %last: tensor<?x32x32x3xf32>, %w: tensor<8x3x3x3xf32>, %t: tensor<3x6x3x3xf32>) {
  %none = onnx.NoValue
  %0 = onnx.Conv %x, %w, %none {pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 2, 2>} : (tensor<?x3x32x32xf32>, tensor<8x3x3x3xf32>, none) -> tensor<*xf32>
  %1 = onnx.Conv %last, %w, %none {auto_pad = "SAME_UPPER", layout = "NHWC"} : (tensor<?x32x32x3xf32>, tensor<8x3x3x3xf32>, none) -> tensor<*xf32>
  %2, %i = onnx.MaxPool %x {kernel_shape = array<i64: 2, 2>, strides = array<i64: 2, 2>} : (tensor<?x3x32x32xf32>) -> (tensor<*xf32>, none)
  %3 = onnx.AveragePool %x {ceil_mode = 1 : i64, kernel_shape = array<i64: 3, 3>, strides = array<i64: 2, 2>} : (tensor<?x3x32x32xf32>) -> tensor<*xf32>
  %4 = onnx.ConvTranspose %x, %t, %none {strides = array<i64: 2, 2>} : (tensor<?x3x32x32xf32>, tensor<3x6x3x3xf32>, none) -> tensor<*xf32>
  %5 = onnx.GlobalAveragePool %x : (tensor<?x3x32x32xf32>) -> tensor<*xf32>
  return
}

// Sizes computed through floats, as exporters do for up-sampling.
// CHECK-LABEL: func.func @resize
// CHECK: onnx.Resize {{.*}} -> tensor<1x3x20x40xf32>
// CHECK: onnx.Resize {{.*}} -> tensor<1x3x15x30xf32>
func.func @resize(%x: tensor<1x3x10x20xf32>) {
  %none = onnx.NoValue
  %s = onnx.Shape %x {start = 2 : i64} : (tensor<1x3x10x20xf32>) -> tensor<2xi64>
  %f = onnx.Cast %s {to = 1 : i64} : (tensor<2xi64>) -> tensor<2xf32>
  %two = onnx.Constant dense<2.0> : tensor<f32>
  %g = onnx.Mul %f, %two : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %h = onnx.Cast %g {to = 7 : i64} : (tensor<2xf32>) -> tensor<2xi64>
  %0 = onnx.Resize %x, %none, %none, %h {axes = array<i64: 2, 3>} : (tensor<1x3x10x20xf32>, none, none, tensor<2xi64>) -> tensor<*xf32>
  %scales = onnx.Constant dense<[1.0, 1.0, 1.5, 1.5]> : tensor<4xf32>
  %1 = onnx.Resize %x, %none, %scales, %none : (tensor<1x3x10x20xf32>, none, tensor<4xf32>, none) -> tensor<*xf32>
  return
}

// CHECK-LABEL: func.func @lstm
// CHECK: -> (tensor<5x2x?x16xf32>, tensor<2x?x16xf32>, none)
func.func @lstm(%x: tensor<5x?x8xf32>, %w: tensor<2x64x8xf32>, %r: tensor<2x64x16xf32>) {
  %none = onnx.NoValue
  %y, %h, %c = onnx.LSTM %x, %w, %r, %none, %none, %none, %none, %none {direction = "bidirectional"} : (tensor<5x?x8xf32>, tensor<2x64x8xf32>, tensor<2x64x16xf32>, none, none, none, none, none) -> (tensor<*xf32>, tensor<*xf32>, none)
  return
}

// CHECK-LABEL: func.func @selection
// CHECK: onnx.Gather {{.*}} -> tensor<2x5x6x4xf32>
// CHECK: onnx.TopK {{.*}} -> (tensor<2x3x2xf32>, tensor<2x3x2xi64>)
// CHECK: onnx.OneHot {{.*}} -> tensor<5x6x10xf32>
// CHECK: onnx.NonZero {{.*}} -> tensor<3x?xi64>
func.func @selection(%x: tensor<2x3x4xf32>, %i: tensor<5x6xi64>, %values: tensor<2xf32>) {
  %0 = onnx.Gather %x, %i {axis = 1 : i64} : (tensor<2x3x4xf32>, tensor<5x6xi64>) -> tensor<*xf32>
  %k = onnx.Constant dense<2> : tensor<1xi64>
  %v, %j = onnx.TopK %x, %k : (tensor<2x3x4xf32>, tensor<1xi64>) -> (tensor<*xf32>, tensor<*xi64>)
  %depth = onnx.Constant dense<10> : tensor<i64>
  %1 = onnx.OneHot %i, %depth, %values : (tensor<5x6xi64>, tensor<i64>, tensor<2xf32>) -> tensor<*xf32>
  %2 = onnx.NonZero %x : (tensor<2x3x4xf32>) -> tensor<*xi64>
  return
}
