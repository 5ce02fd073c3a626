// Choice of vector loop, register tile and loop order for a kernel.
//
// The rules are stated in terms of accesses: which operand is contiguous along
// a loop, which does not move along it.  Numbers come from the target row.
#include "passes/schedule/TilingChooser.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
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

} // namespace

TilingChooser::TilingChooser(LoopNest &nest, const Target &target, const CallFacts &facts)
      : nest(nest), target(target), isWeight(facts.isWeight), bytes(facts.bytes), columnSum(facts.columnSum) {
  // Computed twice, a result must not depend on what the first time wrote.
  bool readsOutput = nest.root.getRegionOutputArgs()[0].hasNUsesOrMore(1) && !nest.fill;
  auto isOutput = [&](const Access &a) { return a.operand == nest.output.operand; };
  t.overlapTail = facts.outputApart && !readsOutput && llvm::none_of(nest.inputs, isOutput) &&
                  llvm::none_of(nest.epilogueInputs, isOutput);
}

std::optional<Tiling> TilingChooser::choose() {
  unsigned bits = widestBits(nest, target.indexBits);
  fullLanes = target.lanes(bits);
  // Without vectors, a tile of scalars still saves loads of a reduction.
  bool scalar = fullLanes < 2, dots = (target.dot || target.blockDot) && nest.hasReduction() && integerProduct(nest);
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

bool TilingChooser::inRegisters() {
  Type element = nest.root.getRegionOutputArgs()[0].getType();
  return (element.isF32() && target.f32) || (element.isF64() && target.f64) || isWord(element);
}

double TilingChooser::elementwise(const Access &a, double perElement) {
  return a.element.isBF16() || a.element.isF16() ? kNever : perElement;
}

unsigned TilingChooser::lanesFor(int d) {
  unsigned lanes = fullLanes;
  while (lanes > sizeOr(nest.loops[d], kUnknownExtent))
    lanes /= 2;
  return lanes < target.leastLanes ? 1 : lanes;
}

bool TilingChooser::inWindow(int d) {
  return llvm::any_of(nest.inputs, [&](const Access &a) {
    return llvm::any_of(a.windows, [&](const Window &w) { return w.coeff[d] != 0; });
  });
}

double TilingChooser::depth() {
  double n = 1;
  for (const Loop &l : nest.loops)
    if (l.reduction)
      n *= sizeOr(l, kUnknownExtent);
  return n;
}

double TilingChooser::cost(int d) {
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

double TilingChooser::reuse(unsigned i, int d) {
  double n = 1;
  for (size_t k = 0; k < nest.loops.size(); ++k)
    if (!nest.loops[k].reduction && int(k) != d && !nest.inputs[i].dependsOn(k))
      n *= sizeOr(nest.loops[k], kUnknownExtent);
  return n;
}

bool TilingChooser::packable(unsigned i, int d) {
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

bool TilingChooser::staticAccess(const Access &a) {
  return llvm::all_of(a.coeff, [](OpFoldResult c) { return getConstantIntValue(c).has_value(); });
}

bool TilingChooser::allReductionsStatic() {
  return llvm::all_of(nest.loops, [](const Loop &l) { return !l.reduction || l.size(); });
}

bool TilingChooser::canPackAtRunTime(unsigned i, int d) {
  if (!allReductionsStatic() || !nest.loops[d].size())
    return false;
  return reuse(i, d) >= 8 && depth() * 64 <= target.l2Bytes * 4.0;
}

bool TilingChooser::chooseVectorLoop() {
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

int TilingChooser::horizontalLoop() {
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

void TilingChooser::moveLast(int d) {
  llvm::erase(t.order, d);
  t.order.push_back(d);
}

void TilingChooser::chooseElementwise(int64_t extent) {
  size_t bodyOps = nest.root.getBody()->getOperations().size();
  t.vectors = bodyOps > 24 ? 1 : bodyOps > 8 ? 2 : 4;
  while (t.vectors > 1 && t.vectors * t.lanes > extent)
    t.vectors /= 2;
  moveLast(t.vectorLoop);
}

void TilingChooser::chooseTileShape(int64_t extent, int64_t rows, unsigned regs) {
  auto rowsFor = [&](unsigned vectors) {
    unsigned fit = (regs - vectors - 2) / vectors;
    if (t.dot && t.dot->form->chunk > 1 && !t.dot->form->copiesRows) // a row's words stay in a register
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
    t.vectors = balanced(llvm::divideCeil(extent, int64_t(t.lanes)), t.dot->form->columns);
    int64_t step = t.dot->tileStep();
    t.tile = step * balanced(llvm::divideCeil(rows, step), t.dot->form->rows / step);
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

void TilingChooser::chooseReduction(int64_t extent) {
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
  unsigned regs = std::min(cores ? target.coreRegs : target.vectorRegs, target.tileRegs);
  if (t.tileLoop < 0) {
    unsigned most = t.dot && t.dot->form->columns ? std::min(2u, t.dot->form->rows) * t.dot->form->columns : t.widened ? kWidenedVectors : cores || target.smallCode ? 4 : 8;
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
    // A panel that changes with another parallel loop (groups, batches) is filled at run time.
    bool varies = llvm::any_of(t.order, [&](int d) { return d != v && a.dependsOn(d); });
    bool gathered = isWeight(i) && !varies && !a.contiguousIn(v); // of channels by themselves
    if (t.packed >= 0 || (t.dot && !dotPanel) || (t.widened && i != t.widened->product.b) || !packable(i, v) ||
        !(single || gathered || (dotPanel && t.dot->interleaves) || (contraction && !a.dependsOn(t.tileLoop))))
      continue;
    if (isWeight(i) && !varies) {
      t.packed = i;
    } else if ((dotPanel || !a.contiguousIn(v)) && canPackAtRunTime(i, v)) {
      t.packed = i;
      t.packAtRunTime = true;
    }
  }
  orderLoops(contraction);
}

void TilingChooser::orderLoops(bool contraction) {
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


std::optional<Tiling> chooseTiling(LoopNest &nest, const Target &target, const CallFacts &facts) {
  return TilingChooser(nest, target, facts).choose();
}

} // namespace onnxc
