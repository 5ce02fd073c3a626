// Where kernels run and where buffers live.
//
//   %t = memref.alloc                        %t = gpu.alloc
//   call @kernel_0(%x, %t)                   call @kernel_0(%x_device, %t) {onnxc.device}
//   call @kernel_1(%t, %y)            ->     call @kernel_1(%t, %u) {onnxc.device}
//   %v = memref.load %y[%i]                  gpu.memcpy %y, %u
//                                            %v = memref.load %y[%i]
//
// The device runs every kernel whose buffers have sizes known here. The host
// keeps control flow, and the small integer kernels whose results only it reads
// (shape arithmetic). A buffer that one side touches lives there; one that both
// touch has a home on each and is copied when the other side's is out of date.
// In a loop or branch that touches it from both sides, both homes are up to
// date at the beginning and at the end of each block.
#include "passes/schedule/LoopNest.h"
#include "passes/schedule/Schedule.h"
#include "passes/schedule/gpu/Gpu.h"
#include "passes/schedule/gpu/KernelBody.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Integer kernels with results up to this many elements may be shape arithmetic.
constexpr int64_t kShapeElements = 1024;

enum Side { Host, Device };

/// A buffer of `main`: an allocation, an input, an output or a constant.
struct Root {
  Value value;
  int64_t input = -1, output = -1; ///< number of the argument, or -1
  bool handedOn = false; ///< control flow makes values of it: results of branches, what loops carry
  bool touched[2] = {false, false};
  Value home[2];

  bool isMixed() const { return touched[Host] && touched[Device]; }
};

/// An op reads, and perhaps writes, a buffer.
struct Touch {
  Root *root;
  Side side;
  bool writes;
};

/// Which homes of a buffer hold its contents.
struct Validity {
  bool valid[2] = {true, true};
};
using State = llvm::MapVector<Root *, Validity>;

bool isViewOp(Operation *op) { return op && isa<ViewLikeOpInterface>(op); }

bool hasKernelForm(func::FuncOp kernel) {
  SmallVector<linalg::LinalgOp> ops(kernel.getOps<linalg::LinalgOp>());
  if (ops.size() == 1 && isa<linalg::FillOp>(ops[0].getOperation()))
    return true;
  auto read = readKernel(kernel.getBody().front());
  return read && epilogueLoops(*read);
}

/// Some op of the kernel writes to its argument.
bool writesArgument(func::FuncOp kernel, unsigned i) {
  return llvm::any_of(kernel.getArgument(i).getUses(), [](OpOperand &use) {
    auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
    return isa<memref::StoreOp>(use.getOwner()) || (op && op.isDpsInit(&use));
  });
}

class Placer {
public:
  Placer(ModuleOp module, func::FuncOp main) : module(module), main(main), b(main.getContext()) {}

  void run() {
    findRoots();
    place();
    if (llvm::none_of(calls, [](auto &c) { return c.second.empty(); }))
      return;
    separateKernels();
    main.walk([&](Operation *op) {
      for (Touch t : touches(op))
        t.root->touched[t.side] = true;
    });
    makeHomes();
    State state;
    for (auto &root : roots)
      if (root->isMixed()) {
        // Inputs arrive on the device; what nothing has written yet is the same everywhere.
        state[root.get()].valid[Host] = root->input < 0;
      }
    copies(main.getBody().front(), state);
    finishOutputs(state);
    markLoops();
    rewriteUses();
  }

private:
  //===-- Buffers ---------------------------------------------------------===//

  void addRoot(Value v, int64_t input = -1, int64_t output = -1) {
    if (!isa<MemRefType>(v.getType()))
      return;
    auto &root = roots.emplace_back(std::make_unique<Root>());
    root->value = v;
    root->input = input;
    root->output = output;
  }

  void findRoots() {
    int64_t inputs = main->getAttrOfType<IntegerAttr>("onnxc.num_inputs").getInt();
    for (BlockArgument arg : main.getArguments()) {
      int64_t i = arg.getArgNumber();
      addRoot(arg, i < inputs ? i : -1, i < inputs ? -1 : i);
    }
    main.walk([&](Operation *op) {
      if (isa<memref::AllocOp, memref::GetGlobalOp>(op))
        addRoot(op->getResult(0));
    });
    BufferViewFlowAnalysis flow(main);
    for (auto &root : roots)
      for (Value v : flow.resolve(root->value)) {
        rootsOf[v].push_back(root.get());
        root->handedOn |= !isViewOf(v, *root);
      }
  }

  static bool isViewOf(Value v, const Root &root) {
    while (v != root.value) {
      if (!isViewOp(v.getDefiningOp()))
        return false;
      v = cast<ViewLikeOpInterface>(v.getDefiningOp()).getViewSource();
    }
    return true;
  }

  /// The one buffer that `v` is a view of; null where it may be one of several,
  /// or is handed on by control flow.
  Root *onlyRoot(Value v) {
    auto it = rootsOf.find(v);
    if (it == rootsOf.end() || it->second.size() != 1)
      return nullptr;
    return isViewOf(v, *it->second[0]) ? it->second[0] : nullptr;
  }

  //===-- Placement -------------------------------------------------------===//

  func::FuncOp kernelOf(Operation *op) {
    auto call = dyn_cast<func::CallOp>(op);
    auto callee = call ? module.lookupSymbol<func::FuncOp>(call.getCallee()) : func::FuncOp();
    return callee && callee->hasAttr(kKernelAttr) ? callee : func::FuncOp();
  }

  /// Why the device cannot run a call; empty when it can.
  std::string obstacle(func::CallOp call, func::FuncOp kernel) {
    if (!hasKernelForm(kernel))
      return "has no form that runs on a GPU";
    for (Value v : call.getOperands()) {
      auto type = dyn_cast<MemRefType>(v.getType());
      if (!type)
        continue;
      Root *root = onlyRoot(v);
      if (!root)
        return "works on a buffer that is chosen at run time";
      if (!cast<MemRefType>(root->value.getType()).hasStaticShape())
        return "works on a buffer whose size is known at run time only (pin dims with --dim)";
    }
    return "";
  }

  /// A call whose results are few integers.
  bool isSmallInteger(func::CallOp call, func::FuncOp kernel) {
    for (auto [i, v] : llvm::enumerate(call.getOperands())) {
      auto type = dyn_cast<MemRefType>(v.getType());
      if (!type || !writesArgument(kernel, i))
        continue;
      if (!type.getElementType().isIntOrIndex() || !type.hasStaticShape() || type.getNumElements() > kShapeElements)
        return false;
    }
    return true;
  }

  /// Fills `calls`: for each call of a kernel the reason why the host runs it, empty for the device.
  void place() {
    main.walk([&](func::CallOp call) {
      if (func::FuncOp kernel = kernelOf(call))
        calls[call] = obstacle(call, kernel);
    });
    // Shape arithmetic, from what the host's own ops read back to where it comes from.
    DenseSet<Root *> demanded;
    auto demand = [&](Value v) {
      for (Root *root : rootsOf.lookup(v))
        demanded.insert(root);
    };
    main.walk([&](memref::LoadOp load) { demand(load.getMemRef()); });
    for (bool changed = true; changed;) {
      changed = false;
      for (auto &[op, reason] : calls) {
        auto call = cast<func::CallOp>(op);
        func::FuncOp kernel = kernelOf(call);
        bool wanted = false;
        for (auto [i, v] : llvm::enumerate(call.getOperands()))
          wanted |= isa<MemRefType>(v.getType()) && writesArgument(kernel, i) &&
                    llvm::any_of(rootsOf.lookup(v), [&](Root *r) { return demanded.contains(r); });
        if (!wanted || !isSmallInteger(call, kernel) || !shapeArithmetic.insert(op).second)
          continue;
        reason = "shape arithmetic";
        changed = true;
        for (Value v : call.getOperands())
          if (auto type = dyn_cast<MemRefType>(v.getType()); type && type.getElementType().isIntOrIndex())
            demand(v);
      }
    }
    for (auto &[op, reason] : calls) {
      if (reason.empty())
        op->setAttr(kOnDeviceAttr, b.getUnitAttr());
      else if (!shapeArithmetic.contains(op))
        op->setAttr(kFallbackAttr, b.getStringAttr(reason));
    }
  }

  /// A kernel that both sides call is two functions.
  void separateKernels() {
    DenseMap<Operation *, func::FuncOp> copies;
    DenseSet<Operation *> onDevice;
    for (auto &[op, reason] : calls)
      if (reason.empty())
        onDevice.insert(kernelOf(op));
    for (auto &[op, reason] : calls) {
      func::FuncOp kernel = kernelOf(op);
      if (reason.empty() || !onDevice.contains(kernel))
        continue;
      func::FuncOp &copy = copies[kernel];
      if (!copy) {
        b.setInsertionPointAfter(kernel);
        copy = cast<func::FuncOp>(b.clone(*kernel));
        copy.setSymName((kernel.getSymName() + "_host").str());
      }
      cast<func::CallOp>(op).setCallee(copy.getSymName());
    }
  }

  //===-- Copies ----------------------------------------------------------===//

  /// What `op` itself does to buffers, regions apart.
  SmallVector<Touch> touches(Operation *op) {
    SmallVector<Touch> list;
    auto add = [&](Value v, Side side, bool writes) {
      for (Root *root : rootsOf.lookup(v))
        list.push_back({root, side, writes});
    };
    if (isViewOp(op) || isa<memref::DimOp, memref::ExtractStridedMetadataOp, gpu::MemcpyOp>(op) || op->hasTrait<OpTrait::IsTerminator>())
      return list;
    if (func::FuncOp kernel = kernelOf(op)) {
      Side side = op->hasAttr(kOnDeviceAttr) ? Device : Host;
      for (auto [i, v] : llvm::enumerate(op->getOperands()))
        if (isa<MemRefType>(v.getType()))
          add(v, side, writesArgument(kernel, i));
      return list;
    }
    for (Value v : op->getOperands())
      if (isa<MemRefType>(v.getType())) {
        auto effects = dyn_cast<MemoryEffectOpInterface>(op);
        bool isLoop = isa<LoopLikeOpInterface>(op);
        if (!isLoop)
          add(v, Host, !effects || effects.getEffectOnValue<MemoryEffects::Write>(v).has_value());
      }
    return list;
  }

  void copy(OpBuilder &at, Location loc, Root *root, Side to) {
    auto made = gpu::MemcpyOp::create(at, loc, /*asyncToken=*/Type(), ValueRange(), root->home[to], root->home[to == Host ? Device : Host]);
    if (to == Device)
      made->setAttr(kOnDeviceAttr, at.getUnitAttr());
  }

  void require(Operation *before, Root *root, Side side, State &state) {
    Validity &v = state[root];
    if (v.valid[side])
      return;
    OpBuilder at(before);
    copy(at, before->getLoc(), root, side);
    v.valid[side] = true;
  }

  void copies(Block &block, State &state) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (!op.getNumRegions()) {
        SmallVector<Touch> list = llvm::filter_to_vector(touches(&op), [](Touch t) { return t.root->isMixed(); });
        for (Touch t : list)
          require(&op, t.root, t.side, state);
        for (Touch t : list)
          if (t.writes)
            state[t.root].valid[t.side == Host ? Device : Host] = false;
        continue;
      }
      // What the regions do, as a whole.
      struct Summary {
        bool touched[2] = {false, false}, written[2] = {false, false};
      };
      llvm::MapVector<Root *, Summary> inside;
      op.walk([&](Operation *inner) {
        for (Touch t : touches(inner))
          if (t.root->isMixed()) {
            inside[t.root].touched[t.side] = true;
            inside[t.root].written[t.side] |= t.writes;
          }
      });
      for (auto &[root, s] : inside)
        for (Side side : {Host, Device})
          if (s.touched[side])
            require(&op, root, side, state);
      for (Region &region : op.getRegions())
        for (Block &body : region) {
          State inner = state;
          copies(body, inner);
          // Beyond its block a buffer is what control flow makes of it, which only the host can follow.
          for (auto &[root, s] : inside)
            if (root->handedOn && root->value.getParentBlock() == &body)
              require(body.getTerminator(), root, Host, inner);
          for (auto &[root, s] : inside)
            if (s.touched[Host] && s.touched[Device])
              for (Side side : {Host, Device})
                require(body.getTerminator(), root, side, inner);
        }
      for (auto &[root, s] : inside)
        if (!(s.touched[Host] && s.touched[Device]) && !op.isAncestor(root->value.getParentBlock()->getParentOp()))
          for (Side side : {Host, Device})
            if (s.written[side])
              state[root].valid[side == Host ? Device : Host] = false;
    }
  }

  //===-- Rewriting -------------------------------------------------------===//

  /// Outputs and inputs are always the caller's memory of either kind, so that
  /// the host works on copies of them.
  void makeHomes() {
    for (auto &root : roots) {
      bool boundary = root->input >= 0 || root->output >= 0;
      auto type = cast<MemRefType>(root->value.getType());
      if (boundary && type.hasStaticShape() && root->touched[Host])
        root->touched[Device] = true;
      if (!root->touched[Device])
        continue;
      Operation *def = root->value.getDefiningOp();
      Location loc = root->value.getLoc();
      if (boundary)
        b.setInsertionPointToStart(&main.getBody().front());
      else
        b.setInsertionPointAfter(def);
      if (isa_and_present<memref::GetGlobalOp>(def)) {
        Operation *clone = b.clone(*def);
        clone->setAttr(kOnDeviceAttr, b.getUnitAttr());
        root->home[Device] = clone->getResult(0);
        // Never copied: it is the same on both sides for ever.
      } else {
        auto alloc = gpu::AllocOp::create(b, loc, type, /*asyncToken=*/Type(), ValueRange(), ValueRange(), ValueRange());
        if (root->input >= 0)
          alloc->setAttr(kInputAttr, b.getI64IntegerAttr(root->input));
        if (root->output >= 0)
          alloc->setAttr(kOutputAttr, b.getI64IntegerAttr(root->output));
        root->home[Device] = alloc.getMemref();
      }
      root->home[Host] = root->value;
      if (boundary && root->touched[Host])
        root->home[Host] = memref::AllocOp::create(b, loc, type);
    }
  }

  void finishOutputs(State &state) {
    Operation *end = main.getBody().front().getTerminator();
    for (auto &root : roots) {
      if (root->output < 0 || !root->touched[Device])
        continue;
      if (root->isMixed())
        require(end, root.get(), Device, state);
      OpBuilder at(end);
      auto finish = gpu::MemcpyOp::create(at, root->value.getLoc(), /*asyncToken=*/Type(), ValueRange(), root->value, root->home[Device]);
      finish->setAttr(kOutputAttr, b.getI64IntegerAttr(root->output));
    }
  }

  /// Loops of the host that do more than control the device.
  void markLoops() {
    main.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (!isa<LoopLikeOpInterface>(op))
        return WalkResult::advance();
      bool stores = op->walk([&](memref::StoreOp store) {
                        auto root = cast<MemRefType>(store.getMemRefType());
                        bool shape = root.getElementType().isIntOrIndex() && root.hasStaticShape() && root.getNumElements() <= kShapeElements;
                        return shape ? WalkResult::advance() : WalkResult::interrupt();
                      }).wasInterrupted();
      if (!stores)
        return WalkResult::advance();
      op->setAttr(kFallbackAttr, b.getStringAttr("runs as a loop of the host"));
      return WalkResult::skip();
    });
  }

  /// `v` on the device: the same view of the buffer's home there.
  Value onDevice(Value v) {
    Root *root = onlyRoot(v);
    if (v == root->value)
      return root->home[Device];
    auto [it, isNew] = deviceViews.try_emplace(v);
    if (!isNew)
      return it->second;
    Operation *view = v.getDefiningOp();
    Value source = onDevice(cast<ViewLikeOpInterface>(view).getViewSource());
    OpBuilder at(view);
    at.setInsertionPointAfter(view);
    IRMapping map;
    map.map(cast<ViewLikeOpInterface>(view).getViewSource(), source);
    Value made = at.clone(*view, map)->getResult(cast<OpResult>(v).getResultNumber());
    deviceViews[v] = made;
    return made;
  }

  void rewriteUses() {
    for (auto &[op, reason] : calls)
      if (reason.empty())
        for (OpOperand &operand : op->getOpOperands())
          if (isa<MemRefType>(operand.get().getType()))
            operand.set(onDevice(operand.get()));
    // The host's uses of inputs and outputs go to its copies.
    for (auto &root : roots)
      if (root->isMixed() && root->home[Host] != root->value)
        root->value.replaceUsesWithIf(root->home[Host], [](OpOperand &use) { return !isa<gpu::MemcpyOp>(use.getOwner()); });
  }

  ModuleOp module;
  func::FuncOp main;
  OpBuilder b;
  std::vector<std::unique_ptr<Root>> roots;
  DenseMap<Value, SmallVector<Root *>> rootsOf;
  llvm::MapVector<Operation *, std::string> calls;
  DenseSet<Operation *> shapeArithmetic;
  DenseMap<Value, Value> deviceViews;
};

struct PlaceKernelsPass : PassWrapper<PlaceKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlaceKernelsPass)
  StringRef getArgument() const override { return "onnxc-place-kernels"; }
  StringRef getDescription() const override { return "decide what the device runs, and where buffers live"; }
  void getDependentDialects(DialectRegistry &r) const override { r.insert<gpu::GPUDialect, memref::MemRefDialect>(); }
  void runOnOperation() override {
    if (auto main = getOperation().lookupSymbol<func::FuncOp>("main"))
      Placer(getOperation(), main).run();
  }
};

} // namespace

std::unique_ptr<Pass> createPlaceKernelsPass() { return std::make_unique<PlaceKernelsPass>(); }

} // namespace onnxc
