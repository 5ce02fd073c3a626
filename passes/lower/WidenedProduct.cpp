// Products of floats and constant bytes:
//   y[m, n] = sum over k of a[m, k] * ((w[k, n] - zero) * scale)
// as one contraction whose body widens the weight, so that memory holds it as
// narrow as it is.  Rows that share a scale are a loop of their own.
#include "passes/lower/Matmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
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
  SmallVector<Value> ins{l.reshape(a, dims, /*isChecked=*/true), constantAs(l, l.in(op, 0), shape)};
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
  maps.push_back(AffineMap::get(total, 0, yMap, ctx));
  SmallVector<utils::IteratorType> types(total, utils::IteratorType::parallel);
  types[total - 2] = types[total - 1] = utils::IteratorType::reduction;
  Type f32 = l.b.getF32Type();
  Value init = l.fill(out, f32, Lowering::scalar(l.b, l.loc(), f32, 0));
  Value y = l.generic(ins, init, maps, types, [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    Value w = byteAsFloat(b, loc, v[1], isUnsigned);
    if (zero.second) {
      int64_t value = cast<IntegerAttr>(zero.second).getInt();
      if (value)
        w = arith::SubFOp::create(b, loc, w, Lowering::scalar(b, loc, f32, double(isUnsigned ? uint8_t(value) : value)));
    } else if (weight.zero) {
      w = arith::SubFOp::create(b, loc, w, byteAsFloat(b, loc, v[zero.first], isUnsigned));
    }
    w = arith::MulFOp::create(b, loc, w, scale.second ? arith::ConstantOp::create(b, loc, scale.second).getResult() : v[scale.first]);
    return mulAdd(b, loc, v[0], w, v.back());
  });
  return single ? l.squeeze(y, {0}) : y;
}

} // namespace onnxc::lower
