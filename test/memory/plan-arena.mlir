// Buffers whose lifetimes do not meet share memory.
// RUN: onnx-compile-opt %s --onnxc-plan-arena | FileCheck %s

// %a (256 bytes) and %b (128) are alive together, %c (256) after %a: 384 bytes.
// CHECK: module attributes {onnxc.arena_bytes = 384 : i64, onnxc.arena_lower_bound = 384 : i64}
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[ARENA:[a-z0-9]*]]: memref<384xi8>, %{{[a-z0-9]*}}: index)
// CHECK: %[[O:.*]] = arith.constant 0 : index
// CHECK: %[[A:.*]] = memref.view %[[ARENA]][%[[O]]][] : memref<384xi8> to memref<64xf32>
// CHECK: %[[P:.*]] = arith.constant 256 : index
// CHECK: %[[B:.*]] = memref.view %[[ARENA]][%[[P]]][] : memref<384xi8> to memref<32xf32>
// CHECK: %[[Q:.*]] = arith.constant 0 : index
// CHECK: %[[C:.*]] = memref.view %[[ARENA]][%[[Q]]][] : memref<384xi8> to memref<64xf32>
// CHECK-NOT: memref.alloc
module {
  func.func private @one(memref<64xf32>)
  func.func private @two(memref<64xf32>, memref<32xf32>)
  func.func private @three(memref<32xf32>, memref<64xf32>)
  func.func @main() {
    %a = memref.alloc() : memref<64xf32>
    %b = memref.alloc() : memref<32xf32>
    %c = memref.alloc() : memref<64xf32>
    call @one(%a) : (memref<64xf32>) -> ()
    call @two(%a, %b) : (memref<64xf32>, memref<32xf32>) -> ()
    call @three(%b, %c) : (memref<32xf32>, memref<64xf32>) -> ()
    return
  }
}
