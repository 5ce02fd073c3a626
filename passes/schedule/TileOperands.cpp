// Where the operands of a tile stand, and how they are loaded and stored.
//
// At each loop the element offset of every operand moves on by its coefficient,
// so that the innermost tile only adds constants.
#include "passes/schedule/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace onnxc {

Value TileEmitter::index(int64_t v) { return v == 0 && zero ? zero : arith::ConstantIndexOp::create(b, loc, v).getResult(); }

Value TileEmitter::value(OpFoldResult r) {
  auto c = getConstantIntValue(r);
  return c ? index(*c) : cast<Value>(r);
}

Value TileEmitter::add(Value a, Value c) {
  if (a == zero)
    return c;
  if (c == zero)
    return a;
  return arith::AddIOp::create(b, loc, a, c);
}

Value TileEmitter::mul(Value a, OpFoldResult c) {
  auto k = getConstantIntValue(c);
  if (k && *k == 1)
    return a;
  if (k && *k == 0)
    return zero;
  return arith::MulIOp::create(b, loc, a, value(c));
}

Value TileEmitter::widen(Value v, unsigned lanes) {
  if (lanes == 1 || isa<VectorType>(v.getType()))
    return v;
  return vector::BroadcastOp::create(b, loc, VectorType::get({int64_t(lanes)}, v.getType()), v);
}

Value TileEmitter::flatten(Value memref) {
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

TileEmitter::Position TileEmitter::savePosition() {
  Position saved{{}, source.base, rows.base, ivs};
  for (Operand &o : operands)
    saved.bases.push_back(o.base);
  return saved;
}

void TileEmitter::restorePosition(const Position &saved) {
  for (auto [o, v] : llvm::zip(operands, saved.bases))
    o.base = v;
  source.base = saved.sourceBase;
  rows.base = saved.rowsBase;
  ivs = saved.ivs;
}

int64_t TileEmitter::panelCoeff(int d) {
  int64_t c = t.dot ? t.dot->paddedLength() * t.width() : t.widened ? t.widened->runBytes(t.width()) * t.width() : t.width();
  for (int r : llvm::reverse(t.reductions)) {
    if ((t.dot && llvm::is_contained(t.dot->run, r)) || (t.widened && r == t.widened->run))
      continue;
    if (r == d)
      return c;
    c *= *nest.loops[r].size();
  }
  return 0;
}

void TileEmitter::enter(int d, Value iv) {
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

void TileEmitter::enterVector(Value iv, Value panelStart, int64_t within) {
  int d = t.vectorLoop;
  ivs[d] = iv;
  for (Operand &o : operands) {
    if (o.access->scalar)
      continue;
    if (!o.isPanel) {
      if (o.access->dependsOn(d))
        o.base = add(o.base, mul(iv, o.access->coeff[d]));
    } else {
      // Panels lie one after the other.
      if (!t.packAtRunTime)
        o.base = add(o.base, mul(panelStart, b.getIndexAttr(t.panelStep(nest))));
      else
        within = 0;
      correctionBase = addConst(o.base, t.panelDepth(nest) * t.width() + 4 * within);
      columnWithin = within;
      o.base = addConst(o.base, within * (t.dot ? t.dot->form->group : t.widened ? 4 : 1));
    }
  }
  if (source.access)
    source.base = add(source.base, mul(iv, source.access->coeff[d]));
}

Value TileEmitter::load(unsigned i, const Point &p, unsigned lanes, LoadCache *cache) {
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

Value TileEmitter::loadAt(Operand &o, Value at, unsigned lanes) {
  Access &a = *o.access;
  bool moves = o.isPanel || a.dependsOn(t.vectorLoop);
  if (lanes == 1 || !moves)
    return memref::LoadOp::create(b, loc, o.flat, ValueRange{at});
  if (o.isPanel || a.contiguousIn(t.vectorLoop)) {
    auto type = VectorType::get({int64_t(lanes)}, cast<MemRefType>(o.flat.getType()).getElementType());
    auto v = vector::LoadOp::create(b, loc, type, o.flat, ValueRange{at});
    if (o.isPanel && t.words)
      v.setAlignmentAttr(b.getI64IntegerAttr(8));
    return v;
  }
  SmallVector<Value> elements;
  for (unsigned l = 0; l < lanes; ++l)
    elements.push_back(memref::LoadOp::create(b, loc, o.flat, ValueRange{add(at, mul(index(l), a.coeff[t.vectorLoop]))}));
  return vector::FromElementsOp::create(b, loc, VectorType::get({int64_t(lanes)}, a.element), elements);
}

void TileEmitter::store(const Point &p, Value v, unsigned lanes) {
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

} // namespace onnxc
