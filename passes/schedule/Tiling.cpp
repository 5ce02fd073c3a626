// Choice of vector loop, register tile and loop order for a kernel.
//
// The rules are stated in terms of accesses: which operand is contiguous along
// a loop, which does not move along it.  Numbers come from the target row.
#include "passes/schedule/EmitTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace onnxc {

std::optional<vector::CombiningKind> combiningKind(linalg::GenericOp op) {
  Block *body = op.getBody();
  Value acc = op.getRegionOutputArgs()[0];
  Operation *def = body->getTerminator()->getOperand(0).getDefiningOp();
  if (!def || def->getBlock() != body || def->getNumOperands() != 2 || !acc.hasOneUse() || *acc.user_begin() != def)
    return std::nullopt;
  using Kind = vector::CombiningKind;
  return llvm::TypeSwitch<Operation *, std::optional<Kind>>(def)
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return Kind::ADD; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return Kind::MUL; })
      .Case<arith::MaximumFOp>([](auto) { return Kind::MAXIMUMF; })
      .Case<arith::MinimumFOp>([](auto) { return Kind::MINIMUMF; })
      .Case<arith::MaxNumFOp>([](auto) { return Kind::MAXNUMF; })
      .Case<arith::MinNumFOp>([](auto) { return Kind::MINNUMF; })
      .Case<arith::MaxSIOp>([](auto) { return Kind::MAXSI; })
      .Case<arith::MinSIOp>([](auto) { return Kind::MINSI; })
      .Case<arith::MaxUIOp>([](auto) { return Kind::MAXUI; })
      .Case<arith::MinUIOp>([](auto) { return Kind::MINUI; })
      .Case<arith::AndIOp>([](auto) { return Kind::AND; })
      .Case<arith::OrIOp>([](auto) { return Kind::OR; })
      .Case<arith::XOrIOp>([](auto) { return Kind::XOR; })
      .Default([](Operation *) { return std::nullopt; });
}

SmallVector<Tiling::Piece> Tiling::pieces(int64_t extent) const {
  SmallVector<Piece> out;
  int64_t full = extent / width() * width(), rest = extent - full, at = full;
  if (full)
    out.push_back({0, full / width(), vectors, lanes, 0, 0});
  auto tail = [&](int64_t start, unsigned count, unsigned width, int64_t column) {
    out.push_back({start, 1, count, width, full, column});
  };
  int64_t wide = llvm::divideCeil(rest, int64_t(lanes));
  if (overlapTail && rest && extent >= wide * lanes) {
    tail(extent - wide * lanes, wide, lanes, 0);
    return out;
  }
  if (int64_t whole = rest / lanes) {
    tail(at, whole, lanes, 0);
    at += whole * lanes;
  }
  if (overlapTail && at < extent && extent >= int64_t(lanes)) {
    tail(extent - lanes, 1, lanes, at - full);
    return out;
  }
  for (unsigned narrow = lanes / 2; narrow >= leastLanes; narrow /= 2)
    if (extent - at >= int64_t(narrow)) {
      tail(at, 1, narrow, at - full);
      at += narrow;
    }
  for (; at < extent; ++at)
    tail(at, 1, 1, at - full);
  return out;
}

namespace {

/// Widest value the bodies compute with, in bits.
unsigned widestBits(LoopNest &nest, unsigned indexBits) {
  unsigned bits = 8;
  auto look = [&](Type t) {
    if (t.isIndex())
      bits = std::max(bits, indexBits);
    else if (t.isIntOrFloat() && !t.isInteger(1))
      bits = std::max(bits, t.getIntOrFloatBitWidth());
  };
  for (linalg::GenericOp op : {nest.root, nest.epilogue}) {
    if (!op)
      continue;
    for (BlockArgument arg : op.getBody()->getArguments())
      look(arg.getType());
    for (Operation &inner : *op.getBody())
      for (Type t : inner.getResultTypes())
        look(t);
  }
  return bits;
}

int64_t sizeOr(const Loop &loop, int64_t unknown) { return loop.size().value_or(unknown); }

/// Largest balanced tile: `extent` in ceil(extent/limit) tiles of nearly equal size.
unsigned balanced(int64_t extent, unsigned limit) {
  int64_t tiles = llvm::divideCeil(extent, int64_t(limit));
  return llvm::divideCeil(extent, tiles);
}

class Chooser {
public:
  Chooser(LoopNest &nest, const Target &target, const CallFacts &facts)
      : nest(nest), target(target), isWeight(facts.isWeight), bytes(facts.bytes) {
    // Computed twice, a result must not depend on what the first time wrote.
    bool readsOutput = nest.root.getRegionOutputArgs()[0].hasNUsesOrMore(1) && !nest.fill;
    auto isOutput = [&](const Access &a) { return a.operand == nest.output.operand; };
    t.overlapTail = facts.outputApart && !readsOutput && llvm::none_of(nest.inputs, isOutput) &&
                    llvm::none_of(nest.epilogueInputs, isOutput);
  }

  std::optional<Tiling> choose() {
    unsigned bits = widestBits(nest, target.indexBits);
    fullLanes = target.lanes(bits);
    // Without vectors, a tile of scalars still saves loads of a reduction.
    bool scalar = fullLanes < 2, dots = target.dot && nest.hasReduction() && integerProduct(nest);
    // Floats are in core registers where they are computed by calls: a weight of few bits is still read as it is.
    bool calls = scalar && !(nest.hasReduction() && inRegisters());
    if (nest.loops.empty() || (calls && !widenedProduct(nest)))
      return std::nullopt;
    if (!chooseVectorLoop())
      return std::nullopt;
    int64_t extent = sizeOr(nest.loops[t.vectorLoop], kUnknownExtent);
    t.lanes = lanesFor(t.vectorLoop);
    t.leastLanes = target.leastLanes;
    if (t.lanes < 2 && !scalar)
      return std::nullopt;
    for (size_t d = 0; d < nest.loops.size(); ++d)
      (nest.loops[d].reduction ? t.reductions : t.order).push_back(d);
    // Bounds and left-out steps are cheap in an outer loop.
    SmallVector<int> plain;
    for (int d : t.reductions)
      if (!inWindow(d))
        plain.push_back(d);
    llvm::erase_if(t.reductions, [&](int d) { return !inWindow(d); });
    t.reductions.append(plain);
    if (t.horizontal) {
      llvm::erase(t.reductions, t.vectorLoop);
      t.reductions.push_back(t.vectorLoop);
      t.vectors = extent >= 4 * t.lanes ? 4 : 1;
      return t;
    }
    if (!nest.hasReduction())
      chooseElementwise(extent);
    else if (!(dots && (chooseDots(extent) || chooseWords(extent))) && !chooseWidened(extent)) {
      if (calls)
        return std::nullopt;
      chooseReduction(extent);
    }
    return t;
  }

private:
  /// The sums of a reduction are held in registers, of the float unit or of the core.
  bool inRegisters() {
    Type element = nest.root.getRegionOutputArgs()[0].getType();
    return (element.isF32() && target.f32) || (element.isF64() && target.f64) || isWord(element);
  }
  bool isWord(Type element) const { return element.isSignlessInteger() && element.getIntOrFloatBitWidth() <= target.indexBits; }

  // Costs are in vector operations per element of the output.
  static constexpr double kGather = 1.5, kScatter = 1.5, kPack = 2, kLaneSum = 8;
  static constexpr double kNever = 1e9;
  /// Building a vector of 16-bit floats from elements makes LLVM call
  /// conversion functions on targets without native arithmetic: never done.
  static double elementwise(const Access &a, double perElement) {
    return a.element.isBF16() || a.element.isF16() ? kNever : perElement;
  }

  unsigned lanesFor(int d) {
    unsigned lanes = fullLanes;
    while (lanes > sizeOr(nest.loops[d], kUnknownExtent))
      lanes /= 2;
    return lanes < target.leastLanes ? 1 : lanes;
  }

  bool inWindow(int d) {
    return llvm::any_of(nest.inputs, [&](const Access &a) {
      return llvm::any_of(a.windows, [&](const Window &w) { return w.coeff[d] != 0; });
    });
  }

  /// Iterations of the reduction loops together.
  double depth() {
    double n = 1;
    for (const Loop &l : nest.loops)
      if (l.reduction)
        n *= sizeOr(l, kUnknownExtent);
    return n;
  }

  /// Cost of having the iterations of parallel loop `d` in the lanes.
  double cost(int d) {
    unsigned lanes = lanesFor(d);
    int64_t extent = sizeOr(nest.loops[d], kUnknownExtent);
    int64_t rest = extent % lanes;
    int64_t tiles = extent / lanes + (t.overlapTail && rest ? 1 : llvm::popcount(uint64_t(rest)));
    if (inWindow(d))
      return kNever; // which iterations read padding would differ from lane to lane
    double sum = depth() * tiles / extent;
    for (size_t i = 0; i < nest.inputs.size(); ++i) {
      const Access &a = nest.inputs[i];
      if (!a.dependsOn(d) || a.contiguousIn(d))
        continue;
      if (!packable(i, d))
        sum += elementwise(a, kGather * depth());
      else if (!isWeight(i))
        sum += kPack * depth() / reuse(i, d);
    }
    for (const Access &a : nest.epilogueInputs)
      if (a.dependsOn(d) && !a.contiguousIn(d))
        sum += elementwise(a, kGather);
    bool readsOutput = !nest.fill && nest.root.getRegionOutputArgs()[0].hasNUsesOrMore(1);
    if (readsOutput && nest.accumulator.dependsOn(d) && !nest.accumulator.contiguousIn(d))
      sum += elementwise(nest.accumulator, kGather);
    if (!nest.output.contiguousIn(d))
      sum += elementwise(nest.output, kScatter);
    return sum;
  }

  /// Results per element of input i, along loops other than `d`.
  double reuse(unsigned i, int d) {
    double n = 1;
    for (size_t k = 0; k < nest.loops.size(); ++k)
      if (!nest.loops[k].reduction && int(k) != d && !nest.inputs[i].dependsOn(k))
        n *= sizeOr(nest.loops[k], kUnknownExtent);
    return n;
  }

  /// Input i moves only along `d` and reductions, some other parallel loop reuses it, and it may be copied to panels.
  bool packable(unsigned i, int d) {
    const Access &a = nest.inputs[i];
    if (!nest.hasReduction() || !a.dependsOn(d) || !a.windows.empty())
      return false;
    bool reused = false, reduces = false;
    for (size_t k = 0; k < nest.loops.size(); ++k) {
      if (nest.loops[k].reduction) {
        reduces |= a.dependsOn(k);
        continue;
      }
      if (int(k) == d)
        continue;
      if (a.dependsOn(k))
        return canPackAtRunTime(i, d);
      reused = true;
    }
    if (!reduces)
      return false;
    if (isWeight(i))
      return allReductionsStatic() && nest.loops[d].size() && staticAccess(a);
    return reused && canPackAtRunTime(i, d);
  }

  bool staticAccess(const Access &a) {
    return llvm::all_of(a.coeff, [](OpFoldResult c) { return getConstantIntValue(c).has_value(); });
  }

  bool allReductionsStatic() {
    return llvm::all_of(nest.loops, [](const Loop &l) { return !l.reduction || l.size(); });
  }

  /// Copying a panel costs as much as one row of results: worth it for eight or more.
  bool canPackAtRunTime(unsigned i, int d) {
    if (!allReductionsStatic() || !nest.loops[d].size())
      return false;
    return reuse(i, d) >= 8 && depth() * 64 <= target.l2Bytes * 4.0;
  }

  bool chooseVectorLoop() {
    int best = -1;
    double bestCost = kNever;
    int64_t bestExtent = 0;
    for (size_t d = 0; d < nest.loops.size(); ++d) {
      if (nest.loops[d].reduction || !nest.output.dependsOn(d) || lanesFor(d) < std::min(2u, fullLanes))
        continue;
      int64_t extent = sizeOr(nest.loops[d], kUnknownExtent);
      double c = cost(d);
      if (c >= kNever)
        continue;
      if (c < bestCost || (c == bestCost && extent > bestExtent)) {
        best = d;
        bestCost = c;
        bestExtent = extent;
      }
    }
    // Lanes along a reduction: no operand is reused, and the lanes are summed up.
    if (int r = fullLanes < 2 ? -1 : horizontalLoop(); r >= 0 && 2 * depth() / fullLanes + kLaneSum < bestCost) {
      t.vectorLoop = r;
      t.horizontal = true;
      return true;
    }
    t.vectorLoop = best;
    return best >= 0;
  }

  /// A reduction loop along which every input is contiguous or constant.
  int horizontalLoop() {
    if (!combiningKind(nest.root) || nest.root.hasIndexSemantics())
      return -1;
    int best = -1;
    for (size_t d = 0; d < nest.loops.size(); ++d) {
      if (!nest.loops[d].reduction || inWindow(d) || sizeOr(nest.loops[d], kUnknownExtent) < int64_t(fullLanes))
        continue;
      bool moves = false, ok = true;
      for (const Access &a : nest.inputs) {
        ok &= !a.dependsOn(d) || a.contiguousIn(d);
        moves |= a.dependsOn(d);
      }
      if (ok && moves)
        best = d;
    }
    return best;
  }

  void moveLast(int d) {
    llvm::erase(t.order, d);
    t.order.push_back(d);
  }

  void chooseElementwise(int64_t extent) {
    size_t bodyOps = nest.root.getBody()->getOperations().size();
    t.vectors = bodyOps > 24 ? 1 : bodyOps > 8 ? 2 : 4;
    while (t.vectors > 1 && t.vectors * t.lanes > extent)
      t.vectors /= 2;
    moveLast(t.vectorLoop);
  }

  /// Vectors and rows of the accumulator tile of a contraction. Registers hold
  /// the accumulators, the vectors of one row of the panel, and one broadcast.
  void chooseTileShape(int64_t extent, int64_t rows, unsigned regs) {
    auto rowsFor = [&](unsigned vectors) {
      unsigned fit = (regs - vectors - 2) / vectors;
      if (t.dot && t.dot->form->chunk > 1 && !t.dot->form->widensRows) // a row's words stay in a register
        fit = (regs - vectors - 1) / (vectors + 1);
      unsigned limit = std::min<int64_t>(std::max(1u, fit), rows);
      // A remainder is a second copy of the tile, which flash has no room for.
      if (target.bareMetal)
        for (unsigned n = limit; 2 * n > limit; --n)
          if (rows % n == 0)
            return n;
      return balanced(rows, limit);
    };
    if (t.dot && t.dot->form->rows) {
      t.vectors = balanced(extent, t.dot->form->columns);
      t.tile = balanced(rows, t.dot->form->rows);
      return;
    }
    t.vectors = extent >= 2 * t.lanes ? 2 : 1;
    // Each broadcast is a load where it cannot be an operand: wider tiles need
    // fewer loads per multiply-add.
    auto loads = [&](unsigned vectors) { return 1.0 / vectors + 1.0 / rowsFor(vectors); };
    if (!target.memoryOperands && extent % (4 * t.lanes) == 0 && regs >= 16 && loads(4) < loads(t.vectors))
      t.vectors = 4;
    t.tile = rowsFor(t.vectors);
  }

  /// Dot products: the reductions' order, the tile and the panels are theirs. False, and nothing changed, where they do
  /// not fit.
  bool chooseDots(int64_t extent) {
    std::optional<Dot> dot = dotFor(t.vectorLoop);
    if (!dot)
      return false;
    if (dot->form->step == DotForm::Step::Intrinsic && !dot->form->variant(t.lanes))
      return false;
    Tiling without = t;
    t.dot = dot;
    if (dot->form->step != DotForm::Step::Intrinsic)
      t.lanes = 1;
    for (int r : dot->run)
      llvm::erase(t.reductions, r);
    t.reductions.append(dot->run);
    chooseReduction(extent);
    bool fits = t.packed == int(dot->product.b);
    if (fits && t.packAtRunTime && dot->run.size() > 1) {
      // Loops of a run are one loop of A, and several of B.
      t.dot->run = {dot->run.back()};
      t.dot->length = *nest.loops[dot->run.back()].size();
    }
    if (fits && !t.packAtRunTime && chooseRowPanel(extent))
      return true;
    // Otherwise A is to be contiguous along some reduction.
    fits &= !dot->run.empty() && !dot->paired();
    bool leftOut = (dot->corrects || dot->interleaves) && llvm::any_of(nest.inputs, [](const Access &a) { return !a.windows.empty(); });
    if (fits && !leftOut)
      return true;
    t = without;
    t.wantsStoredPadding = fits;
    return false;
  }

  /// Rows of A are copied ahead of all columns, where several of these are to come. The rest of the nest then sees no
  /// padding, and the reductions are one run.
  bool chooseRowPanel(int64_t extent) {
    Dot &dot = *t.dot;
    const Access &a = nest.inputs[dot.product.a];
    if (!dot.form->widensRows || dot.interleaves || t.tileLoop < 0 || extent < kRowPanelColumns || !staticAccess(a))
      return false;
    auto coeff = [&](int d) { return std::abs(*getConstantIntValue(a.coeff[d])); };
    llvm::sort(t.reductions, [&](int x, int y) { return std::pair(coeff(y), x) < std::pair(coeff(x), y); });
    dot.rowPanel = true;
    dot.corrects = false;
    dot.run = t.reductions;
    dot.length = reductionDepth(nest);
    // Vectors are widened to neighbours, words to where the groups of all rows lie together.
    int64_t stretch = contiguousFrom(nest, a, t.reductions, /*interior=*/false).second;
    dot.wholeGroups = dot.form->step != DotForm::Step::Intrinsic && (stretch % dot.form->group == 0 || stretch == dot.length);
    moveLast(t.tileLoop);
    moveLast(t.vectorLoop);
    return true;
  }
  static constexpr int64_t kRowPanelColumns = 8;

  /// Each channel by itself, without vectors: the halves of words of four channels are multiplied in pairs.
  bool chooseWords(int64_t extent) {
    IntegerProduct p = *integerProduct(nest);
    int v = t.vectorLoop;
    if (!isWeight(p.b))
      std::swap(p.a, p.b), std::swap(p.unsignedA, p.unsignedB), std::swap(p.zeroA, p.zeroB);
    if (target.dot->step != DotForm::Step::DualHalf || p.unsignedB || p.zeroB || extent % kWordColumns || !isWeight(p.b) ||
        !nest.inputs[p.a].contiguousIn(v) || !staticAccess(nest.inputs[p.a]) || !packable(p.b, v) ||
        llvm::any_of(t.order, [&](int d) { return d != v && nest.inputs[p.b].dependsOn(d); }))
      return false;
    t.words = p;
    t.vectors = kWordColumns;
    t.lanes = 1;
    t.packed = p.b;
    moveLast(v);
    return true;
  }

  std::optional<Dot> dotFor(int v) {
    Dot dot{target.dot, *integerProduct(nest)};
    IntegerProduct &p = dot.product;
    if (nest.inputs[p.a].dependsOn(v)) {
      std::swap(p.a, p.b);
      std::swap(p.unsignedA, p.unsignedB);
      std::swap(p.zeroA, p.zeroB);
    }
    if (nest.inputs[p.a].dependsOn(v) && isWeight(p.a)) {
      std::swap(p.a, p.b);
      std::swap(p.unsignedA, p.unsignedB);
      std::swap(p.zeroA, p.zeroB);
    }
    const Access &a = nest.inputs[p.a], &b = nest.inputs[p.b];
    dot.interleaves = a.dependsOn(v);
    if (!b.dependsOn(v) || !allReductionsStatic() || !nest.loops[v].size())
      return std::nullopt;
    // What panels hold is signed.
    APInt zeroB;
    bool centred = p.unsignedB ? p.zeroB && matchPattern(p.zeroB, m_ConstantInt(&zeroB)) && zeroB == 128 : !p.zeroB;
    if (!centred)
      return std::nullopt;
    if (dot.interleaves && !chooseInterleaved(dot, v))
      return std::nullopt;
    for (bool found = !dot.interleaves; found;) {
      found = false;
      for (size_t d = 0; d < nest.loops.size() && !found; ++d)
        if (nest.loops[d].reduction && !inWindow(d) && !llvm::is_contained(dot.run, int(d)) &&
            getConstantIntValue(a.coeff[d]) == dot.length) {
          dot.run.insert(dot.run.begin(), d);
          dot.length *= *nest.loops[d].size();
          found = true;
        }
    }
    if (dot.run.empty() && !dot.form->widensRows)
      return std::nullopt;
    if (dot.form->bits == 8 && dot.form->unsignedA != p.unsignedA)
      dot.flip = dot.form->unsignedA ? 128 : -128;
    dot.corrects = dot.flip || (p.zeroA && !dot.form->subtracts);
    return dot;
  }

  /// Each channel by itself: groups along the outermost loop of the window, so that steps of the other ones share vectors.
  bool chooseInterleaved(Dot &dot, int v) {
    const Access &a = nest.inputs[dot.product.a];
    if (dot.form->step != DotForm::Step::Intrinsic || !a.contiguousIn(v) || !staticAccess(a) || !isWeight(dot.product.b))
      return false;
    int64_t widest = 0;
    for (size_t d = 0; d < nest.loops.size(); ++d)
      if (int64_t c = std::abs(*getConstantIntValue(a.coeff[d])); nest.loops[d].reduction && c > widest) {
        widest = c;
        dot.run = {int(d)};
        dot.length = *nest.loops[d].size();
      }
    return !dot.run.empty() && depth() / dot.length * (dot.paddedLength() / dot.form->group) * kInterleavedRows <= target.unrollOps;
  }
  static constexpr unsigned kInterleavedRows = 8;
  /// Vectors of a row whose weights are widened: enough to hide an addition, few enough for words, sums of the run and
  /// sums of all to stay in registers.
  static constexpr unsigned kWidenedVectors = 4;

  /// A weight of few bits: its panels are codes. False, and nothing changed, where that does not fit.
  bool chooseWidened(int64_t extent) {
    std::optional<Widened> widened = widenedFor(t.vectorLoop);
    if (!widened)
      return false;
    Tiling without = t;
    t.widened = widened;
    llvm::erase(t.reductions, widened->run);
    t.reductions.push_back(widened->run);
    chooseReduction(extent);
    if (t.packed == int(widened->product.b) && !t.packAtRunTime)
      return true;
    t = without;
    return false;
  }

  std::optional<Widened> widenedFor(int v) {
    auto product = widenedProduct(nest);
    if (!product || !allReductionsStatic() || !nest.loops[v].size())
      return std::nullopt;
    const Access &a = nest.inputs[product->a], &b = nest.inputs[product->b];
    if (a.dependsOn(v) || !b.dependsOn(v) || !isWeight(product->b) || !staticAccess(b))
      return std::nullopt;
    Widened w{*product};
    for (auto [i, side] : llvm::enumerate(nest.inputs)) {
      if (!side.windows.empty())
        return std::nullopt;
      if (i == product->a || i == product->b || !side.dependsOn(v))
        continue;
      unsigned bits = side.element.isIntOrFloat() ? side.element.getIntOrFloatBitWidth() : 0;
      if (!isWeight(i) || !staticAccess(side) || bits % 8 || bits > 32 || !bits)
        return std::nullopt;
      w.sides.push_back(i);
    }
    llvm::stable_sort(w.sides, [&](unsigned x, unsigned y) { return bitsOf(x) > bitsOf(y); });
    for (unsigned side : w.sides)
      w.sideBytes.push_back(bitsOf(side) / 8);
    for (size_t d = 0; d < nest.loops.size(); ++d)
      if (nest.loops[d].reduction && a.contiguousIn(d) && b.dependsOn(d) &&
          llvm::none_of(llvm::enumerate(nest.inputs), [&](auto in) {
            return in.index() != product->a && in.index() != product->b && in.value().dependsOn(d);
          }))
        w.run = d;
    auto range = w.run < 0 ? std::nullopt : bytes(product->b, product->isUnsigned);
    if (!range)
      return std::nullopt;
    w.length = *nest.loops[w.run].size();
    w.least = range->first;
    int64_t values = range->second - range->first;
    w.bits = values < 4 ? 2 : values < 16 ? 4 : 8;
    if (const DotForm *dot = target.dot; dot && product->integers && dot->step == DotForm::Step::Intrinsic && dot->group == 4 && dot->bits == 8 &&
                                         w.length % 4 == 0 && dot->variant(t.lanes))
      w.dot = dot;
    return w;
  }

  /// Registers that a tile may fill beside words; those of integers have sums of the run too.
  unsigned widenedRegs(unsigned regs) {
    unsigned left = std::max(regs, 2 * kWidenedVectors) - kWidenedVectors;
    return t.widened->product.integers ? std::max(left / 2, kWidenedVectors) : left;
  }

  unsigned bitsOf(unsigned input) { return nest.inputs[input].element.getIntOrFloatBitWidth(); }

  void chooseReduction(int64_t extent) {
    int v = t.vectorLoop;
    // The loop to unroll: the innermost parallel one along which some input stays put.
    bool contraction = false;
    for (int d : llvm::reverse(t.order)) {
      if (d == v || sizeOr(nest.loops[d], kUnknownExtent) < 2)
        continue;
      bool reuse = false, moves = false;
      for (const Access &a : nest.inputs) {
        reuse |= !a.scalar && a.dependsOn(v) && !a.dependsOn(d);
        moves |= a.dependsOn(d);
      }
      if (!moves)
        continue;
      if (t.tileLoop < 0 || (reuse && !contraction)) {
        t.tileLoop = d;
        contraction = reuse && llvm::any_of(nest.inputs, [&](const Access &a) { return a.dependsOn(d) && !a.dependsOn(v); });
        // A window along the row: its taps share loads, and rows are done one by one.
        if (contraction || (reuse && target.shortMemory))
          break;
      }
    }
    bool cores = fullLanes < 2 && isWord(nest.root.getRegionOutputArgs()[0].getType());
    unsigned regs = cores ? target.coreRegs : target.vectorRegs;
    if (t.tileLoop < 0) {
      unsigned most = t.dot && t.dot->form->columns ? 2 * t.dot->form->columns : t.widened ? kWidenedVectors : cores ? 4 : 8;
      t.vectors = std::min<int64_t>(most, std::max<int64_t>(1, extent / t.lanes));
    } else if (contraction) {
      chooseTileShape(extent, sizeOr(nest.loops[t.tileLoop], kUnknownExtent), t.widened ? widenedRegs(regs) : regs);
    } else {
      t.vectors = 1;
      t.tile = balanced(sizeOr(nest.loops[t.tileLoop], 4), t.dot && target.vectorRegs >= 32 ? kInterleavedRows : 4);
    }
    for (size_t i = 0; i < nest.inputs.size(); ++i) {
      const Access &a = nest.inputs[i];
      bool single = t.tileLoop < 0; // a matrix times a vector: panels make it one stream
      bool dotPanel = t.dot && i == t.dot->product.b;
      if (t.packed >= 0 || (t.dot && !dotPanel) || (t.widened && i != t.widened->product.b) || !packable(i, v) || !(single || (dotPanel && t.dot->interleaves) || (contraction && !a.dependsOn(t.tileLoop))))
        continue;
      // A panel that changes with another parallel loop (groups, batches) is filled at run time.
      bool varies = llvm::any_of(t.order, [&](int d) { return d != v && a.dependsOn(d); });
      if (isWeight(i) && !varies) {
        t.packed = i;
      } else if ((dotPanel || !a.contiguousIn(v)) && canPackAtRunTime(i, v)) {
        t.packed = i;
        t.packAtRunTime = true;
      }
    }
    orderLoops(contraction);
  }

  /// Batch loops (every input moves) outermost; then panels of the weight or
  /// rows of the other operand, whichever order moves fewer bytes.
  void orderLoops(bool contraction) {
    int v = t.vectorLoop;
    if (!contraction) {
      // Window operations: all channels of a row of outputs before the next row.
      moveLast(v);
      if (t.tileLoop >= 0)
        moveLast(t.tileLoop);
      return;
    }
    SmallVector<int> batch, rows;
    int64_t m = 1, n = sizeOr(nest.loops[v], kUnknownExtent), k = 1;
    for (int d : t.order) {
      if (d == v)
        continue;
      bool panelMoves = llvm::any_of(nest.inputs, [&](const Access &a) { return a.dependsOn(v) && a.dependsOn(d); });
      if (panelMoves)
        batch.push_back(d);
      else {
        rows.push_back(d);
        m *= sizeOr(nest.loops[d], kUnknownExtent);
      }
    }
    for (int r : t.reductions)
      k *= sizeOr(nest.loops[r], kUnknownExtent);
    if (llvm::is_contained(rows, t.tileLoop)) {
      llvm::erase(rows, t.tileLoop);
      rows.push_back(t.tileLoop);
    }
    int64_t bytesA = m * k * 4, bytesB = n * k * 4;
    auto weight = [&](int64_t bytes) { return bytes <= int64_t(target.l2Bytes) / 2 ? 1 : 2; };
    int64_t panelsOutside = bytesA * llvm::divideCeil(n, t.width()) * weight(bytesA);
    int64_t rowsOutside = bytesB * llvm::divideCeil(m, int64_t(t.tile)) * weight(bytesB);
    t.order = batch;
    // All of a pixel before the next one, where memory is short: input and output may then overlap (KernelOverlaps).
    if ((panelsOutside <= rowsOutside && !target.shortMemory) || t.packAtRunTime) {
      t.order.push_back(v);
      t.order.append(rows);
    } else {
      t.order.append(rows);
      t.order.push_back(v);
    }
  }

  LoopNest &nest;
  const Target &target;
  llvm::function_ref<bool(unsigned)> isWeight;
  llvm::function_ref<std::optional<ByteRange>(unsigned, bool)> bytes;
  Tiling t;
  unsigned fullLanes = 1;
};

} // namespace

std::optional<Tiling> chooseTiling(LoopNest &nest, const Target &target, const CallFacts &facts) {
  return Chooser(nest, target, facts).choose();
}

} // namespace onnxc
