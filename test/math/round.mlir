// RUN: onnx-compile-opt --expand-math %s | FileCheck %s
// RUN: onnx-compile-opt --expand-math=round=false %s | FileCheck %s --check-prefix=NOROUND
// RUN: onnx-compile-opt --expand-math=minmax=false %s | FileCheck %s --check-prefix=NOMINMAX

// Native instructions stay; rows without them get bit tricks.
// CHECK-LABEL: func @native
// CHECK: math.floor
// CHECK-NEXT: math.roundeven
// CHECK-NEXT: math.absf
// CHECK-NEXT: math.sqrt
// NOROUND-LABEL: func @native
// NOROUND-NOT: math.floor
// NOROUND-NOT: math.roundeven
// NOROUND: math.sqrt
func.func @native(%x: f32) -> f32 {
  %0 = math.floor %x : f32
  %1 = math.roundeven %0 : f32
  %2 = math.absf %1 : f32
  %3 = math.sqrt %2 : f32
  return %3 : f32
}

// The only loop: exact remainders, one quotient step per round.
// CHECK-LABEL: func @remainder
// CHECK-NOT: arith.remf
// CHECK: scf.while
func.func @remainder(%x: vector<4xf32>, %y: vector<4xf32>) -> vector<4xf32> {
  %0 = arith.remf %x, %y : vector<4xf32>
  return %0 : vector<4xf32>
}

// CHECK-LABEL: func @class
// CHECK-NOT: math.is
// CHECK: arith.cmpf uno
func.func @class(%x: vector<4xf32>) -> (vector<4xi1>, vector<4xi1>) {
  %0 = math.isnan %x : vector<4xf32>
  %1 = math.isinf %x : vector<4xf32>
  return %0, %1 : vector<4xi1>, vector<4xi1>
}

// Where minima and maxima are no instruction, horizontal ones are taken in
// halves, so that LLVM does not call fmaxf for each element.
// NOMINMAX-LABEL: func @reduce
// NOMINMAX-NOT: vector.reduction
// NOMINMAX: arith.cmpf ogt, %{{.*}}, %{{.*}} : vector<2xf32>
// NOMINMAX: arith.cmpf ogt, %{{.*}}, %{{.*}} : f32
// NOMINMAX-NOT: maxnumf
// CHECK-LABEL: func @reduce
// CHECK: vector.reduction <maxnumf>
func.func @reduce(%x: vector<4xf32>) -> f32 {
  %0 = vector.reduction <maxnumf>, %x : vector<4xf32> into f32
  return %0 : f32
}
