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
//
// Where results cannot be stored four at a time, shared memory holds the columns
// dealt out to the threads, two by two or one by one: a piece is columns x, x + 16,
// x + 32 and x + 48, and neighbouring threads store neighbouring columns.
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
/// f32 elements of a sector of memory.
constexpr int kSector = kSectorBytes / 4;

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

/// Elements of `operand` that lie together along k, where they do not start at
/// sectors of memory; 0: no such case.
int64_t raggedRun(linalg::GenericOp root, OpOperand *operand, const Contraction &c) {
  if (!c.k.has(contiguousLoop(root, operand, 1)) || contiguousLoop(root, operand, kSector) >= 0)
    return 0;
  int64_t run = contiguousRun(root, operand, c.k);
  return run > 1 ? run : 0;
}

/// A run of neighbours that starts anywhere in a sector takes up to this many more elements.
constexpr int kLostElements = kSector - 1;

/// Multiply-adds of a multiprocessor in the time that an f32 element takes to it
/// from the second cache: about 5 TB/s beside 19.5 TFLOP/s (A100).
constexpr double kFmasPerElement = 8;

/// Time of a block's sectors as a share of its multiply-adds.
double traffic(const Tile &t, const Contraction &c, bool raggedRows, bool raggedColumns, int storeWidth) {
  double steps = double(c.k.total), results = double(t.m) * t.n;
  double moved = (t.m + t.n) * steps + results + (t.m * raggedRows + t.n * raggedColumns) * steps * kLostElements / t.k;
  if (storeWidth < kPiece)
    moved += results * kLostElements / (t.n / t.threadN * storeWidth);
  return kFmasPerElement * moved / (results * steps);
}

/// Steps of k for a tile whose operands lie together for `run` elements that
/// start anywhere in a sector: whole runs, or a longer part of one, so that less
/// of the first and last sector is wasted.
int stepsFor(int64_t run, const Tile &t, llvm::function_ref<bool(const Tile &)> fits) {
  Tile other = t;
  if (run > 0 && run <= 2 * t.k)
    other.k = int(run * std::max<int64_t>(t.k / run, 1));
  else if (run > 2 * t.k)
    other.k = 2 * t.k;
  return fits(other) ? other.k : t.k;
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
    rows = makeSide(c.rows, c.m, firstM, tile.m, tile.threadM, kPiece, kernel);
    columns = makeSide(c.columns, c.n, firstN, tile.n, tile.threadN, storeWidth(ops, epilogue, c), kernel);
  }

  void emit() {
    Value tx = rem(thread, tile.n / tile.threadN), ty = div(thread, tile.n / tile.threadN);
    rowInTile = mul(ty, kPiece);
    columnOfThread = tx;
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
    int threads;        ///< that share a row or column of the tile's pieces
    int together;       ///< elements of a piece that are neighbours outside, too
    struct Load {
      Value k, at;      ///< within the tile
      Value inRange;    ///< of the group and of the tile; null: always
      Value inTile;     ///< there is such an element in the tile; null: always
      SmallVector<Value> ivs;
    };
    SmallVector<Load> loads; ///< of a thread, for one tile
  };

  Side makeSide(OpOperand *operand, const LoopGroup &group, Value first, int extent, int ofThread, int together, gpu::GPUFuncOp kernel) {
    Side side{operand, &group, extent, 1, false, {}, extent / ofThread, together, {}};
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

  /// Where row or column `at` of the tile lies in shared memory.
  Value placeOf(const Side &side, Value at) {
    if (side.together == kPiece)
      return at;
    // The threads' first pieces lie together, and their second ones.
    int all = side.threads * kPiece;
    Value within = rem(at, all), unit = div(within, side.together);
    Value inPiece = add(mul(div(unit, side.threads), side.together), rem(within, side.together));
    return add(mul(div(at, all), all), add(mul(rem(unit, side.threads), kPiece), inPiece));
  }

  void keep(Side &side, ArrayRef<Value> values, Value half) {
    for (auto [l, v] : llvm::zip(side.loads, values)) {
      OpBuilder::InsertionGuard restore(b);
      if (l.inTile)
        b.setInsertionPointToStart(scf::IfOp::create(b, loc, l.inTile).thenBlock());
      if (side.lanes == 1) {
        memref::StoreOp::create(b, loc, v, side.shared, ValueRange{half, l.k, placeOf(side, l.at)});
      } else if (side.alongK) {
        for (int i = 0; i < kPiece; ++i)
          memref::StoreOp::create(b, loc, vector::ExtractOp::create(b, loc, v, i).getResult(), side.shared,
                                  ValueRange{half, add(l.k, i), placeOf(side, l.at)});
      } else {
        for (int i = 0; i < kPiece; i += side.together) {
          Value part = vector::ExtractStridedSliceOp::create(b, loc, v, ArrayRef<int64_t>{i}, ArrayRef<int64_t>{side.together}, ArrayRef<int64_t>{1});
          vector::StoreOp::create(b, loc, part, side.shared, ValueRange{half, l.k, placeOf(side, add(l.at, i))}, false, llvm::Align(4 * side.together));
        }
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
    int rowPieces = tile.threadM / kPiece, width = columns.together;
    for (int i = 0; i < tile.threadM; ++i) {
      Value m = add(firstM, add(rowInTile, i / kPiece * (tile.m / rowPieces) + i % kPiece));
      SmallVector<Value> at;
      SmallVector<SmallVector<Value>> pieces;
      for (int j = 0; j < tile.threadN; j += width) {
        at.push_back(add(firstN, add(mul(columnOfThread, width), j * columns.threads)));
        pieces.emplace_back(acc.slice(i * tile.threadN + j, width));
      }
      storeRow(m, at, pieces);
    }
  }

  const Tile &tile;
  Value rowInTile, columnInTile, columnOfThread;
  Side rows, columns;
};

} // namespace

bool fillsTiles(const Contraction &c) {
  return c.k.total >= kLeastExtent && llvm::any_of(kTiles, [&](const Tile &t) { return utilization(t, c) >= kLeastUtilization; });
}

std::optional<Launch> mapTiledContraction(OpBuilder &b, KernelOps ops, gpu::GPUFuncOp kernel, const GpuTarget &target) {
  auto epilogue = epilogueLoops(ops);
  auto c = epilogue ? readContraction(ops, *epilogue) : std::nullopt;
  if (!c || !fillsTiles(*c))
    return std::nullopt;
  int rowLanes = lanesOf(ops.root, c->rows, c->k, c->m), columnLanes = lanesOf(ops.root, c->columns, c->k, c->n);
  auto loads = [&](const Tile &t) { return int(llvm::divideCeil(std::max(t.m / rowLanes, t.n / columnLanes) * t.k, t.threads())); };
  SmallVector<Tile> tiles = llvm::filter_to_vector(
      ArrayRef(kTiles), [&](const Tile &t) { return utilization(t, *c) >= kLeastUtilization && loads(t) <= kMostLoads; });
  int64_t rowRun = raggedRun(ops.root, c->rows, *c), columnRun = raggedRun(ops.root, c->columns, *c);
  int64_t run = rowRun && columnRun ? std::min(rowRun, columnRun) : std::max(rowRun, columnRun);
  auto isAlongK = [&](OpOperand *operand, int lanes) { return lanes > 1 && c->k.has(contiguousLoop(ops.root, operand, lanes)); };
  bool loadsPiecesAlongK = isAlongK(c->rows, rowLanes) || isAlongK(c->columns, columnLanes);
  for (Tile &t : tiles) {
    // A short sum wants no long steps, where the threads still have a load each.
    if (c->k.total <= t.k / 2)
      t.k /= 2;
    else
      t.k = stepsFor(run, t, [&](const Tile &other) {
        return other.sharedBytes() <= target.sharedBytes && loads(other) <= kMostLoads && (other.k % kPiece == 0 || !loadsPiecesAlongK);
      });
  }
  int width = storeWidth(ops, *epilogue, *c);
  // Of two that take as long, the one that computes less for nothing.
  const Tile *tile = chooseTile(ArrayRef<Tile>(tiles), *c, [&](const Tile &t) {
    double beside = overhead(t) + traffic(t, *c, rowRun > 0, columnRun > 0, width);
    return productCost(*c, t.m, t.n, t.threads(), beside, target) * (2 - utilization(t, *c));
  });
  if (!tile)
    return std::nullopt;
  OpBuilder::InsertionGuard restore(b);
  Emitter(b, ops, *epilogue, *c, *tile, kernel).emit();
  Launch launch{"tiles", {}, {}};
  launch.block = {tile->threads(), 1, 1};
  launch.grid = productGrid(*c, tile->m, tile->n);
  return launch;
}

} // namespace onnxc
