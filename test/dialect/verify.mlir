// Attributes out of range.
// RUN: onnx-compile-opt %s --split-input-file --verify-diagnostics

func.func @perm(%x: tensor<2x3xf32>) {
  // expected-error @below {{'onnx.Transpose' op perm: got 0 twice, wanted a permutation of 0 to 1}}
  %0 = onnx.Transpose %x {perm = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @axis(%x: tensor<2x3xf32>) {
  // expected-error @below {{'onnx.Softmax' op axis: got 2, wanted -2 to 1 for rank 2}}
  %0 = onnx.Softmax %x {axis = 2 : i64} : (tensor<2x3xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @kernel(%x: tensor<1x3x8x8xf32>) {
  // expected-error @below {{'onnx.AveragePool' op length of kernel_shape: got 1, wanted 2}}
  %0 = onnx.AveragePool %x {kernel_shape = array<i64: 3>} : (tensor<1x3x8x8xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @stride(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  %none = onnx.NoValue
  // expected-error @below {{'onnx.Conv' op strides: got 0, wanted 1 or more}}
  %0 = onnx.Conv %x, %w, %none {strides = array<i64: 0, 1>} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>, none) -> tensor<*xf32>
  return
}

// -----

func.func @yield(%c: tensor<i1>, %x: tensor<2xf32>) {
  // expected-error @below {{'onnx.If' op else_branch outputs: got 0, wanted 1}}
  %0 = onnx.If %c then {
    onnx.Yield %x : tensor<2xf32>
  } else {
    onnx.Yield
  } : (tensor<i1>) -> tensor<2xf32>
  return
}

// -----

func.func @cast(%x: tensor<2xf32>) {
  // expected-error @below {{'onnx.Cast' op attribute 'to': got 99, wanted a TensorProto.DataType}}
  %0 = onnx.Cast %x {to = 99 : i64} : (tensor<2xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @equation(%x: tensor<2x3xf32>) {
  // expected-error @below {{'onnx.Einsum' op equation 'i.->i': got the term 'i?', wanted letters and at most one '...'}}
  %0 = onnx.Einsum %x {equation = "i.->i"} : (tensor<2x3xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @huge(%x: tensor<1x4x2x2xf32>) {
  // expected-error @below {{'onnx.DepthToSpace' op blocksize: got 4611686018427387904, wanted at most 2147483647}}
  %0 = onnx.DepthToSpace %x {blocksize = 4611686018427387904 : i64} : (tensor<1x4x2x2xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @word(%x: tensor<2x3xf32>, %i: tensor<1x1xi64>, %u: tensor<1x3xf32>) {
  // expected-error @below {{'onnx.ScatterND' op reduction: got 'sub', wanted none, add, mul, max or min}}
  %0 = onnx.ScatterND %x, %i, %u {reduction = "sub"} : (tensor<2x3xf32>, tensor<1x1xi64>, tensor<1x3xf32>) -> tensor<*xf32>
  return
}
