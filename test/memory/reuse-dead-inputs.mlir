// RUN: onnx-compile-opt %s --onnxc-outline-kernels --onnxc-reuse-dead-inputs --split-input-file | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// %a dies in the sum: the sum is written over it. The graph's output is where
// the last op's dying input is computed from the start.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: memref<64xf32>, %[[Y:.*]]: memref<64xf32>
// CHECK-NOT: memref.alloc
// CHECK: call @[[NEG:.*]](%[[X]], %[[Y]])
// CHECK: call @[[SUM:.*]](%[[Y]], %[[X]])
// CHECK: call @[[ABS:.*]](%[[Y]])
// CHECK: func.func private @[[SUM]](%[[P:.*]]: memref<64xf32>, %[[Q:.*]]: memref<64xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[Q]] : {{.*}}) outs(%[[P]] :
module {
  func.func @main(%x: memref<64xf32>, %y: memref<64xf32>) {
    %a = memref.alloc() : memref<64xf32>
    %b = memref.alloc() : memref<64xf32>
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<64xf32>) outs(%a : memref<64xf32>) {
    ^bb0(%i: f32, %o: f32):
      %r = arith.negf %i : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%a, %x : memref<64xf32>, memref<64xf32>) outs(%b : memref<64xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %r = arith.addf %i, %j : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%b : memref<64xf32>) outs(%y : memref<64xf32>) {
    ^bb0(%i: f32, %o: f32):
      %r = math.absf %i : f32
      linalg.yield %r : f32
    }
    return
  }
}

// -----

#flip = affine_map<(d0, d1) -> (d1, d0)>
#id2 = affine_map<(d0, d1) -> (d0, d1)>

// Not over an input that is needed later, nor over one that is read elsewhere
// than it is written.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: memref<8x8xf32>, %[[Y:.*]]: memref<8x8xf32>
// CHECK: %[[A:.*]] = memref.alloc
// CHECK: call @{{.*}}(%[[X]], %[[A]])
// CHECK: %[[B:.*]] = memref.alloc
// CHECK: call @{{.*}}(%[[A]], %[[B]])
// CHECK: call @{{.*}}(%[[A]], %[[B]], %[[Y]])
module {
  func.func @main(%x: memref<8x8xf32>, %y: memref<8x8xf32>) {
    %a = memref.alloc() : memref<8x8xf32>
    linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%x : memref<8x8xf32>) outs(%a : memref<8x8xf32>) {
    ^bb0(%i: f32, %o: f32):
      %r = arith.negf %i : f32
      linalg.yield %r : f32
    }
    %b = memref.alloc() : memref<8x8xf32>
    linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%a : memref<8x8xf32>) outs(%b : memref<8x8xf32>) {
    ^bb0(%i: f32, %o: f32):
      %r = math.absf %i : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#flip, #flip, #id2], iterator_types = ["parallel", "parallel"]} ins(%a, %b : memref<8x8xf32>, memref<8x8xf32>) outs(%y : memref<8x8xf32>) {
    ^bb0(%i: f32, %j: f32, %o: f32):
      %r = arith.addf %i, %j : f32
      linalg.yield %r : f32
    }
    return
  }
}
