// RUN: onnx-compile-opt --onnxc-contract-multiply-add %s | FileCheck %s

// CHECK-LABEL: func.func @fused(
// CHECK-SAME: %[[A:.*]]: f32, %[[C:.*]]: f32)
// CHECK-DAG: %[[HALF:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: %[[R:.*]] = math.fma %[[A]], %[[HALF]], %[[C]] : f32
// CHECK: return %[[R]]
func.func @fused(%a: f32, %c: f32) -> f32 {
  %half = arith.constant 5.0e-01 : f64
  %x = arith.extf %a : f32 to f64
  %z = arith.extf %c : f32 to f64
  %p = arith.mulf %x, %half : f64
  %s = arith.addf %z, %p : f64
  %r = arith.truncf %s : f64 to f32
  return %r : f32
}

// A tenth is no f32, and the sum of f64 that is used as such is none either.
// CHECK-LABEL: func.func @kept(
// CHECK-NOT: math.fma
func.func @kept(%a: f32, %c: f32, %d: f64) -> (f32, f32) {
  %tenth = arith.constant 1.0e-01 : f64
  %x = arith.extf %a : f32 to f64
  %z = arith.extf %c : f32 to f64
  %p = arith.mulf %x, %tenth : f64
  %s = arith.addf %z, %p : f64
  %r = arith.truncf %s : f64 to f32
  %q = arith.mulf %x, %z : f64
  %t = arith.addf %q, %d : f64
  %u = arith.truncf %t : f64 to f32
  return %r, %u : f32, f32
}
