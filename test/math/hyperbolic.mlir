// RUN: onnx-compile-opt --expand-math %s | FileCheck %s

// CHECK-LABEL: func @tanh
// CHECK-NOT: math.tanh
// CHECK: arith.divf {{.*}} : vector<2x4xf32>
// CHECK: math.copysign {{.*}} : vector<2x4xf32>
func.func @tanh(%x: vector<2x4xf32>) -> vector<2x4xf32> {
  %0 = math.tanh %x : vector<2x4xf32>
  return %0 : vector<2x4xf32>
}

// CHECK-LABEL: func @others
// CHECK-NOT: math.{{a?(sinh|cosh|tanh)}}
// CHECK: return
func.func @others(%x: f32) -> f32 {
  %0 = math.sinh %x : f32
  %1 = math.cosh %0 : f32
  %2 = math.asinh %1 : f32
  %3 = math.acosh %2 : f32
  %4 = math.atanh %3 : f32
  return %4 : f32
}
