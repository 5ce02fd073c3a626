// RUN: onnx-compile-opt --onnxc-outline-kernels --onnxc-implicit-padding %s | FileCheck %s

// %x changes between its padded copy and the window that reads the copy: the
// contents keep a buffer of their own, without the padding.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: memref<1x8x8x16xf32>, %[[W:.*]]: memref<3x3x16x16xf32>, %[[Y:.*]]: memref<1x8x8x16xf32>
// CHECK: %[[Q:.*]] = memref.alloc() : memref<1x8x8x16xf32>
// CHECK: call @{{.*}}(%[[X]], %[[Q]])
// CHECK: call @{{.*}}(%[[X]])
// CHECK: call @{{.*}}(%[[Y]], %[[Q]], %[[W]])
// CHECK-NEXT: return
func.func @main(%x: memref<1x8x8x16xf32>, %w: memref<3x3x16x16xf32>, %y: memref<1x8x8x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %p = memref.alloc() : memref<1x10x10x16xf32>
  linalg.fill ins(%zero : f32) outs(%p : memref<1x10x10x16xf32>)
  %in = memref.subview %p[0, 1, 1, 0] [1, 8, 8, 16] [1, 1, 1, 1] : memref<1x10x10x16xf32> to memref<1x8x8x16xf32, strided<[1600, 160, 16, 1], offset: 176>>
  memref.copy %x, %in : memref<1x8x8x16xf32> to memref<1x8x8x16xf32, strided<[1600, 160, 16, 1], offset: 176>>
  linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      outs(%x : memref<1x8x8x16xf32>) {
  ^bb0(%old: f32):
    %n = arith.negf %old : f32
    linalg.yield %n : f32
  }
  linalg.fill ins(%zero : f32) outs(%y : memref<1x8x8x16xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(n, h, w, c, i, j, k) -> (n, h + i, w + j, k)>,
                       affine_map<(n, h, w, c, i, j, k) -> (i, j, k, c)>,
                       affine_map<(n, h, w, c, i, j, k) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%p, %w : memref<1x10x10x16xf32>, memref<3x3x16x16xf32>) outs(%y : memref<1x8x8x16xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}
