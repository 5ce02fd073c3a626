// RUN: onnx-compile-opt --onnxc-bufferize --canonicalize %s | FileCheck %s

// More than 16 slices: those that can be are computed where they go; what is
// used by others in ways that could write it, comes twice or comes from outside is copied.
// CHECK-LABEL: func.func @main
// CHECK: %[[ALL:.*]] = memref.alloc() : memref<40xf32>
// CHECK: %[[READ:.*]] = memref.subview %[[ALL]][2] [2] [1]
// CHECK: linalg.exp {{.*}} outs(%[[READ]] :
// CHECK: linalg.log {{.*}} outs(%[[RETURNED:.*]] : memref<2xf32>)
// CHECK: linalg.negf ins(%[[READ]] :
// CHECK: %[[FILLED:.*]] = memref.subview %[[ALL]][0] [2] [1]
// CHECK: linalg.fill {{.*}} outs(%[[FILLED]] :
// CHECK-NOT: memref.copy
// CHECK: memref.copy %[[RETURNED]], %{{.*}} offset: 4>
// CHECK: memref.copy %[[READ]], %{{.*}} offset: 6>
// CHECK-COUNT-16: memref.copy
// CHECK-NOT: memref.copy
// CHECK: return
func.func @main(%x: tensor<2xf32>, %v: f32) -> (tensor<40xf32>, tensor<2xf32>, tensor<2xf32>) {
  %e0 = tensor.empty() : tensor<2xf32>
  %e1 = tensor.empty() : tensor<2xf32>
  %e2 = tensor.empty() : tensor<2xf32>
  %e3 = tensor.empty() : tensor<2xf32>
  %filled = linalg.fill ins(%v : f32) outs(%e0 : tensor<2xf32>) -> tensor<2xf32>
  %read = linalg.exp ins(%x : tensor<2xf32>) outs(%e1 : tensor<2xf32>) -> tensor<2xf32>
  %returned = linalg.log ins(%x : tensor<2xf32>) outs(%e2 : tensor<2xf32>) -> tensor<2xf32>
  %reader = linalg.negf ins(%read : tensor<2xf32>) outs(%e3 : tensor<2xf32>) -> tensor<2xf32>
  %t = tensor.empty() : tensor<40xf32>
  %0 = tensor.insert_slice %filled into %t[0] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %1 = tensor.insert_slice %read into %0[2] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %2 = tensor.insert_slice %returned into %1[4] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %3 = tensor.insert_slice %read into %2[6] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %4 = tensor.insert_slice %x into %3[8] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %5 = tensor.insert_slice %x into %4[10] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %6 = tensor.insert_slice %x into %5[12] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %7 = tensor.insert_slice %x into %6[14] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %8 = tensor.insert_slice %x into %7[16] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %9 = tensor.insert_slice %x into %8[18] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %10 = tensor.insert_slice %x into %9[20] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %11 = tensor.insert_slice %x into %10[22] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %12 = tensor.insert_slice %x into %11[24] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %13 = tensor.insert_slice %x into %12[26] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %14 = tensor.insert_slice %x into %13[28] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %15 = tensor.insert_slice %x into %14[30] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %16 = tensor.insert_slice %x into %15[32] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %17 = tensor.insert_slice %x into %16[34] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %18 = tensor.insert_slice %x into %17[36] [2] [1] : tensor<2xf32> into tensor<40xf32>
  %19 = tensor.insert_slice %x into %18[38] [2] [1] : tensor<2xf32> into tensor<40xf32>
  return %19, %returned, %reader : tensor<40xf32>, tensor<2xf32>, tensor<2xf32>
}
