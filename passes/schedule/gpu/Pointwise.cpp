// One thread for each point of the parallel loops.
//
//   %n = block * 256 + thread
//   if %n < extents' product {
//     (i, j) = %n / extent_j, %n % extent_j     the last dim of the output runs fastest
//     %acc = for r: body(...)
//     output[i, j] = epilogue(%acc)
//   }
//
// Neighbouring threads write, and mostly read, neighbouring elements. What lies
// together along the reduction is read four elements at a time.
#include "passes/schedule/gpu/Contraction.h"
#include "passes/schedule/gpu/Mapping.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc {
namespace {

Value asValue(OpBuilder &b, Location loc, OpFoldResult r) {
  auto c = getConstantIntValue(r);
  return c ? arith::ConstantIndexOp::create(b, loc, *c).getResult() : cast<Value>(r);
}

/// The root's parallel loops, the one that walks through the stored buffer fastest last.
SmallVector<unsigned> threadOrder(KernelOps ops, ArrayRef<int> epilogueLoops) {
  auto root = ops.root;
  auto last = ops.epilogue ? ops.epilogue : ops.root;
  SmallVector<unsigned> order;
  auto add = [&](unsigned d) {
    if (root.getIteratorTypesArray()[d] == utils::IteratorType::parallel && !llvm::is_contained(order, d))
      order.push_back(d);
  };
  for (AffineExpr e : last.getMatchingIndexingMap(last.getDpsInitOperand(0)).getResults())
    if (auto d = dyn_cast<AffineDimExpr>(e)) {
      int loop = ops.epilogue ? epilogueLoops[d.getPosition()] : int(d.getPosition());
      if (loop >= 0)
        add(loop);
    }
  // Loops that no plain index of the output names go outside.
  SmallVector<unsigned> inner = std::exchange(order, {});
  for (unsigned d = 0; d < root.getNumLoops(); ++d)
    if (!llvm::is_contained(inner, d))
      add(d);
  order.append(inner.begin(), inner.end());
  return order;
}

/// Elements of a load along the reduction.
constexpr int kLanes = 4;

/// Whether `in` can be read in whole pieces along `loop`.
bool liesInPieces(linalg::GenericOp root, OpOperand *in, unsigned loop) {
  auto type = dyn_cast<MemRefType>(in->get().getType());
  int64_t extent = root.getStaticLoopRanges()[loop];
  return type && !ShapedType::isDynamic(extent) && extent % kLanes == 0 && type.getElementType().isIntOrFloat() && type.getElementTypeBitWidth() >= 8 && contiguousLoop(root, in, kLanes) == int(loop);
}

} // namespace

std::optional<Launch> mapPointwise(OpBuilder &b, KernelOps ops, gpu::GPUFuncOp kernel, const GpuTarget &target) {
  auto epilogue = epilogueLoops(ops);
  if (!epilogue)
    return std::nullopt;
  OpBuilder::InsertionGuard restore(b);
  auto root = ops.root;
  Location loc = root.getLoc();
  SmallVector<unsigned> order = threadOrder(ops, *epilogue);
  int32_t threads = int32_t(target.blockThreads);

  SmallVector<Range> ranges = cast<linalg::LinalgOp>(root.getOperation()).createLoopRanges(b, loc);
  SmallVector<Value> extents;
  for (const Range &r : ranges)
    extents.push_back(asValue(b, loc, r.size));
  auto product = [order](OpBuilder &at, Location where, ArrayRef<Value> sizes) {
    Value n = arith::ConstantIndexOp::create(at, where, 1);
    for (unsigned d : order)
      n = at.createOrFold<arith::MulIOp>(where, n, sizes[d]);
    return n;
  };
  Value points = product(b, loc, extents);
  Value block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x), thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value width = arith::ConstantIndexOp::create(b, loc, threads);
  Value point = arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, block, width), thread);
  Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, point, points);
  auto guard = scf::IfOp::create(b, loc, inside);
  b.setInsertionPointToStart(guard.thenBlock());

  SmallVector<Value> ivs(root.getNumLoops());
  for (unsigned d : llvm::reverse(order)) {
    if (d == order.front()) {
      ivs[d] = point;
      break;
    }
    ivs[d] = arith::RemUIOp::create(b, loc, point, extents[d]);
    point = arith::DivUIOp::create(b, loc, point, extents[d]);
  }

  SmallVector<OpOperand *> inits;
  for (OpOperand &init : root.getDpsInitsMutable())
    inits.push_back(&init);
  SmallVector<bool> read;
  for (BlockArgument out : root.getRegionOutputArgs())
    read.push_back(!out.use_empty());
  SmallVector<unsigned> reductions;
  root.getReductionDims(reductions);

  // The accumulators: what the fill says, or what the output holds.
  SmallVector<Value> results;
  for (auto [i, init] : llvm::enumerate(inits)) {
    if (ops.fill)
      results.push_back(ops.fill.getInputs()[0]);
    else if (read[i] || !reductions.empty())
      results.push_back(memref::LoadOp::create(b, loc, init->get(), mapped(b, loc, root.getMatchingIndexingMap(init), [&] {
        // Reduction loops do not index outputs.
        SmallVector<Value> at = ivs;
        for (unsigned d : reductions)
          at[d] = arith::ConstantIndexOp::create(b, loc, 0);
        return at;
      }())));
    else
      results.push_back(Value());
  }
  Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
  SmallVector<scf::ForOp> loops;
  bool inPieces = !reductions.empty() && llvm::any_of(root.getDpsInputOperands(), [&](OpOperand *in) { return liesInPieces(root, in, reductions.back()); });
  for (unsigned d : reductions) {
    Value step = inPieces && d == reductions.back() ? arith::ConstantIndexOp::create(b, loc, kLanes).getResult() : one;
    auto loop = scf::ForOp::create(b, loc, zero, extents[d], step, results);
    loops.push_back(loop);
    ivs[d] = loop.getInductionVar();
    results.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
    b.setInsertionPointToStart(loop.getBody());
  }
  SmallVector<Value> pieces;
  for (OpOperand *in : root.getDpsInputOperands()) {
    pieces.push_back({});
    if (!inPieces || !liesInPieces(root, in, reductions.back()))
      continue;
    Type element = cast<MemRefType>(in->get().getType()).getElementType();
    pieces.back() = vector::LoadOp::create(b, loc, VectorType::get(kLanes, element), in->get(), mapped(b, loc, root.getMatchingIndexingMap(in), ivs),
                                           /*nontemporal=*/false, llvm::Align(kLanes * element.getIntOrFloatBitWidth() / 8));
  }
  SmallVector<Value> next = results;
  for (int lane = 0; lane < (inPieces ? kLanes : 1); ++lane) {
    SmallVector<Value> at = ivs, args;
    if (lane)
      at[reductions.back()] = arith::AddIOp::create(b, loc, ivs[reductions.back()], arith::ConstantIndexOp::create(b, loc, lane));
    for (auto [in, piece] : llvm::zip(root.getDpsInputOperands(), pieces))
      args.push_back(piece ? vector::ExtractOp::create(b, loc, piece, lane).getResult() : loadOperand(b, root, in, at));
    for (auto [out, value] : llvm::zip(root.getRegionOutputArgs(), next))
      args.push_back(value ? value : arith::ConstantOp::create(b, loc, b.getZeroAttr(out.getType())).getResult());
    next = inlineBody(b, root, args, at);
  }
  for (scf::ForOp loop : llvm::reverse(loops)) {
    scf::YieldOp::create(b, loc, next);
    next.assign(loop.getResults().begin(), loop.getResults().end());
    b.setInsertionPointAfter(loop);
  }
  storeResults(b, ops, *epilogue, next, ivs);

  Launch launch{"points", {}, {}};
  launch.block = {threads, 1, 1};
  launch.grid = [=](OpBuilder &at, Location where, ArrayRef<Range> sizes) {
    SmallVector<Value> host;
    for (const Range &r : sizes)
      host.push_back(asValue(at, where, r.size));
    Value n = product(at, where, host), w = arith::ConstantIndexOp::create(at, where, threads), unit = arith::ConstantIndexOp::create(at, where, 1);
    return SmallVector<Value>{at.createOrFold<arith::CeilDivUIOp>(where, n, w), unit, unit};
  };
  return launch;
}

} // namespace onnxc
