//===- InferTensor.cpp - shapes of data movement -------------------------===//
//
// Shape rules and verifiers of the ops of Tensor.td that move elements; the
// others are in InferReshape.cpp.
//
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace onnxc::onnx {

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
  Sizes wanted; // of the dims beside the axis: the first that is known, if any
  bool first = true, allRanked = true;
  for (auto [index, input] : llvm::enumerate(getInputs())) {
    RankedTensorType type = rankedType(input);
    if (!type) {
      allRanked = false;
      continue;
    }
    if (first) {
      dims.assign(type.getShape().begin(), type.getShape().end());
      wanted = sizesOf(input);
      first = false;
      continue;
    }
    std::string name = ("operand #" + Twine(index)).str();
    if (failed(wantRank(*this, input, int64_t(dims.size()), name)))
      return failure();
    int64_t axis = int64_t(getAxis());
    axis = axis < 0 ? axis + type.getRank() : axis;
    for (auto [k, dim] : llvm::enumerate(type.getShape())) {
      if (int64_t(k) == axis) {
        dims[k] = addDims(dims[k], dim);
        continue;
      }
      Size own = Size::of(input, int64_t(k));
      FailureOr<int64_t> same = sameDim(*this, own, wanted[k],
                                        "dim " + Twine(k) + " of " + name);
      if (failed(same))
        return failure();
      if (isDynamic(dims[k]) && !isDynamic(dim))
        wanted[k] = own;
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
  if (getNumOutputs() &&
      failed(wantRange(*this, int64_t(*getNumOutputs()), parts, parts,
                       "num_outputs")))
    return failure();
  if (failed(wantRank(*this, getSplit(), 1, "split")))
    return failure();
  if (isPresent(getSplit())) {
    if (std::optional<Dims> split = getKnownInts(getSplit())) {
      if (int64_t(split->size()) != parts)
        return emitOpError() << "number of results: got " << parts
                             << ", wanted " << split->size();
      sizes = *split;
      int64_t sum = 0;
      for (int64_t part : sizes) {
        if (!isDynamic(part) &&
            failed(wantRange(*this, part, 0, INT64_MAX, "split")))
          return failure();
        sum = addDims(sum, part);
      }
      if (failed(sameDim(*this, Size::of(sum), Size::of(getInput(), axis),
                         "sum of the parts")))
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
  return success(succeeded(wantRange(op, blockSize, 1, INT32_MAX, "blocksize")) &&
                 succeeded(wantRank(op, input, 4, "input")) &&
                 succeeded(wantAttrWord(op, "mode", {"DCR", "CRD"})));
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
  if (failed(wantRank(*this, getShape(), 1, "shape")))
    return failure();
  std::optional<SmallVector<KnownInt>> shape = getKnownElements(getShape());
  if (!type || !shape) {
    types[0] = unrankedOf(elem);
    return success();
  }
  Sizes wanted;
  for (const KnownInt &element : *shape)
    wanted.push_back(Size::of(element));
  FailureOr<Dims> dims = broadcastDims(*this, {sizesOf(getInput()), wanted});
  if (failed(dims))
    return failure();
  types[0] = tensorOf(elem, *dims);
  return success();
}

LogicalResult PadOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getData());
  if (failed(wantAttrWord(*this, "mode",
                          {"constant", "reflect", "edge", "wrap"})) ||
      failed(wantRank(*this, getPads(), 1, "pads")) ||
      failed(wantRank(*this, getAxes(), 1, "axes")) ||
      failed(wantScalar(*this, getConstantValue(), "constant_value")))
    return failure();
  if (!type) {
    types[0] = unrankedOf(getElementTypeOrSelf(getData()));
    return success();
  }
  int64_t rank = type.getRank();
  types[0] = tensorOf(type.getElementType(), Dims(rank, kDynamic));
  Size twice = Size::of(2 * rank);
  if (isPresent(getAxes()))
    twice = rankedType(getAxes()) ? Size::of(getAxes(), 0, 2)
                                  : Size::of(kDynamic);
  if (failed(wantVector(*this, getPads(), twice, "pads")))
    return failure();
  std::optional<Dims> pads = getKnownInts(getPads());
  constexpr int64_t most = int64_t(1) << 47; // elements that a tensor may have
  for (int64_t pad : pads.value_or(Dims()))
    if (!isDynamic(pad) && failed(wantRange(*this, pad, -most, most, "pads")))
      return failure();
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
    return emitOpError() << "length of pads: got " << pads->size()
                         << ", wanted " << 2 * axes.size();
  Dims dims(type.getShape());
  FailureOr<Dims> checked = checkAxes(*this, axes, rank);
  if (failed(checked))
    return failure();
  for (auto [k, axis] : llvm::enumerate(*checked)) {
    int64_t &dim = dims[axis], low = (*pads)[k], high = (*pads)[k + axes.size()];
    if (getMode() != "constant" && !isDynamic(dim) && !isDynamic(low) &&
        !isDynamic(high) && (low > 0 || high > 0) &&
        dim + std::min<int64_t>(low, 0) + std::min<int64_t>(high, 0) <= 0)
      return emitOpError() << "dim " << axis << ": got no elements to pad from, wanted 1 or more";
    dim = addDims(dim, addDims(low, high));
    if (!isDynamic(dim) && dim < 0)
      return emitOpError() << "dim " << axis << ": got " << dim
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
  if (failed(wantRank(*this, getStarts(), 1, "starts")) ||
      failed(wantRank(*this, getEnds(), 1, "ends")) ||
      failed(wantRank(*this, getAxes(), 1, "axes")) ||
      failed(wantRank(*this, getSteps(), 1, "steps")))
    return failure();
  if (rankedType(getStarts())) {
    Size length = Size::of(getStarts(), 0);
    if (failed(wantVector(*this, getEnds(), length, "ends")) ||
        failed(wantVector(*this, getAxes(), length, "axes")) ||
        failed(wantVector(*this, getSteps(), length, "steps")))
      return failure();
  }
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
  FailureOr<Dims> checked = checkAxes(*this, *axes, rank);
  if (failed(checked))
    return failure();
  for (size_t k = 0; k < count; ++k) {
    int64_t &dim = dims[(*checked)[k]];
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
  if (failed(wantRank(*this, getRepeats(), 1, "repeats")))
    return failure();
  if (!type) {
    types[0] = unrankedOf(getElementTypeOrSelf(getInput()));
    return success();
  }
  Dims dims(type.getRank(), kDynamic);
  if (failed(wantVector(*this, getRepeats(), Size::of(type.getRank()),
                        "repeats")))
    return failure();
  if (std::optional<Dims> repeats = getKnownInts(getRepeats());
      repeats && repeats->size() == dims.size()) {
    for (auto [k, repeat] : llvm::enumerate(*repeats)) {
      if (!isDynamic(repeat) &&
          failed(wantRange(*this, repeat, 0, INT64_MAX, "repeats")))
        return failure();
      dims[k] = mulDims(type.getDimSize(k), repeat);
    }
  }
  types[0] = tensorOf(type.getElementType(), dims);
  return success();
}

LogicalResult TriluOp::inferShapes(TypeList &types) {
  types[0] = getInput().getType();
  return success(
      succeeded(wantRank(*this, getInput(), 2, INT64_MAX, "input")) &&
      succeeded(wantScalar(*this, getK(), "k")));
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
