// RUN: onnx-compile-opt --expand-math %s | FileCheck %s

// CHECK-LABEL: func @logs
// CHECK-NOT: math.log
// CHECK: arith.shrsi {{.*}} : vector<4xi32>
// CHECK-NOT: math.log
// CHECK: return
func.func @logs(%x: vector<4xf32>) -> vector<4xf32> {
  %0 = math.log %x : vector<4xf32>
  %1 = math.log2 %0 : vector<4xf32>
  %2 = math.log10 %1 : vector<4xf32>
  %3 = math.log1p %2 : vector<4xf32>
  return %3 : vector<4xf32>
}
