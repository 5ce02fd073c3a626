// A large constant of one value is filled in the run; a small one is data.
// RUN: onnx-compile-opt %s --onnxc-lower --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-DAG: arith.constant dense<2.000000e+00> : tensor<4x5xf32>
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK: linalg.fill ins(%[[ONE]] : f32) outs(%{{.*}} : tensor<512x513xf32>)
func.func @main() -> (tensor<512x513xf32>, tensor<4x5xf32>) {
  %0 = onnx.Constant dense<1.0> : tensor<512x513xf32>
  %1 = onnx.Constant dense<2.0> : tensor<4x5xf32>
  return %0, %1 : tensor<512x513xf32>, tensor<4x5xf32>
}
