// Inputs and outputs with their place in the arena: an input until its last
// use, an output from its first.
// RUN: onnx-compile-opt %s --onnxc-plan-arena="io" | FileCheck %s

// CHECK: module attributes {onnxc.arena_bytes = 512 : i64, onnxc.arena_lower_bound = 512 : i64}
// CHECK: func.func @main(%[[ARENA:[a-z0-9]*]]: memref<512xi8>, %{{[a-z0-9]*}}: index)
// CHECK-NOT: memref.alloc
module {
  func.func private @one(memref<64xf32>, memref<64xf32>)
  func.func @main(%x: memref<64xf32>, %y: memref<64xf32>) attributes {onnxc.num_inputs = 1 : i64} {
    %t = memref.alloc() : memref<64xf32>
    call @one(%x, %t) : (memref<64xf32>, memref<64xf32>) -> ()
    call @one(%t, %y) : (memref<64xf32>, memref<64xf32>) -> ()
    return
  }
}
