// Elementwise ops: a table from op to scalar function, and the few whose
// operands are not all mapped alike.
#include "passes/lower/Attributes.h"
#include "passes/lower/Families.h"
#include "passes/lower/NarrowTypes.h"
#include "passes/lower/ScalarBuilder.h"
#include "passes/lower/Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace onnxc::lower {

namespace {

using S = ScalarBuilder;
/// Operands as compute-type scalars -> result; `op` is for attributes and the
/// types of further operands.
using RowFn = Value (*)(S &s, ValueRange x, Operation *op);

struct Row {
  const char *name;
  RowFn fn;
};

} // namespace

//===----------------------------------------------------------------------===//
// Scalar functions that do not fit a table row
//===----------------------------------------------------------------------===//

/// exp(x) - 1.
static Value expm1(S &s, Value x) { return math::ExpM1Op::create(s.b, s.loc, x); }

/// min(max(x, 0), 1), as hard sigmoids clamp.
static Value unitClamp(S &s, Value x) { return s.atMost(s.atLeast(x, s.num(0)), s.num(1)); }

static Value sign(S &s, Value x) {
  Value zero = s.num(0), one = s.num(1);
  if (s.isUnsigned())
    return s.select(s.ne(x, zero), one, zero);
  Value minusOne = s.num(-1);
  // x itself where neither: keeps NaN.
  return s.select(s.gt(x, zero), one, s.select(s.lt(x, zero), minusOne, x));
}

static Value isInf(S &s, Value x, Operation *op) {
  double inf = std::numeric_limits<double>::infinity();
  bool positive = intAttr(op, "detect_positive", 1), negative = intAttr(op, "detect_negative", 1);
  if (positive && negative)
    return s.eq(s.abs(x), s.numLike(x, inf));
  if (positive || negative)
    return s.eq(x, s.numLike(x, positive ? inf : -inf));
  return s.bits(s.b.getI1Type(), 0);
}

static Value gelu(S &s, Value x, Operation *op) {
  Value half = s.mul(s.num(0.5), x), inner;
  if (strAttr(op, "approximate", "none") == "tanh") {
    // 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); the specification's constants are f32.
    Value cube = s.mul(s.mul(x, x), x);
    Value arg = s.mul(s.num(0.797884583f), s.add(x, s.mul(s.num(0.044715f), cube)));
    inner = math::TanhOp::create(s.b, s.loc, arg);
  } else {
    inner = math::ErfOp::create(s.b, s.loc, s.mul(x, s.num(0.70710678118654752440)));
  }
  return s.mul(half, s.add(s.num(1), inner));
}

/// x < -lambd: x + bias; x > lambd: x - bias; else 0.  Integers compute in f64.
static Value shrink(S &s, Value x, Operation *op) {
  Type f64 = s.b.getF64Type();
  Type type = s.isFloat() ? s.elem : f64;
  Value v = s.isFloat() ? x : Lowering::convert(s.b, s.loc, x, s.elem, f64);
  S f(s.b, s.loc, type);
  double lambd = floatAttr(op, "lambd", 0.5), bias = floatAttr(op, "bias", 0);
  Value r = f.select(f.lt(v, f.num(-lambd)), f.add(v, f.num(bias)),
                     f.select(f.gt(v, f.num(lambd)), f.sub(v, f.num(bias)), f.num(0)));
  return s.isFloat() ? r : Lowering::convert(s.b, s.loc, r, f64, s.elem);
}

/// Remainder with the sign of y (fmod = 0) or of x (fmod = 1).
static Value mod(S &s, Value x, Value y, Operation *op) {
  Value r = s.rem(x, y);
  if (intAttr(op, "fmod", 0) || s.isUnsigned())
    return r;
  Value zero = s.num(0);
  Value isZero = s.eq(r, zero), signsDiffer = s.ne(s.lt(r, zero), s.lt(y, zero));
  Value moved = s.select(signsDiffer, s.add(r, y), r);
  if (s.isFloat())
    return s.select(isZero, math::CopySignOp::create(s.b, s.loc, zero, y), moved);
  return s.select(isZero, r, moved);
}

/// x^y for integers by squaring.  Exponents above 63 keep their parity: the
/// result then is that of 0, 1 and -1, and an overflow for others.
static Value integerPower(S &s, Value x, Value y) {
  Type t = x.getType();
  Value one = s.bits(t, 1), zero = s.bits(t, 0), odd = s.both(y, one);
  Value negative = s.lt(y, zero);
  Value n = s.select(s.gt(y, s.bits(t, 63)), s.either(s.bits(t, 62), odd), y);
  Value result = one, base = x;
  for (int bit = 0; bit < 6; ++bit) {
    Value isSet = s.ne(s.both(n, s.bits(t, int64_t(1) << bit)), zero);
    result = s.select(isSet, s.mul(result, base), result);
    if (bit < 5)
      base = s.mul(base, base);
  }
  // 1 / x^|y| truncated.
  Value minusOne = s.bits(t, -1);
  Value signOfPower = s.select(s.ne(odd, zero), minusOne, one);
  Value inverse = s.select(s.eq(x, one), one, s.select(s.eq(x, minusOne), signOfPower, zero));
  return s.select(negative, inverse, result);
}

static Value power(S &s, ValueRange x, Operation *op) {
  Type base = s.elem, exponent = Lowering::elem(op->getOperand(1));
  bool floatBase = isa<FloatType>(base), floatExponent = isa<FloatType>(exponent);
  if (!floatBase && !floatExponent) {
    // Unsigned 64-bit exponents beyond the signed range overflow anyway.
    return integerPower(s, x[0], Lowering::convert(s.b, s.loc, x[1], exponent, base));
  }
  if (floatBase) {
    Value y = Lowering::convert(s.b, s.loc, x[1], exponent, base);
    if (auto c = Lowering::constFloats(op->getOperand(1)); c && c->size() == 1) {
      double e = c->front();
      if (e == 2)
        return s.mul(x[0], x[0]);
      if (e == 3)
        return s.mul(s.mul(x[0], x[0]), x[0]);
      if (e == 1)
        return x[0];
      if (e == -1)
        return s.reciprocal(x[0]);
    }
    return s.pow(x[0], y);
  }
  // Integer base: in f64; an integral exponent has an integral result.
  Type f64 = s.b.getF64Type();
  S f(s.b, s.loc, f64);
  Value y = Lowering::convert(s.b, s.loc, x[1], exponent, f64);
  Value r = f.pow(Lowering::convert(s.b, s.loc, x[0], base, f64), y);
  Value integral = f.both(f.eq(f.roundEven(y), y), f.ge(y, f.num(0)));
  return Lowering::convert(s.b, s.loc, f.select(integral, f.roundEven(r), r), f64, base);
}

static Value bitShift(S &s, Value x, Value y, Operation *op) {
  Type t = x.getType();
  int64_t width = t.getIntOrFloatBitWidth();
  // Negative shifts are large unsigned ones.
  Value far = arith::CmpIOp::create(s.b, s.loc, arith::CmpIPredicate::uge, y, s.bits(t, width));
  if (strAttr(op, "direction", "LEFT") == "RIGHT" && !s.isUnsigned())
    return arith::ShRSIOp::create(s.b, s.loc, x, s.select(far, s.bits(t, width - 1), y));
  Value zero = s.bits(t, 0), safe = s.select(far, zero, y);
  Value shifted = strAttr(op, "direction", "LEFT") == "RIGHT"
                      ? arith::ShRUIOp::create(s.b, s.loc, x, safe).getResult()
                      : arith::ShLIOp::create(s.b, s.loc, x, safe).getResult();
  return s.select(far, zero, shifted);
}

//===----------------------------------------------------------------------===//
// The tables
//===----------------------------------------------------------------------===//

#define ROW(name, expr) {"onnx." name, [](S &s, ValueRange x, Operation *op) -> Value { return expr; }}
#define MATH(name, mathOp) ROW(name, (s.b.createOrFold<math::mathOp>(s.loc, x[0])))

/// Operands are mapped element by element with broadcasting.
static const Row mapped[] = {
    // Arithmetic
    ROW("Abs", s.abs(x[0])),
    ROW("Neg", s.neg(x[0])),
    ROW("Sign", sign(s, x[0])),
    ROW("Reciprocal", s.reciprocal(x[0])),
    ROW("Add", s.add(x[0], x[1])),
    ROW("Sub", s.sub(x[0], x[1])),
    ROW("Mul", s.mul(x[0], x[1])),
    ROW("Div", s.div(x[0], x[1])),
    ROW("Mod", mod(s, x[0], x[1], op)),
    ROW("Pow", power(s, x, op)),

    // Functions
    MATH("Sqrt", SqrtOp),
    MATH("Exp", ExpOp),
    MATH("Log", LogOp),
    MATH("Erf", ErfOp),
    MATH("Sin", SinOp),
    MATH("Cos", CosOp),
    MATH("Tan", TanOp),
    MATH("Asin", AsinOp),
    MATH("Acos", AcosOp),
    MATH("Atan", AtanOp),
    MATH("Sinh", SinhOp),
    MATH("Cosh", CoshOp),
    MATH("Tanh", TanhOp),
    MATH("Asinh", AsinhOp),
    MATH("Acosh", AcoshOp),
    MATH("Atanh", AtanhOp),
    MATH("Ceil", CeilOp),
    MATH("Floor", FloorOp),
    MATH("Round", RoundEvenOp),

    // Comparisons and predicates
    ROW("Equal", s.eq(x[0], x[1])),
    ROW("Less", s.lt(x[0], x[1])),
    ROW("LessOrEqual", s.le(x[0], x[1])),
    ROW("Greater", s.gt(x[0], x[1])),
    ROW("GreaterOrEqual", s.ge(x[0], x[1])),
    ROW("IsNaN", s.isNaN(x[0])),
    ROW("IsInf", isInf(s, x[0], op)),

    // Logic and bits
    ROW("Not", s.exclusive(x[0], s.bits(x[0].getType(), 1))),
    ROW("And", s.both(x[0], x[1])),
    ROW("Or", s.either(x[0], x[1])),
    ROW("Xor", s.exclusive(x[0], x[1])),
    ROW("BitwiseNot", s.exclusive(x[0], s.bits(x[0].getType(), -1))),
    ROW("BitwiseAnd", s.both(x[0], x[1])),
    ROW("BitwiseOr", s.either(x[0], x[1])),
    ROW("BitwiseXor", s.exclusive(x[0], x[1])),
    ROW("BitShift", bitShift(s, x[0], x[1], op)),
    ROW("Where", s.select(x[0], x[1], x[2])),

    // Activations
    ROW("Relu", s.atLeast(x[0], s.num(0))),
    ROW("LeakyRelu", s.select(s.lt(x[0], s.num(0)), s.mul(x[0], s.num(floatAttr(op, "alpha", 0.01))), x[0])),
    ROW("PRelu", s.select(s.lt(x[0], s.num(0)), s.mul(x[0], x[1]), x[0])),
    ROW("ThresholdedRelu", s.select(s.gt(x[0], s.num(floatAttr(op, "alpha", 1))), x[0], s.num(0))),
    ROW("Elu", s.select(s.lt(x[0], s.num(0)), s.mul(s.num(floatAttr(op, "alpha", 1)), expm1(s, x[0])), x[0])),
    ROW("Selu", s.mul(s.num(floatAttr(op, "gamma", 1.05070102214813232421875)),
                      s.select(s.gt(x[0], s.num(0)), x[0],
                               s.mul(s.num(floatAttr(op, "alpha", 1.67326319217681884765625)), expm1(s, x[0]))))),
    ROW("Celu", s.add(s.atLeast(x[0], s.num(0)),
                      s.atMost(s.mul(s.num(floatAttr(op, "alpha", 1)),
                                     expm1(s, s.div(x[0], s.num(floatAttr(op, "alpha", 1))))),
                               s.num(0)))),
    ROW("Sigmoid", s.sigmoid(x[0])),
    ROW("HardSigmoid", unitClamp(s, s.add(s.mul(s.num(floatAttr(op, "alpha", 0.2)), x[0]),
                                          s.num(floatAttr(op, "beta", 0.5))))),
    ROW("HardSwish", s.mul(x[0], unitClamp(s, s.add(s.mul(s.num(1.0f / 6), x[0]), s.num(0.5))))),
    ROW("Swish", s.mul(x[0], s.sigmoid(s.mul(s.num(floatAttr(op, "alpha", 1)), x[0])))),
    ROW("SwiGLU", s.mul(s.mul(x[0], s.sigmoid(s.mul(s.num(floatAttr(op, "alpha", 1)), x[0]))), x[1])),
    ROW("Softplus", s.softplus(x[0])),
    ROW("Softsign", s.div(x[0], s.add(s.num(1), s.abs(x[0])))),
    ROW("Mish", s.mul(x[0], math::TanhOp::create(s.b, s.loc, s.softplus(x[0])))),
    ROW("Gelu", gelu(s, x[0], op)),
    ROW("Shrink", shrink(s, x[0], op)),
};

/// Any number of operands, folded from the left.
static const Row folded[] = {
    ROW("Sum", s.add(x[0], x[1])),
    ROW("Mean", s.add(x[0], x[1])),
    ROW("Max", s.max(x[0], x[1])),
    ROW("Min", s.min(x[0], x[1])),
};

#undef MATH
#undef ROW

//===----------------------------------------------------------------------===//
// Drivers
//===----------------------------------------------------------------------===//

/// All operands and results are tensors of numbers or bools.
static LogicalResult checkNumeric(Operation *op, Lowering &l) {
  for (Type t : llvm::concat<const Type>(llvm::to_vector(op->getOperandTypes()), llvm::to_vector(op->getResultTypes())))
    if (!isa<NoneType>(t) && !isa<IntegerType, FloatType>(getElementTypeOrSelf(t)))
      return l.fail(op, "only numeric and bool tensors are supported");
  return success();
}

/// Arithmetic on shapes: a result of at most 16 elements from operands that are
/// known as scalars is computed as scalars, which fold into the dims they came
/// from.
static Value mapShort(Operation *op, Lowering &l, ScalarFn body) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape() || type.getRank() > 1 || type.getNumElements() > 16 ||
      isNarrow(type.getElementType()))
    return {};
  SmallVector<Values> columns;
  for (Value v : op->getOperands()) {
    Value t = l.get(v);
    if (isNarrow(Lowering::elem(v)) || !knownAsScalars(t))
      return {};
    columns.push_back(elements(l, t));
  }
  Values results;
  for (int64_t i = 0, n = type.getNumElements(); i < n; ++i) {
    Values args;
    for (auto [v, column] : llvm::zip(op->getOperands(), columns))
      args.push_back(Lowering::load(l.b, l.loc(), column[column.size() == 1 ? 0 : i], Lowering::elem(v)));
    results.push_back(Lowering::store(l.b, l.loc(), body(l.b, l.loc(), args), type.getElementType()));
  }
  return fromElements(l, type.getShape(), Lowering::storage(type.getElementType()), results);
}

static LogicalResult lowerMapped(Operation *op, Lowering &l, RowFn fn) {
  if (failed(checkNumeric(op, l)))
    return failure();
  SmallVector<Value> ins;
  SmallVector<Type> elems;
  for (unsigned i = 0; i < op->getNumOperands(); ++i) {
    ins.push_back(l.in(op, i));
    elems.push_back(Lowering::elem(op->getOperand(i)));
  }
  Type elem = decodedType(elems.front());
  auto body = [&](OpBuilder &b, Location loc, ValueRange x) {
    S s(b, loc, elem);
    return fn(s, x, op);
  };
  Value y = mapShort(op, l, body);
  l.set(op, 0, y ? y : mapDecoded(l, ins, elems, Lowering::elem(op->getResult(0)), body));
  return success();
}

static LogicalResult lowerFolded(Operation *op, Lowering &l, RowFn fn, bool mean) {
  if (failed(checkNumeric(op, l)))
    return failure();
  SmallVector<Value> ins;
  for (Value v : op->getOperands())
    ins.push_back(l.get(v));
  Type elem = Lowering::elem(op->getOperand(0));
  SmallVector<Type> elems(ins.size(), elem);
  auto body = [&](OpBuilder &b, Location loc, ValueRange x) {
    S s(b, loc, elem);
    Value acc = x[0];
    for (Value next : x.drop_front())
      acc = fn(s, {acc, next}, op);
    return mean ? s.div(acc, s.num(x.size())) : acc;
  };
  Value y = mapShort(op, l, body);
  l.set(op, 0, y ? y : l.map(ins, elems, elem, body));
  return success();
}

/// min(max(x, lo), hi); a bound that is missing is the largest finite number of
/// its sign, as the specification says, which an infinity comes down to.
static LogicalResult lowerClip(Operation *op, Lowering &l) {
  if (failed(checkNumeric(op, l)))
    return failure();
  Type elem = Lowering::elem(op->getOperand(0));
  bool hasMin = Lowering::has(op, 1), hasMax = Lowering::has(op, 2);
  SmallVector<Value> ins{l.in(op, 0)};
  for (unsigned i : {1, 2}) {
    if (!Lowering::has(op, i))
      continue;
    Value bound = l.in(op, i);
    ins.push_back(Lowering::rank(bound) ? l.reshape(bound, {}) : bound);
  }
  SmallVector<Type> elems(ins.size(), elem);
  l.set(op, 0, l.map(ins, elems, elem, [&](OpBuilder &b, Location loc, ValueRange x) {
          S s(b, loc, elem);
          Value v = x[0];
          double most = 0;
          if (auto type = dyn_cast<FloatType>(elem))
            most = APFloat::getLargest(type.getFloatSemantics()).convertToDouble();
          if (hasMin || most)
            v = s.atLeast(v, hasMin ? x[1] : s.num(-most));
          if (hasMax || most)
            v = s.atMost(v, hasMax ? x.back() : s.num(most));
          return v;
        }));
  return success();
}

/// A well mixed 32-bit hash of an element's index (finaliser of MurmurHash3).
static Value hashIndex(S &s, Value h) {
  Type t = h.getType();
  auto shift = [&](Value v, int64_t n) -> Value { return arith::ShRUIOp::create(s.b, s.loc, v, s.bits(t, n)); };
  h = s.mul(s.exclusive(h, shift(h, 16)), s.bits(t, 0x85ebca6b));
  h = s.mul(s.exclusive(h, shift(h, 13)), s.bits(t, 0xc2b2ae35));
  return s.exclusive(h, shift(h, 16));
}

/// Inference: identity and a mask of ones.  Training: an element is kept when
/// a hash of its position and the seed, in [0, 1), is at least the ratio; the
/// same elements are dropped in every run.
static LogicalResult lowerDropout(Operation *op, Lowering &l) {
  Value x = l.in(op, 0);
  Type elem = Lowering::elem(op->getOperand(0)), i1 = l.b.getI1Type();
  Dims dims = l.dims(x);
  bool training = Lowering::has(op, 2);
  if (training)
    if (auto mode = Lowering::constInts(op->getOperand(2)); mode && mode->size() == 1 && mode->front() == 0)
      training = false;
  if (training && Lowering::has(op, 1))
    if (auto ratio = Lowering::constFloats(op->getOperand(1)); ratio && ratio->size() == 1 && ratio->front() == 0)
      training = false;
  if (!training) {
    l.set(op, 0, x);
    if (Lowering::wants(op, 1))
      l.set(op, 1, l.fill(dims, i1, Lowering::scalar(l.b, l.loc(), i1, 1)));
    return success();
  }

  Type f32 = l.b.getF32Type();
  SmallVector<Value> controls;
  SmallVector<Type> elems;
  for (unsigned i : {1, 2})
    if (Lowering::has(op, i)) {
      Value v = l.in(op, i);
      controls.push_back(Lowering::rank(v) ? l.reshape(v, {}) : v);
      elems.push_back(Lowering::elem(op->getOperand(i)));
    }
  bool hasRatio = Lowering::has(op, 1);
  // The ratio that applies: 0 outside training mode.
  Value ratio = l.map(controls, elems, f32, [&](OpBuilder &b, Location loc, ValueRange v) {
    S s(b, loc, f32);
    Value r = hasRatio ? Lowering::convert(b, loc, v[0], elems[0], f32) : s.num(0.5);
    return s.select(v.back(), r, s.num(0));
  });
  int64_t seed = intAttr(op, "seed", 0x5eed);
  Value mask = l.mapTo(dims, {ratio}, {f32}, i1, [&](OpBuilder &b, Location loc, ValueRange v) {
    S s(b, loc, b.getIntegerType(32, /*isSigned=*/false));
    Type word = b.getI32Type();
    Value h = s.bits(word, seed);
    for (size_t d = 0; d < dims.size(); ++d) {
      Value i = arith::IndexCastOp::create(b, loc, word, linalg::IndexOp::create(b, loc, d));
      h = hashIndex(s, s.add(s.mul(h, s.bits(word, 0x01000193)), i));
    }
    // The top 24 bits are exact in f32.
    Value top = arith::ShRUIOp::create(b, loc, hashIndex(s, h), s.bits(word, 8));
    S f(b, loc, f32);
    Value u = f.mul(arith::UIToFPOp::create(b, loc, f32, top), f.num(1.0 / (1 << 24)));
    return f.ge(u, v[0]);
  });
  l.set(op, 0, l.map({x, mask, ratio}, {elem, i1, f32}, elem, [&](OpBuilder &b, Location loc, ValueRange v) {
          S s(b, loc, elem);
          Value r = Lowering::convert(b, loc, v[2], f32, elem);
          return s.select(v[1], s.div(v[0], s.sub(s.num(1), r)), s.num(0));
        }));
  if (Lowering::wants(op, 1))
    l.set(op, 1, mask);
  return success();
}

void registerElementwise(Registry &r) {
  for (const Row &row : mapped)
    r.add(row.name, [fn = row.fn](Operation *op, Lowering &l) { return lowerMapped(op, l, fn); });
  for (const Row &row : folded) {
    bool mean = StringRef(row.name) == "onnx.Mean";
    r.add(row.name, [fn = row.fn, mean](Operation *op, Lowering &l) { return lowerFolded(op, l, fn, mean); });
  }
  r.add("onnx.Clip", lowerClip);
  r.add("onnx.Dropout", lowerDropout);
}

} // namespace onnxc::lower
