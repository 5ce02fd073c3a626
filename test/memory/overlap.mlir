// The input of a kernel, which dies there, and its output overlap as far as the kernel's order allows.
// RUN: onnx-compile-opt %s --onnxc-plan-arena="overlaps" | FileCheck %s
// RUN: onnx-compile-opt %s --onnxc-plan-arena | FileCheck %s --check-prefix=APART

// @rows writes row h when the rows from h on are still to be read: 64 bytes. @turned is the same from the last row to
// the first, which lets the output lie behind the input.
// CHECK: module attributes {onnxc.arena_bytes = 1088 : i64, onnxc.arena_lower_bound = 1088 : i64}
// CHECK-NOT: @turned
// CHECK-LABEL: func.func @main
// CHECK: arith.constant 64 : index
// CHECK: arith.constant 0 : index
// CHECK: call @source
// CHECK: call @rows
// CHECK: call @sink

// APART: onnxc.arena_bytes = 2048 : i64
module {
  func.func private @source(memref<16x64xi8>)
  func.func private @sink(memref<16x64xi8>)
  func.func private @rows(%x: memref<16x64xi8>, %y: memref<16x64xi8>) attributes {onnxc.kernel, onnxc.backward = @turned} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %c64 = arith.constant 64 : index
    scf.for %h = %c0 to %c16 step %c1 {
      %up = arith.subi %h, %c1 : index
      %above = arith.maxsi %up, %c0 : index
      scf.for %c = %c0 to %c64 step %c1 {
        %v = memref.load %x[%above, %c] : memref<16x64xi8>
        memref.store %v, %y[%h, %c] : memref<16x64xi8>
      }
    }
    return
  }
  func.func private @turned(%x: memref<16x64xi8>, %y: memref<16x64xi8>) attributes {onnxc.kernel, onnxc.backward_copy} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c15 = arith.constant 15 : index
    %c16 = arith.constant 16 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %c16 step %c1 {
      %h = arith.subi %c15, %i : index
      %up = arith.subi %h, %c1 : index
      %above = arith.maxsi %up, %c0 : index
      scf.for %c = %c0 to %c64 step %c1 {
        %v = memref.load %x[%above, %c] : memref<16x64xi8>
        memref.store %v, %y[%h, %c] : memref<16x64xi8>
      }
    }
    return
  }
  func.func @main() {
    %a = memref.alloc() : memref<16x64xi8>
    %b = memref.alloc() : memref<16x64xi8>
    call @source(%a) : (memref<16x64xi8>) -> ()
    call @rows(%a, %b) : (memref<16x64xi8>, memref<16x64xi8>) -> ()
    call @sink(%b) : (memref<16x64xi8>) -> ()
    return
  }
}
