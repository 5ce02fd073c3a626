// Tensors become memrefs.
//
// Loop-carried tensors are first tied to their iteration argument, so that
// each loop updates one buffer in place instead of passing fresh ones on:
//   scf.yield %new   ->   %t = materialize_in_destination %new in %arg
//                         scf.yield %t
#include "passes/schedule/Schedule.h"
#include "passes/schedule/WideConcat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace onnxc {
namespace {

/// `v` is `arg` updated in place: reached from it through destination operands.
bool updatesInPlace(Value v, Value arg) {
  while (v != arg) {
    if (auto branch = v.getDefiningOp<scf::IfOp>()) {
      unsigned i = cast<OpResult>(v).getResultNumber();
      return updatesInPlace(branch.thenYield().getOperand(i), arg) && updatesInPlace(branch.elseYield().getOperand(i), arg);
    }
    v = destinationOf(v);
    if (!v)
      return false;
  }
  return true;
}

/// Yields of scf.for with a static shape write into the iteration argument.
void tieLoopCarriedTensors(scf::ForOp loop) {
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  OpBuilder b(yield);
  for (auto [i, v] : llvm::enumerate(yield.getOperands())) {
    auto type = dyn_cast<RankedTensorType>(v.getType());
    BlockArgument arg = loop.getRegionIterArg(i);
    if (!type || !type.hasStaticShape() || updatesInPlace(v, arg))
      continue;
    Value tied = bufferization::MaterializeInDestinationOp::create(b, loop.getLoc(), type, v, arg).getResult();
    yield->setOperand(i, tied);
  }
}

/// A fill of its own for every use: what CSE merged would be one buffer that is
/// copied for each accumulation into it.
void separateFills(func::FuncOp func) {
  SmallVector<Operation *> shared;
  for (bool fills : {true, false}) {
    shared.clear();
    func.walk([&](Operation *op) {
      if ((fills ? isa<linalg::FillOp>(op) : isa<tensor::EmptyOp>(op)) && op->getNumResults() == 1 &&
          !op->use_empty() && !op->hasOneUse())
        shared.push_back(op);
    });
    for (Operation *op : shared)
      for (OpOperand &use : llvm::make_early_inc_range(llvm::drop_begin(op->getResult(0).getUses()))) {
        OpBuilder b(use.getOwner());
        use.set(b.clone(*op)->getResult(0));
      }
  }
  // Written when it is needed, not while something else is alive.
  SmallVector<linalg::FillOp> fills;
  func.walk([&](linalg::FillOp op) { fills.push_back(op); });
  for (linalg::FillOp op : fills)
    if (op->getNumResults() == 1 && op->hasOneUse() && op->user_begin()->getBlock() == op->getBlock())
      op->moveBefore(*op->user_begin());
}

struct BufferizePass : PassWrapper<BufferizePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BufferizePass)
  StringRef getArgument() const override { return "onnxc-bufferize"; }
  StringRef getDescription() const override { return "one-shot bufferization of @main"; }
  void getDependentDialects(DialectRegistry &r) const override {
    r.insert<arith::ArithDialect, bufferization::BufferizationDialect, linalg::LinalgDialect, memref::MemRefDialect,
             scf::SCFDialect, tensor::TensorDialect>();
  }
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto func : module.getOps<func::FuncOp>()) {
      if (func.isExternal())
        continue;
      separateFills(func);
      placeWideConcats(func);
      func.walk(tieLoopCarriedTensors);
      IRRewriter rewriter(&getContext());
      if (failed(bufferization::eliminateEmptyTensors(rewriter, func)))
        return signalPassFailure();
      bufferization::OneShotBufferizationOptions options;
      options.allowReturnAllocsFromLoops = true;
      options.bufferAlignment = 0;
      options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::IdentityLayoutMap);
      bufferization::BufferizationState state;
      if (failed(bufferization::runOneShotBufferize(func, options, state)))
        return signalPassFailure();
    }
  }
};

} // namespace

std::unique_ptr<Pass> createBufferizePass() { return std::make_unique<BufferizePass>(); }

} // namespace onnxc
