//===- InferControlFlow.cpp - types across If, Loop and Scan -------------===//
//
// Verifiers and result types of ControlFlow.td. The types inside of bodies are
// the work of InferShapes.cpp; these rules read them.
//
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ResolveIfs.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace onnxc::onnx {

// A body takes `arguments` and yields `outputs` values.
static LogicalResult verifyBody(Operation *op, Region &body, StringRef name,
                                size_t arguments, size_t outputs) {
  auto yield = dyn_cast_or_null<YieldOp>(
      body.front().empty() ? nullptr : &body.front().back());
  if (!yield)
    return op->emitOpError() << name << ": wanted onnx.Yield as its last op";
  if (body.getNumArguments() != arguments)
    return op->emitOpError()
           << name << " arguments: got " << body.getNumArguments()
           << ", wanted " << arguments;
  if (yield.getOutputs().size() != outputs)
    return op->emitOpError() << name << " outputs: got "
                             << yield.getOutputs().size() << ", wanted "
                             << outputs;
  return success();
}

// None of the values of a list is left out.
static LogicalResult wantAllPresent(Operation *op, ValueRange values,
                                    StringRef name) {
  for (auto [k, value] : llvm::enumerate(values))
    if (!isPresent(value))
      return op->emitOpError() << name << " #" << k
                               << ": got none, wanted a value";
  return success();
}

static OperandRange yielded(Region &body) {
  return cast<YieldOp>(body.front().back()).getOutputs();
}

LogicalResult IfOp::verify() {
  if (failed(verifyBody(*this, getThenBranch(), "then_branch", 0,
                        getNumResults())))
    return failure();
  return verifyBody(*this, getElseBranch(), "else_branch", 0, getNumResults());
}

std::optional<LiveBranch> liveBranch(IfOp op) {
  auto live = op->getAttrOfType<ArrayAttr>(kLiveBranch);
  if (!live)
    return std::nullopt;
  return LiveBranch{cast<BoolAttr>(live[0]).getValue(),
                    cast<StringAttr>(live[1]).str()};
}

void setLiveBranch(IfOp op, const LiveBranch &live) {
  Builder b(op.getContext());
  op->setAttr(kLiveBranch, b.getArrayAttr({b.getBoolAttr(live.then),
                                           b.getStringAttr(live.reason)}));
}

LogicalResult IfOp::inferShapes(TypeList &types) {
  if (failed(wantScalar(*this, getCond(), "cond")))
    return failure();
  std::optional<int64_t> condition = getStaticInt(getCond());
  if (std::optional<LiveBranch> live = liveBranch(*this))
    condition = live->then;
  for (auto [k, thenValue, elseValue] :
       llvm::enumerate(yielded(getThenBranch()), yielded(getElseBranch()))) {
    Type a = thenValue.getType(), b = elseValue.getType();
    Type both = condition ? (*condition ? a : b) : joinTypes(a, b);
    // Bodies may yield optionals or other types that have no common form.
    if (both)
      types[k] = both;
  }
  return success();
}

LogicalResult ContradictionOp::inferShapes(TypeList &) {
  return emitError() << getMessage();
}

// Results: the carried values, then one stack per scan output. Body: iteration,
// condition, carried; yields condition, carried, scan outputs.
LogicalResult LoopOp::verify() {
  if (failed(wantAllPresent(*this, getVInitial(), "v_initial")))
    return failure();
  if (getNumResults() < getVInitial().size())
    return emitOpError() << "results: got " << getNumResults()
                         << ", wanted at least " << getVInitial().size();
  return verifyBody(*this, getBody(), "body", 2 + getVInitial().size(),
                    1 + getNumResults());
}

// The number of iterations when the condition can not end the loop early.
static int64_t tripCount(LoopOp op) {
  if (!isPresent(op.getM()))
    return kDynamic;
  std::optional<int64_t> trips = getStaticInt(op.getM());
  if (!trips)
    return kDynamic;
  if (isPresent(op.getCond())) {
    std::optional<int64_t> entered = getStaticInt(op.getCond());
    if (!entered)
      return kDynamic;
    if (*entered == 0)
      return 0;
  }
  Value next = yielded(op.getBody()).front();
  while (auto identity = next.getDefiningOp<IdentityOp>())
    next = identity.getInput();
  bool goesOn = next == op.getBody().getArgument(1) || getStaticInt(next) == 1;
  return goesOn ? std::max<int64_t>(*trips, 0) : kDynamic;
}

// A tensor with one more dim at `axis`; nothing for other types.
static Type stacked(Type slice, int64_t axis, int64_t size) {
  auto tensor = dyn_cast<TensorType>(slice);
  if (!tensor)
    return {};
  if (!tensor.hasRank())
    return unrankedOf(tensor.getElementType());
  Dims dims(tensor.getShape());
  axis = axis < 0 ? axis + int64_t(dims.size()) + 1 : axis;
  if (axis < 0 || axis > int64_t(dims.size()))
    return {};
  dims.insert(dims.begin() + axis, size);
  return tensorOf(tensor.getElementType(), dims);
}

LogicalResult LoopOp::inferShapes(TypeList &types) {
  if (failed(wantScalar(*this, getM(), "M")) ||
      failed(wantScalar(*this, getCond(), "cond")))
    return failure();
  OperandRange next = yielded(getBody()).drop_front();
  size_t carried = getVInitial().size();
  int64_t trips = tripCount(*this);
  for (size_t k = 0; k < types.size(); ++k) {
    Type last = next[k].getType();
    // Without an iteration the initial values come out.
    Type type = k < carried ? joinTypes(getVInitial()[k].getType(), last)
                            : stacked(last, 0, trips);
    if (type)
      types[k] = type;
  }
  return success();
}

// Operands and body arguments: states, then scan inputs (in the body, slices);
// results and body outputs: states, then scan outputs.
LogicalResult ScanOp::verify() {
  if (failed(wantAllPresent(*this, getOperands(), "operand")))
    return failure();
  int64_t scans = int64_t(getNumScanInputs()), operands = getNumOperands();
  if (scans < 1 || scans > operands)
    return emitOpError() << "num_scan_inputs: got " << scans
                         << ", wanted 1 to " << operands;
  if (int64_t(getNumResults()) < operands - scans)
    return emitOpError() << "results: got " << getNumResults()
                         << ", wanted at least " << operands - scans;
  int64_t outputs = int64_t(getNumResults()) - (operands - scans);
  if (failed(wantAttrLength(*this, "scan_input_axes", scans)) ||
      failed(wantAttrLength(*this, "scan_input_directions", scans)) ||
      failed(wantAttrRange(*this, "scan_input_directions", 0, 1)) ||
      failed(wantAttrLength(*this, "scan_output_axes", outputs)) ||
      failed(wantAttrLength(*this, "scan_output_directions", outputs)) ||
      failed(wantAttrRange(*this, "scan_output_directions", 0, 1)))
    return failure();
  return verifyBody(*this, getBody(), "body", operands, getNumResults());
}

static int64_t entry(std::optional<ArrayRef<int64_t>> list, size_t k) {
  return list && k < list->size() ? (*list)[k] : 0;
}

LogicalResult ScanOp::inferShapes(TypeList &types) {
  size_t scans = getNumScanInputs(), states = getNumOperands() - scans;
  Size length = Size::of(kDynamic); // of the first scan input
  for (size_t k = 0; k < scans; ++k) {
    RankedTensorType type = rankedType(getOperand(states + k));
    if (!type)
      continue;
    FailureOr<int64_t> axis = checkAxis(*this, entry(getScanInputAxes(), k),
                                        type.getRank(), "scan_input_axes");
    if (failed(axis))
      return failure();
    Size own = Size::of(getOperand(states + k), *axis);
    if (length.tensor &&
        failed(sameDim(*this, own, length, "length of a scan input")))
      return failure();
    if (isDynamic(length.value()))
      length = own;
  }
  OperandRange next = yielded(getBody());
  for (size_t k = 0; k < types.size(); ++k) {
    Type last = next[k].getType();
    if (k < states && isa<TensorType>(last) &&
        !meetTypes(getOperand(k).getType(), last))
      return emitOpError() << "state #" << k << " of the body: got " << last
                           << ", wanted " << getOperand(k).getType()
                           << " as of its initial value";
    if (auto slice = dyn_cast<RankedTensorType>(last); slice && k >= states &&
        failed(checkAxis(*this, entry(getScanOutputAxes(), k - states),
                         slice.getRank() + 1, "scan_output_axes")))
      return failure();
    Type type =
        k < states
            ? joinTypes(getOperand(k).getType(), last)
            : stacked(last, entry(getScanOutputAxes(), k - states), length.value());
    if (type)
      types[k] = type;
  }
  return success();
}

} // namespace onnxc::onnx
