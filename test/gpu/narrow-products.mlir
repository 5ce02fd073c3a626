// RUN: onnx-compile-opt --onnxc-narrow-products --canonicalize %s | FileCheck %s

// Padding with zeros is passed: it is f16, too.
// CHECK-LABEL: func.func @padded
// CHECK-SAME: %[[X:.*]]: tensor<4x6xf16>, %[[W:.*]]: tensor<8x5xf16>
// CHECK: %[[P:.*]] = linalg.fill {{.*}} outs(%{{.*}} : tensor<4x8xf16>)
// CHECK: %[[I:.*]] = tensor.insert_slice %[[X]] into %[[P]]
// CHECK: linalg.generic {{.*}} ins(%[[I]], %[[W]] : tensor<4x8xf16>, tensor<8x5xf16>) outs(%{{.*}} : tensor<4x5xf32>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: f16, %[[B:.*]]: f16, %{{.*}}: f32):
// CHECK-DAG: arith.extf %[[A]] :
// CHECK-DAG: arith.extf %[[B]] :

// One operand that is f32 by nature: as it was.
// CHECK-LABEL: func.func @mixed
// CHECK: arith.extf
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<8x5xf32>)
#id = affine_map<(i, j) -> (i, j)>
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @padded(%x: tensor<4x6xf16>, %w: tensor<8x5xf16>, %out: tensor<4x5xf32>) -> tensor<4x5xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %x32 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x6xf16>) outs(%e : tensor<4x6xf32>) {
  ^bb0(%p: f16, %q: f32):
    %v = arith.extf %p : f16 to f32
    linalg.yield %v : f32
  } -> tensor<4x6xf32>
  %f = tensor.empty() : tensor<8x5xf32>
  %w32 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<8x5xf16>) outs(%f : tensor<8x5xf32>) {
  ^bb0(%p: f16, %q: f32):
    %v = arith.extf %p : f16 to f32
    linalg.yield %v : f32
  } -> tensor<8x5xf32>
  %g = tensor.empty() : tensor<4x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%g : tensor<4x8xf32>) -> tensor<4x8xf32>
  %pad = tensor.insert_slice %x32 into %z[0, 1] [4, 6] [1, 1] : tensor<4x6xf32> into tensor<4x8xf32>
  %r = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%pad, %w32 : tensor<4x8xf32>, tensor<8x5xf32>) outs(%out : tensor<4x5xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x5xf32>
  return %r : tensor<4x5xf32>
}
func.func @mixed(%x: tensor<4x8xf32>, %w: tensor<8x5xf16>, %out: tensor<4x5xf32>) -> tensor<4x5xf32> {
  %f = tensor.empty() : tensor<8x5xf32>
  %w32 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<8x5xf16>) outs(%f : tensor<8x5xf32>) {
  ^bb0(%p: f16, %q: f32):
    %v = arith.extf %p : f16 to f32
    linalg.yield %v : f32
  } -> tensor<8x5xf32>
  %r = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w32 : tensor<4x8xf32>, tensor<8x5xf32>) outs(%out : tensor<4x5xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x5xf32>
  return %r : tensor<4x5xf32>
}
