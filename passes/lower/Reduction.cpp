// Reductions along axes, arg reductions, cumulative ops and the softmax
// family.
//
// A reduction is a row: what an element contributes, how contributions
// combine, and what is done with the total.  Axes known at compile time give
// one linalg reduction; axes computed at run time give a loop nest per result
// element whose bounds depend on the axes.
#include "dialects/onnx/Onnx.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Families.h"
#include "passes/lower/ScalarBuilder.h"
#include "passes/lower/Scalars.h"
#include "passes/lower/Window.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace onnxc::lower {

namespace {

using S = ScalarBuilder;

struct ReduceRow {
  const char *name;
  Value (*init)(S &);
  Value (*contribution)(S &, Value x);
  Value (*combine)(S &, Value x, Value acc);
  /// `count`: number of reduced elements, in the type of `total`.
  Value (*finish)(S &, Value total, Value count);
};

} // namespace

//===----------------------------------------------------------------------===//
// Reduce*
//===----------------------------------------------------------------------===//

static Value zero(S &s) { return s.num(0); }
static Value one(S &s) { return s.num(1); }
static Value lowest(S &s) { return Lowering::lowest(s.b, s.loc, s.elem); }
static Value highest(S &s) { return Lowering::highest(s.b, s.loc, s.elem); }
static Value itself(S &, Value x) { return x; }
static Value magnitude(S &s, Value x) { return s.abs(x); }
static Value square(S &s, Value x) { return s.mul(x, x); }
static Value sum(S &s, Value x, Value acc) { return s.accumulate(x, acc); }
static Value product(S &s, Value x, Value acc) { return s.mul(acc, x); }
static Value larger(S &s, Value x, Value acc) { return s.max(x, acc); }
static Value smaller(S &s, Value x, Value acc) { return s.min(x, acc); }
static Value total(S &, Value total, Value) { return total; }
/// The mean of no integers is 0: there is no number for it, and a division would trap.
static Value average(S &s, Value total, Value count) {
  return s.div(total, s.isFloat() ? count : s.max(count, s.num(1)));
}

/// A function of reals on what may be an integer, which is then computed in f64.
static Value inReals(S &s, Value x, function_ref<Value(S &, Value)> function) {
  if (s.isFloat())
    return function(s, x);
  Type f64 = s.b.getF64Type();
  S f(s.b, s.loc, f64);
  return Lowering::convert(s.b, s.loc, function(f, Lowering::convert(s.b, s.loc, x, s.elem, f64)), f64, s.elem);
}

static Value logarithm(S &s, Value total, Value) {
  return inReals(s, total, [](S &f, Value x) { return f.log(x); });
}
static Value root(S &s, Value total, Value) {
  return inReals(s, total, [](S &f, Value x) { return f.sqrt(x); });
}

static const ReduceRow reductions[] = {
    {"onnx.ReduceSum", zero, itself, sum, total},
    {"onnx.ReduceSumSquare", zero, square, sum, total},
    {"onnx.ReduceL1", zero, magnitude, sum, total},
    {"onnx.ReduceL2", zero, square, sum, root},
    {"onnx.ReduceMean", zero, itself, sum, average},
    {"onnx.ReduceLogSum", zero, itself, sum, logarithm},
    {"onnx.ReduceProd", one, itself, product, total},
    {"onnx.ReduceMax", lowest, itself, larger, total},
    {"onnx.ReduceMin", highest, itself, smaller, total},
};

namespace {

/// The axes of a Reduce op: either `known`, or one run-time flag per dim.
struct Axes {
  SmallVector<int64_t> known;
  SmallVector<Value> reduced; ///< i1 per dim; empty when known
  int64_t count = 0;
};

} // namespace

static std::optional<Axes> axesOf(Operation *op, Lowering &l, int64_t rank) {
  Axes axes;
  auto all = [&] {
    for (int64_t d = 0; d < rank; ++d)
      axes.known.push_back(d);
    axes.count = rank;
    return axes;
  };
  bool noop = intAttr(op, "noop_with_empty_axes", 0) != 0;
  if (!Lowering::has(op, 1))
    return noop ? axes : all();
  if (auto ints = Lowering::constInts(op->getOperand(1))) {
    if (ints->empty())
      return noop ? axes : all();
    for (int64_t a : *ints)
      axes.known.push_back(l.axis(a, rank));
    llvm::sort(axes.known);
    axes.known.erase(llvm::unique(axes.known), axes.known.end());
    axes.count = axes.known.size();
    return axes;
  }
  auto values = ints64(l, op->getOperand(1));
  if (!values)
    return std::nullopt;
  if (values->empty())
    return noop ? axes : all();
  l.checkAxes(*values, rank, Lowering::operandName(op, 1));
  if (int64_t(values->size()) == rank)
    return all();
  axes.count = values->size();
  for (int64_t d = 0; d < rank; ++d) {
    Value flag = isAxis(l, values->front(), d, rank);
    for (Value a : ArrayRef<Value>(*values).drop_front())
      flag = arith::OrIOp::create(l.b, l.loc(), flag, isAxis(l, a, d, rank));
    axes.reduced.push_back(flag);
  }
  return axes;
}

/// Element type that reductions of `elem` compute in: bool compares as bytes.
static Type reductionType(Type elem) {
  if (elem.isInteger(1))
    return IntegerType::get(elem.getContext(), 8, IntegerType::Unsigned);
  return elem;
}

/// Sum and maximum over given dims, by any of the two ways of knowing axes.
/// `fold` is called on nested loops: (element, acc) -> acc.
static Value foldRange(OpBuilder &b, Location loc, Value x, Type elem, ValueRange lower, ValueRange upper, Value init,
                       function_ref<Value(OpBuilder &, Location, Value, Value)> fold) {
  Value step = arith::ConstantIndexOp::create(b, loc, 1);
  SmallVector<Value> steps(lower.size(), step);
  scf::LoopNest nest = scf::buildLoopNest(
      b, loc, lower, upper, steps, {init}, [&](OpBuilder &nb, Location nl, ValueRange ivs, ValueRange acc) {
        return scf::ValueVector{fold(nb, nl, Lowering::at(nb, nl, x, ivs, elem), acc[0])};
      });
  return nest.results.front();
}

/// Axes known only at run time.  With keepdims the result has the rank of the
/// input; without, the kept dims are compacted.
static Value reduceDynamic(Operation *op, Lowering &l, Value x, Type elem, const Axes &axes,
                           function_ref<Value(S &, ValueRange lower, ValueRange upper, OpFoldResult count)> element) {
  int64_t rank = Lowering::rank(x);
  Dims dims = l.dims(x), kept;
  Value zero = l.index(0), one = l.index(1);
  OpFoldResult count = l.idx(1);
  for (int64_t d = 0; d < rank; ++d) {
    Value flag = axes.reduced[d], extent = l.value(dims[d]);
    kept.push_back(arith::SelectOp::create(l.b, l.loc(), flag, one, extent).getResult());
    count = l.mul(count, arith::SelectOp::create(l.b, l.loc(), flag, extent, one).getResult());
  }
  Value y = l.generate(kept, elem, [&](OpBuilder &b, Location loc, ValueRange at) {
    S s(b, loc, wide(elem));
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    SmallVector<Value> lower, upper;
    for (int64_t d = 0; d < rank; ++d) {
      Value flag = axes.reduced[d];
      lower.push_back(s.select(flag, zero, at[d]));
      upper.push_back(s.select(flag, l.value(dims[d]), arith::AddIOp::create(b, loc, at[d], one)));
    }
    return element(s, lower, upper, count);
  });
  if (intAttr(op, "keepdims", 1))
    return y;
  // Result dim j is the j-th dim that is not reduced.
  Dims out;
  for (int64_t j = 0; j < rank - axes.count; ++j) {
    Value extent = one, before = zero;
    for (int64_t d = 0; d < rank; ++d) {
      Value isKept = arith::CmpIOp::create(l.b, l.loc(), arith::CmpIPredicate::eq, axes.reduced[d],
                                           arith::ConstantOp::create(l.b, l.loc(), l.b.getBoolAttr(false)));
      Value here = arith::AndIOp::create(
          l.b, l.loc(), isKept, arith::CmpIOp::create(l.b, l.loc(), arith::CmpIPredicate::eq, before, l.index(j)));
      extent = arith::SelectOp::create(l.b, l.loc(), here, l.value(dims[d]), extent);
      before = arith::AddIOp::create(l.b, l.loc(), before,
                                     arith::IndexCastUIOp::create(l.b, l.loc(), l.b.getIndexType(), isKept));
    }
    out.push_back(extent);
  }
  return l.reshape(y, refine(out, op->getResult(0).getType()));
}

static LogicalResult lowerReduce(Operation *op, Lowering &l, const ReduceRow &row) {
  Value x = l.in(op, 0);
  Type elem = reductionType(Lowering::elem(op->getOperand(0))), acc = wide(elem);
  std::optional<Axes> axes = axesOf(op, l, Lowering::rank(x));
  if (!axes)
    return l.fail(op, "the number of axes is not known at compile time");

  // The greatest bool, which the minimum of none is, is 1.
  bool isBool = Lowering::elem(op->getOperand(0)).isInteger(1);
  auto initial = [&](S &s) { return isBool ? s.min(row.init(s), s.num(1)) : row.init(s); };

  if (!axes->reduced.empty()) {
    l.set(op, 0, reduceDynamic(op, l, x, elem, *axes, [&](S &s, ValueRange lower, ValueRange upper, OpFoldResult count) {
            Value t = foldRange(s.b, s.loc, x, elem, lower, upper, initial(s),
                                [&](OpBuilder &b, Location loc, Value e, Value a) {
                                  S inner(b, loc, acc);
                                  return row.combine(inner, row.contribution(inner, e), a);
                                });
            return row.finish(s, t, countAs(s.b, s.loc, count, acc));
          }));
    return success();
  }

  OpFoldResult count = l.idx(1);
  for (int64_t a : axes->known)
    count = l.mul(count, l.dim(x, a));
  S outer(l.b, l.loc(), acc);
  if (axes->count == Lowering::rank(x) && knownAsScalars(x)) {
    // Arithmetic on shapes, such as the product of dims.
    Value t = initial(outer);
    for (Value v : elements(l, x))
      t = row.combine(outer, row.contribution(outer, Lowering::load(l.b, l.loc(), v, elem)), t);
    t = Lowering::store(l.b, l.loc(), row.finish(outer, t, countAs(l.b, l.loc(), count, acc)), elem);
    SmallVector<int64_t> shape(intAttr(op, "keepdims", 1) ? axes->count : 0, 1);
    l.set(op, 0, fromElements(l, shape, Lowering::storage(elem), t));
    return success();
  }
  Value y = l.reduce(x, elem, axes->known, acc, initial(outer), [&](OpBuilder &b, Location loc, ValueRange v) {
    S s(b, loc, acc);
    return row.combine(s, row.contribution(s, v[0]), v[1]);
  });
  if (row.finish != total || acc != elem)
    y = l.map({y}, {acc}, elem, [&](OpBuilder &b, Location loc, ValueRange v) {
      S s(b, loc, acc);
      return row.finish(s, v[0], countAs(b, loc, count, acc));
    });
  l.set(op, 0, intAttr(op, "keepdims", 1) ? l.unsqueeze(y, axes->known) : y);
  return success();
}

/// The maximum, or 0 where it is infinite, so that x - max is never NaN by itself.
static Value finite(S &s, Value m) {
  return s.select(s.eq(s.abs(m), s.num(std::numeric_limits<double>::infinity())), s.num(0), m);
}

/// log(sum(exp(x))) = m + log(sum(exp(x - m))) with m the maximum.
static LogicalResult lowerLogSumExp(Operation *op, Lowering &l) {
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  if (!isa<FloatType>(elem))
    return l.fail(op, "only float tensors are supported");
  std::optional<Axes> axes = axesOf(op, l, Lowering::rank(x));
  if (!axes)
    return l.fail(op, "the number of axes is not known at compile time");

  if (!axes->reduced.empty()) {
    l.set(op, 0, reduceDynamic(op, l, x, elem, *axes, [&](S &s, ValueRange lower, ValueRange upper, OpFoldResult) {
            Value m = foldRange(s.b, s.loc, x, elem, lower, upper, lowest(s),
                                [&](OpBuilder &b, Location loc, Value e, Value a) {
                                  S inner(b, loc, acc);
                                  return inner.max(e, a);
                                });
            m = finite(s, m);
            Value t = foldRange(s.b, s.loc, x, elem, lower, upper, s.num(0),
                                [&](OpBuilder &b, Location loc, Value e, Value a) {
                                  S inner(b, loc, acc);
                                  return inner.accumulate(inner.exp(inner.sub(e, m)), a);
                                });
            return s.add(s.log(t), m);
          }));
    return success();
  }

  S outer(l.b, l.loc(), acc);
  Value m = l.reduce(x, elem, axes->known, acc, lowest(outer),
                     [&](OpBuilder &b, Location loc, ValueRange v) { return S(b, loc, acc).max(v[0], v[1]); });
  m = l.map({m}, {acc}, acc, [&](OpBuilder &b, Location loc, ValueRange v) {
    S s(b, loc, acc);
    return finite(s, v[0]);
  });
  Value t = reduceWith(l, x, elem, {m}, {acc}, axes->known, acc, outer.num(0),
                       [&](OpBuilder &b, Location loc, ValueRange v) {
                         S s(b, loc, acc);
                         return s.accumulate(s.exp(s.sub(v[0], v[1])), v[2]);
                       });
  Value y = l.map({t, m}, {acc, acc}, elem, [&](OpBuilder &b, Location loc, ValueRange v) {
    S s(b, loc, acc);
    return s.add(s.log(v[0]), v[1]);
  });
  l.set(op, 0, intAttr(op, "keepdims", 1) ? l.unsqueeze(y, axes->known) : y);
  return success();
}

//===----------------------------------------------------------------------===//
// ArgMax, ArgMin, Hardmax
//===----------------------------------------------------------------------===//

/// Position (i64) of the extreme along `axis`, that dim dropped: the extreme
/// first, then the first (last) index whose element equals it.  A NaN counts
/// as the extreme.
static Value argExtreme(Lowering &l, Value x, Type elem, int64_t axis, bool isMax, bool last) {
  Type acc = wide(elem), i64 = l.b.getI64Type();
  S outer(l.b, l.loc(), acc);
  Value extreme = l.reduce(x, elem, {axis}, acc, isMax ? lowest(outer) : highest(outer),
                           [&](OpBuilder &b, Location loc, ValueRange v) {
                             S s(b, loc, acc);
                             return isMax ? s.max(v[0], v[1]) : s.min(v[0], v[1]);
                           });
  Value start = last ? outer.bits(i64, -1) : outer.bits(i64, std::numeric_limits<int64_t>::max());
  return reduceWith(l, x, elem, {extreme}, {acc}, {axis}, i64, start, [&](OpBuilder &b, Location loc, ValueRange v) {
    S s(b, loc, acc), position(b, loc, i64);
    Value hit = s.eq(v[0], v[1]);
    if (s.isFloat())
      hit = s.either(hit, s.isNaN(v[0]));
    Value here = arith::IndexCastOp::create(b, loc, i64, linalg::IndexOp::create(b, loc, axis));
    Value candidate = s.select(hit, here, position.bits(i64, last ? -1 : std::numeric_limits<int64_t>::max()));
    return last ? position.max(candidate, v[2]) : position.min(candidate, v[2]);
  });
}

template <bool isMax>
static LogicalResult lowerArg(Operation *op, Lowering &l) {
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op->getOperand(0));
  if (Lowering::rank(x) == 0) {
    l.set(op, 0, l.fill({}, l.b.getI64Type(), Lowering::scalar(l.b, l.loc(), l.b.getI64Type(), 0)));
    return success();
  }
  int64_t axis = l.axis(intAttr(op, "axis", 0), Lowering::rank(x));
  Dims rest = l.dims(x);
  rest.erase(rest.begin() + axis);
  l.checkReadable(l.dim(x, axis), rest, "dim " + Twine(axis) + " of " + Lowering::operandName(op, 0));
  Value y = argExtreme(l, x, elem, axis, isMax, intAttr(op, "select_last_index", 0) != 0);
  l.set(op, 0, intAttr(op, "keepdims", 1) ? l.unsqueeze(y, {axis}) : y);
  return success();
}

static LogicalResult lowerHardmax(Operation *op, Lowering &l) {
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op->getOperand(0)), i64 = l.b.getI64Type();
  int64_t rank = Lowering::rank(x), axis = l.axis(intAttr(op, "axis", -1), rank);
  Value position = argExtreme(l, x, elem, axis, true, false);
  l.set(op, 0, mapWith(l, l.dims(x), {position}, {projection(l.b.getContext(), rank, {axis})}, {i64}, elem,
                       [&](OpBuilder &b, Location loc, ValueRange v) {
                         S s(b, loc, elem);
                         Value here = arith::IndexCastOp::create(b, loc, i64, linalg::IndexOp::create(b, loc, axis));
                         return s.select(s.eq(here, v[0]), s.num(1), s.num(0));
                       }));
  return success();
}

//===----------------------------------------------------------------------===//
// Softmax, LogSoftmax
//===----------------------------------------------------------------------===//

/// Maximum along `axis`, that dim dropped, in the accumulator type.  A NaN in
/// x need not win here: it comes through exp(x - max).
static Value rowMaximum(Lowering &l, Value x, Type elem, int64_t axis) {
  Type acc = wide(elem);
  return l.reduce(x, elem, {axis}, acc, Lowering::lowest(l.b, l.loc(), acc),
                  [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
                    return arith::MaxNumFOp::create(b, loc, v[0], v[1]);
                  });
}

/// What is stored of `v` is quantised: only elementwise ops stand before the QuantizeLinear.
static bool isQuantized(Value v) {
  return v.hasOneUse() && llvm::all_of(v.getUsers(), [](Operation *user) {
           return isa<onnx::QuantizeLinearOp>(user) || (user->hasTrait<onnx::Elementwise>() && user->getNumResults() == 1 && isQuantized(user->getResult(0)));
         });
}

/// exp(x - max) / sum(exp(x - max)). Between quantised tensors exponentials are computed twice, for the sum and for the
/// result: both come from bytes and end in bytes, and none is stored as a float.
static LogicalResult lowerSoftmax(Operation *op, Lowering &l) {
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  int64_t rank = Lowering::rank(x), axis = l.axis(intAttr(op, "axis", -1), rank);
  Dims dims = l.dims(x);
  AffineMap all = l.b.getMultiDimIdentityMap(rank), row = projection(l.b.getContext(), rank, {axis});
  Value m = rowMaximum(l, x, elem, axis);
  Value none = Lowering::scalar(l.b, l.loc(), acc, 0);
  auto exponential = [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    S s(b, loc, acc);
    return s.exp(s.sub(v[0], v[1]));
  };
  auto inverseOf = [&](Value total) {
    return l.map({total}, {acc}, acc, [&](OpBuilder &b, Location loc, ValueRange v) { return S(b, loc, acc).reciprocal(v[0]); });
  };
  if (op->getOperand(0).getDefiningOp<onnx::DequantizeLinearOp>() && isQuantized(op->getResult(0))) {
    Value total = reduceWith(l, x, elem, {m}, {acc}, {axis}, acc, none, [&](OpBuilder &b, Location loc, ValueRange v) {
      return S(b, loc, acc).accumulate(exponential(b, loc, v), v[2]);
    });
    l.set(op, 0, mapWith(l, dims, {x, m, inverseOf(total)}, {all, row, row}, {elem, acc, acc}, elem,
                         [&](OpBuilder &b, Location loc, ValueRange v) { return S(b, loc, acc).mul(exponential(b, loc, v), v[2]); }));
    return success();
  }
  Value e = mapWith(l, dims, {x, m}, {all, row}, {elem, acc}, acc, exponential);
  Value total = l.reduce(e, acc, {axis}, acc, none,
                         [&](OpBuilder &b, Location loc, ValueRange v) { return S(b, loc, acc).accumulate(v[0], v[1]); });
  Value inverse = inverseOf(total);
  l.set(op, 0, mapWith(l, dims, {e, inverse}, {all, row}, {acc, acc}, elem, [&](OpBuilder &b, Location loc, ValueRange v) {
          return S(b, loc, acc).mul(v[0], v[1]);
        }));
  return success();
}

/// (x - max) - log(sum(exp(x - max)))
static LogicalResult lowerLogSoftmax(Operation *op, Lowering &l) {
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  int64_t rank = Lowering::rank(x), axis = l.axis(intAttr(op, "axis", -1), rank);
  AffineMap all = l.b.getMultiDimIdentityMap(rank), row = projection(l.b.getContext(), rank, {axis});
  Value m = rowMaximum(l, x, elem, axis);
  Value total = reduceWith(l, x, elem, {m}, {acc}, {axis}, acc, Lowering::scalar(l.b, l.loc(), acc, 0),
                           [&](OpBuilder &b, Location loc, ValueRange v) {
                             S s(b, loc, acc);
                             return s.accumulate(s.exp(s.sub(v[0], v[1])), v[2]);
                           });
  Value logTotal =
      l.map({total}, {acc}, acc, [&](OpBuilder &b, Location loc, ValueRange v) { return S(b, loc, acc).log(v[0]); });
  l.set(op, 0, mapWith(l, l.dims(x), {x, m, logTotal}, {all, row, row}, {elem, acc, acc}, elem,
                       [&](OpBuilder &b, Location loc, ValueRange v) {
                         S s(b, loc, acc);
                         return s.sub(s.sub(v[0], v[1]), v[2]);
                       }));
  return success();
}

//===----------------------------------------------------------------------===//
// CumSum, CumProd
//===----------------------------------------------------------------------===//

/// Running total along an axis that may be known only at run time: x is seen
/// as (outer, n, inner) in one dim, and one loop goes line by line.
template <bool isProduct>
static LogicalResult lowerCumulative(Operation *op, Lowering &l) {
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  int64_t rank = Lowering::rank(x);
  bool exclusive = intAttr(op, "exclusive", 0) != 0, reverse = intAttr(op, "reverse", 0) != 0;
  if (rank == 0)
    return l.fail(op, "a scalar has no axis");
  Dims dims = l.dims(x);
  OpFoldResult n, inner = l.idx(1);
  if (auto a = Lowering::constInts(op->getOperand(1)); a && a->size() == 1) {
    if (a->front() < -rank || a->front() >= rank)
      return l.fail(op, "axis: got " + Twine(a->front()) + ", wanted " + Twine(-rank) + " to " + Twine(rank - 1));
    int64_t axis = l.axis(a->front(), rank);
    n = dims[axis];
    inner = l.product(ArrayRef<OpFoldResult>(dims).drop_front(axis + 1));
  } else {
    auto axis = ints64(l, op->getOperand(1));
    if (!axis || axis->size() != 1)
      return l.fail(op, "axis must be one integer");
    l.checkAxes(*axis, rank, Lowering::operandName(op, 1));
    n = l.idx(1);
    Value behind = arith::ConstantOp::create(l.b, l.loc(), l.b.getBoolAttr(false));
    for (int64_t d = 0; d < rank; ++d) {
      Value here = isAxis(l, axis->front(), d, rank), extent = l.value(dims[d]);
      inner = l.mul(inner, arith::SelectOp::create(l.b, l.loc(), behind, extent, l.index(1)).getResult());
      n = arith::SelectOp::create(l.b, l.loc(), here, extent, l.value(n)).getResult();
      behind = arith::OrIOp::create(l.b, l.loc(), behind, here);
    }
  }
  OpFoldResult size = l.product(dims);
  Value flat = l.reshape(x, {size}), out = l.empty({size}, Lowering::storage(elem));
  // Lengths of 0 leave nothing to do, but must not divide.
  Value count = l.value(l.max(n, l.idx(1))), stride = l.value(l.max(inner, l.idx(1)));
  Value zero = l.index(0), start = Lowering::scalar(l.b, l.loc(), acc, isProduct ? 1 : 0);

  auto index = [&](auto tag, Value a, Value c) { return l.b.createOrFold<decltype(tag)>(l.loc(), a, c); };
  Values inits{out, start};
  Values result = forLoop(l, zero, l.value(size), inits, [&](Value p, ValueRange carried) -> Values {
    Value row = index(arith::DivUIOp(), p, count), k = index(arith::RemUIOp(), p, count);
    Value begin = index(arith::MulIOp(), index(arith::MulIOp(), index(arith::DivUIOp(), row, stride), count), stride);
    Value first = index(arith::AddIOp(), begin, index(arith::RemUIOp(), row, stride));
    Value step = reverse ? index(arith::SubIOp(), index(arith::SubIOp(), count, l.index(1)), k) : k;
    Value at = index(arith::AddIOp(), first, index(arith::MulIOp(), step, stride));
    S s(l.b, l.loc(), acc);
    Value before = s.select(arith::CmpIOp::create(l.b, l.loc(), arith::CmpIPredicate::eq, k, zero), start, carried[1]);
    Value e = Lowering::at(l.b, l.loc(), flat, {at}, elem);
    Value next = isProduct ? s.mul(before, e) : s.add(before, e);
    Value stored = Lowering::store(l.b, l.loc(), exclusive ? before : next, elem);
    return {insert(l, stored, carried[0], {at}), next};
  });
  l.set(op, 0, l.reshape(result[0], dims));
  return success();
}

void registerReduction(Registry &r) {
  for (const ReduceRow &row : reductions)
    r.add(row.name, [&row](Operation *op, Lowering &l) { return lowerReduce(op, l, row); });
  r.add("onnx.ReduceLogSumExp", lowerLogSumExp);
  r.add("onnx.ArgMax", lowerArg<true>);
  r.add("onnx.ArgMin", lowerArg<false>);
  r.add("onnx.Hardmax", lowerHardmax);
  r.add("onnx.Softmax", lowerSoftmax);
  r.add("onnx.LogSoftmax", lowerLogSoftmax);
  r.add("onnx.CumSum", lowerCumulative<false>);
  r.add("onnx.CumProd", lowerCumulative<true>);
}

} // namespace onnxc::lower
