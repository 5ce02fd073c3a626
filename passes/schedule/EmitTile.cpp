// Writes a tiled, vectorised loop nest as scf and vector ops.
//
// Loops are written from outside in.  A tile is `tile` iterations of the tile
// loop times `vectors` vectors; its accumulators are loop-carried values of the
// reduction loops.  Tails are narrower tiles: fewer vectors, then powers of two,
// then scalars.
#include "passes/schedule/Schedule.h"
#include "passes/schedule/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc {

int64_t reductionDepth(const LoopNest &nest) {
  int64_t n = 1;
  for (const Loop &l : nest.loops)
    if (l.reduction)
      n *= l.size().value_or(1);
  return n;
}

/// A long innermost reduction loop is unrolled by this factor.
static constexpr int64_t kReductionUnroll = 4;

TileEmitter::TileEmitter(LoopNest &nest, const Tiling &t, const Target &target, Value packed)
    : nest(nest), t(t), target(target), b(nest.root), loc(nest.root.getLoc()) {
  b.setInsertionPoint(nest.root->getBlock()->getTerminator());
  for (Access *a : nest.accesses())
    operands.push_back({a, {}, {}, false});
  zero = arith::ConstantIndexOp::create(b, loc, 0);
  for (size_t i = 0; i < operands.size(); ++i) {
    Operand &o = operands[i];
    bool panel = int(i) == t.packed;
    if (o.access->scalar)
      continue;
    if (o.access == &nest.accumulator && nest.temporary && nest.fill) {
      o.base = zero; // lives in registers only
      continue;
    }
    if (t.widened && llvm::is_contained(t.widened->sides, i)) {
      o.base = zero; // lies in the panels
      continue;
    }
    if (panel && t.packAtRunTime) {
      int64_t elements = t.panelElements(nest, 1);
      auto type = MemRefType::get({elements}, o.access->element);
      source = o;
      source.flat = flatten(o.access->operand);
      source.base = index(o.access->constant);
      auto scratch = memref::AllocOp::create(b, loc, type, b.getI64IntegerAttr(64));
      scratch->setAttr(kScratchAttr, b.getUnitAttr());
      o.flat = scratch;
    } else {
      o.flat = panel ? packed : flatten(o.access->operand);
    }
    o.isPanel = panel;
    o.base = panel ? zero : index(o.access->constant);
  }
  ivs.assign(nest.loops.size(), zero);
  if (nest.fill)
    fillValue = nest.fill.getInputs()[0];
  kind = combiningKind(nest.root);
  bool copiesRows = t.dot && t.dot->rowPanel;
  if (copiesRows) {
    auto type = MemRefType::get({t.dot->panelElements(t.tile)}, b.getIntegerType(t.dot->panelBits()));
    auto scratch = memref::AllocOp::create(b, loc, type, b.getI64IntegerAttr(64));
    scratch->setAttr(kScratchAttr, b.getUnitAttr());
    rows.flat = scratch;
    rows.base = zero;
  }
  findSeed();
  for (const Access &a : nest.inputs)
    for (const Window &w : a.windows) {
      Clip &c = (copiesRows ? rowClips : clips).emplace_back();
      c.low = w.low;
      c.extent = w.extent;
      for (auto [d, coeff] : llvm::enumerate(w.coeff))
        if (coeff && nest.loops[d].reduction) {
          c.reduction = d;
          c.dilation = coeff;
          c.taps = *nest.loops[d].size();
        } else if (coeff) {
          c.parallel = d;
          c.stride = coeff;
        }
    }
}

void TileEmitter::loop(Value from, Value to, int64_t step, std::optional<int64_t> trips, llvm::function_ref<void(Value)> body) {
  if (trips && *trips == 0)
    return;
  auto saved = savePosition();
  if (trips && *trips == 1) {
    body(from);
  } else {
    auto f = scf::ForOp::create(b, loc, from, to, index(step));
    f->setAttr(kParallelLoopAttr, b.getUnitAttr());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(f.getBody()->getTerminator());
    Value iv = f.getInductionVar();
    if (t.backward)
      iv = arith::SubIOp::create(b, loc, index(2 * *getConstantIntValue(from) + (*trips - 1) * step), iv);
    body(iv);
  }
  restorePosition(saved);
}

void TileEmitter::inTurn(MutableArrayRef<std::function<void()>> parts) {
  if (t.backward)
    std::reverse(parts.begin(), parts.end());
  for (auto &part : parts)
    part();
}

void TileEmitter::emitParallel(size_t level, Tile tile) {
  if (level == t.order.size()) {
    emitTile(tile);
    return;
  }
  int d = t.order[level];
  if (d == t.vectorLoop)
    return emitVectorLoop(level, tile);
  if (d == t.tileLoop)
    return emitTileLoop(level, tile);
  bool clipped = llvm::any_of(clips, [&](const Clip &c) { return c.parallel == d; });
  if (clipped && !t.horizontal && reductionDepth(nest) * t.tile * t.vectors <= int64_t(target.unrollOps))
    return emitRows(level, tile, d);
  loop(zero, value(nest.loops[d].extent), 1, nest.loops[d].size(), [&](Value iv) {
    enter(d, iv);
    emitParallel(level + 1, tile);
  });
}

void TileEmitter::emitTileLoop(size_t level, Tile tile) {
  int d = t.tileLoop;
  auto step = [&](Value from, Value to, unsigned rows, std::optional<int64_t> trips) {
    loop(from, to, rows, trips, [&](Value iv) {
      enter(d, iv);
      Tile inner = tile;
      inner.rows = rows;
      emitParallel(level + 1, inner);
    });
  };
  if (auto n = nest.loops[d].size()) {
    // ceil(n / tile) tiles of two heights that differ by one, or by as many rows as go together.
    int64_t together = t.dot ? t.dot->tileStep() : 1, units = llvm::divideCeil(*n, together);
    int64_t tiles = llvm::divideCeil(*n, int64_t(t.tile)), low = units / tiles, tall = units % tiles;
    // Tiles that read padding have a place of their own; the others run in loops.
    int64_t first = 0, last = *n;
    for (const Clip &c : clips)
      if (isColumn(c)) {
        auto [from, to] = c.interior(*n);
        first = std::max(first, from);
        last = std::min(last, to);
      }
    int64_t start = 0, count = 0, rows = 0, at = 0;
    std::vector<std::function<void()>> parts;
    auto flush = [&] {
      if (count)
        parts.push_back([&, start, count, rows] { step(index(start), index(start + count * rows), rows, count); });
      count = 0;
    };
    for (int64_t i = 0; i < tiles; ++i) {
      int64_t height = std::min((i < tall ? low + 1 : low) * together, *n - at);
      bool inside = at >= first && at + height <= last;
      if (!inside || height != rows)
        flush();
      if (!inside) {
        parts.push_back([&, at, height] {
          atBorder = true;
          tileStart = at;
          step(index(at), index(at + height), height, 1);
          atBorder = false;
        });
      } else if (count++ == 0) {
        start = at;
        rows = height;
      }
      at += height;
    }
    flush();
    inTurn(parts);
    return;
  }
  Value n = value(nest.loops[d].extent);
  Value rest = arith::RemUIOp::create(b, loc, n, index(t.tile));
  Value full = arith::SubIOp::create(b, loc, n, rest);
  step(zero, full, t.tile, std::nullopt);
  step(full, n, 1, std::nullopt);
}

void TileEmitter::emitVectorLoop(size_t level, Tile tile) {
  if (rows.flat)
    fillRows(tile.rows);
  Value interior = t.words ? isInterior(clips, 1) : Value();
  if (!interior)
    return emitVectorPieces(level, tile);
  auto either = scf::IfOp::create(b, loc, interior, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(either.thenBlock());
  auto outside = std::exchange(clips, {});
  emitVectorPieces(level, tile);
  clips = outside;
  b.setInsertionPointToStart(either.elseBlock());
  emitVectorPieces(level, tile);
}

void TileEmitter::emitVectorPieces(size_t level, Tile tile) {
  /// `panel`: where the panel starts, if not at the tile itself.
  auto piece = [&](Value from, Value to, unsigned vectors, unsigned lanes, std::optional<int64_t> trips = std::nullopt,
                   std::optional<int64_t> panel = std::nullopt, int64_t within = 0) {
    loop(from, to, int64_t(vectors) * lanes, trips, [&](Value iv) {
      enterVector(iv, panel ? index(*panel) : iv, within);
      if (t.packAtRunTime)
        t.dot ? fillGroups(vectors * lanes) : fillPanel(vectors * lanes);
      Tile inner = tile;
      inner.vectors = vectors;
      inner.lanes = lanes;
      emitParallel(level + 1, inner);
    });
  };
  if (auto n = nest.loops[t.vectorLoop].size()) {
    std::vector<std::function<void()>> parts;
    for (const Tiling::Piece &p : t.pieces(*n))
      parts.push_back([&, p] {
        std::optional<int64_t> panel;
        if (p.start || p.panel)
          panel = p.panel;
        piece(index(p.start), index(p.start + p.trips * p.vectors * p.lanes), p.vectors, p.lanes, p.trips, panel, p.within);
      });
    inTurn(parts);
    return;
  }
  Value n = value(nest.loops[t.vectorLoop].extent);
  auto multiple = [&](int64_t m) -> Value {
    return arith::SubIOp::create(b, loc, n, arith::RemUIOp::create(b, loc, n, index(m)));
  };
  Value full = multiple(t.width()), one = multiple(t.lanes);
  piece(zero, full, t.vectors, t.lanes);
  if (t.vectors > 1)
    piece(full, one, 1, t.lanes);
  piece(one, n, 1, 1);
}

void TileEmitter::emitTile(Tile tile) {
  if (t.horizontal)
    return emitHorizontal(tile);
  bool readsOut = nest.root.getRegionOutputArgs()[0].hasNUsesOrMore(1);
  SmallVector<Point> points;
  for (unsigned r = 0; r < tile.rows; ++r)
    for (unsigned v = 0; v < tile.vectors; ++v)
      points.push_back({r, int64_t(v) * tile.lanes, {}});
  SmallVector<Value> accs;
  if (!nest.hasReduction()) {
    LoadCache cache;
    for (Point &p : points)
      accs.push_back(rootStep(p, readsOut ? initial(p, tile.lanes) : Value(), tile.lanes, &cache));
    // An unfused root may be followed by nothing: its value is the output.
  } else if (t.dot) {
    tileLanes = tile.lanes;
    for (Point &p : points)
      accs.push_back(dotInitial(p, tile.lanes));
    if (t.dot->paired()) {
      accs = emitPairedRows(tile, points, accs);
    } else if (t.dot->blocks()) {
      accs = emitBlocks(tile, points, accs);
    } else if (t.dot->columnPairs) {
      accs = emitColumnPairs(points, accs);
    } else if (t.dot->form->step == DotForm::Step::Reduction) {
      accs = emitSingles(tile, points, accs);
    } else {
      accs = emitReductions(0, points, accs, tile.lanes);
      for (Value &acc : accs)
        acc = dotResult(acc, tile.lanes);
    }
  } else {
    for (Point &p : points)
      accs.push_back(initial(p, tile.lanes));
    accs = emitReductions(0, points, accs, tile.lanes);
  }
  finish(points, accs, tile.lanes);
}

bool TileEmitter::unrollFrom(size_t level, size_t accs) {
  int64_t work = accs / pointsAtOnce(accs);
  for (size_t i = level; i < t.reductions.size(); ++i) {
    auto n = nest.loops[t.reductions[i]].size();
    if (!n || isBoundedReduction(t.reductions[i]))
      return false;
    work *= *n;
  }
  return work <= int64_t(target.unrollOps);
}

llvm::SmallVector<Value> TileEmitter::emitReductions(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
  if (t.dot)
    return emitDotReductions(level, points, accs);
  if (t.widened)
    return emitWidened(level, points, accs, lanes);
  if (level == t.reductions.size() || unrollFrom(level, accs.size()))
    return emitUnrolled(level, points, accs, lanes);
  int d = t.reductions[level];
  if (isColumnReduction(d))
    return emitColumns(level, points, accs, lanes);
  bool innermost = level + 1 == t.reductions.size();
  auto n = nest.loops[d].size();
  bool fits = kReductionUnroll * int64_t(accs.size() / pointsAtOnce(accs.size())) <= int64_t(target.unrollOps);
  int64_t step = innermost && fits && n && *n >= 2 * kReductionUnroll && !isBoundedReduction(d) ? kReductionUnroll : 1;
  SmallVector<Value> current(accs);
  if (!innermost || step == 1) {
    auto [from, to] = reductionRange(d);
    return reductionLoop(d, from, to, 1, current,
                         [&](ArrayRef<Value> in) { return emitReductions(level + 1, points, in, lanes); });
  }
  int64_t full = *n / step * step;
  current = reductionLoop(d, zero, index(full), step, current, [&](ArrayRef<Value> in) { return emitSteps(d, step, points, in, lanes); });
  if (full < *n) {
    auto saved = savePosition();
    enter(d, index(full));
    current = emitSteps(d, *n - full, points, current, lanes);
    restorePosition(saved);
  }
  return current;
}

llvm::SmallVector<Value> TileEmitter::emitSteps(int d, int64_t count, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
  SmallVector<Value> out(accs);
  LoadCache cache;
  for (int64_t k = 0; k < count; ++k)
    stepAll(points, {{d, k}}, out, lanes, &cache);
  return out;
}

void TileEmitter::stepAll(ArrayRef<Point> points, ArrayRef<std::pair<int, int64_t>> at, MutableArrayRef<Value> accs, unsigned lanes,
                          LoadCache *cache) {
  for (size_t i = 0, n = pointsAtOnce(points.size()); i < points.size(); i += n) {
    Point p = points[i];
    if (atBorder && llvm::any_of(at, [&](auto &step) { return !rowInside(p.row, step.first, step.second); }))
      continue;
    p.reductions.assign(at.begin(), at.end());
    if (n > 1)
      wordStep(p, accs.slice(i, n));
    else
      accs[i] = widen(rootStep(p, accs[i], lanes, cache), lanes);
  }
}

llvm::SmallVector<Value> TileEmitter::reductionLoop(int d, Value from, Value to, int64_t step, ArrayRef<Value> accs, llvm::function_ref<SmallVector<Value>(ArrayRef<Value>)> body) {
  auto saved = savePosition();
  auto f = scf::ForOp::create(b, loc, from, to, index(step), accs);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(f.getBody());
    enter(d, f.getInductionVar());
    SmallVector<Value> in(f.getRegionIterArgs().begin(), f.getRegionIterArgs().end());
    scf::YieldOp::create(b, loc, body(in));
  }
  restorePosition(saved);
  return SmallVector<Value>(f.getResults());
}

llvm::SmallVector<Value> TileEmitter::emitUnrolled(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
  SmallVector<Value> out(accs);
  LoadCache cache;
  SmallVector<std::pair<int, int64_t>> at;
  std::function<void(size_t)> walk = [&](size_t i) {
    if (i == t.reductions.size()) {
      return stepAll(points, at, out, lanes, &cache);
    }
    int d = t.reductions[i];
    for (int64_t k = 0, n = *nest.loops[d].size(); k < n; ++k) {
      at.push_back({d, k});
      walk(i + 1);
      at.pop_back();
    }
  };
  walk(level);
  return out;
}

Value TileEmitter::neutral(Type type) {
  Type e = getElementTypeOrSelf(type);
  TypedAttr one;
  using Kind = vector::CombiningKind;
  auto integer = [&](APInt v) -> TypedAttr { return b.getIntegerAttr(e, v); };
  unsigned w = e.isIntOrFloat() ? e.getIntOrFloatBitWidth() : 64;
  auto infinity = [&](bool negative) -> TypedAttr {
    return b.getFloatAttr(e, APFloat::getInf(cast<FloatType>(e).getFloatSemantics(), negative));
  };
  switch (*kind) {
  case Kind::MUL: one = isa<FloatType>(e) ? TypedAttr(b.getFloatAttr(e, 1.0)) : integer(APInt(w, 1)); break;
  case Kind::MAXIMUMF: case Kind::MAXNUMF: one = infinity(true); break;
  case Kind::MINIMUMF: case Kind::MINNUMF: one = infinity(false); break;
  case Kind::MAXSI: one = integer(APInt::getSignedMinValue(w)); break;
  case Kind::MINSI: one = integer(APInt::getSignedMaxValue(w)); break;
  case Kind::MINUI: case Kind::AND: one = integer(APInt::getAllOnes(w)); break;
  default: one = b.getZeroAttr(e); break;
  }
  return arith::ConstantOp::create(b, loc, one);
}

void TileEmitter::emitHorizontal(Tile) {
  Point p;
  Value start = initial(p, 1);
  Value zeroElement = neutral(start.getType());
  SmallVector<Value> accs(t.vectors, widen(zeroElement, t.lanes));
  accs.push_back(start);
  SmallVector<Value> out = emitHorizontalLevel(0, accs);
  Value vec = out[0];
  for (unsigned v = 1; v < t.vectors; ++v)
    vec = combine(vec, out[v]);
  auto sum = vector::ReductionOp::create(b, loc, *kind, vec, arith::FastMathFlags::reassoc);
  Value total = combine(sum, out.back());
  finish({p}, {total}, 1);
}

llvm::SmallVector<Value> TileEmitter::emitHorizontalLevel(size_t level, ArrayRef<Value> accs) {
  int d = t.reductions[level];
  if (d != t.vectorLoop) {
    auto [from, to] = reductionRange(d);
    return reductionLoop(d, from, to, 1, accs, [&](ArrayRef<Value> in) { return emitHorizontalLevel(level + 1, in); });
  }
  Value n = value(nest.loops[d].extent);
  int64_t w = t.width();
  auto known = nest.loops[d].size();
  Value full = known ? index(*known / w * w)
                     : arith::SubIOp::create(b, loc, n, arith::RemUIOp::create(b, loc, n, index(w))).getResult();
  SmallVector<Value> current(accs);
  current = reductionLoop(d, zero, full, w, current, [&](ArrayRef<Value> in) {
    SmallVector<Value> next(in);
    LoadCache cache;
    for (unsigned v = 0; v < t.vectors; ++v) {
      Point p;
      p.lane = int64_t(v) * t.lanes;
      next[v] = widen(rootStep(p, in[v], t.lanes, &cache), t.lanes);
    }
    return next;
  });
  if (known && *known % w == 0)
    return current;
  // The rest one by one, in the scalar accumulator.
  SmallVector<Value> tail{current.back()};
  tail = reductionLoop(d, full, n, 1, tail, [&](ArrayRef<Value> in) {
    return SmallVector<Value>{rootStep(Point(), in[0], 1, nullptr)};
  });
  current.back() = tail[0];
  return current;
}
Value TileEmitter::combine(Value a, Value c) { return vector::makeArithReduction(b, loc, *kind, a, c); }

void emitNest(LoopNest &nest, const Tiling &tiling, const Target &target, Value packed) {
  TileEmitter(nest, tiling, target, packed).emit();
}

} // namespace onnxc
