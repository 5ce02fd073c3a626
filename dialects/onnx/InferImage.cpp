//===- InferImage.cpp - shapes of resampling and regions -----------------===//
//
// Shape rules of Image.td and Signal.td.
//
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;

namespace onnxc::onnx {

LogicalResult GridSampleOp::inferShapes(TypeList &types) {
  RankedTensorType in = rankedType(getX()), grid = rankedType(getGrid());
  Type elem = getElementTypeOrSelf(getX());
  types[0] = unrankedOf(elem);
  if (!in || !grid)
    return success();
  int64_t rank = in.getRank();
  if (rank < 3 || grid.getRank() != rank)
    return emitOpError() << "rank of the grid: got " << grid.getRank()
                         << ", wanted " << rank << " (3 or more)";
  bool last = getLayout() == "NHWC";
  Dims dims;
  dims.push_back(in.getDimSize(0));
  if (!last)
    dims.push_back(in.getDimSize(1));
  llvm::append_range(dims, grid.getShape().drop_front().drop_back());
  if (last)
    dims.push_back(in.getDimSize(rank - 1));
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult ImageDecoderOp::inferShapes(TypeList &types) {
  types[0] = tensorOf(IntegerType::get(getContext(), 8, IntegerType::Unsigned),
                      {kDynamic, kDynamic, getPixelFormat() == "Grayscale"
                                               ? 1
                                               : 3});
  return success();
}

// One result per region: regions, channels and the grid in the layout.
static Type regionGrid(Operation *op, Value rois, Value image,
                       ArrayRef<int64_t> grid, bool channelsLast) {
  RankedTensorType in = rankedType(image), boxes = rankedType(rois);
  Dims dims;
  int64_t channels = kDynamic;
  if (in && in.getRank() >= 2)
    channels = in.getDimSize(channelsLast ? in.getRank() - 1 : 1);
  dims.push_back(boxes && boxes.getRank() > 0 ? boxes.getDimSize(0) : kDynamic);
  if (!channelsLast)
    dims.push_back(channels);
  llvm::append_range(dims, grid);
  if (channelsLast)
    dims.push_back(channels);
  return tensorOf(getElementTypeOrSelf(image), dims);
}

LogicalResult RoiAlignOp::inferShapes(TypeList &types) {
  int64_t grid[] = {int64_t(getOutputHeight()), int64_t(getOutputWidth())};
  types[0] = regionGrid(*this, getRois(), getX(), grid, getLayout() == "NHWC");
  return success();
}

LogicalResult MaxRoiPoolOp::inferShapes(TypeList &types) {
  types[0] = regionGrid(*this, getRois(), getX(), getPooledShape(),
                        getLayout() == "NHWC");
  return success();
}

// Sizes or scales are given per axis of the operand, in its own layout.
LogicalResult ResizeOp::inferShapes(TypeList &types) {
  RankedTensorType in = rankedType(getX());
  Type elem = getElementTypeOrSelf(getX());
  if (!in) {
    types[0] = unrankedOf(elem);
    return success();
  }
  int64_t rank = in.getRank();
  Dims axes;
  if (std::optional<ArrayRef<int64_t>> listed = getAxes()) {
    for (int64_t axis : *listed) {
      FailureOr<int64_t> checked = checkAxis(*this, axis, rank, "axes");
      if (failed(checked))
        return failure();
      axes.push_back(*checked);
    }
  } else {
    for (int64_t k = 0; k < rank; ++k)
      axes.push_back(k);
  }
  Dims dims(in.getShape());
  auto checkCount = [&](size_t count) -> LogicalResult {
    if (count == axes.size())
      return success();
    return emitOpError() << "number of sizes or scales: got " << count
                         << ", wanted " << axes.size();
  };

  bool bySizes = isPresent(getSizes());
  if (bySizes && rankedType(getSizes()) &&
      rankedType(getSizes()).getShape() == ArrayRef<int64_t>{0})
    bySizes = false;
  if (bySizes) {
    std::optional<Dims> sizes = getKnownInts(getSizes());
    if (sizes && failed(checkCount(sizes->size())))
      return failure();
    if (!sizes)
      sizes = Dims(axes.size(), kDynamic);
    StringRef policy = getKeepAspectRatioPolicy();
    if (policy == "stretch") {
      for (auto [axis, size] : llvm::zip(axes, *sizes))
        dims[axis] = size;
    } else {
      // One scale for all axes: the least or greatest of the wanted ones.
      double scale = 0;
      bool known = true, least = policy == "not_larger", first = true;
      for (auto [axis, size] : llvm::zip(axes, *sizes)) {
        known &= !isDynamic(size) && !isDynamic(dims[axis]) && dims[axis] > 0;
        if (!known)
          break;
        double own = double(size) / double(dims[axis]);
        scale = first  ? own
                : least ? std::min(scale, own)
                        : std::max(scale, own);
        first = false;
      }
      for (int64_t axis : axes)
        dims[axis] =
            known ? int64_t(std::floor(scale * double(dims[axis]) + 0.5))
                  : kDynamic;
    }
  } else {
    std::optional<SmallVector<double>> scales;
    if (isPresent(getScales()))
      scales = getStaticFloats(getScales());
    if (scales && failed(checkCount(scales->size())))
      return failure();
    for (auto [k, axis] : llvm::enumerate(axes)) {
      int64_t &dim = dims[axis];
      if (scales && !((*scales)[k] > 0 && (*scales)[k] < double(INT32_MAX)))
        return emitOpError() << "scale of axis " << axis << ": got "
                             << (*scales)[k] << ", wanted one above 0 and below "
                             << INT32_MAX;
      bool known = scales && !isDynamic(dim);
      // A scale of 1 keeps even an unknown dim; it stays unknown as a type.
      dim = known ? int64_t(std::floor(double(dim) * (*scales)[k])) : kDynamic;
    }
  }
  types[0] = tensorOf(elem, dims);
  return success();
}

//===-- Signals

LogicalResult DFTOp::inferShapes(TypeList &types) {
  RankedTensorType in = rankedType(getInput());
  Type elem = getElementTypeOrSelf(getInput());
  types[0] = unrankedOf(elem);
  if (!in)
    return success();
  int64_t rank = in.getRank();
  if (rank < 2)
    return emitOpError() << "operand rank: got " << rank
                         << ", wanted 2 or more";
  bool oneSided = getOnesided() != 0, inverse = getInverse() != 0;
  Dims dims(in.getShape());
  dims.back() = oneSided && inverse ? 1 : 2;
  std::optional<int64_t> axis = -2;
  if (isPresent(getAxis()))
    axis = getStaticInt(getAxis());
  if (!axis) {
    for (int64_t &dim : MutableArrayRef<int64_t>(dims).drop_back())
      dim = kDynamic;
  } else {
    FailureOr<int64_t> checked = checkAxis(*this, *axis, rank);
    if (failed(checked))
      return failure();
    int64_t &dim = dims[*checked];
    if (isPresent(getDftLength()))
      dim = getStaticInt(getDftLength()).value_or(kDynamic);
    else if (oneSided && inverse)
      dim = isDynamic(dim) ? kDynamic : 2 * (dim - 1);
    if (oneSided && !inverse && !isDynamic(dim))
      dim = dim / 2 + 1;
  }
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult STFTOp::inferShapes(TypeList &types) {
  RankedTensorType signal = rankedType(getSignal());
  Dims dims = {kDynamic, kDynamic, kDynamic, 2};
  std::optional<int64_t> frameStep = getStaticInt(getFrameStep()), length;
  if (isPresent(getFrameLength()))
    length = getStaticInt(getFrameLength());
  else if (isPresent(getWindow()))
    if (RankedTensorType window = rankedType(getWindow()))
      if (window.getRank() == 1 && !window.isDynamicDim(0))
        length = window.getDimSize(0);
  if (length)
    dims[2] = getOnesided() ? *length / 2 + 1 : *length;
  if (signal && signal.getRank() >= 2) {
    dims[0] = signal.getDimSize(0);
    int64_t size = signal.getDimSize(1);
    if (length && frameStep && *frameStep > 0 && !isDynamic(size) &&
        size >= *length)
      dims[1] = (size - *length) / *frameStep + 1;
  }
  types[0] = tensorOf(getElementTypeOrSelf(getSignal()), dims);
  return success();
}

LogicalResult MelWeightMatrixOp::inferShapes(TypeList &types) {
  Dims dims(2, kDynamic);
  if (std::optional<int64_t> length = getStaticInt(getDftLength()))
    dims[0] = *length / 2 + 1;
  if (std::optional<int64_t> bins = getStaticInt(getNumMelBins()))
    dims[1] = *bins;
  if (Type elem =
          elementTypeFromOnnx(getContext(), int64_t(getOutputDatatype())))
    types[0] = tensorOf(elem, dims);
  return success();
}

} // namespace onnxc::onnx
