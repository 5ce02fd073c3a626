// Shapes of data movement, and the values behind them.
// RUN: onnx-compile-opt %s --onnx-infer-shapes | FileCheck %s

// A batch size that is read from the operand is recognised in Reshape.
// CHECK-LABEL: func.func @flatten_dynamic_batch
// CHECK: onnx.Reshape {{.*}} -> tensor<?x12xf32>
// CHECK: return {{.*}} : tensor<?x12xf32>
func.func @flatten_dynamic_batch(%x: tensor<?x3x4xf32>) -> tensor<*xf32> {
  %r = onnx.Relu %x : (tensor<?x3x4xf32>) -> tensor<*xf32>
  %s = onnx.Shape %r : (tensor<*xf32>) -> tensor<?xi64>
  %zero = onnx.Constant dense<0> : tensor<i64>
  %n = onnx.Gather %s, %zero : (tensor<?xi64>, tensor<i64>) -> tensor<*xi64>
  %axes = onnx.Constant dense<0> : tensor<1xi64>
  %n1 = onnx.Unsqueeze %n, %axes : (tensor<*xi64>, tensor<1xi64>) -> tensor<*xi64>
  %rest = onnx.Constant dense<-1> : tensor<1xi64>
  %shape = onnx.Concat %n1, %rest {axis = 0 : i64} : (tensor<*xi64>, tensor<1xi64>) -> tensor<?xi64>
  %y = onnx.Reshape %r, %shape : (tensor<*xf32>, tensor<?xi64>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// CHECK-LABEL: func.func @reshape
// CHECK: -> tensor<2x12xf32>
// CHECK: -> tensor<?x2x2xf32>
func.func @reshape(%x: tensor<2x3x4xf32>, %y: tensor<?x4xf32>) -> (tensor<*xf32>, tensor<*xf32>) {
  %s = onnx.Constant dense<[0, -1]> : tensor<2xi64>
  %0 = onnx.Reshape %x, %s : (tensor<2x3x4xf32>, tensor<2xi64>) -> tensor<*xf32>
  %t = onnx.Constant dense<[0, 2, -1]> : tensor<3xi64>
  %1 = onnx.Reshape %y, %t : (tensor<?x4xf32>, tensor<3xi64>) -> tensor<*xf32>
  return %0, %1 : tensor<*xf32>, tensor<*xf32>
}

// CHECK-LABEL: func.func @slice
// CHECK: -> tensor<2x2x?xf32>
func.func @slice(%x: tensor<5x4x?xf32>) -> tensor<*xf32> {
  %starts = onnx.Constant dense<[1, -1, 0]> : tensor<3xi64>
  %ends = onnx.Constant dense<[9223372036854775807, -9223372036854775807, 2]> : tensor<3xi64>
  %axes = onnx.Constant dense<[0, 1, 2]> : tensor<3xi64>
  %steps = onnx.Constant dense<[2, -2, 1]> : tensor<3xi64>
  %0 = onnx.Slice %x, %starts, %ends, %axes, %steps : (tensor<5x4x?xf32>, tensor<3xi64>, tensor<3xi64>, tensor<3xi64>, tensor<3xi64>) -> tensor<*xf32>
  return %0 : tensor<*xf32>
}

// CHECK-LABEL: func.func @movement
// CHECK: onnx.Concat {{.*}} -> tensor<2x?xf32>
// CHECK: onnx.Transpose {{.*}} -> tensor<4x2x3xf32>
// CHECK: onnx.Pad {{.*}} -> tensor<3x7xf32>
// CHECK: onnx.Tile {{.*}} -> tensor<4x9xf32>
// CHECK: onnx.Expand {{.*}} -> tensor<5x2x3xf32>
// CHECK: onnx.Split {{.*}} -> (tensor<1x3xf32>, tensor<1x3xf32>)
// CHECK: onnx.Squeeze {{.*}} -> tensor<3xf32>
func.func @movement(%a: tensor<2x3xf32>, %b: tensor<2x?xf32>, %c: tensor<2x3x4xf32>) -> () {
  %none = onnx.NoValue
  %0 = onnx.Concat %a, %b {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x?xf32>) -> tensor<*xf32>
  %1 = onnx.Transpose %c {perm = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<*xf32>
  %pads = onnx.Constant dense<[0, 1, 1, 3]> : tensor<4xi64>
  %2 = onnx.Pad %a, %pads, %none, %none : (tensor<2x3xf32>, tensor<4xi64>, none, none) -> tensor<*xf32>
  %reps = onnx.Constant dense<[2, 3]> : tensor<2xi64>
  %3 = onnx.Tile %a, %reps : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<*xf32>
  %to = onnx.Constant dense<[5, 1, 3]> : tensor<3xi64>
  %4 = onnx.Expand %a, %to : (tensor<2x3xf32>, tensor<3xi64>) -> tensor<*xf32>
  %5:2 = onnx.Split %a, %none {num_outputs = 2 : i64} : (tensor<2x3xf32>, none) -> (tensor<*xf32>, tensor<*xf32>)
  %6 = onnx.Squeeze %5#0, %none : (tensor<*xf32>, none) -> tensor<*xf32>
  return
}

// CHECK-LABEL: func.func @conversions
// CHECK: onnx.Cast {{.*}} -> tensor<2x?xi64>
// CHECK: onnx.Shape {{.*}} -> tensor<1xi64>
// CHECK: onnx.Size {{.*}} -> tensor<i64>
func.func @conversions(%x: tensor<2x?xf32>) {
  %0 = onnx.Cast %x {to = 7 : i64} : (tensor<2x?xf32>) -> tensor<*xi64>
  %1 = onnx.Shape %x {start = -1 : i64} : (tensor<2x?xf32>) -> tensor<?xi64>
  %2 = onnx.Size %x : (tensor<2x?xf32>) -> tensor<*xi64>
  return
}

// Five elements do not make four parts of two: that is left open.
// CHECK-LABEL: func.func @split_too_few
// CHECK: onnx.Split {{.*}} -> (tensor<?xi64>, tensor<?xi64>, tensor<?xi64>, tensor<?xi64>)
func.func @split_too_few(%x: tensor<5xi64>) {
  %none = onnx.NoValue
  %0:4 = onnx.Split %x, %none {axis = 0 : i64} : (tensor<5xi64>, none) -> (tensor<*xi64>, tensor<*xi64>, tensor<*xi64>, tensor<*xi64>)
  return
}
