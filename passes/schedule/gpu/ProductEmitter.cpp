// The way of a product's results to memory.
#include "passes/schedule/gpu/ProductEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc {

ProductEmitter::ProductEmitter(OpBuilder &b, KernelOps ops, ArrayRef<int> epilogueLoops, const Contraction &c, int tileM, int tileN)
    : IndexMath{b, ops.root.getLoc()}, ops(ops), epilogue(epilogueLoops), c(c), tileM(tileM), tileN(tileN), f32(b.getF32Type()) {
  thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  firstM = mul(gpu::BlockIdOp::create(b, loc, gpu::Dimension::x), tileM);
  firstN = mul(gpu::BlockIdOp::create(b, loc, gpu::Dimension::y), tileN);
  zeroIvs.assign(ops.root.getNumLoops(), index(0));
  c.batch.setIvs(b, loc, gpu::BlockIdOp::create(b, loc, gpu::Dimension::z), zeroIvs);
}

VectorType ProductEmitter::piece(Type element, int count) { return VectorType::get(count, element ? element : f32); }

Value ProductEmitter::loadPiece(linalg::GenericOp op, OpOperand *operand, ValueRange ivs, int count) {
  Type element = cast<MemRefType>(operand->get().getType()).getElementType();
  return vector::LoadOp::create(b, loc, VectorType::get(count, element), operand->get(), mapped(b, loc, op.getMatchingIndexingMap(operand), ivs),
                                /*nontemporal=*/false, llvm::Align(count * element.getIntOrFloatBitWidth() / 8));
}

void ProductEmitter::guarded(Value at, int64_t total, bool always, llvm::function_ref<void()> body) {
  if (always)
    return body();
  auto guard = scf::IfOp::create(b, loc, below(at, total));
  OpBuilder::InsertionGuard restore(b);
  b.setInsertionPointToStart(guard.thenBlock());
  body();
}

void ProductEmitter::storeRow(Value m, ArrayRef<Value> columns, ArrayRef<SmallVector<Value>> pieces) {
  guarded(m, c.m.total, c.m.total % tileM == 0, [&] {
    SmallVector<Value> ivs = zeroIvs;
    c.m.setIvs(b, loc, m, ivs);
    for (auto [n, values] : llvm::zip(columns, pieces))
      storePiece(values, n, ivs);
  });
}

/// The loop of the epilogue (or of the root without one) behind the fastest column loop.
static int fastestStored(KernelOps ops, ArrayRef<int> epilogue, const Contraction &c) {
  int loop = int(c.n.loops.back());
  if (!ops.epilogue)
    return loop;
  auto at = llvm::find(epilogue, loop);
  return at == epilogue.end() ? -1 : int(at - epilogue.begin());
}

int storeWidth(KernelOps ops, ArrayRef<int> epilogue, const Contraction &c) {
  auto last = ops.epilogue ? ops.epilogue : ops.root;
  for (int width : {kPiece, 2})
    if (contiguousLoop(last, last.getDpsInitOperand(0), width) == fastestStored(ops, epilogue, c))
      return width;
  return 1;
}

void ProductEmitter::storePiece(ArrayRef<Value> values, Value n, ArrayRef<Value> rowIvs) {
  auto last = ops.epilogue ? ops.epilogue : ops.root;
  OpOperand *out = last.getDpsInitOperand(0);
  int width = storeWidth(ops, epilogue, c);
  for (int i = 0, count = int(values.size()); i < count; i += width) {
    Value first = add(n, i);
    guarded(first, c.n.total, c.n.total % tileN == 0, [&] {
      SmallVector<Value> ivs(rowIvs);
      c.n.setIvs(b, loc, first, ivs);
      if (width == 1)
        return storeResults(b, ops, epilogue, values[i], ivs);
      SmallVector<Value> at = ivs, results(values.slice(i, width));
      if (ops.epilogue) {
        at.clear();
        for (int loop : epilogue)
          at.push_back(loop < 0 ? index(0) : ivs[loop]);
        results = runEpilogue(results, at, fastestStored(ops, epilogue, c));
      }
      Type element = results[0].getType();
      Value all = vector::FromElementsOp::create(b, loc, piece(element, width), results);
      vector::StoreOp::create(b, loc, all, out->get(), mapped(b, loc, last.getMatchingIndexingMap(out), at), false,
                              llvm::Align(width * element.getIntOrFloatBitWidth() / 8));
    });
  }
}

/// The epilogue at neighbouring points along its loop `fastest`.
SmallVector<Value> ProductEmitter::runEpilogue(ArrayRef<Value> values, ArrayRef<Value> at, int fastest) {
  linalg::GenericOp op = ops.epilogue;
  int count = int(values.size());
  SmallVector<SmallVector<Value>> points(count, SmallVector<Value>(at)), args(count);
  for (int i = 1; i < count; ++i)
    points[i][fastest] = add(at[fastest], i);
  for (OpOperand *in : op.getDpsInputOperands()) {
    bool isResult = in->get() == ops.temporary.getResult();
    bool isWide = !isResult && contiguousLoop(op, in, count) == fastest;
    bool varies = op.getMatchingIndexingMap(in).isFunctionOfDim(fastest);
    Value common = isResult ? Value() : isWide ? loadPiece(op, in, at, count) : varies ? Value() : loadOperand(b, op, in, at);
    for (int i = 0; i < count; ++i)
      args[i].push_back(isResult ? values[i]
                        : isWide ? vector::ExtractOp::create(b, loc, common, i).getResult()
                        : varies ? loadOperand(b, op, in, points[i])
                                 : common);
  }
  SmallVector<Value> out;
  for (int i = 0; i < count; ++i) {
    args[i].push_back(args[i][0]); // the output's own argument, which the body does not use
    out.push_back(inlineBody(b, op, args[i], points[i])[0]);
  }
  return out;
}

GridOf productGrid(const Contraction &c, int m, int n) {
  SmallVector<int64_t> blocks{int64_t(llvm::divideCeil(c.m.total, m)), int64_t(llvm::divideCeil(c.n.total, n)), c.batch.total};
  return [blocks](OpBuilder &at, Location where, ArrayRef<Range>) {
    SmallVector<Value> out;
    for (int64_t count : blocks)
      out.push_back(arith::ConstantIndexOp::create(at, where, count));
    return out;
  };
}

double productCost(const Contraction &c, int m, int n, int threads, double overhead, const GpuTarget &target) {
  double blocks = double(llvm::divideCeil(c.m.total, m)) * llvm::divideCeil(c.n.total, n) * c.batch.total;
  // Fewer warps than schedulers leave some idle; a block alone waits for memory.
  double alone = 1 + double(target.warp) / threads;
  return std::max(blocks / target.multiprocessors, alone) * m * n * c.k.total * (1 + overhead);
}

} // namespace onnxc
