// Quantised ops of the domain com.microsoft, as ONNX Runtime's quantiser and
// its tools for language models write them. Semantics are those of ONNX
// Runtime's documentation of its contributed operators; where that leaves the
// order of roundings open, those of its CPU kernels.
#include "compiler/import/ContribAttention.h"

namespace onnxc::import {

using ::onnx::TensorProto;

namespace {

using Name = Expansion::Name;

Name dequantize(Expansion &e, int value) {
  return e.op("DequantizeLinear", {e.in(value), e.in(value + 1), e.in(value + 2)});
}

// The division stands by itself: the scale of a QuantizeLinear may go into a factor in front of it, which rounds
// otherwise, and ONNX Runtime's results are to be met.
void quantizeResult(Expansion &e, const Name &value, int scale) {
  Name quanta = e.op("Div", {value, e.in(scale)});
  e.result(0, e.op("QuantizeLinear", {quanta, e.step.scalar(1, TensorProto::FLOAT), e.in(scale + 1)}));
}

//===-- Dequantise, compute, quantise

// `value` rounded to a quantised tensor of the type of input 0, in quanta from 0 on: the zero point has been added,
// before the rounding, as ONNX Runtime does it here.
void roundResult(Expansion &e, const Name &value) {
  Name one = e.step.scalar(1, TensorProto::FLOAT), none = e.op("CastLike", {e.step.scalar(0, TensorProto::FLOAT), e.in(0)});
  e.result(0, e.op("QuantizeLinear", {value, one, none}));
}

Name asFloat(Expansion &e, const Name &value) { return e.cast(value, TensorProto::FLOAT); }

// A zero point, which may be left out, as `type`.
Name zeroPoint(Expansion &e, int input, TensorProto::DataType type) {
  return e.has(input) ? e.cast(e.in(input), type) : e.cast(e.intScalar(0), type);
}

// a * b + c with one rounding (passes/schedule/ContractMultiplyAdd.cpp).
Name multiplyAdd(Expansion &e, const Name &a, const Name &b, const Name &c) {
  auto wide = [&](const Name &v) { return e.cast(v, TensorProto::DOUBLE); };
  Name product = e.op("Mul", {wide(a), wide(b)});
  return asFloat(e, e.op("Add", {product, wide(c)}));
}

// Inputs of the binary ops: value, scale and zero point of both sides, scale and zero point of the result.
enum { A = 0, AScale, AZero, B, BScale, BZero, YScale, YZero };

// round(a * ra + (b * rb + (zero point - (ra * a's + rb * b's)))) with scales relative to the result's.
void quantizedAdd(Expansion &e) {
  Name ra = e.op("Div", {e.in(AScale), e.in(YScale)}), rb = e.op("Div", {e.in(BScale), e.in(YScale)});
  // One product of the two is rounded by itself, as ONNX Runtime's builds have it.
  Name zeroB = e.op("Mul", {rb, zeroPoint(e, BZero, TensorProto::FLOAT)});
  Name zeros = multiplyAdd(e, ra, zeroPoint(e, AZero, TensorProto::FLOAT), zeroB);
  Name fixed = e.op("Sub", {zeroPoint(e, YZero, TensorProto::FLOAT), zeros});
  Name inner = multiplyAdd(e, asFloat(e, e.in(B)), rb, fixed);
  roundResult(e, multiplyAdd(e, asFloat(e, e.in(A)), ra, inner));
}

// round((a - a's zero point) * (b - b's) * (scale of a * of b / of y) + zero point)
void quantizedMul(Expansion &e) {
  auto centred = [&](int value) {
    return e.op("Sub", {e.cast(e.in(value), TensorProto::INT32), zeroPoint(e, value + 2, TensorProto::INT32)});
  };
  Name ratio = e.op("Div", {e.op("Mul", {e.in(AScale), e.in(BScale)}), e.in(YScale)});
  Name product = asFloat(e, e.op("Mul", {centred(A), centred(B)}));
  roundResult(e, e.op("Add", {e.op("Mul", {product, ratio}), zeroPoint(e, YZero, TensorProto::FLOAT)}));
}

// "QLinearSigmoid" computes "Sigmoid".
std::string floatOp(const Expansion &e) {
  return e.node.op_type().substr(std::string("QLinear").size());
}

void quantizedUnary(Expansion &e) {
  Name value = dequantize(e, 0);
  quantizeResult(e, e.keep(e.op(floatOp(e), {value}), {"alpha"}), 3);
}

void quantizedWhere(Expansion &e) {
  Name left = dequantize(e, 1), right = dequantize(e, 4);
  quantizeResult(e, e.op("Where", {e.in(0), left, right}), 7);
}

void quantizedReduceMean(Expansion &e) {
  Name mean = e.op("ReduceMean", {dequantize(e, 0), e.ints(e.integers("axes"))});
  quantizeResult(e, e.keep(mean, {"keepdims"}), 3);
}

Name toChannelsFirst(Expansion &e, const Name &value, int64_t spatial) {
  std::vector<int64_t> order = {0, spatial + 1};
  for (int64_t i = 1; i <= spatial; ++i)
    order.push_back(i);
  return e.with(e.op("Transpose", {value}), "perm", order);
}

Name toChannelsLast(Expansion &e, const Name &value, int64_t spatial) {
  std::vector<int64_t> order = {0};
  for (int64_t i = 2; i <= spatial + 1; ++i)
    order.push_back(i);
  order.push_back(1);
  return e.with(e.op("Transpose", {value}), "perm", order);
}

Name quantizedPool(Expansion &e, const char *op, int64_t spatial) {
  Name value = dequantize(e, 0);
  bool last = e.integer("channels_last", 0) != 0;
  if (last)
    value = toChannelsFirst(e, value, spatial);
  value = e.keep(e.op(op, {value}), {"kernel_shape", "strides", "pads",
                                     "auto_pad", "ceil_mode",
                                     "count_include_pad"});
  if (last)
    value = toChannelsLast(e, value, spatial);
  return value;
}

void quantizedAveragePool(Expansion &e) {
  auto kernel = intsAttribute(e.node, "kernel_shape");
  if (!kernel)
    e.step.fail("its kernel_shape is missing");
  Name mean = quantizedPool(e, "AveragePool", int64_t(kernel->size()));
  roundResult(e, e.op("Add", {e.op("Div", {mean, e.in(3)}), zeroPoint(e, 4, TensorProto::FLOAT)}));
}

void quantizedGlobalAveragePool(Expansion &e) {
  auto rank = e.step.rank(0);
  if (!rank && e.integer("channels_last", 0) != 0)
    e.step.fail("the rank of its input is unknown");
  quantizeResult(e, quantizedPool(e, "GlobalAveragePool", rank.value_or(4) - 2), 3);
}

void quantizedConv(Expansion &e) {
  auto kernelRank = e.step.rank(3);
  bool last = e.integer("channels_last", 0) != 0;
  if (last && !kernelRank)
    e.step.fail("the rank of its weight is unknown");
  int64_t spatial = kernelRank.value_or(4) - 2;
  Expansion::Names inputs(e.node.input().begin(), e.node.input().end());
  if (last)
    inputs[0] = toChannelsFirst(e, inputs[0], spatial);
  Name value = e.keep(e.op("QLinearConv", inputs), {"auto_pad", "dilations", "group", "kernel_shape",
                                                    "pads", "strides"});
  e.result(0, last ? toChannelsLast(e, value, spatial) : value);
}

void quantizedSoftmax(Expansion &e) {
  int64_t opset = e.integer("opset", 13);
  int64_t axis = e.integer("axis", -1);
  Name value = dequantize(e, 0);
  if (opset >= 13 || axis == -1) {
    value = e.with(e.op("Softmax", {value}), "axis", axis);
  } else {
    Name shape = e.op("Shape", {value});
    value = e.with(e.op("Flatten", {value}), "axis", axis);
    value = e.with(e.op("Softmax", {value}), "axis", int64_t(-1));
    value = e.op("Reshape", {value, shape});
  }
  quantizeResult(e, value, 3);
}

// Inputs: scale and zero point of the result, then three per part.
void quantizedConcat(Expansion &e) {
  std::vector<Name> parts;
  for (int i = 2; i + 2 < e.node.input_size(); i += 3)
    parts.push_back(dequantize(e, i));
  Name joined = e.concat(parts, e.integer("axis", 0));
  e.result(0, e.op("QuantizeLinear", {joined, e.in(0), e.in(1)}));
}

// The standard op, for the types that it did not have once.
void linearQuantization(Expansion &e) {
  Expansion::Names inputs(e.node.input().begin(), e.node.input().end());
  e.result(0, e.keep(e.op(e.node.op_type(), inputs), {"axis"}));
}

//===-- Products of integers

// The product of a and b less their zero points (empty: none) as floats of `type`, times `scale`.
Name scaledProduct(Expansion &e, const Name &a, const Name &b, const Name &aZero,
                   const Name &bZero, const Name &scale, int type) {
  Name sum = e.op("MatMulInteger", {a, b, aZero, bZero});
  return e.op("Mul", {e.cast(sum, type), scale});
}

Name plusBias(Expansion &e, const Name &value, int bias) {
  return e.has(bias) ? e.op("Add", {value, e.in(bias)}) : value;
}

int floatType(Expansion &e, int input) {
  int type = e.step.elementType(input);
  return type ? type : int(TensorProto::FLOAT);
}

void matMulIntegerToFloat(Expansion &e) {
  Name scale = e.op("Mul", {e.in(2), e.in(3)});
  Name value = scaledProduct(e, e.in(0), e.in(1), e.in(4), e.in(5), scale, floatType(e, 2));
  e.result(0, plusBias(e, value, 6));
}

void dynamicQuantizeMatMul(Expansion &e) {
  e.op("DynamicQuantizeLinear", {e.in(0)});
  Name a = e.last->output(0), aScale = e.step.fresh(a), aZero = e.step.fresh(a);
  e.last->add_output(aScale);
  e.last->add_output(aZero);
  Name scale = e.op("Mul", {aScale, e.in(2)});
  Name value = scaledProduct(e, a, e.in(1), aZero, e.in(3), scale, floatType(e, 2));
  e.result(0, plusBias(e, value, 4));
}

void quantizedGemm(Expansion &e) {
  auto operand = [&](int index, const char *transpose) {
    return e.integer(transpose, 0) ? e.with(e.op("Transpose", {e.in(index)}), "perm", std::vector<int64_t>{1, 0})
                                   : e.in(index);
  };
  Name a = operand(0, "transA"), b = operand(3, "transB");
  Name sum = plusBias(e, e.op("MatMulInteger", {a, b, e.in(2), e.in(5)}), 6);
  int type = floatType(e, 1);
  Name scale = e.op("Mul", {e.op("Mul", {e.step.scalar(e.real("alpha", 1.0f), type), e.in(1)}), e.in(4)});
  if (!e.has(7)) {
    e.result(0, e.op("Mul", {e.cast(sum, type), scale}));
    return;
  }
  // One multiplication by the quotient of the scales.
  scale = e.op("Div", {scale, e.in(7)});
  Name value = e.op("Mul", {e.cast(sum, type), scale});
  e.result(0, e.op("QuantizeLinear", {value, e.step.scalar(1.0f, type), e.in(8)}));
}

// Inputs: input, weight, bias, their scales, mask, zero points, past.
void quantizedAttention(Expansion &e) {
  int type = floatType(e, 2);
  Name scale = e.op("Mul", {e.in(3), e.in(4)});
  Name value = scaledProduct(e, e.in(0), e.in(1), e.in(6), e.in(7), scale, type);
  expandAttention(e, e.op("Add", {value, e.in(2)}), type, {5, 8, -1});
}

//===-- Weights in blocks of few bits

// Numbers of `bits` bits, the first in the lowest bits of a byte, out of a
// tensor of bytes of `rank` dims; its last dim grows by 8 / bits.
Name unpacked(Expansion &e, Name bytes, int64_t bits, int64_t rank) {
  if (bits == 8)
    return bytes;
  Name base = e.cast(e.intScalar(int64_t(1) << bits), TensorProto::UINT8);
  Expansion::Names parts;
  for (int64_t i = 0; i < 8 / bits; ++i) {
    Name rest = e.op("Div", {bytes, base});
    Name low = e.op("Sub", {bytes, e.op("Mul", {rest, base})});
    parts.push_back(e.op("Unsqueeze", {low, e.ints({-1})}));
    bytes = rest;
  }
  std::vector<int64_t> shape(size_t(rank), 0);
  shape.back() = -1;
  return e.op("Reshape", {e.concat(parts, -1), e.ints(shape)});
}

Name firstOf(Expansion &e, const Name &value, int64_t axis, int64_t count) {
  return e.op("Slice", {value, e.ints({0}), e.ints({count}), e.ints({axis})});
}

int64_t bitsOf(Expansion &e) {
  int64_t bits = e.integer("bits", 4);
  if (bits != 2 && bits != 4 && bits != 8)
    e.step.fail("its bits are " + std::to_string(bits) + ", wanted 2, 4 or 8");
  return bits;
}

int64_t positive(Expansion &e, const char *name) {
  int64_t value = e.integer(name, 0);
  if (value <= 0)
    e.step.fail(std::string("its ") + name + " is " + std::to_string(value) + ", wanted 1 or more");
  return value;
}

// The same where DequantizeLinear says it: its product keeps the weights narrow.
// A is padded where K ends within a block.
void matMulBlocks(Expansion &e, int64_t bits, int64_t k, int64_t n, int64_t block) {
  int64_t blocks = (k + block - 1) / block;
  Name weight = unpacked(e, e.op("Reshape", {e.in(1), e.ints({n, -1})}), bits, 2), zero;
  Name scale = e.op("Reshape", {e.in(2), e.ints({n, blocks})});
  if (e.has(3)) {
    zero = unpacked(e, e.op("Reshape", {e.in(3), e.ints({n, -1})}), bits, 2);
    zero = firstOf(e, zero, 1, blocks);
  } else {
    zero = e.cast(e.intScalar(int64_t(1) << (bits - 1)), TensorProto::UINT8);
    zero = e.op("Expand", {zero, e.ints({n, blocks})});
  }
  weight = e.op("DequantizeLinear", {weight, scale, zero});
  setAttribute(*e.last, "axis", int64_t(1));
  setAttribute(*e.last, "block_size", block);
  weight = e.with(e.op("Transpose", {weight}), "perm", std::vector<int64_t>{1, 0});
  Name a = e.in(0);
  if (blocks * block != k)
    a = e.op("Pad", {a, e.ints({0, blocks * block - k}), "", e.ints({-1})});
  e.result(0, plusBias(e, e.op("MatMul", {a, weight}), 5));
}

// A [..., K] times the transpose of B [N, blocks, bytes of a block].
void matMulNBits(Expansion &e) {
  int64_t bits = bitsOf(e), k = positive(e, "K"), n = positive(e, "N"), block = positive(e, "block_size");
  int64_t blocks = (k + block - 1) / block;
  int type = floatType(e, 2);
  bool integerZero = !e.has(3) || e.step.elementType(3) == TensorProto::UINT8;
  if (type == TensorProto::FLOAT && integerZero && !e.has(4))
    return matMulBlocks(e, bits, k, n, block);
  Name bytes = e.op("Reshape", {e.in(1), e.ints({n, -1})});
  Name weight = e.cast(unpacked(e, bytes, bits, 2), type);
  Name scale = e.op("Reshape", {e.in(2), e.ints({n, blocks})});
  Name zero;
  if (!e.has(3)) {
    zero = e.step.scalar(float(int64_t(1) << (bits - 1)), type);
  } else if (int zeroType = e.step.elementType(3); zeroType == TensorProto::UINT8) {
    Name rows = unpacked(e, e.op("Reshape", {e.in(3), e.ints({n, -1})}), bits, 2);
    zero = e.cast(firstOf(e, rows, 1, blocks), type);
  } else {
    zero = e.cast(e.op("Reshape", {e.in(3), e.ints({n, blocks})}), type);
  }
  auto perColumn = [&](Name value) {
    if (e.has(4)) // the block of each row of K
      return e.with(e.op("Gather", {value, e.in(4)}), "axis", int64_t(1));
    return e.op("Unsqueeze", {value, e.ints({2})});
  };
  if (e.has(4))
    weight = firstOf(e, weight, 1, k);
  else
    weight = e.op("Reshape", {weight, e.ints({n, blocks, block})});
  if (e.has(3))
    zero = perColumn(zero);
  weight = e.op("Mul", {e.op("Sub", {weight, zero}), perColumn(scale)});
  if (!e.has(4))
    weight = firstOf(e, e.op("Reshape", {weight, e.ints({n, -1})}), 1, k);
  weight = e.with(e.op("Transpose", {weight}), "perm", std::vector<int64_t>{1, 0});
  e.result(0, plusBias(e, e.op("MatMul", {e.in(0), weight}), 5));
}

// Four-bit floats of bitsandbytes, the first in the high half of a byte, one
// scale for `block_size` of them in the order of B [N, K].
void matMulBnb4(Expansion &e) {
  static const std::vector<float> normal = {
      -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
      -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,
      0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};
  static const std::vector<float> fp4 = {
      0.0f, 0.00520833333f, 0.66666667f, 1.0f, 0.33333333f, 0.5f, 0.16666667f, 0.25f,
      -0.0f, -0.00520833333f, -0.66666667f, -1.0f, -0.33333333f, -0.5f, -0.16666667f, -0.25f};
  int64_t k = positive(e, "K"), n = positive(e, "N"), block = positive(e, "block_size");
  if (e.integer("transB", 1) != 1)
    e.step.fail("its transB is not 1");
  int type = floatType(e, 2);
  Name base = e.cast(e.intScalar(16), TensorProto::UINT8);
  Name bytes = e.op("Reshape", {e.in(1), e.ints({-1})});
  Name high = e.op("Div", {bytes, base}), low = e.op("Sub", {bytes, e.op("Mul", {high, base})});
  Name pairs = e.concat({e.op("Unsqueeze", {high, e.ints({1})}), e.op("Unsqueeze", {low, e.ints({1})})}, 1);
  Name codes = firstOf(e, e.op("Reshape", {pairs, e.ints({-1})}), 0, n * k);
  Name values = e.op("Gather", {e.step.floats(e.integer("quant_type", 1) ? normal : fp4), e.cast(codes, TensorProto::INT32)});
  Name scales = e.op("Reshape", {e.in(2), e.ints({-1, 1})});
  scales = e.op("Expand", {e.cast(scales, TensorProto::FLOAT), e.ints({1, block})});
  scales = firstOf(e, e.op("Reshape", {scales, e.ints({-1})}), 0, n * k);
  Name weight = e.op("Reshape", {e.op("Mul", {values, scales}), e.ints({n, k})});
  weight = e.with(e.op("Transpose", {e.cast(weight, type)}), "perm", std::vector<int64_t>{1, 0});
  e.result(0, e.op("MatMul", {e.in(0), weight}));
}

// Rows of a table whose numbers share scales along another axis.
void gatherBlockQuantized(Expansion &e) {
  auto rank = e.step.rank(0), indexRank = e.step.rank(1);
  if (!rank || !indexRank)
    e.step.fail("the rank of its data or indices is unknown");
  int64_t bits = bitsOf(e), block = e.integer("block_size", 128);
  auto axisOf = [&](const char *name, int64_t standard) {
    int64_t axis = e.integer(name, standard);
    return axis < 0 ? axis + *rank : axis;
  };
  int64_t gatherAxis = axisOf("gather_axis", 0), quantizeAxis = axisOf("quantize_axis", 1);
  bool bytes = e.step.elementType(0) == TensorProto::UINT8;
  if (bytes && quantizeAxis != *rank - 1)
    e.step.fail("its data are bytes, which go with a quantize_axis that is the last");
  if (gatherAxis == quantizeAxis)
    e.step.fail("its gather_axis is its quantize_axis");
  auto rows = [&](int input) {
    return e.with(e.op("Gather", {e.in(input), e.in(1)}), "axis", gatherAxis);
  };
  int64_t outRank = *rank - 1 + *indexRank;
  int64_t axis = quantizeAxis > gatherAxis ? quantizeAxis + *indexRank - 1 : quantizeAxis;
  Name data = rows(0), scale = rows(2), zero = e.has(3) ? rows(3) : "";
  if (bytes) {
    data = unpacked(e, data, bits, outRank);
    if (!zero.empty()) {
      zero = unpacked(e, zero, bits, outRank);
      Name count = e.dim(scale, axis);
      zero = e.op("Slice", {zero, e.ints({0}), count, e.ints({axis})});
    } else {
      Name middle = e.cast(e.intScalar(int64_t(1) << (bits - 1)), TensorProto::UINT8);
      zero = e.op("Expand", {middle, e.op("Shape", {scale})});
    }
  }
  Name value = e.op("DequantizeLinear", {data, scale, zero});
  setAttribute(*e.last, "axis", axis);
  e.result(0, e.with(value, "block_size", block));
}

} // namespace

ExpansionRows contribQuantExpansions() {
  const char *domain = "com.microsoft";
  return {
      {domain, "DequantizeLinear", linearQuantization},
      {domain, "DynamicQuantizeMatMul", dynamicQuantizeMatMul},
      {domain, "GatherBlockQuantized", gatherBlockQuantized},
      {domain, "MatMulBnb4", matMulBnb4},
      {domain, "MatMulIntegerToFloat", matMulIntegerToFloat},
      {domain, "MatMulNBits", matMulNBits},
      {domain, "QAttention", quantizedAttention},
      {domain, "QGemm", quantizedGemm},
      {domain, "QLinearAdd", quantizedAdd},
      {domain, "QLinearAveragePool", quantizedAveragePool},
      {domain, "QLinearConcat", quantizedConcat},
      {domain, "QLinearConv", quantizedConv},
      {domain, "QLinearGlobalAveragePool", quantizedGlobalAveragePool},
      {domain, "QLinearLeakyRelu", quantizedUnary},
      {domain, "QLinearMul", quantizedMul},
      {domain, "QLinearReduceMean", quantizedReduceMean},
      {domain, "QLinearSigmoid", quantizedUnary},
      {domain, "QLinearSoftmax", quantizedSoftmax},
      {domain, "QLinearWhere", quantizedWhere},
      {domain, "QuantizeLinear", linearQuantization},
  };
}

} // namespace onnxc::import
