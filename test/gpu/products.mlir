// RUN: onnx-compile-opt --onnxc-map-kernels --canonicalize --cse %s | FileCheck %s
// RUN: onnx-compile-opt --onnxc-map-kernels --canonicalize --cse %s | FileCheck %s --check-prefix=WIDE

// A 3x3 convolution, channels last: its operands come in pieces of 16 bytes to
// two halves of shared memory, each thread has a tile of accumulators.
// CHECK: gpu.func @conv(
// CHECK-SAME: workgroup(%[[A:.*]] : memref<2x16x{{[0-9]+}}xf32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}, %[[B:.*]] : memref<2x16x{{[0-9]+}}xf32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64})
// CHECK: vector.load {{.*}}{alignment = 16 : i64} : memref<1x18x18x32xf32>, vector<4xf32>
// CHECK: vector.load {{.*}}{alignment = 16 : i64} : memref<3x3x32x64xf32>, vector<4xf32>
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK-COUNT-2: scf.if
// CHECK: vector.load %[[A]]
// CHECK: vector.load %[[B]]
// CHECK: math.fma
// CHECK: gpu.barrier
// CHECK: scf.yield
// The epilogue stores pieces, too.
// CHECK: vector.load {{.*}} : memref<64xf32>, vector<4xf32>
// CHECK: arith.maximumf
// CHECK: vector.store {{.*}}{alignment = 16 : i64} : memref<1x16x16x64xf32>, vector<4xf32>

// f16 goes to the matrix units.
// CHECK: gpu.func @half(
// CHECK: nvgpu.device_async_copy
// CHECK: nvgpu.device_async_create_group
// CHECK: scf.for
// CHECK: nvgpu.device_async_wait %{{.*}} {numGroups = 2 : i32}
// CHECK-NEXT: gpu.barrier
// CHECK: nvgpu.device_async_copy
// CHECK: nvgpu.ldmatrix {{.*}}{numTiles = 4 : i32, transpose = false}
// CHECK: nvgpu.ldmatrix {{.*}}{numTiles = 4 : i32, transpose = true}
// CHECK: nvgpu.mma.sync(%{{.*}}, %{{.*}}, %{{.*}}) {mmaShape = [16, 8, 16]} : (vector<4x2xf16>, vector<2x2xf16>, vector<2x2xf32>) -> vector<2x2xf32>
// CHECK: scf.yield
// CHECK: vector.store {{.*}}{alignment = 8 : i64} : memref<64x96xf16>, vector<4xf16>

// An image of three channels comes in elements, its weights in lines; the run of
// nine elements along k makes neighbours of the threads.
// CHECK: gpu.func @image(
// CHECK: arith.remui %{{.*}}, %c9
// CHECK: memref.load {{.*}} : memref<1x18x18x3xf16>
// CHECK: memref.store {{.*}}xf16, #gpu.address_space<workgroup>>
// CHECK: nvgpu.device_async_copy {{.*}} : memref<3x3x3x64xf16>
// CHECK: nvgpu.mma.sync

// Odd sizes: elements one by one, stores where they are in range.
// WIDE: gpu.func @odd(
// WIDE-NOT: memref<63x33xf32>, vector<4xf32>
// WIDE: math.fma
// WIDE: memref.store {{.*}} : memref<63x35xf32>

// Rows of 805 begin anywhere in a sector: longer steps. Rows of weights begin at
// sectors and end in zeros: pieces. Results are stored by pairs, and shared
// memory holds the columns so.
// WIDE: gpu.func @ragged({{.*}} workgroup(%[[R:.*]] : memref<2x32x{{[0-9]+}}xf32, {{.*}}>{{.*}}, %[[C:.*]] : memref<2x32x{{[0-9]+}}xf32, {{.*}}>
// WIDE: memref.load {{.*}} : memref<100x805xf32>
// WIDE: vector.load {{.*}}{alignment = 16 : i64} : memref<805x134xf32, strided<[136, 1]>>, vector<4xf32>
// WIDE-COUNT-2: vector.store {{.*}} %[[C]][{{.*}}] {alignment = 8 : i64}
// WIDE: math.fma
// WIDE: vector.store {{.*}}{alignment = 8 : i64} : memref<100x134xf32>, vector<2xf32>

// Windows of three pixels of three channels: steps of their length.
// WIDE: gpu.func @first({{.*}}memref<2x9x{{[0-9]+}}xf32

// Channels that both operands have make no product.
// WIDE: gpu.func @depthwise(
// WIDE-NOT: workgroup
// WIDE: gpu.return
func.func @main(%x: memref<1x18x18x32xf32>, %w: memref<3x3x32x64xf32>, %b: memref<64xf32>, %y: memref<1x16x16x64xf32>,
                %p: memref<64x64xf16>, %q: memref<64x96xf16>, %r: memref<64x96xf16>,
                %u: memref<63x33xf32>, %v: memref<33x35xf32>, %o: memref<63x35xf32>,
                %d: memref<1x16x16x32xf32>, %dw: memref<3x3x32xf32>,
                %g: memref<100x805xf32>, %gw: memref<805x134xf32, strided<[136, 1]>>, %gy: memref<100x134xf32>,
                %h: memref<1x18x18x3xf16>, %hw: memref<3x3x3x64xf16>, %hy: memref<1x16x16x64xf32>,
                %i: memref<1x34x34x3xf32>, %iw: memref<3x3x3x16xf32>, %iy: memref<1x32x32x16xf32>) {
  call @conv(%x, %w, %b, %y) {onnxc.device} : (memref<1x18x18x32xf32>, memref<3x3x32x64xf32>, memref<64xf32>, memref<1x16x16x64xf32>) -> ()
  call @half(%p, %q, %r) {onnxc.device} : (memref<64x64xf16>, memref<64x96xf16>, memref<64x96xf16>) -> ()
  call @image(%h, %hw, %hy) {onnxc.device} : (memref<1x18x18x3xf16>, memref<3x3x3x64xf16>, memref<1x16x16x64xf32>) -> ()
  call @odd(%u, %v, %o) {onnxc.device} : (memref<63x33xf32>, memref<33x35xf32>, memref<63x35xf32>) -> ()
  call @ragged(%g, %gw, %gy) {onnxc.device} : (memref<100x805xf32>, memref<805x134xf32, strided<[136, 1]>>, memref<100x134xf32>) -> ()
  call @first(%i, %iw, %iy) {onnxc.device} : (memref<1x34x34x3xf32>, memref<3x3x3x16xf32>, memref<1x32x32x16xf32>) -> ()
  call @depthwise(%x, %dw, %d) {onnxc.device} : (memref<1x18x18x32xf32>, memref<3x3x32xf32>, memref<1x16x16x32xf32>) -> ()
  return
}
func.func private @conv(%x: memref<1x18x18x32xf32>, %w: memref<3x3x32x64xf32>, %bias: memref<64xf32>, %y: memref<1x16x16x64xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  %t = memref.alloc() : memref<1x16x16x64xf32>
  linalg.fill ins(%zero : f32) outs(%t : memref<1x16x16x64xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(n, h, w, c, i, j, k) -> (n, h + i, w + j, k)>,
                       affine_map<(n, h, w, c, i, j, k) -> (i, j, k, c)>,
                       affine_map<(n, h, w, c, i, j, k) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : memref<1x18x18x32xf32>, memref<3x3x32x64xf32>) outs(%t : memref<1x16x16x64xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  linalg.generic {
      indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%t, %bias : memref<1x16x16x64xf32>, memref<64xf32>) outs(%y : memref<1x16x16x64xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %s = arith.addf %a, %b : f32
    %m = arith.maximumf %s, %zero : f32
    linalg.yield %m : f32
  }
  return
}
func.func private @half(%x: memref<64x64xf16>, %w: memref<64x96xf16>, %y: memref<64x96xf16>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  %t = memref.alloc() : memref<64x96xf32>
  linalg.fill ins(%zero : f32) outs(%t : memref<64x96xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<64x64xf16>, memref<64x96xf16>) outs(%t : memref<64x96xf32>) {
  ^bb0(%a: f16, %b: f16, %acc: f32):
    %p = arith.extf %a : f16 to f32
    %q = arith.extf %b : f16 to f32
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  linalg.generic {
      indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%t : memref<64x96xf32>) outs(%y : memref<64x96xf16>) {
  ^bb0(%a: f32, %out: f16):
    %s = arith.truncf %a : f32 to f16
    linalg.yield %s : f16
  }
  return
}
func.func private @odd(%x: memref<63x33xf32>, %w: memref<33x35xf32>, %y: memref<63x35xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<63x35xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<63x33xf32>, memref<33x35xf32>) outs(%y : memref<63x35xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}
func.func private @depthwise(%x: memref<1x18x18x32xf32>, %w: memref<3x3x32xf32>, %y: memref<1x16x16x32xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<1x16x16x32xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(n, h, w, c, i, j) -> (n, h + i, w + j, c)>,
                       affine_map<(n, h, w, c, i, j) -> (i, j, c)>,
                       affine_map<(n, h, w, c, i, j) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : memref<1x18x18x32xf32>, memref<3x3x32xf32>) outs(%y : memref<1x16x16x32xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}
func.func private @ragged(%x: memref<100x805xf32>, %w: memref<805x134xf32, strided<[136, 1]>>, %y: memref<100x134xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<100x134xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<100x805xf32>, memref<805x134xf32, strided<[136, 1]>>) outs(%y : memref<100x134xf32>) attrs = {onnxc.zero_tails = array<i64: 1>} {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}
func.func private @first(%x: memref<1x34x34x3xf32>, %w: memref<3x3x3x16xf32>, %y: memref<1x32x32x16xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<1x32x32x16xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(n, h, w, c, i, j, k) -> (n, h + i, w + j, k)>,
                       affine_map<(n, h, w, c, i, j, k) -> (i, j, k, c)>,
                       affine_map<(n, h, w, c, i, j, k) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : memref<1x34x34x3xf32>, memref<3x3x3x16xf32>) outs(%y : memref<1x32x32x16xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}
func.func private @image(%x: memref<1x18x18x3xf16>, %w: memref<3x3x3x64xf16>, %y: memref<1x16x16x64xf32>) attributes {onnxc.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<1x16x16x64xf32>)
  linalg.generic {
      indexing_maps = [affine_map<(n, h, w, c, i, j, k) -> (n, h + i, w + j, k)>,
                       affine_map<(n, h, w, c, i, j, k) -> (i, j, k, c)>,
                       affine_map<(n, h, w, c, i, j, k) -> (n, h, w, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : memref<1x18x18x3xf16>, memref<3x3x3x64xf16>) outs(%y : memref<1x16x16x64xf32>) {
  ^bb0(%a: f16, %b: f16, %acc: f32):
    %p = arith.extf %a : f16 to f32
    %q = arith.extf %b : f16 to f32
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  }
  return
}
