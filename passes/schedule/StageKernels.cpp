// Chains of kernels run box by box where memory is short.
//
//   %t is large, %x and %y are not:   call @a(%x, %t); call @b(%t, %y)   ->   call @staged_0(%x, %y)
//
// The function computes a few rows (and columns) of %y at a time, from the part
// of %t that they need, and computes that part where it is needed
// (StageChain). With a budget, the chains and box sizes are looked for
// that satisfy it with the least extra arithmetic. Without one, only what is
// moved to another order is staged with what reads it, which computes nothing twice.
// Memory is estimated here; what a run takes is known when it is planned.
#include "passes/schedule/LoopNest.h"
#include "passes/schedule/Schedule.h"
#include "passes/schedule/StageChain.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace onnxc {
namespace {

int64_t bytesOf(Type t) {
  auto type = dyn_cast<MemRefType>(t);
  if (!type || !type.hasStaticShape() || !type.getElementType().isIntOrFloat())
    return 0;
  return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

class Staging {
public:
  Staging(ModuleOp module, func::FuncOp main, const StageOptions &options) : kernels(module), main(main), options(options) {}

  void run() {
    for (unsigned round = 0; round < kMostChains; ++round) {
      look();
      int64_t now = mostAlive(), goal = options.budget.value_or(0);
      if (calls.empty() || now <= goal)
        break;
      std::optional<Choice> best = choose(now, goal);
      if (!best)
        break;
      StageChain chain(stagesOf(best->from, best->to));
      chain.setExtent(best->extent);
      int64_t all = int64_t(chain.multiplyAdds()), once = int64_t(chain.multiplyAddsOnce());
      func::CallOp staged = chain.build(kernels, round);
      staged->setAttr(kStagedWorkAttr, Builder(staged).getDenseI64ArrayAttr({once, std::max<int64_t>(0, all - once)}));
      extra[staged] = {best->scratch, best->spared};
    }
    kernels.eraseUncalled();
    for (auto get : llvm::make_early_inc_range(main.getOps<memref::GetGlobalOp>()))
      if (get->use_empty())
        get.erase();
  }

private:
  static constexpr unsigned kMostChains = 6, kLongestChain = 14;
  static constexpr double kCopy = 4; ///< copying an element takes as long as so many multiply-adds

  struct Live {
    Value value;
    int64_t bytes, first, last; ///< by calls
    bool fixed;                 ///< of the caller: may not be overwritten
  };
  struct Choice {
    size_t from, to;
    std::array<int64_t, 2> extent;
    int64_t alive, scratch, spared;
    double work;
  };
  struct Extra {
    int64_t scratch, spared;
  };

  /// The calls of `main`, their stages, and when buffers are alive.
  void look() {
    calls.clear();
    stages.clear();
    buffers.clear();
    DenseMap<Operation *, int64_t> position;
    Block &block = main.getBody().front();
    for (Operation &op : block) {
      position[&op] = calls.size();
      if (auto call = dyn_cast<func::CallOp>(op)) {
        func::FuncOp kernel = kernels.kernelOf(call);
        stages.push_back(kernel ? readStage(call, kernel) : std::nullopt);
        calls.push_back(call);
      }
    }
    auto add = [&](Value v, int64_t first, int64_t last, bool fixed) {
      SmallVector<Value> names{v};
      while (!names.empty())
        for (Operation *user : names.pop_back_val().getUsers()) {
          Operation *here = block.findAncestorOpInBlock(*user);
          if (isa<ViewLikeOpInterface>(user))
            names.append(user->result_begin(), user->result_end());
          if (!isa<ViewLikeOpInterface>(user) && here) {
            first = std::min(first, position[here]);
            last = std::max(last, position[here]);
          }
        }
      buffers.push_back({v, bytesOf(v.getType()), first, last, fixed});
    };
    int64_t end = calls.size();
    auto inputs = main->getAttrOfType<IntegerAttr>("onnxc.num_inputs");
    for (BlockArgument arg : block.getArguments()) {
      bool isInput = inputs && arg.getArgNumber() < inputs.getInt();
      if (!options.ioInArena)
        buffers.push_back({arg, bytesOf(arg.getType()), 0, end, true});
      else if (isInput)
        add(arg, 0, 0, false);
      else
        add(arg, end, end, false);
    }
    main.walk([&](memref::AllocOp op) { add(op, end, 0, false); });
  }

  /// Bytes alive at call k, of which `spared` lie in one place twice.
  int64_t aliveAt(int64_t k) {
    int64_t sum = 0;
    for (const Live &b : buffers)
      if (b.first <= k && k <= b.last)
        sum += llvm::alignTo(b.bytes, 64);
    if (auto it = extra.find(calls[k]); it != extra.end())
      return sum + it->second.scratch - it->second.spared;
    return sum - sparedAt(k);
  }

  const Live *bufferAt(Value v) {
    Value buffer = bufferOf(v);
    auto it = llvm::find_if(buffers, [&](const Live &b) { return b.value == buffer; });
    return it == buffers.end() ? nullptr : &*it;
  }

  /// What input and output of call k share when rows are done one by one.
  int64_t sparedAt(int64_t k) {
    if (!stages[k])
      return 0;
    StageChain alone(&*stages[k]);
    auto type = cast<MemRefType>(alone.output().getType());
    if (!alone.setExtent({1, type.getDimSize(2)}))
      return 0;
    return sparedBy(alone, k, k);
  }

  int64_t sparedBy(const StageChain &chain, int64_t from, int64_t to) {
    const Live *out = bufferAt(chain.output());
    int64_t most = 0;
    for (auto &[v, box] : chain.allBoxes()) {
      const Live *in = box.isInput ? bufferAt(v) : nullptr;
      if (!in || !out || in->fixed || out->fixed || in->last > to || in->last < from || out->first < from)
        continue;
      int64_t below = chain.distanceTo(v);
      most = std::max(most, in->bytes + out->bytes - std::max(out->bytes, below + in->bytes));
    }
    return most;
  }

  int64_t mostAlive() {
    int64_t most = 0;
    for (size_t k = 0; k < calls.size(); ++k)
      most = std::max(most, aliveAt(k));
    return most;
  }

  SmallVector<const Stage *> stagesOf(size_t from, size_t to) {
    SmallVector<const Stage *> chain;
    for (size_t k = from; k <= to; ++k)
      chain.push_back(&*stages[k]);
    return chain;
  }

  std::optional<Choice> choose(int64_t now, int64_t goal) {
    SmallVector<int64_t> alive;
    for (size_t k = 0; k < calls.size(); ++k)
      alive.push_back(aliveAt(k));
    std::optional<Choice> best;
    auto better = [&](const Choice &c) {
      if (!best)
        return true;
      bool fits = c.alive <= goal, did = best->alive <= goal;
      if (fits != did)
        return fits;
      return fits ? std::pair(c.work, double(c.alive)) < std::pair(best->work, double(best->alive))
                  : std::pair(double(c.alive), c.work) < std::pair(double(best->alive), best->work);
    };
    for (size_t from = 0; from < calls.size(); ++from)
      for (size_t to = from; to < calls.size() && to - from < kLongestChain; ++to) {
        if (!stages[to])
          break;
        // The peaks outside of the chain stay; those inside are what it is for.
        int64_t outside = 0, peak = 0;
        for (size_t k = 0; k < calls.size(); ++k)
          (k < from || k > to ? outside : peak) = std::max(k < from || k > to ? outside : peak, alive[k]);
        if (to == from || peak <= goal || (!options.budget && (peak < now || to != from + 1 || stages[from]->moved.empty())))
          continue;
        tryChain(from, to, outside, better, best);
      }
    if (best && best->alive >= now)
      return std::nullopt;
    return best;
  }

  void tryChain(size_t from, size_t to, int64_t outside, llvm::function_ref<bool(const Choice &)> better, std::optional<Choice> &best) {
    StageChain chain(stagesOf(from, to));
    for (size_t k = from; k < to; ++k)
      if (!chain.isInternal(func::CallOp(stages[k]->call).getOperand(stages[k]->output)))
        return;
    int64_t live = 0;
    for (const Live &b : buffers)
      if (b.first <= int64_t(to) && b.last >= int64_t(from) && !chain.isInternal(b.value))
        live += llvm::alignTo(b.bytes, 64);
    auto type = cast<MemRefType>(chain.output().getType());
    int64_t height = type.getDimSize(1), width = type.getDimSize(2);
    for (int64_t rows : {1, 2, 3, 4, 6, 8, 12, 16, 24})
      for (int64_t parts : {1, 2, 3, 4, 6, 8}) {
        std::array<int64_t, 2> extent = {rows, int64_t(llvm::divideCeil(width, parts))};
        if (rows >= height || (parts > 1 && (!options.budget || parts > width)))
          continue;
        if (!chain.setExtent(extent))
          return;
        Choice c{from, to, extent, 0, chain.scratchBytes(), sparedBy(chain, from, to), chain.multiplyAdds() + kCopy * chain.copies()};
        c.alive = std::max(outside, live + c.scratch - c.spared);
        if (better(c))
          best = c;
      }
  }

  KernelTable kernels;
  func::FuncOp main;
  StageOptions options;
  std::vector<func::CallOp> calls;
  std::vector<std::optional<Stage>> stages; ///< of each call
  std::vector<Live> buffers;
  DenseMap<Operation *, Extra> extra; ///< of staged calls
};

struct StageKernelsPass : PassWrapper<StageKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(StageKernelsPass)
  explicit StageKernelsPass(const StageOptions &options) : options(options) {}
  StageKernelsPass(const StageKernelsPass &other) : PassWrapper(other), options(other.options) {}
  StringRef getArgument() const override { return "onnxc-stage-kernels"; }
  StringRef getDescription() const override { return "chains of kernels run box by box where memory is short"; }
  void getDependentDialects(DialectRegistry &r) const override { r.insert<arith::ArithDialect, memref::MemRefDialect, scf::SCFDialect>(); }
  void runOnOperation() override {
    if (auto main = getOperation().lookupSymbol<func::FuncOp>("main"))
      Staging(getOperation(), main, options).run();
  }
  StageOptions options;
};

} // namespace

std::unique_ptr<Pass> createStageKernelsPass(const StageOptions &options) { return std::make_unique<StageKernelsPass>(options); }

} // namespace onnxc
