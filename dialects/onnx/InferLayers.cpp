//===- InferLayers.cpp - shapes of layers and generators -----------------===//
//
// Shape rules and verifiers of Normalization.td, Recurrent.td,
// Quantization.td, Generator.td, and of BitShift.
//
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"

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
    Size channels = Size::of(getX(), last ? type.getRank() - 1 : 1);
    std::pair<Value, StringRef> stats[] = {{getScale(), "scale"},
                                           {getB(), "B"},
                                           {getInputMean(), "input_mean"},
                                           {getInputVar(), "input_var"}};
    for (auto [stat, name] : stats)
      if (failed(wantVector(*this, stat, channels, name)))
        return failure();
  }
  return success();
}

LogicalResult LRNOp::inferShapes(TypeList &types) {
  types[0] = getX().getType();
  return success(succeeded(wantRank(*this, getX(), 2, INT64_MAX, "X")) &&
                 succeeded(wantAttrRange(*this, "size", 1)));
}

LogicalResult DropoutOp::inferShapes(TypeList &types) {
  if (failed(wantScalar(*this, getRatio(), "ratio")) ||
      failed(wantScalar(*this, getTrainingMode(), "training_mode")))
    return failure();
  types[0] = getData().getType();
  Type i1 = IntegerType::get(getContext(), 1);
  types[1] = withElement(getData().getType(), i1);
  return success();
}

LogicalResult InstanceNormalizationOp::inferShapes(TypeList &types) {
  types[0] = getInput().getType();
  RankedTensorType type = rankedType(getInput());
  if (!type)
    return success();
  if (failed(wantRank(*this, getInput(), 3, INT64_MAX, "input")))
    return failure();
  bool last = getLayout() == "NHWC";
  Size channels = Size::of(getInput(), last ? type.getRank() - 1 : 1);
  return success(succeeded(wantVector(*this, getScale(), channels, "scale")) &&
                 succeeded(wantVector(*this, getB(), channels, "B")));
}

LogicalResult PReluOp::inferShapes(TypeList &types) {
  types[0] = getX().getType();
  if (!rankedType(getX()))
    return success();
  return wantBroadcastTo(*this, getSlope(), sizesOf(getX()), "slope");
}

LogicalResult RMSNormalizationOp::inferShapes(TypeList &types) {
  types[0] = getX().getType();
  if (!rankedType(getX()))
    return success();
  return wantBroadcastTo(*this, getScale(), sizesOf(getX()), "scale");
}

LogicalResult LayerNormalizationOp::inferShapes(TypeList &types) {
  types[0] = getX().getType();
  RankedTensorType type = rankedType(getX());
  if (type &&
      (failed(wantBroadcastTo(*this, getScale(), sizesOf(getX()), "Scale")) ||
       failed(wantBroadcastTo(*this, getB(), sizesOf(getX()), "B"))))
    return failure();
  Type elem = elementTypeFromOnnx(getContext(), int64_t(getStashType()));
  if (!elem)
    return success();
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

namespace {
// The operands that the recurrent layers share, and how they differ.
struct Recurrent {
  Operation *op;
  int64_t gates; // stacked in W, R and twice in B
  Value x, w, r, b, lengths;
  std::pair<Value, StringRef> states[2]; // initial_h, initial_c
  Value peepholes;
};
} // namespace

// X [sequence, batch, input], W [directions, gates * hidden, input],
// R [directions, gates * hidden, hidden], B [directions, 2 * gates * hidden],
// states [directions, batch, hidden], P [directions, 3 * hidden]; with layout 1
// the batch comes first.
static LogicalResult inferRecurrent(const Recurrent &layer, TypeList &types) {
  Operation *op = layer.op;
  if (failed(wantAttrWord(op, "direction",
                          {"forward", "reverse", "bidirectional"})) ||
      failed(wantAttrRange(op, "layout", 0, 1)) ||
      failed(wantAttrRange(op, "hidden_size", 1)) ||
      failed(wantRank(op, layer.x, 3, "X")) ||
      failed(wantRank(op, layer.w, 3, "W")) ||
      failed(wantRank(op, layer.r, 3, "R")))
    return failure();
  bool batchFirst = intAttr(op, "layout", 0) != 0;
  auto direction = op->getAttrOfType<StringAttr>("direction");
  int64_t directions =
      direction && direction.getValue() == "bidirectional" ? 2 : 1;
  bool hasX = bool(rankedType(layer.x));
  Size unknown = Size::of(kDynamic);
  Size sequence = hasX ? Size::of(layer.x, batchFirst ? 1 : 0) : unknown;
  Size batch = hasX ? Size::of(layer.x, batchFirst ? 0 : 1) : unknown;
  Size input = hasX ? Size::of(layer.x, 2) : unknown;
  int64_t declared = intAttr(op, "hidden_size", kDynamic);
  auto times = [&](int64_t factor) -> Size {
    if (!isDynamic(declared))
      return Size::of(mulDims(declared, factor));
    return rankedType(layer.r) ? Size::of(layer.r, 2, factor) : unknown;
  };

  Size each = Size::of(directions);
  Size stacked = times(layer.gates);
  if (failed(wantShape(op, layer.w, {each, stacked, input}, "W")) ||
      failed(wantShape(op, layer.r, {each, stacked, times(1)}, "R")) ||
      failed(wantShape(op, layer.b, {each, times(2 * layer.gates)}, "B")) ||
      failed(wantVector(op, layer.lengths, batch, "sequence_lens")))
    return failure();
  Sizes state = {each, batch, times(1)};
  if (batchFirst)
    std::swap(state[0], state[1]);
  for (auto [value, name] : layer.states)
    if (value && failed(wantShape(op, value, state, name)))
      return failure();
  if (layer.peepholes &&
      failed(wantShape(op, layer.peepholes, {each, times(3)}, "P")))
    return failure();

  Type elem = getElementTypeOrSelf(layer.x);
  int64_t steps = sequence.value(), rows = batch.value();
  int64_t hidden = times(1).value();
  Dims all = {steps, directions, rows, hidden};
  Dims last = {directions, rows, hidden};
  if (batchFirst) {
    all = {rows, steps, directions, hidden};
    last = {rows, directions, hidden};
  }
  types[0] = tensorOf(elem, all);
  for (Type &type : MutableArrayRef<Type>(types).drop_front())
    type = tensorOf(elem, last);
  return success();
}

LogicalResult RNNOp::inferShapes(TypeList &types) {
  return inferRecurrent({*this, 1, getX(), getW(), getR(), getB(),
                         getSequenceLens(), {{getInitialH(), "initial_h"}}, {}},
                        types);
}
LogicalResult GRUOp::inferShapes(TypeList &types) {
  return inferRecurrent({*this, 3, getX(), getW(), getR(), getB(),
                         getSequenceLens(), {{getInitialH(), "initial_h"}}, {}},
                        types);
}
LogicalResult LSTMOp::inferShapes(TypeList &types) {
  return inferRecurrent({*this, 4, getX(), getW(), getR(), getB(),
                         getSequenceLens(),
                         {{getInitialH(), "initial_h"},
                          {getInitialC(), "initial_c"}},
                         getP()},
                        types);
}

//===-- Quantisation

// One scale for all, one per slice along `axis`, or one per block along it.
static LogicalResult wantScales(Operation *op, int64_t axis, int64_t blockSize,
                                Value x, Value scale, Value zeroPoint) {
  if (failed(wantRange(op, blockSize, 0, INT32_MAX, "block_size")))
    return failure();
  RankedTensorType type = rankedType(x), scales = rankedType(scale);
  if (!type || !scales)
    return success();
  bool single = scales.getRank() == 0 ||
                (scales.getRank() == 1 && scales.getDimSize(0) == 1);
  if (single && blockSize == 0) // a vector of one is as good as a scalar
    return wantScalar(op, zeroPoint, "the zero point");
  if (failed(wantSameShape(op, zeroPoint, scale, "the zero point")))
    return failure();
  FailureOr<int64_t> checked = checkAxis(op, axis, type.getRank());
  if (failed(checked))
    return failure();
  if (blockSize == 0)
    return wantVector(op, scale, Size::of(x, *checked), "the scale");
  if (failed(wantRank(op, scale, type.getRank(), "the scale")))
    return failure();
  for (int64_t k = 0; k < type.getRank(); ++k) {
    int64_t size = type.getDimSize(k);
    Size wanted = Size::of(x, k);
    if (k == *checked) // the last block may be a part of one
      wanted = Size::of(isDynamic(size) ? kDynamic
                                        : (size + blockSize - 1) / blockSize);
    if (failed(sameDim(op, Size::of(scale, k), wanted,
                       "dim " + Twine(k) + " of the scale")))
      return failure();
  }
  return success();
}

LogicalResult QuantizeLinearOp::inferShapes(TypeList &types) {
  if (failed(wantAttrType(*this, "output_dtype", 0)) ||
      failed(wantScales(*this, int64_t(getAxis()), int64_t(getBlockSize()),
                        getX(), getYScale(), getYZeroPoint())))
    return failure();
  Type elem = IntegerType::get(getContext(), 8, IntegerType::Unsigned);
  if (isPresent(getYZeroPoint()))
    elem = getElementTypeOrSelf(getYZeroPoint());
  else if (int64_t dtype = int64_t(getOutputDtype()))
    elem = elementTypeFromOnnx(getContext(), dtype);
  if (elem)
    types[0] = withElement(getX().getType(), elem);
  return success();
}

LogicalResult RescaleOp::inferShapes(TypeList &types) {
  types[0] = withElement(getFactors().front().getType(), getElementTypeOrSelf(getY()));
  return success();
}

LogicalResult DequantizeLinearOp::inferShapes(TypeList &types) {
  if (failed(wantAttrType(*this, "output_dtype", 0)) ||
      failed(wantScales(*this, int64_t(getAxis()), int64_t(getBlockSize()),
                        getX(), getXScale(), getXZeroPoint())))
    return failure();
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
  if (failed(wantRank(*this, getInput(), 1, "input")))
    return failure();
  if (ElementsAttr value = getValueAttr();
      value && (value.getNumElements() != 1))
    return emitOpError() << "elements of value: got " << value.getNumElements()
                         << ", wanted 1";
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
  if (failed(wantAttrType(*this, "dtype")) ||
      failed(wantRank(*this, getInput(), 2, "input")))
    return failure();
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = withElement(getInput().getType(), elem);
  return success();
}

LogicalResult RangeOp::inferShapes(TypeList &types) {
  Type elem = getElementTypeOrSelf(getStart());
  int64_t dim = kDynamic;
  if (int64_t stash = getStashType(); stash != 1 && stash != 11) // the types of TensorProto
    return emitOpError() << "stash_type: got " << stash << ", wanted 1 (FLOAT) or 11 (DOUBLE)";
  if (failed(wantScalar(*this, getStart(), "start")) ||
      failed(wantScalar(*this, getLimit(), "limit")) ||
      failed(wantScalar(*this, getDelta(), "delta")))
    return failure();
  std::optional<int64_t> start = getStaticInt(getStart());
  std::optional<int64_t> limit = getStaticInt(getLimit());
  std::optional<int64_t> delta = getStaticInt(getDelta());
  if (start && limit && delta) {
    if (*delta == 0)
      return emitOpError("delta: got 0, wanted another number");
    std::optional<int64_t> count = rangeCount(*start, *limit, *delta);
    if (!count)
      return emitOpError() << "limit: got " << *limit << " from start " << *start
                           << ", wanted a distance of less than 2^63";
    dim = *count;
  }
  auto a = getStaticFloats(getStart()), b = getStaticFloats(getLimit());
  auto step = getStaticFloats(getDelta());
  if (a && b && step && a->size() == 1 && b->size() == 1 && step->size() == 1) {
    double count = std::ceil((b->front() - a->front()) / step->front());
    if (!(count < 0x1p62)) // no number, too
      return emitOpError() << "number of elements: got " << count
                           << ", wanted less than 2^62";
    dim = int64_t(std::max(count, 0.0));
  }
  types[0] = tensorOf(elem, {dim});
  return success();
}

LogicalResult MultinomialOp::inferShapes(TypeList &types) {
  if (failed(wantAttrType(*this, "dtype")) ||
      failed(wantAttrRange(*this, "sample_size", 1)) ||
      failed(wantRank(*this, getInput(), 2, "input")))
    return failure();
  RankedTensorType in = rankedType(getInput());
  int64_t batch = in && in.getRank() > 0 ? in.getDimSize(0) : kDynamic;
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = tensorOf(elem, {batch, int64_t(getSampleSize())});
  return success();
}

LogicalResult RandomNormalOp::inferShapes(TypeList &types) {
  if (failed(wantAttrType(*this, "dtype")) ||
      failed(wantAttrRange(*this, "shape", 0, INT64_MAX)))
    return failure();
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = tensorOf(elem, getShape());
  return success();
}
LogicalResult RandomUniformOp::inferShapes(TypeList &types) {
  if (failed(wantAttrType(*this, "dtype")) ||
      failed(wantAttrRange(*this, "shape", 0, INT64_MAX)))
    return failure();
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = tensorOf(elem, getShape());
  return success();
}
LogicalResult RandomNormalLikeOp::inferShapes(TypeList &types) {
  if (failed(wantAttrType(*this, "dtype")))
    return failure();
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = withElement(getInput().getType(), elem);
  return success();
}
LogicalResult RandomUniformLikeOp::inferShapes(TypeList &types) {
  if (failed(wantAttrType(*this, "dtype")))
    return failure();
  if (Type elem = generatedElement(*this, getDtype()))
    types[0] = withElement(getInput().getType(), elem);
  return success();
}

} // namespace onnxc::onnx
