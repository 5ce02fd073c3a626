// Outer loops of large kernels run on several threads.
//
//   func @kernel(%x, %y) {                func @kernel(%x, %y) {
//     for %i = 0 to 64 step 1 {             call @onnxc.body.kernel.0(0, 64, 0, %x, %y)
//       ...                          ->   }
//     } {onnxc.parallel}                  func @onnxc.body.kernel.0(%begin, %end, %worker, %x, %y) {
//   }                                       for %n = %begin to %end step 1 { ... }
//                                         }
//
// As it stands, the call runs all iterations. The code generator turns it into
// a call of the executor that the caller of the model gives (codegen/llvm/
// Parallel.cpp), which shares out the range [0, 64). A loop of few iterations
// is taken together with the loop inside it. Scratch that iterations fill has
// one row for each worker; scratch that was filled before the loop is shared.
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace onnxc {
namespace {

/// A kernel that takes less is not worth waking a thread, which costs a few microseconds.
constexpr int64_t kLeastNanoseconds = 10000;
/// Loops of fewer iterations per thread share out badly.
constexpr int64_t kIterationsPerThread = 4;
/// Rows of scratch start on different cache lines.
constexpr int64_t kRowBytes = 64;

std::optional<int64_t> tripsOf(scf::ForOp loop) {
  auto from = getConstantIntValue(loop.getLowerBound()), to = getConstantIntValue(loop.getUpperBound()),
       step = getConstantIntValue(loop.getStep());
  if (!from || !to || !step)
    return std::nullopt;
  return llvm::divideCeil(std::max<int64_t>(0, *to - *from), *step);
}

bool isParallel(scf::ForOp loop) { return loop->hasAttr(kParallelLoopAttr) && loop.getInitArgs().empty(); }

/// The only loop in the body of `outer`, when all else there is address
/// arithmetic and both can be run as one.
scf::ForOp collapsible(scf::ForOp outer) {
  scf::ForOp inner;
  for (Operation &op : outer.getBody()->without_terminator()) {
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      if (inner || !isParallel(loop))
        return nullptr;
      inner = loop;
    } else if (!isPure(&op)) {
      return nullptr;
    }
  }
  if (!inner)
    return nullptr;
  for (Value bound : {inner.getLowerBound(), inner.getUpperBound(), inner.getStep()})
    if (!getConstantIntValue(bound))
      return nullptr;
  return inner;
}

bool writes(scf::ForOp loop, Value memref) {
  return llvm::any_of(memref.getUsers(), [&](Operation *user) {
    auto effects = dyn_cast<MemoryEffectOpInterface>(user);
    return loop->isAncestor(user) && (!effects || effects.getEffectOnValue<MemoryEffects::Write>(memref));
  });
}

class Parallelizer {
public:
  Parallelizer(ModuleOp module, int threads) : module(module), threads(threads) {
    module.walk([&](func::CallOp call) { calls[call.getCalleeAttr().getAttr()].push_back(call); });
  }

  void run(func::FuncOp kernel) {
    auto cost = kernel->getAttrOfType<IntegerAttr>(kKernelCostAttr);
    if (!cost || cost.getInt() < kLeastNanoseconds)
      return;
    SmallVector<scf::ForOp> loops;
    for (auto loop : kernel.getBody().front().getOps<scf::ForOp>())
      if (isParallel(loop) && tripsOf(loop).value_or(2) > 1)
        loops.push_back(loop);
    if (loops.empty())
      return;
    for (unsigned i = 0, n = kernel.getNumArguments(); i < n; ++i)
      if (kernel.getArgAttr(i, kScratchAttr))
        widenScratch(kernel, i);
    for (auto [n, loop] : llvm::enumerate(loops))
      outline(kernel, loop, n);
  }

private:
  void outline(func::FuncOp kernel, scf::ForOp loop, size_t number) {
    Location loc = loop.getLoc();
    scf::ForOp inner;
    if (auto trips = tripsOf(loop); trips && *trips < kIterationsPerThread * threads)
      inner = collapsible(loop);

    llvm::SetVector<Value> used;
    used.insert_range(ArrayRef<Value>{loop.getLowerBound(), loop.getStep()});
    getUsedValuesDefinedAbove(loop.getRegion(), used);
    SmallVector<Value> captured;
    SmallVector<Operation *> constants;
    for (Value v : used) {
      Operation *def = v.getDefiningOp();
      if (def && def->hasTrait<OpTrait::ConstantLike>())
        constants.push_back(def);
      else
        captured.push_back(v);
    }
    OpBuilder b(kernel);
    Type index = b.getIndexType();
    SmallVector<Type> types(3, index);
    // Scratch that the kernel filled before the loop is read by all workers.
    auto ownRows = [&](Value v) { return scratchOf.contains(v) && writes(loop, v); };
    SmallVector<Value> operands;
    for (Value v : captured)
      operands.push_back(ownRows(v) ? scratchOf[v] : v);
    llvm::append_range(types, ValueRange(operands).getTypes());
    auto body = func::FuncOp::create(b, loc, (kParallelBodyPrefix + kernel.getSymName() + "." + Twine(number)).str(),
                                     b.getFunctionType(types, {}));
    body.setPrivate();
    Block *entry = body.addEntryBlock();
    b.setInsertionPointToStart(entry);
    IRMapping map;
    for (Operation *c : constants)
      b.clone(*c, map);
    Value begin = entry->getArgument(0), end = entry->getArgument(1), worker = entry->getArgument(2);
    for (auto [v, arg] : llvm::zip(captured, entry->getArguments().drop_front(3)))
      map.map(v, ownRows(v) ? rowOf(b, loc, arg, worker, cast<MemRefType>(v.getType())) : Value(arg));

    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    auto range = scf::ForOp::create(b, loc, begin, end, one);
    func::ReturnOp::create(b, loc);
    b.setInsertionPointToStart(range.getBody());
    Value n = range.getInductionVar(), at = n;
    if (inner) {
      Value trips = arith::ConstantIndexOp::create(b, loc, *tripsOf(inner));
      at = arith::DivUIOp::create(b, loc, n, trips);
      n = arith::RemUIOp::create(b, loc, n, trips);
    }
    enter(b, loop, at, map);
    for (Operation &op : loop.getBody()->without_terminator())
      if (&op != inner.getOperation())
        b.clone(op, map);
    if (inner) {
      enter(b, inner, n, map);
      for (Operation &op : inner.getBody()->without_terminator())
        b.clone(op, map);
    }

    b.setInsertionPoint(loop);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value length = arith::SubIOp::create(b, loc, loop.getUpperBound(), loop.getLowerBound());
    Value count = arith::CeilDivSIOp::create(b, loc, length, loop.getStep());
    if (inner)
      count = arith::MulIOp::create(b, loc, count, arith::ConstantIndexOp::create(b, loc, *tripsOf(inner)));
    operands.insert(operands.begin(), {zero, count, zero});
    func::CallOp::create(b, loc, body, operands);
    loop.erase();
  }

  /// Iteration `n` of `loop`: its induction variable is lower + n * step.
  void enter(OpBuilder &b, scf::ForOp loop, Value n, IRMapping &map) {
    Location loc = loop.getLoc();
    Value step = map.lookupOrDefault(loop.getStep()), lower = map.lookupOrDefault(loop.getLowerBound());
    Value scaled = arith::MulIOp::create(b, loc, n, step);
    map.map(loop.getInductionVar(), arith::AddIOp::create(b, loc, lower, scaled).getResult());
  }

  /// Argument `number`, memref<ExT>, becomes memref<THREADSxE'xT>, in the kernel and at its calls.
  void widenScratch(func::FuncOp kernel, unsigned number) {
    Value arg = kernel.getArgument(number);
    auto type = cast<MemRefType>(arg.getType());
    int64_t perLine = std::max<int64_t>(1, kRowBytes * 8 / type.getElementTypeBitWidth());
    auto wide = MemRefType::get({threads, int64_t(llvm::alignTo(type.getNumElements(), perLine))}, type.getElementType());
    for (func::CallOp call : calls[kernel.getSymNameAttr()]) {
      OpBuilder b(call);
      Operation *before = call.getOperand(number).getDefiningOp();
      call.setOperand(number, memref::AllocOp::create(b, call.getLoc(), wide));
      if (before->use_empty())
        before->erase();
    }
    arg.setType(wide);
    kernel.setFunctionType(FunctionType::get(kernel.getContext(), kernel.getBody().getArgumentTypes(), {}));
    OpBuilder b = OpBuilder::atBlockBegin(&kernel.getBody().front());
    Value first = arith::ConstantIndexOp::create(b, kernel.getLoc(), 0);
    Value row = rowOf(b, kernel.getLoc(), arg, first, type);
    arg.replaceAllUsesExcept(row, row.getDefiningOp());
    scratchOf[row] = arg;
  }

  /// Row `worker` of the scratch of all workers.
  Value rowOf(OpBuilder &b, Location loc, Value scratch, Value worker, MemRefType row) {
    auto layout = StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {1});
    auto type = MemRefType::get(row.getShape(), row.getElementType(), layout);
    SmallVector<OpFoldResult> offsets{worker, b.getIndexAttr(0)}, sizes{b.getIndexAttr(1), b.getIndexAttr(row.getDimSize(0))},
        strides(2, b.getIndexAttr(1));
    return memref::SubViewOp::create(b, loc, type, scratch, offsets, sizes, strides);
  }

  ModuleOp module;
  int threads;
  DenseMap<StringAttr, SmallVector<func::CallOp>> calls;
  DenseMap<Value, Value> scratchOf; ///< a kernel's own row of scratch to the scratch of all workers
};

struct ParallelizeKernelsPass : PassWrapper<ParallelizeKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ParallelizeKernelsPass)
  explicit ParallelizeKernelsPass(int threads = 2) { this->threads = threads; }
  ParallelizeKernelsPass(const ParallelizeKernelsPass &other) : PassWrapper(other) { threads = other.threads; }
  StringRef getArgument() const override { return "onnxc-parallelize-kernels"; }
  StringRef getDescription() const override { return "run the outer loops of large kernels on several threads"; }
  void runOnOperation() override {
    Parallelizer parallelizer(getOperation(), threads);
    SmallVector<func::FuncOp> kernels;
    for (auto f : getOperation().getOps<func::FuncOp>())
      if (f->hasAttr(kKernelAttr))
        kernels.push_back(f);
    for (func::FuncOp kernel : kernels)
      parallelizer.run(kernel);
  }
  Pass::Option<int> threads{*this, "threads", llvm::cl::desc("threads of the generated code"), llvm::cl::init(2)};
};

} // namespace

std::unique_ptr<Pass> createParallelizeKernelsPass(int threads) { return std::make_unique<ParallelizeKernelsPass>(threads); }

void passFrame(func::FuncOp main) {
  auto module = main->getParentOfType<ModuleOp>();
  DenseSet<StringAttr> parallel;
  for (auto f : module.getOps<func::FuncOp>())
    f.walk([&](func::CallOp call) {
      if (call.getCallee().starts_with(kParallelBodyPrefix))
        parallel.insert(f.getSymNameAttr());
    });
  for (auto f : module.getOps<func::FuncOp>())
    if (parallel.contains(f.getSymNameAttr()))
      (void)f.insertArgument(f.getNumArguments(), IndexType::get(f.getContext()), DictionaryAttr::get(f.getContext()), f.getLoc());
  Value frame = main.getArguments().back();
  main.walk([&](func::CallOp call) {
    if (parallel.contains(call.getCalleeAttr().getAttr()))
      call.getOperandsMutable().append(frame);
  });
}

} // namespace onnxc
