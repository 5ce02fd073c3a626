// RUN: onnx-compile-opt --onnxc-permute-weights %s | FileCheck %s

// w[n, k] is stored as w[k, n]; what is no constant stays as it is.
// CHECK-DAG: memref.global "private" constant @[[V:w_permuted1]] : memref<3x2xf32> = dense_resource<[[R:w_permuted1]]>
// CHECK: func.func @main
// CHECK: %[[W:.*]] = memref.get_global @[[V]] : memref<3x2xf32> {onnxc.device}
// CHECK: call @product(%{{.*}}, %[[W]], %{{.*}}) {onnxc.device} : (memref<4x3xf32>, memref<3x2xf32>, memref<4x2xf32>) -> ()
// CHECK: func.func private @product(%{{.*}}: memref<4x3xf32>, %{{.*}}: memref<3x2xf32>, %{{.*}}: memref<4x2xf32>)
// CHECK: call @other(%{{.*}}, %{{.*}}, %{{.*}}) {onnxc.device} : (memref<4x3xf32>, memref<2x3xf32>, memref<4x2xf32>) -> ()
// 1 4 2 5 3 6 in the bytes behind an alignment of 64.
// CHECK: [[R]]: "0x400000000000803F0000804000000040000{{[0-9A-F]*}}A04000004040{{[0-9A-F]*}}C040"
memref.global "private" constant @w : memref<2x3xf32> = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]>
func.func @main(%x: memref<4x3xf32>, %y: memref<4x2xf32>) {
  %w = memref.get_global @w : memref<2x3xf32> {onnxc.device}
  call @product(%x, %w, %y) {onnxc.device} : (memref<4x3xf32>, memref<2x3xf32>, memref<4x2xf32>) -> ()
  return
}
func.func private @product(%x: memref<4x3xf32>, %w: memref<2x3xf32>, %y: memref<4x2xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<4x2xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<4x3xf32>, memref<2x3xf32>) outs(%y : memref<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}
func.func @second(%x: memref<4x3xf32>, %w: memref<2x3xf32>, %y: memref<4x2xf32>) {
  call @other(%x, %w, %y) {onnxc.device} : (memref<4x3xf32>, memref<2x3xf32>, memref<4x2xf32>) -> ()
  return
}
func.func private @other(%x: memref<4x3xf32>, %w: memref<2x3xf32>, %y: memref<4x2xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<4x2xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<4x3xf32>, memref<2x3xf32>) outs(%y : memref<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}
