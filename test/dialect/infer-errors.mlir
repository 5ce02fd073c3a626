// Operands that contradict each other or the present type.
// RUN: onnx-compile-opt %s --onnx-infer-shapes --split-input-file --verify-diagnostics

func.func @broadcast(%a: tensor<2x3xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{'onnx.Add' op operands do not broadcast: got dims 3 and 4, wanted equal dims or 1}}
  %0 = onnx.Add %a, %b : (tensor<2x3xf32>, tensor<4xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @declared(%a: tensor<2x3xf32>) {
  // expected-error @below {{'onnx.Relu' op result #0: got 'tensor<2x4xf32>', wanted 'tensor<2x3xf32>' (from its operands)}}
  %0 = onnx.Relu %a : (tensor<2x3xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @matmul(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error @below {{'onnx.MatMul' op rows of the second operand: got 4, wanted 3}}
  %0 = onnx.MatMul %a, %b : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @reshape(%a: tensor<2x3xf32>) {
  %s = onnx.Constant dense<[4, -1]> : tensor<2xi64>
  // expected-error @below {{'onnx.Reshape' op got 6 elements, wanted a multiple of 4}}
  %0 = onnx.Reshape %a, %s : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @conv(%x: tensor<1x4x8x8xf32>, %w: tensor<8x3x3x3xf32>) {
  %none = onnx.NoValue
  // expected-error @below {{'onnx.Conv' op channels: got 4, wanted 3}}
  %0 = onnx.Conv %x, %w, %none : (tensor<1x4x8x8xf32>, tensor<8x3x3x3xf32>, none) -> tensor<*xf32>
  return
}
