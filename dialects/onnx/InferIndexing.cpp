//===- InferIndexing.cpp - shapes of gathers, scatters and selections ----===//
//
// Shape rules and verifiers of Indexing.td, argmax and softmax.
//
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace onnxc::onnx {

// The attribute `axis` is one of operand 0.
static LogicalResult verifyAxis(Operation *op, int64_t absent) {
  RankedTensorType type = rankedType(op->getOperand(0));
  if (!type)
    return success();
  // A scalar has one slice along any axis.
  int64_t rank = std::max<int64_t>(type.getRank(), 1);
  return LogicalResult(checkAxis(op, intAttr(op, "axis", absent), rank));
}

// Indices that are constants lie in [-size, size) of the dim they count along.
static LogicalResult wantIndices(Operation *op, Value indices, int64_t size) {
  std::optional<Dims> known = isDynamic(size) ? std::nullopt
                                              : getKnownInts(indices);
  if (!known)
    return success();
  for (int64_t index : *known)
    if (!isDynamic(index) && (index < -size || index >= size))
      return op->emitOpError() << "indices: got " << index << ", wanted "
                               << -size << " to " << size - 1;
  return success();
}

static int64_t normalized(int64_t axis, int64_t rank) {
  return axis < 0 ? axis + rank : axis;
}

static LogicalResult verifyReduction(Operation *op) {
  return wantAttrWord(op, "reduction", {"none", "add", "mul", "max", "min"});
}

LogicalResult GatherOp::verify() { return verifyAxis(*this, 0); }
LogicalResult GatherElementsOp::verify() { return verifyAxis(*this, 0); }
LogicalResult ScatterElementsOp::verify() {
  return success(succeeded(verifyAxis(*this, 0)) &&
                 succeeded(verifyReduction(*this)));
}
LogicalResult ScatterNDOp::verify() { return verifyReduction(*this); }
LogicalResult TopKOp::verify() { return verifyAxis(*this, -1); }
LogicalResult CompressOp::verify() {
  return getAxis() ? verifyAxis(*this, 0) : success();
}
LogicalResult UniqueOp::verify() {
  return getAxis() ? verifyAxis(*this, 0) : success();
}
LogicalResult ArgMaxOp::verify() { return verifyAxis(*this, 0); }
LogicalResult ArgMinOp::verify() { return verifyAxis(*this, 0); }
LogicalResult SoftmaxOp::verify() { return verifyAxis(*this, -1); }
LogicalResult LogSoftmaxOp::verify() { return verifyAxis(*this, -1); }
LogicalResult HardmaxOp::verify() { return verifyAxis(*this, -1); }
LogicalResult LpNormalizationOp::verify() {
  return success(succeeded(verifyAxis(*this, -1)) &&
                 succeeded(wantAttrRange(*this, "p", 1, 2)));
}
LogicalResult LayerNormalizationOp::verify() { return verifyAxis(*this, -1); }
LogicalResult RMSNormalizationOp::verify() { return verifyAxis(*this, -1); }

LogicalResult CompressOp::inferShapes(TypeList &types) {
  Type elem = getElementTypeOrSelf(getInput());
  RankedTensorType type = rankedType(getInput());
  Dims dims(1, kDynamic);
  if (failed(wantRank(*this, getCondition(), 1, "condition")))
    return failure();
  bool hasLength = type && rankedType(getCondition());
  Size whole = Size::of(type ? product(type.getShape()) : kDynamic);
  if (getAxis()) {
    if (!type)
      return success();
    if (failed(wantRank(*this, getInput(), 1, INT64_MAX, "input")))
      return failure();
    int64_t axis = normalized(int64_t(*getAxis()), type.getRank());
    whole = Size::of(getInput(), axis);
    dims.assign(type.getShape().begin(), type.getShape().end());
    dims[axis] = kDynamic;
  }
  if (hasLength && failed(atMost(*this, Size::of(getCondition(), 0), whole,
                                 "length of condition")))
    return failure();
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult GatherOp::inferShapes(TypeList &types) {
  RankedTensorType data = rankedType(getData());
  RankedTensorType indices = rankedType(getIndices());
  Type elem = getElementTypeOrSelf(getData());
  types[0] = unrankedOf(elem);
  if (!data || !indices)
    return success();
  if (data.getRank() == 0)
    return emitOpError("got a scalar, wanted rank 1 or more");
  int64_t axis = normalized(int64_t(getAxis()), data.getRank());
  if (failed(wantIndices(*this, getIndices(), data.getDimSize(axis))))
    return failure();
  Dims dims(data.getShape().take_front(axis));
  llvm::append_range(dims, indices.getShape());
  llvm::append_range(dims, data.getShape().drop_front(axis + 1));
  types[0] = tensorOf(elem, dims);
  return success();
}

// One index per element, along `axis` of `data`; beside it no more of them than
// `data` has.
static LogicalResult wantElementIndices(Operation *op, Value data,
                                        Value indices, int64_t axis) {
  RankedTensorType type = rankedType(data);
  if (!type || !rankedType(indices))
    return success();
  if (failed(wantRank(op, data, 1, INT64_MAX, "data")) ||
      failed(wantRank(op, indices, type.getRank(), "indices")))
    return failure();
  axis = normalized(axis, type.getRank());
  for (int64_t k = 0; k < type.getRank(); ++k)
    if (k != axis && failed(atMost(op, Size::of(indices, k), Size::of(data, k),
                                   "dim " + Twine(k) + " of indices")))
      return failure();
  return wantIndices(op, indices, type.getDimSize(axis));
}

LogicalResult GatherElementsOp::inferShapes(TypeList &types) {
  types[0] = withElement(getIndices().getType(),
                         getElementTypeOrSelf(getData()));
  return wantElementIndices(*this, getData(), getIndices(), int64_t(getAxis()));
}

// No index fits into a dim of 0. Of what has no elements nothing is computed, and no index looked at.
static LogicalResult wantNoIndices(Operation *op, Value indices,
                                   ArrayRef<int64_t> counted) {
  RankedTensorType type = rankedType(indices);
  if (!llvm::is_contained(counted, 0) || !type || !type.hasStaticShape() ||
      type.getNumElements() == 0)
    return success();
  return op->emitOpError() << "indices: got shape [" << type.getShape()
                           << "] for a dim of 0 elements, wanted none";
}

LogicalResult ScatterElementsOp::inferShapes(TypeList &types) {
  types[0] = getData().getType();
  if (failed(wantSameShape(*this, getUpdates(), getIndices(), "updates")) ||
      failed(wantElementIndices(*this, getData(), getIndices(),
                                int64_t(getAxis()))))
    return failure();
  RankedTensorType data = rankedType(getData());
  return data ? wantNoIndices(*this, getIndices(),
                              data.getDimSize(normalized(getAxis(), data.getRank())))
              : success();
}

// Constant index tuples that count along the dims of `data` from `first` on.
static LogicalResult wantTuples(Operation *op, Value indices,
                                ArrayRef<int64_t> counted) {
  std::optional<Dims> known = getKnownInts(indices);
  if (!known || counted.empty())
    return success();
  for (auto [k, index] : llvm::enumerate(*known)) {
    int64_t size = counted[k % counted.size()];
    if (!isDynamic(index) && !isDynamic(size) &&
        (index < -size || index >= size))
      return op->emitOpError() << "indices: got " << index << ", wanted "
                               << -size << " to " << size - 1;
  }
  return success();
}

LogicalResult ScatterNDOp::inferShapes(TypeList &types) {
  types[0] = getData().getType();
  RankedTensorType data = rankedType(getData());
  RankedTensorType indices = rankedType(getIndices());
  if (!data || !indices)
    return success();
  if (failed(wantRank(*this, getData(), 1, INT64_MAX, "data")) ||
      failed(wantRank(*this, getIndices(), 1, INT64_MAX, "indices")))
    return failure();
  int64_t tuple = indices.getShape().back();
  if (isDynamic(tuple))
    return success();
  if (failed(wantRange(*this, tuple, 0, data.getRank(), "length of an index")))
    return failure();
  Sizes wanted = sizesOf(getIndices());
  wanted.pop_back();
  Sizes slice = sizesOf(getData());
  wanted.append(slice.begin() + tuple, slice.end());
  return success(
      succeeded(wantShape(*this, getUpdates(), wanted, "updates")) &&
      succeeded(wantNoIndices(*this, getIndices(),
                              data.getShape().take_front(tuple))) &&
      succeeded(wantTuples(*this, getIndices(),
                           data.getShape().take_front(tuple))));
}

// `update` has the shape of the cache but along the axis of its positions.
LogicalResult TensorScatterOp::inferShapes(TypeList &types) {
  types[0] = getPastCache().getType();
  RankedTensorType cache = rankedType(getPastCache());
  if (failed(wantAttrWord(*this, "mode", {"linear", "circular"})))
    return failure();
  if (!cache)
    return success();
  FailureOr<int64_t> axis =
      checkAxis(*this, int64_t(getAxis()), cache.getRank());
  if (failed(axis) ||
      failed(wantRange(*this, *axis, 1, INT64_MAX, "axis")) ||
      failed(wantRank(*this, getUpdate(), cache.getRank(), "update")) ||
      failed(wantVector(*this, getWriteIndices(), Size::of(getPastCache(), 0),
                        "write_indices")))
    return failure();
  if (!rankedType(getUpdate()))
    return success();
  for (int64_t k = 0; k < cache.getRank(); ++k) {
    Size got = Size::of(getUpdate(), k), wanted = Size::of(getPastCache(), k);
    std::string what = ("dim " + Twine(k) + " of update").str();
    if (failed(k == *axis ? atMost(*this, got, wanted, what)
                          : LogicalResult(sameDim(*this, got, wanted, what))))
      return failure();
  }
  return success();
}

LogicalResult ReverseSequenceOp::inferShapes(TypeList &types) {
  types[0] = getInput().getType();
  int64_t batch = int64_t(getBatchAxis()), time = int64_t(getTimeAxis());
  if (failed(wantRank(*this, getInput(), 2, INT64_MAX, "input")) ||
      failed(wantRange(*this, batch, 0, 1, "batch_axis")) ||
      failed(wantRange(*this, time, 0, 1, "time_axis")))
    return failure();
  if (batch == time)
    return emitOpError() << "time_axis: got " << time << " as of batch_axis, "
                         << "wanted " << 1 - batch;
  if (!rankedType(getInput()))
    return success();
  return wantVector(*this, getSequenceLens(), Size::of(getInput(), batch),
                    "sequence_lens");
}

LogicalResult GatherNDOp::inferShapes(TypeList &types) {
  RankedTensorType data = rankedType(getData());
  RankedTensorType indices = rankedType(getIndices());
  Type elem = getElementTypeOrSelf(getData());
  types[0] = unrankedOf(elem);
  if (!data || !indices)
    return success();
  if (indices.getRank() == 0)
    return emitOpError("got scalar indices, wanted rank 1 or more");
  int64_t tuple = indices.getShape().back(), batch = int64_t(getBatchDims());
  if (isDynamic(tuple))
    return success();
  if (failed(wantRange(*this, batch, 0,
                       std::min(indices.getRank(), data.getRank()) - 1,
                       "batch_dims")) ||
      failed(wantRange(*this, batch + tuple, 0, data.getRank(),
                       "batch_dims plus length of an index")))
    return failure();
  for (int64_t k = 0; k < batch; ++k)
    if (failed(sameDim(*this, Size::of(getIndices(), k),
                       Size::of(getData(), k),
                       "dim " + Twine(k) + " of indices")))
      return failure();
  if (failed(wantTuples(*this, getIndices(),
                        data.getShape().slice(batch, tuple))))
    return failure();
  Dims dims(indices.getShape().drop_back());
  llvm::append_range(dims, data.getShape().drop_front(batch + tuple));
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult NonMaxSuppressionOp::inferShapes(TypeList &types) {
  types[0] = tensorOf(IntegerType::get(getContext(), 64), {kDynamic, 3});
  if (failed(wantAttrRange(*this, "center_point_box", 0, 1)) ||
      failed(wantRank(*this, getScores(), 3, "scores")) ||
      failed(wantScalar(*this, getMaxOutputBoxesPerClass(),
                        "max_output_boxes_per_class")) ||
      failed(wantScalar(*this, getIouThreshold(), "iou_threshold")) ||
      failed(wantScalar(*this, getScoreThreshold(), "score_threshold")))
    return failure();
  if (!rankedType(getScores()))
    return wantRank(*this, getBoxes(), 3, "boxes");
  return wantShape(*this, getBoxes(),
                   {Size::of(getScores(), 0), Size::of(getScores(), 2),
                    Size::of(4)},
                   "boxes");
}

LogicalResult NonZeroOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getX());
  // A scalar counts as a vector of one element.
  int64_t rank = type ? std::max<int64_t>(type.getRank(), 1) : kDynamic;
  types[0] = tensorOf(IntegerType::get(getContext(), 64), {rank, kDynamic});
  return success();
}

LogicalResult OneHotOp::inferShapes(TypeList &types) {
  RankedTensorType indices = rankedType(getIndices());
  Type elem = getElementTypeOrSelf(getValues());
  types[0] = unrankedOf(elem);
  if (failed(wantScalar(*this, getDepth(), "depth")) ||
      failed(wantVector(*this, getValues(), Size::of(2), "values")))
    return failure();
  if (!indices)
    return success();
  FailureOr<int64_t> axis =
      checkAxis(*this, int64_t(getAxis()), indices.getRank() + 1);
  if (failed(axis))
    return failure();
  int64_t depth = kDynamic;
  if (std::optional<int64_t> known = getStaticInt(getDepth()))
    depth = *known;
  else if (auto floats = getStaticFloats(getDepth()); floats &&
                                                      floats->size() == 1) {
    double real = floats->front();
    if (!(real >= 0 && real <= double(INT32_MAX)))
      return emitOpError() << "depth: got " << real << ", wanted 0 to "
                           << INT32_MAX;
    depth = int64_t(real);
  }
  if (!isDynamic(depth) &&
      failed(wantRange(*this, depth, 0, INT32_MAX, "depth")))
    return failure();
  Dims dims(indices.getShape());
  dims.insert(dims.begin() + *axis, depth);
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult TopKOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getX());
  Type i64 = IntegerType::get(getContext(), 64);
  Type elem = getElementTypeOrSelf(getX());
  if (!type) {
    types[0] = unrankedOf(elem);
    types[1] = unrankedOf(i64);
    return success();
  }
  if (failed(wantRank(*this, getX(), 1, INT64_MAX, "X")) ||
      failed(wantScalar(*this, getK(), "K")))
    return failure();
  Dims dims(type.getShape());
  int64_t &dim = dims[normalized(int64_t(getAxis()), type.getRank())];
  std::optional<int64_t> count = getStaticInt(getK());
  if (count && failed(wantRange(*this, *count, 0,
                                isDynamic(dim) ? INT64_MAX - 1 : dim, "K")))
    return failure();
  dim = count ? *count : kDynamic;
  types[0] = tensorOf(elem, dims);
  types[1] = tensorOf(i64, dims);
  return success();
}

LogicalResult UniqueOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getX());
  Type i64 = IntegerType::get(getContext(), 64);
  Dims dims(1, kDynamic);
  for (Type &result : MutableArrayRef<Type>(types).drop_front())
    result = tensorOf(i64, dims);
  if (getAxis()) {
    if (!type)
      return success();
    if (failed(wantRank(*this, getX(), 1, INT64_MAX, "X")))
      return failure();
    dims.assign(type.getShape().begin(), type.getShape().end());
    int64_t axis = normalized(int64_t(*getAxis()), type.getRank());
    types[2] = tensorOf(i64, {dims[axis]});
    dims[axis] = kDynamic;
  } else if (type) {
    types[2] = tensorOf(i64, {product(type.getShape())});
  }
  types[0] = tensorOf(getElementTypeOrSelf(getX()), dims);
  return success();
}

} // namespace onnxc::onnx
