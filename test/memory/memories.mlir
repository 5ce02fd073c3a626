// What is accessed most lies in the first memory; each memory is an argument.
// RUN: onnx-compile-opt %s --onnxc-plan-arena="memories=256,1024" | FileCheck %s

// CHECK: func.func @main(%[[FAST:[a-z0-9]*]]: memref<256xi8>, %[[SLOW:[a-z0-9]*]]: memref<256xi8>, %{{[a-z0-9]*}}: index)
// CHECK: memref.view %[[SLOW]]
// CHECK: memref.view %[[FAST]]
module {
  func.func private @fill(%a: memref<64xf32>, %b: memref<64xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %c64 step %c1 {
      %v = memref.load %a[%i] : memref<64xf32>
      scf.for %j = %c0 to %c64 step %c1 {
        memref.store %v, %b[%j] : memref<64xf32>
      }
    }
    return
  }
  func.func private @other(memref<64xf32>, memref<64xf32>)
  func.func @main() {
    %a = memref.alloc() : memref<64xf32>
    %b = memref.alloc() : memref<64xf32>
    call @fill(%a, %b) : (memref<64xf32>, memref<64xf32>) -> ()
    call @other(%a, %b) : (memref<64xf32>, memref<64xf32>) -> ()
    return
  }
}
