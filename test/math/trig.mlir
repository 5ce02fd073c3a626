// RUN: onnx-compile-opt --expand-math %s | FileCheck %s
// RUN: onnx-compile-opt --expand-math=guard-slow-paths=false %s | FileCheck %s --check-prefix=STRAIGHT

// Vectors branch around the reduction of huge arguments, scalars do not.
// CHECK-LABEL: func @vector
// CHECK-NOT: math.sin
// CHECK: vector.reduction <or>
// CHECK: scf.if
// STRAIGHT-LABEL: func @vector
// STRAIGHT-NOT: scf.if
// STRAIGHT: return
func.func @vector(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.sin %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// CHECK-LABEL: func @scalar
// CHECK-NOT: scf.if
// CHECK-NOT: math.{{a?(sin|cos|tan)}}
// CHECK: return
func.func @scalar(%x: f64, %y: f64) -> f64 {
  %0 = math.cos %x : f64
  %1 = math.tan %0 : f64
  %2 = math.asin %1 : f64
  %3 = math.acos %2 : f64
  %4 = math.atan %3 : f64
  %5 = math.atan2 %4, %y : f64
  return %5 : f64
}
