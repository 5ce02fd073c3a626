// Reading a kernel's ops and running their bodies at a point.
#include "passes/schedule/gpu/KernelBody.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace onnxc {

std::optional<KernelOps> readKernel(Block &body) {
  KernelOps ops;
  for (Operation &op : body.without_terminator()) {
    if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
      if (ops.temporary)
        return std::nullopt;
      ops.temporary = alloc;
    } else if (auto fill = dyn_cast<linalg::FillOp>(op)) {
      if (ops.fill || ops.root)
        return std::nullopt;
      ops.fill = fill;
    } else if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      if (ops.epilogue)
        return std::nullopt;
      (ops.root ? ops.epilogue : ops.root) = generic;
    } else if (!isa<arith::ConstantOp>(op)) {
      return std::nullopt;
    }
  }
  if (!ops.root || bool(ops.temporary) != bool(ops.epilogue))
    return std::nullopt;
  return ops;
}

SmallVector<Value> mapped(OpBuilder &b, Location loc, AffineMap map, ValueRange ivs) {
  SmallVector<Value> out;
  for (AffineExpr e : map.getResults())
    out.push_back(affine::expandAffineExpr(b, loc, e, ivs, {}));
  return out;
}

Value loadOperand(OpBuilder &b, linalg::GenericOp op, OpOperand *operand, ValueRange ivs) {
  if (!isa<MemRefType>(operand->get().getType()))
    return operand->get();
  return memref::LoadOp::create(b, op.getLoc(), operand->get(),
                                mapped(b, op.getLoc(), op.getMatchingIndexingMap(operand), ivs));
}

SmallVector<Value> inlineBody(OpBuilder &b, linalg::GenericOp op, ValueRange args, ValueRange ivs) {
  IRMapping map;
  map.map(op.getBody()->getArguments(), args);
  SmallVector<linalg::IndexOp> nested; // below ops with regions of their own
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      map.map(index.getResult(), ivs[index.getDim()]);
      continue;
    }
    Operation *copy = b.clone(inner, map);
    copy->walk([&](linalg::IndexOp index) { nested.push_back(index); });
  }
  for (linalg::IndexOp index : nested) {
    index.getResult().replaceAllUsesWith(ivs[index.getDim()]);
    index.erase();
  }
  SmallVector<Value> out;
  for (Value v : op.getBody()->getTerminator()->getOperands())
    out.push_back(map.lookupOrDefault(v));
  return out;
}

std::optional<SmallVector<int>> epilogueLoops(KernelOps ops) {
  SmallVector<int> loops;
  if (!ops.epilogue)
    return loops;
  loops.assign(ops.epilogue.getNumLoops(), -2);
  auto root = ops.root;
  auto epilogue = ops.epilogue;
  AffineMap written = root.getMatchingIndexingMap(root.getDpsInitOperand(0));
  for (OpOperand *in : epilogue.getDpsInputOperands()) {
    if (in->get() != ops.temporary.getResult())
      continue;
    for (auto [w, r] : llvm::zip(written.getResults(), epilogue.getMatchingIndexingMap(in).getResults())) {
      auto to = dyn_cast<AffineDimExpr>(r);
      auto from = dyn_cast<AffineDimExpr>(w);
      auto constant = dyn_cast<AffineConstantExpr>(w);
      if (!to || (!from && !(constant && constant.getValue() == 0)))
        return std::nullopt;
      loops[to.getPosition()] = from ? int(from.getPosition()) : -1;
    }
  }
  if (llvm::is_contained(loops, -2))
    return std::nullopt;
  return loops;
}

void storeResults(OpBuilder &b, KernelOps ops, ArrayRef<int> loops, ValueRange results, ValueRange ivs) {
  auto root = ops.root;
  Location loc = root.getLoc();
  if (!ops.epilogue) {
    for (auto [init, v] : llvm::zip(root.getDpsInitsMutable(), results))
      memref::StoreOp::create(b, loc, v, init.get(), mapped(b, loc, root.getMatchingIndexingMap(&init), ivs));
    return;
  }
  auto epilogue = ops.epilogue;
  SmallVector<Value> at, args;
  for (int loop : loops)
    at.push_back(loop < 0 ? arith::ConstantIndexOp::create(b, loc, 0).getResult() : ivs[loop]);
  for (OpOperand *in : epilogue.getDpsInputOperands())
    args.push_back(in->get() == ops.temporary.getResult() ? results[0] : loadOperand(b, epilogue, in, at));
  OpOperand *init = epilogue.getDpsInitOperand(0);
  args.push_back(epilogue.getRegionOutputArgs()[0].use_empty() ? args[0] : loadOperand(b, epilogue, init, at));
  Value out = inlineBody(b, epilogue, args, at)[0];
  memref::StoreOp::create(b, loc, out, init->get(), mapped(b, loc, epilogue.getMatchingIndexingMap(init), at));
}

} // namespace onnxc
