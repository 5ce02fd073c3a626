// RUN: onnx-compile-opt --expand-math %s | FileCheck %s
// RUN: onnx-compile-opt --expand-math=fma=false %s | FileCheck %s --check-prefix=NOFMA

// CHECK-LABEL: func @erf
// CHECK-NOT: math.erf
// CHECK: math.fma
// CHECK: arith.select
// NOFMA-LABEL: func @erf
// NOFMA-NOT: math.fma
// NOFMA: return
func.func @erf(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.erf %x : vector<8xf32>
  %1 = math.erfc %0 : vector<8xf32>
  return %1 : vector<8xf32>
}
