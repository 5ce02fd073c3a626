// Panels that a kernel fills itself.
#include "passes/schedule/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace onnxc {

void TileEmitter::fillPanel(unsigned columns) {
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

} // namespace onnxc
