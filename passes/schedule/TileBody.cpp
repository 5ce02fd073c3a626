// The bodies of a kernel on the vectors of a tile.
#include "passes/schedule/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace onnxc {

static bool anyVector(ArrayRef<Value> vs) {
  return llvm::any_of(vs, [](Value v) { return isa<VectorType>(v.getType()); });
}

Value TileEmitter::evaluate(linalg::GenericOp op, ArrayRef<Value> args, const Point &p, unsigned lanes, bool fuseMultiplyAdd) {
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
    if (&inner == seeding) {
      Value sum = inner.getOperand(inner.getOperand(0) == body->getArgument(seed) ? 1 : 0);
      map.map(inner.getResult(0), map.lookup(sum));
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
    if (auto lookup = dyn_cast<memref::LoadOp>(inner); lookup && vec) {
      SmallVector<Value> elements;
      for (unsigned l = 0; l < lanes; ++l) {
        SmallVector<Value> at;
        for (Value v : ArrayRef<Value>(ins).drop_front())
          at.push_back(isa<VectorType>(v.getType()) ? vector::ExtractOp::create(b, loc, v, int64_t(l)).getResult() : v);
        elements.push_back(memref::LoadOp::create(b, loc, ins[0], at));
      }
      auto type = VectorType::get({int64_t(lanes)}, lookup.getType());
      map.map(lookup.getResult(), vector::FromElementsOp::create(b, loc, type, elements).getResult());
      continue;
    }
    if (vec)
      for (Value &v : ins)
        v = widen(v, lanes);
    Type result = vec ? VectorType::get({int64_t(lanes)}, inner.getResult(0).getType()) : inner.getResult(0).getType();
    OperationState state(loc, inner.getName(), ins, {result}, inner.getAttrs());
    map.map(inner.getResult(0), b.create(state)->getResult(0));
  }
  return map.lookupOrDefault(body->getTerminator()->getOperand(0));
}

Value TileEmitter::indexValue(unsigned dim, const Point &p, unsigned lanes) {
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

Value TileEmitter::rootStep(const Point &p, Value acc, unsigned lanes, LoadCache *cache) {
  SmallVector<Value> args;
  for (size_t i = 0; i < nest.inputs.size(); ++i)
    args.push_back(load(i, p, lanes, cache));
  args.push_back(acc);
  return evaluate(nest.root, args, p, lanes, /*fuseMultiplyAdd=*/nest.hasReduction());
}

void TileEmitter::findSeed() {
  if (!nest.epilogue || !nest.hasReduction() || !fillValue || !matchPattern(fillValue, m_Zero()) || kind != vector::CombiningKind::ADD)
    return;
  Block *body = nest.epilogue.getBody();
  auto isSum = [&](Value v) {
    auto arg = dyn_cast<BlockArgument>(v);
    if (!arg || arg.getOwner() != body || arg.getArgNumber() >= nest.epilogueInputs.size())
      return false;
    const Access &a = nest.epilogueInputs[arg.getArgNumber()];
    return a.scalar && !a.operand;
  };
  for (auto sum : body->getOps<arith::AddIOp>())
    for (Value v : sum->getOperands()) {
      auto other = dyn_cast<BlockArgument>(sum.getLhs() == v ? sum.getRhs() : sum.getLhs());
      if (isSum(v) && v.hasOneUse() && other && other.getOwner() == body && other.getArgNumber() < nest.epilogueInputs.size() && !isSum(other)) {
        seeding = sum;
        seed = other.getArgNumber();
        return;
      }
    }
}

Value TileEmitter::initial(const Point &p, unsigned lanes) {
  if (seeding)
    return widen(load(accumulatorIndex() + 1 + seed, p, lanes, nullptr), lanes);
  if (fillValue)
    return widen(fillValue, lanes);
  return widen(load(accumulatorIndex(), p, lanes, nullptr), lanes);
}

void TileEmitter::finish(ArrayRef<Point> points, ArrayRef<Value> accs, unsigned lanes) {
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

} // namespace onnxc
