// RUN: onnx-compile-opt --onnxc-map-kernels --canonicalize --cse --split-input-file %s | FileCheck %s

// Planes to pixels: neighbouring threads read along a plane and store along the
// channels; 1024 pixels of 3 channels are 4 tiles.
// CHECK: gpu.launch_func @device::@pixels blocks in (%c4, %c1, %c1) threads in (%c256, %c1, %c1)
// CHECK: gpu.func @pixels({{.*}} workgroup(%[[T:.*]] : memref<3x257xf32, #gpu.address_space<workgroup>>)
// CHECK-SAME: onnxc.mapping = {mapping = "transpose"}
// CHECK: scf.for
// CHECK: %[[I:.*]] = arith.remui %{{.*}}, %c256
// CHECK: %[[J:.*]] = arith.divui %{{.*}}, %c256
// CHECK: %[[X:.*]] = memref.load %{{.*}} : memref<1x3x32x32xf32>
// CHECK: memref.store %[[X]], %[[T]][%[[J]], %[[I]]]
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: %[[A:.*]] = arith.divui %{{.*}}, %c3
// CHECK: %[[B:.*]] = arith.remui %{{.*}}, %c3
// CHECK: %[[V:.*]] = memref.load %[[T]][%[[B]], %[[A]]]
// CHECK: memref.store %[[V]], %{{.*}} : memref<1x32x32x3xf32, strided<[3468, 102, 3, 1], offset: 105>>
func.func @main(%x: memref<1x3x32x32xf32>, %y: memref<1x32x32x3xf32, strided<[3468, 102, 3, 1], offset: 105>>) {
  call @pixels(%x, %y) {onnxc.device} : (memref<1x3x32x32xf32>, memref<1x32x32x3xf32, strided<[3468, 102, 3, 1], offset: 105>>) -> ()
  return
}
func.func private @pixels(%x: memref<1x3x32x32xf32>, %y: memref<1x32x32x3xf32, strided<[3468, 102, 3, 1], offset: 105>>) attributes {onnxc.kernel} {
  linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, c, h, w)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
                  iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : memref<1x3x32x32xf32>) outs(%y : memref<1x32x32x3xf32, strided<[3468, 102, 3, 1], offset: 105>>) {
  ^bb0(%p: f32, %out: f32):
    linalg.yield %p : f32
  }
  return
}

// -----

// The other operand is read where it is stored.
// CHECK: gpu.func @both({{.*}} workgroup(%[[T:.*]] : memref<32x33xf32, #gpu.address_space<workgroup>>)
// CHECK: memref.store %{{.*}}, %[[T]]
// CHECK: gpu.barrier
// CHECK-DAG: memref.load %[[T]]
// CHECK-DAG: memref.load %{{.*}} : memref<40xf32>
// CHECK: arith.addf
func.func @main(%x: memref<40x50xf32>, %b: memref<40xf32>, %y: memref<50x40xf32>) {
  call @both(%x, %b, %y) {onnxc.device} : (memref<40x50xf32>, memref<40xf32>, memref<50x40xf32>) -> ()
  return
}
func.func private @both(%x: memref<40x50xf32>, %b: memref<40xf32>, %y: memref<50x40xf32>) attributes {onnxc.kernel} {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : memref<40x50xf32>, memref<40xf32>) outs(%y : memref<50x40xf32>) {
  ^bb0(%p: f32, %q: f32, %out: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// What lies in the order of the stores, and a slice of it, are left alone.
// CHECK: gpu.func @straight(
// CHECK-NOT: workgroup
// CHECK: gpu.return
func.func @main(%x: memref<40x50xf32, strided<[100, 2]>>, %y: memref<40x50xf32>) {
  call @straight(%x, %y) {onnxc.device} : (memref<40x50xf32, strided<[100, 2]>>, memref<40x50xf32>) -> ()
  return
}
func.func private @straight(%x: memref<40x50xf32, strided<[100, 2]>>, %y: memref<40x50xf32>) attributes {onnxc.kernel} {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<40x50xf32, strided<[100, 2]>>) outs(%y : memref<40x50xf32>) {
  ^bb0(%p: f32, %out: f32):
    linalg.yield %p : f32
  }
  return
}
