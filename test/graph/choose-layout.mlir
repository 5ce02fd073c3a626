// RUN: onnx-compile-opt --onnxc-choose-layout %s | FileCheck %s

// One transpose in, one out; the ops between run channels-last.
// CHECK-LABEL: func.func @chain
// CHECK: onnx.Transpose %{{.*}} {perm = array<i64: 0, 2, 3, 1>}
// CHECK: onnx.Conv {{.*}}layout = "NHWC"{{.*}} -> tensor<1x16x16x8xf32>
// CHECK-NOT: onnx.Transpose
// CHECK: onnx.Relu {{.*}} -> tensor<1x16x16x8xf32>
// CHECK-NOT: onnx.Transpose
// CHECK: onnx.Conv {{.*}}layout = "NHWC"
// CHECK: onnx.Transpose %{{.*}} {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: return
func.func @chain(%x: tensor<1x3x16x16xf32>, %w: tensor<8x3x1x1xf32>, %v: tensor<8x8x1x1xf32>) -> tensor<1x8x16x16xf32> {
  %none = onnx.NoValue
  %a = onnx.Conv %x, %w, %none : (tensor<1x3x16x16xf32>, tensor<8x3x1x1xf32>, none) -> tensor<1x8x16x16xf32>
  %b = onnx.Relu %a : (tensor<1x8x16x16xf32>) -> tensor<1x8x16x16xf32>
  %c = onnx.Conv %b, %v, %none : (tensor<1x8x16x16xf32>, tensor<8x8x1x1xf32>, none) -> tensor<1x8x16x16xf32>
  return %c : tensor<1x8x16x16xf32>
}

// Axes and constants follow; the mean over all pixels ends the images.
// CHECK-LABEL: func.func @axes
// CHECK: onnx.Concat {{.*}}axis = 3 : i64
// CHECK: onnx.Add {{.*}}tensor<1x1x1x16xf32>
// CHECK: dense<[1, 2]> : tensor<2xi64>
// CHECK: onnx.ReduceMean {{.*}} -> tensor<1x16xf32>
// CHECK-NEXT: return
func.func @axes(%x: tensor<1x3x16x16xf32>, %w: tensor<8x3x1x1xf32>) -> tensor<1x16xf32> {
  %none = onnx.NoValue
  %a = onnx.Conv %x, %w, %none : (tensor<1x3x16x16xf32>, tensor<8x3x1x1xf32>, none) -> tensor<1x8x16x16xf32>
  %b = onnx.Concat %a, %a {axis = 1 : i64} : (tensor<1x8x16x16xf32>, tensor<1x8x16x16xf32>) -> tensor<1x16x16x16xf32>
  %k = onnx.Constant dense<1.0> : tensor<16x1x1xf32>
  %c = onnx.Add %b, %k : (tensor<1x16x16x16xf32>, tensor<16x1x1xf32>) -> tensor<1x16x16x16xf32>
  %axes = onnx.Constant dense<[2, 3]> : tensor<2xi64>
  %m = onnx.ReduceMean %c, %axes {keepdims = 0 : i64} : (tensor<1x16x16x16xf32>, tensor<2xi64>) -> tensor<1x16xf32>
  return %m : tensor<1x16xf32>
}

// The model's own transpose to channels-last cancels.
// CHECK-LABEL: func.func @own
// CHECK: onnx.Conv
// CHECK-NEXT: return
func.func @own(%x: tensor<1x3x16x16xf32>, %w: tensor<8x3x1x1xf32>) -> tensor<1x16x16x8xf32> {
  %none = onnx.NoValue
  %a = onnx.Conv %x, %w, %none : (tensor<1x3x16x16xf32>, tensor<8x3x1x1xf32>, none) -> tensor<1x8x16x16xf32>
  %t = onnx.Transpose %a {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x8x16x16xf32>) -> tensor<1x16x16x8xf32>
  return %t : tensor<1x16x16x8xf32>
}

// Without a convolution nothing changes.
// CHECK-LABEL: func.func @none
// CHECK-NOT: onnx.Transpose
func.func @none(%x: tensor<1x3x16x16xf32>) -> tensor<1x3x16x16xf32> {
  %y = onnx.Relu %x : (tensor<1x3x16x16xf32>) -> tensor<1x3x16x16xf32>
  return %y : tensor<1x3x16x16xf32>
}

// With three dims the permutations to and from channels-last are one; it counts
// as the one of them: here the result is the convolution's channels-last input.
// CHECK-LABEL: func.func @three
// CHECK-SAME: %[[X:.*]]: tensor<1x8x3xf32>
// CHECK-NOT: onnx.Transpose
// CHECK: onnx.Conv %[[X]], {{.*}}layout = "NHWC"{{.*}} -> tensor<1x8x4xf32>
// CHECK: %[[Y:.*]] = onnx.Transpose {{.*}} -> tensor<1x4x8xf32>
// CHECK: return %[[Y]]
func.func @three(%x: tensor<1x8x3xf32>, %w: tensor<4x3x1xf32>) -> tensor<1x4x8xf32> {
  %none = onnx.NoValue
  %t = onnx.Transpose %x {perm = array<i64: 0, 2, 1>} : (tensor<1x8x3xf32>) -> tensor<1x3x8xf32>
  %c = onnx.Conv %t, %w, %none : (tensor<1x3x8xf32>, tensor<4x3x1xf32>, none) -> tensor<1x4x8xf32>
  return %c : tensor<1x4x8xf32>
}

// And here it is of no use to one.
// CHECK-LABEL: func.func @apart
// CHECK-SAME: %[[X:.*]]: tensor<1x8x3xf32>
// CHECK: %[[T:.*]] = onnx.Transpose %[[X]]
// CHECK: return {{.*}}, %[[T]]
func.func @apart(%x: tensor<1x8x3xf32>, %w: tensor<4x8x1xf32>) -> (tensor<1x4x3xf32>, tensor<1x3x8xf32>) {
  %none = onnx.NoValue
  %c = onnx.Conv %x, %w, %none : (tensor<1x8x3xf32>, tensor<4x8x1xf32>, none) -> tensor<1x4x3xf32>
  %t = onnx.Transpose %x {perm = array<i64: 0, 2, 1>} : (tensor<1x8x3xf32>) -> tensor<1x3x8xf32>
  return %c, %t : tensor<1x4x3xf32>, tensor<1x3x8xf32>
}

// A constant image takes the order of its convolution.
// CHECK-LABEL: func.func @constant
// CHECK: %[[I:.*]] = onnx.Constant dense<1.000000e+00> : tensor<1x3x4x5xf32>
// CHECK: %[[T:.*]] = onnx.Transpose %[[I]] {perm = array<i64: 0, 2, 3, 1>}
// CHECK: onnx.Conv %[[T]], {{.*}}layout = "NHWC"
func.func @constant(%w: tensor<2x3x3x3xf32>) -> tensor<1x2x2x3xf32> {
  %none = onnx.NoValue
  %image = onnx.Constant dense<1.0> : tensor<1x3x4x5xf32>
  %c = onnx.Conv %image, %w, %none : (tensor<1x3x4x5xf32>, tensor<2x3x3x3xf32>, none) -> tensor<1x2x2x3xf32>
  return %c : tensor<1x2x2x3xf32>
}

// What is elementwise, or renames its axes, says so in its record.
// CHECK-LABEL: func.func @records
// CHECK: onnx.Conv
// CHECK-NOT: onnx.Transpose {{.*}}xf32
// CHECK: onnx.Tan {{.*}} -> tensor<1x4x4x8xf32>
// CHECK: onnx.Pad
// CHECK-SAME: -> tensor<1x6x4x8xf32>
// CHECK: onnx.LogSoftmax {{.*}}axis = 3 : i64
// CHECK: onnx.Split {{.*}}axis = 1 : i64
// CHECK: onnx.Conv
func.func @records(%x: tensor<1x3x4x4xf32>, %w: tensor<8x3x1x1xf32>, %v: tensor<8x8x1x1xf32>) -> tensor<1x8x3x4xf32> {
  %none = onnx.NoValue
  %pads = onnx.Constant dense<[0, 0, 1, 0, 0, 0, 1, 0]> : tensor<8xi64>
  %a = onnx.Conv %x, %w, %none : (tensor<1x3x4x4xf32>, tensor<8x3x1x1xf32>, none) -> tensor<1x8x4x4xf32>
  %b = onnx.Tan %a : (tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %c = onnx.Pad %b, %pads, %none, %none : (tensor<1x8x4x4xf32>, tensor<8xi64>, none, none) -> tensor<1x8x6x4xf32>
  %d = onnx.LogSoftmax %c {axis = 1 : i64} : (tensor<1x8x6x4xf32>) -> tensor<1x8x6x4xf32>
  %e:2 = onnx.Split %d, %none {axis = 2 : i64, num_outputs = 2 : i64} : (tensor<1x8x6x4xf32>, none) -> (tensor<1x8x3x4xf32>, tensor<1x8x3x4xf32>)
  %f = onnx.Add %e#0, %e#1 : (tensor<1x8x3x4xf32>, tensor<1x8x3x4xf32>) -> tensor<1x8x3x4xf32>
  %g = onnx.Conv %f, %v, %none : (tensor<1x8x3x4xf32>, tensor<8x8x1x1xf32>, none) -> tensor<1x8x3x4xf32>
  return %g : tensor<1x8x3x4xf32>
}
