// Matrix products and convolutions: tiles in shared memory, a register tile for
// each thread.
//
//   rows[2][16][128+4], columns[2][16][128+4] : shared memory
//   for each 16 steps of k {
//     load the next 16 steps from global memory to registers
//     for each of these 16 steps: acc[8][8] += rows[k][8] * columns[k][8]
//     store the registers to the other half of shared memory; barrier
//   }
//   output = epilogue(acc)
//
// A thread's 8 x 8 results are 2 x 2 pieces of 4 x 4, so that a warp reads
// neighbouring pieces. Loads run along what the operand walks through
// contiguously, 16 bytes each where alignment allows. Out of range, an operand
// is zero and a result is not stored.
#include "passes/schedule/gpu/ProductEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Rows and columns of shared memory have this many elements more, so that
/// threads that store along k hit different banks.
constexpr int kPad = 4;
/// f32 elements of what memory transfers at least.
constexpr int kSector = 8;

struct Tile {
  int m, n, k;            ///< of a block
  int threadM, threadN;   ///< of a thread
  int threads() const { return m / threadM * (n / threadN); }
  unsigned sharedBytes() const { return 2 * k * (m + n + 2 * kPad) * 4; }
};

const Tile kTiles[] = {
    {128, 128, 16, 8, 8}, {128, 64, 16, 8, 8}, {64, 128, 16, 8, 8}, {64, 64, 16, 8, 4}, {32, 64, 16, 4, 8}, {64, 32, 16, 8, 4}, {32, 32, 16, 4, 4}, {16, 64, 16, 4, 4}, {64, 16, 16, 4, 4},
    {8, 128, 16, 4, 4},   {128, 8, 16, 4, 4},  {4, 256, 8, 4, 4},   {256, 4, 8, 4, 4},
};

/// Loads of a thread for a step are on their way in registers while it
/// multiplies; more of them, with their addresses, do not fit. Where there is
/// a choice, half as many.
constexpr int kMostLoads = 16;

/// Elements that a load brings: a piece where the fastest loop allows it.
int lanesOf(linalg::GenericOp root, OpOperand *operand, const LoopGroup &k, const LoopGroup &own) {
  int loop = contiguousLoop(root, operand, kPiece);
  auto isFastest = [&](const LoopGroup &of) { return !of.loops.empty() && loop >= 0 && of.loops.back() == unsigned(loop); };
  return isFastest(k) || isFastest(own) ? kPiece : 1;
}

/// Below this share of tiles that is results, a thread for each result does as well.
constexpr double kLeastUtilization = 0.4;

double utilization(const Tile &t, const Contraction &c) {
  return double(c.m.total) * c.n.total / (double(llvm::alignTo(c.m.total, t.m)) * llvm::alignTo(c.n.total, t.n));
}

/// A load of shared memory takes as long as four multiply-adds.
double overhead(const Tile &t) { return (t.threadM + t.threadN) / double(kPiece) * 4 / (t.threadM * t.threadN); }

class Emitter : ProductEmitter {
public:
  Emitter(OpBuilder &b, KernelOps ops, ArrayRef<int> epilogueLoops, const Contraction &c, const Tile &tile, gpu::GPUFuncOp kernel)
      : ProductEmitter(b, ops, epilogueLoops, c, tile.m, tile.n), tile(tile) {
    rows = makeSide(c.rows, c.m, firstM, tile.m, kernel);
    columns = makeSide(c.columns, c.n, firstN, tile.n, kernel);
  }

  void emit() {
    Value tx = rem(thread, tile.n / tile.threadN), ty = div(thread, tile.n / tile.threadN);
    rowInTile = mul(ty, kPiece);
    columnInTile = mul(tx, kPiece);
    Value zero = index(0), one = index(1);
    keep(rows, load(rows, zero), zero);
    keep(columns, load(columns, zero), zero);
    gpu::BarrierOp::create(b, loc);
    SmallVector<Value> acc(tile.threadM * tile.threadN, arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0)));
    Value steps = index(llvm::divideCeil(c.k.total, tile.k));
    auto loop = scf::ForOp::create(b, loc, zero, steps, one, acc);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value step = loop.getInductionVar(), next = add(step, one);
      Value half = rem(step, 2), other = rem(next, 2);
      auto nextRows = load(rows, next), nextColumns = load(columns, next);
      acc.assign(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
      for (int k = 0; k < tile.k; ++k)
        multiply(half, k, acc);
      keep(rows, nextRows, other);
      keep(columns, nextColumns, other);
      gpu::BarrierOp::create(b, loc);
      scf::YieldOp::create(b, loc, acc);
    }
    acc.assign(loop.getResults().begin(), loop.getResults().end());
    store(acc);
  }

private:
  /// How one operand comes to shared memory.
  struct Side {
    OpOperand *operand;
    const LoopGroup *group;
    int extent;         ///< of the tile
    unsigned lanes;     ///< elements of a load
    bool alongK;        ///< the load's elements, and neighbouring threads, follow k
    Value shared;       ///< [2][tile.k][extent + kPad]
    struct Load {
      Value k, at;      ///< within the tile
      Value inRange;    ///< of the group and of the tile; null: always
      Value inTile;     ///< there is such an element in the tile; null: always
      SmallVector<Value> ivs;
    };
    SmallVector<Load> loads; ///< of a thread, for one tile
  };

  Side makeSide(OpOperand *operand, const LoopGroup &group, Value first, int extent, gpu::GPUFuncOp kernel) {
    Side side{operand, &group, extent, 1, false, {}, {}};
    side.lanes = lanesOf(ops.root, operand, c.k, group);
    int loop = contiguousLoop(ops.root, operand, side.lanes);
    side.alongK = loop >= 0 && c.k.loops.back() == unsigned(loop);
    auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
    auto type = MemRefType::get({2, tile.k, extent + kPad}, f32, MemRefLayoutAttrInterface(), space);
    side.shared = kernel.addWorkgroupAttribution(type, loc);
    kernel.setWorkgroupAttributionAttr(kernel.getNumWorkgroupAttributions() - 1, "llvm.align", b.getI64IntegerAttr(16));
    int count = extent * tile.k / int(side.lanes);
    for (int i = 0; i < count; i += tile.threads()) {
      Value id = add(thread, i);
      int chunks = (side.alongK ? tile.k : extent) / int(side.lanes);
      Value along = mul(rem(id, chunks), side.lanes), across = div(id, chunks);
      Side::Load load{side.alongK ? along : across, side.alongK ? across : along, {}, {}, zeroIvs};
      if (i + tile.threads() > count)
        load.inTile = below(id, count);
      Value at = add(first, load.at);
      load.inRange = both(load.inTile, group.total % extent ? below(at, group.total) : Value());
      group.setIvs(b, loc, at, load.ivs);
      side.loads.push_back(load);
    }
    return side;
  }

  /// What this thread brings of tile number `step`.
  SmallVector<Value> load(Side &side, Value step) {
    SmallVector<Value> values;
    Type element = cast<MemRefType>(side.operand->get().getType()).getElementType();
    Type type = side.lanes == 1 ? element : piece(element);
    Value first = mul(step, tile.k);
    for (Side::Load &l : side.loads) {
      Value k = add(first, l.k);
      // The loop asks for one tile more than there is.
      Value inRange = both(below(k, c.k.total), l.inRange);
      auto guard = scf::IfOp::create(b, loc, TypeRange{type}, inRange, /*addThenBlock=*/true, /*addElseBlock=*/true);
      {
        OpBuilder::InsertionGuard restore(b);
        b.setInsertionPointToStart(guard.thenBlock());
        SmallVector<Value> ivs = l.ivs;
        c.k.setIvs(b, loc, k, ivs);
        Value v = side.lanes == 1 ? loadOperand(b, ops.root, side.operand, ivs) : loadPiece(ops.root, side.operand, ivs);
        scf::YieldOp::create(b, loc, v);
        b.setInsertionPointToStart(guard.elseBlock());
        scf::YieldOp::create(b, loc, arith::ConstantOp::create(b, loc, b.getZeroAttr(type)).getResult());
      }
      Value v = guard.getResult(0);
      if (element != f32)
        v = arith::ExtFOp::create(b, loc, side.lanes == 1 ? f32 : Type(piece()), v);
      values.push_back(v);
    }
    return values;
  }

  void keep(Side &side, ArrayRef<Value> values, Value half) {
    for (auto [l, v] : llvm::zip(side.loads, values)) {
      OpBuilder::InsertionGuard restore(b);
      if (l.inTile)
        b.setInsertionPointToStart(scf::IfOp::create(b, loc, l.inTile).thenBlock());
      if (side.lanes == 1) {
        memref::StoreOp::create(b, loc, v, side.shared, ValueRange{half, l.k, l.at});
      } else if (side.alongK) {
        for (int i = 0; i < kPiece; ++i)
          memref::StoreOp::create(b, loc, vector::ExtractOp::create(b, loc, v, i).getResult(), side.shared, ValueRange{half, add(l.k, i), l.at});
      } else {
        vector::StoreOp::create(b, loc, v, side.shared, ValueRange{half, l.k, l.at}, false, llvm::Align(16));
      }
    }
  }

  /// A thread's elements of step `k`: pieces that lie `extent / pieces` apart.
  SmallVector<Value> fetch(const Side &side, Value half, int k, Value first, int count) {
    SmallVector<Value> out;
    int pieces = count / kPiece;
    for (int p = 0; p < pieces; ++p) {
      Value v = vector::LoadOp::create(b, loc, piece(), side.shared, ValueRange{half, index(k), add(first, p * (side.extent / pieces))}, false, llvm::Align(16));
      for (int i = 0; i < kPiece; ++i)
        out.push_back(vector::ExtractOp::create(b, loc, v, i));
    }
    return out;
  }

  void multiply(Value half, int k, SmallVectorImpl<Value> &acc) {
    SmallVector<Value> r = fetch(rows, half, k, rowInTile, tile.threadM), s = fetch(columns, half, k, columnInTile, tile.threadN);
    for (int i = 0; i < tile.threadM; ++i)
      for (int j = 0; j < tile.threadN; ++j) {
        Value &a = acc[i * tile.threadN + j];
        a = math::FmaOp::create(b, loc, r[i], s[j], a);
      }
  }

  void store(ArrayRef<Value> acc) {
    int rowPieces = tile.threadM / kPiece, columnPieces = tile.threadN / kPiece;
    for (int i = 0; i < tile.threadM; ++i) {
      Value m = add(firstM, add(rowInTile, i / kPiece * (tile.m / rowPieces) + i % kPiece));
      SmallVector<Value> columns;
      SmallVector<SmallVector<Value>> pieces;
      for (int p = 0; p < columnPieces; ++p) {
        columns.push_back(add(firstN, add(columnInTile, p * (tile.n / columnPieces))));
        pieces.emplace_back(acc.slice(i * tile.threadN + p * kPiece, kPiece));
      }
      storeRow(m, columns, pieces);
    }
  }

  const Tile &tile;
  Value rowInTile, columnInTile;
  Side rows, columns;
};

} // namespace

std::optional<Launch> mapTiledContraction(OpBuilder &b, KernelOps ops, gpu::GPUFuncOp kernel, const GpuTarget &target) {
  auto epilogue = epilogueLoops(ops);
  auto c = epilogue ? readContraction(ops, *epilogue) : std::nullopt;
  if (!c || c->k.total < kLeastExtent)
    return std::nullopt;
  // A short sum wants no long steps, where the threads still have a load each.
  int rowLanes = lanesOf(ops.root, c->rows, c->k, c->m), columnLanes = lanesOf(ops.root, c->columns, c->k, c->n);
  auto loads = [&](const Tile &t) { return std::max(t.m / rowLanes, t.n / columnLanes) * t.k / t.threads(); };
  SmallVector<Tile> tiles = llvm::filter_to_vector(
      ArrayRef(kTiles), [&](const Tile &t) { return utilization(t, *c) >= kLeastUtilization && loads(t) <= kMostLoads; });
  // Rows that do not start at sectors of memory want long steps: less of the first and last sector is wasted.
  bool isRagged = llvm::any_of(ArrayRef{c->rows, c->columns}, [&](OpOperand *operand) {
    int loop = contiguousLoop(ops.root, operand, 1);
    return c->k.has(loop) && ops.root.getStaticLoopRanges()[loop] == c->k.total && contiguousLoop(ops.root, operand, kSector) < 0;
  });
  for (Tile &t : tiles) {
    if (c->k.total <= t.k / 2)
      t.k /= 2;
    else if (isRagged && c->k.total > t.k && 2 * t.sharedBytes() <= target.sharedBytes && 2 * loads(t) <= kMostLoads / 2)
      t.k *= 2;
  }
  // Of two that take as long, the one that computes less for nothing.
  const Tile *tile = chooseTile(ArrayRef<Tile>(tiles), *c, [&](const Tile &t) {
    return productCost(*c, t.m, t.n, t.threads(), overhead(t), target) * (2 - utilization(t, *c));
  });
  if (!tile)
    return std::nullopt;
  OpBuilder::InsertionGuard restore(b);
  Emitter(b, ops, *epilogue, *c, *tile, kernel).emit();
  Launch launch;
  launch.block = {tile->threads(), 1, 1};
  launch.grid = productGrid(*c, tile->m, tile->n);
  return launch;
}

} // namespace onnxc
