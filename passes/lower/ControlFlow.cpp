// Lowering of If, Loop and Scan to scf.if, scf.for and scf.while on tensors.
//
// Loop-carried values and branch results may differ in static shape; the
// common, less static type is carried.  A Loop whose condition stays true is an
// scf.for, others are an scf.while.  Scan outputs of a known number of trips
// and static shape are written into one tensor; others grow row by row.
#include "dialects/onnx/Onnx.h"
#include "passes/lower/Families.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using P = arith::CmpIPredicate;

namespace onnxc::lower {

/// The most static type both values can be cast to; null when ranks or
/// element types differ.
static RankedTensorType joinTypes(Type a, Type c) {
  auto x = dyn_cast<RankedTensorType>(a), y = dyn_cast<RankedTensorType>(c);
  if (!x || !y || x.getRank() != y.getRank() || x.getElementType() != y.getElementType())
    return {};
  SmallVector<int64_t> shape(x.getShape());
  for (auto [d, e] : llvm::zip(shape, y.getShape()))
    if (d != e)
      d = ShapedType::kDynamic;
  return RankedTensorType::get(shape, x.getElementType());
}

/// A bool tensor of one element as i1.
static Value condition(Lowering &l, Value tensor) {
  return Lowering::load(l.b, l.loc(), scalarOf(l, tensor), l.b.getI1Type());
}

/// Lowered type of the trip number or the condition that a body takes: a scalar,
/// or a tensor of one element where the body says so.
static RankedTensorType argumentType(BlockArgument arg) {
  auto type = dyn_cast<RankedTensorType>(arg.getType());
  SmallVector<int64_t> shape;
  if (type && type.getRank() == 1)
    shape.push_back(1);
  return RankedTensorType::get(shape, Lowering::storage(Lowering::elem(arg)));
}

/// A bool or i64 scalar as the tensor that a body argument expects.
static Value argument(Lowering &l, Value scalar, BlockArgument arg) {
  if (scalar.getType().isInteger(1))
    scalar = Lowering::store(l.b, l.loc(), scalar, l.b.getI1Type());
  return fromElements(l, argumentType(arg).getShape(), scalar.getType(), scalar);
}

// ---- If -------------------------------------------------------------------

static LogicalResult lowerIf(onnx::IfOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  if (llvm::any_of(op->getResultTypes(), [](Type t) { return !isa<TensorType>(t); }))
    return l.fail(op, "branches that return values other than tensors are not supported");

  // A condition known now leaves one branch.
  if (auto known = Lowering::constInts(op.getCond()); known && known->size() == 1) {
    auto results = l.lowerBlock(known->front() ? op.getThenBranch().front() : op.getElseBranch().front(), {});
    if (!results)
      return failure();
    for (auto [i, v] : llvm::enumerate(*results))
      l.set(op, i, v);
    return success();
  }

  // The result types follow from the lowered branches, so these are built in a
  // provisional op and then moved.
  Value cond = condition(l, l.in(op, 0));
  auto draft = scf::IfOp::create(b, loc, TypeRange(), cond, /*addThenBlock=*/true, /*addElseBlock=*/true);
  std::optional<SmallVector<Value>> results[2];
  {
    OpBuilder::InsertionGuard guard(b);
    for (int i = 0; i < 2; ++i) {
      Block *block = i == 0 ? draft.thenBlock() : draft.elseBlock();
      block->clear();
      b.setInsertionPointToEnd(block);
      results[i] = l.lowerBlock(i == 0 ? op.getThenBranch().front() : op.getElseBranch().front(), {});
    }
  }
  if (!results[0] || !results[1]) {
    l.discard(draft);
    return failure();
  }
  SmallVector<Type> types;
  for (auto [x, y] : llvm::zip(*results[0], *results[1])) {
    RankedTensorType type = joinTypes(x.getType(), y.getType());
    if (!type) {
      l.discard(draft);
      return l.fail(op, "the branches return values of different rank or element type; pin the dims (--dim) or the value "
                        "(--value) that its condition depends on");
    }
    types.push_back(type);
  }
  for (int i = 0; i < 2; ++i) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(i == 0 ? draft.thenBlock() : draft.elseBlock());
    Values yielded;
    for (auto [v, t] : llvm::zip(*results[i], types))
      yielded.push_back(l.castTo(v, cast<RankedTensorType>(t)));
    scf::YieldOp::create(b, loc, yielded);
  }
  auto made = scf::IfOp::create(b, loc, types, cond);
  made.getThenRegion().takeBody(draft.getThenRegion());
  made.getElseRegion().takeBody(draft.getElseRegion());
  l.discard(draft);
  for (auto [i, v] : llvm::enumerate(made.getResults()))
    l.set(op, i, v);
  return success();
}

/// A condition that the branch which was left out makes necessary.
static LogicalResult lowerRequire(onnx::RequireOp op, Lowering &l) {
  Value holds = condition(l, l.in(op, 0));
  if (!op.getWanted()) {
    Value yes = arith::ConstantOp::create(l.b, l.loc(), l.b.getBoolAttr(true));
    holds = l.b.createOrFold<arith::XOrIOp>(l.loc(), holds, yes);
  }
  l.check(holds, ONNXC_SHAPE_MISMATCH, op.getMessage());
  return success();
}

// ---- carried values -----------------------------------------------------------

/// `value` with the dims `dims`, as a value of the less static type `type` that a
/// loop carries. Not a cast where the loop may change a dim: canonicalisation of
/// scf.for would carry the type before the cast, also one that shows later.
static Value start(Lowering &l, Value value, const Dims &dims, RankedTensorType type) {
  if (type.hasStaticShape())
    return l.castTo(value, type);
  Values sizes;
  for (OpFoldResult d : dims)
    sizes.push_back(l.value(d));
  Value shape = tensor::FromElementsOp::create(l.b, l.loc(), sizes);
  return tensor::ReshapeOp::create(l.b, l.loc(), type, value, shape);
}

// ---- scan outputs -----------------------------------------------------------

namespace {
/// How the per-trip values of one scan output are collected.
struct Collector {
  RankedTensorType elem; ///< type of one trip's value
  int64_t axis = 0;      ///< of the stacked result
  bool reverse = false;
  bool fixed = false; ///< trips known before the loop and `elem` static
  OpFoldResult trips; ///< when fixed

  RankedTensorType stacked() const {
    SmallVector<int64_t> shape(elem.getShape());
    shape.insert(shape.begin() + axis, ShapedType::kDynamic);
    return RankedTensorType::get(shape, elem.getElementType());
  }

  Value init(Lowering &l) const {
    Dims dims;
    for (int64_t d : elem.getShape())
      dims.push_back(l.idx(ShapedType::isDynamic(d) ? 0 : d));
    dims.insert(dims.begin() + axis, fixed ? trips : l.idx(0));
    if (fixed)
      return l.empty(dims, elem.getElementType());
    return start(l, l.empty({l.idx(0)}, elem.getElementType()), dims, stacked());
  }

  /// `all` with this trip's value put in, or appended (prepended).
  Value put(Lowering &l, Value all, Value value, Value trip) const {
    Dims dims = l.dims(value), offsets(elem.getRank() + 1, l.idx(0));
    SmallVector<int64_t> known; // a cast may have hidden sizes
    for (OpFoldResult d : dims)
      known.push_back(Lowering::staticDim(d).value_or(ShapedType::kDynamic));
    value = l.castTo(value, RankedTensorType::get(known, elem.getElementType()));
    Dims one = dims;
    one.insert(one.begin() + axis, l.idx(1));
    if (fixed) {
      Value at = trip;
      if (reverse) {
        Value last = arith::SubIOp::create(l.b, l.loc(), l.value(trips), l.index(1));
        at = arith::SubIOp::create(l.b, l.loc(), last, trip);
      }
      offsets[axis] = at;
      return l.insertSlice(value, all, offsets, one);
    }
    // The first trip finds an empty tensor whose other dims are not known yet.
    OpFoldResult rows = l.dim(all, axis);
    Value first = cmp64(l, P::eq, dim64(l, rows), c64(l, 0));
    for (auto [d, n] : llvm::enumerate(dims)) {
      int64_t in = int64_t(d) + (int64_t(d) >= axis);
      Value now = dim64(l, n), then = dim64(l, l.dim(all, in));
      l.check(l.b.createOrFold<arith::OrIOp>(l.loc(), first, cmp64(l, P::eq, now, then)), ONNXC_SHAPE_MISMATCH,
              "dim " + Twine(d) + " of a scan output: got \1, wanted \2 as in the trip before", now, then);
    }
    Dims before = l.dims(all), grown = dims; // before the first trip all are 0
    grown.insert(grown.begin() + axis, l.add(rows, l.idx(1)));
    Value out = l.empty(grown, elem.getElementType());
    offsets[axis] = l.idx(reverse ? 1 : 0);
    out = l.insertSlice(all, out, offsets, before);
    offsets[axis] = reverse ? l.idx(0) : rows;
    out = l.insertSlice(value, out, offsets, one);
    return l.castTo(out, stacked());
  }
};
} // namespace

/// Casts `values` to the carried types and appends them to `out`.
static bool appendCast(Lowering &l, ValueRange values, TypeRange types, Values &out) {
  for (auto [v, t] : llvm::zip(values, types)) {
    auto type = cast<RankedTensorType>(t);
    if (!joinTypes(v.getType(), type))
      return false;
    out.push_back(l.castTo(v, type));
  }
  return true;
}

namespace {
/// The types that shape inference gave the values in a body.  Lowering makes
/// them more exact, for the arguments it got; before other arguments they are
/// put back.
class BodyTypes {
public:
  explicit BodyTypes(Block &body) {
    for (BlockArgument a : body.getArguments())
      types.push_back({a, a.getType()});
    body.walk([&](Operation *op) {
      for (Value v : op->getResults())
        types.push_back({v, v.getType()});
      for (Region &region : op->getRegions())
        for (Block &inner : region)
          for (BlockArgument a : inner.getArguments())
            types.push_back({a, a.getType()});
    });
  }
  void restore() {
    onnx::KnownFacts facts; // the lowering's
    for (auto [v, type] : types) {
      facts.forget(v);
      v.setType(type);
    }
  }

private:
  std::vector<std::pair<Value, Type>> types;
};
} // namespace

/// Lowers `body` on arguments of the types `args` to find out the types of what
/// it yields, and discards the result. Empty when something in it is not supported.
static SmallVector<RankedTensorType> tryBody(Lowering &l, Block &body, TypeRange args) {
  OpBuilder::InsertionGuard guard(l.b);
  BodyTypes types(body);
  auto scratch = scf::ExecuteRegionOp::create(l.b, l.loc(), TypeRange());
  Block &block = scratch.getRegion().emplaceBlock();
  block.addArguments(args, SmallVector<Location>(args.size(), l.loc()));
  l.b.setInsertionPointToStart(&block);
  auto results = l.lowerBlock(body, block.getArguments());
  SmallVector<RankedTensorType> yielded;
  if (results)
    for (Value v : *results)
      yielded.push_back(cast<RankedTensorType>(v.getType()));
  l.discard(scratch);
  types.restore();
  return yielded;
}

/// Types of what a loop body yields: `fixed` values that are not carried (a
/// condition), the carried ones, then those of the scan outputs. `args` are the
/// lowered types of its arguments, of which the carried ones, from `first` on,
/// start as those of the initial values and become types that hold in every
/// trip. Empty, with the reason recorded, when there are none.
static SmallVector<RankedTensorType> yieldedTypes(Lowering &l, Operation *op, Block &body, size_t fixed, size_t first,
                                                  size_t carried, SmallVectorImpl<Type> &args) {
  OperandRange yields = body.getTerminator()->getOperands();
  // Lowering often knows more than shape inference did: all is worth a try where
  // that spares a scan output from growing in every trip.
  auto isKnown = [](Value v) { return isa<RankedTensorType>(v.getType()); };
  auto isStatic = [](Value v) { return cast<RankedTensorType>(v.getType()).hasStaticShape(); };
  bool known = llvm::all_of(yields.drop_front(fixed), isKnown) && llvm::all_of(yields.drop_front(fixed + carried), isStatic);
  while (true) {
    SmallVector<RankedTensorType> types;
    if (known)
      for (Value v : yields)
        types.push_back(isa<RankedTensorType>(v.getType()) ? loweredType(v.getType()) : RankedTensorType());
    else
      types = tryBody(l, body, args);
    if (types.empty())
      return types;
    // A dim that changes from trip to trip is unknown in all; then all is to be found out again.
    bool changed = false;
    for (size_t i = 0; i < carried; ++i) {
      RankedTensorType joined = joinTypes(args[first + i], types[fixed + i]);
      if (!joined) {
        (void)l.fail(op, "the rank or element type of a loop-carried value changes");
        return {};
      }
      changed |= joined != args[first + i];
      args[first + i] = joined;
    }
    if (known || !changed)
      return types;
  }
}

// ---- Loop -----------------------------------------------------------------

/// The body hands its condition on unchanged, or sets it to true.
static bool staysTrue(Block &body) {
  Value v = body.getTerminator()->getOperand(0);
  while (auto id = v.getDefiningOp<onnx::IdentityOp>())
    v = id.getInput();
  if (auto known = Lowering::constInts(v))
    return known->size() == 1 && known->front() != 0;
  return body.getNumArguments() > 1 && v == body.getArgument(1);
}

static LogicalResult lowerLoop(onnx::LoopOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  Block &body = op.getBody().front();
  size_t carried = op.getVInitial().size(), scans = op->getNumResults() - carried;
  auto notTensor = [](Type t) { return !isa<TensorType>(t); };
  if (llvm::any_of(op->getResultTypes(), notTensor) || llvm::any_of(op.getVInitial().getTypes(), notTensor))
    return l.fail(op, "loop values other than tensors are not supported");

  SmallVector<Type> args;
  for (BlockArgument a : body.getArguments().take_front(2))
    args.push_back(argumentType(a));
  for (size_t i = 0; i < carried; ++i)
    args.push_back(l.in(op, 2 + i).getType());
  SmallVector<RankedTensorType> yielded = yieldedTypes(l, op, body, 1, 2, carried, args);
  if (yielded.empty())
    return failure();
  TypeRange types = TypeRange(args).drop_front(2);
  Values inits;
  for (size_t i = 0; i < carried; ++i)
    inits.push_back(start(l, l.in(op, 2 + i), l.dims(l.in(op, 2 + i)), cast<RankedTensorType>(types[i])));

  bool bounded = Lowering::has(op, 0), counted = bounded && staysTrue(body);
  Value startsTrue = Lowering::has(op, 1) ? condition(l, l.in(op, 1))
                                          : arith::ConstantOp::create(b, loc, b.getBoolAttr(true)).getResult();
  Value trips; // i64
  if (bounded) {
    auto known = Lowering::constInts(op.getM());
    trips = known && known->size() == 1 ? c64(l, known->front()) : scalarOf(l, l.in(op, 0));
    trips = max64(l, trips, c64(l, 0));
    if (counted) {
      trips = select64(l, startsTrue, trips, c64(l, 0));
      l.checkBetween(trips, 0, l.idx(l.mostElements()), Lowering::operandName(op, 0) + " (M)", ONNXC_SHAPE_MISMATCH);
    }
  }

  SmallVector<Collector> collectors(scans);
  for (size_t i = 0; i < scans; ++i) {
    Collector &c = collectors[i];
    c.elem = yielded[1 + carried + i];
    c.fixed = counted && c.elem.hasStaticShape();
    if (c.fixed)
      c.trips = asDim(l, trips);
    inits.push_back(c.init(l));
  }

  // One trip: lowers the body on the carried values; the condition comes back
  // in front.
  LogicalResult ok = success();
  auto trip = [&](Value i, Value cond, ValueRange s) -> Values {
    Values args;
    if (body.getNumArguments() > 0) {
      Value number = arith::IndexCastOp::create(b, loc, b.getI64Type(), i);
      args = {argument(l, number, body.getArgument(0)), argument(l, cond, body.getArgument(1))};
    }
    llvm::append_range(args, s.take_front(carried));
    auto results = l.lowerBlock(body, args);
    Values next{cond};
    if (!results) {
      ok = failure();
      llvm::append_range(next, s);
      return next;
    }
    next[0] = counted ? cond : condition(l, results->front());
    if (!appendCast(l, ArrayRef<Value>(*results).slice(1, carried), types, next)) {
      ok = l.fail(op, "the rank of a loop-carried value changes");
      next.resize(1);
      llvm::append_range(next, s);
      return next;
    }
    for (size_t k = 0; k < scans; ++k) {
      Value v = l.castTo((*results)[1 + carried + k], collectors[k].elem);
      next.push_back(collectors[k].put(l, s[carried + k], v, i));
    }
    return next;
  };

  Values results;
  if (counted) {
    results = forLoop(l, l.index(0), l.value(asDim(l, trips)), inits, [&](Value i, ValueRange s) {
      Value yes = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
      Values next = trip(i, yes, s);
      next.erase(next.begin());
      return next;
    });
  } else {
    Values state{l.index(0), startsTrue};
    llvm::append_range(state, inits);
    results = whileLoop(
        l, state,
        [&](ValueRange s) -> Value {
          if (!bounded)
            return s[1];
          Value number = arith::IndexCastOp::create(b, loc, b.getI64Type(), s[0]);
          Value left = arith::CmpIOp::create(b, loc, P::slt, number, trips);
          return arith::AndIOp::create(b, loc, left, s[1]);
        },
        [&](ValueRange s) {
          Values next = trip(s[0], s[1], s.drop_front(2));
          next.insert(next.begin(), arith::AddIOp::create(b, loc, s[0], l.index(1)));
          return next;
        });
    results.erase(results.begin(), results.begin() + 2);
  }
  if (failed(ok))
    return failure();
  for (auto [i, v] : llvm::enumerate(results))
    l.set(op, i, v);
  return success();
}

// ---- Scan -----------------------------------------------------------------

/// Entry i of an optional list attribute, 0 without.
static int64_t entry(std::optional<ArrayRef<int64_t>> list, size_t i) {
  return list && i < list->size() ? (*list)[i] : 0;
}

static LogicalResult lowerScan(onnx::ScanOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  Block &body = op.getBody().front();
  size_t scanned = op.getNumScanInputs(), states = op->getNumOperands() - scanned;
  size_t scans = op->getNumResults() - states;

  Values inits, sources;
  SmallVector<int64_t> axes;
  OpFoldResult trips = l.idx(0);
  for (size_t i = 0; i < scanned; ++i) {
    sources.push_back(l.in(op, states + i));
    axes.push_back(l.axis(entry(op.getScanInputAxes(), i), Lowering::rank(sources[i])));
    if (i == 0 || !Lowering::staticDim(trips))
      trips = l.dim(sources[i], axes[i]);
  }
  for (size_t i = 0; i < scanned; ++i)
    l.checkEqual(l.dim(sources[i], axes[i]), trips, "dim " + Twine(axes[i]) + " of " + Lowering::operandName(op, unsigned(states + i)));
  SmallVector<Type> args;
  for (size_t i = 0; i < states; ++i)
    args.push_back(l.in(op, i).getType());
  for (auto [source, axis] : llvm::zip(sources, axes)) {
    auto type = cast<RankedTensorType>(source.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.erase(shape.begin() + axis);
    args.push_back(RankedTensorType::get(shape, type.getElementType()));
  }
  SmallVector<RankedTensorType> yielded = yieldedTypes(l, op, body, 0, 0, states, args);
  if (yielded.empty() && states + scans)
    return failure();
  TypeRange types = TypeRange(args).take_front(states);
  for (size_t i = 0; i < states; ++i)
    inits.push_back(start(l, l.in(op, i), l.dims(l.in(op, i)), cast<RankedTensorType>(types[i])));
  SmallVector<Collector> collectors(scans);
  for (size_t i = 0; i < scans; ++i) {
    Collector &c = collectors[i];
    c.elem = yielded[states + i];
    c.axis = l.axis(entry(op.getScanOutputAxes(), i), c.elem.getRank() + 1);
    c.reverse = entry(op.getScanOutputDirections(), i) != 0;
    c.fixed = c.elem.hasStaticShape();
    c.trips = trips;
    inits.push_back(c.init(l));
  }

  LogicalResult ok = success();
  Value count = l.value(trips);
  Values results = forLoop(l, l.index(0), count, inits, [&](Value i, ValueRange s) -> Values {
    Values args(s.take_front(states));
    for (size_t k = 0; k < scanned; ++k) {
      Value at = i;
      if (entry(op.getScanInputDirections(), k) != 0)
        at = arith::SubIOp::create(b, loc, arith::SubIOp::create(b, loc, count, l.index(1)).getResult(), i);
      Dims sizes = l.dims(sources[k]), offsets(sizes.size(), l.idx(0)), strides(sizes.size(), l.idx(1));
      offsets[axes[k]] = at;
      sizes[axes[k]] = l.idx(1);
      args.push_back(l.squeeze(l.slice(sources[k], offsets, sizes, strides), {axes[k]}));
    }
    auto out = l.lowerBlock(body, args);
    Values next;
    if (!out) {
      ok = failure();
      return Values(s);
    }
    if (!appendCast(l, ArrayRef<Value>(*out).take_front(states), types, next)) {
      ok = l.fail(op, "the rank of a state variable changes");
      return Values(s);
    }
    for (size_t k = 0; k < scans; ++k)
      next.push_back(collectors[k].put(l, s[states + k], l.castTo((*out)[states + k], collectors[k].elem), i));
    return next;
  });
  if (failed(ok))
    return failure();
  for (auto [i, v] : llvm::enumerate(results))
    l.set(op, i, v);
  return success();
}

void registerControlFlow(Registry &r) {
  r.add<onnx::IfOp>(lowerIf);
  r.add<onnx::RequireOp>(lowerRequire);
  r.add<onnx::LoopOp>(lowerLoop);
  r.add<onnx::ScanOp>(lowerScan);
}

} // namespace onnxc::lower
