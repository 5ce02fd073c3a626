//===- InferShapes.cpp - shape inference over a function -----------------===//
//
// Walks the ops in order and meets the present type of each result with what
// the op's rule says. Bodies of loops are a fixed point: an argument starts
// with the type of its initial value and is widened until what the body yields
// fits, so that a value that grows from one iteration to the next stays
// dynamic.
//
#include "dialects/onnx/InferShapes.h"
#include "dialects/onnx/ConstantData.h"
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ResolveIfs.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace onnxc::onnx {
namespace {

LogicalResult inferOp(Operation *op, Present present);

LogicalResult inferRegion(Region &region, Present present) {
  for (Block &block : region)
    for (Operation &op : block)
      if (failed(inferOp(&op, present)))
        return failure();
  return success();
}

// What was known of a value with its old type is not believed any more.
void retype(Value value, Type type) {
  KnownFacts().forget(value); // those of the inference at work
  value.setType(type);
}

// The types of all values in a region, to take back an attempt.
class Snapshot {
public:
  explicit Snapshot(Region &region) {
    region.walk([&](Block *block) {
      for (Value argument : block->getArguments())
        types.emplace_back(argument, argument.getType());
      for (Operation &op : *block)
        for (Value result : op.getResults())
          types.emplace_back(result, result.getType());
    });
  }
  void restore() const {
    for (auto [value, type] : types)
      retype(value, type);
  }

private:
  SmallVector<std::pair<Value, Type>> types;
};

// One value that goes round a loop.
struct Carried {
  BlockArgument argument;
  Type initial;
  Value next;
};

constexpr unsigned maxAttempts = 8;

LogicalResult inferLoopBody(Region &body, ArrayRef<Carried> carried,
                            Present present) {
  Snapshot before(body);
  // What the body declares stands; the initial value may say more.
  SmallVector<Type> declared, types;
  for (const Carried &c : carried) {
    declared.push_back(c.argument.getType());
    Type met = meetTypes(c.argument.getType(), c.initial);
    types.push_back(met ? met : c.argument.getType());
  }
  for (unsigned attempt = 0; attempt < maxAttempts; ++attempt) {
    for (auto [c, type] : llvm::zip(carried, types))
      retype(c.argument, type);
    LogicalResult result = [&] {
      // A type that is too narrow for later iterations shows up as an error.
      ScopedDiagnosticHandler silent(body.getContext(),
                                     [](Diagnostic &) { return success(); });
      return inferRegion(body, present);
    }();
    if (failed(result))
      break;
    bool stable = true;
    for (auto [k, c] : llvm::enumerate(carried)) {
      Type widened = joinTypes(types[k], c.next.getType());
      if (widened)
        widened = meetTypes(widened, declared[k]);
      if (!widened)
        widened = declared[k];
      if (widened != types[k]) {
        types[k] = widened;
        stable = false;
      }
    }
    if (stable)
      return success();
    before.restore();
  }
  before.restore();
  return inferRegion(body, present);
}

LogicalResult inferBody(LoopOp op, Present present) {
  SmallVector<Carried> carried;
  OperandRange next =
      cast<YieldOp>(op.getBody().front().back()).getOutputs();
  for (auto [k, initial] : llvm::enumerate(op.getVInitial()))
    carried.push_back(
        {op.getBody().getArgument(2 + k), initial.getType(), next[1 + k]});
  return inferLoopBody(op.getBody(), carried, present);
}

LogicalResult inferBody(ScanOp op, Present present) {
  SmallVector<Carried> carried;
  OperandRange next =
      cast<YieldOp>(op.getBody().front().back()).getOutputs();
  size_t states = op.getNumOperands() - op.getNumScanInputs();
  for (size_t k = 0; k < states; ++k)
    carried.push_back({op.getBody().getArgument(k),
                       op.getOperand(k).getType(), next[k]});
  std::optional<ArrayRef<int64_t>> axes = op.getScanInputAxes();
  for (size_t k = states; k < op.getNumOperands(); ++k) {
    RankedTensorType type = rankedType(op.getOperand(k));
    if (!type || type.getRank() == 0)
      continue;
    size_t scan = k - states;
    FailureOr<int64_t> axis =
        checkAxis(op, axes && scan < axes->size() ? (*axes)[scan] : 0,
                  type.getRank(), "scan_input_axes");
    if (failed(axis))
      return failure();
    Dims dims(type.getShape());
    dims.erase(dims.begin() + *axis);
    BlockArgument slice = op.getBody().getArgument(k);
    Type wanted = tensorOf(type.getElementType(), dims);
    Type met = meetTypes(slice.getType(), wanted);
    if (!met)
      return op.emitOpError() << "body argument #" << k << ": got "
                              << slice.getType() << ", wanted " << wanted;
    retype(slice, met);
  }
  return inferLoopBody(op.getBody(), carried, present);
}

// The reason why a branch contradicts itself; empty if it does not.
std::string contradiction(Region &branch, Present present) {
  std::string reason;
  ScopedDiagnosticHandler silent(branch.getContext(), [&](Diagnostic &d) {
    auto name = dyn_cast<NameLoc>(d.getLocation());
    if (reason.empty())
      reason = (name ? "node '" + name.getName().str() + "': " : "") + d.str();
    return success();
  });
  return succeeded(inferRegion(branch, present)) ? "" : reason;
}

// A branch that a known condition leaves out is not looked at, and one branch
// of an unknown condition may contradict itself, as a Squeeze of a dim that is
// not 1: it cannot be the one that runs.
LogicalResult inferBody(IfOp op, Present present) {
  op->removeAttr(kLiveBranch);
  if (std::optional<int64_t> condition = getStaticInt(op.getCond()))
    return inferRegion(*condition ? op.getThenBranch() : op.getElseBranch(),
                       present);
  std::string inThen = contradiction(op.getThenBranch(), present);
  std::string inElse = contradiction(op.getElseBranch(), present);
  if (!inThen.empty() && !inElse.empty())
    return inferRegion(op.getThenBranch(), present);
  if (!inThen.empty() || !inElse.empty())
    setLiveBranch(op, {inThen.empty(), inThen.empty() ? inElse : inThen});
  return success();
}

// A shape that some machine could hold: no dim below 0 and, with unknown dims
// taken as 1, less than 2^47 bytes, which is what a process can address.
LogicalResult checkSize(Operation *op, size_t k, Type inferred) {
  auto type = dyn_cast<RankedTensorType>(inferred);
  if (!type)
    return success();
  int64_t bytes = std::max<int64_t>(1, elementBytes(type.getElementType()));
  bool empty = llvm::is_contained(type.getShape(), 0);
  for (int64_t dim : type.getShape()) {
    if (isDynamic(dim))
      continue;
    if (dim < 0)
      return op->emitOpError() << "result #" << k << ": got a dim of " << dim << ", wanted 0 or more";
    bytes = mulDims(bytes, dim);
  }
  if (!empty && bytes >= (int64_t(1) << 47))
    return op->emitOpError() << "result #" << k << ": got " << inferred
                             << ", wanted less than 2^47 bytes";
  return success();
}

LogicalResult inferOp(Operation *op, Present present) {
  if (auto loop = dyn_cast<LoopOp>(op)) {
    if (failed(inferBody(loop, present)))
      return failure();
  } else if (auto scan = dyn_cast<ScanOp>(op)) {
    if (failed(inferBody(scan, present)))
      return failure();
  } else if (auto branches = dyn_cast<IfOp>(op)) {
    if (failed(inferBody(branches, present)))
      return failure();
  } else {
    for (Region &region : op->getRegions())
      if (failed(inferRegion(region, present)))
        return failure();
  }

  auto rule = dyn_cast<InferShapes>(op);
  if (!rule)
    return success();
  // Verifiers that look at ranks may have seen none yet.
  if (failed(op->getName().verifyInvariants(op)))
    return failure();
  SmallVector<Type> types(op->getResultTypes());
  if (failed(rule.inferShapes(types)))
    return failure();
  for (auto [k, result] : llvm::enumerate(op->getResults())) {
    if (failed(checkSize(op, k, types[k])))
      return failure();
    Type before = result.getType();
    if (isa<NoneType>(before) || types[k] == before)
      continue;
    Type met = meetTypes(before, types[k]);
    if (!met && present == Present::Guess &&
        getElementTypeOrSelf(before) == getElementTypeOrSelf(types[k]))
      met = types[k];
    if (!met)
      return op->emitOpError() << "result #" << k << ": got " << before
                               << ", wanted " << types[k]
                               << " (from its operands)";
    retype(result, met);
  }
  KnownFacts().learn(op);
  return success();
}

struct InferShapesPass
    : PassWrapper<InferShapesPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(InferShapesPass)

  StringRef getArgument() const final { return "onnx-infer-shapes"; }
  StringRef getDescription() const final {
    return "Refine the types of onnx ops from operands and known values";
  }
  void runOnOperation() final {
    if (failed(inferShapes(getOperation())) ||
        failed(resolveIfs(getOperation())))
      signalPassFailure();
  }
};

} // namespace

LogicalResult inferShapes(Operation *op) {
  KnownFacts facts;
  return inferOp(op, Present::True);
}

LogicalResult inferShapes(func::FuncOp func, Present present) {
  if (func.isExternal())
    return success();
  KnownFacts facts;
  if (failed(inferRegion(func.getBody(), present)))
    return failure();
  // The signature follows the values that are returned.
  Operation *terminator = func.getBody().front().getTerminator();
  SmallVector<Type> results(terminator->getOperandTypes());
  func.setType(FunctionType::get(func.getContext(),
                                 func.getFunctionType().getInputs(), results));
  return success();
}

std::unique_ptr<Pass> createInferShapesPass() {
  return std::make_unique<InferShapesPass>();
}

void registerOnnxPasses() { PassRegistration<InferShapesPass>(); }

} // namespace onnxc::onnx
