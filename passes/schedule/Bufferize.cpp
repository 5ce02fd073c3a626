// Tensors become memrefs.
//
// Loop-carried tensors are first tied to their iteration argument, so that
// each loop updates one buffer in place instead of passing fresh ones on:
//   scf.yield %new   ->   %t = materialize_in_destination %new in %arg
//                         scf.yield %t
//
// Without reuse, nothing is in place and nothing is a view: every write goes to
// a copy, and what would be a view of another tensor is a copy of it.
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
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace onnxc {
namespace {

bool isView(Operation *op) {
  return isa_and_present<tensor::ExtractSliceOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp,
                         tensor::ReshapeOp>(op);
}

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

/// The tensors in whose memory `v` may lie, by views and in-place updates.
void originsOf(Value v, llvm::SmallPtrSetImpl<Value> &origins) {
  if (auto branch = v.getDefiningOp<scf::IfOp>()) {
    unsigned i = cast<OpResult>(v).getResultNumber();
    originsOf(branch.thenYield().getOperand(i), origins);
    originsOf(branch.elseYield().getOperand(i), origins);
  } else if (isView(v.getDefiningOp())) {
    originsOf(v.getDefiningOp()->getOperand(0), origins);
  } else if (Value destination = destinationOf(v)) {
    originsOf(destination, origins);
  } else {
    origins.insert(v);
  }
}

/// A loop makes `v` in place of its destination, and `arg` is read in it or behind it.
bool isMadeWhileReading(Value v, Value arg) {
  for (; v; v = isView(v.getDefiningOp()) ? v.getDefiningOp()->getOperand(0) : destinationOf(v))
    if (Operation *loop = v.getDefiningOp(); isa_and_present<LoopLikeOpInterface>(loop))
      if (llvm::any_of(arg.getUsers(), [&](Operation *user) {
            Operation *inBlock = loop->getBlock()->findAncestorOpInBlock(*user);
            return !inBlock || !inBlock->isBeforeInBlock(loop);
          }))
        return true;
  return false;
}

/// Yields of scf.for with a static shape write into the iteration argument.
/// What lies in the memory of an argument that is written by then (a loop that
/// swaps two), or is yielded twice, is copied before any of them is written. So is
/// what an inner loop makes of the argument: it cannot be made in its place.
void tieLoopCarriedTensors(scf::ForOp loop) {
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  OpBuilder b(yield);
  SmallVector<unsigned> tied;
  llvm::SmallPtrSet<Value, 8> written;
  for (auto [i, v] : llvm::enumerate(yield.getOperands())) {
    auto type = dyn_cast<RankedTensorType>(v.getType());
    BlockArgument arg = loop.getRegionIterArg(i);
    if (!type || !type.hasStaticShape() || updatesInPlace(v, arg))
      continue;
    tied.push_back(i);
    llvm::SmallPtrSet<Value, 2> origins;
    originsOf(v, origins);
    bool isTaken = isMadeWhileReading(v, arg) || llvm::any_of(origins, [&](Value o) { return written.contains(o); });
    written.insert(origins.begin(), origins.end());
    written.insert(arg);
    if (isTaken)
      yield->setOperand(i, bufferization::AllocTensorOp::create(b, loop.getLoc(), type, ValueRange(), v));
  }
  for (unsigned i : tied) {
    Value v = yield->getOperand(i);
    yield->setOperand(i, bufferization::MaterializeInDestinationOp::create(b, loop.getLoc(), v.getType(), v,
                                                                           loop.getRegionIterArg(i))
                             .getResult());
  }
}

/// Lies in another buffer with gaps: a slice, or what is written into one.
bool isStrided(Value v) {
  while (Operation *op = v.getDefiningOp()) {
    if (isa<tensor::ExtractSliceOp>(op))
      return true;
    if (isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
      v = op->getOperand(0);
    else if (Value destination = destinationOf(v))
      v = destination;
    else
      return false;
  }
  return false;
}

/// What a region of control flow yields is dense: its result has one layout,
/// whichever branch or trip it comes from, and slices would give it others.
void yieldDense(scf::YieldOp yield) {
  if (!isa<scf::IfOp, scf::ForOp, scf::WhileOp>(yield->getParentOp()))
    return;
  OpBuilder b(yield);
  for (OpOperand &operand : yield->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    if (type && isStrided(operand.get()))
      operand.set(bufferization::AllocTensorOp::create(b, yield.getLoc(), type, ValueRange(), operand.get()));
  }
}

/// The analysis takes the results of a loop for apart from one another. What it
/// hands on twice, as a whole and as a part of another tensor, is a copy:
///   %all = insert_slice %v into %more      // %v is computed in its place in %more
///   scf.yield %v, %all
void yieldApart(Operation *terminator) {
  if (!isa<LoopLikeOpInterface>(terminator->getParentOp()))
    return;
  OpBuilder b(terminator);
  llvm::SmallPtrSet<Value, 8> taken;
  for (OpOperand &operand : terminator->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    if (!type)
      continue;
    llvm::SmallPtrSet<Value, 2> origins;
    originsOf(operand.get(), origins);
    bool isTaken = llvm::any_of(origins, [&](Value v) { return taken.contains(v); });
    taken.insert(origins.begin(), origins.end());
    if (isTaken)
      operand.set(bufferization::AllocTensorOp::create(b, terminator->getLoc(), type, ValueRange(), operand.get()));
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

/// Every tensor that may lie in the memory of `root`: what is updated in place,
/// shows a part of it, or is handed on by control flow.
llvm::SetVector<Value> mayShareMemory(Value root) {
  llvm::SetVector<Value> shared;
  shared.insert(root);
  for (unsigned i = 0; i < shared.size(); ++i)
    for (OpOperand &use : shared[i].getUses()) {
      Operation *user = use.getOwner();
      if (auto op = dyn_cast<DestinationStyleOpInterface>(user); op && op.isDpsInput(&use))
        continue;
      auto add = [&](ValueRange values) {
        for (Value v : values)
          if (isa<TensorType>(v.getType()))
            shared.insert(v);
      };
      add(user->getResults());
      for (Region &region : user->getRegions())
        if (!region.empty())
          add(region.front().getArguments());
      if (user->hasTrait<OpTrait::IsTerminator>()) {
        add(user->getParentOp()->getResults());
        for (Region &region : user->getParentOp()->getRegions())
          if (!region.empty())
            add(region.front().getArguments());
      }
    }
  return shared;
}

/// All elements of `v` are elements of `whole`, by views of it or of what `whole` is another shape of.
bool shows(Value v, Value whole) {
  auto atSource = [](Value v) { return v.getDefiningOp()->getOperand(0); };
  SmallVector<Value> names{whole};
  while (isView(names.back().getDefiningOp()) && !isa<tensor::ExtractSliceOp>(names.back().getDefiningOp()))
    names.push_back(atSource(names.back()));
  while (!llvm::is_contained(names, v) && isView(v.getDefiningOp()))
    v = atSource(v);
  return llvm::is_contained(names, v);
}

/// Elimination of empty tensors computes what ends in a buffer of the caller
/// there from the start. The analysis does not know that the final
///   materialize_in_destination %last in %buffer
/// writes to the memory in which it lets earlier tensors live:
///   %y = op outs(to_tensor %buffer)       // is an output too
///   %z = update of a copy of %y
///   materialize %z in %buffer             // %y is gone
///   materialize %y in %other
/// A tensor that is read after that point does not live there, nor does what
/// a loop makes anew in each iteration.
void keepOutOfCallersBuffers(func::FuncOp func) {
  SmallVector<bufferization::ToTensorOp> undo;
  func.walk([&](bufferization::MaterializeInDestinationOp last) {
    Value buffer = last.getDest();
    if (!isa<BlockArgument>(buffer) || !isa<MemRefType>(buffer.getType()))
      return;
    for (Operation *user : buffer.getUsers()) {
      auto start = dyn_cast<bufferization::ToTensorOp>(user);
      if (!start || !start.getWritable())
        continue;
      bool isReadLater = llvm::any_of(mayShareMemory(start.getResult()), [&](Value v) {
        return !shows(v, last.getSource()) && llvm::any_of(v.getUsers(), [&](Operation *reader) {
                 Operation *here = last->getBlock()->findAncestorOpInBlock(*reader);
                 return here && last->isBeforeInBlock(here);
               });
      });
      if (isReadLater || start->getParentOfType<LoopLikeOpInterface>())
        undo.push_back(start);
    }
  });
  for (bufferization::ToTensorOp start : undo) {
    OpBuilder b(start);
    auto type = cast<RankedTensorType>(start.getType());
    start.replaceAllUsesWith(tensor::EmptyOp::create(b, start.getLoc(), type.getShape(), type.getElementType()).getResult());
    start.erase();
  }
}

/// Strides and offset of `type` are those of its elements side by side,
/// whatever its sizes are at run time.
bool isContiguous(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset, wanted = 1;
  if (failed(type.getStridesAndOffset(strides, offset)) || offset != 0)
    return false;
  for (int64_t d = type.getRank(); d-- > 0;) {
    if (ShapedType::isDynamic(wanted) || strides[d] != wanted)
      return false;
    wanted = type.isDynamicDim(d) ? ShapedType::kDynamic : wanted * type.getDimSize(d);
  }
  return true;
}

/// Bufferization casts to the layout that a user of a buffer asks for where the
/// types allow it. Where a stride is known only at run time, types allow a view
/// to be taken for a contiguous buffer that it is not:
///   memref.cast %view : memref<?x?xf32, strided<[?, 1]>> to memref<?x?xf32>
/// Such a cast becomes a copy.
void copyIntoContiguous(func::FuncOp func) {
  SmallVector<memref::CastOp> casts;
  func.walk([&](memref::CastOp op) {
    auto from = dyn_cast<MemRefType>(op.getSource().getType()), to = dyn_cast<MemRefType>(op.getType());
    if (from && to && to.getLayout().isIdentity() && !from.getLayout().isIdentity() && !isContiguous(from))
      casts.push_back(op);
  });
  for (memref::CastOp op : casts) {
    OpBuilder b(op);
    auto type = cast<MemRefType>(op.getType());
    SmallVector<Value> sizes;
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (type.isDynamicDim(d))
        sizes.push_back(memref::DimOp::create(b, op.getLoc(), op.getSource(), d));
    Value copy = memref::AllocOp::create(b, op.getLoc(), type, sizes);
    memref::CopyOp::create(b, op.getLoc(), op.getSource(), copy);
    op.replaceAllUsesWith(copy);
    op.erase();
  }
}

/// What bufferizes to a view of its operand is followed by a copy, which its users see.
void copyViews(func::FuncOp func) {
  func.walk([](Operation *op) {
    if (!isView(op))
      return;
    Value view = op->getResult(0);
    OpBuilder b(op->getContext());
    b.setInsertionPointAfter(op);
    auto copy = bufferization::AllocTensorOp::create(b, op->getLoc(), cast<RankedTensorType>(view.getType()), ValueRange(), view);
    view.replaceAllUsesExcept(copy.getResult(), copy);
  });
}

struct BufferizePass : PassWrapper<BufferizePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BufferizePass)
  explicit BufferizePass(bool reuse) : reuse(reuse) {}
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
      bufferization::OneShotBufferizationOptions options;
      if (reuse) {
        separateFills(func);
        placeWideConcats(func);
        func.walk(tieLoopCarriedTensors);
        func.walk(yieldDense);
        IRRewriter rewriter(&getContext());
        if (failed(bufferization::eliminateEmptyTensors(rewriter, func)))
          return signalPassFailure();
        keepOutOfCallersBuffers(func);
        func.walk(yieldDense); // of what now is computed in a part of another tensor
        func.walk([](Operation *op) {
          if (isa<scf::YieldOp, scf::ConditionOp>(op))
            yieldApart(op);
        });
      } else {
        func.walk(yieldDense);
        copyViews(func);
        options.copyBeforeWrite = true;
      }
      options.allowReturnAllocsFromLoops = true;
      options.bufferAlignment = 0;
      options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::IdentityLayoutMap);
      bufferization::BufferizationState state;
      if (failed(bufferization::runOneShotBufferize(func, options, state)))
        return signalPassFailure();
      copyIntoContiguous(func);
    }
  }
  bool reuse;
};

} // namespace

std::unique_ptr<Pass> createBufferizePass(bool reuse) { return std::make_unique<BufferizePass>(reuse); }

} // namespace onnxc
