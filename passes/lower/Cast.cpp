// Cast, CastLike and BitCast between numeric types.
#include "passes/lower/Attributes.h"
#include "passes/lower/Families.h"
#include "passes/lower/NarrowTypes.h"
#include "passes/lower/ScalarBuilder.h"
#include "passes/lower/Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace onnxc::lower {

static bool isNumeric(Type t) { return isa<IntegerType, FloatType>(t); }

/// Float to an integer of at most 32 bits: through the next wider signed type,
/// so that values beyond the range wrap and stay defined longer.
static Value floatToInt(OpBuilder &b, Location loc, Value v, Type to) {
  unsigned width = cast<IntegerType>(to).getWidth();
  bool viaWord = width < 32 || (width == 32 && !to.isUnsignedInteger());
  Type wide = viaWord ? b.getI32Type() : b.getI64Type();
  Value w = b.createOrFold<arith::FPToSIOp>(loc, wide, v);
  Type target = b.getIntegerType(std::max(8u, width));
  return wide == target ? w : b.createOrFold<arith::TruncIOp>(loc, target, w);
}

/// One scalar, loaded from `from`, as a storable scalar of `to`.
static Value castScalar(OpBuilder &b, Location loc, Value v, Type from, Type to, NarrowRounding rounding) {
  if (isNarrow(from)) {
    v = decodeNarrow(b, loc, v, from);
    from = decodedType(from);
  }
  if (isNarrowFloat(to)) {
    Type f32 = b.getF32Type();
    return encodeNarrow(b, loc, Lowering::convert(b, loc, v, from, f32), to, rounding);
  }
  bool toSmallInt = isa<IntegerType>(to) && !to.isInteger(1) && cast<IntegerType>(to).getWidth() <= 32;
  if (toSmallInt && isa<FloatType>(v.getType()))
    v = floatToInt(b, loc, v, to);
  else
    v = Lowering::convert(b, loc, v, from, decodedType(to));
  return isNarrow(to) ? encodeNarrow(b, loc, v, to) : v;
}

static LogicalResult lowerCast(Operation *op, Lowering &l) {
  Type from = Lowering::elem(op->getOperand(0)), to = Lowering::elem(op->getResult(0));
  if (!isNumeric(from) || !isNumeric(to))
    return l.fail(op, "only casts between numeric and bool types are supported");
  Value x = l.in(op, 0);
  if (from == to) {
    l.set(op, 0, x);
    return success();
  }
  NarrowRounding rounding{intAttr(op, "saturate", 1) != 0, strAttr(op, "round_mode", "up")};
  Type rawFrom = isNarrow(from) ? Lowering::storage(from) : from;
  Type rawTo = isNarrow(to) ? Lowering::storage(to) : to;
  if (auto type = cast<RankedTensorType>(x.getType()); type.hasStaticShape() && knownAsScalars(x)) {
    // Arithmetic on shapes: scalars fold into the dims they came from.
    Values scalars;
    for (Value v : elements(l, x)) {
      v = castScalar(l.b, l.loc(), Lowering::load(l.b, l.loc(), v, rawFrom), from, to, rounding);
      scalars.push_back(Lowering::store(l.b, l.loc(), v, rawTo));
    }
    l.set(op, 0, fromElements(l, type.getShape(), Lowering::storage(to), scalars));
    return success();
  }
  l.set(op, 0, l.map({x}, {rawFrom}, rawTo, [&](OpBuilder &b, Location loc, ValueRange v) {
          return castScalar(b, loc, v[0], from, to, rounding);
        }));
  return success();
}

/// The same bits under another type of the same width.
static LogicalResult lowerBitCast(Operation *op, Lowering &l) {
  Type from = Lowering::elem(op->getOperand(0)), to = Lowering::elem(op->getResult(0));
  if (!isNumeric(from) || !isNumeric(to))
    return l.fail(op, "only numeric and bool types are supported");
  Value x = l.in(op, 0);
  Type source = Lowering::storage(from), target = Lowering::storage(to);
  if (source.getIntOrFloatBitWidth() != target.getIntOrFloatBitWidth())
    return l.fail(op, "the element types differ in width");
  if (source == target) {
    l.set(op, 0, x);
    return success();
  }
  Dims dims = l.dims(x);
  AffineMap identity = l.b.getMultiDimIdentityMap(dims.size());
  SmallVector<utils::IteratorType> iterators(dims.size(), utils::IteratorType::parallel);
  l.set(op, 0, l.generic({x}, l.empty(dims, target), {identity, identity}, iterators,
                         [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
                           return arith::BitcastOp::create(b, loc, target, v[0]);
                         }));
  return success();
}

void registerCast(Registry &r) {
  r.add("onnx.Cast", lowerCast);
  r.add("onnx.CastLike", lowerCast);
  r.add("onnx.BitCast", lowerBitCast);
}

} // namespace onnxc::lower
