// What cannot be lowered is said with node, op and reason.
// RUN: not onnx-compile-opt %s --onnxc-lower 2>&1 | FileCheck %s

// CHECK: error: node 'input': Input: graph input 0 has type {{'?}}tensor<*xf32>{{'?}}; inputs must be tensors of numbers of known rank
func.func @main(%x: tensor<*xf32>) -> tensor<*xf32> {
  %0 = onnx.Relu %x : (tensor<*xf32>) -> tensor<*xf32>
  return %0 : tensor<*xf32>
}
