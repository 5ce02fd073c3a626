// Panels that a kernel fills itself.
#include "passes/schedule/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

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

void TileEmitter::fillGroups(unsigned columns) {
  const Dot &dot = *t.dot;
  Operand &panel = operands[t.packed];
  Access &from = *source.access;
  int64_t group = dot.form->group, width = t.width(), full = dot.length / group;
  Type i8 = b.getI8Type();
  auto centred = [&](Value v) -> Value {
    if (!dot.product.unsignedB)
      return v;
    Value mask = arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(-128));
    if (auto type = dyn_cast<VectorType>(v.getType()))
      mask = vector::BroadcastOp::create(b, loc, type, mask);
    return arith::XOrIOp::create(b, loc, v, mask);
  };
  auto columnAt = [&](Value at, int64_t j) { return add(at, mul(index(j), from.coeff[t.vectorLoop])); };
  auto single = dot.run.size() == 1 ? getConstantIntValue(from.coeff[dot.run[0]]) : std::nullopt;
  bool runContiguous = single == 1, rowContiguous = dot.run.size() == 1 && from.contiguousIn(t.vectorLoop);

  /// `count` elements of a group from source element `at` on, to `to`.
  auto copyGroup = [&](Value at, Value to, int64_t count) {
    if (count == group && runContiguous) {
      for (unsigned j = 0; j < columns; ++j) {
        Value v = vector::LoadOp::create(b, loc, VectorType::get({group}, i8), source.flat, ValueRange{columnAt(at, j)});
        vector::StoreOp::create(b, loc, centred(v), panel.flat, ValueRange{addConst(to, j * group)});
      }
      return;
    }
    if (count == group && rowContiguous && columns > 1) {
      SmallVector<Value> rows;
      for (int64_t i = 0; i < group; ++i)
        rows.push_back(vector::LoadOp::create(b, loc, VectorType::get({int64_t(columns)}, i8), source.flat,
                                              ValueRange{add(at, mul(index(i), from.coeff[dot.run[0]]))}));
      // Halves meet until one vector holds all: rows i and i + n/2 interleave.
      while (rows.size() > 1) {
        size_t n = rows.size() / 2;
        for (size_t i = 0; i < n; ++i)
          rows[i] = vector::InterleaveOp::create(b, loc, rows[i], rows[i + n]);
        rows.resize(n);
      }
      vector::StoreOp::create(b, loc, centred(rows[0]), panel.flat, ValueRange{to});
      return;
    }
    for (int64_t i = 0; i < group; ++i)
      for (unsigned j = 0; j < columns; ++j) {
        Value v = i < count ? centred(memref::LoadOp::create(b, loc, source.flat,
                                                             ValueRange{columnAt(add(at, mul(index(i), from.coeff[dot.run.back()])), j)}))
                            : arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(0)).getResult();
        memref::StoreOp::create(b, loc, v, panel.flat, ValueRange{addConst(to, j * group + i)});
      }
  };
  auto counted = [&](int64_t n, llvm::function_ref<void(Value)> body) {
    auto f = scf::ForOp::create(b, loc, zero, index(n), index(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(f.getBody()->getTerminator());
    body(f.getInductionVar());
  };

  std::function<void(size_t, Value, Value)> outer = [&](size_t level, Value at, Value to) {
    int d = t.reductions[level];
    if (level + dot.run.size() < t.reductions.size()) {
      counted(*nest.loops[d].size(), [&](Value iv) {
        outer(level + 1, add(at, mul(iv, from.coeff[d])), add(to, mul(iv, b.getIndexAttr(panelCoeff(d)))));
      });
      return;
    }
    if (full)
      counted(full, [&](Value iv) {
        Value first = mul(iv, b.getIndexAttr(group));
        copyGroup(add(at, mul(first, from.coeff[d])), add(to, mul(first, b.getIndexAttr(width))), group);
      });
    if (int64_t rest = dot.length % group)
      copyGroup(add(at, mul(index(full * group), from.coeff[d])), addConst(to, full * group * width), rest);
  };
  outer(0, source.base, zero);
  if (!dot.corrects)
    return;

  // Sums of the columns: a dot product with ones.
  unsigned sums = dot.form->step == DotForm::Step::Reduction ? 1 : dotLanes(t.lanes);
  int64_t count = dot.form->step == DotForm::Step::Reduction ? group : int64_t(sums) * group;
  Type element = b.getIntegerType(dot.form->bits);
  Value ones = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(VectorType::get({count}, element), b.getIntegerAttr(element, 1)));
  Type type = sums == 1 ? Type(b.getI32Type()) : Type(VectorType::get({int64_t(sums)}, b.getI32Type()));
  for (unsigned lane = 0; lane < columns; lane += sums) {
    Value start = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
    auto f = scf::ForOp::create(b, loc, zero, index(t.panelDepth(nest) * width), index(group * width), ValueRange{start});
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(f.getBody());
      Value base = panel.base;
      panel.base = f.getInductionVar();
      Value next = dotStep({ones}, dotB(0, lane, sums), f.getRegionIterArg(0));
      panel.base = base;
      scf::YieldOp::create(b, loc, ValueRange{next});
    }
    Value sum = f.getResult(0);
    if (sums == 1)
      sum = vector::BroadcastOp::create(b, loc, VectorType::get({1}, b.getI32Type()), sum);
    Value raw = vector::BitCastOp::create(b, loc, VectorType::get({4 * int64_t(sums)}, i8), sum);
    vector::StoreOp::create(b, loc, raw, panel.flat, ValueRange{index(t.panelDepth(nest) * width + 4 * lane)});
  }
}

} // namespace onnxc
