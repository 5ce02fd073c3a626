// Lowering of ops that rearrange elements: Transpose, Reshape, Flatten,
// Squeeze, Unsqueeze, Expand, Tile, DepthToSpace, SpaceToDepth.  Their shape
// operands may be constants or run-time values.
#include "dialects/onnx/Onnx.h"
#include "passes/lower/Families.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using utils::IteratorType;
using P = arith::CmpIPredicate;

namespace onnxc::lower {

static Type storedElem(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

static LogicalResult lowerTranspose(onnx::TransposeOp op, Lowering &l) {
  Value in = l.in(op, 0);
  SmallVector<int64_t> perm;
  if (auto p = op.getPerm())
    perm.assign(p->begin(), p->end());
  else
    for (int64_t i = Lowering::rank(in); i-- > 0;)
      perm.push_back(i);
  l.set(op, 0, l.transpose(in, perm));
  return success();
}

// ---- reshapes -------------------------------------------------------------

/// Reshape to `dims`; short integer vectors stay scalars.
static Value reshapeTo(Lowering &l, Value in, const Dims &dims, bool isChecked = false) {
  SmallVector<int64_t> shape;
  for (OpFoldResult d : dims)
    shape.push_back(Lowering::staticDim(d).value_or(ShapedType::kDynamic));
  if (shape.size() <= 1 && isShort(in) && !llvm::is_contained(shape, ShapedType::kDynamic))
    return fromElements(l, shape, storedElem(in), elements(l, in));
  return l.reshape(in, dims, isChecked);
}

static LogicalResult lowerReshape(onnx::ReshapeOp op, Lowering &l) {
  Value in = l.in(op, 0);
  auto shape = ints64(l, op.getShape());
  if (!shape)
    return l.fail(op, "the rank of the result is not known at compile time");
  bool allowZero = op.getAllowzero() != 0;
  Dims inDims = l.dims(in);

  // 0 copies a dim; -1 is left as 1 and found from the number of elements.
  Values dims;
  std::optional<size_t> derived; // the one constant -1, if there is one
  bool mayDerive = false;
  for (auto [i, v] : llvm::enumerate(*shape)) {
    Value d = v;
    if (!allowZero && i < inDims.size()) {
      Value zero = cmp64(l, P::eq, v, c64(l, 0));
      d = select64(l, zero, dim64(l, inDims[i]), v);
    }
    if (auto n = known64(v); n && *n == -1)
      derived = i;
    else if (!n)
      mayDerive = true;
    dims.push_back(d);
  }
  std::string shapeName = Lowering::operandName(op, 1);
  l.checkSizes(*shape, shapeName, -1);
  Dims out;
  for (Value d : dims)
    out.push_back(asDim(l, d));
  Dims asked = out;
  Value open = c64(l, 0), one = c64(l, 1);
  for (Value v : *shape)
    open = add64(l, open, select64(l, cmp64(l, P::eq, v, c64(l, -1)), one, c64(l, 0)));
  l.check(cmp64(l, P::sle, open, one), ONNXC_SHAPE_MISMATCH, shapeName + " (shape): got \1 entries of -1, wanted at most \2", open, one);
  out = refine(out, op.getType());
  if (derived || mayDerive) {
    // total / product of the others, where a -1 counts as 1.
    bool open = false;
    for (auto [i, d] : llvm::enumerate(out))
      open |= !Lowering::staticDim(d) || derived == i;
    if (open) {
      // A dim of the operand that recurs in the result cancels out.
      Dims numerator = inDims;
      Value others = c64(l, 1), minusOne = c64(l, -1);
      for (size_t i = 0; i < out.size(); ++i) {
        if (derived == i)
          continue;
        if (derived && known64((*shape)[i]) == 0 && !allowZero && i < numerator.size()) {
          numerator[i] = l.idx(1);
          continue;
        }
        Value d = dim64(l, out[i]);
        if (!derived)
          d = select64(l, cmp64(l, P::eq, d, minusOne), c64(l, 1), d);
        others = mul64(l, others, d);
      }
      Value rest = div64(l, dim64(l, l.product(numerator)), others);
      for (size_t i = 0; i < out.size(); ++i) {
        if (derived == i) {
          auto n = Lowering::staticDim(out[i]);
          if (!n || *n < 0)
            out[i] = asDim(l, rest);
        } else if (!derived && !Lowering::staticDim(out[i])) {
          Value d = dim64(l, out[i]);
          out[i] = asDim(l, select64(l, cmp64(l, P::eq, d, minusOne), rest, d));
        }
      }
    }
  }
  // A -1 that is left, a second one, is no factor that fits; sizes the model's types promise are checked by their product.
  Value fits, elements = l.productOf(out, fits), wanted = dim64(l, l.product(inDims));
  Value same = l.b.createOrFold<arith::AndIOp>(l.loc(), fits, cmp64(l, P::eq, elements, wanted));
  l.check(same, ONNXC_SHAPE_MISMATCH, shapeName + " (shape): got \1 elements, wanted \2", elements, wanted);
  for (size_t i = 0; i < out.size(); ++i)
    if (Lowering::staticDim(out[i]) && !Lowering::staticDim(asked[i]) && derived != i) {
      Value d = dim64(l, asked[i]), n = dim64(l, out[i]);
      Value open = cmp64(l, P::eq, d, c64(l, -1)), equal = cmp64(l, P::eq, d, n);
      l.check(l.b.createOrFold<arith::OrIOp>(l.loc(), open, equal), ONNXC_SHAPE_MISMATCH,
              "element " + Twine(i) + " of " + shapeName + ": got \1, wanted \2", d, n);
    }
  l.set(op, 0, reshapeTo(l, in, out, /*isChecked=*/true));
  return success();
}

static LogicalResult lowerFlatten(onnx::FlattenOp op, Lowering &l) {
  Value in = l.in(op, 0);
  Dims dims = l.dims(in);
  size_t axis = l.axis(int64_t(op.getAxis()), Lowering::rank(in));
  ArrayRef<OpFoldResult> all(dims);
  l.set(op, 0, l.reshape(in, refine({l.product(all.take_front(axis)), l.product(all.drop_front(axis))}, op.getType())));
  return success();
}

static LogicalResult lowerSqueeze(onnx::SqueezeOp op, Lowering &l) {
  Value in = l.in(op, 0);
  Dims dims = l.dims(in), out;
  int64_t r = Lowering::rank(in);
  auto axes = Lowering::has(op, 1) ? Lowering::constInts(op.getAxes()) : std::nullopt;
  auto resultType = dyn_cast<RankedTensorType>(op.getType());
  if (axes) {
    for (int64_t &a : *axes)
      a = l.axis(a, r);
    for (int64_t i = 0; i < r; ++i)
      if (!llvm::is_contained(*axes, i))
        out.push_back(dims[i]);
  } else if (resultType && resultType.hasStaticShape()) {
    out = refine(Dims(resultType.getRank(), l.idx(1)), resultType);
  } else if (!Lowering::has(op, 1)) {
    for (OpFoldResult d : dims) {
      if (!Lowering::staticDim(d))
        return l.fail(op, "which dims to squeeze is not known at compile time; give 'axes'");
      if (Lowering::staticDim(d) != 1)
        out.push_back(d);
    }
  } else {
    // Axes known at run time: dim j of the result is the j-th dim that stays.
    auto values = ints64(l, op.getAxes());
    if (!values)
      return l.fail(op, "the number of axes is not known at compile time");
    l.checkAxes(*values, r, Lowering::operandName(op, 1));
    Value none = arith::ConstantOp::create(l.b, l.loc(), l.b.getBoolAttr(false));
    Values sizes(r - values->size(), c64(l, 1));
    Value position = c64(l, 0);
    for (int64_t d = 0; d < r; ++d) {
      Value dropped = none;
      for (Value a : *values)
        dropped = l.b.createOrFold<arith::OrIOp>(l.loc(), dropped, isAxis(l, a, d, r));
      Value extent = dim64(l, dims[d]), kept = l.b.createOrFold<arith::XOrIOp>(l.loc(), dropped, arith::ConstantOp::create(l.b, l.loc(), l.b.getBoolAttr(true)));
      l.check(l.b.createOrFold<arith::OrIOp>(l.loc(), kept, cmp64(l, P::eq, extent, c64(l, 1))), ONNXC_SHAPE_MISMATCH,
              "dim " + Twine(d) + " of " + Lowering::operandName(op, 0) + ", to be dropped: got \1, wanted 1", extent);
      for (size_t j = 0; j < sizes.size(); ++j) {
        Value here = select64(l, dropped, c64(l, -1), position);
        sizes[j] = select64(l, cmp64(l, P::eq, here, c64(l, j)), dim64(l, dims[d]), sizes[j]);
      }
      position = add64(l, position, select64(l, dropped, c64(l, 0), c64(l, 1)));
    }
    for (Value s : sizes)
      out.push_back(asDim(l, s));
    out = refine(out, op.getType());
  }
  l.set(op, 0, reshapeTo(l, in, out));
  return success();
}

static LogicalResult lowerUnsqueeze(onnx::UnsqueezeOp op, Lowering &l) {
  Value in = l.in(op, 0);
  Dims dims = l.dims(in), out;
  auto values = ints64(l, op.getAxes());
  if (!values)
    return l.fail(op, "the number of axes is not known at compile time");
  int64_t r = Lowering::rank(in) + values->size();
  l.checkAxes(*values, r, Lowering::operandName(op, 1));
  if (auto axes = Lowering::constInts(op.getAxes())) {
    for (int64_t &a : *axes)
      a = l.axis(a, r);
    for (int64_t i = 0, next = 0; i < r; ++i)
      out.push_back(llvm::is_contained(*axes, i) ? l.idx(1) : dims[next++]);
  } else {
    // Dim d of the result is 1 or the next dim of the operand.
    Value next = c64(l, 0);
    for (int64_t d = 0; d < r; ++d) {
      Value isNew = arith::ConstantOp::create(l.b, l.loc(), l.b.getBoolAttr(false));
      for (Value a : *values)
        isNew = l.b.createOrFold<arith::OrIOp>(l.loc(), isNew, isAxis(l, a, d, r));
      Value size = c64(l, 1);
      for (auto [j, dim] : llvm::enumerate(dims))
        size = select64(l, cmp64(l, P::eq, next, c64(l, j)), dim64(l, dim), size);
      out.push_back(asDim(l, select64(l, isNew, c64(l, 1), size)));
      next = add64(l, next, select64(l, isNew, c64(l, 0), c64(l, 1)));
    }
    out = refine(out, op.getType());
  }
  l.set(op, 0, reshapeTo(l, in, out));
  return success();
}

// ---- repetition -----------------------------------------------------------

static LogicalResult lowerExpand(onnx::ExpandOp op, Lowering &l) {
  Value in = l.in(op, 0);
  auto shape = ints64(l, op.getShape());
  if (!shape)
    return l.fail(op, "the rank of the result is not known at compile time");
  Dims inDims = l.dims(in);
  int64_t r = std::max(inDims.size(), shape->size());
  l.checkSizes(*shape, Lowering::operandName(op, 1));
  Dims out;
  for (int64_t d = 0; d < r; ++d) {
    int64_t i = d - (r - int64_t(inDims.size())), s = d - (r - int64_t(shape->size()));
    if (i < 0 || s < 0) {
      out.push_back(i < 0 ? asDim(l, (*shape)[s]) : inDims[i]);
      continue;
    }
    // The side that is 1 gives way.
    Value have = dim64(l, inDims[i]), want = (*shape)[s], one = c64(l, 1);
    Value fits = l.b.createOrFold<arith::OrIOp>(l.loc(), cmp64(l, P::eq, have, one), cmp64(l, P::eq, want, one));
    fits = l.b.createOrFold<arith::OrIOp>(l.loc(), fits, cmp64(l, P::eq, have, want));
    l.check(fits, ONNXC_SHAPE_MISMATCH,
            "element " + Twine(s) + " of " + Lowering::operandName(op, 1) + " (shape): got \1, wanted 1 or \2 as dim " + Twine(i) + " of " +
                Lowering::operandName(op, 0),
            want, have);
    auto mine = Lowering::staticDim(inDims[i]), asked = known64((*shape)[s]);
    if (mine && *mine == 1)
      out.push_back(asDim(l, (*shape)[s]));
    else if (mine || (asked && *asked == 1))
      out.push_back(inDims[i]);
    else
      out.push_back(asDim(l, select64(l, cmp64(l, P::eq, (*shape)[s], c64(l, 1)), dim64(l, inDims[i]), (*shape)[s])));
  }
  out = l.refine(out, op);
  // `stored` as element type: the elements are copied, not converted.
  Type stored = storedElem(in);
  l.set(op, 0, l.mapTo(out, {in}, {stored}, stored, [](OpBuilder &, Location, ValueRange v) { return v[0]; }));
  return success();
}

/// Tile is a broadcast: [d0, d1] to [r0, d0, r1, d1], then pairs of dims merge.
static LogicalResult lowerTile(onnx::TileOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Value in = l.in(op, 0);
  auto repeats = ints64(l, op.getRepeats());
  if (!repeats)
    return l.fail(op, "the number of repeats is not known at compile time");
  l.checkSizes(*repeats, Lowering::operandName(op, 1) + " (repeats)");
  Dims inDims = l.dims(in), wide, out;
  SmallVector<unsigned> from;
  for (auto [d, times] : llvm::zip(inDims, *repeats)) {
    OpFoldResult r = asDim(l, times);
    Value fits;
    Value size = l.productOf({r, d}, fits);
    l.check(fits, ONNXC_OUT_OF_MEMORY, "a dim of the result: got \1 x \2 elements", times, dim64(l, d));
    if (Lowering::staticDim(r) != 1)
      wide.push_back(r);
    from.push_back(wide.size());
    wide.push_back(d);
    out.push_back(asDim(l, size));
  }
  int64_t n = wide.size();
  if (n == Lowering::rank(in)) {
    l.set(op, 0, in);
    return success();
  }
  SmallVector<AffineExpr> exprs;
  for (unsigned d : from)
    exprs.push_back(b.getAffineDimExpr(d));
  SmallVector<IteratorType> iterators(n, IteratorType::parallel);
  Value r = l.generic({in}, l.empty(wide, storedElem(in)),
                      {AffineMap::get(n, 0, exprs, b.getContext()), b.getMultiDimIdentityMap(n)}, iterators,
                      [](OpBuilder &, Location, ValueRange args) { return args[0]; });
  l.set(op, 0, l.reshape(r, l.refine(out, op)));
  return success();
}

// ---- blocks of space and depth ----------------------------------------------

/// Splits dims, permutes the parts and merges them again.
static Value regroup(Lowering &l, Value in, const Dims &split, ArrayRef<int64_t> perm, const Dims &merged) {
  return l.reshape(l.transpose(l.reshape(in, split), perm), merged);
}

/// Extents of an image, and whether its channels come last.
struct Image {
  OpFoldResult n, c, h, w;
  bool last;
};
template <typename Op>
static Image imageOf(Op op, Lowering &l, Value in) {
  bool last = op.getLayout() == "NHWC";
  Dims d = l.dims(in);
  return {d[0], d[last ? 3 : 1], d[last ? 1 : 2], d[last ? 2 : 3], last};
}

static LogicalResult lowerDepthToSpace(onnx::DepthToSpaceOp op, Lowering &l) {
  Value in = l.in(op, 0);
  int64_t s = op.getBlocksize();
  OpFoldResult b = l.idx(s);
  bool depthFirst = op.getMode() != "CRD";
  auto [n, c, h, w, last] = imageOf(op, l, in);
  OpFoldResult less = l.floorDiv(c, l.idx(s * s)), tall = l.mul(h, b), broad = l.mul(w, b);
  Value r;
  if (last && depthFirst)
    r = regroup(l, in, {n, h, w, b, b, less}, {0, 1, 3, 2, 4, 5}, {n, tall, broad, less});
  else if (last)
    r = regroup(l, in, {n, h, w, less, b, b}, {0, 1, 4, 2, 5, 3}, {n, tall, broad, less});
  else if (depthFirst)
    r = regroup(l, in, {n, b, b, less, h, w}, {0, 3, 4, 1, 5, 2}, {n, less, tall, broad});
  else
    r = regroup(l, in, {n, less, b, b, h, w}, {0, 1, 4, 2, 5, 3}, {n, less, tall, broad});
  l.set(op, 0, r);
  return success();
}

static LogicalResult lowerSpaceToDepth(onnx::SpaceToDepthOp op, Lowering &l) {
  Value in = l.in(op, 0);
  int64_t s = op.getBlocksize();
  OpFoldResult b = l.idx(s);
  bool depthFirst = op.getMode() != "CRD";
  auto [n, c, h, w, last] = imageOf(op, l, in);
  OpFoldResult more = l.mul(c, l.idx(s * s)), low = l.floorDiv(h, b), thin = l.floorDiv(w, b);
  Value r;
  if (last)
    r = regroup(l, in, {n, low, b, thin, b, c},
                depthFirst ? ArrayRef<int64_t>{0, 1, 3, 2, 4, 5} : ArrayRef<int64_t>{0, 1, 3, 5, 2, 4},
                {n, low, thin, more});
  else
    r = regroup(l, in, {n, c, low, b, thin, b},
                depthFirst ? ArrayRef<int64_t>{0, 3, 5, 1, 2, 4} : ArrayRef<int64_t>{0, 1, 3, 5, 2, 4},
                {n, more, low, thin});
  l.set(op, 0, r);
  return success();
}

void registerMovement(Registry &r) {
  r.add<onnx::TransposeOp>(lowerTranspose);
  r.add<onnx::ReshapeOp>(lowerReshape);
  r.add<onnx::FlattenOp>(lowerFlatten);
  r.add<onnx::SqueezeOp>(lowerSqueeze);
  r.add<onnx::UnsqueezeOp>(lowerUnsqueeze);
  r.add<onnx::ExpandOp>(lowerExpand);
  r.add<onnx::TileOp>(lowerTile);
  r.add<onnx::DepthToSpaceOp>(lowerDepthToSpace);
  r.add<onnx::SpaceToDepthOp>(lowerSpaceToDepth);
  registerSlicing(r);
}

} // namespace onnxc::lower
