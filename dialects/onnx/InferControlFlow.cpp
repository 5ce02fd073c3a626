//===- InferControlFlow.cpp - types across If, Loop and Scan -------------===//
//
// Verifiers and result types of ControlFlow.td. The types inside of bodies are
// the work of InferShapes.cpp; these rules read them.
//
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

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

static OperandRange yielded(Region &body) {
  return cast<YieldOp>(body.front().back()).getOutputs();
}

LogicalResult IfOp::verify() {
  if (failed(verifyBody(*this, getThenBranch(), "then_branch", 0,
                        getNumResults())))
    return failure();
  return verifyBody(*this, getElseBranch(), "else_branch", 0, getNumResults());
}

LogicalResult IfOp::inferShapes(TypeList &types) {
  std::optional<int64_t> condition = getStaticInt(getCond());
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

// Results: the carried values, then one stack per scan output. Body: iteration,
// condition, carried; yields condition, carried, scan outputs.
LogicalResult LoopOp::verify() {
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
  int64_t scans = int64_t(getNumScanInputs()), operands = getNumOperands();
  if (scans < 1 || scans > operands)
    return emitOpError() << "num_scan_inputs: got " << scans
                         << ", wanted 1 to " << operands;
  if (int64_t(getNumResults()) < operands - scans)
    return emitOpError() << "results: got " << getNumResults()
                         << ", wanted at least " << operands - scans;
  return verifyBody(*this, getBody(), "body", operands, getNumResults());
}

static int64_t entry(std::optional<ArrayRef<int64_t>> list, size_t k) {
  return list && k < list->size() ? (*list)[k] : 0;
}

LogicalResult ScanOp::inferShapes(TypeList &types) {
  size_t scans = getNumScanInputs(), states = getNumOperands() - scans;
  int64_t length = kDynamic;
  for (size_t k = 0; k < scans; ++k) {
    RankedTensorType type = rankedType(getOperand(states + k));
    if (!type)
      continue;
    FailureOr<int64_t> axis = checkAxis(*this, entry(getScanInputAxes(), k),
                                        type.getRank(), "scan_input_axes");
    if (failed(axis))
      return failure();
    FailureOr<int64_t> same = sameDim(*this, length, type.getDimSize(*axis),
                                      "length of a scan input");
    if (failed(same))
      return failure();
    length = *same;
  }
  OperandRange next = yielded(getBody());
  for (size_t k = 0; k < types.size(); ++k) {
    Type last = next[k].getType();
    Type type =
        k < states
            ? joinTypes(getOperand(k).getType(), last)
            : stacked(last, entry(getScanOutputAxes(), k - states), length);
    if (type)
      types[k] = type;
  }
  return success();
}

} // namespace onnxc::onnx
