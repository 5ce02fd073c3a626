// sin, cos, tan.
//
// x = n pi/2 + r. Moderate arguments subtract n pi/2 in three words; larger
// ones multiply the significand by the window of 2/pi that matters (Payne and
// Hanek) in fixed point, so the result is right up to the largest number.
#include "passes/math/Coefficients.h"
#include "passes/math/Families.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

#include <array>
#include <cmath>

using namespace mlir;

namespace onnxc::mathexp {

namespace {
struct Reduced {
  Expr r;        // in [-pi/4, pi/4]
  Expr quadrant; // integer, low two bits count
};
} // namespace

static Reduced reduceModerate(Expr x) {
  VecBuilder &vb = *x.vb;
  auto [n, nBits] = vb.roundProduct(x, vb.c(kTwoOverPiF32, kTwoOverPiF64));
  Expr r;
  if (vb.hasFMA()) {
    r = vb.fma(n, vb.c(-kPio2Long0F32, -kPio2Long0F64), x);
    r = vb.fma(n, vb.c(-kPio2Long1F32, -kPio2Long1F64), r);
    r = vb.fma(n, vb.c(-kPio2Long2F32, -kPio2Long2F64), r);
  } else {
    r = x - n * vb.c(kPio2Short0F32, kPio2Short0F64);
    r = r - n * vb.c(kPio2Short1F32, kPio2Short1F64);
    r = r - n * vb.c(kPio2Short2F32, kPio2Short2F64);
  }
  return {r, nBits};
}

/// Picks table[index .. index + count) by the bits of `index`, highest first.
static SmallVector<Expr> selectWindow(VecBuilder &vb, ArrayRef<uint64_t> table,
                                      Expr index, unsigned indexBits,
                                      unsigned count) {
  SmallVector<Expr> words;
  for (uint64_t w : table)
    words.push_back(vb.ci(w));
  Expr zero = vb.ci(0);
  for (int bit = indexBits - 1; bit >= 0; --bit) {
    unsigned step = 1u << bit;
    Expr taken = vb.nei(index & vb.ci(step), zero);
    // Later stages can still move by step - 1 words.
    unsigned needed = count + step - 1;
    SmallVector<Expr> next;
    for (unsigned i = 0; i < needed && i < words.size(); ++i) {
      Expr moved = i + step < words.size() ? words[i + step] : zero;
      next.push_back(vb.select(taken, moved, words[i]));
    }
    words = std::move(next);
  }
  return words;
}

/// The `width` bits at bit offset `shift` of the pair (high, low).
static Expr funnel(VecBuilder &vb, Expr high, Expr low, Expr shift,
                   unsigned width) {
  Expr rest = vb.ci(width - 1) - shift;
  return vb.shlv(high, shift) | vb.shrv(vb.shr(low, 1), rest);
}

/// Exact float of an unsigned integer below 2^52 held in 64 bits.
static Expr wordToDouble(Expr word) {
  VecBuilder &vb = *word.vb;
  return vb.fromBits(word | vb.ci(0x4330000000000000)) -
         vb.c(std::ldexp(1.0, 52));
}

static Reduced reduceLargeF32(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr bits = vb.bits(vb.abs(x));
  Expr exponent = vb.shr(bits, 23) - vb.ci(127);
  // Small exponents never select this path; keep the shifts in range.
  exponent = vb.select(vb.lti(exponent, vb.ci(0)), vb.ci(0), exponent);
  exponent = exponent & vb.ci(127);
  Expr mantissa = (bits & vb.ci(0x7fffff)) | vb.ci(0x800000);
  SmallVector<Expr> w =
      selectWindow(vb, kTwoOverPiWordsF32, vb.shr(exponent, 5), 2, 4);
  Expr shift = exponent & vb.ci(31);
  auto wide = [&](Expr e) { return vb.resize(e, 64, /*isSigned=*/false); };
  Expr m = wide(mantissa);
  Expr a = wide(funnel(vb, w[0], w[1], shift, 32));
  Expr bb = wide(funnel(vb, w[1], w[2], shift, 32));
  Expr cc = wide(funnel(vb, w[2], w[3], shift, 32));
  // Fixed point: 2 bits of quadrant, 62 bits of fraction.
  Expr product = vb.shl(m * a, 32) + m * bb + vb.shr(m * cc, 32);
  Expr high = vb.resize(vb.shr(product, 32), 32, false);
  Expr low = vb.resize(product, 32, false);
  Expr quadrant = vb.shr(high + vb.ci(0x20000000), 30);
  Expr fraction = high - vb.shl(quadrant, 30);
  Expr top = vb.toFloat(fraction & vb.ci(~uint64_t(63)));
  Expr mid = vb.toFloat(vb.shl(fraction & vb.ci(63), 18) | vb.shr(low, 14));
  Expr end = vb.toFloat(low & vb.ci(0x3fff));
  Expr r =
      top * vb.c(std::ldexp(1.0, -30)) +
      (mid * vb.c(std::ldexp(1.0, -48)) + end * vb.c(std::ldexp(1.0, -62)));
  r = vb.fma(r, vb.c(kPio2F32), r * vb.c(kPio2LoF32));
  Expr negative = vb.lti(vb.bits(x), vb.ci(0));
  return {vb.select(negative, -r, r),
          vb.select(negative, vb.ci(0) - quadrant, quadrant)};
}

static Reduced reduceLargeF64(Expr x) {
  VecBuilder &vb = *x.vb;
  Expr bits = vb.bits(vb.abs(x));
  Expr exponent = vb.shr(bits, 52) - vb.ci(1023);
  exponent = vb.select(vb.lti(exponent, vb.ci(0)), vb.ci(0), exponent);
  exponent = exponent & vb.ci(1023);
  Expr implicit = vb.ci(uint64_t(1) << 52);
  Expr mantissa = (bits & vb.ci((uint64_t(1) << 52) - 1)) | implicit;
  SmallVector<Expr> w =
      selectWindow(vb, kTwoOverPiWordsF64, vb.shr(exponent, 6), 4, 4);
  Expr shift = exponent & vb.ci(63);
  Expr mask = vb.ci(0xffffffff);
  // Limbs of 32 bits, highest first; the sixth only feeds carries and is left.
  std::array<Expr, 6> limb;
  for (unsigned i = 0; i < 3; ++i) {
    Expr word = funnel(vb, w[i], w[i + 1], shift, 64);
    limb[2 * i] = vb.shr(word, 32);
    limb[2 * i + 1] = word & mask;
  }
  Expr m0 = mantissa & mask, m1 = vb.shr(mantissa, 32);
  // Columns of the product modulo 2^192, lowest first; column i collects
  // m0 * limb[5-i] and m1 * limb[6-i].
  std::array<Expr, 6> column;
  Expr carry;
  for (unsigned i = 1; i < 6; ++i) {
    Expr p = m0 * limb[5 - i];
    Expr q = m1 * limb[6 - i];
    Expr lowSum = (p & mask) + (q & mask);
    Expr highSum = vb.shr(p, 32) + vb.shr(q, 32);
    if (i > 1)
      lowSum = lowSum + carry;
    column[i] = lowSum & mask;
    carry = highSum + vb.shr(lowSum, 32);
  }
  Expr top = column[5];
  Expr quadrant = vb.shr(top + vb.ci(0x20000000), 30) & vb.ci(3);
  // Signed fraction in [-2^29, 2^29): bias it to convert without a sign.
  Expr biased = (top - vb.shl(quadrant, 30) + vb.ci(0x20000000)) & mask;
  Expr a = wordToDouble(biased) - vb.c(std::ldexp(1.0, 29));
  Expr r = a * vb.c(std::ldexp(1.0, -30)) +
           (wordToDouble(column[4]) * vb.c(std::ldexp(1.0, -62)) +
            (wordToDouble(column[3]) * vb.c(std::ldexp(1.0, -94)) +
             wordToDouble(column[2]) * vb.c(std::ldexp(1.0, -126))));
  r = vb.fma(r, vb.c(kPio2F64), r * vb.c(kPio2LoF64));
  Expr negative = vb.lti(vb.bits(x), vb.ci(0));
  return {vb.select(negative, -r, r),
          vb.select(negative, vb.ci(0) - quadrant, quadrant)};
}

static Reduced reduce(Expr x) {
  VecBuilder &vb = *x.vb;
  Reduced near = reduceModerate(x);
  // How long n times the first word of pi/2 stays exact.
  Expr limit = vb.hasFMA() ? vb.c(1e5, 1e8) : vb.c(1e4, 1e6);
  Expr moderate = vb.lt(vb.abs(x), limit);
  auto merge = [&]() -> Reduced {
    Reduced far = vb.isF64() ? reduceLargeF64(x) : reduceLargeF32(x);
    return {vb.select(moderate, near.r, far.r),
            vb.select(moderate, near.quadrant, far.quadrant)};
  };
  if (!vb.guardSlowPaths())
    return merge();
  // A branch around the long way, which vectors hardly ever need.
  Value anyFar = vb.any(vb.logicalNot(moderate));
  auto far = [&](OpBuilder &, Location loc) {
    Reduced red = merge();
    scf::YieldOp::create(vb.b, loc, ValueRange{red.r.v, red.quadrant.v});
  };
  auto keep = [&](OpBuilder &, Location loc) {
    scf::YieldOp::create(vb.b, loc, ValueRange{near.r.v, near.quadrant.v});
  };
  OpBuilder::InsertionGuard guard(vb.b);
  auto branch = scf::IfOp::create(vb.b, vb.loc, anyFar, far, keep);
  return {vb.wrap(branch.getResult(0)), vb.wrap(branch.getResult(1))};
}

static Expr sinPolynomial(Expr r) {
  VecBuilder &vb = *r.vb;
  Expr t = r * r;
  return vb.fma(t * r, vb.horner(t, kSinF32, kSinF64), r);
}

static Expr cosPolynomial(Expr r) {
  VecBuilder &vb = *r.vb;
  Expr t = r * r;
  Expr one = vb.c(1.0);
  Expr half = t * vb.c(0.5);
  Expr head = one - half;
  // The rounding of 1 - t/2 comes back with the small terms.
  Expr rest =
      vb.fma(t * t, vb.horner(t, kCosF32, kCosF64), (one - head) - half);
  return head + rest;
}

/// sin or cos from both polynomials by the quadrant; infinities give NaN.
static Expr pick(Expr x, Expr sine, Expr cosine, Expr quadrant) {
  VecBuilder &vb = *x.vb;
  unsigned width = vb.isF64() ? 64 : 32;
  Expr odd = vb.nei(quadrant & vb.ci(1), vb.ci(0));
  Expr value = vb.select(odd, cosine, sine);
  Expr sign = vb.shl(quadrant & vb.ci(2), width - 2);
  value = vb.fromBits(vb.bits(value) ^ sign);
  return vb.select(vb.lt(vb.abs(x), vb.infinity()), value, vb.nan());
}

std::pair<Expr, Expr> emitSinCos(Expr x) {
  VecBuilder &vb = *x.vb;
  Reduced red = reduce(x);
  Expr s = sinPolynomial(red.r), k = cosPolynomial(red.r);
  Expr sine = pick(x, s, k, red.quadrant);
  Expr cosine = pick(x, s, k, red.quadrant + vb.ci(1));
  return {vb.select(vb.eq(x, vb.c(0.0)), x, sine), cosine};
}

Expr emitSin(Expr x) {
  VecBuilder &vb = *x.vb;
  Reduced red = reduce(x);
  Expr sine = pick(x, sinPolynomial(red.r), cosPolynomial(red.r), red.quadrant);
  return vb.select(vb.eq(x, vb.c(0.0)), x, sine);
}

Expr emitCos(Expr x) {
  VecBuilder &vb = *x.vb;
  Reduced red = reduce(x);
  return pick(x, sinPolynomial(red.r), cosPolynomial(red.r),
              red.quadrant + vb.ci(1));
}

Expr emitTan(Expr x) {
  VecBuilder &vb = *x.vb;
  Reduced red = reduce(x);
  Expr s = sinPolynomial(red.r), k = cosPolynomial(red.r);
  Expr odd = vb.nei(red.quadrant & vb.ci(1), vb.ci(0));
  Expr r = vb.select(odd, -k, s) / vb.select(odd, s, k);
  r = vb.select(vb.lt(vb.abs(x), vb.infinity()), r, vb.nan());
  return vb.select(vb.eq(x, vb.c(0.0)), x, r);
}

} // namespace onnxc::mathexp
