// RUN: onnx-compile-opt --onnxc-fuse-elementwise %s | FileCheck %s

// What widens bytes goes into each of its readers, also where these sum over
// several loops.
// CHECK-LABEL: func.func @shared
// CHECK: linalg.generic {{.*}} ins(%arg0 : tensor<4x5xi8>)
// CHECK: arith.sitofp
// CHECK: arith.addf
// CHECK: linalg.generic {{.*}} ins(%arg0 : tensor<4x5xi8>)
// CHECK: arith.sitofp
// CHECK: arith.negf
// CHECK-NOT: linalg.generic
#id = affine_map<(a, b) -> (a, b)>
#none = affine_map<(a, b) -> ()>
func.func @shared(%q: tensor<4x5xi8>, %zero: tensor<f32>) -> (tensor<f32>, tensor<4x5xf32>) {
  %e = tensor.empty() : tensor<4x5xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%q : tensor<4x5xi8>) outs(%e : tensor<4x5xf32>) {
  ^bb0(%v: i8, %o: f32):
    %f = arith.sitofp %v : i8 to f32
    linalg.yield %f : f32
  } -> tensor<4x5xf32>
  %s = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]} ins(%x : tensor<4x5xf32>) outs(%zero : tensor<f32>) {
  ^bb0(%v: f32, %o: f32):
    %f = arith.addf %v, %o : f32
    linalg.yield %f : f32
  } -> tensor<f32>
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x5xf32>) outs(%e : tensor<4x5xf32>) {
  ^bb0(%v: f32, %o: f32):
    %f = arith.negf %v : f32
    linalg.yield %f : f32
  } -> tensor<4x5xf32>
  return %s, %n : tensor<f32>, tensor<4x5xf32>
}

// A function of many instructions is computed once.
// CHECK-LABEL: func.func @costly
// CHECK: math.exp
// CHECK: linalg.generic
// CHECK-NOT: math.exp
func.func @costly(%q: tensor<4x5xi8>, %zero: tensor<f32>) -> (tensor<f32>, tensor<4x5xf32>) {
  %e = tensor.empty() : tensor<4x5xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%q : tensor<4x5xi8>) outs(%e : tensor<4x5xf32>) {
  ^bb0(%v: i8, %o: f32):
    %f = arith.sitofp %v : i8 to f32
    %g = math.exp %f : f32
    linalg.yield %g : f32
  } -> tensor<4x5xf32>
  %s = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]} ins(%x : tensor<4x5xf32>) outs(%zero : tensor<f32>) {
  ^bb0(%v: f32, %o: f32):
    %f = arith.addf %v, %o : f32
    linalg.yield %f : f32
  } -> tensor<f32>
  return %s, %x : tensor<f32>, tensor<4x5xf32>
}

// Broadcast along the other loops too.
// CHECK-LABEL: func.func @broadcast
// CHECK: linalg.generic {{.*}} ins(%arg1, %arg0 : tensor<4x5xf32>, tensor<1x5xi8>)
// CHECK: arith.sitofp
// CHECK: arith.mulf
// CHECK-NOT: linalg.generic
#row = affine_map<(a, b) -> (0, b)>
func.func @broadcast(%q: tensor<1x5xi8>, %y: tensor<4x5xf32>) -> tensor<4x5xf32> {
  %e = tensor.empty() : tensor<1x5xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%q : tensor<1x5xi8>) outs(%e : tensor<1x5xf32>) {
  ^bb0(%v: i8, %o: f32):
    %f = arith.sitofp %v : i8 to f32
    linalg.yield %f : f32
  } -> tensor<1x5xf32>
  %m = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%y, %x : tensor<4x5xf32>, tensor<1x5xf32>) outs(%y : tensor<4x5xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %f = arith.mulf %v, %w : f32
    linalg.yield %f : f32
  } -> tensor<4x5xf32>
  return %m : tensor<4x5xf32>
}

// A loop that looks bytes up in a table stays alone.
// CHECK-LABEL: func.func @table
// CHECK: linalg.generic
// CHECK: arith.addi
// CHECK: linalg.generic
// CHECK: tensor.extract
// CHECK: linalg.generic
// CHECK: arith.muli
func.func @table(%q: tensor<4x5xi8>, %t: tensor<256xi8>) -> tensor<4x5xi8> {
  %e = tensor.empty() : tensor<4x5xi8>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%q : tensor<4x5xi8>) outs(%e : tensor<4x5xi8>) {
  ^bb0(%v: i8, %o: i8):
    %f = arith.addi %v, %v : i8
    linalg.yield %f : i8
  } -> tensor<4x5xi8>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x5xi8>) outs(%e : tensor<4x5xi8>) {
  ^bb0(%v: i8, %o: i8):
    %i = arith.index_castui %v : i8 to index
    %f = tensor.extract %t[%i] : tensor<256xi8>
    linalg.yield %f : i8
  } -> tensor<4x5xi8>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<4x5xi8>) outs(%e : tensor<4x5xi8>) {
  ^bb0(%v: i8, %o: i8):
    %f = arith.muli %v, %v : i8
    linalg.yield %f : i8
  } -> tensor<4x5xi8>
  return %z : tensor<4x5xi8>
}

// Where quantised sums of two products meet, those of the earlier one are stored
// as bytes.
// CHECK-LABEL: func.func @meet
// CHECK: %[[A:.*]] = linalg.generic {{.*}}"reduction"
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[A]] : tensor<4x4xi32>) outs(%{{.*}} : tensor<4x4xi8>)
// CHECK: %[[B:.*]] = linalg.generic {{.*}}"reduction"
// CHECK: linalg.generic {{.*}} ins(%[[Q]], %[[B]] : tensor<4x4xi8>, tensor<4x4xi32>)
// CHECK-NOT: linalg.generic
#l = affine_map<(a, b, c) -> (a, c)>
#r = affine_map<(a, b, c) -> (c, b)>
#o = affine_map<(a, b, c) -> (a, b)>
func.func @meet(%x: tensor<4x4xi8>, %zero: tensor<4x4xi32>) -> tensor<4x4xi8> {
  %e = tensor.empty() : tensor<4x4xi8>
  %a = linalg.generic {indexing_maps = [#l, #r, #o], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %x : tensor<4x4xi8>, tensor<4x4xi8>) outs(%zero : tensor<4x4xi32>) {
  ^bb0(%v: i8, %w: i8, %o: i32):
    %f = arith.extsi %v : i8 to i32
    %g = arith.extui %w : i8 to i32
    %h = arith.muli %f, %g : i32
    %i = arith.addi %o, %h : i32
    linalg.yield %i : i32
  } -> tensor<4x4xi32>
  %p = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<4x4xi32>) outs(%e : tensor<4x4xi8>) {
  ^bb0(%v: i32, %o: i8):
    %f = arith.trunci %v : i32 to i8
    linalg.yield %f : i8
  } -> tensor<4x4xi8>
  %b = linalg.generic {indexing_maps = [#l, #r, #o], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %x : tensor<4x4xi8>, tensor<4x4xi8>) outs(%zero : tensor<4x4xi32>) {
  ^bb0(%v: i8, %w: i8, %o: i32):
    %f = arith.extui %v : i8 to i32
    %g = arith.extsi %w : i8 to i32
    %h = arith.muli %f, %g : i32
    %i = arith.addi %o, %h : i32
    linalg.yield %i : i32
  } -> tensor<4x4xi32>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%b : tensor<4x4xi32>) outs(%e : tensor<4x4xi8>) {
  ^bb0(%v: i32, %o: i8):
    %f = arith.trunci %v : i32 to i8
    linalg.yield %f : i8
  } -> tensor<4x4xi8>
  %g = tensor.empty() : tensor<4x4xf32>
  %d = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%p : tensor<4x4xi8>) outs(%g : tensor<4x4xf32>) {
  ^bb0(%v: i8, %o: f32):
    %f = arith.sitofp %v : i8 to f32
    linalg.yield %f : f32
  } -> tensor<4x4xf32>
  %s = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%d, %q : tensor<4x4xf32>, tensor<4x4xi8>) outs(%e : tensor<4x4xi8>) {
  ^bb0(%v: f32, %w: i8, %o: i8):
    %f = arith.fptosi %v : f32 to i8
    %h = arith.addi %f, %w : i8
    linalg.yield %h : i8
  } -> tensor<4x4xi8>
  return %s : tensor<4x4xi8>
}
