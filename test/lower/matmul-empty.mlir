// No rows, and a batch of which the run decides: there is nothing to write.
// RUN: onnx-compile-opt %s --onnxc-lower --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-NOT: tensor.insert_slice
// CHECK: return
func.func @main(%a: tensor<3x0x6xf32>, %b: tensor<?x6x4xf32>) -> tensor<?x0x4xf32> {
  %0 = onnx.MatMul %a, %b : (tensor<3x0x6xf32>, tensor<?x6x4xf32>) -> tensor<?x0x4xf32>
  return %0 : tensor<?x0x4xf32>
}
