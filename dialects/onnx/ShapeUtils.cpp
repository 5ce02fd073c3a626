//===- ShapeUtils.cpp - helpers of the shape rules -----------------------===//
//
// See ShapeUtils.h.
//
#include "dialects/onnx/ShapeUtils.h"

using namespace mlir;

namespace onnxc::onnx {

int64_t intAttr(Operation *op, StringRef name, int64_t absent) {
  auto attr = op->getAttrOfType<IntegerAttr>(name);
  return attr ? attr.getInt() : absent;
}

Type tensorOf(Type elem, ArrayRef<int64_t> dims) {
  return RankedTensorType::get(dims, elem);
}
Type scalarOf(Type elem) { return RankedTensorType::get({}, elem); }
Type unrankedOf(Type elem) { return UnrankedTensorType::get(elem); }

Type withElement(Type like, Type elem) {
  if (auto ranked = dyn_cast<RankedTensorType>(like))
    return tensorOf(elem, ranked.getShape());
  return unrankedOf(elem);
}

int64_t addDims(int64_t a, int64_t b) {
  int64_t sum;
  if (isDynamic(a) || isDynamic(b))
    return kDynamic;
  return llvm::AddOverflow(a, b, sum) ? INT64_MAX : sum;
}

int64_t mulDims(int64_t a, int64_t b) {
  if (a == 0 || b == 0)
    return 0;
  int64_t result;
  if (isDynamic(a) || isDynamic(b))
    return kDynamic;
  return llvm::MulOverflow(a, b, result) ? INT64_MAX : result;
}

int64_t product(ArrayRef<int64_t> dims) {
  int64_t result = 1;
  for (int64_t dim : dims)
    result = mulDims(result, dim);
  return result;
}

std::optional<SliceRange> sliceRange(int64_t size, int64_t start, int64_t end,
                                     int64_t step) {
  if (step == 0)
    return std::nullopt;
  auto clamp = [&](int64_t index, int64_t low, int64_t high) {
    if (index < 0)
      index = index < -size ? -1 : index + size;
    return std::min(std::max(index, low), high);
  };
  int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  // An index before the first element stays before it when going backwards.
  start = clamp(start, step > 0 ? 0 : (size ? 0 : -1), high);
  end = clamp(end, low, high);
  int64_t distance = step > 0 ? end - start : start - end;
  if (distance <= 0)
    return SliceRange{std::max<int64_t>(start, 0), 0};
  uint64_t stride = step > 0 ? uint64_t(step) : uint64_t(0) - uint64_t(step);
  return SliceRange{start, int64_t((uint64_t(distance) + stride - 1) / stride)};
}

std::optional<int64_t> rangeCount(int64_t start, int64_t limit, int64_t delta) {
  int64_t distance;
  if (delta == 0 || llvm::SubOverflow(limit, start, distance))
    return std::nullopt;
  if ((delta > 0) != (distance > 0) || distance == 0)
    return 0;
  return distance / delta + (distance % delta != 0);
}

std::pair<int64_t, int64_t> shapeOpRange(ShapeOp op, int64_t rank) {
  auto clamp = [&](int64_t axis) {
    if (axis < 0)
      axis += rank;
    return std::min(std::max<int64_t>(axis, 0), rank);
  };
  int64_t start = clamp(int64_t(op.getStart()));
  int64_t end = op.getEnd() ? clamp(int64_t(*op.getEnd())) : rank;
  return {start, std::max(start, end)};
}

// One walk serves join and meet: `dim` combines two dims or fails.
static Type combine(Type a, Type b, bool join) {
  if (a == b)
    return a;
  if (auto seqA = dyn_cast<SequenceType>(a)) {
    auto seqB = dyn_cast<SequenceType>(b);
    Type elem = seqB ? combine(seqA.getElementType(), seqB.getElementType(),
                               join)
                     : Type();
    return elem ? SequenceType::get(a.getContext(), elem) : Type();
  }
  if (auto optA = dyn_cast<OptionalType>(a)) {
    auto optB = dyn_cast<OptionalType>(b);
    Type elem = optB ? combine(optA.getElementType(), optB.getElementType(),
                               join)
                     : Type();
    return elem ? OptionalType::get(a.getContext(), elem) : Type();
  }
  auto tensorA = dyn_cast<TensorType>(a), tensorB = dyn_cast<TensorType>(b);
  if (!tensorA || !tensorB ||
      tensorA.getElementType() != tensorB.getElementType())
    return {};
  if (!tensorA.hasRank() || !tensorB.hasRank()) {
    if (join)
      return unrankedOf(tensorA.getElementType());
    return tensorA.hasRank() ? a : b;
  }
  if (tensorA.getRank() != tensorB.getRank())
    return join ? unrankedOf(tensorA.getElementType()) : Type();
  Dims dims;
  for (auto [x, y] : llvm::zip(tensorA.getShape(), tensorB.getShape())) {
    if (x == y)
      dims.push_back(x);
    else if (join)
      dims.push_back(kDynamic);
    else if (isDynamic(x) || isDynamic(y))
      dims.push_back(isDynamic(x) ? y : x);
    else
      return {};
  }
  return tensorOf(tensorA.getElementType(), dims);
}

Type joinTypes(Type a, Type b) { return combine(a, b, true); }
Type meetTypes(Type a, Type b) { return combine(a, b, false); }

} // namespace onnxc::onnx
