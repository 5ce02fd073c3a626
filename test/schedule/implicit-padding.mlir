// RUN: onnx-compile-opt --onnxc-outline-kernels --onnxc-implicit-padding %s | FileCheck %s

// The padded copy of %x goes; the kernel sees %x through a padded view.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: memref<1x8x8x16xf32>, %[[W:.*]]: memref<3x3x16x16xf32>, %[[Y:.*]]: memref<1x8x8x16xf32>
// CHECK-NOT: memref<1x10x10x16xf32>
// CHECK: call @[[CONV:kernel[_0-9]+]](%[[Y]], %[[X]], %[[W]])
// CHECK-NEXT: return
// CHECK: func.func private @[[CONV]](%{{.*}}: memref<1x8x8x16xf32>, %[[IN:.*]]: memref<1x8x8x16xf32>, %{{.*}}: memref<3x3x16x16xf32>)
// CHECK-NEXT: builtin.unrealized_conversion_cast %[[IN]] : memref<1x8x8x16xf32> to memref<1x10x10x16xf32> {onnxc.below = array<i64: 0, 1, 1, 0>, onnxc.value = 0.000000e+00 : f32}
func.func @main(%x: memref<1x8x8x16xf32>, %w: memref<3x3x16x16xf32>, %y: memref<1x8x8x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %p = memref.alloc() : memref<1x10x10x16xf32>
  linalg.fill ins(%zero : f32) outs(%p : memref<1x10x10x16xf32>)
  %in = memref.subview %p[0, 1, 1, 0] [1, 8, 8, 16] [1, 1, 1, 1] : memref<1x10x10x16xf32> to memref<1x8x8x16xf32, strided<[1600, 160, 16, 1], offset: 176>>
  memref.copy %x, %in : memref<1x8x8x16xf32> to memref<1x8x8x16xf32, strided<[1600, 160, 16, 1], offset: 176>>
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

// Ones around a sum are not neutral: the padding stays in memory.
// RUN: sed 's/constant 0.0 /constant 1.0 /' %s | onnx-compile-opt --onnxc-outline-kernels --onnxc-implicit-padding | FileCheck %s --check-prefix=ONES
// ONES: memref.alloc() : memref<1x10x10x16xf32>
// ONES-NOT: unrealized_conversion_cast
