// RUN: onnx-compile-opt --onnxc-place-kernels --canonicalize --split-input-file %s | FileCheck %s

// Everything on the device: inputs and outputs have homes there, constants a copy.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: memref<8xf32>, %[[Y:.*]]: memref<8xf32>)
// CHECK-DAG: %[[DX:.*]] = gpu.alloc {{.*}}{onnxc.input = 0 : i64} : memref<8xf32>
// CHECK-DAG: %[[DY:.*]] = gpu.alloc {{.*}}{onnxc.output = 1 : i64} : memref<8xf32>
// CHECK-DAG: %[[W:.*]] = memref.get_global @w : memref<8xf32> {onnxc.device}
// CHECK-DAG: %[[T:.*]] = gpu.alloc () : memref<8xf32>
// CHECK: call @add(%[[DX]], %[[W]], %[[T]]) {onnxc.device}
// CHECK: call @add(%[[T]], %[[W]], %[[DY]]) {onnxc.device}
// CHECK: gpu.memcpy %[[Y]], %[[DY]] : memref<8xf32>, memref<8xf32> {onnxc.output = 1 : i64}
// CHECK-NEXT: return
memref.global "private" constant @w : memref<8xf32> = dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]>
func.func @main(%x: memref<8xf32>, %y: memref<8xf32>) attributes {onnxc.num_inputs = 1 : i64} {
  %w = memref.get_global @w : memref<8xf32>
  %t = memref.alloc() : memref<8xf32>
  call @add(%x, %w, %t) : (memref<8xf32>, memref<8xf32>, memref<8xf32>) -> ()
  call @add(%t, %w, %y) : (memref<8xf32>, memref<8xf32>, memref<8xf32>) -> ()
  return
}
func.func private @add(%a: memref<8xf32>, %b: memref<8xf32>, %c: memref<8xf32>) attributes {onnxc.kernel} {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a, %b : memref<8xf32>, memref<8xf32>) outs(%c : memref<8xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// The host looks at a result of the device in a loop that launches again: both
// homes are up to date at the end of each round. What the loop only reads
// comes before it, once.
// CHECK-LABEL: func.func @main
// CHECK: %[[T:.*]] = memref.alloc() : memref<8xf32>
// CHECK: %[[DT:.*]] = gpu.alloc () : memref<8xf32>
// CHECK: call @neg(%{{.*}}, %[[DT]]) {onnxc.device}
// CHECK: gpu.memcpy %[[T]], %[[DT]]
// CHECK-NEXT: scf.for
// CHECK: memref.load %[[T]]
// CHECK: scf.if
// CHECK: call @neg(%[[DT]], %[[DT]]) {onnxc.device}
// CHECK: gpu.memcpy %[[T]], %[[DT]]
func.func @main(%x: memref<8xf32>, %y: memref<8xf32>) attributes {onnxc.num_inputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %t = memref.alloc() : memref<8xf32>
  call @neg(%x, %t) : (memref<8xf32>, memref<8xf32>) -> ()
  scf.for %i = %c0 to %c8 step %c1 {
    %v = memref.load %t[%i] : memref<8xf32>
    %c = arith.cmpf olt, %v, %zero : f32
    scf.if %c {
      func.call @neg(%t, %t) : (memref<8xf32>, memref<8xf32>) -> ()
    }
  }
  call @neg(%t, %y) : (memref<8xf32>, memref<8xf32>) -> ()
  return
}
func.func private @neg(%a: memref<8xf32>, %c: memref<8xf32>) attributes {onnxc.kernel} {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<8xf32>) outs(%c : memref<8xf32>) {
  ^bb0(%p: f32, %r: f32):
    %s = arith.negf %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Few integers that only the host reads: shape arithmetic, and no fallback. A
// size that is known at run time only is one.
// CHECK-LABEL: func.func @main
// CHECK: call @twice_i(%{{.*}}, %{{.*}}) : (memref<2xi64>, memref<2xi64>) -> ()
// CHECK: memref.load
// CHECK: call @twice_f(%{{.*}}, %{{.*}}) {onnxc.fallback = "works on a buffer whose size is known at run time only (pin dims with --dim)"}
// CHECK: call @one(%{{.*}}) {onnxc.device}
func.func @main(%x: memref<2xi64>, %z: memref<?xf32>, %y: memref<8xf32>) attributes {onnxc.num_inputs = 2 : i64} {
  %c0 = arith.constant 0 : index
  %s = memref.alloc() : memref<2xi64>
  call @twice_i(%x, %s) : (memref<2xi64>, memref<2xi64>) -> ()
  %n = memref.load %s[%c0] : memref<2xi64>
  %size = arith.index_cast %n : i64 to index
  %t = memref.alloc(%size) : memref<?xf32>
  call @twice_f(%z, %t) : (memref<?xf32>, memref<?xf32>) -> ()
  call @one(%y) : (memref<8xf32>) -> ()
  return
}
func.func private @twice_i(%a: memref<2xi64>, %c: memref<2xi64>) attributes {onnxc.kernel} {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<2xi64>) outs(%c : memref<2xi64>) {
  ^bb0(%p: i64, %r: i64):
    %s = arith.addi %p, %p : i64
    linalg.yield %s : i64
  }
  return
}
func.func private @twice_f(%a: memref<?xf32>, %c: memref<?xf32>) attributes {onnxc.kernel} {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<?xf32>) outs(%c : memref<?xf32>) {
  ^bb0(%p: f32, %r: f32):
    %s = arith.addf %p, %p : f32
    linalg.yield %s : f32
  }
  return
}
func.func private @one(%c: memref<8xf32>) attributes {onnxc.kernel} {
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%c : memref<8xf32>)
  return
}

// -----

// What a branch hands on is copied to the host before the branch ends, where it
// still has its name.
// CHECK-LABEL: func.func @main
// CHECK: %[[IF:.*]] = scf.if
// CHECK: %[[T:.*]] = memref.alloc() : memref<8xf32>
// CHECK: %[[T_GPU:.*]] = gpu.alloc
// CHECK: call @one(%[[T_GPU]]) {onnxc.device}
// CHECK: gpu.memcpy %[[T]], %[[T_GPU]]
// CHECK-NEXT: scf.yield %[[T]]
// CHECK-NOT: gpu.memcpy %[[T]]
// CHECK: memref.copy %[[IF]],
func.func @main(%x: memref<8xf32>, %c: i1, %y: memref<8xf32>) attributes {onnxc.num_inputs = 2 : i64} {
  %r = scf.if %c -> (memref<8xf32>) {
    %t = memref.alloc() : memref<8xf32>
    func.call @one(%t) : (memref<8xf32>) -> ()
    scf.yield %t : memref<8xf32>
  } else {
    scf.yield %x : memref<8xf32>
  }
  memref.copy %r, %y : memref<8xf32> to memref<8xf32>
  return
}
func.func private @one(%c: memref<8xf32>) attributes {onnxc.kernel} {
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%c : memref<8xf32>)
  return
}
