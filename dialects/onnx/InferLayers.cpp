//===- InferLayers.cpp - shapes of layers and generators -----------------===//
//
// Shape rules and verifiers of Normalization.td, Recurrent.td,
// Quantization.td, Generator.td, and of BitShift.
//
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;

namespace onnxc::onnx {

LogicalResult BitShiftOp::verify() {
  if (getDirection() != "LEFT" && getDirection() != "RIGHT")
    return emitOpError() << "direction: got '" << getDirection()
                         << "', wanted LEFT or RIGHT";
  return success();
}

//===-- Normalisation

LogicalResult BatchNormalizationOp::inferShapes(TypeList &types) {
  types[0] = getX().getType();
  types[1] = getInputMean().getType();
  types[2] = getInputVar().getType();
  if (RankedTensorType type = rankedType(getX()); type && type.getRank() > 1) {
    bool last = getLayout() == "NHWC";
    int64_t channels = type.getDimSize(last ? type.getRank() - 1 : 1);
    for (Value stat : {getScale(), getB(), getInputMean(), getInputVar()})
      if (RankedTensorType vector = rankedType(stat);
          vector && vector.getRank() == 1 &&
          failed(sameDim(*this, channels, vector.getDimSize(0),
                         "length of scale, B, mean or variance")))
        return failure();
  }
  return success();
}

LogicalResult DropoutOp::inferShapes(TypeList &types) {
  types[0] = getData().getType();
  Type i1 = IntegerType::get(getContext(), 1);
  types[1] = withElement(getData().getType(), i1);
  return success();
}

LogicalResult LayerNormalizationOp::inferShapes(TypeList &types) {
  types[0] = getX().getType();
  Type elem = elementTypeFromOnnx(getContext(), int64_t(getStashType()));
  if (!elem)
    return success();
  RankedTensorType type = rankedType(getX());
  types[1] = unrankedOf(elem);
  if (type) {
    Dims dims(type.getShape());
    int64_t axis = int64_t(getAxis());
    axis = axis < 0 ? axis + type.getRank() : axis;
    std::fill(dims.begin() + axis, dims.end(), 1);
    types[1] = tensorOf(elem, dims);
  }
  types[2] = types[1];
  return success();
}

//===-- Recurrent layers

// X [sequence, batch, input], R [directions, gates * hidden, hidden]; with
// layout 1 the batch comes first.
static void inferRecurrent(Operation *op, Value x, Value r, TypeList &types) {
  RankedTensorType in = rankedType(x), recurrence = rankedType(r);
  Type elem = getElementTypeOrSelf(x);
  bool batchFirst = intAttr(op, "layout", 0) != 0;
  int64_t sequence = kDynamic, batch = kDynamic;
  if (in && in.getRank() == 3) {
    sequence = in.getDimSize(batchFirst ? 1 : 0);
    batch = in.getDimSize(batchFirst ? 0 : 1);
  }
  int64_t hidden = intAttr(op, "hidden_size", kDynamic);
  if (isDynamic(hidden) && recurrence && recurrence.getRank() == 3)
    hidden = recurrence.getDimSize(2);
  auto direction = op->getAttrOfType<StringAttr>("direction");
  int64_t directions =
      direction && direction.getValue() == "bidirectional" ? 2 : 1;

  Dims all = {sequence, directions, batch, hidden};
  Dims last = {directions, batch, hidden};
  if (batchFirst) {
    all = {batch, sequence, directions, hidden};
    last = {batch, directions, hidden};
  }
  types[0] = tensorOf(elem, all);
  for (Type &type : MutableArrayRef<Type>(types).drop_front())
    type = tensorOf(elem, last);
}

LogicalResult RNNOp::inferShapes(TypeList &types) {
  inferRecurrent(*this, getX(), getR(), types);
  return success();
}
LogicalResult GRUOp::inferShapes(TypeList &types) {
  inferRecurrent(*this, getX(), getR(), types);
  return success();
}
LogicalResult LSTMOp::inferShapes(TypeList &types) {
  inferRecurrent(*this, getX(), getR(), types);
  return success();
}

//===-- Quantisation

// `axis` matters only for more than one scale.
static LogicalResult verifyQuantization(Operation *op, int64_t blockSize) {
  if (blockSize < 0)
    return op->emitOpError()
           << "block_size: got " << blockSize << ", wanted 0 or more";
  RankedTensorType type = rankedType(op->getOperand(0));
  RankedTensorType scale = rankedType(op->getOperand(1));
  if (!type || !scale || scale.getRank() == 0 ||
      (scale.getRank() == 1 && scale.getDimSize(0) == 1))
    return success();
  return LogicalResult(checkAxis(op, intAttr(op, "axis", 1), type.getRank()));
}

LogicalResult QuantizeLinearOp::verify() {
  return verifyQuantization(*this, int64_t(getBlockSize()));
}
LogicalResult DequantizeLinearOp::verify() {
  return verifyQuantization(*this, int64_t(getBlockSize()));
}

LogicalResult QuantizeLinearOp::inferShapes(TypeList &types) {
  Type elem = IntegerType::get(getContext(), 8, IntegerType::Unsigned);
  if (isPresent(getYZeroPoint()))
    elem = getElementTypeOrSelf(getYZeroPoint());
  else if (int64_t dtype = int64_t(getOutputDtype()))
    elem = elementTypeFromOnnx(getContext(), dtype);
  if (elem)
    types[0] = withElement(getX().getType(), elem);
  return success();
}

LogicalResult DequantizeLinearOp::inferShapes(TypeList &types) {
  Type elem = getElementTypeOrSelf(getXScale());
  if (int64_t dtype = int64_t(getOutputDtype()))
    elem = elementTypeFromOnnx(getContext(), dtype);
  if (elem)
    types[0] = withElement(getX().getType(), elem);
  return success();
}

//===-- Generators

LogicalResult ConstantOfShapeOp::inferShapes(TypeList &types) {
  Type elem = Float32Type::get(getContext());
  if (ElementsAttr value = getValueAttr())
    elem = value.getElementType();
  std::optional<Dims> dims = getKnownInts(getInput());
  if (dims)
    for (int64_t dim : *dims)
      if (!isDynamic(dim) && dim < 0)
        return emitOpError() << "dim: got " << dim << ", wanted 0 or more";
  types[0] = dims ? tensorOf(elem, *dims) : unrankedOf(elem);
  return success();
}

// The element type of attribute `dtype`, or that of the operand.
static Type generatedElement(Operation *op, std::optional<uint64_t> dtype) {
  if (dtype)
    return elementTypeFromOnnx(op->getContext(), int64_t(*dtype));
  return getElementTypeOrSelf(op->getOperand(0));
}

LogicalResult EyeLikeOp::inferShapes(TypeList &types) {
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = withElement(getInput().getType(), elem);
  return success();
}

LogicalResult RangeOp::inferShapes(TypeList &types) {
  Type elem = getElementTypeOrSelf(getStart());
  int64_t dim = kDynamic;
  std::optional<int64_t> start = getStaticInt(getStart());
  std::optional<int64_t> limit = getStaticInt(getLimit());
  std::optional<int64_t> delta = getStaticInt(getDelta());
  if (start && limit && delta) {
    if (*delta == 0)
      return emitOpError("delta: got 0, wanted another number");
    dim = rangeCount(*start, *limit, *delta).value_or(kDynamic);
  }
  auto a = getStaticFloats(getStart()), b = getStaticFloats(getLimit());
  auto step = getStaticFloats(getDelta());
  if (a && b && step && a->size() == 1 && b->size() == 1 && step->size() == 1) {
    double count = std::ceil((b->front() - a->front()) / step->front());
    if (std::isfinite(count) && count < 0x1p62)
      dim = int64_t(std::max(count, 0.0));
  }
  types[0] = tensorOf(elem, {dim});
  return success();
}

LogicalResult MultinomialOp::inferShapes(TypeList &types) {
  RankedTensorType in = rankedType(getInput());
  int64_t batch = in && in.getRank() > 0 ? in.getDimSize(0) : kDynamic;
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = tensorOf(elem, {batch, int64_t(getSampleSize())});
  return success();
}

LogicalResult RandomNormalOp::inferShapes(TypeList &types) {
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = tensorOf(elem, getShape());
  return success();
}
LogicalResult RandomUniformOp::inferShapes(TypeList &types) {
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = tensorOf(elem, getShape());
  return success();
}
LogicalResult RandomNormalLikeOp::inferShapes(TypeList &types) {
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = withElement(getInput().getType(), elem);
  return success();
}
LogicalResult RandomUniformLikeOp::inferShapes(TypeList &types) {
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = withElement(getInput().getType(), elem);
  return success();
}

} // namespace onnxc::onnx
