// RUN: onnx-compile-opt --expand-math %s | FileCheck %s
// exp and its relatives become arithmetic without a call.

// CHECK-LABEL: func @exp_vector
// CHECK-NOT: math.exp
// CHECK: math.fma {{.*}} : vector<8xf32>
// CHECK: arith.shli {{.*}} : vector<8xi32>
// CHECK: arith.mulf {{.*}} : vector<8xf32>
func.func @exp_vector(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.exp %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// CHECK-LABEL: func @exp_scalar
// CHECK-NOT: math.exp
// CHECK: math.fma {{.*}} : f64
func.func @exp_scalar(%x: f64) -> f64 {
  %0 = math.exp %x : f64
  %1 = math.exp2 %0 : f64
  %2 = math.expm1 %1 : f64
  return %2 : f64
}
