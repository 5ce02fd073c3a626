// Conversions of narrow element types; see NarrowTypes.h.
//
// Formats: OCP 8-bit floating point (OFP8), OCP microscaling formats (MX) and
// the FNUZ variants of the ONNX specification.
#include "passes/lower/NarrowTypes.h"
#include "passes/lower/ScalarBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace onnxc::lower {

namespace {
/// A sign-exponent-mantissa format.  Codes are without the sign bit.
struct Format {
  unsigned mantissa, bias;
  unsigned signShift;    ///< position of the sign bit
  unsigned largest;      ///< code of the largest finite value
  unsigned overflow;     ///< code of a value beyond it, when not saturating
  unsigned nan;          ///< full code, with sign bit; sign of the value is kept where this has none
  bool infinity = false; ///< `overflow` is infinity and all codes above are NaN
  bool fnuz = false;     ///< no negative zero; its code is the only NaN
  bool finite = false;   ///< neither infinity nor NaN
};
} // namespace

static std::optional<Format> formatOf(Type t) {
  if (isa<Float8E4M3FNType>(t))
    return Format{3, 7, 7, 0x7e, 0x7f, 0x7f};
  if (isa<Float8E5M2Type>(t))
    return Format{2, 15, 7, 0x7b, 0x7c, 0x7e, /*infinity=*/true};
  if (isa<Float8E4M3FNUZType>(t))
    return Format{3, 8, 7, 0x7f, 0x80, 0x80, false, /*fnuz=*/true};
  if (isa<Float8E5M2FNUZType>(t))
    return Format{2, 16, 7, 0x7f, 0x80, 0x80, false, /*fnuz=*/true};
  if (isa<Float4E2M1FNType>(t))
    return Format{1, 1, 3, 0x7, 0x7, 0x8, false, false, /*finite=*/true};
  if (isa<Float6E2M3FNType>(t))
    return Format{3, 1, 5, 0x1f, 0x1f, 0x20, false, false, /*finite=*/true};
  if (isa<Float6E3M2FNType>(t))
    return Format{2, 3, 5, 0x1f, 0x1f, 0x20, false, false, /*finite=*/true};
  return std::nullopt;
}

bool isNarrowFloat(Type t) { return isa<FloatType>(t) && cast<FloatType>(t).getWidth() <= 8; }

bool isNarrow(Type t) {
  if (auto i = dyn_cast<IntegerType>(t))
    return i.getWidth() > 1 && i.getWidth() < 8;
  return isNarrowFloat(t);
}

Type decodedType(Type t) {
  if (isNarrowFloat(t))
    return Float32Type::get(t.getContext());
  if (isNarrow(t))
    return IntegerType::get(t.getContext(), 8,
                            t.isUnsignedInteger() ? IntegerType::Unsigned : IntegerType::Signless);
  return t;
}

/// A power of two as f32.
static Value powerOfTwo(OpBuilder &b, Location loc, int exponent) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(std::ldexp(1.0f, exponent)));
}

/// The low bits of an integer as a byte, sign- or zero-extended.
static Value lowBits(OpBuilder &b, Location loc, Value v, Type elem, bool extendSign) {
  Type bits = b.getIntegerType(cast<IntegerType>(elem).getWidth()), byte = b.getI8Type();
  Value low = b.createOrFold<arith::TruncIOp>(loc, bits, v);
  return extendSign ? b.createOrFold<arith::ExtSIOp>(loc, byte, low) : b.createOrFold<arith::ExtUIOp>(loc, byte, low);
}

Value decodeNarrow(OpBuilder &b, Location loc, Value v, Type elem) {
  if (!isNarrowFloat(elem))
    return lowBits(b, loc, v, elem, /*extendSign=*/!elem.isUnsignedInteger());
  Type word = b.getI32Type(), f32 = b.getF32Type();
  ScalarBuilder s(b, loc, b.getIntegerType(32, /*isSigned=*/false));
  auto k = [&](int64_t c) { return s.bits(word, c); };
  auto asFloat = [&](Value bits) -> Value { return arith::BitcastOp::create(b, loc, f32, bits); };
  auto shl = [&](Value x, unsigned n) -> Value { return arith::ShLIOp::create(b, loc, x, k(n)); };
  Value quietNaN = asFloat(k(0x7fc00000));
  Value code = arith::ExtUIOp::create(b, loc, word, v);

  if (isa<Float8E8M0FNUType>(elem)) {
    // The code is the biased exponent of f32; 0 is 2^-127, a subnormal.
    Value value = asFloat(s.select(s.eq(code, k(0)), k(0x00400000), shl(code, 23)));
    return s.select(s.eq(code, k(0xff)), quietNaN, value);
  }

  Format f = *formatOf(elem);
  Value magnitude = s.both(code, k((1u << f.signShift) - 1));
  Value sign = shl(s.both(code, k(1u << f.signShift)), 31 - f.signShift);
  // The mantissas side by side, the exponents differ in their bias. A subnormal code has no implicit one: given the
  // exponent of the smallest normal, taking the one away is exact. No f32 subnormal arises, which NEON of ARMv7 flushes.
  Value shifted = shl(magnitude, 23 - f.mantissa);
  auto rebased = [&](int bias) { return asFloat(s.add(shifted, k(int64_t(bias) << 23))); };
  Value subnormal = s.sub(rebased(128 - f.bias), powerOfTwo(b, loc, 1 - f.bias));
  Value value = s.select(s.lt(magnitude, k(1u << f.mantissa)), subnormal, rebased(127 - f.bias));
  Value special;
  if (f.infinity) {
    Value infinity = asFloat(k(0x7f800000));
    value = s.select(s.eq(magnitude, k(f.overflow)), infinity, value);
    special = s.gt(magnitude, k(f.overflow));
  } else if (f.fnuz) {
    special = s.eq(code, k(f.nan));
  } else if (!f.finite) {
    special = s.eq(magnitude, k(f.nan));
  }
  if (special)
    value = s.select(special, quietNaN, value);
  Value bits = arith::BitcastOp::create(b, loc, word, value);
  return asFloat(s.either(bits, sign));
}

/// f32 -> f8E8M0FNU: the exponent, rounded by `mode`.
static Value encodeExponent(OpBuilder &b, Location loc, Value v, NarrowRounding rounding) {
  Type word = b.getI32Type();
  ScalarBuilder s(b, loc, b.getIntegerType(32, /*isSigned=*/false));
  auto k = [&](int64_t c) { return s.bits(word, c); };
  Value bits = arith::BitcastOp::create(b, loc, word, v);
  Value exponent = s.both(arith::ShRUIOp::create(b, loc, bits, k(23)), k(0xff));
  Value fraction = s.both(bits, k(0x7fffff));
  Value special = s.eq(exponent, k(0xff));
  Value up;
  if (rounding.mode == "up")
    up = s.ne(fraction, k(0));
  else if (rounding.mode == "nearest") // A subnormal (exponent 0) has no implicit one: a tie stays.
    up = s.gt(fraction, s.select(s.eq(exponent, k(0)), k(0x400000), k(0x3fffff)));
  if (up) {
    if (rounding.saturate)
      up = s.both(up, s.ne(exponent, k(0xfe)));
    exponent = s.add(exponent, arith::ExtUIOp::create(b, loc, word, up));
  }
  Value code = s.select(special, k(0xff), exponent);
  return arith::TruncIOp::create(b, loc, b.getI8Type(), code);
}

Value encodeNarrow(OpBuilder &b, Location loc, Value v, Type elem, NarrowRounding rounding) {
  if (!isNarrowFloat(elem))
    return lowBits(b, loc, v, elem, /*extendSign=*/false); // as unpacked from two per byte
  Type word = b.getI32Type(), f32 = b.getF32Type();
  if (v.getType().isF64())
    v = arith::TruncFOp::create(b, loc, f32, v);
  if (isa<Float8E8M0FNUType>(elem))
    return encodeExponent(b, loc, v, rounding);

  Format f = *formatOf(elem);
  ScalarBuilder s(b, loc, b.getIntegerType(32, /*isSigned=*/false));
  auto k = [&](int64_t c) { return s.bits(word, c); };
  auto shr = [&](Value x, unsigned n) -> Value { return arith::ShRUIOp::create(b, loc, x, k(n)); };
  auto asBits = [&](Value x) -> Value { return arith::BitcastOp::create(b, loc, word, x); };
  Value bits = asBits(v);
  Value magnitude = s.both(bits, k(0x7fffffff));
  Value sign = s.both(shr(bits, 31 - f.signShift), k(1u << f.signShift));

  // Normal results: round to nearest even by an integer addition, then rebias.
  unsigned shift = 23 - f.mantissa;
  Value odd = s.both(shr(magnitude, shift), k(1));
  Value rounded = s.add(s.add(magnitude, k((1u << (shift - 1)) - 1)), odd);
  Value normal = shr(s.sub(rounded, k(int64_t(127 - f.bias) << 23)), shift);
  // Subnormal results: adding a power of two whose last place is theirs rounds in the adder.
  int unit = 1 - int(f.bias) - int(f.mantissa);
  Value magic = powerOfTwo(b, loc, unit + 23);
  Value plain = arith::BitcastOp::create(b, loc, f32, magnitude);
  Value subnormal = s.sub(asBits(s.add(plain, magic)), asBits(magic));
  Value code = s.select(s.lt(magnitude, k(int64_t(128 - f.bias) << 23)), subnormal, normal);

  Value beyond = s.gt(code, k(f.largest));
  code = s.select(beyond, k(rounding.saturate || f.finite ? f.largest : f.overflow), code);
  Value isNaN = s.gt(magnitude, k(0x7f800000));
  Value signedCode;
  if (f.fnuz) {
    // Zero has no sign, and neither has NaN.
    signedCode = s.select(s.eq(code, k(0)), code, s.either(code, sign));
    signedCode = s.select(isNaN, k(f.nan), signedCode);
  } else if (f.finite) {
    signedCode = s.select(isNaN, k(f.nan), s.either(code, sign));
  } else {
    signedCode = s.either(s.select(isNaN, k(f.nan), code), sign);
  }
  return arith::TruncIOp::create(b, loc, b.getI8Type(), signedCode);
}

} // namespace onnxc::lower
