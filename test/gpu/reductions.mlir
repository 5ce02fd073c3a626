// RUN: onnx-compile-opt --onnxc-map-kernels --canonicalize --cse --split-input-file %s | FileCheck %s

// Rows that lie together: a warp for each, lanes that meet by shuffles, the
// first of them stores. 13 rows in blocks of 8 warps: the last ones add nothing.
// CHECK: gpu.launch_func @device::@rows blocks in (%c2, %c1, %c1) threads in (%c256, %c1, %c1)
// CHECK: gpu.func @rows(
// CHECK-NOT: workgroup
// CHECK: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
// CHECK: %[[IN:.*]] = arith.cmpi ult, %{{.*}}, %c13
// CHECK: %[[END:.*]] = arith.select %[[IN]], %c70, %c0
// CHECK: %[[R:.*]] = scf.for %{{.*}} = %{{.*}} to %[[END]] step %c32 iter_args(%[[ACC:.*]] = %[[NONE]]) -> (f32)
// CHECK: arith.maximumf %{{.*}}, %[[ACC]]
// CHECK: %[[S:.*]], %{{.*}} = gpu.shuffle xor %[[R]], %{{.*}}, %c32_i32
// CHECK: arith.maximumf %[[R]], %[[S]]
// CHECK-COUNT-4: gpu.shuffle xor
// CHECK: %[[STORES:.*]] = arith.andi %{{.*}}, %[[IN]]
// CHECK: scf.if %[[STORES]]
// CHECK: memref.store
func.func @main(%x: memref<13x70xf32>, %y: memref<13xf32>) {
  call @rows(%x, %y) {onnxc.device} : (memref<13x70xf32>, memref<13xf32>) -> ()
  return
}
func.func private @rows(%x: memref<13x70xf32>, %y: memref<13xf32>) attributes {onnxc.kernel} {
  %least = arith.constant 0xFF800000 : f32
  linalg.fill ins(%least : f32) outs(%y : memref<13xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<13x70xf32>) outs(%y : memref<13xf32>) {
  ^bb0(%p: f32, %r: f32):
    %s = arith.maximumf %p, %r : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// One long sum: a block, whose warps meet in shared memory.
// CHECK: gpu.launch_func @device::@all blocks in (%c1, %c1, %c1) threads in (%c256, %c1, %c1)
// CHECK: gpu.func @all({{.*}} workgroup(%[[P:.*]] : memref<8xf32, #gpu.address_space<workgroup>>)
// CHECK: scf.for {{.*}} step %c256
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: memref.store %{{.*}}, %[[P]]
// CHECK: gpu.barrier
// CHECK-NEXT: arith.remui
// CHECK-NEXT: memref.load %[[P]]
// CHECK-COUNT-3: gpu.shuffle xor
// CHECK-NOT: gpu.shuffle
// CHECK: memref.store
func.func @main(%x: memref<9000xf32>, %y: memref<f32>) {
  call @all(%x, %y) {onnxc.device} : (memref<9000xf32>, memref<f32>) -> ()
  return
}
func.func private @all(%x: memref<9000xf32>, %y: memref<f32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<f32>)
  linalg.generic {indexing_maps = [affine_map<(k) -> (k)>, affine_map<(k) -> ()>], iterator_types = ["reduction"]}
      ins(%x : memref<9000xf32>) outs(%y : memref<f32>) {
  ^bb0(%p: f32, %r: f32):
    %s = arith.addf %r, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Columns: neighbouring threads read neighbouring elements as it is.
// CHECK: gpu.func @columns(
// CHECK-NOT: gpu.shuffle
// CHECK: gpu.return
func.func @main(%x: memref<70x4096xf32>, %y: memref<4096xf32>) {
  call @columns(%x, %y) {onnxc.device} : (memref<70x4096xf32>, memref<4096xf32>) -> ()
  return
}
func.func private @columns(%x: memref<70x4096xf32>, %y: memref<4096xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<4096xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, k) -> (k, i)>, affine_map<(i, k) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<70x4096xf32>) outs(%y : memref<4096xf32>) {
  ^bb0(%p: f32, %r: f32):
    %s = arith.addf %r, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Short rows: eight lanes for each, 32 rows in a block.
// CHECK: gpu.launch_func @device::@short blocks in (%c2, %c1, %c1)
// CHECK: gpu.func @short(
// CHECK: arith.divui %{{.*}}, %c8
// CHECK: scf.for {{.*}} step %c8 iter_args
// CHECK-COUNT-3: gpu.shuffle xor
// CHECK-NOT: gpu.shuffle
// CHECK: memref.store
func.func @main(%x: memref<64x6xf32>, %y: memref<64xf32>) {
  call @short(%x, %y) {onnxc.device} : (memref<64x6xf32>, memref<64xf32>) -> ()
  return
}
func.func private @short(%x: memref<64x6xf32>, %y: memref<64xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<64xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<64x6xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%p: f32, %r: f32):
    %s = arith.addf %r, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// A second operand as large that lies across: a thread for each result, which
// reads the first in pieces.
// CHECK: gpu.func @mixed(
// CHECK-NOT: gpu.shuffle
// CHECK: scf.for {{.*}} step %c4
// CHECK-COUNT-1: vector.load {{.*}}{alignment = 16 : i64} : memref<6x16xf32>, vector<4xf32>
// CHECK-COUNT-4: memref.load {{.*}} : memref<16x6xf32>
// CHECK: scf.yield
func.func @main(%x: memref<6x16xf32>, %w: memref<16x6xf32>, %y: memref<6x6xf32>) {
  call @mixed(%x, %w, %y) {onnxc.device} : (memref<6x16xf32>, memref<16x6xf32>, memref<6x6xf32>) -> ()
  return
}
func.func private @mixed(%x: memref<6x16xf32>, %w: memref<16x6xf32>, %y: memref<6x6xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<6x6xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<6x16xf32>, memref<16x6xf32>) outs(%y : memref<6x6xf32>) {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %r, %m : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Zeros behind rows of six are no steps of this sum.
// CHECK: gpu.func @tail(
// CHECK-NOT: vector.load
// CHECK: scf.for %{{.*}} = %c0 to %c6 step %c1
func.func @main(%x: memref<6x3xf32>, %w: memref<3x6xf32, strided<[8, 1]>>, %y: memref<3x3xf32>) {
  call @tail(%x, %w, %y) {onnxc.device} : (memref<6x3xf32>, memref<3x6xf32, strided<[8, 1]>>, memref<3x3xf32>) -> ()
  return
}
func.func private @tail(%x: memref<6x3xf32>, %w: memref<3x6xf32, strided<[8, 1]>>, %y: memref<3x3xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<3x3xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (k, i)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<6x3xf32>, memref<3x6xf32, strided<[8, 1]>>) outs(%y : memref<3x3xf32>) attrs = {onnxc.zero_tails = array<i64: 1>} {
  ^bb0(%p: f32, %q: f32, %r: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %r, %m : f32
    linalg.yield %s : f32
  }
  return
}
