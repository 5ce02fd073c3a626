// An If has results of one rank: what depends on others moves into the
// branches, or one of them cannot run.
// RUN: onnx-compile-opt %s --onnx-infer-shapes --split-input-file | FileCheck %s

// Both ranks lead to a scalar.
// CHECK-LABEL: func.func @joined
// CHECK: %[[R:.*]] = onnx.If %{{.*}} then {
// CHECK:   onnx.Squeeze
// CHECK:   onnx.ReduceSum {{.*}} (tensor<?xf32>, none) -> tensor<f32>
// CHECK: } else {
// CHECK:   onnx.ReduceSum {{.*}} (tensor<?x?xf32>, none) -> tensor<f32>
// CHECK: -> tensor<f32>
// CHECK: return %[[R]]
func.func @joined(%c: tensor<i1>, %x: tensor<?x?xf32>) -> tensor<*xf32> {
  %none = onnx.NoValue
  %axes = onnx.Constant dense<1> : tensor<1xi64>
  %0 = onnx.If %c then {
    %1 = onnx.Squeeze %x, %axes : (tensor<?x?xf32>, tensor<1xi64>) -> tensor<*xf32>
    onnx.Yield %1 : tensor<*xf32>
  } else {
    onnx.Yield %x : tensor<?x?xf32>
  } : (tensor<i1>) -> tensor<*xf32>
  %2 = onnx.ReduceSum %0, %none {keepdims = 0 : i64} : (tensor<*xf32>, none) -> tensor<*xf32>
  return %2 : tensor<*xf32>
}

// -----

// The Transpose takes rank 2 only.
// CHECK-LABEL: func.func @one_branch
// CHECK: onnx.Require %{{.*}} {message = "the model goes on only with a condition of true: with false, {{.*}}perm{{.*}}", wanted = true}
// CHECK-NOT: onnx.If
// CHECK: onnx.Squeeze
// CHECK: onnx.Transpose {{.*}} -> tensor<4x?xf32>
func.func @one_branch(%c: tensor<i1>, %x: tensor<?x4x?xf32>) -> tensor<*xf32> {
  %axes = onnx.Constant dense<2> : tensor<1xi64>
  %0 = onnx.If %c then {
    %1 = onnx.Squeeze %x, %axes : (tensor<?x4x?xf32>, tensor<1xi64>) -> tensor<*xf32>
    onnx.Yield %1 : tensor<*xf32>
  } else {
    onnx.Yield %x : tensor<?x4x?xf32>
  } : (tensor<i1>) -> tensor<*xf32>
  %2 = onnx.Transpose %0 {perm = array<i64: 1, 0>} : (tensor<*xf32>) -> tensor<*xf32>
  return %2 : tensor<*xf32>
}

// -----

// The difference leaves the inner If and meets the Transpose behind the outer.
// CHECK-LABEL: func.func @nested
// CHECK: onnx.If
// CHECK:   onnx.Require {{.*}}wanted = true
// CHECK:   onnx.Transpose
// CHECK: } else {
// CHECK:   onnx.Transpose
func.func @nested(%c: tensor<i1>, %d: tensor<i1>, %x: tensor<?x4x?xf32>, %y: tensor<2x2xf32>) -> tensor<*xf32> {
  %axes = onnx.Constant dense<2> : tensor<1xi64>
  %0 = onnx.If %d then {
    %3 = onnx.If %c then {
      %1 = onnx.Squeeze %x, %axes : (tensor<?x4x?xf32>, tensor<1xi64>) -> tensor<*xf32>
      onnx.Yield %1 : tensor<*xf32>
    } else {
      onnx.Yield %x : tensor<?x4x?xf32>
    } : (tensor<i1>) -> tensor<*xf32>
    onnx.Yield %3 : tensor<*xf32>
  } else {
    onnx.Yield %y : tensor<2x2xf32>
  } : (tensor<i1>) -> tensor<*xf32>
  %2 = onnx.Transpose %0 {perm = array<i64: 1, 0>} : (tensor<*xf32>) -> tensor<*xf32>
  return %2 : tensor<*xf32>
}

// -----

// The branch of a known condition is not looked at; that of an unknown one
// cannot run.
// CHECK-LABEL: func.func @contradiction
// CHECK-NOT: onnx.Squeeze
// CHECK: onnx.Require %arg0 {message = "the model goes on only with a condition of false: with true, {{.*}}got 6, wanted 1", wanted = false}
// CHECK-NEXT: return
func.func @contradiction(%c: tensor<i1>, %x: tensor<1x6xf32>) -> (tensor<*xf32>, tensor<*xf32>) {
  %axes = onnx.Constant dense<1> : tensor<1xi64>
  %no = onnx.Constant dense<false> : tensor<i1>
  %0 = onnx.If %no then {
    %1 = onnx.Squeeze %x, %axes : (tensor<1x6xf32>, tensor<1xi64>) -> tensor<*xf32>
    onnx.Yield %1 : tensor<*xf32>
  } else {
    onnx.Yield %x : tensor<1x6xf32>
  } : (tensor<i1>) -> tensor<*xf32>
  %2 = onnx.If %c then {
    %1 = onnx.Squeeze %x, %axes : (tensor<1x6xf32>, tensor<1xi64>) -> tensor<*xf32>
    onnx.Yield %1 : tensor<*xf32>
  } else {
    onnx.Yield %x : tensor<1x6xf32>
  } : (tensor<i1>) -> tensor<*xf32>
  return %0, %2 : tensor<*xf32>, tensor<*xf32>
}

// -----

// Neither rank of the inner If is a matrix's: the model is the outer's other
// branch.
// CHECK-LABEL: func.func @impossible_branch
// CHECK: onnx.Require %arg0 {message = "the model goes on only with a condition of false: with true, neither branch goes on: {{.*}}", wanted = false}
// CHECK-NOT: onnx.If
// CHECK: onnx.Transpose %arg3
func.func @impossible_branch(%c: tensor<i1>, %d: tensor<i1>, %x: tensor<?x4x?xf32>, %y: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %0 = onnx.If %c then {
    %3 = onnx.If %d then {
      %axes = onnx.Constant dense<[0, 2]> : tensor<2xi64>
      %1 = onnx.Squeeze %x, %axes : (tensor<?x4x?xf32>, tensor<2xi64>) -> tensor<*xf32>
      onnx.Yield %1 : tensor<*xf32>
    } else {
      onnx.Yield %x : tensor<?x4x?xf32>
    } : (tensor<i1>) -> tensor<*xf32>
    onnx.Yield %3 : tensor<*xf32>
  } else {
    onnx.Yield %y : tensor<2x3xf32>
  } : (tensor<i1>) -> tensor<*xf32>
  %2 = onnx.Transpose %0 {perm = array<i64: 1, 0>} : (tensor<*xf32>) -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}
