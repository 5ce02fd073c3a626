// Printing and parsing give the same ops: types, defaults, bodies.
// RUN: onnx-compile-opt %s | onnx-compile-opt | FileCheck %s

// CHECK-LABEL: func.func @types
// CHECK-SAME: tensor<3x!onnx.string>
// CHECK-SAME: !onnx.seq<tensor<*xf32>>
// CHECK-SAME: !onnx.opt<!onnx.seq<tensor<2xi64>>>
// CHECK-SAME: !onnx.map<i64, tensor<f32>>
func.func @types(%s: tensor<3x!onnx.string>, %q: !onnx.seq<tensor<*xf32>>, %o: !onnx.opt<!onnx.seq<tensor<2xi64>>>, %m: !onnx.map<i64, tensor<f32>>) {
  return
}

// CHECK-LABEL: func.func @constants
// CHECK: onnx.NoValue
// CHECK: onnx.Constant dense<["a", "b"]> : tensor<2x!onnx.string>
// CHECK: onnx.Constant dense<[1, 200]> : tensor<2xui8>
// CHECK: onnx.Constant dense<true> : tensor<i1>
func.func @constants() {
  %none = onnx.NoValue
  %0 = onnx.Constant dense<["a", "b"]> : tensor<2x!onnx.string>
  %1 = onnx.Constant dense<[1, 200]> : tensor<2xui8>
  %2 = onnx.Constant dense<true> : tensor<i1>
  return
}

// Attributes with their default are not printed.
// CHECK-LABEL: func.func @attributes
// CHECK: onnx.Conv %{{.*}}, %{{.*}}, %{{.*}} {strides = array<i64: 2, 2>} : (tensor<?x3x8x8xf32>, tensor<4x3x3x3xf32>, none) -> tensor<?x4x3x3xf32>
// CHECK: onnx.Conv %{{.*}} {layout = "NHWC"}
// CHECK: onnx.Softmax %{{.*}} :
func.func @attributes(%x: tensor<?x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  %none = onnx.NoValue
  %0 = onnx.Conv %x, %w, %none {group = 1 : i64, strides = array<i64: 2, 2>} : (tensor<?x3x8x8xf32>, tensor<4x3x3x3xf32>, none) -> tensor<?x4x3x3xf32>
  %1 = onnx.Conv %x, %w, %none {layout = "NHWC"} : (tensor<?x3x8x8xf32>, tensor<4x3x3x3xf32>, none) -> tensor<*xf32>
  %2 = onnx.Softmax %0 {axis = -1 : i64} : (tensor<?x4x3x3xf32>) -> tensor<?x4x3x3xf32>
  return
}

// CHECK-LABEL: func.func @bodies
// CHECK: onnx.If %{{.*}} then {
// CHECK: onnx.Yield
// CHECK: } else {
// CHECK: onnx.Loop %{{.*}}, %{{.*}}, %{{.*}} {
// CHECK-NEXT: ^bb0(
// CHECK: onnx.Scan %{{.*}}, %{{.*}} attributes {num_scan_inputs = 1 : i64} {
func.func @bodies(%c: tensor<i1>, %x: tensor<4xf32>, %y: tensor<7x4xf32>) {
  %0 = onnx.If %c then {
    onnx.Yield %x : tensor<4xf32>
  } else {
    %1 = onnx.Neg %x : (tensor<4xf32>) -> tensor<4xf32>
    onnx.Yield %1 : tensor<4xf32>
  } : (tensor<i1>) -> tensor<4xf32>
  %m = onnx.Constant dense<5> : tensor<i64>
  %2 = onnx.Loop %m, %c, %0 {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %a: tensor<4xf32>):
    onnx.Yield %go, %a : tensor<i1>, tensor<4xf32>
  } : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
  %3 = onnx.Scan %x, %y attributes {num_scan_inputs = 1 : i64} {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %4 = onnx.Add %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    onnx.Yield %4 : tensor<4xf32>
  } : (tensor<4xf32>, tensor<7x4xf32>) -> tensor<4xf32>
  return
}
