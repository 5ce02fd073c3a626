// Products of f16 on the matrix units, with f32 accumulators.
//
//   rows[stages][128][32+8], columns[stages][32][64+8] : f16 in shared memory
//   start the copies (cp.async) of the first stages - 1 steps of k
//   for each 32 steps of k {
//     wait for the copies of this step; barrier; start those of stages - 1 steps ahead
//     a warp's fragments by ldmatrix, its 64 x 32 results by mma.sync m16n8k16
//   }
//   the results go through shared memory, so that stores are as wide as in
//   the f32 kernels, and through the epilogue to memory
//
// An operand lies in shared memory as it lies in global memory: along k, or
// along its own loops, in which case ldmatrix transposes. One that does not come
// in lines of 16 bytes, as an image of three channels, is loaded and stored
// element by element instead of copied. Fragments are those
// of the PTX ISA, "Matrix Fragments for mma.m16n8k16".
#include "passes/schedule/gpu/ProductEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc {
namespace {

/// f16 elements of a 16-byte copy, and of a row of the matrices that ldmatrix loads.
constexpr int kLine = 8;
/// Results of an mma.sync, and the steps of k that it takes.
constexpr int kMmaM = 16, kMmaN = 8, kMmaK = 16;
/// f32 elements between the rows of results in shared memory beyond their
/// number, so that the rows of a fragment lie in different banks.
constexpr int kResultPad = 4;
constexpr int kMostStages = 4;

struct Tile {
  int m, n, k;       ///< of a block
  int warpM, warpN;  ///< of a warp
  int warps() const { return m / warpM * (n / warpN); }
};

const Tile kTiles[] = {
    {128, 128, 32, 64, 32}, {128, 64, 32, 64, 32}, {64, 128, 32, 32, 64}, {64, 64, 32, 32, 32}, {32, 64, 32, 16, 32}, {64, 32, 32, 32, 16}, {32, 32, 32, 16, 16},
};

/// Fragments that a warp loads for each mma.sync; a load of four matrices takes
/// about as long as one.
double overhead(const Tile &t) {
  double rows = t.warpM / kMmaM, columns = t.warpN / kMmaN;
  return (rows + columns / 2) / (rows * columns);
}

/// Whether `operand` comes in lines of 16 bytes along what is walked through fastest.
bool comesInLines(linalg::GenericOp root, OpOperand *operand, const Contraction &c, const LoopGroup &own) {
  int loop = contiguousLoop(root, operand, kLine);
  return loop >= 0 && (c.k.loops.back() == unsigned(loop) || (!own.loops.empty() && own.loops.back() == unsigned(loop)));
}

bool liesAlongK(linalg::GenericOp root, OpOperand *operand, const Contraction &c) {
  int loop = contiguousLoop(root, operand, kLine);
  return c.k.has(loop >= 0 ? loop : contiguousLoop(root, operand, 1));
}

class Emitter : ProductEmitter {
public:
  Emitter(OpBuilder &b, KernelOps ops, ArrayRef<int> epilogueLoops, const Contraction &c, const Tile &tile, int stages, gpu::GPUFuncOp kernel)
      : ProductEmitter(b, ops, epilogueLoops, c, tile.m, tile.n), tile(tile), stages(stages), threads(tile.warps() * 32) {
    auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    bool rowsAlongK = liesAlongK(ops.root, c.rows, c), columnsAlongK = liesAlongK(ops.root, c.columns, c);
    int64_t rowBytes = sideBytes(tile.m, rowsAlongK), columnBytes = sideBytes(tile.n, columnsAlongK);
    int64_t resultBytes = int64_t(tile.warps()) * kMmaM * (tile.warpN + kResultPad) * 4;
    auto bytes = MemRefType::get({std::max(rowBytes + columnBytes, resultBytes)}, b.getI8Type(), MemRefLayoutAttrInterface(), space);
    Value shared = kernel.addWorkgroupAttribution(bytes, loc);
    kernel.setWorkgroupAttributionAttr(kernel.getNumWorkgroupAttributions() - 1, "llvm.align", b.getI64IntegerAttr(16));
    rows = makeSide(c.rows, c.m, firstM, tile.m, rowsAlongK, shared, 0, space);
    columns = makeSide(c.columns, c.n, firstN, tile.n, columnsAlongK, shared, rowBytes, space);
    results = memref::ViewOp::create(b, loc, MemRefType::get({tile.warps(), kMmaM, tile.warpN + kResultPad}, f32, MemRefLayoutAttrInterface(), space),
                                     shared, index(0), ValueRange());
    lane = rem(thread, 32);
    warp = div(thread, 32);
    warpM = mul(div(warp, tile.n / tile.warpN), tile.warpM);
    warpN = mul(rem(warp, tile.n / tile.warpN), tile.warpN);
  }

  /// Bytes of one operand's tiles in shared memory, all stages.
  static int64_t bytesOf(const Tile &t, int extent, bool alongK, int stages) {
    return int64_t(stages) * (alongK ? extent * (t.k + kLine) : t.k * (extent + kLine)) * 2;
  }

  void emit() {
    Value zero = index(0), one = index(1), steps = index(llvm::divideCeil(c.k.total, tile.k));
    Value token;
    for (int i = 0; i + 1 < stages; ++i)
      token = copy(index(i), index(i));
    Value nothing = arith::ConstantOp::create(b, loc, b.getZeroAttr(fragment()));
    SmallVector<Value> acc(tile.warpM / kMmaM * (tile.warpN / kMmaN), nothing);
    auto loop = scf::ForOp::create(b, loc, zero, steps, one, acc);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      acc.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
      Value step = loop.getInductionVar();
      nvgpu::DeviceAsyncWaitOp::create(b, loc, token, b.getI32IntegerAttr(stages - 2));
      // The copies of all threads are there, and all have done with the stage that is filled next.
      gpu::BarrierOp::create(b, loc);
      Value ahead = add(step, stages - 1);
      copy(ahead, rem(ahead, stages));
      Value stage = rem(step, stages);
      for (int k = 0; k < tile.k; k += kMmaK)
        multiply(stage, k, acc);
      scf::YieldOp::create(b, loc, acc);
    }
    acc.assign(loop.getResults().begin(), loop.getResults().end());
    // Nothing is on its way to shared memory any more when results go there.
    nvgpu::DeviceAsyncWaitOp::create(b, loc, token, b.getI32IntegerAttr(0));
    gpu::BarrierOp::create(b, loc);
    for (int i = 0; i < tile.warpM / kMmaM; ++i)
      store(i, ArrayRef(acc).slice(i * (tile.warpN / kMmaN), tile.warpN / kMmaN));
  }

private:
  struct Side {
    OpOperand *operand;
    const LoopGroup *group;
    bool alongK;  ///< shared memory holds [stage][own][k], else [stage][k][own]
    Value shared;
    bool inLines; ///< copies of 16 bytes; else elements
    struct Copy {
      Value k, at;    ///< within the tile
      Value inRange;  ///< of the group; null: always
      SmallVector<Value> ivs;
      Value inTile;   ///< there is such an element in the tile; null: always
    };
    SmallVector<Copy> copies; ///< of a thread, for one step
  };

  VectorType fragment() { return VectorType::get({2, 2}, f32); }
  int64_t sideBytes(int extent, bool alongK) { return bytesOf(tile, extent, alongK, stages); }

  Side makeSide(OpOperand *operand, const LoopGroup &group, Value first, int extent, bool alongK, Value shared, int64_t offset, Attribute space) {
    Side side{operand, &group, alongK, {}, comesInLines(ops.root, operand, c, group), {}};
    SmallVector<int64_t> shape{stages, alongK ? extent : tile.k, (alongK ? tile.k : extent) + kLine};
    side.shared = memref::ViewOp::create(b, loc, MemRefType::get(shape, b.getF16Type(), MemRefLayoutAttrInterface(), space), shared, index(offset), ValueRange());
    // Neighbouring threads follow what lies together: a line, a run along k, or the tile's own side.
    int lanes = side.inLines ? kLine : 1, length = alongK ? tile.k : extent, width = alongK ? extent : tile.k;
    if (!side.inLines && alongK)
      length = int(std::min<int64_t>(length, contiguousRun(ops.root, operand, c.k)));
    int runs = llvm::divideCeil(alongK ? tile.k : extent, length), steps = length / lanes, count = steps * width * runs;
    for (int i = 0; i < count; i += threads) {
      Value id = add(thread, i);
      Value along = mul(rem(id, steps), lanes), across = div(id, steps), inTile;
      if (runs > 1) {
        along = add(along, mul(div(across, width), length));
        across = rem(across, width);
        inTile = below(along, tile.k);
      } else if (i + threads > count) {
        inTile = below(id, count);
      }
      Side::Copy copy{alongK ? along : across, alongK ? across : along, {}, zeroIvs, inTile};
      Value at = add(first, copy.at);
      if (group.total % extent)
        copy.inRange = below(at, group.total);
      group.setIvs(b, loc, at, copy.ivs);
      side.copies.push_back(copy);
    }
    return side;
  }

  /// Starts the copies of both operands' tiles number `step`; what is out of
  /// range becomes zero. Returns the group's token.
  Value copy(Value step, Value stage) {
    SmallVector<Value> tokens;
    Value first = mul(step, tile.k), line = index(kLine), none = index(0);
    for (Side *side : {&rows, &columns}) {
      if (!side->inLines) {
        copyElements(*side, first, stage);
        continue;
      }
      for (Side::Copy &l : side->copies) {
        Value k = add(first, l.k);
        Value inRange = both(below(k, c.k.total), l.inRange);
        SmallVector<Value> ivs = l.ivs;
        c.k.setIvs(b, loc, k, ivs);
        SmallVector<Value> from = mapped(b, loc, ops.root.getMatchingIndexingMap(side->operand), ivs), to{stage};
        to.append({side->alongK ? l.at : l.k, side->alongK ? l.k : l.at});
        Value count = arith::SelectOp::create(b, loc, inRange, line, none);
        tokens.push_back(nvgpu::DeviceAsyncCopyOp::create(b, loc, side->shared, to, side->operand->get(), from, b.getIndexAttr(kLine), count, b.getUnitAttr()));
      }
    }
    return nvgpu::DeviceAsyncCreateGroupOp::create(b, loc, nvgpu::DeviceAsyncTokenType::get(b.getContext()), tokens);
  }

  /// The same for an operand that comes in elements, from step `first` of k on.
  void copyElements(Side &side, Value first, Value stage) {
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(b.getF16Type()));
    for (Side::Copy &l : side.copies) {
      OpBuilder::InsertionGuard restore(b);
      if (l.inTile)
        b.setInsertionPointToStart(scf::IfOp::create(b, loc, l.inTile).thenBlock());
      Value k = add(first, l.k);
      auto load = scf::IfOp::create(b, loc, TypeRange{b.getF16Type()}, both(below(k, c.k.total), l.inRange), /*addThenBlock=*/true, /*addElseBlock=*/true);
      {
        OpBuilder::InsertionGuard inside(b);
        b.setInsertionPointToStart(load.thenBlock());
        SmallVector<Value> ivs = l.ivs;
        c.k.setIvs(b, loc, k, ivs);
        scf::YieldOp::create(b, loc, loadOperand(b, ops.root, side.operand, ivs));
        b.setInsertionPointToStart(load.elseBlock());
        scf::YieldOp::create(b, loc, zero);
      }
      memref::StoreOp::create(b, loc, load.getResult(0), side.shared, ValueRange{stage, side.alongK ? l.at : l.k, side.alongK ? l.k : l.at});
    }
  }

  /// Four matrices of 8 x 8 from row or column `own` and step `k` on, two along
  /// each; `ownFirst`: the second of them is the next along the operand's own loops.
  Value matrices(const Side &side, Value stage, Value own, int k, bool ownFirst) {
    Value within = rem(lane, 8), second = mul(rem(div(lane, 8), 2), 8), third = mul(div(lane, 16), 8);
    Value o = ownFirst ? second : third, kk = ownFirst ? third : second;
    // The lane's line is a row of a matrix as shared memory holds it.
    (side.alongK ? o : kk) = add(side.alongK ? o : kk, within);
    o = add(own, o);
    kk = add(kk, k);
    return nvgpu::LdMatrixOp::create(b, loc, VectorType::get({4, 2}, b.getF16Type()), side.shared,
                                     ValueRange{stage, side.alongK ? o : kk, side.alongK ? kk : o}, /*transpose=*/!side.alongK, /*numTiles=*/4);
  }

  void multiply(Value stage, int k, SmallVectorImpl<Value> &acc) {
    SmallVector<Value> left, right;
    for (int m = 0; m < tile.warpM; m += kMmaM)
      left.push_back(matrices(rows, stage, add(warpM, m), k, /*ownFirst=*/true));
    for (int n = 0; n < tile.warpN; n += 2 * kMmaN) {
      Value two = matrices(columns, stage, add(warpN, n), k, /*ownFirst=*/false);
      for (int i = 0; i < 2; ++i)
        right.push_back(vector::ExtractStridedSliceOp::create(b, loc, two, ArrayRef<int64_t>{2 * i, 0}, ArrayRef<int64_t>{2, 2}, ArrayRef<int64_t>{1, 1}));
    }
    for (size_t i = 0; i < left.size(); ++i)
      for (size_t j = 0; j < right.size(); ++j) {
        Value &a = acc[i * right.size() + j];
        a = nvgpu::MmaSyncOp::create(b, loc, left[i], right[j], a, ArrayRef<int64_t>{kMmaM, kMmaN, kMmaK});
      }
  }

  /// Sixteen rows of a warp: fragments to shared memory, pieces from there to the output.
  void store(int i, ArrayRef<Value> fragments) {
    Value row = div(lane, 4), column = mul(rem(lane, 4), 2);
    for (auto [j, f] : llvm::enumerate(fragments))
      for (int half = 0; half < 2; ++half) {
        Value v = vector::ExtractOp::create(b, loc, f, half);
        vector::StoreOp::create(b, loc, v, results, ValueRange{warp, add(row, half * 8), add(column, int64_t(j) * kMmaN)}, false, llvm::Align(8));
      }
    gpu::BarrierOp::create(b, loc);
    int width = storeWidth(ops, epilogue, c), pieces = tile.warpN / width;
    for (int p = 0; p < kMmaM * pieces / 32; ++p) {
      Value id = add(lane, p * 32), r = div(id, pieces), at = mul(rem(id, pieces), width);
      Value v = vector::LoadOp::create(b, loc, piece(f32, width), results, ValueRange{warp, r, at}, false, llvm::Align(4 * width));
      SmallVector<Value> values;
      for (int e = 0; e < width; ++e)
        values.push_back(vector::ExtractOp::create(b, loc, v, e));
      Value m = add(firstM, add(add(warpM, i * kMmaM), r)), n = add(firstN, add(warpN, at));
      SmallVector<SmallVector<Value>> one{values};
      storeRow(m, n, one);
    }
    gpu::BarrierOp::create(b, loc);
  }

  const Tile &tile;
  int stages, threads;
  Side rows, columns;
  Value results, lane, warp, warpM, warpN;
};

} // namespace

std::optional<Launch> mapMatrixContraction(OpBuilder &b, KernelOps ops, gpu::GPUFuncOp kernel, const GpuTarget &target) {
  auto epilogue = epilogueLoops(ops);
  auto c = target.f16Matrix && target.asyncCopy && epilogue ? readContraction(ops, *epilogue) : std::nullopt;
  if (!c || std::min({c->m.total, c->n.total, c->k.total}) < kLeastExtent)
    return std::nullopt;
  bool alongK[2];
  for (auto [i, operand] : {std::pair(0, c->rows), std::pair(1, c->columns)}) {
    if (!cast<MemRefType>(operand->get().getType()).getElementType().isF16())
      return std::nullopt;
    alongK[i] = liesAlongK(ops.root, operand, *c);
  }
  const Tile *tile = chooseTile(ArrayRef<Tile>(kTiles), *c, [&](const Tile &t) { return productCost(*c, t.m, t.n, t.warps() * 32, overhead(t), target); });
  if (!tile)
    return std::nullopt;
  int stages = kMostStages;
  while (stages > 2 && Emitter::bytesOf(*tile, tile->m, alongK[0], stages) + Emitter::bytesOf(*tile, tile->n, alongK[1], stages) > target.sharedBytes)
    --stages;
  OpBuilder::InsertionGuard restore(b);
  Emitter(b, ops, *epilogue, *c, *tile, stages, kernel).emit();
  Launch launch{"matrix", {}, {}};
  launch.block = {tile->warps() * 32, 1, 1};
  launch.grid = productGrid(*c, tile->m, tile->n);
  return launch;
}

} // namespace onnxc
