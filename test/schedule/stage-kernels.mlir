// A chain of kernels becomes a function that computes a part of the output at a time.
// RUN: onnx-compile-opt %s --onnxc-stage-kernels | FileCheck %s

// The window of @sums reads three rows of @twice's output through a row of padding above and below: rows [a - 1, a + 2).
// CHECK-LABEL: func.func @main
// CHECK-NOT: memref.alloc
// CHECK: call @staged_0(%{{.*}}, %{{.*}}) {onnxc.staged_work = array<i64: 2304, 0>}
// CHECK-NOT: call
// CHECK: func.func private @staged_0(%{{.*}}: memref<1x12x8x1xf32>, %[[OUT:[a-z0-9]*]]: memref<1x12x8x1xf32>) attributes {onnxc.staged
// CHECK: scf.for %[[ROW:.*]] =
// CHECK: scf.for %[[COLUMN:.*]] =
// What is in the image is copied, the rest of the part stays as it is: @twice computes from anything there,
// CHECK: %[[X:.*]] = memref.alloc() : memref<1x3x1x1xf32>
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: memref.load
// CHECK: memref.store %{{.*}}, %[[X]]
// CHECK: %[[T:.*]] = memref.alloc() : memref<1x3x1x8xf32>
// CHECK: call @{{.*}}(%[[X]], %[[T]])
// and what it made of it is overwritten with what @sums reads as padding.
// CHECK: memref.store %{{.*}}, %[[T]]
// CHECK: %[[PART:.*]] = memref.subview %[[OUT]][0, %[[ROW]], %[[COLUMN]], 0]
// CHECK: call @{{.*}}(%[[T]], %[[PART]]) : (memref<1x3x1x8xf32>, memref<1x1x1x1xf32, strided<[96, 8, 1, 1], offset: ?>>)
// CHECK: return
#one = affine_map<(n, h, w, c) -> (n, h, w, 0)>
#id = affine_map<(n, h, w, c) -> (n, h, w, c)>
#window = affine_map<(n, h, w, c, r, k) -> (n, h + r, w, k)>
#taps = affine_map<(n, h, w, c, r, k) -> (r)>
#out = affine_map<(n, h, w, c, r, k) -> (n, h, w, c)>
module {
  func.func private @twice(%x: memref<1x12x8x1xf32>, %y: memref<1x12x8x8xf32>) attributes {onnxc.kernel} {
    linalg.generic {indexing_maps = [#one, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%x : memref<1x12x8x1xf32>) outs(%y : memref<1x12x8x8xf32>) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %a : f32
      linalg.yield %s : f32
    }
    return
  }
  func.func private @sums(%x: memref<1x12x8x8xf32>, %y: memref<1x12x8x1xf32>) attributes {onnxc.kernel} {
    %p = builtin.unrealized_conversion_cast %x : memref<1x12x8x8xf32> to memref<1x14x8x8xf32>
        {onnxc.below = array<i64: 0, 1, 0, 0>, onnxc.value = 0.0 : f32}
    %zero = arith.constant 0.0 : f32
    %taps = memref.alloc() : memref<3xf32>
    linalg.fill ins(%zero : f32) outs(%y : memref<1x12x8x1xf32>)
    linalg.generic {indexing_maps = [#window, #taps, #out], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
        ins(%p, %taps : memref<1x14x8x8xf32>, memref<3xf32>) outs(%y : memref<1x12x8x1xf32>) {
    ^bb0(%a: f32, %unused: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      linalg.yield %s : f32
    }
    return
  }
  func.func @main(%x: memref<1x12x8x1xf32>, %y: memref<1x12x8x1xf32>) attributes {onnxc.num_inputs = 1 : i64} {
    %t = memref.alloc() : memref<1x12x8x8xf32>
    call @twice(%x, %t) : (memref<1x12x8x1xf32>, memref<1x12x8x8xf32>) -> ()
    call @sums(%t, %y) : (memref<1x12x8x8xf32>, memref<1x12x8x1xf32>) -> ()
    return
  }
}
