// RUN: onnx-compile-opt --onnxc-outline-kernels --onnxc-hoist-temporaries %s | FileCheck %s

// The accumulator of a fused pair moves into the kernel and, as an argument,
// out again, with its size where the batch is not known.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: memref<?x4xf32>, %[[Y:.*]]: memref<?xf32>
// CHECK: %[[N:.*]] = memref.dim %[[X]]
// CHECK: %[[T:.*]] = memref.alloc(%[[N]]) : memref<?xf32>
// CHECK: call @kernel_0({{.*}}%[[T]])
// CHECK: func.func private @kernel_0({{.*}}memref<?xf32>) attributes {onnxc.kernel
// CHECK-NOT: memref.alloc
func.func @main(%x: memref<?x4xf32>, %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?x4xf32>
  %t = memref.alloc(%n) : memref<?xf32>
  linalg.fill ins(%zero : f32) outs(%t : memref<?xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                  iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<?x4xf32>) outs(%t : memref<?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %a, %acc : f32
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%t : memref<?xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%a: f32, %old: f32):
    %r = math.absf %a : f32
    linalg.yield %r : f32
  }
  return
}
