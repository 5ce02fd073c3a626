// Kernels that read an operand across the way in which they store.
//
//   output[h, w, c] = body(x[c, h, w])
// becomes, for tiles of a = (h, w) and b = c,
//   shared[b][a] = x[b][a]          neighbouring threads along a
//   barrier
//   output[a][b] = body(shared[b][a])   neighbouring threads along b
//
// so that both sides move whole sectors of memory. The loops of a tile's side
// are those that lie together in the operand, or in the output.
#include "passes/schedule/gpu/Contraction.h"
#include "passes/schedule/gpu/IndexMath.h"
#include "passes/schedule/gpu/Mapping.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Elements of a tile, at most, and of its side along the output.
constexpr int64_t kTileElements = 1024, kMostAcross = 32;

/// The loops that lie together in `operand`, other than `other`; the last one fastest.
LoopGroup loopsTogether(linalg::GenericOp op, OpOperand *operand, int other) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  SmallVector<unsigned> found;
  int64_t run = 1;
  for (bool again = true; again;) {
    again = false;
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
      if (int(loop) != other && extents[loop] > 1 && !llvm::is_contained(found, loop) && strideOf(op, operand, loop) == run) {
        found.push_back(loop);
        run *= extents[loop];
        again = true;
        break;
      }
  }
  LoopGroup group;
  for (unsigned loop : llvm::reverse(found))
    group.add(loop, extents[loop]);
  return group;
}

/// The largest operand that does not lie along `fastest`, but along other loops.
OpOperand *transposedOperand(linalg::GenericOp root, int fastest) {
  OpOperand *found = nullptr;
  for (OpOperand *in : root.getDpsInputOperands()) {
    auto type = dyn_cast<MemRefType>(in->get().getType());
    if (!type || !type.getElementType().isIntOrFloat() || !root.getMatchingIndexingMap(in).isFunctionOfDim(fastest) ||
        strideOf(root, in, fastest).value_or(1) <= 1 || loopsTogether(root, in, fastest).total == 1)
      continue;
    if (!found || type.getNumElements() > cast<MemRefType>(found->get().getType()).getNumElements())
      found = in;
  }
  return found;
}

} // namespace

std::optional<Launch> mapTranspose(OpBuilder &b, KernelOps ops, gpu::GPUFuncOp kernel, const GpuTarget &target) {
  auto epilogue = epilogueLoops(ops);
  linalg::GenericOp root = ops.root;
  SmallVector<int64_t> extents = root.getStaticLoopRanges();
  if (!epilogue || ops.fill || root.getNumReductionLoops() || root.getNumDpsInits() != 1 || !root.getRegionOutputArgs()[0].use_empty() ||
      llvm::any_of(extents, ShapedType::isDynamic))
    return std::nullopt;
  int fastest = fastestLoop(ops, *epilogue);
  OpOperand *operand = fastest < 0 ? nullptr : transposedOperand(root, fastest);
  if (!operand)
    return std::nullopt;
  LoopGroup along = loopsTogether(root, operand, fastest), across, rest;
  across.add(fastest, extents[fastest]);
  for (auto [loop, extent] : llvm::enumerate(extents))
    if (!along.has(loop) && int(loop) != fastest)
      rest.add(loop, extent);

  int64_t tileAcross = std::min(across.total, kMostAcross);
  int64_t tileAlong = std::min<int64_t>(llvm::PowerOf2Ceil(along.total), llvm::bit_floor(uint64_t(kTileElements / tileAcross)));
  int64_t threads = target.blockThreads, elements = tileAlong * tileAcross;
  int64_t tilesAlong = llvm::divideCeil(along.total, tileAlong), tilesAcross = llvm::divideCeil(across.total, tileAcross);

  OpBuilder::InsertionGuard restore(b);
  Location loc = root.getLoc();
  IndexMath m{b, loc};

  Type element = cast<MemRefType>(operand->get().getType()).getElementType();
  auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  // One more, so that neighbours across lie in different banks.
  Value shared = kernel.addWorkgroupAttribution(MemRefType::get({tileAcross, tileAlong + 1}, element, MemRefLayoutAttrInterface(), space), loc);
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x), block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  Value firstAlong = m.mul(m.rem(block, tilesAlong), tileAlong);
  Value firstAcross = m.mul(m.rem(m.div(block, tilesAlong), tilesAcross), tileAcross);
  SmallVector<Value> outer(root.getNumLoops(), m.index(0));
  rest.setIvs(b, loc, m.div(block, tilesAlong * tilesAcross), outer);

  // body(place along, place across, ivs) for this thread's elements of the tile.
  auto eachElement = [&](bool isAlongFastest, llvm::function_ref<void(Value, Value, ArrayRef<Value>)> body) {
    auto loop = scf::ForOp::create(b, loc, thread, m.index(elements), m.index(threads));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value id = loop.getInductionVar();
    Value i = isAlongFastest ? m.rem(id, tileAlong) : m.div(id, tileAcross), j = isAlongFastest ? m.div(id, tileAlong) : m.rem(id, tileAcross);
    Value a = m.add(firstAlong, i), c = m.add(firstAcross, j);
    auto inRange = scf::IfOp::create(b, loc, m.both(m.below(a, along.total), m.below(c, across.total)));
    b.setInsertionPointToStart(inRange.thenBlock());
    SmallVector<Value> ivs = outer;
    along.setIvs(b, loc, a, ivs);
    across.setIvs(b, loc, c, ivs);
    body(i, j, ivs);
  };
  eachElement(/*isAlongFastest=*/true, [&](Value i, Value j, ArrayRef<Value> ivs) {
    memref::StoreOp::create(b, loc, loadOperand(b, root, operand, ivs), shared, ValueRange{j, i});
  });
  gpu::BarrierOp::create(b, loc);
  eachElement(/*isAlongFastest=*/false, [&](Value i, Value j, ArrayRef<Value> ivs) {
    SmallVector<Value> args;
    for (OpOperand *in : root.getDpsInputOperands())
      args.push_back(in == operand ? memref::LoadOp::create(b, loc, shared, ValueRange{j, i}).getResult() : loadOperand(b, root, in, ivs));
    Type result = root.getRegionOutputArgs()[0].getType();
    args.push_back(arith::ConstantOp::create(b, loc, b.getZeroAttr(result))); // which the body does not use
    storeResults(b, ops, *epilogue, inlineBody(b, root, args, ivs), ivs);
  });

  Launch launch{"transpose", {int32_t(threads), 1, 1}, {}};
  int64_t blocks = tilesAlong * tilesAcross * rest.total;
  launch.grid = [blocks](OpBuilder &to, Location where, ArrayRef<Range>) {
    Value one = arith::ConstantIndexOp::create(to, where, 1);
    return SmallVector<Value>{arith::ConstantIndexOp::create(to, where, blocks), one, one};
  };
  return launch;
}

} // namespace onnxc
