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

// -----

func.func @bias(%x: tensor<1x2x5x5xf32>, %w: tensor<3x2x3x3xf32>, %b: tensor<5xf32>) {
  // expected-error @below {{'onnx.Conv' op length of B: got 5, wanted 3}}
  %0 = onnx.Conv %x, %w, %b : (tensor<1x2x5x5xf32>, tensor<3x2x3x3xf32>, tensor<5xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @slope(%x: tensor<?x4x5x6xf32>, %s: tensor<4xf32>) {
  // expected-error @below {{'onnx.PRelu' op dim 0 of slope: got 4, wanted 6 or 1}}
  %0 = onnx.PRelu %x, %s : (tensor<?x4x5x6xf32>, tensor<4xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @gemm(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %c: tensor<1x2x4xf32>) {
  // expected-error @below {{'onnx.Gemm' op rank of C: got 3, wanted 0 to 2}}
  %0 = onnx.Gemm %a, %b, %c : (tensor<2x3xf32>, tensor<3x4xf32>, tensor<1x2x4xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @hidden(%x: tensor<4x1x3xf32>, %w: tensor<1x20x3xf32>, %r: tensor<1x16x4xf32>) {
  %none = onnx.NoValue
  // expected-error @below {{'onnx.LSTM' op dim 1 of R: got 16, wanted 20}}
  %0:3 = onnx.LSTM %x, %w, %r, %none, %none, %none, %none, %none {hidden_size = 5 : i64} : (tensor<4x1x3xf32>, tensor<1x20x3xf32>, tensor<1x16x4xf32>, none, none, none, none, none) -> (tensor<*xf32>, none, none)
  return
}

// -----

func.func @index(%x: tensor<4x2xf32>) {
  %i = onnx.Constant dense<[0, 9]> : tensor<2xi64>
  // expected-error @below {{'onnx.Gather' op indices: got 9, wanted -4 to 3}}
  %0 = onnx.Gather %x, %i : (tensor<4x2xf32>, tensor<2xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @tuple(%x: tensor<4x2xf32>, %u: tensor<1xf32>) {
  %i = onnx.Constant dense<[[3, 2]]> : tensor<1x2xi64>
  // expected-error @below {{'onnx.ScatterND' op indices: got 2, wanted -2 to 1}}
  %0 = onnx.ScatterND %x, %i, %u : (tensor<4x2xf32>, tensor<1x2xi64>, tensor<1xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @tuple_into_nothing(%x: tensor<0x2xf32>, %i: tensor<3x1xi64>, %u: tensor<3x2xf32>) {
  // expected-error @below {{'onnx.ScatterND' op indices: got shape [3, 1] for a dim of 0 elements, wanted none}}
  %0 = onnx.ScatterND %x, %i, %u : (tensor<0x2xf32>, tensor<3x1xi64>, tensor<3x2xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @element_into_nothing(%x: tensor<2x0xf32>, %i: tensor<2x3xi64>, %u: tensor<2x3xf32>) {
  // expected-error @below {{'onnx.ScatterElements' op indices: got shape [2, 3] for a dim of 0 elements, wanted none}}
  %0 = onnx.ScatterElements %x, %i, %u {axis = 1 : i64} : (tensor<2x0xf32>, tensor<2x3xi64>, tensor<2x3xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @scales(%x: tensor<2x3xf32>, %s: tensor<4xf32>, %z: tensor<4xui8>) {
  // expected-error @below {{'onnx.QuantizeLinear' op length of the scale: got 4, wanted 3}}
  %0 = onnx.QuantizeLinear %x, %s, %z : (tensor<2x3xf32>, tensor<4xf32>, tensor<4xui8>) -> tensor<*xui8>
  return
}

// -----

func.func @at_most(%x: tensor<2x3xf32>, %i: tensor<3x3xi64>) {
  // expected-error @below {{'onnx.GatherElements' op dim 0 of indices: got 3, wanted at most 2}}
  %0 = onnx.GatherElements %x, %i {axis = 1 : i64} : (tensor<2x3xf32>, tensor<3x3xi64>) -> tensor<*xf32>
  return
}

// -----

func.func @state(%s: tensor<2xf32>, %x: tensor<4x3xf32>) {
  // expected-error @below {{'onnx.Scan' op state #0 of the body: got 'tensor<3xf32>', wanted 'tensor<2xf32>' as of its initial value}}
  %0 = onnx.Scan %s, %x attributes {num_scan_inputs = 1 : i64} {
  ^bb0(%a: tensor<*xf32>, %b: tensor<3xf32>):
    onnx.Yield %b : tensor<3xf32>
  } : (tensor<2xf32>, tensor<4x3xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @nothing_to_pad_from(%a: tensor<2x3xf32>) {
  %none = onnx.NoValue
  %pads = onnx.Constant dense<[0, 2, 0, -3]> : tensor<4xi64>
  // expected-error @below {{'onnx.Pad' op dim 1: got no elements to pad from, wanted 1 or more}}
  %0 = onnx.Pad %a, %pads, %none, %none {mode = "reflect"} : (tensor<2x3xf32>, tensor<4xi64>, none, none) -> tensor<*xf32>
  return
}

// -----

func.func @range_stash(%a: tensor<f32>) {
  // expected-error @below {{'onnx.Range' op stash_type: got 7, wanted 1 (FLOAT) or 11 (DOUBLE)}}
  %0 = onnx.Range %a, %a, %a {stash_type = 7} : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<?xf32>
  return
}
