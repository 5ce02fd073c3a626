//===- ResolveIfs.cpp - branches that differ in rank ---------------------===//
//
// Exporters write x.squeeze(axis) on a dim that they do not know as an If whose
// branches have different ranks. A tensor has one rank here, so what depends on
// such a result moves into the branches, as far as the ranks differ:
//
//   %o = If %c {Squeeze %x} else {Identity %x}         %r = If %c {
//   %r = ReduceSum %o                             ->     %o = Squeeze %x; yield (ReduceSum %o)
//                                                      } else { yield (ReduceSum %x) }
//
// Most often one branch does not get that far: an op behind it does not take
// the rank. Then the model is the other branch, and its run requires the
// condition:
//
//   %p = Transpose [2, 0, 1] %o                   ->   Require %c; %o = Squeeze %x
//                                                      %p = Transpose [2, 0, 1] %o
//
#include "dialects/onnx/ResolveIfs.h"
#include "dialects/onnx/InferShapes.h"
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/Onnx.h"
#include "dialects/onnx/ShapeUtils.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace onnxc::onnx {
namespace {

// Of an If behind which nothing is left to move into its branches.
constexpr StringLiteral kCarried = "carried";

YieldOp yieldOf(Region &region) { return cast<YieldOp>(region.front().back()); }

std::string nodeName(Location location) {
  auto name = dyn_cast<NameLoc>(location);
  return name ? name.getName().str() : "";
}

// The branch takes the place of the If.
void inlineBranch(IfOp op, bool then) {
  Block &block = (then ? op.getThenBranch() : op.getElseBranch()).front();
  YieldOp yield = cast<YieldOp>(block.back());
  SmallVector<Value> outputs(yield.getOutputs());
  yield.erase();
  for (auto [result, output] : llvm::zip(op->getResults(), outputs))
    if (Type met = meetTypes(result.getType(), output.getType());
        met && output.getDefiningOp())
      output.setType(met);
  op->getBlock()->getOperations().splice(Block::iterator(op),
                                         block.getOperations());
  op->replaceAllUsesWith(outputs);
  op->erase();
}

// The If is one of its branches; the run requires the condition for it.
void requireBranch(IfOp op, bool then, const std::string &reason) {
  OpBuilder builder(op);
  std::string text = std::string("the model goes on only with a condition of ") +
                     (then ? "true" : "false") + ": with " +
                     (then ? "false" : "true") + ", " + reason;
  RequireOp::create(builder, op.getLoc(), op.getCond(),
                    builder.getBoolAttr(then), builder.getStringAttr(text));
  inlineBranch(op, then);
}

bool isUnranked(Value value) { return isa<UnrankedTensorType>(value.getType()); }

// What follows an If in its block, cloned into both branches as far as needed.
class Continuation {
public:
  enum class Outcome { Joined, OneBranch, Open, Impossible };

  explicit Continuation(IfOp op) : op(op), block(op->getBlock()) {
    for (Side *side : {&sides[0], &sides[1]}) {
      side->yield = yieldOf(side == &sides[0] ? op.getThenBranch()
                                              : op.getElseBranch());
      side->map.map(op->getResults(), side->yield.getOutputs());
    }
    for (Value result : op->getResults())
      addDependent(result);
  }

  // Clones what depends on results that have no common rank. `toTheEnd`: also
  // where that goes on to the end of the block.
  Outcome run(bool toTheEnd) {
    size_t needed = 0; // of `sunk`
    for (Operation *next = op->getNextNode(); next != block->getTerminator();
         next = next->getNextNode()) {
      bool dependsOnSplit = false;
      if (!dependsOn(next, dependsOnSplit))
        continue;
      sunk.push_back(next);
      needed = dependsOnSplit ? sunk.size() : needed;
      if (sunk.size() > maxClones)
        return drop(Outcome::Open);
      if (!clone(next))
        return choose();
      for (Value result : next->getResults())
        addDependent(result);
    }
    bool open = llvm::any_of(block->getTerminator()->getOperands(),
                             [&](Value v) { return split.contains(v); });
    if ((open && !toTheEnd) || needed == 0)
      return drop(Outcome::Open);
    cut(needed);
    rebuild(open);
    return Outcome::Joined;
  }

  // Why the outcome is Impossible.
  const std::string &reason() const { return impossible; }

private:
  static constexpr size_t maxClones = 4000;

  struct Side {
    YieldOp yield;
    IRMapping map;
    SmallVector<Operation *> clones; // of each sunk op
    std::string failure;
  };

  Type typeIn(const Side &side, Value value) {
    return side.map.lookup(value).getType();
  }

  // A result that is in both branches, and whether it is one value outside.
  void addDependent(Value value) {
    dependent.insert(value);
    Type a = typeIn(sides[0], value), b = typeIn(sides[1], value);
    auto x = dyn_cast<RankedTensorType>(a), y = dyn_cast<RankedTensorType>(b);
    bool joins = isa<TensorType>(a) ? x && y && x.getRank() == y.getRank() : a == b;
    if (!joins)
      split.insert(value);
  }

  bool dependsOn(Operation *next, bool &onSplit) {
    bool depends = false;
    next->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        depends |= dependent.contains(operand);
        onSplit |= split.contains(operand);
      }
    });
    return depends;
  }

  // Into both branches, with types anew; false if one of them does not take it.
  bool clone(Operation *next) {
    for (Side &side : sides) {
      OpBuilder builder(side.yield);
      Operation *copy = builder.clone(*next, side.map);
      side.clones.push_back(copy);
      ScopedDiagnosticHandler handler(next->getContext(), [&](Diagnostic &d) {
        if (side.failure.empty())
          side.failure = "node '" + nodeName(d.getLocation()) + "': " + d.str();
        return success();
      });
      if (failed(verify(copy)) || failed(inferShapes(copy)))
        side.failure += side.failure.empty() ? "an op does not take it" : "";
    }
    return sides[0].failure.empty() && sides[1].failure.empty();
  }

  Outcome choose() {
    bool then = sides[0].failure.empty();
    if (!then && !sides[1].failure.empty()) {
      impossible = "neither branch goes on: if the condition is true, " +
                   sides[0].failure + "; if it is false, " + sides[1].failure;
      return drop(Outcome::Impossible);
    }
    cut(0);
    requireBranch(op, then, sides[then ? 1 : 0].failure);
    return Outcome::OneBranch;
  }

  Outcome drop(Outcome outcome) {
    cut(0);
    return outcome;
  }

  // Keeps the first `count` clones.
  void cut(size_t count) {
    for (Side &side : sides)
      while (side.clones.size() > count)
        side.clones.pop_back_val()->erase();
    sunk.truncate(count);
  }

  // A new If where the last op that moved was, with their results.
  void rebuild(bool open) {
    llvm::DenseSet<Operation *> moved(sunk.begin(), sunk.end());
    auto usedOutside = [&](Value value) {
      return llvm::any_of(value.getUsers(), [&](Operation *user) {
        Operation *inBlock = block->findAncestorOpInBlock(*user);
        return inBlock && inBlock != op && !moved.contains(inBlock);
      });
    };
    SmallVector<Value> outer, inner[2];
    SmallVector<Type> types;
    auto take = [&](Value value) {
      if (!usedOutside(value))
        return;
      Type type = joinTypes(typeIn(sides[0], value), typeIn(sides[1], value));
      types.push_back(type ? type : value.getType());
      outer.push_back(value);
      for (int k : {0, 1})
        inner[k].push_back(sides[k].map.lookup(value));
    };
    for (Value result : op->getResults())
      take(result);
    for (Operation *next : sunk)
      for (Value result : next->getResults())
        take(result);
    OpBuilder builder(sunk.back());
    auto made = IfOp::create(builder, op.getLoc(), types, op.getCond());
    for (int k : {0, 1}) {
      sides[k].yield.getOutputsMutable().assign(inner[k]);
      Region &from = k == 0 ? op.getThenBranch() : op.getElseBranch();
      (k == 0 ? made.getThenBranch() : made.getElseBranch()).takeBody(from);
    }
    if (open)
      made->setAttr(kCarried, builder.getUnitAttr());
    for (auto [old, result] : llvm::zip(outer, made->getResults()))
      old.replaceAllUsesWith(result);
    for (Operation *next : llvm::reverse(sunk))
      next->erase();
    op->erase();
  }

  IfOp op;
  Block *block;
  Side sides[2];
  std::string impossible;
  llvm::DenseSet<Value> dependent, split;
  SmallVector<Operation *> sunk;
};

// A Squeeze that names no axes drops the dims of size 1, so its rank hangs on
// dims that only the run knows: an If on each. With more of them than
// `maxUnknown` it stays as it is.
class SqueezeByDims {
public:
  explicit SqueezeByDims(SqueezeOp op) : op(op), type(rankedType(op.getData())) {}

  bool run() {
    if (!type || isPresent(op.getAxes()))
      return false;
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (type.isDynamicDim(unsigned(d)))
        unknown.push_back(d);
      else if (type.getDimSize(unsigned(d)) == 1)
        dropped.push_back(d);
    if (unknown.empty() || unknown.size() > maxUnknown)
      return false;
    OpBuilder builder(op);
    op.replaceAllUsesWith(decide(builder, 0));
    op.erase();
    return true;
  }

private:
  static constexpr size_t maxUnknown = 3;

  Value constant(OpBuilder &b, ArrayRef<int64_t> values) {
    auto type = RankedTensorType::get({int64_t(values.size())}, b.getI64Type());
    return ConstantOp::create(b, op.getLoc(), DenseIntElementsAttr::get(type, values));
  }

  // The operand without `dropped` and those dims from unknown[k] on that are 1.
  Value decide(OpBuilder &b, size_t k) {
    Location loc = op.getLoc();
    Type open = k ? unrankedOf(type.getElementType()) : op.getType();
    if (k == unknown.size()) {
      if (dropped.empty())
        return op.getData();
      SmallVector<int64_t> axes(dropped);
      llvm::sort(axes);
      return SqueezeOp::create(b, loc, open, op.getData(), constant(b, axes));
    }
    int64_t d = unknown[k];
    auto word = RankedTensorType::get({1}, b.getI64Type());
    Value size = ShapeOp::create(b, loc, word, op.getData(), b.getI64IntegerAttr(d + 1),
                                 b.getI64IntegerAttr(d));
    Value isOne = EqualOp::create(b, loc, RankedTensorType::get({1}, b.getI1Type()), size,
                                  constant(b, {1}));
    auto made = IfOp::create(b, loc, TypeRange(open), isOne);
    for (bool then : {true, false}) {
      OpBuilder::InsertionGuard guard(b);
      b.createBlock(then ? &made.getThenBranch() : &made.getElseBranch());
      if (then)
        dropped.push_back(d);
      Value result = decide(b, k + 1);
      if (then)
        dropped.pop_back();
      YieldOp::create(b, loc, result);
    }
    return made->getResult(0);
  }

  SqueezeOp op;
  RankedTensorType type; // of the operand
  SmallVector<int64_t> unknown, dropped;
};

bool splitSqueezes(func::FuncOp func) {
  SmallVector<SqueezeOp> squeezes;
  func.walk([&](SqueezeOp op) { squeezes.push_back(op); });
  bool changed = false;
  for (SqueezeOp op : squeezes)
    changed |= SqueezeByDims(op).run();
  return changed;
}

// `op` cannot be run: the branch that it stands in is not the model's, and
// where it stands in none, there is no model.
LogicalResult giveUp(IfOp op, const std::string &reason) {
  auto outer = dyn_cast_or_null<IfOp>(op->getParentOp());
  if (!outer)
    return op.emitOpError() << reason;
  requireBranch(outer, op->getParentRegion() == &outer.getElseBranch(), reason);
  return success();
}

// One change, or none; innermost first.
FailureOr<bool> step(func::FuncOp func) {
  SmallVector<IfOp> ifs;
  func.walk([&](IfOp op) { ifs.push_back(op); });
  for (IfOp op : ifs) {
    if (std::optional<int64_t> condition = getStaticInt(op.getCond())) {
      inlineBranch(op, *condition != 0);
      return true;
    }
    if (std::optional<LiveBranch> live = liveBranch(op)) {
      requireBranch(op, live->then, live->reason);
      return true;
    }
  }
  IfOp open;
  for (IfOp op : ifs) {
    if (op->hasAttr(kCarried) || llvm::none_of(op->getResults(), isUnranked))
      continue;
    Continuation continuation(op);
    switch (continuation.run(/*toTheEnd=*/false)) {
    case Continuation::Outcome::Joined:
    case Continuation::Outcome::OneBranch:
      return true;
    case Continuation::Outcome::Impossible:
      if (failed(giveUp(op, continuation.reason())))
        return failure();
      return true;
    case Continuation::Outcome::Open:
      auto outer = dyn_cast_or_null<IfOp>(op->getParentOp());
      if (!open && outer && !outer->hasAttr(kCarried))
        open = outer;
    }
  }
  // A difference that comes to the end of a branch goes on behind its If.
  if (!open)
    return false;
  open->setAttr(kCarried, UnitAttr::get(func.getContext()));
  Continuation continuation(open);
  if (continuation.run(/*toTheEnd=*/true) == Continuation::Outcome::Impossible &&
      failed(giveUp(open, continuation.reason())))
    return failure();
  return true;
}

} // namespace

LogicalResult resolveIfs(func::FuncOp func) {
  while (true) {
    if (splitSqueezes(func) && failed(inferShapes(func)))
      return failure();
    FailureOr<bool> changed = step(func);
    if (failed(changed))
      return failure();
    if (!*changed)
      break;
    if (failed(inferShapes(func)))
      return failure();
  }
  func.walk([](IfOp op) { op->removeAttr(kCarried); });
  return success();
}

} // namespace onnxc::onnx
