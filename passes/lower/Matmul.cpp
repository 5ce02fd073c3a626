// MatMul, Gemm and Det.  A product is one contraction with iterators
// (batch..., m, n, k); what follows (alpha, bias, conversions) is elementwise.
#include "passes/lower/Matmul.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Families.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

using namespace mlir;

namespace onnxc::lower {

/// Product whose batch dims are known to be equal or of extent 1.
static Value product(Lowering &l, Value a, Value b, Type elem, bool transposedB, ProductFn multiply, ValueRange scalars,
                     ArrayRef<OpFoldResult> batch) {
  MLIRContext *ctx = l.b.getContext();
  size_t n = batch.size(), total = n + 3;
  AffineExpr m = getAffineDimExpr(n, ctx), col = getAffineDimExpr(n + 1, ctx), k = getAffineDimExpr(n + 2, ctx);
  auto batchOf = [&](Value v) {
    SmallVector<AffineExpr> exprs;
    int64_t own = Lowering::rank(v) - 2;
    for (int64_t i = 0; i < own; ++i) {
      size_t d = n - own + i;
      bool unit = Lowering::staticDim(l.dim(v, i)) == 1 && Lowering::staticDim(batch[d]) != 1;
      exprs.push_back(unit ? getAffineConstantExpr(0, ctx) : getAffineDimExpr(d, ctx));
    }
    return exprs;
  };
  SmallVector<AffineExpr> aMap = batchOf(a), bMap = batchOf(b), yMap;
  aMap.append({m, k});
  transposedB ? bMap.append({col, k}) : bMap.append({k, col});
  for (size_t i = 0; i < n; ++i)
    yMap.push_back(getAffineDimExpr(i, ctx));
  yMap.append({m, col});
  Dims out(batch);
  out.push_back(l.dim(a, Lowering::rank(a) - 2));
  out.push_back(l.dim(b, Lowering::rank(b) - (transposedB ? 2 : 1)));
  SmallVector<utils::IteratorType> types(total, utils::IteratorType::parallel);
  types.back() = utils::IteratorType::reduction;
  Value init = l.fill(out, elem, Lowering::scalar(l.b, l.loc(), elem, 0));
  SmallVector<Value> ins{a, b};
  SmallVector<AffineMap> maps{AffineMap::get(total, 0, aMap, ctx), AffineMap::get(total, 0, bMap, ctx)};
  ins.append(scalars.begin(), scalars.end());
  maps.append(scalars.size(), AffineMap::get(total, 0, ctx));
  maps.push_back(AffineMap::get(total, 0, yMap, ctx));
  return l.generic(ins, init, maps, types, [&](OpBuilder &ob, Location loc, ValueRange v) {
    return multiply(ob, loc, v[0], v[1], v.back(), v.drop_front(2).drop_back());
  });
}

Value matmulCore(Lowering &l, Value a, Value b, Type elem, bool transposedB, ProductFn multiply, ValueRange scalars) {
  int64_t ra = Lowering::rank(a), rb = Lowering::rank(b), n = std::max(ra, rb) - 2;
  Dims batch;
  SmallVector<int64_t> unsure; // batch dims of which the run decides whether they broadcast
  for (int64_t d = 0; d < n; ++d) {
    int64_t ia = d - (n - (ra - 2)), ib = d - (n - (rb - 2));
    OpFoldResult da = ia < 0 ? l.idx(1) : l.dim(a, ia), db = ib < 0 ? l.idx(1) : l.dim(b, ib);
    auto sa = Lowering::staticDim(da), sb = Lowering::staticDim(db);
    if (sa == 1 || da == db)
      batch.push_back(db);
    else if (sb == 1 || (sa && sb))
      batch.push_back(da);
    else {
      Value x = dim64(l, da), y = dim64(l, db), one = c64(l, 1), isOne = cmp64(l, arith::CmpIPredicate::eq, x, one);
      Value fits = l.b.createOrFold<arith::OrIOp>(l.loc(), isOne, cmp64(l, arith::CmpIPredicate::eq, y, one));
      fits = l.b.createOrFold<arith::OrIOp>(l.loc(), fits, cmp64(l, arith::CmpIPredicate::eq, x, y));
      l.check(fits, ONNXC_SHAPE_MISMATCH, "batch dim " + Twine(d) + ": got \1, wanted 1 or \2 to broadcast", y, x);
      batch.push_back(sa ? da : sb ? db : asDim(l, select64(l, isOne, y, x)));
      unsure.push_back(d);
    }
  }
  if (unsure.empty())
    return product(l, a, b, elem, transposedB, multiply, scalars, batch);

  // Loops over the unsure dims take each operand's slice at min(i, extent-1),
  // which serves an extent of 1 and an equal extent alike.
  OpBuilder &ob = l.b;
  Location loc = l.loc();
  Dims outDims(batch);
  outDims.push_back(l.dim(a, ra - 2));
  outDims.push_back(l.dim(b, rb - (transposedB ? 2 : 1)));
  Value zero = l.index(0), one = l.index(1), acc = l.empty(outDims, Lowering::storage(elem));
  SmallVector<scf::ForOp> loops;
  for (int64_t d : unsure) {
    auto loop = scf::ForOp::create(ob, loc, zero, l.value(batch[d]), one, ValueRange{acc});
    loops.push_back(loop);
    acc = loop.getRegionIterArg(0);
    ob.setInsertionPointToStart(loop.getBody());
  }
  auto cut = [&](Value v) {
    Dims sizes = l.dims(v), offsets(sizes.size(), l.idx(0)), strides(sizes.size(), l.idx(1));
    int64_t shift = n - (Lowering::rank(v) - 2);
    for (size_t i = 0; i < unsure.size(); ++i)
      if (int64_t d = unsure[i] - shift; d >= 0) {
        offsets[d] = l.min(loops[i].getInductionVar(), l.sub(sizes[d], l.idx(1)));
        sizes[d] = l.idx(1);
      }
    return l.slice(v, offsets, sizes, strides);
  };
  Dims inner(batch), offsets(outDims.size(), l.idx(0));
  for (size_t i = 0; i < unsure.size(); ++i) {
    inner[unsure[i]] = l.idx(1);
    offsets[unsure[i]] = loops[i].getInductionVar();
    outDims[unsure[i]] = l.idx(1);
  }
  Value y = product(l, cut(a), cut(b), elem, transposedB, multiply, scalars, inner);
  Value next = l.insertSlice(y, acc, offsets, outDims);
  for (scf::ForOp loop : llvm::reverse(loops)) {
    scf::YieldOp::create(ob, loc, ValueRange{next});
    ob.setInsertionPointAfter(loop);
    next = loop.getResult(0);
  }
  return next;
}

Value matmul(Lowering &l, Value a, Value b, Type elem, ProductFn multiply, ValueRange scalars) {
  int64_t ra = Lowering::rank(a), rb = Lowering::rank(b);
  if (ra == 1)
    a = l.unsqueeze(a, {0});
  if (rb == 1)
    b = l.unsqueeze(b, {1});
  Value y = matmulCore(l, a, b, elem, false, multiply, scalars);
  int64_t ry = Lowering::rank(y);
  SmallVector<int64_t> drop;
  if (ra == 1)
    drop.push_back(ry - 2);
  if (rb == 1)
    drop.push_back(ry - 1);
  return l.squeeze(y, drop);
}

static LogicalResult lowerMatMul(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0));
  if (isa<ComplexType>(elem))
    return l.fail(op, "complex operands");
  if (auto weight = onnx::widenedWeight(op)) {
    l.set(op, 0, widenedProduct(l, l.in(op, 0), *weight));
    return success();
  }
  Type acc = isa<FloatType>(elem) ? wide(elem) : Lowering::storage(elem);
  Value y = matmul(l, widen(l, l.in(op, 0), elem), widen(l, l.in(op, 1), elem), acc);
  l.set(op, 0, narrow(l, y, elem));
  return success();
}

static Value scaled(OpBuilder &b, Location loc, Value v, Type elem, double by) {
  if (by == 1.0)
    return v;
  Value s = Lowering::scalar(b, loc, elem, by);
  if (isa<FloatType>(elem))
    return arith::MulFOp::create(b, loc, v, s);
  return arith::MulIOp::create(b, loc, v, s);
}

static LogicalResult lowerGemm(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0));
  Type acc = isa<FloatType>(elem) ? wide(elem) : Lowering::storage(elem);
  double alpha = floatAttr(op, "alpha", 1.0), beta = floatAttr(op, "beta", 1.0);
  Value a = widen(l, l.in(op, 0), elem);
  if (intAttr(op, "transA", 0))
    a = l.transpose(a, {1, 0});
  auto weight = onnx::widenedWeight(op);
  Value y = weight ? widenedProduct(l, a, *weight)
                   : matmulCore(l, a, widen(l, l.in(op, 1), elem), acc, intAttr(op, "transB", 0) != 0);
  bool bias = Lowering::has(op, 2) && beta != 0.0;
  if (bias || alpha != 1.0) {
    SmallVector<Value> ins{y};
    SmallVector<Type> elems{acc};
    if (bias) {
      ins.push_back(l.in(op, 2));
      elems.push_back(elem);
    }
    y = l.mapTo(l.dims(y), ins, elems, elem, [&](OpBuilder &ob, Location loc, ValueRange v) {
      Value r = scaled(ob, loc, v[0], acc, alpha);
      return bias ? plus(ob, loc, r, scaled(ob, loc, v[1], acc, beta)) : r;
    });
  } else {
    y = narrow(l, y, elem);
  }
  l.set(op, 0, y);
  return success();
}

/// Gaussian elimination with partial pivoting, one matrix after the other.
static LogicalResult lowerDet(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  if (!isa<FloatType>(elem))
    return l.fail(op, "element type is not a float");
  Value x = widen(l, l.in(op, 0), elem);
  Dims xd = l.dims(x), batch(xd.begin(), xd.end() - 2);
  OpFoldResult count = l.product(batch);
  Value n = l.value(xd.back());
  x = l.reshape(x, {count, xd.back(), xd.back()});
  OpBuilder &b = l.b;
  Location loc = l.loc();
  Value zero = l.index(0), one = l.index(1);
  auto get = [&](OpBuilder &ob, Value t, ValueRange i) -> Value { return tensor::ExtractOp::create(ob, loc, t, i); };
  auto put = [&](OpBuilder &ob, Value v, Value t, ValueRange i) -> Value {
    return tensor::InsertOp::create(ob, loc, v, t, i);
  };
  Value work = l.map({x}, {acc}, acc, [](OpBuilder &, Location, ValueRange v) { return v[0]; });
  Value result = l.empty({count}, acc);
  auto matrices = scf::ForOp::create(b, loc, zero, l.value(count), one, ValueRange{work, result});
  OpBuilder mb = OpBuilder::atBlockEnd(matrices.getBody());
  Value which = matrices.getInductionVar();
  Value unit = Lowering::scalar(mb, loc, acc, 1), nothing = Lowering::scalar(mb, loc, acc, 0);
  auto steps = scf::ForOp::create(mb, loc, zero, n, one, ValueRange{matrices.getRegionIterArg(0), unit});
  {
    OpBuilder sb = OpBuilder::atBlockEnd(steps.getBody());
    Value i = steps.getInductionVar(), a = steps.getRegionIterArg(0), det = steps.getRegionIterArg(1);
    Value next = arith::AddIOp::create(sb, loc, i, one);
    // Row of the largest pivot.
    Value first = math::AbsFOp::create(sb, loc, get(sb, a, {which, i, i}));
    auto search = scf::ForOp::create(sb, loc, next, n, one, ValueRange{i, first});
    {
      OpBuilder pb = OpBuilder::atBlockEnd(search.getBody());
      Value r = search.getInductionVar();
      Value v = math::AbsFOp::create(pb, loc, get(pb, a, {which, r, i}));
      Value better = arith::CmpFOp::create(pb, loc, arith::CmpFPredicate::OGT, v, search.getRegionIterArg(1));
      Value row = arith::SelectOp::create(pb, loc, better, r, search.getRegionIterArg(0));
      Value best = arith::SelectOp::create(pb, loc, better, v, search.getRegionIterArg(1));
      scf::YieldOp::create(pb, loc, ValueRange{row, best});
    }
    Value pivotRow = search.getResult(0);
    auto swap = scf::ForOp::create(sb, loc, zero, n, one, ValueRange{a});
    {
      OpBuilder wb = OpBuilder::atBlockEnd(swap.getBody());
      Value c = swap.getInductionVar(), t = swap.getRegionIterArg(0);
      Value u = get(wb, t, {which, i, c}), v = get(wb, t, {which, pivotRow, c});
      t = put(wb, v, t, {which, i, c});
      t = put(wb, u, t, {which, pivotRow, c});
      scf::YieldOp::create(wb, loc, ValueRange{t});
    }
    a = swap.getResult(0);
    Value pivot = get(sb, a, {which, i, i});
    Value swapped = arith::CmpIOp::create(sb, loc, arith::CmpIPredicate::ne, pivotRow, i);
    Value factor = arith::SelectOp::create(sb, loc, swapped, arith::NegFOp::create(sb, loc, pivot), pivot);
    det = arith::MulFOp::create(sb, loc, det, factor);
    Value singular = arith::CmpFOp::create(sb, loc, arith::CmpFPredicate::OEQ, pivot, nothing);
    Value divisor = arith::SelectOp::create(sb, loc, singular, unit, pivot);
    auto rows = scf::ForOp::create(sb, loc, next, n, one, ValueRange{a});
    {
      OpBuilder rb = OpBuilder::atBlockEnd(rows.getBody());
      Value r = rows.getInductionVar();
      Value f = arith::DivFOp::create(rb, loc, get(rb, rows.getRegionIterArg(0), {which, r, i}), divisor);
      auto cols = scf::ForOp::create(rb, loc, i, n, one, rows.getRegionIterArgs());
      OpBuilder cb = OpBuilder::atBlockEnd(cols.getBody());
      Value c = cols.getInductionVar(), t = cols.getRegionIterArg(0);
      Value v = arith::SubFOp::create(cb, loc, get(cb, t, {which, r, c}),
                                      arith::MulFOp::create(cb, loc, f, get(cb, t, {which, i, c})));
      scf::YieldOp::create(cb, loc, ValueRange{put(cb, v, t, {which, r, c})});
      scf::YieldOp::create(rb, loc, cols.getResults());
    }
    scf::YieldOp::create(sb, loc, ValueRange{rows.getResult(0), det});
  }
  Value filled = put(mb, steps.getResult(1), matrices.getRegionIterArg(1), {which});
  scf::YieldOp::create(mb, loc, ValueRange{steps.getResult(0), filled});
  l.set(op, 0, narrow(l, l.reshape(matrices.getResult(1), batch), elem));
  return success();
}

void registerMatmul(Registry &r) {
  r.add("onnx.MatMul", lowerMatMul);
  r.add("onnx.Gemm", lowerGemm);
  r.add("onnx.Det", lowerDet);
  registerEinsum(r);
}

} // namespace onnxc::lower
