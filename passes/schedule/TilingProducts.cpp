// Whether and how a kernel's reduction is done by dot products, by halves of
// words, or with a weight of few bits.
#include "passes/schedule/TilingChooser.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace onnxc {

bool TilingChooser::chooseDots(int64_t extent) {
  return llvm::any_of(std::array{target.blockDot, target.dot}, [&](const DotForm *form) { return form && chooseDots(*form, extent); });
}

bool TilingChooser::chooseDots(const DotForm &form, int64_t extent) {
  std::optional<Dot> dot = dotFor(form, t.vectorLoop);
  if (!dot)
    return false;
  bool vectors = !form.variants.empty() || form.step == DotForm::Step::Reduction;
  if (!form.variants.empty() && (t.lanes < 2 || !form.variant(t.lanes)))
    return false;
  Tiling without = t;
  t.dot = dot;
  if (!vectors)
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
  if (fits && !t.packAtRunTime && chooseRowPanel(extent)) {
    chooseColumnPairs();
    return true;
  }
  // Otherwise A is to be contiguous along some reduction.
  fits &= !dot->run.empty() && dot->rowsTogether() == 1;
  bool leftOut = (dot->corrects || dot->interleaves) && llvm::any_of(nest.inputs, [](const Access &a) { return !a.windows.empty(); });
  if (fits && !leftOut) {
    chooseColumnPairs();
    return true;
  }
  t = without;
  t.wantsStoredPadding |= fits;
  return false;
}

bool TilingChooser::chooseRowPanel(int64_t extent) {
  Dot &dot = *t.dot;
  const Access &a = nest.inputs[dot.product.a];
  if (!dot.form->copiesRows || dot.interleaves || t.tileLoop < 0 || extent < kRowPanelColumns || !staticAccess(a))
    return false;
  auto coeff = [&](int d) { return std::abs(*getConstantIntValue(a.coeff[d])); };
  llvm::sort(t.reductions, [&](int x, int y) { return std::pair(coeff(y), x) < std::pair(coeff(x), y); });
  // Vectors are widened to neighbours, words to where the groups of all rows lie together.
  int64_t stretch = contiguousFrom(nest, a, t.reductions, /*interior=*/false).second;
  dot.wholeGroups = dot.form->step != DotForm::Step::Intrinsic && (stretch % dot.form->group == 0 || stretch == reductionDepth(nest));
  if (dot.blocks() && !dot.wholeGroups)
    return false;
  dot.rowPanel = true;
  dot.corrects &= dot.copiesBytes();
  dot.run = t.reductions;
  dot.length = reductionDepth(nest);
  moveLast(t.tileLoop);
  moveLast(t.vectorLoop);
  return true;
}

void TilingChooser::chooseColumnPairs() {
  Dot &dot = *t.dot;
  const IntegerProduct &p = dot.product;
  if (dot.form->step != DotForm::Step::DualHalf || t.packAtRunTime || p.unsignedB || t.vectors % 2 || !columnSum)
    return;
  auto range = bytes(p.b, /*isUnsigned=*/false);
  if (!range || range->first == -128) // 256 * odd + even is a half
    return;
  int64_t least = p.unsignedA ? 0 : -128, greatest = least + 255;
  APInt zero;
  if (p.zeroA && matchPattern(p.zeroA, m_ConstantInt(&zero))) {
    least -= zero.getSExtValue();
    greatest -= zero.getSExtValue();
  } else if (p.zeroA) {
    least = -255;
    greatest = 255;
  }
  auto sum = columnSum(p.b, t.vectorLoop, {least, greatest});
  dot.columnPairs = sum && *sum < int64_t(1) << 23;
}

bool TilingChooser::chooseWords(int64_t extent) {
  IntegerProduct p = *integerProduct(nest);
  int v = t.vectorLoop;
  if (!isWeight(p.b))
    std::swap(p.a, p.b), std::swap(p.unsignedA, p.unsignedB), std::swap(p.zeroA, p.zeroB);
  if (fullLanes > 1 || !target.dot || target.dot->step != DotForm::Step::DualHalf || p.unsignedB || p.zeroB || extent % kWordColumns || !isWeight(p.b) ||
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

std::optional<Dot> TilingChooser::dotFor(const DotForm &form, int v) {
  Dot dot{&form, *integerProduct(nest)};
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
  if (dot.run.empty() && !dot.form->copiesRows)
    return std::nullopt;
  bool anySign = !form.variants.empty() && form.variants[0].mixed;
  if (form.bits == 8 && form.unsignedA != p.unsignedA && !anySign)
    dot.flip = dot.form->unsignedA ? 128 : -128;
  dot.corrects = dot.flip || (p.zeroA && !dot.form->subtracts);
  return dot;
}

bool TilingChooser::chooseInterleaved(Dot &dot, int v) {
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

bool TilingChooser::chooseWidened(int64_t extent) {
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

std::optional<Widened> TilingChooser::widenedFor(int v) {
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

unsigned TilingChooser::widenedRegs(unsigned regs) {
  unsigned left = std::max(regs, 2 * kWidenedVectors) - kWidenedVectors;
  return t.widened->product.integers ? std::max(left / 2, kWidenedVectors) : left;
}

} // namespace onnxc
