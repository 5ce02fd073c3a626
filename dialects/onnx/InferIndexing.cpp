//===- InferIndexing.cpp - shapes of gathers, scatters and selections ----===//
//
// Shape rules and verifiers of Indexing.td, argmax and softmax.
//
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

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

static int64_t normalized(int64_t axis, int64_t rank) {
  return axis < 0 ? axis + rank : axis;
}

LogicalResult GatherOp::verify() { return verifyAxis(*this, 0); }
LogicalResult GatherElementsOp::verify() { return verifyAxis(*this, 0); }
LogicalResult ScatterElementsOp::verify() { return verifyAxis(*this, 0); }
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
LogicalResult LpNormalizationOp::verify() { return verifyAxis(*this, -1); }
LogicalResult LayerNormalizationOp::verify() { return verifyAxis(*this, -1); }
LogicalResult RMSNormalizationOp::verify() { return verifyAxis(*this, -1); }

LogicalResult CompressOp::inferShapes(TypeList &types) {
  Type elem = getElementTypeOrSelf(getInput());
  RankedTensorType type = rankedType(getInput());
  Dims dims(1, kDynamic);
  if (getAxis()) {
    if (!type)
      return success();
    dims.assign(type.getShape().begin(), type.getShape().end());
    dims[normalized(int64_t(*getAxis()), type.getRank())] = kDynamic;
  }
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
  Dims dims(data.getShape().take_front(axis));
  llvm::append_range(dims, indices.getShape());
  llvm::append_range(dims, data.getShape().drop_front(axis + 1));
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult GatherElementsOp::inferShapes(TypeList &types) {
  types[0] = withElement(getIndices().getType(),
                         getElementTypeOrSelf(getData()));
  return success();
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
  if (batch < 0 || batch >= indices.getRank() ||
      batch + tuple > data.getRank())
    return emitOpError() << "batch_dims plus length of an index: got "
                         << batch + tuple << ", wanted at most "
                         << data.getRank();
  Dims dims(indices.getShape().drop_back());
  llvm::append_range(dims, data.getShape().drop_front(batch + tuple));
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult NonMaxSuppressionOp::inferShapes(TypeList &types) {
  types[0] = tensorOf(IntegerType::get(getContext(), 64), {kDynamic, 3});
  return success();
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
                                                      floats->size() == 1)
    depth = int64_t(floats->front());
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
  if (type.getRank() == 0)
    return emitOpError("got a scalar, wanted rank 1 or more");
  Dims dims(type.getShape());
  int64_t &dim = dims[normalized(int64_t(getAxis()), type.getRank())];
  std::optional<int64_t> count = getStaticInt(getK());
  if (count && !isDynamic(dim) && (*count < 0 || *count > dim))
    return emitOpError() << "K: got " << *count << ", wanted 0 to " << dim;
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
