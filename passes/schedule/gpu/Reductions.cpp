// Reductions that several threads share.
//
//   acc = neutral
//   for r = lane; r < extents' product; r += 32 { acc = body(acc, inputs[point, r]) }
//   acc = combine(acc, acc of lane ^ 16), ^ 8, ^ 4, ^ 2, ^ 1
//   lane 0: output[point] = epilogue(combine(fill, acc))
//
// A warp, or a part of one that holds a short reduction, for each point where
// the largest inputs are walked through contiguously along the reduction:
// neighbouring threads read neighbouring elements. A whole block for each point
// where there are few points and much to reduce: its warps meet in shared memory.
#include "passes/schedule/gpu/Mapping.h"
#include "passes/schedule/gpu/Contraction.h"
#include "passes/schedule/Tiling.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Steps that a thread of a block should have, at least.
constexpr int64_t kStepsForBlock = 4;

/// What changes no value under `kind`; null for kinds that are not handled.
TypedAttr neutral(vector::CombiningKind kind, Type type) {
  Builder b(type.getContext());
  auto real = dyn_cast<FloatType>(type);
  auto infinity = [&](bool negative) { return b.getFloatAttr(type, APFloat::getInf(real.getFloatSemantics(), negative)); };
  unsigned bits = type.getIntOrFloatBitWidth();
  switch (kind) {
  case vector::CombiningKind::ADD:
  case vector::CombiningKind::OR:
  case vector::CombiningKind::XOR:
  case vector::CombiningKind::MAXUI:
    return b.getZeroAttr(type);
  case vector::CombiningKind::MUL:
    return b.getOneAttr(type);
  case vector::CombiningKind::MAXIMUMF:
  case vector::CombiningKind::MAXNUMF:
    return infinity(true);
  case vector::CombiningKind::MINIMUMF:
  case vector::CombiningKind::MINNUMF:
    return infinity(false);
  case vector::CombiningKind::MAXSI:
    return b.getIntegerAttr(type, APInt::getSignedMinValue(bits));
  case vector::CombiningKind::MINSI:
    return b.getIntegerAttr(type, APInt::getSignedMaxValue(bits));
  case vector::CombiningKind::MINUI:
  case vector::CombiningKind::AND:
    return b.getIntegerAttr(type, APInt::getAllOnes(bits));
  }
  return {};
}

/// The reduction loop along which the largest inputs, which set the pace, lie
/// contiguously; -1: none. `onlyWholeRows`: windows that slide do not count.
int sharedLoop(linalg::GenericOp root, const LoopGroup &reduced, ArrayRef<int64_t> extents, bool onlyWholeRows) {
  SmallVector<std::pair<double, int>> inputs; // elements, loop
  double most = 0;
  for (OpOperand *in : root.getDpsInputOperands()) {
    if (!isa<MemRefType>(in->get().getType()))
      continue;
    AffineMap map = root.getMatchingIndexingMap(in);
    double elements = 1;
    for (auto [d, extent] : llvm::enumerate(extents))
      if (map.isFunctionOfDim(d))
        elements *= extent;
    int loop = contiguousLoop(root, in, 1);
    bool counts = loop >= 0 && reduced.has(loop) && extents[loop] > 1 && (!onlyWholeRows || isa<AffineDimExpr>(map.getResults().back()));
    inputs.push_back({elements, counts ? loop : -1});
    most = std::max(most, elements);
  }
  int shared = -1;
  for (auto [elements, loop] : inputs) {
    if (2 * elements < most)
      continue;
    if (loop < 0 || (shared >= 0 && loop != shared))
      return -1;
    shared = loop;
  }
  return shared;
}

} // namespace

std::optional<Launch> mapSharedReduction(OpBuilder &b, KernelOps ops, gpu::GPUFuncOp kernel, const GpuTarget &target) {
  auto epilogue = epilogueLoops(ops);
  linalg::GenericOp root = ops.root;
  if (!epilogue || root.getNumReductionLoops() == 0 || root.getNumDpsInits() != 1)
    return std::nullopt;
  auto kind = combiningKind(root);
  OpOperand *init = root.getDpsInitOperand(0);
  Type element = cast<MemRefType>(init->get().getType()).getElementType();
  // Shuffles move 32 bits.
  if (!kind || element.getIntOrFloatBitWidth() != 32 || !neutral(*kind, element))
    return std::nullopt;
  LoopGroup parallel, reduced;
  SmallVector<int64_t> extents = root.getStaticLoopRanges();
  if (llvm::any_of(extents, ShapedType::isDynamic))
    return std::nullopt;
  for (auto [loop, type] : llvm::enumerate(root.getIteratorTypesArray()))
    (type == utils::IteratorType::parallel ? parallel : reduced).add(loop, extents[loop]);
  if (reduced.total < 2 || parallel.total == 0)
    return std::nullopt;
  bool isShort = reduced.total < target.warp;
  int contiguous = sharedLoop(root, reduced, extents, /*onlyWholeRows=*/isShort);
  int64_t threads = target.blockThreads, warps = threads / target.warp;
  bool wholeBlock = parallel.total < 2 * int64_t(target.multiprocessors) && reduced.total >= threads * kStepsForBlock;
  if (contiguous < 0 && !wholeBlock)
    return std::nullopt;
  if (contiguous >= 0)
    reduced.makeFastest(contiguous);

  OpBuilder::InsertionGuard restore(b);
  Location loc = root.getLoc();
  auto index = [&](int64_t n) { return arith::ConstantIndexOp::create(b, loc, n).getResult(); };
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x), block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  Value warp = arith::DivUIOp::create(b, loc, thread, index(target.warp)), lane = arith::RemUIOp::create(b, loc, thread, index(target.warp));
  // Threads that share a point, of one warp or the whole block, and points of a block.
  int64_t sharers = wholeBlock ? threads : std::min<int64_t>(target.warp, llvm::PowerOf2Ceil(reduced.total)), points = threads / sharers;
  Value point = arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, block, index(points)), arith::DivUIOp::create(b, loc, thread, index(sharers)));
  Value first = arith::RemUIOp::create(b, loc, thread, index(sharers)), end = index(reduced.total);
  Value inRange;
  if (parallel.total % points) {
    // All threads of a warp take part in its shuffles.
    inRange = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, point, index(parallel.total));
    end = arith::SelectOp::create(b, loc, inRange, end, index(0));
  }
  SmallVector<Value> ivs(root.getNumLoops(), index(0));
  parallel.setIvs(b, loc, point, ivs);
  SmallVector<Value> resultIvs = ivs;

  Value nothing = arith::ConstantOp::create(b, loc, neutral(*kind, element));
  auto loop = scf::ForOp::create(b, loc, first, end, index(sharers), ValueRange{nothing});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    reduced.setIvs(b, loc, loop.getInductionVar(), ivs);
    SmallVector<Value> args;
    for (OpOperand *in : root.getDpsInputOperands())
      args.push_back(loadOperand(b, root, in, ivs));
    args.push_back(loop.getRegionIterArg(0));
    scf::YieldOp::create(b, loc, inlineBody(b, root, args, ivs));
  }
  auto acrossLanes = [&](Value v, int lanes) {
    for (int distance = lanes / 2; distance; distance /= 2) {
      Value other = gpu::ShuffleOp::create(b, loc, v, distance, target.warp, gpu::ShuffleMode::XOR).getShuffleResult();
      v = vector::makeArithReduction(b, loc, *kind, v, other);
    }
    return v;
  };
  Value total = acrossLanes(loop.getResult(0), int(std::min<int64_t>(sharers, target.warp)));
  if (wholeBlock) {
    auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    Value partial = kernel.addWorkgroupAttribution(MemRefType::get({warps}, element, MemRefLayoutAttrInterface(), space), loc);
    auto isFirst = scf::IfOp::create(b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane, index(0)));
    {
      OpBuilder inner = isFirst.getThenBodyBuilder();
      memref::StoreOp::create(inner, loc, total, partial, ValueRange{warp});
    }
    gpu::BarrierOp::create(b, loc);
    total = acrossLanes(memref::LoadOp::create(b, loc, partial, ValueRange{arith::RemUIOp::create(b, loc, lane, index(warps))}), warps);
  }
  Value isWriter = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, first, index(0));
  if (inRange)
    isWriter = arith::AndIOp::create(b, loc, isWriter, inRange);
  auto guard = scf::IfOp::create(b, loc, isWriter);
  b.setInsertionPointToStart(guard.thenBlock());
  Value start = ops.fill ? ops.fill.getInputs()[0] : loadOperand(b, root, init, resultIvs);
  storeResults(b, ops, *epilogue, vector::makeArithReduction(b, loc, *kind, start, total), resultIvs);

  Launch launch{"reduction", {}, {}};
  launch.block = {int32_t(threads), 1, 1};
  int64_t blocks = llvm::divideCeil(parallel.total, points);
  launch.grid = [blocks](OpBuilder &at, Location where, ArrayRef<Range>) {
    Value one = arith::ConstantIndexOp::create(at, where, 1);
    return SmallVector<Value>{arith::ConstantIndexOp::create(at, where, blocks), one, one};
  };
  return launch;
}

} // namespace onnxc
