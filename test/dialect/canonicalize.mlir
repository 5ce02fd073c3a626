// Folding and canonicalisation.
// RUN: onnx-compile-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @shape_arithmetic
// CHECK-NEXT: %[[C:.*]] = onnx.Constant dense<[6, 4]> : tensor<2xi64>
// CHECK-NEXT: return %[[C]]
func.func @shape_arithmetic(%x: tensor<2x3x4xf32>) -> tensor<2xi64> {
  %s = onnx.Shape %x : (tensor<2x3x4xf32>) -> tensor<3xi64>
  %zero = onnx.Constant dense<[0]> : tensor<1xi64>
  %one = onnx.Constant dense<[1]> : tensor<1xi64>
  %two = onnx.Constant dense<[2]> : tensor<1xi64>
  %a = onnx.Gather %s, %zero : (tensor<3xi64>, tensor<1xi64>) -> tensor<1xi64>
  %b = onnx.Gather %s, %one : (tensor<3xi64>, tensor<1xi64>) -> tensor<1xi64>
  %c = onnx.Gather %s, %two : (tensor<3xi64>, tensor<1xi64>) -> tensor<1xi64>
  %ab = onnx.Mul %a, %b : (tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %r = onnx.Concat %ab, %c {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  return %r : tensor<2xi64>
}

// CHECK-LABEL: func.func @no_ops
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>
// CHECK-NEXT: return %[[X]]
func.func @no_ops(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %none = onnx.NoValue
  %0 = onnx.Identity %x : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = onnx.Cast %0 {to = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %2, %m = onnx.Dropout %1, %none, %none : (tensor<2x3xf32>, none, none) -> (tensor<2x3xf32>, none)
  %3 = onnx.Transpose %2 : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %4 = onnx.Transpose %3 : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %pads = onnx.Constant dense<0> : tensor<4xi64>
  %5 = onnx.Pad %4, %pads, %none, %none : (tensor<2x3xf32>, tensor<4xi64>, none, none) -> tensor<2x3xf32>
  %shape = onnx.Constant dense<[2, 3]> : tensor<2xi64>
  %6 = onnx.Expand %5, %shape : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2x3xf32>
  %starts = onnx.Constant dense<0> : tensor<2xi64>
  %7 = onnx.Slice %6, %starts, %shape, %none, %none : (tensor<2x3xf32>, tensor<2xi64>, tensor<2xi64>, none, none) -> tensor<2x3xf32>
  %8 = onnx.Concat %7 {axis = 0 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %8 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @compose
// CHECK: onnx.Transpose %{{.*}} {perm = array<i64: 1, 2, 0>} : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>
// CHECK-NOT: onnx.Transpose
// CHECK: onnx.Reshape %{{.*}} : (tensor<2x3x4xf32>, tensor<2xi64>) -> tensor<4x6xf32>
// CHECK-NOT: onnx.Reshape
func.func @compose(%x: tensor<2x3x4xf32>) -> (tensor<3x4x2xf32>, tensor<4x6xf32>) {
  %0 = onnx.Transpose %x {perm = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  %1 = onnx.Transpose %0 {perm = array<i64: 2, 0, 1>} : (tensor<4x2x3xf32>) -> tensor<3x4x2xf32>
  %s = onnx.Constant dense<[6, 4]> : tensor<2xi64>
  %t = onnx.Constant dense<[4, 6]> : tensor<2xi64>
  %2 = onnx.Reshape %x, %s : (tensor<2x3x4xf32>, tensor<2xi64>) -> tensor<6x4xf32>
  %3 = onnx.Reshape %2, %t : (tensor<6x4xf32>, tensor<2xi64>) -> tensor<4x6xf32>
  return %1, %3 : tensor<3x4x2xf32>, tensor<4x6xf32>
}

// Not without knowing what the ops do.
// CHECK-LABEL: func.func @kept
// CHECK: onnx.Dropout
// CHECK: onnx.Expand
// CHECK: onnx.Pad
// CHECK: onnx.Slice
func.func @kept(%x: tensor<?x3xf32>, %train: tensor<i1>, %shape: tensor<2xi64>, %pads: tensor<4xi64>) -> tensor<?x?xf32> {
  %none = onnx.NoValue
  %0, %m = onnx.Dropout %x, %none, %train : (tensor<?x3xf32>, none, tensor<i1>) -> (tensor<?x3xf32>, none)
  %1 = onnx.Expand %0, %shape : (tensor<?x3xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  %2 = onnx.Pad %1, %pads, %none, %none : (tensor<?x?xf32>, tensor<4xi64>, none, none) -> tensor<?x?xf32>
  %starts = onnx.Constant dense<0> : tensor<2xi64>
  %ends = onnx.Constant dense<2> : tensor<2xi64>
  %3 = onnx.Slice %2, %starts, %ends, %none, %none : (tensor<?x?xf32>, tensor<2xi64>, tensor<2xi64>, none, none) -> tensor<?x?xf32>
  return %3 : tensor<?x?xf32>
}

// CHECK-LABEL: func.func @dynamic_same_shape
// CHECK-SAME: %[[X:.*]]: tensor<?x3xf32>
// CHECK-NEXT: return %[[X]]
func.func @dynamic_same_shape(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %s = onnx.Shape %x : (tensor<?x3xf32>) -> tensor<2xi64>
  %0 = onnx.Expand %x, %s : (tensor<?x3xf32>, tensor<2xi64>) -> tensor<?x3xf32>
  %1 = onnx.Reshape %0, %s : (tensor<?x3xf32>, tensor<2xi64>) -> tensor<?x3xf32>
  return %1 : tensor<?x3xf32>
}

// CHECK-LABEL: func.func @known_branch
// CHECK-SAME: %[[X:.*]]: tensor<2xf32>
// CHECK-NEXT: %[[Y:.*]] = onnx.Neg %[[X]]
// CHECK-NEXT: return %[[Y]]
func.func @known_branch(%x: tensor<2xf32>) -> tensor<2xf32> {
  %c = onnx.Constant dense<false> : tensor<i1>
  %0 = onnx.If %c then {
    onnx.Yield %x : tensor<2xf32>
  } else {
    %1 = onnx.Neg %x : (tensor<2xf32>) -> tensor<2xf32>
    onnx.Yield %1 : tensor<2xf32>
  } : (tensor<i1>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// CHECK-LABEL: func.func @constants
// CHECK-DAG: onnx.Constant dense<{{.*}}> : tensor<1x2xf32>
func.func @constants() -> tensor<1x2xf32> {
  %c = onnx.Constant dense<[1.0, 2.0]> : tensor<2xf32>
  %axes = onnx.Constant dense<0> : tensor<1xi64>
  %0 = onnx.Unsqueeze %c, %axes : (tensor<2xf32>, tensor<1xi64>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @containers
// CHECK-SAME: %[[X:.*]]: tensor<2xf32>, %[[Y:.*]]: tensor<2xf32>
// CHECK: onnx.Concat %[[X]], %[[Y]]
// CHECK: return %{{.*}}, %[[Y]]
func.func @containers(%x: tensor<2xf32>, %y: tensor<2xf32>) -> (tensor<4xf32>, tensor<2xf32>) {
  %none = onnx.NoValue
  %e = onnx.SequenceEmpty : () -> !onnx.seq<tensor<2xf32>>
  %0 = onnx.SequenceInsert %e, %x, %none : (!onnx.seq<tensor<2xf32>>, tensor<2xf32>, none) -> !onnx.seq<tensor<2xf32>>
  %1 = onnx.SequenceInsert %0, %y, %none : (!onnx.seq<tensor<2xf32>>, tensor<2xf32>, none) -> !onnx.seq<tensor<2xf32>>
  %2 = onnx.ConcatFromSequence %1 {axis = 0 : i64} : (!onnx.seq<tensor<2xf32>>) -> tensor<4xf32>
  %k = onnx.Constant dense<-1> : tensor<i64>
  %3 = onnx.SequenceAt %1, %k : (!onnx.seq<tensor<2xf32>>, tensor<i64>) -> tensor<2xf32>
  return %2, %3 : tensor<4xf32>, tensor<2xf32>
}
