// A buffer whose size is known at run time comes from the caller's allocator and goes back.
// RUN: onnx-compile-opt %s --onnxc-plan-arena | FileCheck %s

// CHECK: onnxc.arena_bytes = 0 : i64
// CHECK-DAG: func.func private @onnxc.alloc(index, index) -> index
// CHECK-DAG: func.func private @onnxc.free(index, index)
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[FRAME:[a-z0-9]*]]: index) {
// CHECK: %[[BYTES:.*]] = arith.muli
// CHECK: %[[AT:.*]] = call @onnxc.alloc(%[[FRAME]], %[[BYTES]])
// CHECK: call @use
// CHECK: call @onnxc.free(%[[FRAME]], %[[AT]])
module {
  func.func private @use(memref<?xf32>)
  func.func @main(%n: index) {
    %a = memref.alloc(%n) : memref<?xf32>
    call @use(%a) : (memref<?xf32>) -> ()
    return
  }
}
