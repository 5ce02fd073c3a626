// In which order a kernel reads one of its buffers and writes another.
//
// The scheduled kernel itself is run, as far as addresses go:
//
//   scf.for %i = 0 to 64 step 2 {            step 0: reads [0, 16), writes [0, 32)
//     ... load %in[%i * 8 + ...]       ->    step 1: reads [16, 32), writes [32, 64)
//     ... store %out[%i * 16 + ...]          ...
//
// Loops, their bounds and index arithmetic are carried out; values that come
// from memory are not known, and a kernel whose addresses depend on them is
// given up. A loop without writes to the output, a reduction, is one step: its
// variable stays symbolic, and the ends of its range give the ends of what is
// read. The stages that a chain calls are carried out in their turn. Nothing is taken from the tiling that made the kernel, so that padding,
// tails and border tiles count as they were written.
#include "passes/memory/AccessOrder.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Ops that are carried out for one kernel, at most: a fraction of a second.
constexpr int64_t kMostWork = 8'000'000;

/// A number: base + sum of factor * variable, over the variables of loops that are one step. Not known: nothing is.
struct Number {
  bool known = false;
  int64_t base = 0;
  SmallVector<std::pair<unsigned, int64_t>, 2> terms;

  static Number of(int64_t n) { return {true, n, {}}; }
  bool isConstant() const { return known && terms.empty(); }

  Number plus(const Number &other, int64_t factor) const {
    if (!known || !other.known)
      return {};
    Number sum = *this;
    sum.base += factor * other.base;
    for (auto [variable, by] : other.terms) {
      auto *it = llvm::find_if(sum.terms, [&, v = variable](auto &t) { return t.first == v; });
      if (it == sum.terms.end())
        sum.terms.push_back({variable, factor * by});
      else
        it->second += factor * by;
    }
    llvm::erase_if(sum.terms, [](auto &t) { return t.second == 0; });
    return sum;
  }
  Number times(const Number &other) const {
    if (isConstant())
      return Number::of(0).plus(other, base);
    return other.isConstant() ? Number::of(0).plus(*this, other.base) : Number();
  }
};

/// One of the two buffers, seen through views: strides in elements, offset relative to the argument's view.
struct View {
  bool isInput = false;
  int64_t offset = 0, bytes = 1;
  SmallVector<int64_t> strides;
  SmallVector<std::pair<Value, int64_t>> moves; ///< values times strides, to be added to the offset
};

class Run {
public:
  Run(func::FuncOp kernel, int in, int out, bool everyAccess) : kernel(kernel), everyAccess(everyAccess) {
    ok = (in < 0 || addArgument(in, true)) && (out < 0 || addArgument(out, false));
  }

  std::optional<std::vector<AccessStep>> run() {
    if (!ok || !kernel.getBody().hasOneBlock() || !findRelevant())
      return std::nullopt;
    runBlock(kernel.getBody().front());
    if (!ok)
      return std::nullopt;
    return std::move(steps);
  }

private:
  //===-- Which ops matter

  bool addArgument(unsigned number, bool isInput) {
    BlockArgument arg = kernel.getArgument(number);
    auto type = dyn_cast<MemRefType>(arg.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (!type || failed(type.getStridesAndOffset(strides, offset)) || !type.getElementType().isIntOrFloat() ||
        type.getElementTypeBitWidth() % 8 || llvm::any_of(strides, ShapedType::isDynamic))
      return false;
    views[arg] = {isInput, 0, type.getElementTypeBitWidth() / 8, strides, {}};
    argumentOffset[isInput] = offset;
    return true;
  }

  /// Views of the two buffers, their accesses, and what these depend on.
  bool findRelevant() {
    WalkResult result = kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (llvm::none_of(op->getOperands(), [&](Value v) { return views.contains(v); }))
        return WalkResult::advance();
      return access(op) || view(op) || call(op) ? WalkResult::advance() : WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return false;
    auto needAround = [&](Operation *op) {
      for (Operation *p = op; p != kernel.getOperation(); p = p->getParentOp())
        need(p);
    };
    for (auto &[op, _] : accesses)
      needAround(op);
    for (auto &[op, _] : calls)
      needAround(op);
    return true;
  }

  void need(Operation *op) {
    if (!relevant.insert(op).second)
      return;
    auto depends = [&](ValueRange values) {
      for (Value v : values)
        if (Operation *def = v.getDefiningOp(); def && v.getType().isIntOrIndex())
          need(def);
    };
    if (auto it = accesses.find(op); it != accesses.end()) {
      depends(it->second.indices);
      for (auto [v, _] : it->second.view.moves)
        depends(v);
    } else if (auto it = calls.find(op); it != calls.end()) {
      for (const View &v : it->second.views)
        for (auto [value, _] : v.moves)
          depends(value);
    } else if (auto loop = dyn_cast<scf::ForOp>(op))
      depends({loop.getLowerBound(), loop.getUpperBound(), loop.getStep()});
    else
      depends(op->getOperands());
  }

  /// `op` makes another view of one of the buffers.
  bool view(Operation *op) {
    Value source = op->getOperand(0);
    auto it = views.find(source);
    if (it == views.end())
      return false;
    View from = it->second;
    if (auto sub = dyn_cast<memref::SubViewOp>(op)) {
      // Offsets may be those of loops; what has been skipped of the source counts in its strides.
      View to = from;
      to.strides.clear();
      auto dropped = sub.getDroppedDims();
      for (auto [d, offset, step] : llvm::enumerate(sub.getMixedOffsets(), sub.getMixedStrides())) {
        auto by = getConstantIntValue(step);
        if (!by)
          return false;
        if (!dropped.test(d))
          to.strides.push_back(from.strides[d] * *by);
        if (auto c = getConstantIntValue(offset))
          to.offset += *c * from.strides[d];
        else
          to.moves.push_back({cast<Value>(offset), from.strides[d]});
      }
      views[sub.getResult()] = to;
      return true;
    }
    if (auto meta = dyn_cast<memref::ExtractStridedMetadataOp>(op)) {
      if (!from.moves.empty())
        return false;
      views[meta.getBaseBuffer()] = from; // only seen through reinterpret_cast
      offsets[meta.getOffset()] = from.isInput;
      return source == kernel.getArgument(cast<BlockArgument>(source).getArgNumber());
    }
    if (!from.moves.empty() || !isa<memref::ReinterpretCastOp, memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(op))
      return false;
    auto type = dyn_cast<MemRefType>(op->getResult(0).getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (!type || failed(type.getStridesAndOffset(strides, offset)) || llvm::any_of(strides, ShapedType::isDynamic))
      return false;
    int64_t start = argumentOffset[from.isInput];
    if (ShapedType::isDynamic(offset)) {
      // Where the argument starts is known at its calls.
      auto cast = dyn_cast<memref::ReinterpretCastOp>(op);
      auto value = cast ? dyn_cast_if_present<Value>(cast.getMixedOffsets()[0]) : Value();
      auto known = value ? offsets.find(value) : offsets.end();
      if (!ShapedType::isDynamic(start) || known == offsets.end() || known->second != from.isInput)
        return false;
      offset = 0;
    } else if (ShapedType::isDynamic(start)) {
      return false;
    } else {
      offset -= start;
    }
    views[op->getResult(0)] = {from.isInput, offset, from.bytes, strides, {}};
    return true;
  }

  struct Access {
    View view;
    bool writes;
    SmallVector<Value> indices;
    int64_t elements;
  };

  /// `op` reads or writes one of the buffers.
  bool access(Operation *op) {
    auto add = [&](Value memref, ValueRange indices, Type value, bool writes, Value stored = {}) {
      auto it = views.find(memref);
      if (it == views.end() || (stored && views.contains(stored)) || (writes && it->second.isInput))
        return false;
      if (isa<MemRefType>(memref.getType()) && cast<MemRefType>(memref.getType()).getRank() != int64_t(it->second.strides.size()))
        return false;
      int64_t elements = 1;
      if (auto vector = dyn_cast<VectorType>(value)) {
        // Along the last dim, one element beside the other.
        if (vector.getRank() != 1 || vector.isScalable() || it->second.strides.empty() || it->second.strides.back() != 1)
          return false;
        elements = vector.getNumElements();
      }
      // What the kernel reads of its own output does not matter.
      if (writes || it->second.isInput)
        accesses[op] = {it->second, writes, SmallVector<Value>(indices), elements};
      return true;
    };
    return llvm::TypeSwitch<Operation *, bool>(op)
        .Case([&](memref::LoadOp load) { return add(load.getMemRef(), load.getIndices(), load.getType(), false); })
        .Case([&](vector::LoadOp load) { return add(load.getBase(), load.getIndices(), load.getType(), false); })
        .Case([&](memref::StoreOp store) {
          return add(store.getMemRef(), store.getIndices(), store.getValue().getType(), true, store.getValue());
        })
        .Case([&](vector::StoreOp store) {
          return add(store.getBase(), store.getIndices(), store.getValueToStore().getType(), true);
        })
        .Default(false);
  }

  /// A stage: what its kernel does, from where its views start.
  struct Call {
    SmallVector<View> views; ///< of the input, of the output, as far as they are passed
    std::vector<AccessStep> steps;
  };
  bool call(Operation *op) {
    auto call = dyn_cast<func::CallOp>(op);
    auto callee = call ? call->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee()) : func::FuncOp();
    if (!callee || callee.isExternal())
      return false;
    int arguments[2] = {-1, -1}; // output, input
    Call c;
    for (auto [i, v] : llvm::enumerate(call.getOperands()))
      if (auto it = views.find(v); it != views.end()) {
        int &argument = arguments[it->second.isInput];
        if (argument >= 0)
          return false;
        argument = int(i);
        c.views.push_back(it->second);
      }
    auto order = accessOrder(callee, arguments[1], arguments[0], everyAccess);
    if (!order)
      return false;
    c.steps = std::move(*order);
    calls[op] = std::move(c);
    return true;
  }

  bool writes(Operation *op) {
    auto it = writing.find(op);
    if (it != writing.end())
      return it->second;
    bool result = op->walk([&](Operation *inner) {
                      auto found = accesses.find(inner);
                      bool calls = this->calls.contains(inner);
                      return calls || (found != accesses.end() && found->second.writes) ? WalkResult::interrupt() : WalkResult::advance();
                    }).wasInterrupted();
    return writing[op] = result;
  }

  ArrayRef<Operation *> relevantOps(Block &block) {
    auto [it, isNew] = blocks.try_emplace(&block);
    if (isNew)
      for (Operation &op : block)
        if (relevant.contains(&op))
          it->second.push_back(&op);
    return it->second;
  }

  //===-- Carrying out

  Number get(Value v) { return numbers.lookup(v); }

  void runBlock(Block &block) {
    // By number: the map may grow meanwhile.
    SmallVector<Operation *> ops(relevantOps(block));
    for (Operation *op : ops) {
      if (++work > kMostWork)
        ok = false;
      if (!ok)
        return;
      runOp(op);
    }
  }

  void runOp(Operation *op) {
    if (auto it = accesses.find(op); it != accesses.end())
      return runAccess(it->second);
    if (auto it = calls.find(op); it != calls.end())
      return runCall(it->second);
    if (auto loop = dyn_cast<scf::ForOp>(op))
      return runLoop(loop);
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      Number condition = get(branch.getCondition());
      for (Region &region : branch->getRegions()) {
        bool isThen = &region == &branch.getThenRegion();
        if (!region.empty() && (!condition.isConstant() || (condition.base != 0) == isThen))
          runBlock(region.front());
      }
      return;
    }
    if (op->getNumRegions()) {
      ok = false;
      return;
    }
    for (Value v : op->getResults())
      numbers[v] = evaluate(op);
  }

  void runLoop(scf::ForOp loop) {
    Number from = get(loop.getLowerBound()), to = get(loop.getUpperBound()), step = get(loop.getStep());
    if (!from.isConstant() || !to.isConstant() || !step.isConstant() || step.base <= 0) {
      ok = false;
      return;
    }
    if (from.base >= to.base)
      return;
    int64_t last = from.base + (to.base - 1 - from.base) / step.base * step.base;
    if (!everyAccess && !writes(loop) && last != from.base) {
      Number &variable = numbers[loop.getInductionVar()];
      variable = Number::of(0);
      variable.terms.push_back({unsigned(ranges.size()), 1});
      ranges.push_back({from.base, last});
      runBlock(*loop.getBody());
      ranges.pop_back();
      return;
    }
    for (int64_t i = from.base; i <= last && ok; i += step.base) {
      numbers[loop.getInductionVar()] = Number::of(i);
      runBlock(*loop.getBody());
    }
  }

  Number startOf(const View &view) {
    Number at = Number::of(view.offset);
    for (auto [value, stride] : view.moves)
      at = at.plus(get(value), stride);
    return at;
  }

  void runCall(const Call &c) {
    int64_t start[2] = {0, 0};
    for (const View &v : c.views) {
      Number at = startOf(v);
      if (!at.isConstant()) {
        ok = false;
        return;
      }
      start[v.isInput] = at.base * v.bytes;
    }
    for (AccessStep step : c.steps) {
      if (step.reads()) {
        step.readLow += start[1];
        step.readHigh += start[1];
      }
      if (step.writes()) {
        step.writeLow += start[0];
        step.writeHigh += start[0];
      }
      steps.push_back(step);
    }
    work += int64_t(c.steps.size());
  }

  void runAccess(const Access &a) {
    Number at = startOf(a.view);
    for (auto [index, stride] : llvm::zip(a.indices, a.view.strides))
      at = at.plus(get(index), stride);
    if (!at.known) {
      ok = false;
      return;
    }
    int64_t low = at.base, high = at.base;
    for (auto [variable, factor] : at.terms) {
      auto [first, last] = ranges[variable];
      low += factor * (factor > 0 ? first : last);
      high += factor * (factor > 0 ? last : first);
    }
    low *= a.view.bytes;
    high = (high + a.elements) * a.view.bytes;
    // What is read behind a write belongs to a later step.
    if (steps.empty() || everyAccess || (!a.writes && steps.back().writes()))
      steps.emplace_back();
    AccessStep &step = steps.back();
    int64_t &lowest = a.writes ? step.writeLow : step.readLow, &highest = a.writes ? step.writeHigh : step.readHigh;
    lowest = std::min(lowest, low);
    highest = std::max(highest, high);
  }

  Number evaluate(AffineExpr e, ValueRange operands, unsigned dims) {
    if (auto c = dyn_cast<AffineConstantExpr>(e))
      return Number::of(c.getValue());
    if (auto d = dyn_cast<AffineDimExpr>(e))
      return get(operands[d.getPosition()]);
    if (auto s = dyn_cast<AffineSymbolExpr>(e))
      return get(operands[dims + s.getPosition()]);
    auto both = cast<AffineBinaryOpExpr>(e);
    Number a = evaluate(both.getLHS(), operands, dims), b = evaluate(both.getRHS(), operands, dims);
    if (e.getKind() == AffineExprKind::Add)
      return a.plus(b, 1);
    if (e.getKind() == AffineExprKind::Mul)
      return a.times(b);
    if (!a.isConstant() || !b.isConstant() || b.base <= 0)
      return {};
    int64_t quotient = llvm::divideFloorSigned(a.base, b.base);
    if (e.getKind() == AffineExprKind::Mod)
      return Number::of(a.base - quotient * b.base);
    return Number::of(e.getKind() == AffineExprKind::CeilDiv ? llvm::divideCeilSigned(a.base, b.base) : quotient);
  }

  Number evaluate(Operation *op) {
    if (auto c = dyn_cast<arith::ConstantOp>(op)) {
      auto n = dyn_cast<IntegerAttr>(c.getValue());
      return n ? Number::of(n.getValue().getSExtValue()) : Number();
    }
    if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
      AffineMap map = apply.getAffineMap();
      return evaluate(map.getResult(0), apply.getMapOperands(), map.getNumDims());
    }
    // Index arithmetic only: what wraps around at another width is not followed.
    if (isa<arith::IndexCastOp>(op))
      return get(op->getOperand(0));
    if (op->getNumOperands() != 2)
      return {};
    Number a = get(op->getOperand(0)), b = get(op->getOperand(1));
    if (isa<arith::AndIOp>(op) && op->getOperand(0).getType().isInteger(1))
      return a.isConstant() && b.isConstant() ? Number::of(a.base && b.base) : Number();
    if (!op->getOperand(0).getType().isIndex())
      return {};
    if (isa<arith::AddIOp>(op))
      return a.plus(b, 1);
    if (isa<arith::SubIOp>(op))
      return a.plus(b, -1);
    if (isa<arith::MulIOp>(op))
      return a.times(b);
    if (!a.isConstant() || !b.isConstant())
      return {};
    int64_t x = a.base, y = b.base;
    if (auto compare = dyn_cast<arith::CmpIOp>(op))
      return Number::of(arith::applyCmpPredicate(compare.getPredicate(), APInt(64, x, true), APInt(64, y, true)));
    bool positive = x >= 0 && y > 0; // where signed and unsigned, floor and truncation are the same
    return llvm::TypeSwitch<Operation *, Number>(op)
        .Case<arith::MinSIOp>([&](auto) { return Number::of(std::min(x, y)); })
        .Case<arith::MaxSIOp>([&](auto) { return Number::of(std::max(x, y)); })
        .Case<arith::MinUIOp>([&](auto) { return positive ? Number::of(std::min(x, y)) : Number(); })
        .Case<arith::MaxUIOp>([&](auto) { return positive ? Number::of(std::max(x, y)) : Number(); })
        .Case<arith::FloorDivSIOp>([&](auto) { return y > 0 ? Number::of(llvm::divideFloorSigned(x, y)) : Number(); })
        .Case<arith::CeilDivSIOp>([&](auto) { return y > 0 ? Number::of(llvm::divideCeilSigned(x, y)) : Number(); })
        .Case<arith::DivSIOp, arith::DivUIOp>([&](auto) { return positive ? Number::of(x / y) : Number(); })
        .Case<arith::RemSIOp, arith::RemUIOp>([&](auto) { return positive ? Number::of(x % y) : Number(); })
        .Default([](Operation *) { return Number(); });
  }

  func::FuncOp kernel;
  bool everyAccess, ok = true;
  int64_t work = 0;
  llvm::DenseMap<Value, View> views;
  int64_t argumentOffset[2] = {0, 0};      ///< of the output's and the input's type
  llvm::DenseMap<Value, bool> offsets;     ///< values that are the offset of the output's or the input's view
  llvm::DenseMap<Operation *, Access> accesses;
  llvm::DenseMap<Operation *, Call> calls;
  llvm::DenseSet<Operation *> relevant;
  llvm::DenseMap<Operation *, bool> writing;
  llvm::DenseMap<Block *, SmallVector<Operation *>> blocks;
  llvm::DenseMap<Value, Number> numbers;
  std::vector<std::pair<int64_t, int64_t>> ranges; ///< of each variable, both ends included
  std::vector<AccessStep> steps;
};

} // namespace

std::optional<std::vector<AccessStep>> accessOrder(func::FuncOp kernel, int in, int out, bool everyAccess) {
  auto order = Run(kernel, in, out, everyAccess).run();
  // Addresses that are no sums of loop variables: every iteration by itself.
  if (!order && !everyAccess)
    order = Run(kernel, in, out, true).run();
  return order;
}

OverlapDistance overlapDistance(ArrayRef<AccessStep> order) {
  OverlapDistance distance;
  int64_t low = INT64_MAX, high = INT64_MIN; // of what is still to be read
  for (const AccessStep &step : llvm::reverse(order)) {
    if (step.writes() && low < high) {
      distance.below = std::max(distance.below, step.writeHigh - low);
      distance.above = std::max(distance.above, high - step.writeLow);
    }
    if (step.reads()) {
      low = std::min(low, step.readLow);
      high = std::max(high, step.readHigh);
    }
  }
  return distance;
}

bool playsOut(ArrayRef<AccessStep> order, int64_t shift) {
  llvm::DenseSet<int64_t> overwritten; // bytes of the input
  for (const AccessStep &step : order) {
    for (int64_t at = step.readLow; at < step.readHigh; ++at)
      if (overwritten.contains(at))
        return false;
    for (int64_t at = step.writeLow; at < step.writeHigh; ++at)
      overwritten.insert(at + shift);
  }
  return true;
}

} // namespace onnxc
