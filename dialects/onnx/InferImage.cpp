//===- InferImage.cpp - shapes of resampling and regions -----------------===//
//
// Shape rules of Image.td and Signal.td.
//
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"

#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;

namespace onnxc::onnx {

// There is a pixel to sample: the dims [first, last) are not 0.
static LogicalResult wantPixels(Operation *op, Value image, int64_t first,
                                int64_t last) {
  for (int64_t k = first; k < last; ++k)
    if (failed(atMost(op, Size::of(1), Size::of(image, k),
                      "pixels to sample along dim " + Twine(k))))
      return failure();
  return success();
}

LogicalResult GridSampleOp::inferShapes(TypeList &types) {
  RankedTensorType in = rankedType(getX()), grid = rankedType(getGrid());
  Type elem = getElementTypeOrSelf(getX());
  types[0] = unrankedOf(elem);
  if (!in || !grid)
    return success();
  int64_t rank = in.getRank();
  if (failed(wantRank(*this, getX(), 3, INT64_MAX, "X")) ||
      failed(wantRank(*this, getGrid(), rank, "grid")) ||
      failed(sameDim(*this, Size::of(getGrid(), 0), Size::of(getX(), 0),
                     "dim 0 of grid")) ||
      failed(sameDim(*this, Size::of(getGrid(), rank - 1), Size::of(rank - 2),
                     "dim " + Twine(rank - 1) + " of grid")) ||
      failed(wantAttrWord(*this, "mode", {"linear", "nearest", "cubic"})) ||
      failed(wantAttrWord(*this, "padding_mode",
                          {"zeros", "border", "reflection"})) ||
      failed(wantAttrRange(*this, "align_corners", 0, 1)))
    return failure();
  bool last = getLayout() == "NHWC";
  if (failed(wantPixels(*this, getX(), last ? 1 : 2, last ? rank - 1 : rank)))
    return failure();
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
  if (failed(wantRank(*this, getX(), 4, "X")) ||
      failed(wantRank(*this, getRois(), 2, "rois")) ||
      failed(wantAttrRange(*this, "output_height", 1)) ||
      failed(wantAttrRange(*this, "output_width", 1)) ||
      failed(wantAttrRange(*this, "sampling_ratio", 0)) ||
      failed(wantAttrWord(*this, "mode", {"avg", "max"})) ||
      failed(wantAttrWord(*this, "coordinate_transformation_mode",
                          {"half_pixel", "output_half_pixel"})))
    return failure();
  if (rankedType(getRois()) &&
      (failed(sameDim(*this, Size::of(getRois(), 1), Size::of(4),
                      "dim 1 of rois")) ||
       failed(wantVector(*this, getBatchIndices(), Size::of(getRois(), 0),
                         "batch_indices"))))
    return failure();
  bool channelsLast = getLayout() == "NHWC";
  if (rankedType(getX()) && failed(wantPixels(*this, getX(), channelsLast ? 1 : 2,
                                              channelsLast ? 3 : 4)))
    return failure();
  if (RankedTensorType in = rankedType(getX()); in && !in.isDynamicDim(0))
    if (std::optional<Dims> batches = getKnownInts(getBatchIndices()))
      for (int64_t batch : *batches)
        if (!isDynamic(batch) &&
            failed(wantRange(*this, batch, 0, in.getDimSize(0) - 1,
                             "batch_indices")))
          return failure();
  int64_t grid[] = {int64_t(getOutputHeight()), int64_t(getOutputWidth())};
  types[0] = regionGrid(*this, getRois(), getX(), grid, getLayout() == "NHWC");
  return success();
}

LogicalResult MaxRoiPoolOp::inferShapes(TypeList &types) {
  if (failed(wantRank(*this, getX(), 4, "X")) ||
      failed(wantRank(*this, getRois(), 2, "rois")) ||
      failed(wantAttrLength(*this, "pooled_shape", 2)) ||
      failed(wantAttrRange(*this, "pooled_shape", 1)))
    return failure();
  if (rankedType(getRois()) &&
      failed(sameDim(*this, Size::of(getRois(), 1), Size::of(5),
                     "dim 1 of rois")))
    return failure();
  types[0] = regionGrid(*this, getRois(), getX(), getPooledShape(),
                        getLayout() == "NHWC");
  return success();
}

static LogicalResult verifyResize(ResizeOp op) {
  return success(
      succeeded(wantAttrWord(op, "mode", {"nearest", "linear", "cubic"})) &&
      succeeded(wantAttrWord(op, "coordinate_transformation_mode",
                             {"half_pixel", "half_pixel_symmetric",
                              "pytorch_half_pixel", "align_corners",
                              "asymmetric", "tf_crop_and_resize"})) &&
      succeeded(wantAttrWord(op, "nearest_mode",
                             {"round_prefer_floor", "round_prefer_ceil",
                              "floor", "ceil"})) &&
      succeeded(wantAttrWord(op, "keep_aspect_ratio_policy",
                             {"stretch", "not_larger", "not_smaller"})) &&
      succeeded(wantAttrRange(op, "antialias", 0, 1)) &&
      succeeded(wantAttrRange(op, "exclude_outside", 0, 1)) &&
      succeeded(wantRank(op, op.getRoi(), 1, "roi")) &&
      succeeded(wantRank(op, op.getScales(), 1, "scales")) &&
      succeeded(wantRank(op, op.getSizes(), 1, "sizes")));
}

// The size that a scale makes of a dim; an error where no tensor has it.
static FailureOr<int64_t> scaledDim(ResizeOp op, int64_t axis, double size) {
  if (size >= 0 && size <= double(INT32_MAX))
    return int64_t(std::floor(size));
  return op.emitOpError() << "size of axis " << axis << ": got " << size
                          << ", wanted 0 to " << INT32_MAX;
}

// Sizes or scales are given per axis of the operand, in its own layout.
LogicalResult ResizeOp::inferShapes(TypeList &types) {
  RankedTensorType in = rankedType(getX());
  Type elem = getElementTypeOrSelf(getX());
  if (failed(verifyResize(*this)))
    return failure();
  if (!in) {
    types[0] = unrankedOf(elem);
    return success();
  }
  int64_t rank = in.getRank();
  Dims axes;
  if (std::optional<ArrayRef<int64_t>> listed = getAxes()) {
    FailureOr<Dims> checked = checkAxes(*this, *listed, rank);
    if (failed(checked))
      return failure();
    axes = *checked;
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
    for (int64_t size : *sizes)
      if (!isDynamic(size) &&
          failed(wantRange(*this, size, 0, INT32_MAX, "sizes")))
        return failure();
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
      for (int64_t axis : axes) {
        FailureOr<int64_t> dim = kDynamic;
        if (known)
          dim = scaledDim(*this, axis, scale * double(dims[axis]) + 0.5);
        if (failed(dim))
          return failure();
        dims[axis] = *dim;
      }
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
      FailureOr<int64_t> scaled = kDynamic;
      if (known)
        scaled = scaledDim(*this, axis, double(dim) * (*scales)[k]);
      if (failed(scaled))
        return failure();
      dim = *scaled;
    }
  }
  for (int64_t k = 0; k < rank; ++k)
    if (in.getDimSize(k) == 0 && dims[k] != 0 && !isDynamic(dims[k]))
      return emitOpError() << "size of axis " << k << ": got " << dims[k]
                           << " of no elements, wanted 0";
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
  int64_t parts = rank ? in.getShape().back() : 1; // real, or real and imaginary
  if (failed(wantRank(*this, getInput(), 2, INT64_MAX, "input")) ||
      failed(wantScalar(*this, getDftLength(), "dft_length")) ||
      failed(wantScalar(*this, getAxis(), "axis")) ||
      failed(wantIntRange(*this, getDftLength(), 1, INT32_MAX, "dft_length")) ||
      failed(wantAttrRange(*this, "inverse", 0, 1)) ||
      failed(wantAttrRange(*this, "onesided", 0, 1)) ||
      (!isDynamic(parts) &&
       failed(wantRange(*this, parts, 1, 2, "last dim of input"))))
    return failure();
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
    if (failed(checked) ||
        failed(wantRange(*this, *checked, 0, rank - 2, "axis")))
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
  if (failed(wantRank(*this, getSignal(), 2, 3, "signal")) ||
      failed(wantScalar(*this, getFrameStep(), "frame_step")) ||
      failed(wantScalar(*this, getFrameLength(), "frame_length")) ||
      failed(wantRank(*this, getWindow(), 1, "window")) ||
      failed(wantIntRange(*this, getFrameStep(), 1, INT32_MAX, "frame_step")) ||
      failed(wantIntRange(*this, getFrameLength(), 1, INT32_MAX,
                          "frame_length")) ||
      failed(wantAttrRange(*this, "onesided", 0, 1)))
    return failure();
  std::optional<int64_t> frameStep = getStaticInt(getFrameStep()), length;
  if (isPresent(getFrameLength()))
    length = getStaticInt(getFrameLength());
  else if (isPresent(getWindow()))
    if (RankedTensorType window = rankedType(getWindow()))
      if (window.getRank() == 1 && !window.isDynamicDim(0))
        length = window.getDimSize(0);
  if (length && failed(wantVector(*this, getWindow(), Size::of(*length), "window")))
    return failure();
  if (signal && signal.getRank() == 3 && !signal.isDynamicDim(2) &&
      failed(wantRange(*this, signal.getDimSize(2), 1, 2, "last dim of signal")))
    return failure();
  if (length && signal &&
      failed(atMost(*this, Size::of(*length), Size::of(getSignal(), 1),
                    "frame_length")))
    return failure();
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
  if (failed(wantAttrType(*this, "output_datatype")))
    return failure();
  for (auto [operand, name, least] :
       {std::tuple(getNumMelBins(), "num_mel_bins", 0),
        std::tuple(getDftLength(), "dft_length", 0),
        std::tuple(getSampleRate(), "sample_rate", 1),
        std::tuple(getLowerEdgeHertz(), "lower_edge_hertz", 0),
        std::tuple(getUpperEdgeHertz(), "upper_edge_hertz", 0)})
    if (failed(wantScalar(*this, operand, name)) ||
        failed(wantIntRange(*this, operand, least, INT32_MAX, name)))
      return failure();
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
