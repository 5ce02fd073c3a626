// RUN: onnx-compile-opt --onnxc-permute-weights --split-input-file %s | FileCheck %s

// w[n, k] is stored as w[k, n], each row with zeros up to the next sector; what is no constant stays as it is.
// CHECK-DAG: memref.global "private" constant @[[V:w_permuted1]] : memref<8x8xf32> = dense_resource<[[R:w_permuted1]]>
// CHECK: func.func @main
// CHECK: %[[G:.*]] = memref.get_global @[[V]] : memref<8x8xf32> {onnxc.device}
// CHECK: %[[W:.*]] = memref.reinterpret_cast %[[G]] to offset: [0], sizes: [8, 6], strides: [8, 1]
// CHECK: call @product(%{{.*}}, %[[W]], %{{.*}}) {onnxc.device} : (memref<128x8xf32>, memref<8x6xf32, strided<[8, 1]>>, memref<128x6xf32>) -> ()
// CHECK: func.func private @product(%{{.*}}: memref<128x8xf32>, %{{.*}}: memref<8x6xf32, strided<[8, 1]>>, %{{.*}}: memref<128x6xf32>)
// CHECK: onnxc.zero_tails = array<i64: 1>
// CHECK: call @other(%{{.*}}, %{{.*}}, %{{.*}}) {onnxc.device} : (memref<128x8xf32>, memref<6x8xf32>, memref<128x6xf32>) -> ()
// 1 2 3 4 5 6 0 0, again and again, in the bytes behind an alignment of 64.
// CHECK: [[R]]: "0x400000000000803F0000004000004040000080400000A0400000C04000000000000000000000803F00000040
memref.global "private" constant @w : memref<6x8xf32> = dense<[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0], [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0],
                                                               [4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0], [5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0], [6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0]]>
func.func @main(%x: memref<128x8xf32>, %y: memref<128x6xf32>) {
  %w = memref.get_global @w : memref<6x8xf32> {onnxc.device}
  call @product(%x, %w, %y) {onnxc.device} : (memref<128x8xf32>, memref<6x8xf32>, memref<128x6xf32>) -> ()
  return
}
func.func private @product(%x: memref<128x8xf32>, %w: memref<6x8xf32>, %y: memref<128x6xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<128x6xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<128x8xf32>, memref<6x8xf32>) outs(%y : memref<128x6xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}
func.func @second(%x: memref<128x8xf32>, %w: memref<6x8xf32>, %y: memref<128x6xf32>) {
  call @other(%x, %w, %y) {onnxc.device} : (memref<128x8xf32>, memref<6x8xf32>, memref<128x6xf32>) -> ()
  return
}
func.func private @other(%x: memref<128x8xf32>, %w: memref<6x8xf32>, %y: memref<128x6xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<128x6xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<128x8xf32>, memref<6x8xf32>) outs(%y : memref<128x6xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// Part of a constant, which a view names; too few results for a tile, so that
// a warp sums up along k, where they lie already: only the rows are padded.
// CHECK-DAG: memref.global "private" constant @[[V:w_permuted1]] : memref<2x8xf32>
// CHECK: %[[G:.*]] = memref.get_global @[[V]] : memref<2x8xf32> {onnxc.device}
// CHECK: %[[W:.*]] = memref.reinterpret_cast %[[G]] to offset: [0], sizes: [2, 6], strides: [8, 1]
// CHECK: call @part(%{{.*}}, %[[W]], %{{.*}}) {onnxc.device} : (memref<2x6xf32>, memref<2x6xf32, strided<[8, 1]>>, memref<2x2xf32>) -> ()
// 7 to 12 and zeros, 13 to 18.
// CHECK: w_permuted1: "0x400000000000E0400000004100001041000020410000304100004041000000000000000000005041
memref.global "private" constant @w : memref<1x4x6xf32> = dense<[[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0, 8.0, 9.0, 10.0, 11.0, 12.0],
                                                                   [13.0, 14.0, 15.0, 16.0, 17.0, 18.0], [19.0, 20.0, 21.0, 22.0, 23.0, 24.0]]]>
func.func @main(%x: memref<2x6xf32>, %y: memref<2x2xf32>) {
  %all = memref.get_global @w : memref<1x4x6xf32> {onnxc.device}
  %w = memref.subview %all[0, 1, 0] [1, 2, 6] [1, 1, 1] : memref<1x4x6xf32> to memref<2x6xf32, strided<[6, 1], offset: 6>>
  call @part(%x, %w, %y) {onnxc.device} : (memref<2x6xf32>, memref<2x6xf32, strided<[6, 1], offset: 6>>, memref<2x2xf32>) -> ()
  return
}
func.func private @part(%x: memref<2x6xf32>, %w: memref<2x6xf32, strided<[6, 1], offset: 6>>, %y: memref<2x2xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<2x2xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<2x6xf32>, memref<2x6xf32, strided<[6, 1], offset: 6>>) outs(%y : memref<2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}
