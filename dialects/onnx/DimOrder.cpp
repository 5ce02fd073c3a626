//===- DimOrder.cpp - ops that compute in any order of dims ---------------===//
//
// The interface DimOrder: axes in attributes, in constant operands, and entries
// given per dim.
//
#include "dialects/onnx/DimOrder.h"
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

using namespace mlir;

namespace onnxc::onnx {

int64_t renamedAxis(int64_t axis, ArrayRef<int64_t> place) {
  int64_t rank = place.size(), from = axis < 0 ? axis + rank : axis;
  return from >= 0 && from < rank ? place[from] : axis;
}

// An i64 vector of constants in place of what an operand is.
static void setInts(Operation *op, unsigned operand, OpBuilder &b, ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, b.getI64Type());
  op->setOperand(operand, ConstantOp::create(b, op->getLoc(), DenseIntElementsAttr::get(type, values)));
}

// Entries given per dim, in `parts` runs of rank, move with their dims.
template <typename T>
static SmallVector<T> moved(ArrayRef<T> values, int64_t parts, ArrayRef<int64_t> place) {
  SmallVector<T> to(values);
  int64_t rank = place.size();
  if (int64_t(values.size()) == rank * parts)
    for (int64_t p = 0; p < parts; ++p)
      for (int64_t i = 0; i < rank; ++i)
        to[p * rank + place[i]] = values[p * rank + i];
  return to;
}

// An operand from index `first` on is computed.
static bool computedFrom(Operation *op, unsigned first) {
  return llvm::any_of(op->getOperands().drop_front(first),
                      [](Value v) { return isPresent(v) && !v.getDefiningOp<ConstantOp>(); });
}

void renameAxesOperand(Operation *op, unsigned operand, OpBuilder &b, ArrayRef<int64_t> place) {
  auto axes = getStaticInts(op->getOperand(operand));
  if (!axes)
    return;
  for (int64_t &axis : *axes)
    axis = renamedAxis(axis, place);
  setInts(op, operand, b, *axes);
}

bool reductionAcceptsDimOrder(Operation *op) {
  RankedTensorType type = rankedType(op->getOperand(0));
  auto axes = isPresent(op->getOperand(1)) ? getStaticInts(op->getOperand(1)) : std::nullopt;
  if (!type || !axes || axes->empty() || !op->getOperand(1).getDefiningOp<ConstantOp>())
    return false;
  if (intAttr(op, "keepdims", 1))
    return true;
  int64_t rank = type.getRank(), spatial = 0;
  SmallVector<bool> gone(rank, false);
  for (int64_t a : *axes)
    gone[a < 0 ? a + rank : a] = true;
  for (int64_t i = 2; i < rank; ++i)
    spatial += gone[i];
  return gone[1] || spatial == rank - 2;
}

//===-- Axes in attributes

void ConcatOp::permuteDims(OpBuilder &, ArrayRef<int64_t> place) { setAxis(renamedAxis(getAxis(), place)); }
bool ConcatOp::operandsShareDims() { return true; }

void SplitOp::permuteDims(OpBuilder &, ArrayRef<int64_t> place) { setAxis(renamedAxis(getAxis(), place)); }

bool QuantizeLinearOp::acceptsDimOrder() { return getBlockSize() == 0; }
void QuantizeLinearOp::permuteDims(OpBuilder &, ArrayRef<int64_t> place) { setAxis(renamedAxis(getAxis(), place)); }

bool DequantizeLinearOp::acceptsDimOrder() { return getBlockSize() == 0; }
void DequantizeLinearOp::permuteDims(OpBuilder &, ArrayRef<int64_t> place) { setAxis(renamedAxis(getAxis(), place)); }

//===-- Axes in operands

bool SliceOp::acceptsDimOrder() { return !computedFrom(*this, 1) && isPresent(getAxes()); }
void SliceOp::permuteDims(OpBuilder &b, ArrayRef<int64_t> place) { renameAxesOperand(*this, 3, b, place); }

bool PadOp::acceptsDimOrder() { return !computedFrom(*this, 1); }
void PadOp::permuteDims(OpBuilder &b, ArrayRef<int64_t> place) {
  if (isPresent(getAxes()))
    renameAxesOperand(*this, 3, b, place);
  else if (auto pads = getStaticInts(getPads()))
    setInts(*this, 1, b, moved<int64_t>(*pads, 2, place));
}

bool ResizeOp::acceptsDimOrder() { return !computedFrom(*this, 1); }
void ResizeOp::permuteDims(OpBuilder &b, ArrayRef<int64_t> place) {
  if (auto axes = getAxes(); axes && !axes->empty()) {
    SmallVector<int64_t> renamed;
    for (int64_t a : *axes)
      renamed.push_back(renamedAxis(a, place));
    setAxes(renamed);
    return;
  }
  if (isPresent(getSizes()))
    if (auto sizes = getStaticInts(getSizes()))
      setInts(*this, 3, b, moved<int64_t>(*sizes, 1, place));
  for (unsigned i : {1u, 2u}) {
    auto constant = getOperand(i).getDefiningOp<ConstantOp>();
    auto values = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue()) : DenseFPElementsAttr();
    if (!values || values.empty())
      continue;
    auto given = llvm::to_vector(values.getValues<APFloat>());
    SmallVector<APFloat> to = moved<APFloat>(given, i == 1 ? 2 : 1, place);
    setOperand(i, ConstantOp::create(b, getLoc(), DenseElementsAttr::get(values.getType(), to)));
  }
}

} // namespace onnxc::onnx
