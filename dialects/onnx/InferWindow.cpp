//===- InferWindow.cpp - shapes of convolutions and pooling --------------===//
//
// Shape rules and verifiers of Convolution.td, Pooling.td and the quantised
// convolutions. With layout "NHWC" images have their channels last; weights
// keep the order of ONNX (M, C, spatial...).
//
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

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
  for (Value value : {image, weights}) {
    RankedTensorType type = value ? rankedType(value) : nullptr;
    if (!type)
      continue;
    if (type.getRank() < 3)
      return op->emitOpError()
             << "operand rank: got " << type.getRank() << ", wanted 3 or more";
    if (spatialRank >= 0 && spatialRank != type.getRank() - 2)
      return op->emitOpError() << "rank of the weights: got " << type.getRank()
                               << ", wanted " << spatialRank + 2;
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
    if (int64_t(list->size()) != attr.perDim * spatialRank)
      return op->emitOpError()
             << "length of " << attr.name << ": got " << list->size()
             << ", wanted " << attr.perDim * spatialRank;
    for (int64_t entry : *list)
      if (entry < attr.least)
        return op->emitOpError() << attr.name << ": got " << entry
                                 << ", wanted " << attr.least << " or more";
      else if (entry > INT32_MAX)
        return op->emitOpError() << attr.name << ": got " << entry
                                 << ", wanted at most " << INT32_MAX;
  }
  if (auto autoPad = op->getAttrOfType<StringAttr>("auto_pad"))
    if (!llvm::is_contained({"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"},
                            autoPad.getValue()))
      return op->emitOpError()
             << "auto_pad: got '" << autoPad.getValue()
             << "', wanted NOTSET, SAME_UPPER, SAME_LOWER or VALID";
  if (auto layout = op->getAttrOfType<StringAttr>("layout"))
    if (layout.getValue() != "NCHW" && layout.getValue() != "NHWC")
      return op->emitOpError() << "layout: got '" << layout.getValue()
                               << "', wanted NCHW or NHWC";
  if (intAttr(op, "group", 1) < 1)
    return op->emitOpError() << "group: got " << intAttr(op, "group", 1)
                             << ", wanted 1 or more";
  return success();
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
FailureOr<Dims> kernelOf(Operation *op, const Window &w,
                         RankedTensorType weights, int64_t spatialRank) {
  Dims kernel = w.kernel.value_or(Dims(spatialRank, kDynamic));
  if (weights)
    for (int64_t k = 0; k < spatialRank; ++k) {
      FailureOr<int64_t> dim = sameDim(op, weights.getDimSize(k + 2), kernel[k],
                                       "kernel_shape");
      if (failed(dim))
        return failure();
      kernel[k] = *dim;
    }
  return kernel;
}

LogicalResult inferConvolution(Operation *op, Value x, Value weights, Type elem,
                               TypeList &types) {
  RankedTensorType in = rankedType(x), w = rankedType(weights);
  if (!in) {
    types[0] = w ? tensorOf(elem, Dims(w.getRank(), kDynamic))
                 : unrankedOf(elem);
    return success();
  }
  int64_t spatialRank = in.getRank() - 2;
  Window window = windowOf(op, spatialRank);
  FailureOr<Dims> kernel = kernelOf(op, window, w, spatialRank);
  if (failed(kernel))
    return failure();
  int64_t channels = in.getDimSize(window.channelDim(in.getRank()));
  int64_t group = intAttr(op, "group", 1);
  if (w && !isDynamic(channels) && !isDynamic(w.getDimSize(1)) &&
      channels != w.getDimSize(1) * group)
    return op->emitOpError() << "channels: got " << channels << ", wanted "
                             << w.getDimSize(1) * group
                             << " (dim 1 of the weights times group)";
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
  return verifyWindow(*this, getX(), getW());
}

LogicalResult inferConv(Operation *op, TypeList &types) {
  if (auto conv = dyn_cast<QLinearConvOp>(op))
    return inferConvolution(op, conv.getX(), conv.getW(),
                            getElementTypeOrSelf(conv.getYZeroPoint()), types);
  Type elem = isa<ConvIntegerOp>(op)
                  ? Type(IntegerType::get(op->getContext(), 32))
                  : getElementTypeOrSelf(op->getOperand(0));
  return inferConvolution(op, op->getOperand(0), op->getOperand(1), elem,
                          types);
}

LogicalResult DeformConvOp::inferShapes(TypeList &types) {
  return inferConvolution(*this, getX(), getW(), getElementTypeOrSelf(getX()),
                          types);
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
  FailureOr<Dims> kernel = kernelOf(*this, w, weights, spatialRank);
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

LogicalResult Col2ImOp::inferShapes(TypeList &types) {
  Type elem = getElementTypeOrSelf(getInput());
  RankedTensorType in = rankedType(getInput());
  std::optional<Dims> image = getKnownInts(getImageShape());
  std::optional<Dims> block = getKnownInts(getBlockShape());
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
  if (in.getRank() < 2)
    return op->emitOpError()
           << "operand rank: got " << in.getRank() << ", wanted 2 or more";
  Window w = windowOf(op, in.getRank() - 2);
  Dims dims(in.getRank(), 1);
  dims[0] = in.getDimSize(0);
  int64_t channel = w.channelDim(in.getRank());
  dims[channel] = in.getDimSize(channel);
  types[0] = tensorOf(in.getElementType(), dims);
  return success();
}

LogicalResult MaxUnpoolOp::inferShapes(TypeList &types) {
  RankedTensorType in = rankedType(getX());
  Type elem = getElementTypeOrSelf(getX());
  if (isPresent(getOutputShape())) {
    std::optional<Dims> shape = getKnownInts(getOutputShape());
    types[0] = shape ? tensorOf(elem, *shape) : unrankedOf(elem);
    return success();
  }
  if (!in)
    return success();
  Window w = windowOf(*this, in.getRank() - 2);
  int64_t spatialRank = in.getRank() - 2;
  if (int64_t(w.kernel->size()) != spatialRank ||
      int64_t(w.strides.size()) != spatialRank ||
      int64_t(w.pads.size()) != 2 * spatialRank)
    return emitOpError() << "length of kernel_shape, strides or pads: wanted "
                         << spatialRank << " per side";
  Dims dims(in.getShape());
  for (int64_t k = 0; k < spatialRank; ++k) {
    int64_t &dim = dims[w.spatialStart() + k];
    if (!isDynamic(dim))
      dim = (dim - 1) * w.strides[k] + (*w.kernel)[k] - w.pads[k] -
            w.pads[k + spatialRank];
  }
  types[0] = tensorOf(elem, dims);
  return success();
}

} // namespace onnxc::onnx
