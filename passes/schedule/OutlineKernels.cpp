// Each group of linalg ops becomes a private function, identical ones shared.
//
//   fill(%tmp); generic{conv}(%x, %w -> %tmp); generic{bias, relu}(%tmp, %b -> %y)
// becomes
//   call @kernel_3(%x, %w, %b, %y)
//
// A group is a root op, the fill that initialises its accumulator, and the one
// elementwise op that consumes a temporary which nothing else touches (the
// epilogue).  Groups are formed on buffers: no alias question is open any
// more, and a view needs no copy to cross the call.
//
// Many kernels that differ in where their slices of a buffer start, as those
// that compute the operands of a wide Concat, become one that takes any offset.
// Only for the CPU: for the GPU, a known offset decides how wide accesses are.
#include "passes/schedule/KernelTable.h"
#include "passes/schedule/LoopNest.h"
#include "passes/schedule/Schedule.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace onnxc {
namespace {

/// As many kernels stay apart for the slices of a buffer that each writes.
constexpr size_t kFewKernels = 16;

/// Every copy is a linalg op from here on, so that it is scheduled like any other.
void copiesToGeneric(Operation *root) {
  root->walk([](memref::CopyOp op) {
    OpBuilder b(op);
    auto type = cast<MemRefType>(op.getTarget().getType());
    AffineMap id = b.getMultiDimIdentityMap(type.getRank());
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    if (op.getSource() != op.getTarget())
      linalg::GenericOp::create(b, op.getLoc(), ValueRange{op.getSource()}, ValueRange{op.getTarget()},
                                ArrayRef<AffineMap>{id, id}, iterators, [](OpBuilder &nb, Location l, ValueRange args) {
                                  linalg::YieldOp::create(nb, l, args[0]);
                                });
    op.erase();
  });
}

struct Group {
  linalg::LinalgOp fill, root, epilogue;
  memref::AllocOp temporary; ///< moves into the kernel

  SmallVector<linalg::LinalgOp> ops() {
    SmallVector<linalg::LinalgOp> out;
    for (linalg::LinalgOp op : {fill, root, epilogue})
      if (op)
        out.push_back(op);
    return out;
  }
  Operation *last() { return epilogue ? epilogue : root; }
};

/// `type` with an offset known at run time; null if that is what it is, or its layout has none.
MemRefType withoutOffset(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  auto layout = memref ? dyn_cast<StridedLayoutAttr>(memref.getLayout()) : StridedLayoutAttr();
  if (!layout || ShapedType::isDynamic(layout.getOffset()))
    return {};
  return MemRefType::Builder(memref).setLayout(
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, layout.getStrides()));
}

/// True when moving `from` down to `to` passes no write to what it reads or writes.
bool canSink(Operation *from, Operation *to) {
  SmallPtrSet<Value, 8> touched;
  for (Value v : from->getOperands())
    if (isa<MemRefType>(v.getType()))
      touched.insert(bufferOf(v));
  for (Operation *op = from->getNextNode(); op != to; op = op->getNextNode()) {
    if (!op)
      return false;
    if (op->getNumRegions() && !isa<linalg::LinalgOp>(op)) // loops and branches: look no further
      return false;
    auto effects = dyn_cast<MemoryEffectOpInterface>(op);
    if (!effects) {
      if (isMemoryEffectFree(op))
        continue;
      return false;
    }
    SmallVector<MemoryEffects::EffectInstance> list;
    effects.getEffects(list);
    for (auto &e : list)
      if (isa<MemoryEffects::Write>(e.getEffect()) && e.getResource() == SideEffects::DefaultResource::get() &&
          (!e.getValue() || touched.count(bufferOf(e.getValue()))))
        return false;
  }
  return true;
}

/// An elementwise op that can run on the accumulators of a root: it reads the
/// temporary once, by a permutation of its loops, and is parallel throughout.
bool isEpilogue(linalg::LinalgOp op, Value temporary) {
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (!generic || generic.getNumReductionLoops() || generic.getNumDpsInits() != 1 || generic.hasIndexSemantics())
    return false;
  int reads = 0;
  for (OpOperand *in : generic.getDpsInputOperands())
    if (in->get() == temporary) {
      ++reads;
      if (!generic.getMatchingIndexingMap(in).isPermutation())
        return false;
    }
  return reads == 1 && generic.getMatchingIndexingMap(generic.getDpsInitOperand(0)).isPermutation() &&
         generic.getDpsInitOperand(0)->get() != temporary &&
         !generic.getRegionOutputArgs()[0].hasNUsesOrMore(1);
}

Group groupOf(linalg::LinalgOp root) {
  Group g;
  g.root = root;
  if (root.getNumReductionLoops() == 0 || root.getNumDpsInits() != 1)
    return g;
  Value out = root.getDpsInitOperand(0)->get();
  // The fill just before, with nothing else touching the accumulator between.
  for (Operation *op = root->getPrevNode(); op; op = op->getPrevNode()) {
    bool uses = llvm::any_of(op->getOperands(), [&](Value v) { return isa<MemRefType>(v.getType()) && bufferOf(v) == bufferOf(out); });
    if (!uses) {
      if (op->getNumRegions() && !isa<linalg::LinalgOp>(op))
        break;
      continue;
    }
    if (auto fill = dyn_cast<linalg::FillOp>(op); fill && fill.getOutputs()[0] == out && canSink(op, root))
      g.fill = cast<linalg::LinalgOp>(op);
    break;
  }
  auto alloc = out.getDefiningOp<memref::AllocOp>();
  if (!g.fill || !alloc)
    return g;
  linalg::LinalgOp epilogue;
  for (Operation *user : out.getUsers()) {
    if (user == g.fill.getOperation() || user == root.getOperation())
      continue;
    auto op = dyn_cast<linalg::LinalgOp>(user);
    if (!op || epilogue || user->getBlock() != root->getBlock() || !isEpilogue(op, out))
      return g;
    epilogue = op;
  }
  if (!epilogue || !root->isBeforeInBlock(epilogue) || !canSink(root, epilogue))
    return g;
  // Fused, the epilogue writes while the root still reads: not where they share
  // a buffer.
  Value result = bufferOf(epilogue.getDpsInitOperand(0)->get());
  if (llvm::any_of(root.getDpsInputOperands(), [&](OpOperand *in) { return bufferOf(in->get()) == result; }))
    return g;
  g.epilogue = epilogue;
  g.temporary = alloc;
  return g;
}

class Outliner {
public:
  Outliner(ModuleOp module, bool anyOffset) : module(module), b(module.getContext()), anyOffset(anyOffset) {}

  void run(func::FuncOp main) {
    SmallVector<Group> groups;
    DenseSet<Operation *> taken;
    main.walk([&](linalg::LinalgOp op) {
      if (isa<linalg::FillOp>(op.getOperation()))
        return;
      Group g = groupOf(op);
      groups.push_back(g);
    });
    // Two roots may end in one op, as the branches of a residual sum: the later
    // one takes it.
    DenseSet<Operation *> claimed;
    for (Group &g : llvm::reverse(groups))
      if (g.epilogue && !claimed.insert(g.epilogue).second) {
        g.epilogue = {};
        g.temporary = {};
      }
    // An op that is some root's epilogue is no root itself.
    for (Group &g : groups)
      for (linalg::LinalgOp op : g.ops())
        if (op != g.root)
          taken.insert(op);
    for (Group &g : groups)
      if (!taken.count(g.root))
        outline(g);
    SmallVector<linalg::LinalgOp> rest;
    main.walk([&](linalg::LinalgOp op) { rest.push_back(op); });
    for (linalg::LinalgOp op : rest) {
      Group g;
      g.root = op;
      outline(g);
    }
    if (anyOffset)
      shareSlices();
  }

private:
  void outline(Group &g) {
    // Everything the ops use from outside becomes an argument; constants are cloned.
    llvm::SetVector<Value> used;
    for (linalg::LinalgOp op : g.ops()) {
      for (Value v : op->getOperands())
        used.insert(v);
      getUsedValuesDefinedAbove(op->getRegions(), used);
    }
    if (g.temporary)
      used.insert_range(g.temporary.getDynamicSizes());
    SmallVector<Value> args;
    SmallVector<Operation *> clones;
    for (Value v : used) {
      Operation *def = v.getDefiningOp();
      if (def && isa<arith::ConstantOp>(def))
        clones.push_back(def);
      else if (!def || def != g.temporary.getOperation())
        args.push_back(v);
    }
    if (g.temporary)
      clones.push_back(g.temporary);
    SmallVector<Location> nodes;
    for (linalg::LinalgOp op : g.ops())
      nodes.push_back(op.getLoc());
    Location loc = b.getFusedLoc(nodes);
    auto type = FunctionType::get(b.getContext(), ValueRange(args).getTypes(), {});
    b.setInsertionPointToEnd(module.getBody());
    auto kernel = func::FuncOp::create(b, loc, "kernel", type);
    kernel.setPrivate();
    kernel->setAttr(kKernelAttr, b.getUnitAttr());
    // Profiles and stack traces follow the kernels; LLVM works on one at a time.
    kernel->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
    Block *entry = kernel.addEntryBlock();
    b.setInsertionPointToStart(entry);
    IRMapping map;
    map.map(args, entry->getArguments());
    for (Operation *op : clones)
      b.clone(*op, map);
    for (linalg::LinalgOp op : g.ops()) {
      Operation *copy = b.clone(*op, map);
      copy->setLoc(loc);
    }
    func::ReturnOp::create(b, loc);

    auto [it, isNew] = known.try_emplace(kernelText(kernel), kernel);
    if (isNew)
      kernel.setSymName("kernel_" + std::to_string(count++));
    else
      kernel.erase();

    b.setInsertionPoint(g.last());
    calls[it->second].push_back(func::CallOp::create(b, loc, it->second, args));
    SmallVector<linalg::LinalgOp> gone(g.ops()); // a range of reverse() does not keep what it is made of
    for (linalg::LinalgOp op : llvm::reverse(gone))
      op->erase();
    if (g.temporary)
      g.temporary->erase();
  }

  /// The kernels that do the same at other offsets in the same buffers become
  /// one, where they are many: it is a little slower than each of them was.
  void shareSlices() {
    llvm::MapVector<StringRef, SmallVector<func::FuncOp>> alike;
    llvm::StringSet<> texts;
    for (auto &[kernel, uses] : calls)
      if (std::string text = textOfSlices(kernel, uses.front()); !text.empty())
        alike[texts.insert(text).first->getKey()].push_back(kernel);
    for (auto &[text, kernels] : alike) {
      if (kernels.size() <= kFewKernels)
        continue;
      func::FuncOp shared = kernels.front();
      setTypes(shared, withoutOffsets(shared));
      for (func::FuncOp kernel : kernels) {
        for (func::CallOp call : calls.lookup(kernel)) {
          castOperands(call, shared);
          call.setCallee(shared.getSymName());
        }
        if (kernel != shared)
          kernel.erase();
      }
    }
  }

  static SmallVector<Type> withoutOffsets(func::FuncOp kernel) {
    SmallVector<Type> types(kernel.getArgumentTypes());
    for (Type &type : types)
      if (MemRefType any = withoutOffset(type))
        type = any;
    return types;
  }

  static void setTypes(func::FuncOp kernel, ArrayRef<Type> types) {
    for (auto [i, type] : llvm::enumerate(types))
      setArgumentType(kernel, i, type);
  }

  /// `kernel` with any offset, and the buffers that `call` has them in; empty without such.
  std::string textOfSlices(func::FuncOp kernel, func::CallOp call) {
    SmallVector<Type> types(kernel.getArgumentTypes()), any = withoutOffsets(kernel);
    if (types == any)
      return {};
    setTypes(kernel, any);
    std::string text = kernelText(kernel);
    setTypes(kernel, types);
    for (auto [v, type, anyType] : llvm::zip_equal(call.getOperands(), types, any))
      if (type != anyType)
        text += " " + std::to_string(bufferNumbers.try_emplace(bufferOf(v), bufferNumbers.size()).first->second);
    return text;
  }

  /// Gives `call` operands of the types that `kernel` takes.
  static void castOperands(func::CallOp call, func::FuncOp kernel) {
    OpBuilder b(call);
    for (auto [operand, type] : llvm::zip_equal(call->getOpOperands(), kernel.getArgumentTypes()))
      if (operand.get().getType() != type)
        operand.set(memref::CastOp::create(b, call.getLoc(), type, operand.get()));
  }

  ModuleOp module;
  OpBuilder b;
  bool anyOffset;
  llvm::StringMap<func::FuncOp> known;
  llvm::MapVector<func::FuncOp, SmallVector<func::CallOp>> calls;
  DenseMap<Value, size_t> bufferNumbers;
  int count = 0;
};

struct OutlineKernelsPass : PassWrapper<OutlineKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(OutlineKernelsPass)
  explicit OutlineKernelsPass(bool anyOffset) : anyOffset(anyOffset) {}
  StringRef getArgument() const override { return "onnxc-outline-kernels"; }
  StringRef getDescription() const override { return "outline groups of linalg ops into shared private functions"; }
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    copiesToGeneric(main);
    Outliner(getOperation(), anyOffset).run(main);
  }
  bool anyOffset;
};

} // namespace

std::string kernelText(func::FuncOp kernel) {
  StringAttr name = kernel.getSymNameAttr();
  kernel.setSymName("kernel");
  std::string text;
  llvm::raw_string_ostream os(text);
  kernel.print(os, OpPrintingFlags().useLocalScope());
  kernel.setSymName(name);
  return text;
}

std::unique_ptr<Pass> createOutlineKernelsPass(bool anyOffset) { return std::make_unique<OutlineKernelsPass>(anyOffset); }

} // namespace onnxc
