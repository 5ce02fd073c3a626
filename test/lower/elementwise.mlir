// onnx ops become linalg on tensors; inputs and outputs are the caller's buffers.
// RUN: onnx-compile-opt %s --onnxc-lower --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: memref<4x6xf32>, %[[B:.*]]: memref<6xf32>, %[[Y:.*]]: memref<4x6xf32>)
// CHECK: bufferization.to_tensor %[[X]] restrict
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel"]
// CHECK: arith.addf
// CHECK: linalg.generic
// CHECK: arith.cmpf olt
// CHECK: arith.select
// CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %[[Y]]
// CHECK-NOT: onnx.
func.func @main(%x: tensor<4x6xf32>, %b: tensor<6xf32>) -> tensor<4x6xf32> {
  %0 = onnx.Add %x, %b : (tensor<4x6xf32>, tensor<6xf32>) -> tensor<4x6xf32>
  %1 = onnx.Relu %0 : (tensor<4x6xf32>) -> tensor<4x6xf32>
  return %1 : tensor<4x6xf32>
}
