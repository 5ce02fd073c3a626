// Writes a tiled, vectorised loop nest as scf and vector ops.
//
// Loops are written from outside in; at each loop the element offset of every
// operand moves on by its coefficient, so that the innermost tile only adds
// constants.  A tile is `tile` iterations of the tile loop times `vectors`
// vectors; its accumulators are loop-carried values of the reduction loops.
// Tails are narrower tiles: fewer vectors, then powers of two, then scalars.
#include "passes/schedule/EmitTile.h"
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace onnxc {

int64_t reductionDepth(const LoopNest &nest) {
  int64_t n = 1;
  for (const Loop &l : nest.loops)
    if (l.reduction)
      n *= l.size().value_or(1);
  return n;
}

namespace {

/// A long innermost reduction loop is unrolled by this factor.
constexpr int64_t kReductionUnroll = 4;

/// Operand positions in Emitter::bases: inputs, accumulator, epilogue inputs, output.
struct Operand {
  Access *access = nullptr;
  Value flat;      ///< 1-D view with unit stride
  Value base;      ///< element offset of the current iteration
  bool isPanel = false;
};

/// Where in the loops the emitter is. What follows a loop must not see its
/// induction variable.
struct Position {
  SmallVector<Value> bases; ///< of the operands
  Value sourceBase;
  SmallVector<Value> ivs;
};

/// The tile being written.
struct Tile {
  unsigned rows = 1;    ///< iterations of the tile loop
  unsigned vectors = 1;
  unsigned lanes = 1;   ///< 1: scalars
};

class Emitter {
public:
  Emitter(LoopNest &nest, const Tiling &t, const Target &target, Value packed)
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
      if (panel && t.packAtRunTime) {
        int64_t elements = reductionDepth(nest) * t.width();
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
    for (const Access &a : nest.inputs)
      for (const Window &w : a.windows) {
        Clip &c = clips.emplace_back();
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

  void emit() {
    emitParallel(0, Tile{1, 1, 1});
  }

private:
  // ---- small builders ---------------------------------------------------
  Value index(int64_t v) { return v == 0 && zero ? zero : arith::ConstantIndexOp::create(b, loc, v).getResult(); }
  Value value(OpFoldResult r) {
    auto c = getConstantIntValue(r);
    return c ? index(*c) : cast<Value>(r);
  }
  Value add(Value a, Value c) {
    if (a == zero)
      return c;
    if (c == zero)
      return a;
    return arith::AddIOp::create(b, loc, a, c);
  }
  Value addConst(Value a, int64_t c) { return c == 0 ? a : add(a, index(c)); }
  Value mul(Value a, OpFoldResult c) {
    auto k = getConstantIntValue(c);
    if (k && *k == 1)
      return a;
    if (k && *k == 0)
      return zero;
    return arith::MulIOp::create(b, loc, a, value(c));
  }
  Type typed(Type element, unsigned lanes) { return lanes == 1 ? element : Type(VectorType::get({int64_t(lanes)}, element)); }

  Value flatten(Value memref) {
    auto type = cast<MemRefType>(memref.getType());
    auto meta = memref::ExtractStridedMetadataOp::create(b, loc, memref);
    SmallVector<int64_t> strides;
    int64_t offset;
    (void)type.getStridesAndOffset(strides, offset);
    OpFoldResult off = ShapedType::isDynamic(offset) ? OpFoldResult(meta.getOffset()) : OpFoldResult(b.getIndexAttr(offset));
    // The size is never asked for: accesses stay within the operand by construction.
    OpFoldResult size = b.getIndexAttr(int64_t(1) << 40);
    auto flat = MemRefType::get({int64_t(1) << 40}, type.getElementType(), StridedLayoutAttr::get(b.getContext(), offset, {1}),
                                type.getMemorySpace());
    return memref::ReinterpretCastOp::create(b, loc, flat, meta.getBaseBuffer(), off, ArrayRef<OpFoldResult>{size},
                                             ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
  }

  // ---- moving the operands ------------------------------------------------
  Position savePosition() {
    Position saved{{}, source.base, ivs};
    for (Operand &o : operands)
      saved.bases.push_back(o.base);
    return saved;
  }
  void restorePosition(const Position &saved) {
    for (auto [o, v] : llvm::zip(operands, saved.bases))
      o.base = v;
    source.base = saved.sourceBase;
    ivs = saved.ivs;
  }

  /// Coefficient of loop d within the panel.
  int64_t panelCoeff(int d) {
    int64_t c = t.width();
    for (int r : llvm::reverse(t.reductions)) {
      if (r == d)
        return c;
      c *= *nest.loops[r].size();
    }
    return 0;
  }

  /// The iteration of loop d moves from 0 to iv.
  void enter(int d, Value iv) {
    ivs[d] = iv;
    for (Operand &o : operands) {
      if (o.access->scalar)
        continue;
      if (!o.isPanel) {
        if (o.access->dependsOn(d))
          o.base = add(o.base, mul(iv, o.access->coeff[d]));
      } else if (nest.loops[d].reduction) {
        o.base = add(o.base, mul(iv, b.getIndexAttr(panelCoeff(d))));
      }
    }
    if (source.access && source.access->dependsOn(d) && !nest.loops[d].reduction)
      source.base = add(source.base, mul(iv, source.access->coeff[d]));
  }

  /// The vector loop stands at iv, which is column `within` of the panel that starts at iteration `panelStart`.
  void enterVector(Value iv, Value panelStart, int64_t within) {
    int d = t.vectorLoop;
    ivs[d] = iv;
    for (Operand &o : operands) {
      if (o.access->scalar)
        continue;
      if (!o.isPanel) {
        if (o.access->dependsOn(d))
          o.base = add(o.base, mul(iv, o.access->coeff[d]));
      } else if (!t.packAtRunTime) {
        // Panels lie one after the other.
        o.base = addConst(add(o.base, mul(panelStart, b.getIndexAttr(reductionDepth(nest)))), within);
      }
    }
    if (source.access)
      source.base = add(source.base, mul(iv, source.access->coeff[d]));
  }

  // ---- padding that is left out ----------------------------------------------
  /// Iteration k of `reduction` at iteration x of `parallel` reads position
  /// x * stride + k * dilation - low: done where that is within [0, extent).
  struct Clip {
    int parallel = -1; ///< -1: always 0
    int reduction = -1;
    int64_t stride = 0, dilation = 1, low = 0, extent = 0, taps = 0;

    bool inside(int64_t x, int64_t k) const {
      int64_t at = x * stride + k * dilation - low;
      return at >= 0 && at < extent;
    }
    /// Iterations x in [first, second) need no bounds.
    std::pair<int64_t, int64_t> interior(int64_t count) const {
      int64_t first = 0, last = count;
      while (first < count && !inside(first, 0))
        ++first;
      while (last > first && !inside(last - 1, taps - 1))
        --last;
      return {first, last};
    }
  };

  bool isColumn(const Clip &c) const { return c.parallel >= 0 && c.parallel == t.tileLoop; }
  /// Bounds of the reduction loop are worked out at run time.
  bool isBounded(const Clip &c) const { return !isColumn(c) && !inInterior.contains(c.parallel); }

  bool isBoundedReduction(int d) const {
    return llvm::any_of(clips, [&](const Clip &c) { return c.reduction == d && isBounded(c); });
  }
  /// A tile of known position reads padding in some of its columns.
  bool isColumnReduction(int d) const {
    return atBorder && llvm::any_of(clips, [&](const Clip &c) { return c.reduction == d && isColumn(c); });
  }
  bool rowInside(unsigned row, int reduction, int64_t k) const {
    return llvm::all_of(clips, [&](const Clip &c) { return c.reduction != reduction || !isColumn(c) || c.inside(tileStart + row, k); });
  }

  /// First and last + 1 iteration of reduction loop d.
  std::pair<Value, Value> reductionRange(int d) {
    Value from = zero, to = value(nest.loops[d].extent);
    for (const Clip &c : clips) {
      if (c.reduction != d || !isBounded(c))
        continue;
      Value x = c.parallel < 0 ? zero : ivs[c.parallel];
      Value first = arith::SubIOp::create(b, loc, index(c.low), mul(x, b.getIndexAttr(c.stride)));
      Value end = addConst(first, c.extent);
      if (c.dilation != 1) {
        first = arith::CeilDivSIOp::create(b, loc, first, index(c.dilation));
        end = arith::CeilDivSIOp::create(b, loc, end, index(c.dilation));
      }
      from = arith::MaxSIOp::create(b, loc, from, first);
      to = arith::MinSIOp::create(b, loc, to, end);
    }
    return {from, to};
  }

  /// Steps outside and inside the border get code of their own where the
  /// reductions are short enough to be written out.
  void emitRows(size_t level, Tile tile, int d) {
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
    rows(0, first);
    inInterior.insert(d);
    rows(first, last);
    inInterior.erase(d);
    rows(last, n);
  }

  // ---- loops ---------------------------------------------------------------
  /// for (iv = from; iv < to; iv += step) body(iv); unrolled away when it runs once.
  void loop(Value from, Value to, int64_t step, std::optional<int64_t> trips, llvm::function_ref<void(Value)> body) {
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
      body(f.getInductionVar());
    }
    restorePosition(saved);
  }

  void emitParallel(size_t level, Tile tile) {
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

  void emitTileLoop(size_t level, Tile tile) {
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
      // ceil(n / tile) tiles of two heights that differ by one.
      int64_t tiles = llvm::divideCeil(*n, int64_t(t.tile)), low = *n / tiles, tall = *n % tiles;
      // Tiles that read padding have a place of their own; the others run in loops.
      int64_t first = 0, last = *n;
      for (const Clip &c : clips)
        if (isColumn(c)) {
          auto [from, to] = c.interior(*n);
          first = std::max(first, from);
          last = std::min(last, to);
        }
      int64_t start = 0, count = 0, rows = 0, at = 0;
      auto flush = [&] {
        if (count)
          step(index(start), index(start + count * rows), rows, count);
        count = 0;
      };
      for (int64_t i = 0; i < tiles; ++i) {
        int64_t height = i < tall ? low + 1 : low;
        bool inside = at >= first && at + height <= last;
        if (!inside || height != rows)
          flush();
        if (!inside) {
          atBorder = true;
          tileStart = at;
          step(index(at), index(at + height), height, 1);
          atBorder = false;
        } else if (count++ == 0) {
          start = at;
          rows = height;
        }
        at += height;
      }
      flush();
      return;
    }
    Value n = value(nest.loops[d].extent);
    Value rest = arith::RemUIOp::create(b, loc, n, index(t.tile));
    Value full = arith::SubIOp::create(b, loc, n, rest);
    step(zero, full, t.tile, std::nullopt);
    step(full, n, 1, std::nullopt);
  }

  void emitVectorLoop(size_t level, Tile tile) {
    /// `panel`: where the panel starts, if not at the tile itself.
    auto piece = [&](Value from, Value to, unsigned vectors, unsigned lanes, std::optional<int64_t> trips = std::nullopt,
                     std::optional<int64_t> panel = std::nullopt, int64_t within = 0) {
      loop(from, to, int64_t(vectors) * lanes, trips, [&](Value iv) {
        enterVector(iv, panel ? index(*panel) : iv, within);
        if (t.packAtRunTime)
          fillPanel(vectors * lanes);
        Tile inner = tile;
        inner.vectors = vectors;
        inner.lanes = lanes;
        emitParallel(level + 1, inner);
      });
    };
    if (auto n = nest.loops[t.vectorLoop].size()) {
      for (const Tiling::Piece &p : t.pieces(*n)) {
        std::optional<int64_t> panel;
        if (p.start || p.panel)
          panel = p.panel;
        piece(index(p.start), index(p.start + p.trips * p.vectors * p.lanes), p.vectors, p.lanes, p.trips, panel, p.within);
      }
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

  /// Copies the columns of the current panel: panel[r][j] = source[r, j].
  void fillPanel(unsigned columns) {
    Operand &panel = operands[t.packed];
    SmallVector<std::pair<int, int64_t>> loops;
    for (int r : t.reductions)
      loops.push_back({r, *nest.loops[r].size()});
    std::function<void(size_t, Value, Value)> nestLoops = [&](size_t i, Value from, Value to) {
      if (i == loops.size()) {
        for (unsigned j = 0; j < columns; ++j) {
          Value at = add(from, mul(index(j), source.access->coeff[t.vectorLoop]));
          Value v = memref::LoadOp::create(b, loc, source.flat, ValueRange{at});
          memref::StoreOp::create(b, loc, v, panel.flat, ValueRange{addConst(to, j)});
        }
        return;
      }
      auto [d, n] = loops[i];
      auto f = scf::ForOp::create(b, loc, zero, index(n), index(1));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(f.getBody()->getTerminator());
      Value iv = f.getInductionVar();
      nestLoops(i + 1, add(from, mul(iv, source.access->coeff[d])), add(to, mul(iv, b.getIndexAttr(panelCoeff(d)))));
    };
    nestLoops(0, source.base, zero);
  }

  // ---- one tile ---------------------------------------------------------------
  /// Offset of an operand at row r of the tile, lane `lane`, and unrolled reductions.
  struct Point {
    unsigned row = 0;
    int64_t lane = 0;
    SmallVector<std::pair<int, int64_t>> reductions;
  };

  /// Memory of one straight-line stretch: loads are made once.
  using LoadCache = DenseMap<std::tuple<unsigned, int64_t, unsigned>, Value>;

  /// Value of operand i at a point: a vector, or a scalar when it does not move along the vector loop.
  Value load(unsigned i, const Point &p, unsigned lanes, LoadCache *cache) {
    Operand &o = operands[i];
    Access &a = *o.access;
    if (a.scalar)
      return a.operand;
    int64_t constant = 0;
    Value at = o.base;
    auto move = [&](int d, int64_t by) {
      if (!by)
        return;
      if (o.isPanel) {
        constant += by * (nest.loops[d].reduction ? panelCoeff(d) : d == t.vectorLoop ? 1 : 0);
        return;
      }
      if (auto c = getConstantIntValue(a.coeff[d]))
        constant += *c * by;
      else
        at = add(at, mul(index(by), a.coeff[d]));
    };
    bool cacheable = cache && at == o.base;
    if (t.tileLoop >= 0)
      move(t.tileLoop, p.row);
    move(t.vectorLoop, p.lane);
    for (auto [d, by] : p.reductions)
      move(d, by);
    cacheable &= at == o.base;
    auto key = std::make_tuple(i, constant, lanes);
    if (cacheable)
      if (Value v = cache->lookup(key))
        return v;
    Value v = loadAt(o, addConst(at, constant), lanes);
    if (cacheable)
      (*cache)[key] = v;
    return v;
  }

  Value loadAt(Operand &o, Value at, unsigned lanes) {
    Access &a = *o.access;
    bool moves = o.isPanel || a.dependsOn(t.vectorLoop);
    if (lanes == 1 || !moves)
      return memref::LoadOp::create(b, loc, o.flat, ValueRange{at});
    if (o.isPanel || a.contiguousIn(t.vectorLoop))
      return vector::LoadOp::create(b, loc, VectorType::get({int64_t(lanes)}, a.element), o.flat, ValueRange{at});
    SmallVector<Value> elements;
    for (unsigned l = 0; l < lanes; ++l)
      elements.push_back(memref::LoadOp::create(b, loc, o.flat, ValueRange{add(at, mul(index(l), a.coeff[t.vectorLoop]))}));
    return vector::FromElementsOp::create(b, loc, VectorType::get({int64_t(lanes)}, a.element), elements);
  }

  Value widen(Value v, unsigned lanes) {
    if (lanes == 1 || isa<VectorType>(v.getType()))
      return v;
    return vector::BroadcastOp::create(b, loc, VectorType::get({int64_t(lanes)}, v.getType()), v);
  }

  /// Evaluates the body on vectors. Values that are the same in all lanes stay scalars.
  Value evaluate(linalg::GenericOp op, ArrayRef<Value> args, const Point &p, unsigned lanes, bool fuseMultiplyAdd) {
    Block *body = op.getBody();
    IRMapping map;
    for (auto [arg, v] : llvm::zip(body->getArguments(), args))
      if (v)
        map.map(arg, v);
    for (Operation &inner : body->without_terminator()) {
      if (auto c = dyn_cast<arith::ConstantOp>(inner)) {
        map.map(c.getResult(), b.clone(inner)->getResult(0));
        continue;
      }
      if (auto ix = dyn_cast<linalg::IndexOp>(inner)) {
        map.map(ix.getResult(), indexValue(ix.getDim(), p, lanes));
        continue;
      }
      if (fuseMultiplyAdd && target.fma)
        if (auto addf = dyn_cast<arith::AddFOp>(inner)) {
          auto product = [&](Value v) -> arith::MulFOp {
            auto m = v.getDefiningOp<arith::MulFOp>();
            return m && m->getBlock() == body && m->hasOneUse() ? m : nullptr;
          };
          Value other;
          arith::MulFOp m;
          if ((m = product(addf.getRhs())))
            other = addf.getLhs();
          else if ((m = product(addf.getLhs())))
            other = addf.getRhs();
          if (m) {
            Value x = map.lookupOrDefault(m.getLhs()), y = map.lookupOrDefault(m.getRhs()), z = map.lookupOrDefault(other);
            unsigned l = anyVector({x, y, z}) ? lanes : 1;
            map.map(addf.getResult(), math::FmaOp::create(b, loc, widen(x, l), widen(y, l), widen(z, l)).getResult());
            continue;
          }
        }
      SmallVector<Value> ins;
      for (Value v : inner.getOperands())
        ins.push_back(map.lookupOrDefault(v));
      bool vec = anyVector(ins);
      if (vec)
        for (Value &v : ins)
          v = widen(v, lanes);
      Type result = vec ? VectorType::get({int64_t(lanes)}, inner.getResult(0).getType()) : inner.getResult(0).getType();
      OperationState state(loc, inner.getName(), ins, {result}, inner.getAttrs());
      map.map(inner.getResult(0), b.create(state)->getResult(0));
    }
    return map.lookupOrDefault(body->getTerminator()->getOperand(0));
  }

  static bool anyVector(ArrayRef<Value> vs) {
    return llvm::any_of(vs, [](Value v) { return isa<VectorType>(v.getType()); });
  }

  Value indexValue(unsigned dim, const Point &p, unsigned lanes) {
    int d = nest.rootIndex[dim];
    if (d < 0)
      return zero;
    int64_t extra = 0;
    for (auto [r, by] : p.reductions)
      if (r == d)
        extra += by;
    if (d == t.tileLoop)
      extra += p.row;
    if (d == t.vectorLoop)
      extra += p.lane;
    Value v = addConst(ivs[d], extra);
    if (d != t.vectorLoop || lanes == 1)
      return v;
    auto type = VectorType::get({int64_t(lanes)}, b.getIndexType());
    return arith::AddIOp::create(b, loc, widen(v, lanes), vector::StepOp::create(b, loc, type));
  }

  /// One step of the root body at a point on accumulator `acc` (null: not read).
  Value rootStep(const Point &p, Value acc, unsigned lanes, LoadCache *cache) {
    SmallVector<Value> args;
    for (size_t i = 0; i < nest.inputs.size(); ++i)
      args.push_back(load(i, p, lanes, cache));
    args.push_back(acc);
    return evaluate(nest.root, args, p, lanes, /*fuseMultiplyAdd=*/nest.hasReduction());
  }

  size_t accumulatorIndex() { return nest.inputs.size(); }
  size_t outputIndex() { return operands.size() - 1; }

  /// The value the accumulator starts from.
  Value initial(const Point &p, unsigned lanes) {
    if (fillValue)
      return widen(fillValue, lanes);
    return widen(load(accumulatorIndex(), p, lanes, nullptr), lanes);
  }

  void emitTile(Tile tile) {
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
    } else {
      for (Point &p : points)
        accs.push_back(initial(p, tile.lanes));
      accs = emitReductions(0, points, accs, tile.lanes);
    }
    finish(points, accs, tile.lanes);
  }

  /// Epilogue and stores.
  void finish(ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
    SmallVector<Value> results;
    LoadCache cache;
    for (auto [p, acc] : llvm::zip(points, accs)) {
      Value v = acc;
      if (nest.epilogue) {
        SmallVector<Value> args;
        size_t first = accumulatorIndex() + 1;
        for (size_t i = 0; i < nest.epilogueInputs.size(); ++i) {
          bool isAccumulator = nest.epilogueInputs[i].scalar && !nest.epilogueInputs[i].operand;
          args.push_back(isAccumulator ? v : load(first + i, p, lanes, &cache));
        }
        args.push_back(Value());
        v = evaluate(nest.epilogue, args, p, lanes, false);
      }
      results.push_back(v);
    }
    for (auto [p, v] : llvm::zip(points, results))
      store(p, widen(v, lanes), lanes);
  }

  void store(const Point &p, Value v, unsigned lanes) {
    Operand &o = operands[outputIndex()];
    Access &a = *o.access;
    Value at = o.base;
    auto move = [&](int d, int64_t by) {
      if (d >= 0 && by)
        at = add(at, mul(index(by), a.coeff[d]));
    };
    move(t.tileLoop, p.row);
    if (!t.horizontal)
      move(t.vectorLoop, p.lane);
    if (lanes == 1) {
      memref::StoreOp::create(b, loc, v, o.flat, ValueRange{at});
      return;
    }
    if (a.contiguousIn(t.vectorLoop)) {
      vector::StoreOp::create(b, loc, v, o.flat, ValueRange{at});
      return;
    }
    for (unsigned l = 0; l < lanes; ++l)
      memref::StoreOp::create(b, loc, vector::ExtractOp::create(b, loc, v, int64_t(l)).getResult(), o.flat,
                              ValueRange{add(at, mul(index(l), a.coeff[t.vectorLoop]))});
  }

  /// Iterations of reduction loops level.. that are unrolled completely (0: none).
  bool unrollFrom(size_t level, size_t accs) {
    int64_t work = accs;
    for (size_t i = level; i < t.reductions.size(); ++i) {
      auto n = nest.loops[t.reductions[i]].size();
      if (!n || isBoundedReduction(t.reductions[i]))
        return false;
      work *= *n;
    }
    return work <= int64_t(target.unrollOps);
  }

  SmallVector<Value> emitReductions(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
    if (level == t.reductions.size() || unrollFrom(level, accs.size()))
      return emitUnrolled(level, points, accs, lanes);
    int d = t.reductions[level];
    if (isColumnReduction(d))
      return emitColumns(level, points, accs, lanes);
    bool innermost = level + 1 == t.reductions.size();
    auto n = nest.loops[d].size();
    bool fits = kReductionUnroll * int64_t(accs.size()) <= int64_t(target.unrollOps);
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

  /// Reduction `level` written out, each step for the rows of the tile that do not read padding in it.
  SmallVector<Value> emitColumns(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
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

  SmallVector<Value> reductionLoop(int d, Value from, Value to, int64_t step, ArrayRef<Value> accs,
                                   llvm::function_ref<SmallVector<Value>(ArrayRef<Value>)> body) {
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

  /// `count` consecutive iterations of loop d.
  SmallVector<Value> emitSteps(int d, int64_t count, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
    SmallVector<Value> out(accs);
    LoadCache cache;
    for (int64_t k = 0; k < count; ++k)
      for (auto [i, p] : llvm::enumerate(points)) {
        Point at = p;
        at.reductions.push_back({d, k});
        out[i] = widen(rootStep(at, out[i], lanes, &cache), lanes);
      }
    return out;
  }

  /// All remaining reduction loops, written out.
  SmallVector<Value> emitUnrolled(size_t level, ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
    SmallVector<Value> out(accs);
    LoadCache cache;
    SmallVector<std::pair<int, int64_t>> at;
    std::function<void(size_t)> walk = [&](size_t i) {
      if (i == t.reductions.size()) {
        for (auto [j, p] : llvm::enumerate(points)) {
          if (atBorder && llvm::any_of(at, [&, row = p.row](auto &step) { return !rowInside(row, step.first, step.second); }))
            continue;
          Point q = p;
          q.reductions = at;
          out[j] = widen(rootStep(q, out[j], lanes, &cache), lanes);
        }
        return;
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

  // ---- reductions along the lanes -------------------------------------------
  Value neutral(Type type) {
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

  Value combine(Value a, Value c) { return vector::makeArithReduction(b, loc, *kind, a, c); }

  void emitHorizontal(Tile) {
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

  SmallVector<Value> emitHorizontalLevel(size_t level, ArrayRef<Value> accs) {
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

  LoopNest &nest;
  const Tiling &t;
  const Target &target;
  OpBuilder b;
  Location loc;
  Value zero;
  SmallVector<Operand> operands;
  Operand source; ///< what a run-time panel is filled from
  SmallVector<Value> ivs;
  Value fillValue;
  SmallVector<Clip> clips;
  llvm::SmallDenseSet<int> inInterior; ///< parallel loops that are away from the padding here
  bool atBorder = false;               ///< the tile starts at iteration `tileStart` and may read padding
  int64_t tileStart = 0;
  std::optional<vector::CombiningKind> kind;
};

} // namespace

void emitNest(LoopNest &nest, const Tiling &tiling, const Target &target, Value packed) {
  Emitter(nest, tiling, target, packed).emit();
}

} // namespace onnxc
