//===- InferWindow.cpp - shapes of convolutions and pooling --------------===//
//
// Shape rules and verifiers of Convolution.td, Pooling.td and the quantised
// convolutions. With layout "NHWC" images have their channels last; weights
// keep the order of ONNX (M, C, spatial...).
//
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace onnxc::onnx {
namespace {

// The window attributes that all these ops have, with their defaults filled in.
struct Window {
  StringRef autoPad = "NOTSET";
  bool channelsLast = false, ceilMode = false;
  std::optional<Dims> kernel; // as the attribute says
  Dims strides, dilations, pads;

  int64_t spatialStart() const { return channelsLast ? 1 : 2; }
  int64_t channelDim(int64_t rank) const {
    return channelsLast ? rank - 1 : 1;
  }
};

std::optional<Dims> arrayAttr(Operation *op, StringRef name) {
  auto attr = op->getAttrOfType<DenseI64ArrayAttr>(name);
  if (!attr)
    return std::nullopt;
  return Dims(attr.asArrayRef());
}

Window windowOf(Operation *op, int64_t spatialRank) {
  Window w;
  if (auto autoPad = op->getAttrOfType<StringAttr>("auto_pad"))
    w.autoPad = autoPad.getValue();
  if (auto layout = op->getAttrOfType<StringAttr>("layout"))
    w.channelsLast = layout.getValue() == "NHWC";
  w.ceilMode = intAttr(op, "ceil_mode", 0) != 0;
  w.kernel = arrayAttr(op, "kernel_shape");
  w.strides = arrayAttr(op, "strides").value_or(Dims(spatialRank, 1));
  w.dilations = arrayAttr(op, "dilations").value_or(Dims(spatialRank, 1));
  w.pads = arrayAttr(op, "pads").value_or(Dims(2 * spatialRank, 0));
  return w;
}

// Attribute lengths and ranges. Without a known rank of `image` the lengths
// have to agree with each other only.
LogicalResult verifyWindow(Operation *op, Value image, Value weights = {}) {
  int64_t spatialRank = -1;
  for (auto [value, name] : {std::pair(image, "the image"),
                             std::pair(weights, "the weights")}) {
    RankedTensorType type = value ? rankedType(value) : nullptr;
    if (!type)
      continue;
    if (failed(wantRank(op, value, 3, INT64_MAX, name)) ||
        (spatialRank >= 0 &&
         failed(wantRank(op, value, spatialRank + 2, name))))
      return failure();
    spatialRank = type.getRank() - 2;
  }
  struct Attr {
    StringRef name;
    int64_t perDim, least;
  };
  for (Attr attr : {Attr{"kernel_shape", 1, 1}, Attr{"strides", 1, 1},
                    Attr{"dilations", 1, 1}, Attr{"pads", 2, 0}}) {
    std::optional<Dims> list = arrayAttr(op, attr.name);
    if (!list)
      continue;
    if (spatialRank < 0 && list->size() % attr.perDim == 0)
      spatialRank = list->size() / attr.perDim;
    if (failed(wantAttrLength(op, attr.name, attr.perDim * spatialRank)) ||
        failed(wantAttrRange(op, attr.name, attr.least)))
      return failure();
  }
  return success(
      succeeded(wantAttrWord(
          op, "auto_pad", {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"})) &&
      succeeded(wantAttrWord(op, "layout", {"NCHW", "NHWC"})) &&
      succeeded(wantAttrRange(op, "group", 1)) &&
      succeeded(wantAttrRange(op, "p", 1)));
}

// Number of window positions along spatial dim `k`.
FailureOr<int64_t> windowCount(Operation *op, const Window &w, size_t k,
                               int64_t size, int64_t kernel) {
  int64_t stride = w.strides[k];
  if (isDynamic(size))
    return kDynamic;
  if (w.autoPad == "SAME_UPPER" || w.autoPad == "SAME_LOWER")
    return (size + stride - 1) / stride;
  if (isDynamic(kernel))
    return kDynamic;
  bool padded = w.autoPad != "VALID";
  int64_t begin = padded ? w.pads[k] : 0;
  int64_t end = padded ? w.pads[k + w.strides.size()] : 0;
  int64_t span = (kernel - 1) * w.dilations[k] + 1;
  int64_t room = size + begin + end - span;
  if (room < 0)
    return op->emitOpError() << "window along spatial dim " << k << ": got "
                             << span << ", wanted at most "
                             << size + begin + end << " (the padded size)";
  int64_t count = room / stride + 1;
  // Rounding up may not add a window that starts in the padding at the end.
  if (w.ceilMode && room % stride != 0 && count * stride < size + begin)
    ++count;
  return count;
}

LogicalResult windowShape(Operation *op, const Window &w, RankedTensorType in,
                          ArrayRef<int64_t> kernel, int64_t channels,
                          Dims &dims) {
  dims.assign(in.getShape().begin(), in.getShape().end());
  dims[w.channelDim(in.getRank())] = channels;
  for (size_t k = 0; k < kernel.size(); ++k) {
    int64_t &dim = dims[w.spatialStart() + k];
    FailureOr<int64_t> count = windowCount(op, w, k, dim, kernel[k]);
    if (failed(count))
      return failure();
    dim = *count;
  }
  return success();
}

// Kernel sizes from the weights, or from the attribute without their shape.
FailureOr<Dims> kernelOf(Operation *op, const Window &w, Value weights,
                         int64_t spatialRank) {
  Dims kernel = w.kernel.value_or(Dims(spatialRank, kDynamic));
  if (rankedType(weights))
    for (int64_t k = 0; k < spatialRank; ++k) {
      FailureOr<int64_t> dim =
          sameDim(op, Size::of(kernel[k]), Size::of(weights, k + 2),
                  "kernel_shape");
      if (failed(dim))
        return failure();
      kernel[k] = *dim;
    }
  return kernel;
}

LogicalResult inferConvolution(Operation *op, Value x, Value weights,
                               Value bias, Type elem, TypeList &types) {
  RankedTensorType in = rankedType(x), w = rankedType(weights);
  if (!in) {
    types[0] = w ? tensorOf(elem, Dims(w.getRank(), kDynamic))
                 : unrankedOf(elem);
    return success();
  }
  int64_t spatialRank = in.getRank() - 2;
  Window window = windowOf(op, spatialRank);
  FailureOr<Dims> kernel = kernelOf(op, window, weights, spatialRank);
  if (failed(kernel))
    return failure();
  int64_t group = intAttr(op, "group", 1);
  if (w && failed(sameDim(op, Size::of(x, window.channelDim(in.getRank())),
                          Size::of(weights, 1, group), "channels")))
    return failure();
  if (w && !isDynamic(w.getDimSize(0)) && w.getDimSize(0) % group != 0)
    return op->emitOpError() << "dim 0 of the weights: got " << w.getDimSize(0)
                             << ", wanted a multiple of group " << group;
  if (w && bias && failed(wantVector(op, bias, Size::of(weights, 0), "B")))
    return failure();
  Dims dims;
  if (failed(windowShape(op, window, in, *kernel,
                         w ? w.getDimSize(0) : kDynamic, dims)))
    return failure();
  types[0] = tensorOf(elem, dims);
  return success();
}

} // namespace

//===-- Convolutions

LogicalResult ConvOp::verify() { return verifyWindow(*this, getX(), getW()); }
LogicalResult ConvIntegerOp::verify() {
  return verifyWindow(*this, getX(), getW());
}
LogicalResult QLinearConvOp::verify() {
  return verifyWindow(*this, getX(), getW());
}
LogicalResult ConvTransposeOp::verify() {
  if (failed(verifyWindow(*this, getX(), getW())) ||
      failed(wantAttrRange(*this, "output_padding", 0)) ||
      failed(wantAttrRange(*this, "output_shape", 0)))
    return failure();
  return success();
}

// Scales and zero points of quantised convolutions: one of the images, one or
// one per output channel of the weights.
static LogicalResult wantConvParameters(Operation *op) {
  SmallVector<std::pair<Value, StringRef>> images, kernels;
  Value weights;
  if (auto conv = dyn_cast<QLinearConvOp>(op)) {
    weights = conv.getW();
    images = {{conv.getXScale(), "x_scale"},
              {conv.getXZeroPoint(), "x_zero_point"},
              {conv.getYScale(), "y_scale"},
              {conv.getYZeroPoint(), "y_zero_point"}};
    kernels = {{conv.getWScale(), "w_scale"},
               {conv.getWZeroPoint(), "w_zero_point"}};
  } else if (auto conv = dyn_cast<ConvIntegerOp>(op)) {
    weights = conv.getW();
    images = {{conv.getXZeroPoint(), "x_zero_point"}};
    kernels = {{conv.getWZeroPoint(), "w_zero_point"}};
  }
  for (auto [value, name] : images)
    if (failed(wantScalar(op, value, name)))
      return failure();
  for (auto [value, name] : kernels)
    if (rankedType(weights) &&
        failed(wantBroadcastTo(op, value, {Size::of(weights, 0)}, name)))
      return failure();
  return success();
}

LogicalResult inferConv(Operation *op, TypeList &types) {
  if (failed(wantConvParameters(op)))
    return failure();
  if (auto conv = dyn_cast<QLinearConvOp>(op))
    return inferConvolution(op, conv.getX(), conv.getW(), conv.getB(),
                            getElementTypeOrSelf(conv.getYZeroPoint()), types);
  Type elem = isa<ConvIntegerOp>(op)
                  ? Type(IntegerType::get(op->getContext(), 32))
                  : getElementTypeOrSelf(op->getOperand(0));
  // What ConvInteger has there is the zero point of x.
  Value bias = isa<ConvOp>(op) ? op->getOperand(2) : Value();
  return inferConvolution(op, op->getOperand(0), op->getOperand(1), bias, elem,
                          types);
}

LogicalResult DeformConvOp::verify() {
  if (failed(verifyWindow(*this, getX(), getW())) ||
      failed(wantAttrRange(*this, "offset_group", 1)))
    return failure();
  return success();
}

// Offsets [N, offset_group * 2 * taps, output...], the mask half of that.
LogicalResult DeformConvOp::inferShapes(TypeList &types) {
  if (failed(inferConvolution(*this, getX(), getW(), getB(),
                              getElementTypeOrSelf(getX()), types)))
    return failure();
  RankedTensorType in = rankedType(getX()), weights = rankedType(getW());
  if (!in || !weights)
    return success();
  bool last = getLayout() == "NHWC";
  int64_t rank = in.getRank(), groups = int64_t(getOffsetGroup());
  int64_t channels = in.getDimSize(last ? rank - 1 : 1);
  if (!isDynamic(channels) && channels % groups != 0)
    return emitOpError() << "channels: got " << channels
                         << ", wanted a multiple of offset_group " << groups;
  int64_t taps = product(weights.getShape().drop_front(2));
  ArrayRef<int64_t> out = cast<RankedTensorType>(types[0]).getShape();
  auto shape = [&](int64_t perTap) {
    Sizes dims = {Size::of(getX(), 0),
                  Size::of(mulDims(mulDims(groups, perTap), taps))};
    for (int64_t dim : out.slice(last ? 1 : 2, rank - 2))
      dims.push_back(Size::of(dim));
    return dims;
  };
  // The channels of offsets and mask are second in either layout.
  return success(succeeded(wantShape(*this, getOffset(), shape(2), "offset")) &&
                 succeeded(wantShape(*this, getMask(), shape(1), "mask")));
}

LogicalResult ConvTransposeOp::inferShapes(TypeList &types) {
  RankedTensorType in = rankedType(getX()), weights = rankedType(getW());
  Type elem = getElementTypeOrSelf(getX());
  if (!in) {
    types[0] = weights ? tensorOf(elem, Dims(weights.getRank(), kDynamic))
                       : unrankedOf(elem);
    return success();
  }
  int64_t rank = in.getRank(), spatialRank = rank - 2;
  Window w = windowOf(*this, spatialRank);
  FailureOr<Dims> kernel = kernelOf(*this, w, getW(), spatialRank);
  if (failed(kernel))
    return failure();
  std::optional<Dims> shape = arrayAttr(*this, "output_shape");
  Dims extra =
      arrayAttr(*this, "output_padding").value_or(Dims(spatialRank, 0));
  // Some models list batch and channels in output_shape too.
  if (shape && int64_t(shape->size()) == rank)
    shape->erase(shape->begin(), shape->begin() + 2);
  for (const Dims *list : {shape ? &*shape : &extra, &extra})
    if (int64_t(list->size()) != spatialRank)
      return emitOpError()
             << "length of output_shape or output_padding: got "
             << list->size() << ", wanted " << spatialRank;

  Size channels = Size::of(getX(), w.channelDim(rank));
  int64_t group = int64_t(getGroup());
  if (weights &&
      (failed(sameDim(*this, channels, Size::of(getW(), 0), "channels")) ||
       failed(wantVector(*this, getB(), Size::of(getW(), 1, group), "B"))))
    return failure();
  if (!isDynamic(channels.value()) && channels.value() % group != 0)
    return emitOpError() << "channels: got " << channels.value()
                         << ", wanted a multiple of group " << group;

  Dims dims(in.getShape());
  dims[w.channelDim(rank)] =
      weights ? mulDims(weights.getDimSize(1), int64_t(getGroup())) : kDynamic;
  for (int64_t k = 0; k < spatialRank; ++k) {
    int64_t &dim = dims[w.spatialStart() + k];
    if (shape) {
      dim = (*shape)[k];
    } else if (w.autoPad == "SAME_UPPER" || w.autoPad == "SAME_LOWER") {
      dim = mulDims(dim, w.strides[k]);
    } else if (isDynamic(dim) || isDynamic((*kernel)[k])) {
      dim = kDynamic;
    } else {
      int64_t pads =
          w.autoPad == "VALID" ? 0 : w.pads[k] + w.pads[k + spatialRank];
      dim = w.strides[k] * (dim - 1) + extra[k] +
            ((*kernel)[k] - 1) * w.dilations[k] + 1 - pads;
      if (dim < 0)
        return emitOpError() << "spatial dim " << k << ": got " << dim
                             << " after padding, wanted 0 or more";
    }
  }
  types[0] = tensorOf(elem, dims);
  return success();
}

// Blocks of a block_shape at every place of the padded image, as columns.
static LogicalResult wantColumns(Col2ImOp op, const Dims &image,
                                 const Dims &block) {
  RankedTensorType in = rankedType(op.getInput());
  size_t rank = image.size();
  Window w = windowOf(op, int64_t(rank));
  if (block.size() != rank)
    return op.emitOpError() << "length of block_shape: got " << block.size()
                            << ", wanted " << rank << " as of image_shape";
  for (auto [name, perDim, least] :
       {std::tuple("strides", 1, 1), std::tuple("dilations", 1, 1),
        std::tuple("pads", 2, 0)})
    if (failed(wantAttrLength(op, name, perDim * int64_t(rank))) ||
        failed(wantAttrRange(op, name, least)))
      return failure();
  int64_t places = 1;
  for (size_t k = 0; k < rank; ++k) {
    if (!isDynamic(image[k]) &&
        failed(wantRange(op, image[k], 0, INT32_MAX, "image_shape")))
      return failure();
    if (!isDynamic(block[k]) &&
        failed(wantRange(op, block[k], 1, INT32_MAX, "block_shape")))
      return failure();
    FailureOr<int64_t> count = windowCount(op, w, k, image[k], block[k]);
    if (failed(count))
      return failure();
    places = mulDims(places, *count);
  }
  if (!in)
    return success();
  int64_t first = in.getRank() - 2; // without or with a batch
  int64_t taps = product(block), columns = in.getDimSize(first);
  if (!isDynamic(taps) && !isDynamic(columns) && columns % taps != 0)
    return op.emitOpError() << "dim " << first << " of input: got " << columns
                            << ", wanted a multiple of the block's " << taps;
  return LogicalResult(sameDim(op, Size::of(op.getInput(), first + 1),
                               Size::of(places), "number of blocks"));
}

LogicalResult Col2ImOp::inferShapes(TypeList &types) {
  Type elem = getElementTypeOrSelf(getInput());
  RankedTensorType in = rankedType(getInput());
  std::optional<Dims> image = getKnownInts(getImageShape());
  std::optional<Dims> block = getKnownInts(getBlockShape());
  if (failed(wantRank(*this, getInput(), 2, 3, "input")) ||
      failed(wantRank(*this, getImageShape(), 1, "image_shape")) ||
      failed(wantRank(*this, getBlockShape(), 1, "block_shape")) ||
      (image && block && failed(wantColumns(*this, *image, *block))))
    return failure();
  if (!image) {
    types[0] = unrankedOf(elem);
    return success();
  }
  Dims dims(2, kDynamic);
  if (in && in.getRank() == 3) {
    dims[0] = in.getDimSize(0);
    int64_t size = block ? product(*block) : kDynamic;
    int64_t columns = in.getDimSize(1);
    if (!isDynamic(size) && size > 0 && !isDynamic(columns))
      dims[1] = columns / size;
  }
  dims.append(*image);
  types[0] = tensorOf(elem, dims);
  return success();
}

//===-- Pooling

LogicalResult AveragePoolOp::verify() { return verifyWindow(*this, getX()); }
LogicalResult LpPoolOp::verify() { return verifyWindow(*this, getX()); }
LogicalResult MaxPoolOp::verify() { return verifyWindow(*this, getX()); }

LogicalResult inferPool(Operation *op, TypeList &types) {
  RankedTensorType in = rankedType(op->getOperand(0));
  Type elem = getElementTypeOrSelf(op->getOperand(0));
  types[0] = unrankedOf(elem);
  if (!in)
    return success();
  Window w = windowOf(op, in.getRank() - 2);
  Dims dims;
  if (failed(windowShape(op, w, in, *w.kernel,
                         in.getDimSize(w.channelDim(in.getRank())), dims)))
    return failure();
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult MaxPoolOp::inferShapes(TypeList &types) {
  if (failed(inferPool(*this, types)))
    return failure();
  types[1] = withElement(types[0], IntegerType::get(getContext(), 64));
  return success();
}

LogicalResult inferGlobalPool(Operation *op, TypeList &types) {
  RankedTensorType in = rankedType(op->getOperand(0));
  if (!in)
    return success();
  if (failed(wantRank(op, op->getOperand(0), 2, INT64_MAX, "X")) ||
      failed(wantAttrRange(op, "p", 1)))
    return failure();
  Window w = windowOf(op, in.getRank() - 2);
  Dims dims(in.getRank(), 1);
  dims[0] = in.getDimSize(0);
  int64_t channel = w.channelDim(in.getRank());
  dims[channel] = in.getDimSize(channel);
  types[0] = tensorOf(in.getElementType(), dims);
  return success();
}

LogicalResult MaxUnpoolOp::verify() { return verifyWindow(*this, getX()); }

// Indices that are constants lie in the result.
static LogicalResult wantPlaces(MaxUnpoolOp op, Type result) {
  auto type = dyn_cast<RankedTensorType>(result);
  std::optional<Dims> known = getKnownInts(op.getI());
  if (!type || !type.hasStaticShape() || !known)
    return success();
  int64_t elements = product(type.getShape());
  for (int64_t index : *known)
    if (!isDynamic(index) &&
        failed(wantRange(op, index, 0, elements - 1, "I")))
      return failure();
  return success();
}

LogicalResult MaxUnpoolOp::inferShapes(TypeList &types) {
  RankedTensorType in = rankedType(getX());
  Type elem = getElementTypeOrSelf(getX());
  if (failed(wantSameShape(*this, getI(), getX(), "I")) ||
      failed(wantRank(*this, getOutputShape(), 1, "output_shape")))
    return failure();
  if (isPresent(getOutputShape())) {
    std::optional<Dims> shape = getKnownInts(getOutputShape());
    if (in && shape) {
      Sizes same = {Size::of(getX(), 0), Size::of(getX(), 1)};
      if (int64_t(shape->size()) != in.getRank())
        return emitOpError() << "length of output_shape: got " << shape->size()
                             << ", wanted " << in.getRank();
      for (size_t k = 0; k < 2 && getLayout() == "NCHW"; ++k)
        if (failed(sameDim(*this, Size::of((*shape)[k]), same[k],
                           "output_shape[" + Twine(k) + "]")))
          return failure();
    }
    types[0] = shape ? tensorOf(elem, *shape) : unrankedOf(elem);
    return wantPlaces(*this, types[0]);
  }
  if (!in)
    return success();
  Window w = windowOf(*this, in.getRank() - 2);
  int64_t spatialRank = in.getRank() - 2;
  Dims dims(in.getShape());
  for (int64_t k = 0; k < spatialRank; ++k) {
    int64_t &dim = dims[w.spatialStart() + k];
    if (!isDynamic(dim))
      dim = (dim - 1) * w.strides[k] + (*w.kernel)[k] - w.pads[k] -
            w.pads[k + spatialRank];
  }
  types[0] = tensorOf(elem, dims);
  return wantPlaces(*this, types[0]);
}

} // namespace onnxc::onnx
