// Products of floats and constant bytes:
//   y[m, n] = sum over k of a[m, k] * ((w[k, n] - zero) * scale)
// as one contraction whose body widens the weight, so that memory holds it as
// narrow as it is.  Rows that share a scale are a loop of their own.
//
// With LowerOptions::quantizeBlocks, a block of a is 8-bit integers times
// its largest magnitude / 127, and products are those of integers.
#include "passes/lower/Matmul.h"
#include "passes/lower/ScalarBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace onnxc::lower {

/// A lowered constant seen with other dims of as many elements.
static Value constantAs(Lowering &l, Value t, ArrayRef<int64_t> shape) {
  auto attr = cast<ElementsAttr>(t.getDefiningOp<arith::ConstantOp>().getValue());
  auto type = RankedTensorType::get(shape, attr.getElementType());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr))
    attr = DenseResourceElementsAttr::get(type, resource.getRawHandle());
  else
    attr = cast<DenseElementsAttr>(attr).reshape(type);
  return arith::ConstantOp::create(l.b, l.loc(), cast<TypedAttr>(attr));
}

/// A byte, or the one byte that a zero point has everywhere, as f32.
static Value byteAsFloat(OpBuilder &b, Location loc, Value v, bool isUnsigned) {
  Type f32 = b.getF32Type();
  return isUnsigned ? arith::UIToFPOp::create(b, loc, f32, v).getResult() : arith::SIToFPOp::create(b, loc, f32, v).getResult();
}

/// A row in blocks (..., blocks, k) as bytes, and the scale of each block.
static std::pair<Value, Value> quantizedBlocks(Lowering &l, Value a) {
  constexpr double kMost = 127;
  int64_t rank = Lowering::rank(a);
  Type f32 = l.b.getF32Type();
  AffineMap all = l.b.getMultiDimIdentityMap(rank), row = projection(l.b.getContext(), rank, {rank - 1});
  Value most = l.reduce(a, f32, {rank - 1}, f32, Lowering::scalar(l.b, l.loc(), f32, 0), [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    return arith::MaxNumFOp::create(b, loc, math::AbsFOp::create(b, loc, v[0]), v[1]);
  });
  Value scale = l.map({most}, {f32}, f32, [&](OpBuilder &b, Location loc, ValueRange v) {
    ScalarBuilder s(b, loc, f32);
    return s.mul(v[0], s.num(1 / kMost));
  });
  Value inverse = l.map({most}, {f32}, f32, [&](OpBuilder &b, Location loc, ValueRange v) { // 0 for a block of zeros
    ScalarBuilder s(b, loc, f32);
    return s.select(s.gt(v[0], s.num(0)), s.div(s.num(kMost), v[0]), s.num(0));
  });
  // Below 2^22, adding 1.5 * 2^23 rounds half to even, and the low bits of the sum are the integer.
  constexpr float kRounder = 12582912.0f;
  Value q = mapWith(l, l.dims(a), {a, inverse}, {all, row}, {f32, f32}, l.b.getI8Type(), [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    ScalarBuilder s(b, loc, f32);
    Value x = s.mul(v[0], v[1]);
    x = s.select(s.gt(x, s.num(-kMost)), x, s.num(-kMost)); // NaN too
    x = s.select(s.lt(x, s.num(kMost)), x, s.num(kMost));
    Value bits = arith::BitcastOp::create(b, loc, b.getI32Type(), s.add(x, s.num(kRounder)));
    return arith::TruncIOp::create(b, loc, b.getI8Type(), bits);
  });
  return {q, scale};
}

Value widenedProduct(Lowering &l, Value a, const onnx::WidenedWeight &weight) {
  MLIRContext *ctx = l.b.getContext();
  onnx::DequantizeLinearOp op = weight.dequantize;
  bool isUnsigned = Lowering::elem(op.getX()).isUnsignedInteger(), single = Lowering::rank(a) == 1;
  if (single)
    a = l.unsqueeze(a, {0});
  int64_t rows = Lowering::rank(a) - 1, block = weight.block ? weight.block : weight.k, blocks = weight.k / block;

  // Loops: the rows of a, n, the blocks, and k within a block.
  size_t total = rows + 3;
  AffineExpr n = getAffineDimExpr(rows, ctx), outer = getAffineDimExpr(rows + 1, ctx), k = getAffineDimExpr(rows + 2, ctx);
  Dims dims = l.dims(a), out(dims.begin(), dims.end() - 1);
  dims.back() = l.idx(blocks);
  dims.push_back(l.idx(block));
  out.push_back(l.idx(weight.n));
  SmallVector<AffineExpr> aMap, yMap;
  for (int64_t d = 0; d < rows; ++d)
    aMap.push_back(getAffineDimExpr(d, ctx));
  yMap = aMap;
  yMap.push_back(n);
  aMap.append({outer, k});
  auto oriented = [&](AffineExpr column, ArrayRef<AffineExpr> depth) {
    SmallVector<AffineExpr> exprs(depth);
    exprs.insert(weight.transposed ? exprs.begin() : exprs.end(), column);
    return AffineMap::get(total, 0, exprs, ctx);
  };
  SmallVector<int64_t> shape{blocks, block};
  shape.insert(weight.transposed ? shape.begin() : shape.end(), weight.n);
  Value left = l.reshape(a, dims, /*isChecked=*/true), leftScale;
  bool integers = l.options.quantizeBlocks && weight.block % 4 == 0 && weight.block > 0;
  if (integers)
    std::tie(left, leftScale) = quantizedBlocks(l, left);
  SmallVector<Value> ins{left, constantAs(l, l.in(op, 0), shape)};
  SmallVector<AffineMap> maps{AffineMap::get(total, 0, aMap, ctx), oriented(n, {outer, k})};

  /// The position in `ins` of operand `i` of the DequantizeLinear, or its one value.
  using Parameter = std::pair<size_t, TypedAttr>;
  auto parameter = [&](unsigned i, ElementsAttr attr) -> Parameter {
    if (attr.getNumElements() == 1 || isa<SplatElementsAttr>(attr)) {
      Type stored = Lowering::storage(attr.getElementType());
      if (stored.isF32())
        return {0, l.b.getF32FloatAttr(*attr.value_begin<float>())};
      return {0, l.b.getIntegerAttr(stored, (*attr.value_begin<APInt>()).getSExtValue())};
    }
    ins.push_back(l.in(op, i));
    maps.push_back(weight.block ? oriented(n, {outer}) : AffineMap::get(total, 0, {n}, ctx));
    return {ins.size() - 1, {}};
  };
  Parameter scale = parameter(1, weight.scale), zero;
  if (weight.zero)
    zero = parameter(2, weight.zero);
  if (integers) {
    ins.push_back(leftScale);
    maps.push_back(AffineMap::get(total, 0, ArrayRef<AffineExpr>(aMap).drop_back(), ctx));
  }
  maps.push_back(AffineMap::get(total, 0, yMap, ctx));
  SmallVector<utils::IteratorType> types(total, utils::IteratorType::parallel);
  types[total - 2] = types[total - 1] = utils::IteratorType::reduction;
  Type f32 = l.b.getF32Type();
  Value init = l.fill(out, f32, Lowering::scalar(l.b, l.loc(), f32, 0));
  Value y = l.generic(ins, init, maps, types, [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    int64_t same = zero.second ? cast<IntegerAttr>(zero.second).getInt() : 0;
    same = isUnsigned ? uint8_t(same) : same;
    Value by = scale.second ? arith::ConstantOp::create(b, loc, scale.second).getResult() : v[scale.first];
    if (integers) {
      Type word = b.getI32Type();
      auto wide = [&](Value byte) -> Value {
        return isUnsigned ? arith::ExtUIOp::create(b, loc, word, byte).getResult() : arith::ExtSIOp::create(b, loc, word, byte).getResult();
      };
      Value w = wide(v[1]);
      if (same)
        w = arith::SubIOp::create(b, loc, w, arith::ConstantIntOp::create(b, loc, same, 32));
      else if (weight.zero && !zero.second)
        w = arith::SubIOp::create(b, loc, w, wide(v[zero.first]));
      Value product = arith::MulIOp::create(b, loc, arith::ExtSIOp::create(b, loc, word, v[0]), w);
      Value scaled = arith::MulFOp::create(b, loc, arith::SIToFPOp::create(b, loc, f32, product), arith::MulFOp::create(b, loc, v[v.size() - 2], by));
      return arith::AddFOp::create(b, loc, v.back(), scaled);
    }
    Value w = byteAsFloat(b, loc, v[1], isUnsigned);
    if (same) {
      w = arith::SubFOp::create(b, loc, w, Lowering::scalar(b, loc, f32, double(same)));
    } else if (weight.zero && !zero.second) {
      w = arith::SubFOp::create(b, loc, w, byteAsFloat(b, loc, v[zero.first], isUnsigned));
    }
    w = arith::MulFOp::create(b, loc, w, by);
    return mulAdd(b, loc, v[0], w, v.back());
  });
  return single ? l.squeeze(y, {0}) : y;
}

} // namespace onnxc::lower
