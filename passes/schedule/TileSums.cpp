// Sums of a tile as an instruction wants them: two in one word, blocks of rows
// and columns, single ones. They are packed ahead of the reduction, which is
// TileDots.cpp's, and taken apart behind it.
#include "passes/schedule/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc {

SmallVector<Value> TileEmitter::emitPairedRows(Tile tile, ArrayRef<Point> points, ArrayRef<Value> accs) {
  Type i64 = b.getI64Type(), i32 = b.getI32Type();
  Value half = arith::ConstantIntOp::create(b, loc, i64, 32);
  SmallVector<Point> pairs;
  SmallVector<Value> sums;
  for (auto [i, p] : llvm::enumerate(points)) {
    if (p.row % 2)
      continue;
    Value sum = arith::ExtSIOp::create(b, loc, i64, accs[i]);
    if (p.row + 1 < tile.rows) {
      Value high = arith::ExtSIOp::create(b, loc, i64, accs[i + tile.vectors]);
      sum = arith::AddIOp::create(b, loc, sum, arith::ShLIOp::create(b, loc, high, half));
    }
    pairs.push_back(p);
    sums.push_back(sum);
  }
  sums = emitDotReductions(0, pairs, sums);
  SmallVector<Value> out(accs.size());
  size_t next = 0;
  for (auto [i, p] : llvm::enumerate(points)) {
    if (p.row % 2)
      continue;
    Value sum = sums[next++], low = arith::TruncIOp::create(b, loc, i32, sum);
    out[i] = low;
    if (p.row + 1 < tile.rows) {
      Value high = arith::SubIOp::create(b, loc, sum, arith::ExtSIOp::create(b, loc, i64, low));
      out[i + tile.vectors] = arith::TruncIOp::create(b, loc, i32, arith::ShRSIOp::create(b, loc, high, half));
    }
  }
  return out;
}

SmallVector<Value> TileEmitter::emitBlocks(Tile tile, ArrayRef<Point> points, ArrayRef<Value> accs) {
  auto vectorOf = [&](int64_t n) { return VectorType::get({n}, b.getI32Type()); };
  auto shuffled = [&](Value x, Value y, ArrayRef<int64_t> lanes) -> Value { return vector::ShuffleOp::create(b, loc, x, y, lanes); };
  Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(tile.lanes == 1 ? Type(b.getI32Type()) : Type(vectorOf(tile.lanes))));
  /// The accumulator of the row below that of accs[i].
  auto below = [&](size_t i) -> Value { return points[i].row + 1 < tile.rows ? accs[i + tile.vectors] : none; };
  SmallVector<Point> places;
  SmallVector<Value> blocks;
  for (auto [i, p] : llvm::enumerate(points)) {
    if (p.row % 2)
      continue;
    if (tile.lanes == 1) {
      Value zero32 = arith::ConstantIntOp::create(b, loc, 0, 32);
      blocks.push_back(vector::FromElementsOp::create(b, loc, vectorOf(4), ValueRange{accs[i], zero32, below(i), zero32}));
      places.push_back(p);
    }
    for (int64_t c = 0; c + 1 < tile.lanes; c += 2) {
      int64_t n = tile.lanes;
      blocks.push_back(shuffled(accs[i], below(i), {c, c + 1, n + c, n + c + 1}));
      places.push_back({p.row, p.lane + c, {}});
    }
  }
  blocks = emitDotReductions(0, places, blocks);
  SmallVector<Value> out(accs.size());
  size_t next = 0;
  for (auto [i, p] : llvm::enumerate(points)) {
    if (p.row % 2)
      continue;
    Value first = blocks[next++], second = tile.lanes == 4 ? blocks[next++] : first;
    for (int64_t r = 0; r < 2 && p.row + r < tile.rows; ++r) {
      Value &row = out[i + r * tile.vectors];
      if (tile.lanes == 1)
        row = vector::ExtractOp::create(b, loc, first, 2 * r);
      else if (tile.lanes == 2)
        row = shuffled(first, first, {2 * r, 2 * r + 1});
      else
        row = shuffled(first, second, {2 * r, 2 * r + 1, 2 * r + 4, 2 * r + 5});
    }
  }
  return out;
}

SmallVector<Value> TileEmitter::emitColumnPairs(ArrayRef<Point> points, ArrayRef<Value> accs) {
  // Both sums of a pair start alike: their difference is 256 times the odd column's, modulo 2^32.
  SmallVector<Value> sums(accs);
  for (auto [i, p] : llvm::enumerate(points))
    if (p.lane % 2)
      sums[i] = accs[i - 1];
  sums = emitDotReductions(0, points, sums);
  SmallVector<Value> out(sums);
  Value eight = arith::ConstantIntOp::create(b, loc, 8, 32);
  for (auto [i, p] : llvm::enumerate(points))
    if (p.lane % 2)
      out[i] = arith::AddIOp::create(b, loc, accs[i], arith::ShRSIOp::create(b, loc, arith::SubIOp::create(b, loc, sums[i], sums[i - 1]), eight));
  return out;
}

SmallVector<Value> TileEmitter::emitSingles(Tile tile, ArrayRef<Point> points, ArrayRef<Value> accs) {
  SmallVector<Point> places;
  SmallVector<Value> sums;
  for (auto [p, acc] : llvm::zip_equal(points, accs))
    for (int64_t c = 0; c < tile.lanes; ++c) {
      places.push_back({p.row, p.lane + c, {}});
      sums.push_back(tile.lanes == 1 ? acc : vector::ExtractOp::create(b, loc, acc, c).getResult());
    }
  sums = emitDotReductions(0, places, sums);
  SmallVector<Value> out;
  for (size_t i = 0; i < sums.size(); i += tile.lanes)
    out.push_back(tile.lanes == 1 ? sums[i]
                                  : vector::FromElementsOp::create(b, loc, VectorType::get({tile.lanes}, b.getI32Type()),
                                                                   ValueRange(sums).slice(i, tile.lanes)).getResult());
  return out;
}

} // namespace onnxc
