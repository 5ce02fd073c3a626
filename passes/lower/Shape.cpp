// Lowering of ops that make tensors or ask for shapes: Shape, Size, Range,
// ConstantOfShape, Constant, Identity, EyeLike, OneHot, Trilu, and the
// optional ops where the optional is a plain tensor or nothing.
#include "dialects/onnx/Onnx.h"
#include "passes/lower/Families.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using utils::IteratorType;

namespace onnxc::lower {

// ---- constants ----------------------------------------------------------

/// A constant in storage type.  Resources are passed on by handle: only the
/// element type of the attribute changes.  Null when there is no such form.
static ElementsAttr storedConstant(ElementsAttr attr) {
  Type elem = attr.getElementType();
  auto type = RankedTensorType::get(attr.getShapedType().getShape(), Lowering::storage(elem));
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    int64_t bits = elem.isIntOrFloat() ? int64_t(type.getElementTypeBitWidth()) : 0;
    bool wide = blob && bits && int64_t(blob->getData().size()) * 8 == type.getNumElements() * bits;
    if (elem.isIntOrFloat() && !wide)
      return {};
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  }
  auto dense = dyn_cast<DenseElementsAttr>(attr);
  if (!dense)
    return {};
  Type stored = type.getElementType();
  if (stored == elem)
    return dense;
  SmallVector<APInt> values;
  unsigned width = stored.getIntOrFloatBitWidth();
  auto widen = [&](const APInt &v) {
    bool zero = Lowering::isUnsigned(elem) || isa<FloatType>(elem);
    return zero ? v.zextOrTrunc(width) : v.sextOrTrunc(width);
  };
  auto collect = [&](auto range) {
    for (auto v : range) {
      if constexpr (std::is_same_v<decltype(v), APFloat>)
        values.push_back(widen(v.bitcastToAPInt()));
      else
        values.push_back(widen(v));
      if (dense.isSplat())
        break;
    }
  };
  if (isa<FloatType>(elem))
    collect(dense.getValues<APFloat>());
  else if (isa<IntegerType>(elem))
    collect(dense.getValues<APInt>());
  else
    return {};
  return DenseElementsAttr::get(type, values);
}

/// One value repeated is written in the run from this size on, not kept in the file.
constexpr int64_t kFilledBytes = 1 << 20;

static LogicalResult lowerConstant(onnx::ConstantOp op, Lowering &l) {
  Type elem = op.getValue().getElementType();
  if (!elem.isIntOrFloat() && !isa<ComplexType>(elem))
    return l.fail(op, "string tensors are not supported");
  ElementsAttr value = storedConstant(op.getValue());
  if (!value)
    return l.fail(op, "this encoding of a constant is not supported");
  auto type = cast<RankedTensorType>(value.getShapedType());
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (dense && dense.isSplat() && elem.isIntOrFloat() &&
      type.getNumElements() > kFilledBytes * 8 / int64_t(type.getElementTypeBitWidth())) {
    Value v = arith::ConstantOp::create(l.b, l.loc(), cast<TypedAttr>(dense.getSplatValue<Attribute>()));
    Value init = tensor::EmptyOp::create(l.b, l.loc(), type.getShape(), type.getElementType());
    l.set(op, 0, linalg::FillOp::create(l.b, l.loc(), v, init).getResult(0));
    return success();
  }
  l.set(op, 0, arith::ConstantOp::create(l.b, l.loc(), value));
  return success();
}

static LogicalResult lowerConstantOfShape(onnx::ConstantOfShapeOp op, Lowering &l) {
  auto sizes = ints64(l, op.getInput());
  if (!sizes)
    return l.fail(op, "the rank of the result is not known at compile time");
  l.checkSizes(*sizes, Lowering::operandName(op, 0));
  Dims dims;
  for (Value size : *sizes)
    dims.push_back(asDim(l, size));
  dims = l.refine(dims, op);
  Type elem = Lowering::elem(op.getResult());
  Type stored = Lowering::storage(elem);
  if (!elem.isIntOrFloat())
    return l.fail(op, "this element type is not supported");

  // One stored scalar; `stored` as element type keeps it from being converted.
  Attribute scalar = l.b.getZeroAttr(stored);
  if (auto value = op.getValueAttr()) {
    ElementsAttr given = storedConstant(value);
    auto dense = dyn_cast_if_present<DenseElementsAttr>(given);
    if (!dense || dense.getNumElements() != 1)
      return l.fail(op, "'value' must hold one element");
    scalar = *dense.getValues<Attribute>().begin();
  }
  Value v = arith::ConstantOp::create(l.b, l.loc(), cast<TypedAttr>(scalar));
  SmallVector<int64_t> shape;
  for (OpFoldResult d : dims)
    shape.push_back(Lowering::staticDim(d).value_or(ShapedType::kDynamic));
  auto type = RankedTensorType::get(shape, stored);
  if (type.hasStaticShape() && type.getNumElements() > 0 && type.getNumElements() <= 16) {
    auto splat = DenseElementsAttr::get(type, scalar);
    l.set(op, 0, arith::ConstantOp::create(l.b, l.loc(), splat));
    return success();
  }
  l.set(op, 0, l.fill(dims, stored, Lowering::load(l.b, l.loc(), v, stored)));
  return success();
}

// ---- shapes ---------------------------------------------------------------

static LogicalResult lowerShape(onnx::ShapeOp op, Lowering &l) {
  Value data = l.in(op, 0);
  int64_t r = Lowering::rank(data);
  auto clamp = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + r : v, 0, r); };
  int64_t start = clamp(int64_t(op.getStart()));
  int64_t end = op.getEnd() ? clamp(int64_t(*op.getEnd())) : r;
  Dims dims;
  for (int64_t i = start; i < end; ++i)
    dims.push_back(l.dim(data, i));
  l.set(op, 0, l.dimsTensor(dims));
  return success();
}

static LogicalResult lowerSize(onnx::SizeOp op, Lowering &l) {
  OpFoldResult n = l.product(l.dims(l.in(op, 0)));
  l.set(op, 0, fromElements(l, {}, l.b.getI64Type(), dim64(l, n)));
  return success();
}

// ---- generated tensors ------------------------------------------------------

static LogicalResult lowerRange(onnx::RangeOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  Type elem = Lowering::elem(op.getResult());
  auto read = [&](unsigned i) { return Lowering::load(b, loc, scalarOf(l, l.in(op, i)), elem); };
  Value start = read(0), limit = read(1), delta = read(2);

  // ceil((limit - start) / delta) elements, none when negative.
  Value count;
  if (isa<FloatType>(start.getType())) {
    Value span = arith::SubFOp::create(b, loc, limit, start);
    Value steps = math::CeilOp::create(b, loc, arith::DivFOp::create(b, loc, span, delta));
    // Not with a step of 0 either: that makes an infinity or no number.
    Value most = arith::ConstantOp::create(b, loc, b.getFloatAttr(start.getType(), double(l.mostElements())));
    Value least = arith::ConstantOp::create(b, loc, b.getFloatAttr(start.getType(), -double(l.mostElements())));
    Value below = b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OLT, steps, most);
    Value above = b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OGT, steps, least);
    l.check(b.createOrFold<arith::AndIOp>(loc, below, above), ONNXC_SHAPE_MISMATCH,
            "(limit - start) / delta: got no number of elements that memory holds");
    // What is far below 0 is none.
    steps = arith::MaximumFOp::create(b, loc, steps, arith::ConstantOp::create(b, loc, b.getFloatAttr(start.getType(), 0)));
    count = b.createOrFold<arith::FPToSIOp>(loc, b.getI64Type(), steps);
  } else {
    auto wide = [&](Value v) {
      return v.getType().isInteger(64) ? v : b.createOrFold<arith::ExtSIOp>(loc, b.getI64Type(), v);
    };
    Value s = wide(start), e = wide(limit), d = wide(delta);
    Value zero = c64(l, 0);
    l.check(cmp64(l, arith::CmpIPredicate::ne, d, zero), ONNXC_SHAPE_MISMATCH, Lowering::operandName(op, 2) + " (delta): got 0");
    Value down = cmp64(l, arith::CmpIPredicate::slt, d, c64(l, 0));
    Value span = sub64(l, e, s), one = c64(l, 1);
    Value ordered = cmp64(l, arith::CmpIPredicate::slt, e, s), negative = cmp64(l, arith::CmpIPredicate::slt, span, zero);
    l.check(b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, ordered, negative), ONNXC_SHAPE_MISMATCH,
            "limit - start: got no difference of 64 bits");
    // One step for each whole one before the last.
    Value before = select64(l, down, add64(l, span, one), sub64(l, span, one));
    Value any = select64(l, down, negative, cmp64(l, arith::CmpIPredicate::sgt, span, zero));
    count = select64(l, any, add64(l, div64(l, before, d), one), zero);
  }
  count = max64(l, count, c64(l, 0));
  l.checkBetween(count, 0, l.idx(l.mostElements()), "number of elements", ONNXC_SHAPE_MISMATCH);
  Dims dims = l.refine({asDim(l, count)}, op);
  Value r = l.generate(dims, elem, [&](OpBuilder &nb, Location nl, ValueRange ivs) -> Value {
    Type t = start.getType();
    Value i = arith::IndexCastOp::create(nb, nl, nb.getI64Type(), ivs[0]);
    if (isa<FloatType>(t)) {
      Value f = arith::SIToFPOp::create(nb, nl, t, i);
      return arith::AddFOp::create(nb, nl, start, arith::MulFOp::create(nb, nl, f, delta));
    }
    if (!t.isInteger(64))
      i = arith::TruncIOp::create(nb, nl, t, i);
    return arith::AddIOp::create(nb, nl, start, arith::MulIOp::create(nb, nl, i, delta));
  });
  l.set(op, 0, r);
  return success();
}

static LogicalResult lowerEyeLike(onnx::EyeLikeOp op, Lowering &l) {
  Value in = l.in(op, 0);
  Type elem = Lowering::elem(op.getResult());
  int64_t k = int64_t(op.getK());
  Value r = l.generate(l.dims(in), elem, [&](OpBuilder &b, Location loc, ValueRange ivs) -> Value {
    Value shifted = arith::AddIOp::create(b, loc, ivs[0], arith::ConstantIndexOp::create(b, loc, k));
    Value on = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, shifted, ivs[1]);
    return arith::SelectOp::create(b, loc, on, Lowering::scalar(b, loc, elem, 1), Lowering::scalar(b, loc, elem, 0));
  });
  l.set(op, 0, r);
  return success();
}

static LogicalResult lowerOneHot(onnx::OneHotOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Location loc = l.loc();
  Value indices = l.in(op, 0), values = l.in(op, 2);
  Type indexElem = Lowering::elem(op.getIndices()), depthElem = Lowering::elem(op.getDepth());
  Type i64 = b.getI64Type(), stored = cast<RankedTensorType>(values.getType()).getElementType();
  int64_t r = Lowering::rank(indices) + 1, axis = l.axis(int64_t(op.getAxis()), r);

  l.checkEqual(l.dim(values, 0), l.idx(2), "elements of " + Lowering::operandName(op, 2) + " (values)");
  Value depth = Lowering::load(b, loc, scalarOf(l, l.in(op, 1)), depthElem);
  depth = Lowering::convert(b, loc, depth, depthElem, i64);
  if (auto known = Lowering::constInts(op.getDepth()); known && known->size() == 1)
    depth = c64(l, known->front());
  l.checkBetween(depth, 0, l.idx(l.mostElements()), Lowering::operandName(op, 1) + " (depth)", ONNXC_SHAPE_MISMATCH);
  Dims dims = l.dims(indices);
  dims.insert(dims.begin() + axis, asDim(l, depth));
  dims = l.refine(dims, op);

  // The index is read through its map; the depth's position is the iterator.
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < r; ++i)
    if (i != axis)
      exprs.push_back(b.getAffineDimExpr(i));
  SmallVector<IteratorType> iterators(r, IteratorType::parallel);
  Value result = l.generic({indices}, l.empty(dims, stored),
                           {AffineMap::get(r, 0, exprs, b.getContext()), b.getMultiDimIdentityMap(r)}, iterators,
                           [&](OpBuilder &nb, Location nl, ValueRange args) -> Value {
                             Value v = Lowering::load(nb, nl, args[0], indexElem);
                             v = Lowering::convert(nb, nl, v, indexElem, i64);
                             Value zero = arith::ConstantOp::create(nb, nl, nb.getI64IntegerAttr(0));
                             Value negative = arith::CmpIOp::create(nb, nl, arith::CmpIPredicate::slt, v, zero);
                             Value wrapped = arith::AddIOp::create(nb, nl, v, depth);
                             v = arith::SelectOp::create(nb, nl, negative, wrapped, v);
                             Value at = linalg::IndexOp::create(nb, nl, axis);
                             at = arith::IndexCastOp::create(nb, nl, i64, at);
                             Value hit = arith::CmpIOp::create(nb, nl, arith::CmpIPredicate::eq, v, at);
                             Value which = arith::IndexCastUIOp::create(nb, nl, nb.getIndexType(), hit);
                             return tensor::ExtractOp::create(nb, nl, values, which);
                           });
  l.set(op, 0, result);
  return success();
}

static LogicalResult lowerTrilu(onnx::TriluOp op, Lowering &l) {
  OpBuilder &b = l.b;
  Value in = l.in(op, 0);
  int64_t r = Lowering::rank(in);
  Value k = c64(l, 0);
  if (Lowering::has(op, 1)) {
    auto known = Lowering::constInts(op.getK());
    k = known && known->size() == 1 ? c64(l, known->front()) : scalarOf(l, l.in(op, 1));
    // Beyond any dim they all mean the same, and sums with positions do not overflow.
    k = max64(l, min64(l, k, c64(l, l.mostElements())), c64(l, -l.mostElements()));
  }
  bool upper = op.getUpper() != 0;
  Type stored = cast<RankedTensorType>(in.getType()).getElementType();
  if (!stored.isIntOrFloat())
    return l.fail(op, "this element type is not supported");
  AffineMap id = b.getMultiDimIdentityMap(r);
  SmallVector<IteratorType> iterators(r, IteratorType::parallel);
  Value result = l.generic({in}, l.empty(l.dims(in), stored), {id, id}, iterators,
                           [&](OpBuilder &nb, Location nl, ValueRange args) -> Value {
                             Type i64 = nb.getI64Type();
                             Value row = linalg::IndexOp::create(nb, nl, r - 2);
                             Value col = linalg::IndexOp::create(nb, nl, r - 1);
                             Value diagonal = arith::AddIOp::create(
                                 nb, nl, arith::IndexCastOp::create(nb, nl, i64, row).getResult(), k);
                             col = arith::IndexCastOp::create(nb, nl, i64, col);
                             auto p = upper ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle;
                             Value keep = arith::CmpIOp::create(nb, nl, p, col, diagonal);
                             // Half floats are selected in f32: not every target can in theirs.
                             Value v = Lowering::load(nb, nl, args[0], stored);
                             Value zero = arith::ConstantOp::create(nb, nl, nb.getZeroAttr(v.getType()));
                             Value kept = arith::SelectOp::create(nb, nl, keep, v, zero);
                             return Lowering::store(nb, nl, kept, stored);
                           });
  l.set(op, 0, result);
  return success();
}

// ---- plain values -----------------------------------------------------------

/// Optional and OptionalGetElement of a tensor.
static LogicalResult passOn(Operation *op, Lowering &l) {
  // An empty optional that is only asked whether it holds a value needs none.
  auto asks = [](Operation *user) { return isa<onnx::OptionalHasElementOp>(user); };
  if (isa<onnx::OptionalOp>(op) && llvm::all_of(op->getUsers(), asks)) {
    l.bind(op->getResult(0), l.index(0));
    return success();
  }
  if (!isa<RankedTensorType>(op->getOperand(0).getType()))
    return l.fail(op, "values other than tensors are not supported");
  l.bind(op->getResult(0), l.in(op, 0));
  return success();
}

static LogicalResult lowerIdentity(onnx::IdentityOp op, Lowering &l) {
  if (!isa<RankedTensorType>(op.getInput().getType()))
    return l.fail(op, "values other than tensors are not supported");
  l.set(op, 0, l.in(op, 0));
  return success();
}

/// A tensor is an optional with an element; a left-out operand is one without.
static LogicalResult lowerOptionalHasElement(onnx::OptionalHasElementOp op, Lowering &l) {
  Type t = op.getInput().getType();
  auto source = op.getInput().getDefiningOp<onnx::OptionalOp>();
  bool known = isa<TensorType, NoneType, onnx::SequenceType>(t) || source;
  if (!known)
    return l.fail(op, "whether an optional input holds a value is not known at compile time");
  bool holds = source ? !isa<NoneType>(source.getInput().getType()) : !isa<NoneType>(t);
  auto type = RankedTensorType::get({}, l.b.getI8Type());
  l.set(op, 0, arith::ConstantOp::create(l.b, l.loc(), DenseElementsAttr::get(type, l.b.getI8IntegerAttr(holds))));
  return success();
}

void registerShape(Registry &r) {
  r.add<onnx::ConstantOp>(lowerConstant);
  r.add<onnx::ConstantOfShapeOp>(lowerConstantOfShape);
  r.add<onnx::ShapeOp>(lowerShape);
  r.add<onnx::SizeOp>(lowerSize);
  r.add<onnx::RangeOp>(lowerRange);
  r.add<onnx::EyeLikeOp>(lowerEyeLike);
  r.add<onnx::OneHotOp>(lowerOneHot);
  r.add<onnx::TriluOp>(lowerTrilu);
  r.add<onnx::IdentityOp>(lowerIdentity);
  r.add("onnx.Optional", passOn);
  r.add("onnx.OptionalGetElement", passOn);
  r.add<onnx::OptionalHasElementOp>(lowerOptionalHasElement);
}

} // namespace onnxc::lower
