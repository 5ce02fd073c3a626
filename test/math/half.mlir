// RUN: onnx-compile-opt --expand-math %s | FileCheck %s
// RUN: onnx-compile-opt --expand-math=f16-conversion=false %s | FileCheck %s --check-prefix=SOFT

// f16 computes in f32 between native conversions, bf16 between shifts.
// CHECK-LABEL: func @f16
// CHECK: arith.extf {{.*}} : vector<8xf16> to vector<8xf32>
// CHECK: arith.truncf {{.*}} : vector<8xf32> to vector<8xf16>
// SOFT-LABEL: func @f16
// SOFT-NOT: arith.extf
// SOFT-NOT: arith.truncf
// SOFT: return
func.func @f16(%x: vector<8xf16>) -> vector<8xf16> {
  %0 = math.exp %x : vector<8xf16>
  return %0 : vector<8xf16>
}

// CHECK-LABEL: func @bf16
// CHECK-NOT: arith.extf
// CHECK: arith.shli {{.*}} : vector<8xi32>
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK-NOT: arith.truncf
// CHECK: return
func.func @bf16(%x: vector<8xbf16>) -> vector<8xbf16> {
  %0 = arith.addf %x, %x : vector<8xbf16>
  return %0 : vector<8xbf16>
}
