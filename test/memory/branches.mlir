// Live ranges follow the text: branches share memory, and so do the temporaries
// of a loop's body that follow each other. What a loop reads lives throughout.
// RUN: onnx-compile-opt %s --onnxc-plan-arena | FileCheck %s

// %a is alive in the loop: 256. %t, then %u: 128, once. The branches: 128, once.
// CHECK: module attributes {onnxc.arena_bytes = 384 : i64, onnxc.arena_lower_bound = 384 : i64}
module {
  func.func private @one(memref<64xf32>)
  func.func private @two(memref<64xf32>, memref<32xf32>)
  func.func @main(%p: i1, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %a = memref.alloc() : memref<64xf32>
    call @one(%a) : (memref<64xf32>) -> ()
    scf.for %i = %c0 to %n step %c1 {
      %t = memref.alloc() : memref<32xf32>
      func.call @two(%a, %t) : (memref<64xf32>, memref<32xf32>) -> ()
      %u = memref.alloc() : memref<32xf32>
      func.call @two(%a, %u) : (memref<64xf32>, memref<32xf32>) -> ()
    }
    scf.if %p {
      %v = memref.alloc() : memref<32xf32>
      func.call @two(%a, %v) : (memref<64xf32>, memref<32xf32>) -> ()
    } else {
      %w = memref.alloc() : memref<32xf32>
      func.call @two(%a, %w) : (memref<64xf32>, memref<32xf32>) -> ()
    }
    return
  }
}
