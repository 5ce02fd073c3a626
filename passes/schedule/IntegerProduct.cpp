// Products of 8-bit integers with zero points, and how dot products do them.
//
//   linalg.generic { acc + (ext(a) - zeroA) * (ext(b) - zeroB) }
//
// sums up groups of neighbouring products by the target's dot form.  What the
// form sees may differ from a - zeroA:
//   sum (a - zeroA) * b  =  sum (a + flip) * b  -  (zeroA + flip) * sum b
// and the last term is taken off the sums where a tile begins.
#include "passes/schedule/EmitTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace onnxc {
namespace {

/// ext(argument) [- zero] in i32.
struct Factor {
  BlockArgument argument;
  bool isUnsigned = false;
  Value zero;
};

std::optional<Factor> factorOf(Value v) {
  Factor f;
  if (auto sub = v.getDefiningOp<arith::SubIOp>()) {
    f.zero = sub.getRhs();
    v = sub.getLhs();
  }
  Operation *ext = v.getDefiningOp();
  if (!isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp>(ext) || !ext->getOperand(0).getType().isInteger(8))
    return std::nullopt;
  f.isUnsigned = isa<arith::ExtUIOp>(ext);
  f.argument = dyn_cast<BlockArgument>(ext->getOperand(0));
  if (!f.argument)
    return std::nullopt;
  return f;
}

} // namespace

std::optional<IntegerProduct> integerProduct(const LoopNest &nest) {
  linalg::GenericOp root = nest.root;
  Value acc = root.getRegionOutputArgs()[0];
  if (!acc.getType().isInteger(32) || combiningKind(root) != vector::CombiningKind::ADD)
    return std::nullopt;
  Operation *sum = root.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  auto product = (sum->getOperand(0) == acc ? sum->getOperand(1) : sum->getOperand(0)).getDefiningOp<arith::MulIOp>();
  if (!product)
    return std::nullopt;
  auto a = factorOf(product.getLhs()), b = factorOf(product.getRhs());
  if (!a || !b || a->argument == b->argument)
    return std::nullopt;
  auto zeroKnown = [&](Value zero) {
    if (!zero || matchPattern(zero, m_Constant()))
      return true;
    // The conversion of an input that is the same in all iterations.
    Operation *ext = zero.getDefiningOp();
    if (!isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp>(ext))
      return false;
    auto arg = dyn_cast<BlockArgument>(ext->getOperand(0));
    if (!arg)
      return false;
    const Access &access = nest.inputs[arg.getArgNumber()];
    for (size_t d = 0; d < nest.loops.size(); ++d)
      if (access.dependsOn(d))
        return false;
    return true;
  };
  if (!zeroKnown(a->zero) || !zeroKnown(b->zero))
    return std::nullopt;
  auto nonZero = [](Value zero) { return zero && !matchPattern(zero, m_Zero()) ? zero : Value(); };
  return IntegerProduct{a->argument.getArgNumber(), b->argument.getArgNumber(), a->isUnsigned, b->isUnsigned,
                        nonZero(a->zero), nonZero(b->zero)};
}

int64_t Tiling::panelDepth(const LoopNest &nest) const {
  int64_t depth = reductionDepth(nest);
  if (widened)
    return depth / widened->length * widened->runBytes(width());
  return dot ? depth / dot->length * dot->paddedLength() : depth;
}

int64_t Tiling::panelElements(const LoopNest &nest, int64_t count) const {
  return count * panelStep(nest) * width() + (dot || widened ? 64 : 0);
}

} // namespace onnxc
