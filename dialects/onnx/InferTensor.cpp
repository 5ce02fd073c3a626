//===- InferTensor.cpp - shapes of data movement -------------------------===//
//
// Shape rules and verifiers of Tensor.td, and of the conversions.
//
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace onnxc::onnx {

//===-- Conversions

LogicalResult CastOp::verify() {
  if (!elementTypeFromOnnx(getContext(), int64_t(getTo())))
    return emitOpError() << "attribute 'to': got " << int64_t(getTo())
                         << ", wanted a TensorProto.DataType";
  return success();
}

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
      if (failed(checked))
        return failure();
      int64_t dim = type.getDimSize(*checked);
      if (!isDynamic(dim) && dim != 1)
        return emitOpError() << "dim " << *checked << ": got " << dim
                             << ", wanted 1";
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
  if (!type || !axes)
    return success();
  int64_t rank = type.getRank() + axes->size();
  Dims dims(rank, kDynamic);
  if (llvm::none_of(*axes, isDynamic)) {
    SmallVector<bool> unit(rank);
    for (int64_t axis : *axes) {
      FailureOr<int64_t> checked = checkAxis(*this, axis, rank, "axes");
      if (failed(checked))
        return failure();
      if (unit[*checked])
        return emitOpError() << "axes: got " << *checked
                             << " twice, wanted distinct axes";
      unit[*checked] = true;
    }
    for (int64_t k = 0, from = 0; k < rank; ++k)
      dims[k] = unit[k] ? 1 : type.getDimSize(from++);
  }
  types[0] = tensorOf(type.getElementType(), dims);
  return success();
}

//===-- Movement

LogicalResult ConcatOp::verify() {
  if (getInputs().empty())
    return emitOpError("got no operand, wanted at least one");
  for (Value input : getInputs())
    if (RankedTensorType type = rankedType(input))
      if (failed(checkAxis(*this, int64_t(getAxis()), type.getRank())))
        return failure();
  return success();
}

LogicalResult ConcatOp::inferShapes(TypeList &types) {
  Dims dims;
  bool first = true, allRanked = true;
  for (Value input : getInputs()) {
    RankedTensorType type = rankedType(input);
    if (!type) {
      allRanked = false;
      continue;
    }
    if (first) {
      dims.assign(type.getShape().begin(), type.getShape().end());
      first = false;
      continue;
    }
    if (size_t(type.getRank()) != dims.size())
      return emitOpError() << "operand rank: got " << type.getRank()
                           << ", wanted " << dims.size();
    int64_t axis = int64_t(getAxis());
    axis = axis < 0 ? axis + type.getRank() : axis;
    for (auto [k, dim] : llvm::enumerate(type.getShape())) {
      if (int64_t(k) == axis) {
        dims[k] = addDims(dims[k], dim);
        continue;
      }
      FailureOr<int64_t> same = sameDim(*this, dims[k], dim, "operand dim");
      if (failed(same))
        return failure();
      dims[k] = *same;
    }
  }
  Type elem = getElementTypeOrSelf(getInputs().front());
  if (first) {
    types[0] = unrankedOf(elem);
    return success();
  }
  if (!allRanked) {
    int64_t axis = int64_t(getAxis());
    dims[axis < 0 ? axis + int64_t(dims.size()) : axis] = kDynamic;
  }
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult SplitOp::verify() {
  if (RankedTensorType type = rankedType(getInput()))
    return LogicalResult(
        checkAxis(*this, int64_t(getAxis()), type.getRank()));
  return success();
}

LogicalResult SplitOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getInput());
  if (!type) {
    for (Type &result : types)
      result = unrankedOf(getElementTypeOrSelf(getInput()));
    return success();
  }
  int64_t axis = int64_t(getAxis());
  axis = axis < 0 ? axis + type.getRank() : axis;
  int64_t size = type.getDimSize(axis), parts = types.size();
  Dims sizes(parts, kDynamic);
  if (isPresent(getSplit())) {
    if (std::optional<Dims> split = getKnownInts(getSplit())) {
      if (int64_t(split->size()) != parts)
        return emitOpError() << "number of results: got " << parts
                             << ", wanted " << split->size();
      sizes = *split;
      int64_t sum = 0;
      for (int64_t part : sizes)
        sum = addDims(sum, part);
      if (failed(sameDim(*this, size, sum, "sum of the parts")))
        return failure();
    }
  } else if (!isDynamic(size) && parts > 0) {
    // The last part is the smaller one. Where nothing is left for it the op is
    // wrong, but may stand in a branch that is never taken.
    int64_t part = (size + parts - 1) / parts, last = size - (parts - 1) * part;
    if (last >= 0) {
      sizes.assign(parts, part);
      sizes.back() = last;
    }
  }
  Dims dims(type.getShape());
  for (auto [result, part] : llvm::zip(types, sizes)) {
    dims[axis] = part;
    result = tensorOf(type.getElementType(), dims);
  }
  return success();
}

// A block size and where the dims of an image are.
static LogicalResult verifyBlocks(Operation *op, Value input,
                                  int64_t blockSize) {
  if (blockSize < 1)
    return op->emitOpError()
           << "blocksize: got " << blockSize << ", wanted 1 or more";
  if (RankedTensorType type = rankedType(input))
    if (type.getRank() != 4)
      return op->emitOpError()
             << "operand rank: got " << type.getRank() << ", wanted 4";
  return success();
}

static int64_t divideDim(int64_t dim, int64_t by) {
  return isDynamic(dim) || dim % by != 0 ? kDynamic : dim / by;
}

LogicalResult DepthToSpaceOp::verify() {
  return verifyBlocks(*this, getInput(), int64_t(getBlocksize()));
}

LogicalResult DepthToSpaceOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getInput());
  if (!type)
    return success();
  int64_t block = int64_t(getBlocksize());
  bool last = getLayout() == "NHWC";
  Dims dims(type.getShape());
  int64_t &channels = dims[last ? 3 : 1];
  if (!isDynamic(channels) && channels % (block * block) != 0)
    return emitOpError() << "channels: got " << channels
                         << ", wanted a multiple of " << block * block;
  channels = divideDim(channels, block * block);
  for (int64_t k = last ? 1 : 2, n = k + 2; k < n; ++k)
    dims[k] = mulDims(dims[k], block);
  types[0] = tensorOf(type.getElementType(), dims);
  return success();
}

LogicalResult SpaceToDepthOp::verify() {
  return verifyBlocks(*this, getInput(), int64_t(getBlocksize()));
}

LogicalResult SpaceToDepthOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getInput());
  if (!type)
    return success();
  int64_t block = int64_t(getBlocksize());
  bool last = getLayout() == "NHWC";
  Dims dims(type.getShape());
  dims[last ? 3 : 1] = mulDims(dims[last ? 3 : 1], block * block);
  for (int64_t k = last ? 1 : 2, n = k + 2; k < n; ++k) {
    if (!isDynamic(dims[k]) && dims[k] % block != 0)
      return emitOpError() << "spatial dim: got " << dims[k]
                           << ", wanted a multiple of " << block;
    dims[k] = divideDim(dims[k], block);
  }
  types[0] = tensorOf(type.getElementType(), dims);
  return success();
}

LogicalResult ExpandOp::inferShapes(TypeList &types) {
  Type elem = getElementTypeOrSelf(getInput());
  RankedTensorType type = rankedType(getInput());
  std::optional<Dims> shape = getKnownInts(getShape());
  if (!type || !shape) {
    types[0] = unrankedOf(elem);
    return success();
  }
  FailureOr<Dims> dims = broadcastDims(*this, type.getShape(), *shape);
  if (failed(dims))
    return failure();
  types[0] = tensorOf(elem, *dims);
  return success();
}

LogicalResult PadOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getData());
  if (!type) {
    types[0] = unrankedOf(getElementTypeOrSelf(getData()));
    return success();
  }
  int64_t rank = type.getRank();
  types[0] = tensorOf(type.getElementType(), Dims(rank, kDynamic));
  std::optional<Dims> pads = getKnownInts(getPads());
  Dims axes;
  for (int64_t k = 0; k < rank; ++k)
    axes.push_back(k);
  if (isPresent(getAxes())) {
    std::optional<Dims> listed = getStaticInts(getAxes());
    if (!listed)
      return success();
    axes = *listed;
  }
  if (!pads)
    return success();
  if (pads->size() != 2 * axes.size())
    return emitOpError() << "number of pads: got " << pads->size()
                         << ", wanted " << 2 * axes.size();
  Dims dims(type.getShape());
  for (auto [k, axis] : llvm::enumerate(axes)) {
    FailureOr<int64_t> checked = checkAxis(*this, axis, rank, "axes");
    if (failed(checked))
      return failure();
    int64_t &dim = dims[*checked];
    dim = addDims(dim, addDims((*pads)[k], (*pads)[k + axes.size()]));
    if (!isDynamic(dim) && dim < 0)
      return emitOpError() << "dim " << *checked << ": got " << dim
                           << " after padding, wanted 0 or more";
  }
  types[0] = tensorOf(type.getElementType(), dims);
  return success();
}

LogicalResult SliceOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getData());
  if (!type) {
    types[0] = unrankedOf(getElementTypeOrSelf(getData()));
    return success();
  }
  int64_t rank = type.getRank();
  types[0] = tensorOf(type.getElementType(), Dims(rank, kDynamic));
  std::optional<Dims> starts = getKnownInts(getStarts());
  std::optional<Dims> ends = getKnownInts(getEnds());
  std::optional<Dims> axes, steps;
  if (isPresent(getAxes())) {
    axes = getStaticInts(getAxes());
    if (!axes)
      return success();
  }
  size_t count = axes     ? axes->size()
                 : starts ? starts->size()
                 : ends   ? ends->size()
                          : size_t(rank) + 1;
  if (!axes) {
    if (count > size_t(rank))
      return starts || ends ? emitOpError() << "number of starts: got " << count
                                            << ", wanted at most " << rank
                            : success();
    axes = Dims();
    for (size_t k = 0; k < count; ++k)
      axes->push_back(k);
  }
  steps = isPresent(getSteps()) ? getKnownInts(getSteps()) : Dims(count, 1);
  for (auto *list : {&starts, &ends, &steps}) {
    if (!*list)
      *list = Dims(count, kDynamic);
    if ((*list)->size() != count)
      return emitOpError() << "number of starts, ends or steps: got "
                           << (*list)->size() << ", wanted " << count;
  }
  Dims dims(type.getShape());
  for (size_t k = 0; k < count; ++k) {
    FailureOr<int64_t> axis = checkAxis(*this, (*axes)[k], rank, "axes");
    if (failed(axis))
      return failure();
    int64_t &dim = dims[*axis];
    int64_t start = (*starts)[k], end = (*ends)[k], step = (*steps)[k];
    if (step == 0)
      return emitOpError("steps: got 0, wanted another number");
    if (isDynamic(dim) || isDynamic(start) || isDynamic(end) ||
        isDynamic(step))
      dim = kDynamic;
    else
      dim = sliceRange(dim, start, end, step)->count;
  }
  types[0] = tensorOf(type.getElementType(), dims);
  return success();
}

LogicalResult TileOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getInput());
  if (!type) {
    types[0] = unrankedOf(getElementTypeOrSelf(getInput()));
    return success();
  }
  Dims dims(type.getRank(), kDynamic);
  if (std::optional<Dims> repeats = getKnownInts(getRepeats())) {
    if (repeats->size() != dims.size())
      return emitOpError() << "number of repeats: got " << repeats->size()
                           << ", wanted " << dims.size();
    for (auto [k, repeat] : llvm::enumerate(*repeats))
      dims[k] = mulDims(type.getDimSize(k), repeat);
  }
  types[0] = tensorOf(type.getElementType(), dims);
  return success();
}

LogicalResult TransposeOp::verify() {
  std::optional<ArrayRef<int64_t>> perm = getPerm();
  if (!perm)
    return success();
  RankedTensorType type = rankedType(getData());
  int64_t rank = type ? type.getRank() : int64_t(perm->size());
  if (int64_t(perm->size()) != rank)
    return emitOpError() << "length of perm: got " << perm->size()
                         << ", wanted " << rank;
  SmallVector<bool> seen(rank);
  for (int64_t dim : *perm) {
    if (dim < 0 || dim >= rank || seen[dim])
      return emitOpError() << "perm: got " << dim
                           << (dim < 0 || dim >= rank ? "" : " twice")
                           << ", wanted a permutation of 0 to " << rank - 1;
    seen[dim] = true;
  }
  return success();
}

LogicalResult TransposeOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getData());
  Type elem = getElementTypeOrSelf(getData());
  if (!type) {
    types[0] = getPerm() ? tensorOf(elem, Dims(getPerm()->size(), kDynamic))
                         : unrankedOf(elem);
    return success();
  }
  Dims dims;
  for (int64_t k = 0, rank = type.getRank(); k < rank; ++k)
    dims.push_back(type.getDimSize(getPerm() ? (*getPerm())[k] : rank - 1 - k));
  types[0] = tensorOf(elem, dims);
  return success();
}

} // namespace onnxc::onnx
