// RUN: onnx-compile-opt --onnxc-map-kernels --canonicalize --cse %s | FileCheck %s

// CHECK: func.func @main
// CHECK: call @scale(%{{.*}}, %{{.*}}, %{{.*}}) {onnxc.device}
// CHECK-LABEL: func.func private @scale
// CHECK-SAME: attributes {onnxc.launcher}
// CHECK: arith.ceildivui
// CHECK: memref.extract_aligned_pointer_as_index
// CHECK: gpu.launch_func @device::@scale blocks in (%{{.*}}, %c1, %c1) threads in (%c256, %c1, %c1) args(%{{.*}} : !llvm.ptr<1>, %{{.*}} : i64, %{{.*}} : i64, %{{.*}} : f32, %{{.*}} : !llvm.ptr<1>, %{{.*}} : i64)
// CHECK-LABEL: func.func private @sum
// CHECK: gpu.launch_func @device::@sum blocks in (%c1, %c1, %c1) threads in (%c256, %c1, %c1)

// A thread for each point; sizes, strides and the offset that the types leave
// open cross as integers, the offset with the pointer.
// CHECK: gpu.module @device {
// CHECK: gpu.func @scale(%[[X:.*]]: !llvm.ptr<1>, %[[N:.*]]: i64, %[[S:.*]]: i64, %[[F:.*]]: f32, %[[Y:.*]]: !llvm.ptr<1>, %{{.*}}: i64) kernel attributes {known_block_size = array<i32: 256, 1, 1>, onnxc.mapping = {mapping = "points"}}
// CHECK: gpu.block_id x
// CHECK: gpu.thread_id x
// CHECK: arith.cmpi ult
// CHECK: scf.if
// CHECK: memref.load
// CHECK: arith.mulf
// CHECK: memref.store

// A sum of what lies apart: the thread adds up, the fill's value is where it begins, the epilogue stores.
// CHECK: gpu.func @sum(
// CHECK: scf.if
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (f32)
// CHECK: arith.addf
// CHECK: scf.yield
// CHECK: math.exp
// CHECK-NEXT: memref.store
// CHECK-NOT: linalg
func.func @main(%x: memref<?x4xf32, strided<[?, 1], offset: ?>>, %f: f32, %y: memref<?x4xf32>, %z: memref<9x4xf32>, %w: memref<4xf32>) {
  call @scale(%x, %f, %y) {onnxc.device} : (memref<?x4xf32, strided<[?, 1], offset: ?>>, f32, memref<?x4xf32>) -> ()
  call @sum(%z, %w) {onnxc.device} : (memref<9x4xf32>, memref<4xf32>) -> ()
  return
}
func.func private @scale(%x: memref<?x4xf32, strided<[?, 1], offset: ?>>, %f: f32, %y: memref<?x4xf32>) attributes {onnxc.kernel} {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<?x4xf32, strided<[?, 1], offset: ?>>) outs(%y : memref<?x4xf32>) {
  ^bb0(%p: f32, %r: f32):
    %s = arith.mulf %p, %f : f32
    linalg.yield %s : f32
  }
  return
}
func.func private @sum(%x: memref<9x4xf32>, %y: memref<4xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  %t = memref.alloc() : memref<4xf32>
  linalg.fill ins(%zero : f32) outs(%t : memref<4xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, k) -> (k, i)>, affine_map<(i, k) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<9x4xf32>) outs(%t : memref<4xf32>) {
  ^bb0(%p: f32, %r: f32):
    %s = arith.addf %r, %p : f32
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%t : memref<4xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%p: f32, %r: f32):
    %s = math.exp %p : f32
    linalg.yield %s : f32
  }
  return
}
