// How large sizes known at run time can get. Sizes are arithmetic on dims of
// the inputs; each op says what range its result has (InferIntRangeInterface).
#include "passes/memory/SizeBounds.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace onnxc {

static ConstantIntRanges unknown(Type type) { return ConstantIntRanges::maxRange(ConstantIntRanges::getStorageBitwidth(type)); }

static ConstantIntRanges between(int64_t low, int64_t high) {
  return ConstantIntRanges::fromSigned(APInt(64, uint64_t(low), true), APInt(64, uint64_t(high), true));
}

/// An extent that nothing is known about.
static ConstantIntRanges anyExtent() { return between(0, INT64_MAX); }

std::optional<std::vector<int64_t>> SizeBounds::mostDims(Value memref) {
  std::vector<int64_t> dims;
  for (int64_t d = 0, rank = cast<MemRefType>(memref.getType()).getRank(); d < rank; ++d) {
    int64_t most = dimRange(memref, unsigned(d)).smax().getSExtValue();
    if (most == INT64_MAX)
      return std::nullopt;
    dims.push_back(std::max<int64_t>(most, 0));
  }
  return dims;
}

ConstantIntRanges SizeBounds::rangeOf(Value value) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  ConstantIntRanges range = infer(value);
  known.try_emplace(value, range);
  return range;
}

ConstantIntRanges SizeBounds::rangeOf(OpFoldResult size) {
  if (auto n = getConstantIntValue(size))
    return between(*n, *n);
  return rangeOf(cast<Value>(size));
}

ConstantIntRanges SizeBounds::infer(Value value) {
  if (auto dim = value.getDefiningOp<memref::DimOp>()) {
    auto index = dim.getConstantIndex();
    return index ? dimRange(dim.getSource(), unsigned(*index)) : anyExtent();
  }
  auto op = value.getDefiningOp<InferIntRangeInterface>();
  if (!op)
    return unknown(value.getType());
  SmallVector<ConstantIntRanges> operands;
  for (Value operand : op->getOperands()) {
    if (!operand.getType().isIntOrIndex())
      return unknown(value.getType());
    operands.push_back(rangeOf(operand));
  }
  ConstantIntRanges range = unknown(value.getType());
  op.inferResultRanges(operands, [&](Value result, const ConstantIntRanges &of) {
    if (result == value)
      range = of;
  });
  return range;
}

ConstantIntRanges SizeBounds::dimRange(Value memref, unsigned dim) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  if (!type)
    return anyExtent();
  if (!type.isDynamicDim(dim))
    return between(type.getDimSize(dim), type.getDimSize(dim));
  if (auto arg = dyn_cast<BlockArgument>(memref)) {
    unsigned i = arg.getArgNumber();
    if (arg.getOwner() != &main.getBody().front() || i >= inputs.size() || dim >= inputs[i].size())
      return anyExtent();
    return between(inputs[i][dim].low, inputs[i][dim].high);
  }
  Operation *op = memref.getDefiningOp();
  if (auto alloc = dyn_cast<memref::AllocOp>(op))
    return rangeOf(alloc.getMixedSizes()[dim]);
  if (auto cast = dyn_cast<memref::CastOp>(op))
    return dimRange(cast.getSource(), dim);
  if (auto expand = dyn_cast<memref::ExpandShapeOp>(op))
    return rangeOf(expand.getMixedOutputShape()[dim]);
  if (auto view = dyn_cast<memref::SubViewOp>(op); view && view.getSourceType().getRank() == type.getRank())
    return rangeOf(view.getMixedSizes()[dim]);
  if (auto view = dyn_cast<memref::ReinterpretCastOp>(op))
    return rangeOf(view.getMixedSizes()[dim]);
  if (auto collapse = dyn_cast<memref::CollapseShapeOp>(op)) {
    int64_t most = 1;
    for (int64_t part : collapse.getReassociationIndices()[dim]) {
      int64_t extent = std::max<int64_t>(0, dimRange(collapse.getSrc(), unsigned(part)).smax().getSExtValue());
      if (extent == INT64_MAX || llvm::MulOverflow(most, extent, most))
        return anyExtent();
    }
    return between(0, most);
  }
  return anyExtent();
}

} // namespace onnxc
