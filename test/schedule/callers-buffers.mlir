// RUN: onnx-compile-opt --onnxc-bufferize --canonicalize --split-input-file %s | FileCheck %s

// %y is stored after %z, whose buffer it must not live in.
// CHECK-LABEL: func.func @read_later(
// CHECK-SAME: %[[X:.*]]: memref<4xf32>, %[[Z:.*]]: memref<4xf32>, %[[Y:.*]]: memref<4xf32>)
// CHECK: linalg.exp ins(%[[X]] : memref<4xf32>) outs(%[[OWN:[^ ]*]] :
// CHECK-NOT: outs(%[[Z]] :
// CHECK: memref.copy %{{.*}}, %[[Z]]
// CHECK: memref.copy %[[OWN]], %[[Y]]
func.func @read_later(%x: memref<4xf32>, %z: memref<4xf32>, %y: memref<4xf32>) {
  %0 = bufferization.to_tensor %x restrict : memref<4xf32> to tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %1 = linalg.exp ins(%0 : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %c = arith.constant 7.0 : f32
  %i = arith.constant 2 : index
  %2 = tensor.insert %c into %1[%i] : tensor<4xf32>
  bufferization.materialize_in_destination %2 in restrict writable %z : (tensor<4xf32>, memref<4xf32>) -> ()
  bufferization.materialize_in_destination %1 in restrict writable %y : (tensor<4xf32>, memref<4xf32>) -> ()
  return
}

// -----

// Read before only: computed in the caller's buffer.
// CHECK-LABEL: func.func @in_place(
// CHECK-SAME: %[[X:.*]]: memref<4xf32>, %[[Z:.*]]: memref<4xf32>)
// CHECK: linalg.exp {{.*}} outs(%[[Z]] :
// CHECK-NEXT: memref.store {{.*}}, %[[Z]]
// CHECK-NEXT: return
func.func @in_place(%x: memref<4xf32>, %z: memref<4xf32>) {
  %0 = bufferization.to_tensor %x restrict : memref<4xf32> to tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %1 = linalg.exp ins(%0 : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %c = arith.constant 7.0 : f32
  %i = arith.constant 2 : index
  %2 = tensor.insert %c into %1[%i] : tensor<4xf32>
  bufferization.materialize_in_destination %2 in restrict writable %z : (tensor<4xf32>, memref<4xf32>) -> ()
  return
}

// -----

// Rows of a slice do not follow each other; its type as an output says that they do.
// CHECK-LABEL: func.func @columns(
// CHECK: %[[PART:.*]] = memref.subview
// CHECK: %[[COPY:.*]] = memref.alloc(%{{.*}}, %{{.*}}) : memref<?x?xf32>
// CHECK: memref.copy %[[PART]], %[[COPY]]
// CHECK: call @store(%[[COPY]])
func.func private @store(memref<?x?xf32>)
func.func @columns(%x: memref<?x?xf32>, %n: index, %m: index) {
  %0 = bufferization.to_tensor %x restrict : memref<?x?xf32> to tensor<?x?xf32>
  %1 = tensor.extract_slice %0[0, 0] [%n, %m] [1, 1] : tensor<?x?xf32> to tensor<?x?xf32>
  %2 = bufferization.to_buffer %1 read_only : tensor<?x?xf32> to memref<?x?xf32>
  call @store(%2) : (memref<?x?xf32>) -> ()
  return
}

// -----

// Whole rows do.
// CHECK-LABEL: func.func @rows(
// CHECK-NOT: memref.alloc
// CHECK: call @store
func.func private @store(memref<?x6xf32>)
func.func @rows(%x: memref<?x6xf32>, %n: index) {
  %0 = bufferization.to_tensor %x restrict : memref<?x6xf32> to tensor<?x6xf32>
  %1 = tensor.extract_slice %0[0, 0] [%n, 6] [1, 1] : tensor<?x6xf32> to tensor<?x6xf32>
  %2 = bufferization.to_buffer %1 read_only : tensor<?x6xf32> to memref<?x6xf32>
  call @store(%2) : (memref<?x6xf32>) -> ()
  return
}
