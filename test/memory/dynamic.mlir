// A buffer whose size is known at run time comes from the caller's allocator and goes back. Those of one block whose
// sizes are multiples of the same dims share one allocation: %a and %c, which are not alive together, 64 bytes
// for each of %n behind the 128 of %b. %d has other dims and an allocation of its own.
// RUN: onnx-compile-opt %s --onnxc-plan-arena --canonicalize --cse | FileCheck %s

// CHECK: onnxc.arena_bytes = 0 : i64
// CHECK-DAG: func.func private @onnxc.alloc(index, index) -> index
// CHECK-DAG: func.func private @onnxc.free(index, index)
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[N:[a-z0-9]*]]: index, %[[M:[a-z0-9]*]]: index, %{{.*}}: memref<0xi8>, %[[FRAME:[a-z0-9]*]]: index) {
// CHECK-DAG: %[[UNIT:.*]] = arith.constant 192 : index
// CHECK-DAG: %[[SECOND:.*]] = arith.constant 128 : index
// CHECK: %[[BYTES:.*]], %[[HIGH:.*]] = arith.mului_extended %{{.*}}, %[[UNIT]]
// CHECK: arith.cmpi eq, %[[HIGH]]
// CHECK: rt.check {{.*}} 6, "make", "node 'make': a temporary with a dim of \01 elements is larger than memory can be"
// CHECK: %[[AT:.*]] = call @onnxc.alloc(%[[FRAME]], %[[BYTES]])
// CHECK: %[[GOT:.*]] = arith.cmpi ne, %[[AT]]
// CHECK: rt.check %[[GOT]], {{.*}} 6, "make", "node 'make': the allocator gave no memory, wanted \02 bytes"
// CHECK: %[[OFFSET:.*]] = arith.muli %[[N]], %[[SECOND]]
// CHECK: arith.addi %[[AT]], %[[OFFSET]]
// CHECK: %[[OTHER:.*]] = call @onnxc.alloc(
// CHECK: call @use
// CHECK-DAG: call @onnxc.free(%[[FRAME]], %[[AT]])
// CHECK-DAG: call @onnxc.free(%[[FRAME]], %[[OTHER]])
module {
  func.func private @use(memref<?xf32>)
  func.func private @move(memref<?xf32>, memref<?x20xf32>)
  func.func private @back(memref<?x20xf32>, memref<?x2xf32>)
  func.func private @end(memref<?x2xf32>)
  func.func @main(%n: index, %m: index) {
    %a = memref.alloc(%n) : memref<?xf32> loc("make")
    %b = memref.alloc(%n) : memref<?x20xf32>
    %c = memref.alloc(%n) : memref<?x2xf32>
    call @use(%a) : (memref<?xf32>) -> ()
    call @move(%a, %b) : (memref<?xf32>, memref<?x20xf32>) -> ()
    call @back(%b, %c) : (memref<?x20xf32>, memref<?x2xf32>) -> ()
    call @end(%c) : (memref<?x2xf32>) -> ()
    %d = memref.alloc(%m) : memref<?xf32>
    call @use(%d) : (memref<?xf32>) -> ()
    return
  }
}
