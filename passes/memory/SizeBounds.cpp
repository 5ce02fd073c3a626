// How large sizes known at run time can get. Sizes are arithmetic on dims of
// the inputs; each op says what range its result has (InferIntRangeInterface).
#include "passes/memory/SizeBounds.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace onnxc {

using Range = std::optional<ConstantIntRanges>;

static ConstantIntRanges between(int64_t low, int64_t high) {
  return ConstantIntRanges::fromSigned(APInt(64, uint64_t(low), true), APInt(64, uint64_t(high), true));
}

std::optional<std::vector<int64_t>> SizeBounds::mostDims(Value memref) {
  std::vector<int64_t> dims;
  for (int64_t d = 0, rank = cast<MemRefType>(memref.getType()).getRank(); d < rank; ++d) {
    Range range = dimRange(memref, unsigned(d));
    if (!range || range->smax().isMaxSignedValue())
      return std::nullopt;
    dims.push_back(std::max<int64_t>(range->smax().getSExtValue(), 0));
  }
  return dims;
}

Range SizeBounds::rangeOf(Value value) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  Range range = infer(value);
  known.try_emplace(value, range);
  return range;
}

Range SizeBounds::rangeOf(OpFoldResult size) {
  if (auto n = getConstantIntValue(size))
    return between(*n, *n);
  return rangeOf(cast<Value>(size));
}

Range SizeBounds::infer(Value value) {
  if (auto dim = value.getDefiningOp<memref::DimOp>()) {
    auto index = dim.getConstantIndex();
    return index ? dimRange(dim.getSource(), unsigned(*index)) : std::nullopt;
  }
  auto op = value.getDefiningOp<InferIntRangeInterface>();
  if (!op)
    return std::nullopt;
  SmallVector<ConstantIntRanges> operands;
  for (Value operand : op->getOperands()) {
    Range range = operand.getType().isIntOrIndex() ? rangeOf(operand) : std::nullopt;
    // All of them, for a minimum too: models clamp to the largest numbers there are.
    if (!range)
      return std::nullopt;
    operands.push_back(*range);
  }
  Range range;
  op.inferResultRanges(operands, [&](Value result, const ConstantIntRanges &of) {
    if (result == value)
      range = of;
  });
  return range;
}

Range SizeBounds::dimRange(Value memref, unsigned dim) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  if (!type || dim >= type.getRank())
    return std::nullopt;
  if (!type.isDynamicDim(dim))
    return between(type.getDimSize(dim), type.getDimSize(dim));
  if (auto arg = dyn_cast<BlockArgument>(memref)) {
    unsigned i = arg.getArgNumber();
    if (arg.getOwner() != &main.getBody().front() || i >= inputs.size() || dim >= inputs[i].size() || !inputs[i][dim].isBounded())
      return std::nullopt;
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
    auto groups = collapse.getReassociationIndices();
    for (int64_t part : groups[dim]) {
      Range extent = dimRange(collapse.getSrc(), unsigned(part));
      if (!extent || llvm::MulOverflow(most, std::max<int64_t>(0, extent->smax().getSExtValue()), most))
        return std::nullopt;
    }
    return between(0, most);
  }
  return std::nullopt;
}

} // namespace onnxc
