// RUN: onnx-compile-opt --expand-math %s | FileCheck %s

// CHECK-LABEL: func @powf
// CHECK-NOT: math.powf
// CHECK: arith.cmpf uno
// CHECK: return
func.func @powf(%x: vector<8xf32>, %y: vector<8xf32>) -> vector<8xf32> {
  %0 = math.powf %x, %y : vector<8xf32>
  return %0 : vector<8xf32>
}

// A constant exponent takes the shortest chain of squares.
// CHECK-LABEL: func @cube
// CHECK: %[[SQUARE:.*]] = arith.mulf %[[X:.*]], %[[X]]
// CHECK-NEXT: %[[CUBE:.*]] = arith.mulf %[[X]], %[[SQUARE]]
// CHECK-NEXT: return %[[CUBE]]
func.func @cube(%x: f32) -> f32 {
  %c3 = arith.constant 3 : i32
  %0 = math.fpowi %x, %c3 : f32, i32
  return %0 : f32
}

// CHECK-LABEL: func @ints
// CHECK-NOT: math.ipowi
// CHECK: return
func.func @ints(%x: vector<4xi32>, %n: vector<4xi32>) -> vector<4xi32> {
  %0 = math.ipowi %x, %n : vector<4xi32>
  return %0 : vector<4xi32>
}

// CHECK-LABEL: func @roots
// CHECK-NOT: math.cbrt
// CHECK-NOT: math.rsqrt
// CHECK: math.sqrt
func.func @roots(%x: f32) -> f32 {
  %0 = math.cbrt %x : f32
  %1 = math.rsqrt %0 : f32
  return %1 : f32
}
