// What only the run knows is checked before the op that relies on it; what is known needs no check.
// RUN: onnx-compile-opt %s --split-input-file --onnxc-lower --canonicalize --cse --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK:         arith.ori
// CHECK:         rt.check %{{.*}}, got %{{.*}}, wanted %{{.*}}, 2, "sum", "node 'sum' (Add): {{.*}}dim 0 of {{.*}}: got \01, wanted 1 or \02
// CHECK:         linalg.generic
func.func @main(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %y = onnx.Add %a, %b : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32> loc("sum")
  return %y : tensor<?xf32>
}

// -----

// A residual sum: the same size by its form.
// CHECK-LABEL: func.func @main
// CHECK-NOT:     rt.check
// CHECK:         return
func.func @main(%a: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %r = onnx.Relu %a : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = onnx.Add %a, %r : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Indices are looked at as a whole, by the worst of them.
// CHECK-LABEL: func.func @main
// CHECK:         arith.maxui
// CHECK:         rt.check %{{.*}}, 8, "pick", "node 'pick' (Gather): input 1: got \01, wanted an index into \02 elements"
func.func @main(%x: tensor<4x2xf32>, %i: tensor<3xi64>) -> tensor<3x2xf32> {
  %y = onnx.Gather %x, %i {axis = 0 : i64} : (tensor<4x2xf32>, tensor<3xi64>) -> tensor<3x2xf32> loc("pick")
  return %y : tensor<3x2xf32>
}
