//===- InferReshape.cpp - shapes of conversions, queries, reshapes -------===//
//
// Shape rules and verifiers of the ops of Tensor.td that keep their elements
// in place, and of the conversions.
//
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace onnxc::onnx {

//===-- Conversions

LogicalResult CastOp::verify() { return wantAttrType(*this, "to"); }
LogicalResult BitCastOp::verify() { return wantAttrType(*this, "to"); }

LogicalResult CastOp::inferShapes(TypeList &types) {
  types[0] = withElement(getInput().getType(),
                         elementTypeFromOnnx(getContext(), int64_t(getTo())));
  return success();
}

LogicalResult CastLikeOp::inferShapes(TypeList &types) {
  types[0] = withElement(getInput().getType(),
                         getElementTypeOrSelf(getTargetType()));
  return success();
}

LogicalResult BitCastOp::inferShapes(TypeList &types) {
  if (Type elem = elementTypeFromOnnx(getContext(), int64_t(getTo())))
    types[0] = withElement(getInput().getType(), elem);
  return success();
}

//===-- Queries

LogicalResult ShapeOp::inferShapes(TypeList &types) {
  Dims dims(1, kDynamic);
  if (RankedTensorType type = rankedType(getData())) {
    auto [start, end] = shapeOpRange(*this, type.getRank());
    dims[0] = end - start;
  }
  types[0] = tensorOf(IntegerType::get(getContext(), 64), dims);
  return success();
}

LogicalResult SizeOp::inferShapes(TypeList &types) {
  types[0] = scalarOf(IntegerType::get(getContext(), 64));
  return success();
}

//===-- Reinterpretation

// Flatten alone may name the end as axis.
LogicalResult FlattenOp::verify() {
  RankedTensorType type = rankedType(getInput());
  int64_t axis = int64_t(getAxis());
  if (type && (axis < -type.getRank() || axis > type.getRank()))
    return emitOpError() << "axis: got " << axis << ", wanted "
                         << -type.getRank() << " to " << type.getRank();
  return success();
}

LogicalResult FlattenOp::inferShapes(TypeList &types) {
  Dims dims(2, kDynamic);
  if (RankedTensorType type = rankedType(getInput())) {
    int64_t axis = int64_t(getAxis());
    axis = axis < 0 ? axis + type.getRank() : axis;
    dims[0] = product(type.getShape().take_front(axis));
    dims[1] = product(type.getShape().drop_front(axis));
  }
  types[0] = tensorOf(getElementTypeOrSelf(getInput()), dims);
  return success();
}

LogicalResult ReshapeOp::inferShapes(TypeList &types) {
  Type elem = getElementTypeOrSelf(getData());
  if (failed(wantRank(*this, getShape(), 1, "shape")))
    return failure();
  std::optional<SmallVector<KnownInt>> wanted = getKnownElements(getShape());
  if (!wanted) {
    types[0] = unrankedOf(elem);
    return success();
  }
  RankedTensorType data = rankedType(getData());
  bool zeroKeeps = !getAllowzero();

  // Target dims that are dims of the operand are taken out of both sides; so
  // -1 can be known although a batch size is not.
  Dims rest(data ? data.getShape() : ArrayRef<int64_t>());
  auto takeOut = [&](size_t dim) { rest[dim] = 1; };
  Dims dims;
  int64_t others = 1, derived = -1, lastUnknown = -1;
  unsigned unknown = 0;
  SmallVector<bool> taken(rest.size());
  for (auto [k, element] : llvm::enumerate(*wanted)) {
    if (element.value == 0 && zeroKeeps) {
      if (data && k >= rest.size())
        return emitOpError() << "0 at index " << k
                             << " of the shape: got an operand of rank "
                             << rest.size() << ", wanted more";
      dims.push_back(data ? data.getDimSize(k) : kDynamic);
      if (data && !taken[k]) {
        taken[k] = true;
        takeOut(k);
      } else {
        others = mulDims(others, dims.back());
      }
      continue;
    }
    if (element.value == -1) {
      if (derived >= 0)
        return emitOpError("got two dims of -1, wanted at most one");
      derived = k;
      dims.push_back(kDynamic);
      continue;
    }
    if (element.value) {
      if (*element.value < -1)
        return emitOpError() << "dim " << k << " of the shape: got "
                             << *element.value << ", wanted -1 or more";
      dims.push_back(*element.value);
      others = mulDims(others, *element.value);
      continue;
    }
    dims.push_back(kDynamic);
    bool found = false;
    for (size_t dim = 0; data && dim < rest.size() && !found; ++dim) {
      if (taken[dim] || !isDynamic(rest[dim]) ||
          !getKnownDim(getData(), dim).sameAs(element))
        continue;
      taken[dim] = found = true;
      takeOut(dim);
    }
    if (!found) {
      ++unknown;
      lastUnknown = k;
    }
  }

  // One dim is left: what the others leave of the elements.
  if (unknown == 1 && derived < 0)
    derived = lastUnknown, unknown = 0;
  int64_t total = data ? product(rest) : kDynamic;
  if (!isDynamic(total) && !isDynamic(others) && unknown == 0) {
    if (derived >= 0 && others != 0) {
      if (total % others != 0)
        return emitOpError() << "got " << total
                             << " elements, wanted a multiple of " << others;
      dims[derived] = total / others;
    } else if (derived < 0 && total != others) {
      return emitOpError() << "got " << total << " elements, wanted "
                           << others;
    }
  }
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult SqueezeOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getData());
  if (failed(wantRank(*this, getAxes(), 0, 1, "axes")))
    return failure();
  types[0] = unrankedOf(getElementTypeOrSelf(getData()));
  if (!type)
    return success();
  int64_t rank = type.getRank();
  SmallVector<bool> drop(rank);
  if (!isPresent(getAxes())) {
    if (!type.hasStaticShape())
      return success();
    for (int64_t k = 0; k < rank; ++k)
      drop[k] = type.getDimSize(k) == 1;
  } else {
    std::optional<Dims> axes = getKnownInts(getAxes());
    if (!axes)
      return success();
    if (llvm::any_of(*axes, isDynamic)) {
      if (int64_t(axes->size()) <= rank)
        types[0] = tensorOf(type.getElementType(),
                            Dims(rank - axes->size(), kDynamic));
      return success();
    }
    for (int64_t axis : *axes) {
      FailureOr<int64_t> checked = checkAxis(*this, axis, rank, "axes");
      if (failed(checked) ||
          failed(sameDim(*this, Size::of(getData(), *checked), Size::of(1),
                         "dim " + Twine(*checked))))
        return failure();
      drop[*checked] = true;
    }
  }
  Dims dims;
  for (int64_t k = 0; k < rank; ++k)
    if (!drop[k])
      dims.push_back(type.getDimSize(k));
  types[0] = tensorOf(type.getElementType(), dims);
  return success();
}

LogicalResult UnsqueezeOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getData());
  std::optional<Dims> axes = getKnownInts(getAxes());
  types[0] = unrankedOf(getElementTypeOrSelf(getData()));
  if (failed(wantRank(*this, getAxes(), 0, 1, "axes")))
    return failure();
  if (!type || !axes)
    return success();
  int64_t rank = type.getRank() + axes->size();
  Dims dims(rank, kDynamic);
  if (llvm::none_of(*axes, isDynamic)) {
    FailureOr<Dims> inserted = checkAxes(*this, *axes, rank);
    if (failed(inserted))
      return failure();
    SmallVector<bool> unit(rank);
    for (int64_t axis : *inserted)
      unit[axis] = true;
    for (int64_t k = 0, from = 0; k < rank; ++k)
      dims[k] = unit[k] ? 1 : type.getDimSize(from++);
  }
  types[0] = tensorOf(type.getElementType(), dims);
  return success();
}

} // namespace onnxc::onnx
