// RUN: onnx-compile-opt --onnxc-outline-kernels %s | FileCheck %s

// Seventeen kernels that differ in where they write share one; two do not.
// CHECK-LABEL: func.func @main
// CHECK: %[[S:.*]] = memref.subview %{{.*}}[0] [2] [1]
// CHECK: %[[A:.*]] = memref.cast %[[S]] : memref<2xf32, strided<[1]>> to memref<2xf32, strided<[1], offset: ?>>
// CHECK: call @kernel_0(%{{.*}}, %[[A]])
// CHECK-COUNT-16: call @kernel_0(
// CHECK-NOT: call @kernel_0(
// CHECK: call @[[FIRST:.*]](%{{.*}}, %{{.*}}) : (memref<2xf32>, memref<2xf32, strided<[1]>>) -> ()
// CHECK-NOT: call @[[FIRST]]
// CHECK: call @{{.*}}(%{{.*}}, %{{.*}}) : (memref<2xf32>, memref<2xf32, strided<[1], offset: 2>>) -> ()
// CHECK-COUNT-3: func.func private @kernel
// CHECK-NOT: func.func private @kernel
func.func @main(%x: memref<2xf32>, %y: memref<34xf32>, %z: memref<4xf32>) {
  %y0 = memref.subview %y[0] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1]>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y0 : memref<2xf32, strided<[1]>>)
  %y1 = memref.subview %y[2] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 2>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y1 : memref<2xf32, strided<[1], offset: 2>>)
  %y2 = memref.subview %y[4] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 4>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y2 : memref<2xf32, strided<[1], offset: 4>>)
  %y3 = memref.subview %y[6] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 6>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y3 : memref<2xf32, strided<[1], offset: 6>>)
  %y4 = memref.subview %y[8] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 8>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y4 : memref<2xf32, strided<[1], offset: 8>>)
  %y5 = memref.subview %y[10] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 10>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y5 : memref<2xf32, strided<[1], offset: 10>>)
  %y6 = memref.subview %y[12] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 12>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y6 : memref<2xf32, strided<[1], offset: 12>>)
  %y7 = memref.subview %y[14] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 14>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y7 : memref<2xf32, strided<[1], offset: 14>>)
  %y8 = memref.subview %y[16] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 16>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y8 : memref<2xf32, strided<[1], offset: 16>>)
  %y9 = memref.subview %y[18] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 18>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y9 : memref<2xf32, strided<[1], offset: 18>>)
  %y10 = memref.subview %y[20] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 20>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y10 : memref<2xf32, strided<[1], offset: 20>>)
  %y11 = memref.subview %y[22] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 22>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y11 : memref<2xf32, strided<[1], offset: 22>>)
  %y12 = memref.subview %y[24] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 24>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y12 : memref<2xf32, strided<[1], offset: 24>>)
  %y13 = memref.subview %y[26] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 26>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y13 : memref<2xf32, strided<[1], offset: 26>>)
  %y14 = memref.subview %y[28] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 28>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y14 : memref<2xf32, strided<[1], offset: 28>>)
  %y15 = memref.subview %y[30] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 30>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y15 : memref<2xf32, strided<[1], offset: 30>>)
  %y16 = memref.subview %y[32] [2] [1] : memref<34xf32> to memref<2xf32, strided<[1], offset: 32>>
  linalg.exp ins(%x : memref<2xf32>) outs(%y16 : memref<2xf32, strided<[1], offset: 32>>)
  %z0 = memref.subview %z[0] [2] [1] : memref<4xf32> to memref<2xf32, strided<[1]>>
  linalg.log ins(%x : memref<2xf32>) outs(%z0 : memref<2xf32, strided<[1]>>)
  %z1 = memref.subview %z[2] [2] [1] : memref<4xf32> to memref<2xf32, strided<[1], offset: 2>>
  linalg.log ins(%x : memref<2xf32>) outs(%z1 : memref<2xf32, strided<[1], offset: 2>>)
  return
}
