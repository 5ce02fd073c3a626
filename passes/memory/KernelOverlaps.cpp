// Buffers that may overlap because a kernel reads the one before it writes the other.
//
//   call @pointwise(%x, %w, %y)       %x dies here, %y is born:   |<-- below -->|  %x ...  |
//                                                                 |  %y ...         |
//
// The same holds where several kernels read the one and write the other, parts
// of it each.
//
// A kernel that goes through its rows upwards lets the output lie `below` bytes
// before the input, or more; the same kernel run backwards lets it lie
// `above` bytes behind. In a chain, kernels of both directions take turns, so
// that all of it stays in one place. The distances come from the scheduled
// kernels (AccessOrder).
#include "passes/memory/KernelOverlaps.h"
#include "passes/schedule/LoopNest.h"
#include "passes/schedule/Schedule.h"

#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Bytes from the start of the buffer behind `v` to the start of `v`; nullopt: not known.
std::optional<int64_t> startOf(Value v) {
  auto type = cast<MemRefType>(v.getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  if (!type.getElementType().isIntOrFloat() || failed(type.getStridesAndOffset(strides, offset)))
    return std::nullopt;
  Operation *op = v.getDefiningOp();
  if (isa_and_present<memref::ViewOp>(op))
    return std::nullopt;
  if (ShapedType::isDynamic(offset)) {
    auto cast = dyn_cast_if_present<memref::CastOp>(op);
    return cast ? startOf(cast.getSource()) : std::nullopt;
  }
  if (auto view = dyn_cast_if_present<ViewLikeOpInterface>(op); view && !startOf(view.getViewSource()))
    return std::nullopt;
  return offset * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

} // namespace

/// Calls between the birth of one buffer and the death of another, at most.
static constexpr size_t kMostCalls = 256;

KernelOverlaps::KernelOverlaps(func::FuncOp main, ArrayRef<LiveBuffer> buffers, llvm::function_ref<int64_t(Operation *)> position,
                               llvm::function_ref<SmallVector<Operation *>(Value)> users, int64_t enough)
    : main(main), buffers(buffers), position(position), users(users) {
  for (auto f : main->getParentOfType<ModuleOp>().getOps<func::FuncOp>())
    if (f->hasAttr(kKernelAttr) || f->hasAttr(kStagedAttr))
      kernels[f.getSymNameAttr()] = f;
  std::vector<Pair> pairs;
  for (unsigned out = 0; out < buffers.size(); ++out)
    for (unsigned in = 0; in < buffers.size(); ++in) {
      const LiveBuffer &from = buffers[in], &to = buffers[out];
      if (in != out && from.first < to.first && to.first <= from.last && from.last < to.last)
        if (auto pair = match(in, out))
          pairs.push_back(std::move(*pair));
    }
  // Where no more is alive than must be somewhere if all pairs could overlap completely, nothing is to be gained.
  std::map<int64_t, int64_t> live, spared; // by the first position of each buffer, where the sum is largest
  for (const LiveBuffer &b : buffers)
    live[b.first] = 0;
  for (const LiveBuffer &b : buffers)
    for (auto it = live.lower_bound(b.first); it != live.end() && it->first <= b.last; ++it)
      it->second += b.bytes;
  auto eachPoint = [&](const Pair &pair, llvm::function_ref<void(int64_t)> visit) {
    for (auto it = live.lower_bound(buffers[pair.output].first); it != live.end() && it->first <= buffers[pair.input].last; ++it)
      visit(it->first);
  };
  for (const Pair &pair : pairs)
    eachPoint(pair, [&](int64_t at) { spared[at] = std::max(spared[at], std::min(buffers[pair.input].bytes, buffers[pair.output].bytes)); });
  int64_t least = 0;
  for (auto [at, bytes] : live)
    least = std::max(least, bytes - spared[at]);
  least = std::min(least, enough);
  llvm::erase_if(pairs, [&](const Pair &pair) {
    bool helps = false;
    eachPoint(pair, [&](int64_t at) { helps |= live[at] > least; });
    return !helps;
  });
  for (const Pair &pair : pairs)
    if (pair.touches.size() > 1)
      for (const Touch &t : pair.touches)
        pinned.insert(t.kernel);
  for (const Pair &pair : pairs) {
    auto forward = distance(pair, false), backward = distance(pair, true);
    if (!forward || !backward)
      continue;
    unsigned number = numbers.insert({pair.touches[0].kernel, numbers.size()}).first->second;
    found.push_back({pair.input, pair.output, {forward->below, backward->below}, {forward->above, backward->above}, number});
  }
}

std::optional<KernelOverlaps::Pair> KernelOverlaps::match(unsigned input, unsigned output) {
  Pair pair{input, output, {}};
  const LiveBuffer &from = buffers[input], &to = buffers[output];
  SmallVector<Operation *> ops;
  for (Value v : {from.value, to.value})
    for (Operation *user : users(v))
      if (!isa<ViewLikeOpInterface>(user) && position(user) >= to.first && position(user) <= from.last && !llvm::is_contained(ops, user))
        ops.push_back(user);
  if (ops.empty() || ops.size() > kMostCalls)
    return std::nullopt;
  llvm::sort(ops, [&](Operation *a, Operation *b) { return position(a) < position(b); });
  for (Operation *op : ops) {
    auto call = dyn_cast<func::CallOp>(op);
    // Loops run calls more than once; the branches of an If are one of several.
    if (!call || call->getBlock() != ops[0]->getBlock())
      return std::nullopt;
    Touch t{call, kernels.lookup(call.getCalleeAttr().getAttr())};
    if (!t.kernel)
      return std::nullopt;
    for (auto [i, v] : llvm::enumerate(call.getOperands())) {
      if (!isa<MemRefType>(v.getType()))
        continue;
      Value buffer = bufferOf(v);
      if (buffer != from.value && buffer != to.value)
        continue;
      int &arg = buffer == from.value ? t.in : t.out;
      auto start = startOf(v);
      if (arg >= 0 || !start)
        return std::nullopt;
      arg = i;
      (buffer == from.value ? t.inStart : t.outStart) = *start;
    }
    if (t.in < 0 && t.out < 0)
      return std::nullopt;
    pair.touches.push_back(t);
  }
  // Born and dead in this block, not in a loop around it.
  if (position(pair.touches.front().call) != to.first || position(pair.touches.back().call) != from.last)
    return std::nullopt;
  return pair;
}

const std::optional<std::vector<AccessStep>> &KernelOverlaps::order(func::FuncOp kernel, int in, int out) {
  auto [it, isNew] = cache.try_emplace({kernel, in, out});
  if (isNew)
    it->second = accessOrder(kernel, in, out);
  return it->second;
}

func::FuncOp KernelOverlaps::turned(func::FuncOp kernel) {
  auto other = kernel->getAttrOfType<FlatSymbolRefAttr>(kBackwardAttr);
  return other && !pinned.contains(kernel) ? kernels.lookup(other.getAttr()) : func::FuncOp();
}

std::optional<OverlapDistance> KernelOverlaps::distance(const Pair &pair, bool backward) {
  std::vector<AccessStep> all;
  for (const Touch &t : pair.touches) {
    func::FuncOp other = backward ? turned(t.kernel) : func::FuncOp();
    const auto &steps = order(other ? other : t.kernel, t.in, t.out);
    if (!steps)
      return std::nullopt;
    for (AccessStep step : *steps) {
      if (step.reads()) {
        step.readLow += t.inStart;
        step.readHigh += t.inStart;
      }
      if (step.writes()) {
        step.writeLow += t.outStart;
        step.writeHigh += t.outStart;
      }
      all.push_back(step);
    }
  }
  return overlapDistance(all);
}

void KernelOverlaps::turn(const std::vector<bool> &backwards) {
  llvm::DenseMap<Attribute, func::FuncOp> to;
  for (auto [kernel, number] : numbers)
    if (auto other = backwards[number] ? turned(cast<func::FuncOp>(kernel)) : func::FuncOp())
      to[cast<func::FuncOp>(kernel).getSymNameAttr()] = other;
  main.walk([&](func::CallOp call) {
    if (func::FuncOp other = to.lookup(call.getCalleeAttr().getAttr()))
      call.setCallee(other.getSymName());
  });
}

void eraseUnusedDirections(ModuleOp module) {
  llvm::DenseSet<Attribute> called;
  module.walk([&](func::CallOp call) { called.insert(call.getCalleeAttr().getAttr()); });
  for (auto kernel : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    // Of a kernel in two directions, the planner chose one for all calls.
    bool hasTwo = kernel->removeAttr(kBackwardAttr) != nullptr, isTurned = kernel->removeAttr(kBackwardCopyAttr) != nullptr;
    if ((hasTwo || isTurned) && !called.contains(kernel.getSymNameAttr()))
      kernel.erase();
  }
}

} // namespace onnxc
