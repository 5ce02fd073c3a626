// A matrix product is one reduction over a fill; unknown dims are read from the operands.
// RUN: onnx-compile-opt %s --onnxc-lower --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[A:.*]]: memref<?x8xf32>, %{{.*}}: memref<8x5xf32>)
// CHECK: %[[T:.*]] = bufferization.to_tensor %[[A]]
// CHECK: tensor.empty(%{{.*}}) : tensor<?x5xf32>
// CHECK: linalg.fill
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: call @onnxc.output.0(%{{.*}}) : (memref<?x5xf32>) -> ()
func.func @main(%a: tensor<?x8xf32>, %b: tensor<8x5xf32>) -> tensor<?x5xf32> {
  %0 = onnx.MatMul %a, %b : (tensor<?x8xf32>, tensor<8x5xf32>) -> tensor<?x5xf32>
  return %0 : tensor<?x5xf32>
}
