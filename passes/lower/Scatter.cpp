// Lowering of ops that write by index: ScatterElements, ScatterND and
// TensorScatter.  They are loops over the updates on a copy of the data, which
// bufferization makes in place where the data dies.
#include "dialects/onnx/Onnx.h"
#include "passes/lower/Families.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

using namespace mlir;

namespace onnxc::lower {

/// out[at] = combine(out[at], update), by the op's `reduction`.
static Value combineAt(Lowering &l, StringRef reduction, Value out, ValueRange at, Value update, Type elem) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  if (reduction == "none")
    return insert(l, update, out, at);
  Value a = Lowering::at(b, loc, out, at, elem), c = Lowering::load(b, loc, update, elem), r;
  bool isFloat = isa<FloatType>(a.getType()), isUnsigned = Lowering::isUnsigned(elem);
  if (reduction == "add" && elem.isInteger(1))
    r = arith::OrIOp::create(b, loc, a, c);
  else if (reduction == "add")
    r = isFloat ? arith::AddFOp::create(b, loc, a, c).getResult() : arith::AddIOp::create(b, loc, a, c).getResult();
  else if (reduction == "mul")
    r = isFloat ? arith::MulFOp::create(b, loc, a, c).getResult() : arith::MulIOp::create(b, loc, a, c).getResult();
  else if (reduction == "max")
    r = isFloat      ? arith::MaximumFOp::create(b, loc, a, c).getResult()
        : isUnsigned ? arith::MaxUIOp::create(b, loc, a, c).getResult()
                     : arith::MaxSIOp::create(b, loc, a, c).getResult();
  else
    r = isFloat      ? arith::MinimumFOp::create(b, loc, a, c).getResult()
        : isUnsigned ? arith::MinUIOp::create(b, loc, a, c).getResult()
                     : arith::MinSIOp::create(b, loc, a, c).getResult();
  return insert(l, Lowering::store(b, loc, r, elem), out, at);
}

static bool knownReduction(StringRef r) {
  return r == "none" || r == "add" || r == "mul" || r == "max" || r == "min";
}

static LogicalResult lowerScatterElements(onnx::ScatterElementsOp op, Lowering &l) {
  Value data = l.in(op, 0), indices = l.in(op, 1), updates = l.in(op, 2);
  Type elem = Lowering::elem(op.getData());
  std::string reduction = op.getReduction().str();
  if (!knownReduction(reduction))
    return l.fail(op, "reduction '" + reduction + "' is not known");
  int64_t axis = l.axis(int64_t(op.getAxis()), Lowering::rank(data));
  Value limit = l.value(l.dim(data, axis));
  l.checkIndices(indices, l.dim(data, axis), Lowering::operandName(op, 1));
  checkWithin(l, op, indices, data, axis);
  for (auto [d, n] : llvm::enumerate(l.dims(updates)))
    l.checkEqual(n, l.dim(indices, int64_t(d)), "dim " + Twine(d) + " of " + Lowering::operandName(op, 2));
  l.set(op, 0, forNest(l, l.dims(indices), data, [&](ValueRange ivs, ValueRange s) {
          Values at(ivs);
          at[axis] = wrapIndex(l.b, l.loc(), extract(l, indices, ivs), limit);
          return Values{combineAt(l, reduction, s[0], at, extract(l, updates, ivs), elem)};
        })[0]);
  return success();
}

static LogicalResult lowerScatterND(onnx::ScatterNDOp op, Lowering &l) {
  Value data = l.in(op, 0), indices = l.in(op, 1), updates = l.in(op, 2);
  Type elem = Lowering::elem(op.getData());
  std::string reduction = op.getReduction().str();
  if (!knownReduction(reduction))
    return l.fail(op, "reduction '" + reduction + "' is not known");
  int64_t q = Lowering::rank(indices);
  Dims dataDims = l.dims(data), indexDims = l.dims(indices);
  auto k = Lowering::staticDim(indexDims[q - 1]);
  if (!k || *k > Lowering::rank(data))
    return l.fail(op, "the length of an index tuple must be known at compile time and fit the data's rank");
  Values limits;
  for (int64_t i = 0; i < *k; ++i)
    limits.push_back(l.value(dataDims[i]));

  // For every tuple: where its slice starts, then the slice's elements.
  Dims tuples(indexDims.begin(), indexDims.end() - 1), slice(dataDims.begin() + *k, dataDims.end());
  checkTuples(l, op, indices, ArrayRef<OpFoldResult>(dataDims).take_front(*k));
  Dims wanted(tuples);
  wanted.append(slice);
  for (auto [d, pair] : llvm::enumerate(llvm::zip(l.dims(updates), wanted)))
    l.checkEqual(std::get<0>(pair), std::get<1>(pair), "dim " + Twine(d) + " of " + Lowering::operandName(op, 2));
  l.set(op, 0, forNest(l, tuples, data, [&](ValueRange outer, ValueRange s) {
          Values target, tuple(outer);
          tuple.push_back(Value());
          for (int64_t i = 0; i < *k; ++i) {
            tuple.back() = l.index(i);
            target.push_back(wrapIndex(l.b, l.loc(), extract(l, indices, tuple), limits[i]));
          }
          Values from(outer);
          return forNest(l, slice, s, [&](ValueRange inner, ValueRange t) {
            Values at(target), source(from);
            llvm::append_range(at, inner);
            llvm::append_range(source, inner);
            return Values{combineAt(l, reduction, t[0], at, extract(l, updates, source), elem)};
          });
        })[0]);
  return success();
}

static LogicalResult lowerTensorScatter(onnx::TensorScatterOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Value cache = l.in(op, 0), update = l.in(op, 1);
  Value starts = Lowering::has(op, 2) ? l.in(op, 2) : Value();
  int64_t axis = l.axis(int64_t(op.getAxis()), Lowering::rank(cache));
  bool circular = op.getMode() == "circular";
  Value limit = l.value(l.dim(cache, axis));
  Value room = dim64(l, limit), used = dim64(l, l.dim(update, axis));
  for (auto [d, n] : llvm::enumerate(l.dims(update)))
    if (int64_t(d) != axis)
      l.checkEqual(n, l.dim(cache, int64_t(d)), "dim " + Twine(d) + " of " + Lowering::operandName(op, 1));
  l.checkBetween(used, 0, limit, "dim " + Twine(axis) + " of " + Lowering::operandName(op, 1), ONNXC_SHAPE_MISMATCH);
  if (starts)
    l.checkEqual(l.dim(starts, 0), l.dim(cache, 0), "length of " + Lowering::operandName(op, 2));
  // Where an update starts: anywhere in a ring, else so that it ends within the cache.
  if (starts && !l.options.clampIndices) {
    Value last = circular ? sub64(l, room, c64(l, 1)) : sub64(l, room, used);
    l.checkElements(starts, c64(l, 0), add64(l, last, c64(l, 1)), ONNXC_INDEX_OUT_OF_RANGE, Lowering::operandName(op, 2), "0 to \2", last);
  }
  l.set(op, 0, forNest(l, l.dims(update), cache, [&](ValueRange ivs, ValueRange s) {
          Location loc = l.loc();
          Values at(ivs);
          if (starts) {
            Value start = extract(l, starts, ivs[0]);
            if (!start.getType().isIndex())
              start = arith::IndexCastOp::create(b, loc, b.getIndexType(), start);
            at[axis] = arith::AddIOp::create(b, loc, start, ivs[axis]);
          }
          if (circular)
            at[axis] = arith::RemSIOp::create(b, loc, at[axis], limit);
          at[axis] = wrapIndex(b, loc, at[axis], limit);
          return Values{insert(l, extract(l, update, ivs), s[0], at)};
        })[0]);
  return success();
}

void registerScatter(Registry &r) {
  r.add<onnx::ScatterElementsOp>(lowerScatterElements);
  r.add<onnx::ScatterNDOp>(lowerScatterND);
  r.add<onnx::TensorScatterOp>(lowerTensorScatter);
}

} // namespace onnxc::lower
