// Steps of a reduction that would read padding are left out.
#include "passes/schedule/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace onnxc {

std::pair<int64_t, int64_t> TileEmitter::Clip::interior(int64_t count) const {
  int64_t first = 0, last = count;
  while (first < count && !inside(first, 0))
    ++first;
  while (last > first && !inside(last - 1, taps - 1))
    --last;
  return {first, last};
}

Value TileEmitter::isInterior(ArrayRef<Clip> all, unsigned rows) {
  Value inside;
  auto both = [&](Value v) { inside = inside ? arith::AndIOp::create(b, loc, inside, v).getResult() : v; };
  for (const Clip &c : all) {
    bool single = c.parallel < 0;
    int64_t count = single ? 1 : *nest.loops[c.parallel].size();
    auto [first, last] = c.interior(count);
    if (first == 0 && last == count)
      continue;
    Value x = single ? zero : ivs[c.parallel];
    int64_t more = c.parallel == t.tileLoop ? rows - 1 : 0;
    both(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, x, index(first)));
    both(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, index(last - more)));
  }
  return inside;
}

bool TileEmitter::isBoundedReduction(int d) const {
  return llvm::any_of(clips, [&](const Clip &c) { return c.reduction == d && isBounded(c); });
}

bool TileEmitter::isColumnReduction(int d) const {
  return atBorder && llvm::any_of(clips, [&](const Clip &c) { return c.reduction == d && isColumn(c); });
}

bool TileEmitter::rowInside(unsigned row, int reduction, int64_t k) const {
  return llvm::all_of(clips, [&](const Clip &c) { return c.reduction != reduction || !isColumn(c) || c.inside(tileStart + row, k); });
}

std::pair<Value, Value> TileEmitter::reductionRange(int d) {
  Value from = zero, to = value(nest.loops[d].extent);
  for (const Clip &c : clips) {
    if (c.reduction != d || !isBounded(c))
      continue;
    std::tie(from, to) = clipped(c, c.parallel < 0 ? zero : ivs[c.parallel], {from, to});
  }
  return {from, to};
}

std::pair<Value, Value> TileEmitter::clipped(const Clip &c, Value x, std::pair<Value, Value> range) {
  Value first = arith::SubIOp::create(b, loc, index(c.low), mul(x, b.getIndexAttr(c.stride)));
  Value end = addConst(first, c.extent);
  if (c.dilation != 1) {
    first = arith::CeilDivSIOp::create(b, loc, first, index(c.dilation));
    end = arith::CeilDivSIOp::create(b, loc, end, index(c.dilation));
  }
  return {arith::MaxSIOp::create(b, loc, range.first, first), arith::MinSIOp::create(b, loc, range.second, end)};
}

void TileEmitter::emitRows(size_t level, Tile tile, int d) {
  int64_t n = *nest.loops[d].size(), first = 0, last = n;
  for (const Clip &c : clips)
    if (c.parallel == d) {
      auto [low, high] = c.interior(n);
      first = std::max(first, low);
      last = std::min(last, high);
    }
  auto rows = [&](int64_t from, int64_t to) {
    if (from < to)
      loop(index(from), index(to), 1, to - from, [&](Value iv) {
        enter(d, iv);
        emitParallel(level + 1, tile);
      });
  };
  last = std::max(first, last);
  std::function<void()> parts[] = {[&] { rows(0, first); },
                                   [&] {
                                     inInterior.insert(d);
                                     rows(first, last);
                                     inInterior.erase(d);
                                   },
                                   [&] { rows(last, n); }};
  inTurn(parts);
}

llvm::SmallVector<Value> TileEmitter::emitColumns(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
  int d = t.reductions[level];
  SmallVector<Value> out(accs);
  for (int64_t k = 0, n = *nest.loops[d].size(); k < n; ++k) {
    SmallVector<size_t> chosen;
    SmallVector<Point> inside;
    SmallVector<Value> in;
    for (auto [i, p] : llvm::enumerate(points))
      if (rowInside(p.row, d, k)) {
        chosen.push_back(i);
        inside.push_back(p);
        in.push_back(out[i]);
      }
    if (chosen.empty())
      continue;
    auto saved = savePosition();
    enter(d, index(k));
    SmallVector<Value> next = emitReductions(level + 1, inside, in, lanes);
    restorePosition(saved);
    for (auto [i, v] : llvm::zip(chosen, next))
      out[i] = v;
  }
  return out;
}

} // namespace onnxc
