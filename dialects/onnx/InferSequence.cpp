//===- InferSequence.cpp - types of sequences, optionals and strings -----===//
//
// Shape rules of Sequence.td and Text.td.
//
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace onnxc::onnx {

static Type elementOf(Value sequence) {
  return cast<SequenceType>(sequence.getType()).getElementType();
}

static Type sequenceOf(Type elem) {
  return SequenceType::get(elem.getContext(), elem);
}

LogicalResult SequenceAtOp::inferShapes(TypeList &types) {
  if (failed(wantScalar(*this, getPosition(), "position")))
    return failure();
  types[0] = elementOf(getInputSequence());
  return success();
}

LogicalResult SequenceConstructOp::inferShapes(TypeList &types) {
  if (getInputs().empty())
    return success();
  Type elem = getInputs().front().getType();
  for (Value input : getInputs()) {
    Type joined = joinTypes(elem, input.getType());
    if (!joined)
      return emitOpError() << "operand type: got " << input.getType()
                           << ", wanted the element type of " << elem;
    elem = joined;
  }
  types[0] = sequenceOf(elem);
  return success();
}

LogicalResult SequenceEmptyOp::inferShapes(TypeList &types) {
  if (failed(wantAttrType(*this, "dtype")))
    return failure();
  int64_t dtype = getDtype() ? int64_t(*getDtype()) : 1;
  if (Type elem = elementTypeFromOnnx(getContext(), dtype))
    types[0] = sequenceOf(unrankedOf(elem));
  return success();
}

LogicalResult SequenceEraseOp::inferShapes(TypeList &types) {
  if (failed(wantScalar(*this, getPosition(), "position")))
    return failure();
  types[0] = getInputSequence().getType();
  return success();
}

LogicalResult SequenceInsertOp::inferShapes(TypeList &types) {
  if (failed(wantScalar(*this, getPosition(), "position")))
    return failure();
  Type elem = elementOf(getInputSequence());
  Type joined = joinTypes(elem, getTensor().getType());
  if (!joined)
    return emitOpError() << "tensor: got " << getTensor().getType()
                         << ", wanted the element type of " << elem;
  types[0] = sequenceOf(joined);
  return success();
}

LogicalResult SequenceLengthOp::inferShapes(TypeList &types) {
  types[0] = scalarOf(IntegerType::get(getContext(), 64));
  return success();
}

static int64_t sum(ArrayRef<int64_t> parts) {
  int64_t total = 0;
  for (int64_t part : parts)
    total = addDims(total, part);
  return total;
}

LogicalResult SplitToSequenceOp::inferShapes(TypeList &types) {
  RankedTensorType in = rankedType(getInput());
  Type elem = getElementTypeOrSelf(getInput());
  if (failed(wantRank(*this, getSplit(), 0, 1, "split")) ||
      failed(wantAttrRange(*this, "keepdims", 0, 1)))
    return failure();
  if (!in) {
    types[0] = sequenceOf(unrankedOf(elem));
    return success();
  }
  FailureOr<int64_t> axis =
      checkAxis(*this, int64_t(getAxis()), in.getRank());
  if (failed(axis))
    return failure();
  Dims dims(in.getShape());
  if (!isPresent(getSplit())) {
    // Parts of one slice; the axis goes away with keepdims = 0.
    dims[*axis] = 1;
    if (!getKeepdims())
      dims.erase(dims.begin() + *axis);
  } else {
    std::optional<Dims> split = getStaticInts(getSplit());
    bool isSize = rankedType(getSplit()) && rankedType(getSplit()).getRank() == 0;
    for (int64_t part : split.value_or(Dims()))
      if (failed(wantRange(*this, part, isSize ? 1 : 0, INT64_MAX, "split")))
        return failure();
    if (split && !isSize &&
        failed(sameDim(*this, Size::of(sum(*split)), Size::of(getInput(), *axis),
                       "sum of the parts")))
      return failure();
    bool uniform = split && !split->empty() && llvm::all_equal(*split);
    // One number: parts of that size, the last one possibly smaller.
    if (uniform && isSize)
      uniform = !isDynamic(dims[*axis]) && split->front() > 0 &&
                dims[*axis] % split->front() == 0;
    dims[*axis] = uniform ? split->front() : kDynamic;
  }
  types[0] = sequenceOf(tensorOf(elem, dims));
  return success();
}

LogicalResult ConcatFromSequenceOp::inferShapes(TypeList &types) {
  auto elem = dyn_cast<TensorType>(elementOf(getInputSequence()));
  if (!elem)
    return success();
  auto ranked = dyn_cast<RankedTensorType>(elem);
  if (!ranked) {
    types[0] = unrankedOf(elem.getElementType());
    return success();
  }
  if (failed(wantAttrRange(*this, "new_axis", 0, 1)))
    return failure();
  bool stack = getNewAxis() != 0;
  FailureOr<int64_t> axis = checkAxis(*this, int64_t(getAxis()),
                                      ranked.getRank() + (stack ? 1 : 0));
  if (failed(axis))
    return failure();
  Dims dims(ranked.getShape());
  if (stack)
    dims.insert(dims.begin() + *axis, kDynamic);
  else
    dims[*axis] = kDynamic;
  types[0] = tensorOf(elem.getElementType(), dims);
  return success();
}

//===-- Optionals

LogicalResult OptionalOp::inferShapes(TypeList &types) {
  if (isPresent(getInput()))
    types[0] = OptionalType::get(getContext(), getInput().getType());
  return success();
}

// The operand may be a plain value, which counts as an optional that holds it.
LogicalResult OptionalGetElementOp::inferShapes(TypeList &types) {
  Type type = getInput().getType();
  if (auto optional = dyn_cast<OptionalType>(type))
    type = optional.getElementType();
  types[0] = type;
  return success();
}

LogicalResult OptionalHasElementOp::inferShapes(TypeList &types) {
  types[0] = scalarOf(IntegerType::get(getContext(), 1));
  return success();
}

//===-- Strings

LogicalResult StringNormalizerOp::inferShapes(TypeList &types) {
  if (failed(wantAttrWord(*this, "case_change_action",
                          {"NONE", "LOWER", "UPPER"})) ||
      failed(wantAttrRange(*this, "is_case_sensitive", 0, 1)))
    return failure();
  RankedTensorType in = rankedType(getX());
  bool drops = getStopwords() && !getStopwords()->empty();
  if (!drops) {
    types[0] = getX().getType();
  } else if (in && in.getRank() > 0) {
    Dims dims(in.getShape());
    dims.back() = kDynamic;
    types[0] = tensorOf(in.getElementType(), dims);
  }
  return success();
}

LogicalResult StringSplitOp::inferShapes(TypeList &types) {
  types[1] = withElement(getX().getType(), IntegerType::get(getContext(), 64));
  if (RankedTensorType in = rankedType(getX())) {
    Dims dims(in.getShape());
    dims.push_back(kDynamic);
    types[0] = tensorOf(in.getElementType(), dims);
  }
  return success();
}

LogicalResult TfIdfVectorizerOp::inferShapes(TypeList &types) {
  ArrayRef<int64_t> indexes = getNgramIndexes();
  RankedTensorType in = rankedType(getX());
  if (!in || in.getRank() == 0 || indexes.empty())
    return success();
  Dims dims(in.getShape());
  dims.back() = *llvm::max_element(indexes) + 1;
  types[0] = tensorOf(Float32Type::get(getContext()), dims);
  return success();
}

} // namespace onnxc::onnx
