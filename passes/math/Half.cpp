// Conversions between f32 and the 16-bit formats without library calls.
#include "passes/math/Half.h"

#include "mlir/IR/TypeUtilities.h"

#include <cmath>

using namespace mlir;

namespace onnxc::mathexp {

bool isHalf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return (element.isF16() || element.isBF16()) &&
         !isa<ShapedType>(type) == !isa<VectorType>(type);
}

static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

Type widened(Type type) {
  return withElement(type, Float32Type::get(type.getContext()));
}

Value extendHalf(OpBuilder &b, Location loc, Value x,
                 const ExpandMathOptions &options, ConstantCache *cache) {
  Type type = x.getType(), wide = widened(type);
  bool isBF16 = getElementTypeOrSelf(type).isBF16();
  if (isBF16 ? options.hasBF16Conversion : options.hasF16Conversion)
    return arith::ExtFOp::create(b, loc, wide, x);
  VecBuilder vb(b, loc, wide, options, cache);
  Expr bits = vb.resize(vb.bits(vb.wrap(x)), 32, /*isSigned=*/false);
  if (isBF16)
    return vb.fromBits(vb.shl(bits, 16)).v;
  // Moved into place the exponent is 112 too low; the product rebiases it and
  // normalises denormals.
  Expr magnitude = bits & vb.ci(0x7fff);
  Expr value = vb.fromBits(vb.shl(magnitude, 13)) * vb.c(std::ldexp(1.0, 112));
  Expr special = vb.lti(vb.ci(0x7bff), magnitude);
  Expr result = vb.select(special, vb.shl(magnitude, 13) | vb.ci(0x7f800000),
                          vb.bits(value));
  return vb.fromBits(result | vb.shl(bits & vb.ci(0x8000), 16)).v;
}

Value truncateToHalf(OpBuilder &b, Location loc, Value x, Type type,
                     const ExpandMathOptions &options, ConstantCache *cache) {
  bool isBF16 = getElementTypeOrSelf(type).isBF16();
  if (isBF16 ? options.hasBF16Conversion : options.hasF16Conversion)
    return arith::TruncFOp::create(b, loc, type, x);
  VecBuilder vb(b, loc, x.getType(), options, cache);
  Expr e = vb.wrap(x);
  Expr bits = vb.bits(e);
  Expr result;
  if (isBF16) {
    Expr even = vb.shr(bits, 16) & vb.ci(1);
    Expr rounded = vb.shr(bits + even + vb.ci(0x7fff), 16);
    Expr quiet = vb.shr(bits, 16) | vb.ci(0x40);
    result = vb.select(vb.isNaN(e), quiet, rounded);
  } else {
    Expr sign = vb.shr(bits, 16) & vb.ci(0x8000);
    Expr magnitude = bits & vb.ci(0x7fffffff);
    Expr even = vb.shr(magnitude, 13) & vb.ci(1);
    Expr normal =
        vb.shr(magnitude + even + vb.ci(0xfff) - vb.ci(0x38000000), 13);
    // Adding one half lines denormals up with the spacing of 2^-24.
    Expr denormal = vb.bits(vb.abs(e) + vb.c(0.5)) - vb.ci(0x3f000000);
    Expr r = vb.select(vb.lti(magnitude, vb.ci(0x38800000)), denormal, normal);
    r = vb.select(vb.lti(magnitude, vb.ci(0x477ff000)), r, vb.ci(0x7c00));
    Expr payload = (vb.shr(magnitude, 13) & vb.ci(0x3ff)) | vb.ci(0x7e00);
    result = vb.select(vb.isNaN(e), payload, r) | sign;
  }
  Expr narrow = vb.resize(result, 16, false);
  return arith::BitcastOp::create(b, loc, type, narrow.v);
}

Value truncateToOdd(OpBuilder &b, Location loc, Value x,
                    const ExpandMathOptions &options, ConstantCache *cache) {
  Type wide = x.getType(), narrow = widened(wide);
  VecBuilder outer(b, loc, wide, options, cache);
  VecBuilder inner(b, loc, narrow, options, cache);
  Expr exact = outer.wrap(x);
  Expr t = inner.wrap(arith::TruncFOp::create(b, loc, narrow, x));
  Expr back = outer.wrap(arith::ExtFOp::create(b, loc, wide, t.v));
  Expr away = outer.gt(outer.abs(back), outer.abs(exact));
  Expr bits = inner.bits(t);
  Expr chopped = inner.select(away, bits - inner.ci(1), bits);
  Expr inexact = outer.cmp(arith::CmpFPredicate::ONE, back, exact);
  return inner.fromBits(inner.select(inexact, chopped | inner.ci(1), chopped))
      .v;
}

} // namespace onnxc::mathexp
