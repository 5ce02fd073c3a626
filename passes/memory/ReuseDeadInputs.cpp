// Elementwise results take the memory of an input that nothing needs any more.
//
//   %y = memref.alloc()
//   call @convolve_add(%a, %w, %x, %y)      ->   call @convolve_add(%a, %w, %x)
//   ... no %x                                    ... %y is %x
//
// where the kernel reads an element of %x only to write that element of %y. A
// residual sum that ends a convolution needs two buffers this way, not three.
// An input that dies is computed in the buffer of a graph output in the first
// place.
#include "passes/memory/ReuseDeadInputs.h"
#include "passes/schedule/KernelTable.h"
#include "passes/schedule/LoopNest.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Every op that touches `buffer` or a view of it; false when it may have names that are not seen here.
bool usersOf(Value buffer, SmallVectorImpl<Operation *> &users) {
  SmallVector<Value> names{buffer};
  while (!names.empty())
    for (Operation *user : names.pop_back_val().getUsers()) {
      if (isa<ViewLikeOpInterface>(user) && user->getNumResults() == 1)
        names.push_back(user->getResult(0));
      else if (isa<linalg::LinalgOp, memref::LoadOp, memref::StoreOp, memref::CopyOp, memref::DimOp>(user) ||
               (isa<func::CallOp>(user) && !user->getNumResults()))
        users.push_back(user);
      else
        return false;
    }
  return true;
}

/// In the block of `op`, nothing else touches `buffer` after it (`after`) or before it.
bool untouched(Value buffer, Operation *op, bool after) {
  SmallVector<Operation *> users;
  if (!usersOf(buffer, users))
    return false;
  for (Operation *user : users) {
    Operation *here = op->getBlock()->findAncestorOpInBlock(*user);
    if (!here || (here != op && here->isBeforeInBlock(op) != after))
      return false;
  }
  return true;
}

class Reuse {
public:
  Reuse(ModuleOp module, func::FuncOp main) : kernels(module), main(main) {}

  void run() {
    SmallVector<func::CallOp> calls;
    main.walk([&](func::CallOp call) { calls.push_back(call); });
    for (func::CallOp call : calls)
      if (func::FuncOp kernel = kernels.kernelOf(call))
        reuse(call, kernel);
    kernels.eraseUncalled();
  }

private:
  /// The elementwise op that writes argument `out` of a kernel and nothing else
  /// there does: each iteration writes one element and does not look at what was there.
  static linalg::GenericOp writerOf(BlockArgument out) {
    if (!isa<MemRefType>(out.getType()) || !out.hasOneUse())
      return {};
    auto op = dyn_cast<linalg::GenericOp>(*out.user_begin());
    if (!op || op.getNumReductionLoops() || op.getNumDpsInits() != 1 || op.getDpsInitOperand(0)->get() != out ||
        !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation() || !op.getRegionOutputArgs()[0].use_empty())
      return {};
    return op;
  }

  /// `op`, the only user of argument `in`, reads of it the element that it writes.
  static bool readsInStep(linalg::GenericOp op, BlockArgument in) {
    if (!in.hasOneUse() || *in.user_begin() != op.getOperation())
      return false;
    OpOperand *use = &*in.use_begin();
    return op.isDpsInput(use) && op.getMatchingIndexingMap(use) == op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  }

  /// No operand of `call` but number `arg` is, or shows, `buffer`.
  static bool passedOnce(func::CallOp call, unsigned arg, Value buffer) {
    for (auto [i, v] : llvm::enumerate(call.getOperands()))
      if (i != arg && isa<MemRefType>(v.getType()) && bufferOf(v) == buffer)
        return false;
    return true;
  }

  void reuse(func::CallOp call, func::FuncOp kernel) {
    for (BlockArgument out : kernel.getArguments())
      if (linalg::GenericOp op = writerOf(out))
        for (BlockArgument in : kernel.getArguments())
          if (in != out && in.getType() == out.getType() && readsInStep(op, in) &&
              merge(call, in.getArgNumber(), out.getArgNumber())) {
            func::FuncOp copy = kernel.clone();
            copy.getArgument(out.getArgNumber()).replaceAllUsesWith(copy.getArgument(in.getArgNumber()));
            (void)copy.eraseArgument(out.getArgNumber());
            call->eraseOperand(out.getArgNumber());
            kernels.redirect(call, copy);
            return;
          }
  }

  /// Makes the buffers that `call` passes as `in` and `out` one, where that is allowed.
  bool merge(func::CallOp call, unsigned in, unsigned out) {
    Value input = call.getOperand(in), result = call.getOperand(out);
    auto from = bufferOf(input).getDefiningOp<memref::AllocOp>();
    auto to = result.getDefiningOp<memref::AllocOp>();
    if (!from || from == to || from->getBlock() != call->getBlock() ||
        (to ? to->getBlock() != call->getBlock() : !isa<BlockArgument>(result) || call->getBlock() != &main.getBody().front()))
      return false;
    if (!passedOnce(call, in, from) || !passedOnce(call, out, result) || !untouched(from, call, /*after=*/true) ||
        !untouched(result, call, /*after=*/false))
      return false;
    if (to) {
      // A small view of a large buffer would keep all of it alive.
      if (!from.getType().hasStaticShape() || from.getType().getNumElements() != to.getType().getNumElements())
        return false;
      to.replaceAllUsesWith(input);
      to.erase();
      return true;
    }
    if (input != from.getResult())
      return false;
    from.replaceAllUsesWith(result);
    from.erase();
    return true;
  }

  KernelTable kernels;
  func::FuncOp main;
};

struct ReuseDeadInputsPass : PassWrapper<ReuseDeadInputsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReuseDeadInputsPass)
  StringRef getArgument() const override { return "onnxc-reuse-dead-inputs"; }
  StringRef getDescription() const override { return "elementwise results take the memory of an input that dies"; }
  void runOnOperation() override {
    if (auto main = getOperation().lookupSymbol<func::FuncOp>("main"))
      Reuse(getOperation(), main).run();
  }
};

} // namespace

std::unique_ptr<Pass> createReuseDeadInputsPass() { return std::make_unique<ReuseDeadInputsPass>(); }

} // namespace onnxc
