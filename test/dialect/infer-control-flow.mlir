// Types into and out of bodies.
// RUN: onnx-compile-opt %s --onnx-infer-shapes | FileCheck %s

// Both branches decide; what they disagree on stays open.
// CHECK-LABEL: func.func @if
// CHECK-SAME: -> tensor<?x4xf32>
// CHECK: onnx.If
// CHECK: (tensor<i1>) -> tensor<?x4xf32>
func.func @if(%c: tensor<i1>, %x: tensor<2x4xf32>, %y: tensor<3x4xf32>) -> tensor<*xf32> {
  %0 = onnx.If %c then {
    %1 = onnx.Relu %x : (tensor<2x4xf32>) -> tensor<*xf32>
    onnx.Yield %1 : tensor<*xf32>
  } else {
    onnx.Yield %y : tensor<3x4xf32>
  } : (tensor<i1>) -> tensor<*xf32>
  return %0 : tensor<*xf32>
}

// A carried value of one type, and one that grows in every iteration.
// CHECK-LABEL: func.func @loop
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %{{.*}}: tensor<i1>, %{{.*}}: tensor<2x3xf32>, %{{.*}}: tensor<?x3xf32>):
// CHECK: onnx.Concat {{.*}} -> tensor<?x3xf32>
// CHECK: -> (tensor<2x3xf32>, tensor<?x3xf32>, tensor<5x2x3xf32>)
func.func @loop(%x: tensor<2x3xf32>) {
  %m = onnx.Constant dense<5> : tensor<i64>
  %none = onnx.NoValue
  %0:3 = onnx.Loop %m, %none, %x, %x {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %a: tensor<*xf32>, %b: tensor<*xf32>):
    %d = onnx.Relu %a : (tensor<*xf32>) -> tensor<*xf32>
    %e = onnx.Concat %b, %x {axis = 0 : i64} : (tensor<*xf32>, tensor<2x3xf32>) -> tensor<*xf32>
    onnx.Yield %c, %d, %e, %d : tensor<i1>, tensor<*xf32>, tensor<*xf32>, tensor<*xf32>
  } : (tensor<i64>, none, tensor<2x3xf32>, tensor<2x3xf32>) -> (tensor<*xf32>, tensor<*xf32>, tensor<*xf32>)
  return
}

// CHECK-LABEL: func.func @scan
// CHECK: ^bb0(%{{.*}}: tensor<4xf32>, %{{.*}}: tensor<4xf32>):
// CHECK: -> (tensor<4xf32>, tensor<7x4xf32>)
func.func @scan(%s: tensor<4xf32>, %x: tensor<7x4xf32>) {
  %0:2 = onnx.Scan %s, %x attributes {num_scan_inputs = 1 : i64} {
  ^bb0(%a: tensor<*xf32>, %b: tensor<*xf32>):
    %1 = onnx.Add %a, %b : (tensor<*xf32>, tensor<*xf32>) -> tensor<*xf32>
    onnx.Yield %1, %1 : tensor<*xf32>, tensor<*xf32>
  } : (tensor<4xf32>, tensor<7x4xf32>) -> (tensor<*xf32>, tensor<*xf32>)
  return
}
