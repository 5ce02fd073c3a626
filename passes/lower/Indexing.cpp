// Lowering of ops that read by index: Gather, GatherElements, GatherND,
// ReverseSequence, and of those whose size depends on the data: Compress,
// NonZero.  Indices are wrapped and clamped, so that no read leaves its tensor.
#include "dialects/onnx/Onnx.h"
#include "passes/lower/Families.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using utils::IteratorType;
using P = arith::CmpIPredicate;

namespace onnxc::lower {

static Type storedElem(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

static Values indexValues(Lowering &l, ArrayRef<OpFoldResult> dims) {
  Values r;
  for (OpFoldResult d : dims)
    r.push_back(l.value(d));
  return r;
}

void checkWithin(Lowering &l, Operation *op, Value indices, Value data, int64_t axis) {
  for (int64_t d = 0, r = Lowering::rank(indices); d < r; ++d)
    if (d != axis)
      l.checkBetween(dim64(l, l.dim(indices, d)), 0, l.dim(data, d), "dim " + Twine(d) + " of " + Lowering::operandName(op, 1),
                     ONNXC_SHAPE_MISMATCH);
}

void checkTuples(Lowering &l, Operation *op, Value indices, ArrayRef<OpFoldResult> limits) {
  int64_t last = Lowering::rank(indices) - 1;
  Dims offsets(last + 1, l.idx(0)), sizes = l.dims(indices), strides(last + 1, l.idx(1));
  sizes[last] = l.idx(1);
  for (auto [i, limit] : llvm::enumerate(limits)) {
    offsets[last] = l.idx(i);
    l.checkIndices(l.slice(indices, offsets, sizes, strides), limit, Lowering::operandName(op, 1) + ", entry " + std::to_string(i) + " of a tuple");
  }
}

// ---- gathers --------------------------------------------------------------

/// Gather with constant indices from a short vector, or of one slice; null
/// when the general form is needed.
static Value simpleGather(Lowering &l, Value data, Value onnxIndices, int64_t axis) {
  auto known = Lowering::constInts(onnxIndices);
  auto shape = cast<ShapedType>(onnxIndices.getType());
  auto size = Lowering::staticDim(l.dim(data, axis));
  if (!known || !shape.hasStaticShape())
    return {};
  for (int64_t &i : *known) {
    if (i < 0 && !size)
      return {};
    i = i < 0 ? i + *size : i;
    if (i < 0 || (size && i >= *size))
      return {};
  }
  if (isShort(data) && Lowering::rank(data) == 1 && known->size() <= 16) {
    Values all = elements(l, data), picked;
    for (int64_t i : *known)
      picked.push_back(all[i]);
    return fromElements(l, shape.getShape(), storedElem(data), picked);
  }
  if (known->size() != 1 || shape.getRank() > 1 || !size)
    return {};
  int64_t r = Lowering::rank(data);
  Dims offsets(r, l.idx(0)), sizes = l.dims(data), strides(r, l.idx(1));
  offsets[axis] = l.idx(known->front());
  sizes[axis] = l.idx(1);
  Value slice = l.slice(data, offsets, sizes, strides);
  return shape.getRank() == 0 ? l.squeeze(slice, {axis}) : slice;
}

static LogicalResult lowerGather(onnx::GatherOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Value data = l.in(op, 0), indices = l.in(op, 1);
  int64_t r = Lowering::rank(data), q = Lowering::rank(indices), axis = l.axis(int64_t(op.getAxis()), r);
  if (Value v = simpleGather(l, data, op.getIndices(), axis)) {
    l.set(op, 0, v);
    return success();
  }
  Dims dataDims = l.dims(data), out(dataDims.begin(), dataDims.begin() + axis);
  llvm::append_range(out, l.dims(indices));
  out.append(dataDims.begin() + axis + 1, dataDims.end());
  Value limit = l.value(dataDims[axis]);
  // The bits of 8 are an index into 256 elements whatever they are: negative ones count from the end.
  bool table = storedElem(indices).isInteger(8) && Lowering::staticDim(dataDims[axis]) == 256;
  if (!table)
    l.checkIndices(indices, dataDims[axis], Lowering::operandName(op, 1));

  // Indices come through their map; the data is read at the index.
  int64_t n = out.size();
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < q; ++i)
    exprs.push_back(b.getAffineDimExpr(axis + i));
  SmallVector<IteratorType> iterators(n, IteratorType::parallel);
  l.set(op, 0,
        l.generic({indices}, l.empty(out, storedElem(data)),
                  {AffineMap::get(n, 0, exprs, b.getContext()), b.getMultiDimIdentityMap(n)}, iterators,
                  [&](OpBuilder &nb, Location loc, ValueRange args) -> Value {
                    Values at;
                    for (int64_t i = 0; i < axis; ++i)
                      at.push_back(linalg::IndexOp::create(nb, loc, i));
                    at.push_back(table ? arith::IndexCastUIOp::create(nb, loc, nb.getIndexType(), args[0]).getResult()
                                       : wrapIndex(nb, loc, args[0], limit));
                    for (int64_t i = axis + q; i < n; ++i)
                      at.push_back(linalg::IndexOp::create(nb, loc, i));
                    return tensor::ExtractOp::create(nb, loc, data, at);
                  }));
  return success();
}

static LogicalResult lowerGatherElements(onnx::GatherElementsOp op, Lowering &l) {
  Value data = l.in(op, 0), indices = l.in(op, 1);
  int64_t r = Lowering::rank(data), axis = l.axis(int64_t(op.getAxis()), r);
  Value limit = l.value(l.dim(data, axis));
  l.checkIndices(indices, l.dim(data, axis), Lowering::operandName(op, 1));
  checkWithin(l, op, indices, data, axis);
  AffineMap id = l.b.getMultiDimIdentityMap(r);
  SmallVector<IteratorType> iterators(r, IteratorType::parallel);
  l.set(op, 0,
        l.generic({indices}, l.empty(l.dims(indices), storedElem(data)), {id, id}, iterators,
                  [&](OpBuilder &nb, Location loc, ValueRange args) -> Value {
                    Values at;
                    for (int64_t i = 0; i < r; ++i)
                      at.push_back(i == axis ? wrapIndex(nb, loc, args[0], limit)
                                             : linalg::IndexOp::create(nb, loc, i).getResult());
                    return tensor::ExtractOp::create(nb, loc, data, at);
                  }));
  return success();
}

static LogicalResult lowerGatherND(onnx::GatherNDOp op, Lowering &l) {
  Value data = l.in(op, 0), indices = l.in(op, 1);
  int64_t r = Lowering::rank(data), q = Lowering::rank(indices), batch = int64_t(op.getBatchDims());
  Dims dataDims = l.dims(data), indexDims = l.dims(indices);
  auto k = Lowering::staticDim(indexDims[q - 1]);
  if (!k || batch + *k > r)
    return l.fail(op, "the length of an index tuple must be known at compile time and fit the data's rank");
  Dims out(indexDims.begin(), indexDims.end() - 1);
  out.append(dataDims.begin() + batch + *k, dataDims.end());
  Values limits = indexValues(l, dataDims);
  for (int64_t d = 0; d < batch; ++d)
    l.checkEqual(indexDims[d], dataDims[d], "dim " + Twine(d) + " of " + Lowering::operandName(op, 1));
  checkTuples(l, op, indices, ArrayRef<OpFoldResult>(dataDims).slice(batch, *k));
  Type stored = storedElem(data);
  l.set(op, 0, l.generate(out, stored, [&](OpBuilder &b, Location loc, ValueRange ivs) {
    Values at(ivs.begin(), ivs.begin() + batch);
    for (int64_t i = 0; i < *k; ++i) {
      Values tuple(ivs.begin(), ivs.begin() + (q - 1));
      tuple.push_back(arith::ConstantIndexOp::create(b, loc, i));
      Value v = tensor::ExtractOp::create(b, loc, indices, tuple);
      at.push_back(wrapIndex(b, loc, v, limits[batch + i]));
    }
    at.append(ivs.begin() + (q - 1), ivs.end());
    return Lowering::at(b, loc, data, at, stored);
  }));
  return success();
}

static LogicalResult lowerReverseSequence(onnx::ReverseSequenceOp op, Lowering &l) {
  Value in = l.in(op, 0), lens = l.in(op, 1);
  int64_t r = Lowering::rank(in);
  int64_t batch = l.axis(int64_t(op.getBatchAxis()), r), time = l.axis(int64_t(op.getTimeAxis()), r);
  Value limit = l.value(l.dim(in, time));
  l.checkEqual(l.dim(lens, 0), l.dim(in, batch), "length of " + Lowering::operandName(op, 1));
  l.checkElements(lens, c64(l, 0), add64(l, dim64(l, limit), c64(l, 1)), ONNXC_INDEX_OUT_OF_RANGE, Lowering::operandName(op, 1),
                  "0 to \2", dim64(l, limit));
  Type stored = storedElem(in);
  l.set(op, 0, l.generate(l.dims(in), stored, [&](OpBuilder &b, Location loc, ValueRange ivs) {
    // Below the sequence's length t reads len - 1 - t.
    Value len = tensor::ExtractOp::create(b, loc, lens, ivs[batch]);
    len = arith::IndexCastOp::create(b, loc, b.getIndexType(), len);
    len = arith::MinSIOp::create(b, loc, len, limit);
    Value t = ivs[time], one = arith::ConstantIndexOp::create(b, loc, 1);
    Value mirrored = arith::SubIOp::create(b, loc, arith::SubIOp::create(b, loc, len, one).getResult(), t);
    Value inside = arith::CmpIOp::create(b, loc, P::slt, t, len);
    Values at(ivs);
    at[time] = arith::SelectOp::create(b, loc, inside, mirrored, t);
    return Lowering::at(b, loc, in, at, stored);
  }));
  return success();
}

// ---- data-dependent sizes ---------------------------------------------------

/// i1 -> 0 or 1 as index.
static Value asCount(Lowering &l, Value flag) {
  return arith::IndexCastUIOp::create(l.b, l.loc(), l.b.getIndexType(), flag);
}

/// Positions i < n for which `holds(i)`, ascending: counted first, so that the
/// tensor has its exact size.
static Value positionsWhere(Lowering &l, Value n, function_ref<Value(Value)> holds) {
  OpBuilder &b = l.b;
  Value count = forLoop(l, l.index(0), n, l.index(0), [&](Value i, ValueRange s) {
    return Values{arith::AddIOp::create(b, l.loc(), s[0], asCount(l, holds(i)))};
  })[0];
  // One more entry than needed: every position is written, only hits advance.
  Value room = arith::AddIOp::create(b, l.loc(), count, l.index(1));
  Value list = l.empty({OpFoldResult(room)}, b.getIndexType());
  Values r = forLoop(l, l.index(0), n, {l.index(0), list}, [&](Value i, ValueRange s) {
    Value out = insert(l, i, s[1], s[0]);
    return Values{arith::AddIOp::create(b, l.loc(), s[0], asCount(l, holds(i))), out};
  });
  return l.slice(r[1], {l.idx(0)}, {OpFoldResult(count)}, {l.idx(1)});
}

static LogicalResult lowerCompress(onnx::CompressOp op, Lowering &l) {
  Value in = l.in(op, 0), condition = l.in(op, 1);
  int64_t axis = 0;
  if (auto a = op.getAxis())
    axis = l.axis(int64_t(*a), Lowering::rank(in));
  else
    in = l.reshape(in, {l.product(l.dims(in))});
  Dims dims = l.dims(in);
  Value n = l.value(l.min(dims[axis], l.dim(condition, 0)));
  Type flag = l.b.getI1Type();
  Value list = positionsWhere(l, n, [&](Value i) {
    return Lowering::load(l.b, l.loc(), extract(l, condition, i), flag);
  });
  dims[axis] = l.dim(list, 0);
  Type stored = storedElem(in);
  l.set(op, 0, l.generate(dims, stored, [&](OpBuilder &b, Location loc, ValueRange ivs) {
    Values at(ivs);
    at[axis] = tensor::ExtractOp::create(b, loc, list, ivs[axis]);
    return Lowering::at(b, loc, in, at, stored);
  }));
  return success();
}

static LogicalResult lowerNonZero(onnx::NonZeroOp op, Lowering &l) {
  Value in = l.in(op, 0);
  Type elem = Lowering::elem(op.getX()), i1 = l.b.getI1Type();
  Dims dims = l.dims(in);
  int64_t r = dims.size();
  Value flat = l.reshape(in, {l.product(dims)});
  Value list = positionsWhere(l, l.value(l.dim(flat, 0)), [&](Value i) {
    Value v = Lowering::load(l.b, l.loc(), extract(l, flat, i), elem);
    return Lowering::convert(l.b, l.loc(), v, elem, i1);
  });
  // Row d of the result: (position / product of the dims after d) mod dim d.
  // The rows are few; each is written by its own generic.
  OpFoldResult count = l.dim(list, 0);
  Type i64 = l.b.getI64Type();
  Value result = l.empty({l.idx(r), count}, i64);
  for (int64_t d = 0; d < r; ++d) {
    Value after = l.value(l.product(ArrayRef<OpFoldResult>(dims).drop_front(d + 1)));
    Value size = l.value(dims[d]);
    Value row = l.generate({l.idx(1), count}, i64, [&](OpBuilder &b, Location loc, ValueRange ivs) -> Value {
      Value p = tensor::ExtractOp::create(b, loc, list, ivs[1]);
      p = arith::DivUIOp::create(b, loc, p, after);
      p = arith::RemUIOp::create(b, loc, p, size);
      return arith::IndexCastOp::create(b, loc, i64, p);
    });
    result = l.insertSlice(row, result, {l.idx(d), l.idx(0)}, {l.idx(1), count});
  }
  l.set(op, 0, result);
  return success();
}

void registerIndexing(Registry &r) {
  r.add<onnx::GatherOp>(lowerGather);
  r.add<onnx::GatherElementsOp>(lowerGatherElements);
  r.add<onnx::GatherNDOp>(lowerGatherND);
  r.add<onnx::ReverseSequenceOp>(lowerReverseSequence);
  r.add<onnx::CompressOp>(lowerCompress);
  r.add<onnx::NonZeroOp>(lowerNonZero);
  registerScatter(r);
}

} // namespace onnxc::lower
