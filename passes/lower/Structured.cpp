// The vocabulary of lowerings: structured computations (linalg, tensor).
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;
using utils::IteratorType;

namespace onnxc::lower {

Value Lowering::empty(ArrayRef<OpFoldResult> ds, Type storageElem) {
  return tensor::EmptyOp::create(b, loc(), ds, storageElem);
}

Value Lowering::fill(ArrayRef<OpFoldResult> ds, Type onnxElem, Value scalar) {
  Value init = empty(ds, storage(onnxElem));
  return linalg::FillOp::create(b, loc(), store(b, loc(), scalar, onnxElem), init).getResult(0);
}

Value Lowering::generic(ValueRange ins, Value init, ArrayRef<AffineMap> maps, ArrayRef<IteratorType> iterators,
                        function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  // The sizes that operands share by their maps are the same: what linalg takes for granted.
  SmallVector<OpFoldResult> extents(iterators.size());
  SmallVector<Value> operands(ins);
  operands.push_back(init);
  for (auto [operand, map] : llvm::reverse(llvm::zip_equal(operands, maps)))
    for (auto [i, expr] : llvm::enumerate(map.getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
        OpFoldResult mine = dim(operand, i), &extent = extents[loop.getPosition()];
        if (!extent)
          extent = mine;
        else if (!sameSize(mine, extent))
          checkEqual(mine, extent, "dim " + Twine(i) + " of " + nameOf(operand));
      }
  // Without elements there is no iteration; linalg refuses maps whose last index is -1.
  auto isEmpty = [](Value v) { return llvm::is_contained(cast<RankedTensorType>(v.getType()).getShape(), 0); };
  if (llvm::any_of(ins, isEmpty) || isEmpty(init))
    return init;
  auto op = linalg::GenericOp::create(b, loc(), TypeRange{init.getType()}, ins, ValueRange{init}, maps, iterators,
                                      [&](OpBuilder &nb, Location l, ValueRange args) {
                                        linalg::YieldOp::create(nb, l, body(nb, l, args));
                                      });
  return op.getResult(0);
}

Value Lowering::map(ValueRange ins, ArrayRef<Type> elems, Type outElem, ScalarFn body) {
  return mapTo(broadcastDims(ins), ins, elems, outElem, body);
}

Value Lowering::mapTo(ArrayRef<OpFoldResult> outDims, ValueRange ins, ArrayRef<Type> elems, Type outElem, ScalarFn body) {
  int64_t r = outDims.size();
  Value init = empty(outDims, storage(outElem));
  SmallVector<AffineMap> maps;
  SmallVector<Value> direct;
  // Operands with a dim that may or may not broadcast are read by clamped index.
  SmallVector<int> directIndex;
  for (Value in : ins) {
    int64_t ri = rank(in);
    SmallVector<AffineExpr> exprs;
    bool ambiguous = false;
    for (int64_t i = 0; i < ri; ++i) {
      int64_t d = r - ri + i;
      OpFoldResult mine = dim(in, i);
      auto x = staticDim(mine);
      if (x && *x == 1 && staticDim(outDims[d]) != 1)
        exprs.push_back(b.getAffineConstantExpr(0));
      else {
        exprs.push_back(b.getAffineDimExpr(d));
        if (x || sameSize(mine, outDims[d]))
          continue;
        ambiguous = true;
        Value size = dim64(*this, mine), wanted = dim64(*this, outDims[d]);
        Value fits = b.createOrFold<arith::OrIOp>(loc(), cmp64(*this, arith::CmpIPredicate::eq, size, c64(*this, 1)),
                                                  cmp64(*this, arith::CmpIPredicate::eq, size, wanted));
        check(fits, ONNXC_SHAPE_MISMATCH, "dim " + Twine(i) + " of " + nameOf(in) + ": got \1, wanted 1 or \2 to broadcast", size, wanted);
      }
    }
    if (ambiguous) {
      directIndex.push_back(-1);
      continue;
    }
    directIndex.push_back(direct.size());
    direct.push_back(in);
    maps.push_back(AffineMap::get(r, 0, exprs, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(r));
  SmallVector<IteratorType> iterators(r, IteratorType::parallel);
  SmallVector<Dims> ambiguousDims;
  for (auto [in, at] : llvm::zip(ins, directIndex))
    ambiguousDims.push_back(at < 0 ? dims(in) : Dims());
  return generic(direct, init, maps, iterators, [&](OpBuilder &nb, Location l, ValueRange args) {
    SmallVector<Value> scalars;
    for (size_t i = 0; i < ins.size(); ++i) {
      Value v;
      if (directIndex[i] >= 0) {
        v = args[directIndex[i]];
      } else {
        SmallVector<Value> indices;
        int64_t ri = rank(ins[i]);
        for (int64_t k = 0; k < ri; ++k) {
          Value one = arith::ConstantIndexOp::create(nb, l, 1), zero = arith::ConstantIndexOp::create(nb, l, 0);
          if (auto c = staticDim(ambiguousDims[i][k]); c && *c == 1) {
            indices.push_back(zero);
            continue;
          }
          Value index = linalg::IndexOp::create(nb, l, r - ri + k);
          if (!staticDim(ambiguousDims[i][k])) {
            Value isOne = arith::CmpIOp::create(nb, l, arith::CmpIPredicate::eq, cast<Value>(ambiguousDims[i][k]), one);
            index = arith::SelectOp::create(nb, l, isOne, zero, index);
          }
          indices.push_back(index);
        }
        v = tensor::ExtractOp::create(nb, l, ins[i], indices);
      }
      scalars.push_back(load(nb, l, v, elems[i]));
    }
    return store(nb, l, body(nb, l, scalars), outElem);
  });
}

Value Lowering::generate(ArrayRef<OpFoldResult> outDims, Type outElem, ScalarFn body) {
  int64_t r = outDims.size();
  SmallVector<IteratorType> iterators(r, IteratorType::parallel);
  return generic({}, empty(outDims, storage(outElem)), {b.getMultiDimIdentityMap(r)}, iterators,
                 [&](OpBuilder &nb, Location l, ValueRange) {
                   SmallVector<Value> indices;
                   for (int64_t i = 0; i < r; ++i)
                     indices.push_back(linalg::IndexOp::create(nb, l, i));
                   return store(nb, l, body(nb, l, indices), outElem);
                 });
}

Value Lowering::at(OpBuilder &b, Location loc, Value tensor, ValueRange indices, Type onnxElem) {
  return load(b, loc, tensor::ExtractOp::create(b, loc, tensor, indices), onnxElem);
}

Value Lowering::reduce(Value in, Type inElem, ArrayRef<int64_t> axes, Type accElem, Value init, ScalarFn combine) {
  int64_t r = rank(in);
  SmallVector<IteratorType> iterators(r, IteratorType::parallel);
  for (int64_t a : axes)
    iterators[a] = IteratorType::reduction;
  Dims outDims;
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < r; ++i)
    if (iterators[i] == IteratorType::parallel) {
      outDims.push_back(dim(in, i));
      exprs.push_back(b.getAffineDimExpr(i));
    }
  // f16/bf16 accumulate in f32: the accumulator tensor has the compute type.
  Type acc = compute(accElem) == storage(accElem) || accElem.isInteger(1) ? accElem : compute(accElem);
  Value out = generic({in}, fill(outDims, acc, init),
                      {b.getMultiDimIdentityMap(r), AffineMap::get(r, 0, exprs, b.getContext())}, iterators,
                      [&](OpBuilder &nb, Location l, ValueRange args) {
                        Value e = load(nb, l, args[0], inElem), a = load(nb, l, args[1], acc);
                        return store(nb, l, combine(nb, l, {e, a}), acc);
                      });
  if (acc == accElem)
    return out;
  return map({out}, {acc}, accElem, [](OpBuilder &, Location, ValueRange v) { return v[0]; });
}

Value Lowering::transpose(Value in, ArrayRef<int64_t> perm) {
  int64_t r = rank(in);
  bool identity = true, inOrder = true;
  int64_t last = -1; // the last dim met that is not of extent 1
  Dims outDims;
  SmallVector<AffineExpr> exprs(r);
  for (int64_t i = 0; i < r; ++i) {
    identity &= perm[i] == i;
    outDims.push_back(dim(in, perm[i]));
    exprs[perm[i]] = b.getAffineDimExpr(i);
    if (staticDim(outDims.back()) == 1)
      continue;
    inOrder &= perm[i] > last;
    last = perm[i];
  }
  if (identity)
    return in;
  // Dims of extent 1 move for nothing.
  if (inOrder && cast<RankedTensorType>(in.getType()).hasStaticShape())
    return reshape(in, outDims);
  SmallVector<IteratorType> iterators(r, IteratorType::parallel);
  Type t = cast<RankedTensorType>(in.getType()).getElementType();
  return generic({in}, empty(outDims, t), {AffineMap::get(r, 0, exprs, b.getContext()), b.getMultiDimIdentityMap(r)},
                 iterators, [](OpBuilder &, Location, ValueRange args) { return args[0]; });
}

/// Factors of a product of sizes: constants as one number, others as values.
static int64_t factorsOf(ArrayRef<OpFoldResult> dims, SmallVectorImpl<Value> &factors) {
  int64_t known = 1;
  SmallVector<OpFoldResult> work(dims);
  while (!work.empty()) {
    OpFoldResult d = work.pop_back_val();
    if (auto n = Lowering::staticDim(d))
      (void)llvm::MulOverflow(known, *n, known);
    else if (auto product = cast<Value>(d).getDefiningOp<arith::MulIOp>())
      work.append({product.getLhs(), product.getRhs()});
    else
      factors.push_back(cast<Value>(d));
  }
  return known;
}

/// By its form, the number of elements stays the same.
static bool sameProduct(ArrayRef<OpFoldResult> a, ArrayRef<OpFoldResult> c) {
  SmallVector<Value> mine, theirs;
  if (factorsOf(a, mine) != factorsOf(c, theirs) || mine.size() != theirs.size())
    return false;
  for (Value v : mine) {
    auto *same = llvm::find_if(theirs, [&](Value w) { return Lowering::sameSize(v, w); });
    if (same == theirs.end())
      return false;
    theirs.erase(same);
  }
  return true;
}

Value Lowering::reshape(Value in, ArrayRef<OpFoldResult> newDims, bool isChecked) {
  if (!isChecked && !sameProduct(dims(in), newDims)) {
    Value fits, got = productOf(newDims, fits), wanted = dim64(*this, product(dims(in)));
    Value same = b.createOrFold<arith::AndIOp>(loc(), fits, cmp64(*this, arith::CmpIPredicate::eq, got, wanted));
    check(same, ONNXC_SHAPE_MISMATCH, "elements of " + nameOf(in) + " after a change of shape: got \1, wanted \2", got, wanted);
  }
  auto type = cast<RankedTensorType>(in.getType());
  SmallVector<int64_t> shape;
  for (OpFoldResult d : newDims)
    shape.push_back(staticDim(d).value_or(ShapedType::kDynamic));
  auto outType = RankedTensorType::get(shape, type.getElementType());
  if (type == outType && type.hasStaticShape())
    return in;
  // Views of a tensor without elements have no types that all dialects agree on.
  if (llvm::is_contained(type.getShape(), 0) || llvm::is_contained(shape, 0))
    return empty(newDims, type.getElementType());
  int64_t r = type.getRank(), ro = newDims.size();
  auto allOf = [](int64_t n) {
    SmallVector<ReassociationIndices> g(1);
    for (int64_t i = 0; i < n; ++i)
      g[0].push_back(i);
    return g;
  };
  if (type.hasStaticShape() && outType.hasStaticShape()) {
    if (auto groups = getReassociationIndicesForReshape(type, outType)) {
      if (r > ro)
        return tensor::CollapseShapeOp::create(b, loc(), outType, in, *groups);
      if (r < ro)
        return tensor::ExpandShapeOp::create(b, loc(), outType, in, *groups);
    }
  }
  // Through one dim.
  Value flat = in;
  if (r == 0)
    flat = tensor::ExpandShapeOp::create(b, loc(), RankedTensorType::get({1}, type.getElementType()), in,
                                         ArrayRef<ReassociationIndices>{});
  else if (r > 1)
    flat = tensor::CollapseShapeOp::create(b, loc(), in, allOf(r));
  if (ro == 1) {
    return castTo(flat, outType);
  }
  if (ro == 0) {
    if (cast<RankedTensorType>(flat.getType()).isDynamicDim(0))
      flat = castTo(flat, RankedTensorType::get({1}, type.getElementType()));
    return tensor::CollapseShapeOp::create(b, loc(), outType, flat, ArrayRef<ReassociationIndices>{});
  }
  // expand_shape wants a dynamic source dim when a result dim is dynamic, and a static one otherwise.
  auto flatType = cast<RankedTensorType>(flat.getType());
  if (outType.hasStaticShape() && flatType.isDynamicDim(0))
    flat = castTo(flat, RankedTensorType::get({outType.getNumElements()}, type.getElementType()));
  if (!outType.hasStaticShape() && !flatType.isDynamicDim(0))
    flat = castTo(flat, RankedTensorType::get({ShapedType::kDynamic}, type.getElementType()));
  return tensor::ExpandShapeOp::create(b, loc(), outType, flat, allOf(ro), newDims);
}

Value Lowering::unsqueeze(Value in, ArrayRef<int64_t> axes) {
  if (axes.empty())
    return in;
  int64_t ro = rank(in) + axes.size();
  Dims out;
  int64_t next = 0;
  for (int64_t i = 0; i < ro; ++i)
    out.push_back(llvm::is_contained(axes, i) ? idx(1) : dim(in, next++));
  return reshape(in, out);
}

Value Lowering::squeeze(Value in, ArrayRef<int64_t> axes) {
  if (axes.empty())
    return in;
  Dims out;
  for (int64_t i = 0, r = rank(in); i < r; ++i)
    if (!llvm::is_contained(axes, i))
      out.push_back(dim(in, i));
  return reshape(in, out);
}

Value Lowering::insertSlice(Value in, Value whole, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes) {
  auto isEmpty = [](Value v) { return llvm::is_contained(cast<RankedTensorType>(v.getType()).getShape(), 0); };
  if (isEmpty(in) || isEmpty(whole))
    return whole;
  Dims strides(sizes.size(), idx(1));
  return tensor::InsertSliceOp::create(b, loc(), in, whole, offsets, sizes, strides);
}

Value Lowering::pad(Value in, ArrayRef<OpFoldResult> low, ArrayRef<OpFoldResult> high, Type onnxElem, Value scalar) {
  auto zero = [&](OpFoldResult d) { return staticDim(d) == 0; };
  if (llvm::all_of(low, zero) && llvm::all_of(high, zero))
    return in;
  Dims size = dims(in), outDims;
  for (size_t i = 0; i < size.size(); ++i)
    outDims.push_back(add(add(low[i], size[i]), high[i]));
  return insertSlice(in, fill(outDims, onnxElem, scalar), Dims(low), size);
}

Value Lowering::slice(Value in, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
                      ArrayRef<OpFoldResult> strides) {
  // A slice of nothing may begin at the very end, where a view may not.
  auto isZero = [](OpFoldResult d) { return staticDim(d) == 0; };
  if (llvm::any_of(sizes, isZero) || llvm::any_of(dims(in), isZero))
    return empty(sizes, cast<RankedTensorType>(in.getType()).getElementType());
  return tensor::ExtractSliceOp::create(b, loc(), in, offsets, sizes, strides);
}

Value Lowering::concat(ValueRange ins, int64_t axis) {
  if (ins.size() == 1)
    return ins[0];
  Dims outDims = dims(ins[0]);
  for (Value v : ins.drop_front()) {
    Dims d = dims(v);
    for (size_t i = 0; i < d.size(); ++i) {
      if (int64_t(i) == axis)
        outDims[i] = add(outDims[i], d[i]);
      else if (staticDim(d[i]))
        outDims[i] = d[i];
    }
  }
  for (auto [n, v] : llvm::enumerate(ins))
    for (auto [i, d] : llvm::enumerate(dims(v)))
      if (int64_t(i) != axis && !sameSize(d, outDims[i]))
        checkEqual(d, outDims[i], "dim " + Twine(i) + " of part " + Twine(n));
  Value acc = empty(outDims, cast<RankedTensorType>(ins[0].getType()).getElementType());
  OpFoldResult at = idx(0);
  for (Value v : ins) {
    Dims sizes = dims(v), offsets(sizes.size(), idx(0));
    offsets[axis] = at;
    at = add(at, sizes[axis]);
    acc = insertSlice(v, acc, offsets, sizes);
  }
  return acc;
}

} // namespace onnxc::lower
