// Parallel loops of kernels that cost enough become functions over a range.
// RUN: onnx-compile-opt %s --onnxc-parallelize-kernels=threads=4 | FileCheck %s

// CHECK-LABEL: func.func private @onnxc.body.large.0
// CHECK-SAME: (%[[BEGIN:.*]]: index, %[[END:.*]]: index, %{{.*}}: index, %[[X:.*]]: memref<640xf32>)
// CHECK: scf.for %[[N:.*]] = %[[BEGIN]] to %[[END]]
// CHECK: %[[SCALED:.*]] = arith.muli %[[N]],
// CHECK: %[[I:.*]] = arith.addi %{{.*}}, %[[SCALED]]
// CHECK: memref.store %{{.*}}, %[[X]][%[[I]]]
// CHECK-LABEL: func.func private @large
// CHECK: call @onnxc.body.large.0(%{{.*}}, %{{.*}}, %{{.*}}, %arg0)
// CHECK-NOT: scf.for
func.func private @large(%x: memref<640xf32>) attributes {onnxc.kernel, onnxc.nanoseconds = 50000 : i64} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c640 = arith.constant 640 : index
  %f = arith.constant 1.0 : f32
  scf.for %i = %c0 to %c640 step %c2 {
    memref.store %f, %x[%i] : memref<640xf32>
  } {onnxc.parallel}
  return
}

// Two loops of few iterations are shared out as one.
// CHECK-LABEL: func.func private @onnxc.body.nested.0
// CHECK: scf.for %[[N:.*]] =
// CHECK: arith.divui %[[N]], %{{.*}}
// CHECK: arith.remui %[[N]], %{{.*}}
// CHECK-NOT: scf.for
// CHECK-LABEL: func.func private @nested
func.func private @nested(%x: memref<3x50xf32>) attributes {onnxc.kernel, onnxc.nanoseconds = 50000 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c50 = arith.constant 50 : index
  %f = arith.constant 1.0 : f32
  scf.for %i = %c0 to %c3 step %c1 {
    scf.for %j = %c0 to %c50 step %c1 {
      memref.store %f, %x[%i, %j] : memref<3x50xf32>
    } {onnxc.parallel}
  } {onnxc.parallel}
  return
}

// Each worker has a row of the scratch; what stays in the kernel uses the first.
// CHECK-LABEL: func.func private @onnxc.body.packing.0
// CHECK-SAME: %[[WORKER:[a-z0-9]*]]: index, %[[S:[a-z0-9]*]]: memref<4x32xf32>
// CHECK: memref.subview %[[S]][%[[WORKER]], 0] [1, 20] [1, 1]
// CHECK-LABEL: func.func private @packing
// CHECK-SAME: memref<4x32xf32> {onnxc.scratch}
// CHECK: %[[ROW:.*]] = memref.subview %{{.*}}[%c0{{.*}}, 0] [1, 20] [1, 1]
// CHECK: call @onnxc.body.packing.0
// CHECK: memref.store %{{.*}}, %[[ROW]]
func.func private @packing(%s: memref<20xf32> {onnxc.scratch}) attributes {onnxc.kernel, onnxc.nanoseconds = 50000 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c99 = arith.constant 99 : index
  %f = arith.constant 1.0 : f32
  scf.for %i = %c0 to %c99 step %c1 {
    memref.store %f, %s[%c1] : memref<20xf32>
  } {onnxc.parallel}
  memref.store %f, %s[%c0] : memref<20xf32>
  return
}
// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = memref.alloc() : memref<4x32xf32>
// CHECK: call @packing(%[[A]])
func.func @main() {
  %s = memref.alloc() : memref<20xf32>
  call @packing(%s) : (memref<20xf32>) -> ()
  return
}

// Scratch that the kernel fills before the loop is read by all workers.
// CHECK-LABEL: func.func private @onnxc.body.filled.0
// CHECK-SAME: %[[WORKER:[a-z0-9]*]]: index, %[[ROW:[a-z0-9]*]]: memref<20xf32, strided<[1], offset: ?>>
// CHECK: memref.load %[[ROW]]
// CHECK-LABEL: func.func private @filled
// CHECK: %[[ROW:.*]] = memref.subview
// CHECK: memref.store %{{.*}}, %[[ROW]]
// CHECK: call @onnxc.body.filled.0(%{{.*}}, %{{.*}}, %{{.*}}, %[[ROW]], %{{.*}})
func.func private @filled(%x: memref<99xf32>, %s: memref<20xf32> {onnxc.scratch}) attributes {onnxc.kernel, onnxc.nanoseconds = 50000 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c99 = arith.constant 99 : index
  %f = arith.constant 1.0 : f32
  memref.store %f, %s[%c0] : memref<20xf32>
  scf.for %i = %c0 to %c99 step %c1 {
    %v = memref.load %s[%c0] : memref<20xf32>
    memref.store %v, %x[%i] : memref<99xf32>
  } {onnxc.parallel}
  return
}

// Too little work, and a loop of unknown kind: both stay.
// CHECK-LABEL: func.func private @small
// CHECK: scf.for
func.func private @small(%x: memref<640xf32>) attributes {onnxc.kernel, onnxc.nanoseconds = 500 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c640 = arith.constant 640 : index
  %f = arith.constant 1.0 : f32
  scf.for %i = %c0 to %c640 step %c1 {
    memref.store %f, %x[%i] : memref<640xf32>
  } {onnxc.parallel}
  return
}
// CHECK-LABEL: func.func private @serial
// CHECK: scf.for
func.func private @serial(%x: memref<640xf32>) attributes {onnxc.kernel, onnxc.nanoseconds = 50000 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c640 = arith.constant 640 : index
  %f = arith.constant 1.0 : f32
  scf.for %i = %c0 to %c640 step %c1 {
    memref.store %f, %x[%i] : memref<640xf32>
  }
  return
}
