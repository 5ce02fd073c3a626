// Quantised computation: QuantizeLinear, DequantizeLinear, and products and
// convolutions of integers with zero points.
//
// Integer products share the contractions of MatMul and Conv. They read their
// operands as they are stored, subtract the zero points and accumulate in i32.
#include "passes/graph/Magnitude.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Convolution.h"
#include "passes/lower/Families.h"
#include "passes/lower/Matmul.h"
#include "passes/lower/NarrowTypes.h"
#include "passes/lower/ScalarBuilder.h"

#include "dialects/onnx/Onnx.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace onnxc::lower {

using S = ScalarBuilder;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

/// A loaded scalar of any quantised, integer or float type as f32.
static Value asFloat(OpBuilder &b, Location loc, Value v, Type elem) {
  if (isNarrow(elem)) {
    v = decodeNarrow(b, loc, v, elem);
    elem = decodedType(elem);
  }
  return Lowering::convert(b, loc, v, elem, b.getF32Type());
}

/// A loaded integer scalar of any width as i32.
static Value asWord(OpBuilder &b, Location loc, Value v, Type elem) {
  if (isNarrow(elem)) {
    v = decodeNarrow(b, loc, v, elem);
    elem = decodedType(elem);
  }
  return Lowering::convert(b, loc, v, elem, b.getI32Type());
}

/// The element type `map` is told: narrow types are decoded in the body.
static Type raw(Type elem) { return isNarrow(elem) ? Lowering::storage(elem) : elem; }

/// f32 rounded to the precision of f16 or bf16.
static Value roundTo(OpBuilder &b, Location loc, Value v, Type precision) {
  if (!precision.isF16() && !precision.isBF16())
    return v;
  Value rounded = arith::TruncFOp::create(b, loc, precision, v);
  return arith::ExtFOp::create(b, loc, b.getF32Type(), rounded);
}

/// saturate(round(v) + zero point) as a storable integer; NaN gives the least
/// value. `zeroPoint` is a word or null; `most` bounds |v| where something is known.
///
/// Floats of magnitude below 2^22 are rounded, half to even, by adding 1.5 * 2^23:
/// the sum's low bits are the integer.
static Value saturate(OpBuilder &b, Location loc, Value v, Value zeroPoint, Type elem, std::optional<double> most = std::nullopt) {
  S s(b, loc, b.getF32Type());
  Type i32 = b.getI32Type(), target = Lowering::storage(elem);
  unsigned width = cast<IntegerType>(elem).getWidth();
  bool isUnsigned = elem.isUnsignedInteger();
  double low = isUnsigned ? 0 : -std::ldexp(1.0, width - 1);
  double high = std::ldexp(1.0, isUnsigned ? width : width - 1) - 1;
  auto within = [&](Value x, Value least, Value greatest) {
    x = s.select(s.gt(x, least), x, least);
    return s.select(s.lt(x, greatest), x, greatest);
  };
  auto word = [&](int64_t n) -> Value { return arith::ConstantIntOp::create(b, loc, n, 32); };
  Value zero = zeroPoint ? arith::SIToFPOp::create(b, loc, b.getF32Type(), zeroPoint).getResult() : s.num(0);
  if (width > 16) {
    v = within(s.add(s.roundEven(v), zero), s.num(low), s.num(high));
    return arith::FPToSIOp::create(b, loc, i32, v);
  }
  bool small = most && *most < double(1 << 21);
  if (!small)
    v = within(v, s.sub(s.num(low), zero), s.sub(s.num(high), zero));
  constexpr float kRounder = 12582912.0f;
  Value n = arith::BitcastOp::create(b, loc, i32, s.add(v, s.num(kRounder)));
  Value shift = word(-int64_t(llvm::bit_cast<int32_t>(kRounder)));
  if (zeroPoint)
    shift = arith::AddIOp::create(b, loc, shift, zeroPoint);
  n = arith::AddIOp::create(b, loc, n, shift);
  if (small) {
    n = arith::MaxSIOp::create(b, loc, n, word(int64_t(low)));
    n = arith::MinSIOp::create(b, loc, n, word(int64_t(high)));
  }
  return isNarrow(elem) ? encodeNarrow(b, loc, n, elem) : arith::TruncIOp::create(b, loc, target, n).getResult();
}

/// The one value of a constant integer tensor that is the same everywhere.
static std::optional<int64_t> splatInteger(Value t) {
  auto constant = t.getDefiningOp<onnx::ConstantOp>();
  auto values = constant ? dyn_cast<DenseIntElementsAttr>(constant.getValue()) : DenseIntElementsAttr();
  if (!values || !values.isSplat())
    return std::nullopt;
  APInt n = values.getSplatValue<APInt>();
  return Lowering::elem(t).isUnsignedInteger() ? int64_t(n.getZExtValue()) : n.getSExtValue();
}

/// The same of floats.
static std::optional<float> splatFloat(Value t) {
  auto constant = t.getDefiningOp<onnx::ConstantOp>();
  auto values = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue()) : DenseFPElementsAttr();
  if (!values || !values.isSplat() || !values.getElementType().isF32())
    return std::nullopt;
  return values.getSplatValue<float>();
}

//===----------------------------------------------------------------------===//
// QuantizeLinear, DequantizeLinear
//===----------------------------------------------------------------------===//

namespace {

/// How scale and zero point lie along x: one for all, one per index of an
/// axis, or one per block of an axis.
struct Granularity {
  int64_t axis = 0, block = 0;
  /// Blocks of equal, static size: x is seen with `axis` split in two.
  bool split = false;
};

} // namespace

static Granularity granularity(Operation *op, Lowering &l, Value x, Value scale) {
  Granularity g;
  int64_t rank = Lowering::rank(x);
  g.axis = rank ? l.axis(intAttr(op, "axis", 1), rank) : 0;
  // Per-tensor and per-axis scales have no use for an axis beyond the rank.
  g.axis = std::max<int64_t>(0, std::min(g.axis, rank - 1));
  g.block = intAttr(op, "block_size", 0);
  if (g.block > 0) {
    auto extent = Lowering::staticDim(l.dim(x, g.axis)), blocks = Lowering::staticDim(l.dim(scale, g.axis));
    g.split = extent && blocks && *extent == *blocks * g.block;
  }
  return g;
}

/// A scale or zero point and its map, for iteration over x (split by `g`).
static std::pair<Value, AffineMap> parameter(Lowering &l, Value t, Type elem, Value x, const Granularity &g) {
  MLIRContext *ctx = l.b.getContext();
  int64_t rank = Lowering::rank(x) + g.split, own = Lowering::rank(t);
  bool single = true;
  for (int64_t i = 0; i < own; ++i)
    single &= Lowering::staticDim(l.dim(t, i)) == 1;
  if (single)
    return {own ? l.reshape(t, {}) : t, AffineMap::get(rank, 0, ctx)};
  if (own == 1 && g.block <= 0)
    return {t, AffineMap::get(rank, 0, getAffineDimExpr(g.axis, ctx), ctx)};
  if (g.split)
    return {t, projection(ctx, rank, {g.axis + 1})};
  // The last block is partial: one parameter per element.
  Value full = l.generate(l.dims(x), raw(elem), [&](OpBuilder &b, Location loc, ValueRange at) {
    SmallVector<Value> from(at);
    Value block = arith::ConstantIndexOp::create(b, loc, g.block);
    from[g.axis] = arith::DivUIOp::create(b, loc, at[g.axis], block);
    return Lowering::at(b, loc, t, from, raw(elem));
  });
  return {full, l.b.getMultiDimIdentityMap(rank)};
}

/// The one element of a constant, as it is stored, where it needs no decoding.
static TypedAttr oneElement(OpBuilder &b, Value t) {
  Type elem = Lowering::elem(t);
  if (auto f = splatFloat(t))
    return b.getF32FloatAttr(*f);
  if (!isNarrow(elem))
    if (auto n = splatInteger(t))
      return b.getIntegerAttr(Lowering::storage(elem), *n);
  return {};
}

/// Maps x with its scale and optional zero point (operands 1 and 2):
/// body(x, scale[, zero point]).
static Value mapQuantized(Operation *op, Lowering &l, Type outElem, ScalarFn body) {
  Value x = l.in(op, 0);
  Dims dims = l.dims(x), loop = dims;
  Granularity g = granularity(op, l, x, l.in(op, 1));
  if (g.split) {
    loop[g.axis] = l.dim(l.in(op, 1), g.axis);
    loop.insert(loop.begin() + g.axis + 1, l.idx(g.block));
  }
  SmallVector<Value> ins{g.split ? l.reshape(x, loop) : x};
  SmallVector<AffineMap> maps{l.b.getMultiDimIdentityMap(loop.size())};
  SmallVector<Type> elems{raw(Lowering::elem(op->getOperand(0)))};
  SmallVector<TypedAttr> fixed;
  for (unsigned i : {1, 2}) {
    if (!Lowering::has(op, i))
      continue;
    fixed.push_back(oneElement(l.b, op->getOperand(i)));
    if (fixed.back())
      continue;
    Type elem = Lowering::elem(op->getOperand(i));
    auto [t, map] = parameter(l, l.in(op, i), elem, x, g);
    ins.push_back(t);
    maps.push_back(map);
    elems.push_back(raw(elem));
  }
  Value y = mapWith(l, loop, ins, maps, elems, raw(outElem), [&](OpBuilder &b, Location loc, ValueRange v) {
    SmallVector<Value> all{v[0]};
    unsigned next = 1;
    for (TypedAttr value : fixed)
      all.push_back(value ? arith::ConstantOp::create(b, loc, value).getResult() : v[next++]);
    return body(b, loc, all);
  });
  return g.split ? l.reshape(y, dims) : y;
}

/// TensorProto.DataType of the floats a division may be asked to happen in.
static Type precisionType(MLIRContext *ctx, int64_t dataType) {
  switch (dataType) {
  case 10:
    return Float16Type::get(ctx);
  case 16:
    return BFloat16Type::get(ctx);
  default:
    return Float32Type::get(ctx);
  }
}

/// y = saturate(round(x / scale) + zero point)
static LogicalResult lowerQuantizeLinear(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0)), scaleElem = Lowering::elem(op->getOperand(1));
  Type out = Lowering::elem(op->getResult(0));
  if (!isa<IntegerType, FloatType>(out))
    return l.fail(op, "the output type is not a number");
  Type zeroElem = Lowering::has(op, 2) ? Lowering::elem(op->getOperand(2)) : Type();
  // Division in half precision: when asked for, or when both sides have it.
  int64_t asked = intAttr(op, "precision", 0);
  Type precision = asked ? precisionType(l.b.getContext(), asked) : elem == scaleElem ? elem : l.b.getF32Type();
  NarrowRounding rounding{intAttr(op, "saturate", 1) != 0};
  bool unit = splatFloat(op->getOperand(1)) == 1.0;
  std::optional<double> most = unit && precision.isF32() ? graph::magnitude(op->getOperand(0)) : std::nullopt;
  bool float8 = isNarrowFloat(out) && cast<FloatType>(out).getWidth() == 8;
  l.set(op, 0, mapQuantized(op, l, out, [&](OpBuilder &b, Location loc, ValueRange v) {
          S s(b, loc, b.getF32Type());
          Value x = roundTo(b, loc, asFloat(b, loc, v[0], elem), precision);
          Value scale = roundTo(b, loc, asFloat(b, loc, v[1], scaleElem), precision);
          Value q = unit ? x : roundTo(b, loc, s.div(x, scale), precision);
          if (isa<IntegerType>(out))
            return saturate(b, loc, q, zeroElem ? asWord(b, loc, v[2], zeroElem) : Value(), out, most);
          // The zero point of an 8-bit float is 0 by definition.
          Value zero = zeroElem && !float8 ? asFloat(b, loc, v[2], zeroElem) : Value();
          return encodeNarrow(b, loc, zero ? s.add(q, zero) : q, out, rounding);
        }));
  return success();
}

/// y = (x - zero point) * scale
static LogicalResult lowerDequantizeLinear(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0)), scaleElem = Lowering::elem(op->getOperand(1));
  Type out = Lowering::elem(op->getResult(0));
  Type zeroElem = Lowering::has(op, 2) ? Lowering::elem(op->getOperand(2)) : Type();
  l.set(op, 0, mapQuantized(op, l, out, [&](OpBuilder &b, Location loc, ValueRange v) {
          S s(b, loc, b.getF32Type());
          Value x;
          if (isa<IntegerType>(elem)) {
            Value word = asWord(b, loc, v[0], elem);
            if (zeroElem)
              word = s.sub(word, asWord(b, loc, v[2], zeroElem));
            x = arith::SIToFPOp::create(b, loc, b.getF32Type(), word);
          } else {
            x = asFloat(b, loc, v[0], elem);
          }
          return Lowering::convert(b, loc, s.mul(x, asFloat(b, loc, v[1], scaleElem)), b.getF32Type(), out);
        }));
  return success();
}

/// y = saturate((sum of factor products + offset) >> 32)
static LogicalResult lowerRescale(Operation *op, Lowering &l) {
  Type word = l.b.getI32Type(), wide = l.b.getI64Type(), out = Lowering::elem(op->getResult(0));
  unsigned width = cast<IntegerType>(out).getWidth();
  bool isUnsigned = out.isUnsignedInteger();
  int64_t low = isUnsigned ? 0 : -(int64_t(1) << (width - 1)), high = low + (int64_t(1) << width) - 1;
  // What is the same everywhere stands in the code.
  SmallVector<Value> ins;
  SmallVector<Type> elems;
  SmallVector<std::optional<int64_t>> known;
  for (Value v : op->getOperands()) {
    known.push_back(splatInteger(v));
    if (known.back())
      continue;
    ins.push_back(l.in(op, known.size() - 1));
    elems.push_back(Lowering::elem(v));
  }
  l.set(op, 0, l.mapTo(l.dims(l.in(op, 1)), ins, elems, raw(out), [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
          auto constant = [&](Type type, int64_t n) -> Value { return arith::ConstantIntOp::create(b, loc, type, n); };
          SmallVector<Value> all;
          unsigned next = 0;
          for (auto [operand, n] : llvm::zip(op->getOperands(), known)) {
            all.push_back(n ? constant(wide, *n) : Lowering::convert(b, loc, v[next], elems[next], wide));
            next += !n;
            if (Lowering::elem(operand).getIntOrFloatBitWidth() == 8)
              all.back() = arith::ShLIOp::create(b, loc, all.back(), constant(wide, 8));
          }
          Value sum = all[0];
          for (size_t i = 1; i < all.size(); i += 2)
            sum = arith::AddIOp::create(b, loc, sum, arith::MulIOp::create(b, loc, all[i], all[i + 1]));
          Value n = arith::TruncIOp::create(b, loc, word, arith::ShRSIOp::create(b, loc, sum, constant(wide, 32)));
          n = arith::MaxSIOp::create(b, loc, n, constant(word, low));
          n = arith::MinSIOp::create(b, loc, n, constant(word, high));
          return arith::TruncIOp::create(b, loc, Lowering::storage(out), n);
        }));
  return success();
}

//===----------------------------------------------------------------------===//
// Products and convolutions of integers
//===----------------------------------------------------------------------===//

/// A per-row parameter of the left operand of a product: one value, or a
/// vector along the rows.
static Value perRow(Lowering &l, Value t) {
  return Lowering::rank(t) == 1 && Lowering::staticDim(l.dim(t, 0)) != 1 ? l.unsqueeze(t, {1}) : t;
}

namespace {

/// A factor of an integer product: x minus its zero point, in i32.
struct Factor {
  Value tensor;     ///< as it is stored, or, when `centred`, the difference itself in i32
  Type elem;        ///< of the stored tensor
  int64_t zero = 0; ///< the zero point of all elements, when not `centred`
  Value run;        ///< the same as a 0-d tensor, when only the run knows it
  Type runElem;
  bool centred = false;

  /// A loaded element as i32; `point` is the value of `run`.
  Value word(OpBuilder &b, Location loc, Value v, Value point) const {
    if (centred)
      return v;
    v = asWord(b, loc, v, elem);
    if (point)
      return arith::SubIOp::create(b, loc, v, asWord(b, loc, point, runElem));
    return zero ? arith::SubIOp::create(b, loc, v, Lowering::scalar(b, loc, b.getI32Type(), double(zero))).getResult() : v;
  }
};

} // namespace

/// `t` as a 0-d tensor when it is known to have one element.
static Value single(Lowering &l, Value t) {
  for (int64_t d = 0; d < Lowering::rank(t); ++d)
    if (Lowering::staticDim(l.dim(t, d)) != 1)
      return {};
  return Lowering::rank(t) ? l.reshape(t, {}) : t;
}

/// Operand i as a factor, operand j its zero point, if present. One zero point
/// for all is subtracted where elements are used, so that the tensor stays as
/// narrow as it is; others make a tensor of i32.
static Factor factorOf(Operation *op, Lowering &l, unsigned i, unsigned j, function_ref<Value(Value)> align) {
  Value x = l.in(op, i);
  Factor f{x, Lowering::elem(op->getOperand(i))};
  bool narrow = isNarrow(f.elem); // several instructions to decode
  if (!narrow && !Lowering::has(op, j))
    return f;
  if (std::optional<int64_t> zero = narrow ? std::nullopt : splatInteger(op->getOperand(j))) {
    f.zero = *zero;
    return f;
  }
  Type pointElem = Lowering::has(op, j) ? Lowering::elem(op->getOperand(j)) : Type();
  if (Value point = !narrow && !isNarrow(pointElem) ? single(l, l.in(op, j)) : Value()) {
    f.run = point;
    f.runElem = pointElem;
    return f;
  }
  SmallVector<Value> ins{x};
  SmallVector<Type> elems{f.elem};
  if (Lowering::has(op, j)) {
    ins.push_back(align(l.in(op, j)));
    elems.push_back(Lowering::elem(op->getOperand(j)));
  }
  f.centred = true;
  f.tensor = l.mapTo(l.dims(x), ins, elems, l.b.getI32Type(), [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    Value x = asWord(b, loc, v[0], elems[0]);
    return v.size() == 1 ? x : arith::SubIOp::create(b, loc, x, asWord(b, loc, v[1], elems[1])).getResult();
  });
  return f;
}

/// The 0-d tensors that a product of both factors reads.
static SmallVector<Value> pointsOf(const Factor &a, const Factor &c) {
  SmallVector<Value> points;
  for (const Factor *f : {&a, &c})
    if (f->run)
      points.push_back(f->run);
  return points;
}

/// acc + a * c for elements of two factors.
static auto productOf(const Factor &a, const Factor &c) {
  return [&](OpBuilder &b, Location loc, Value x, Value w, Value acc, ValueRange points) {
    return mulAdd(b, loc, a.word(b, loc, x, a.run ? points.front() : Value()),
                  c.word(b, loc, w, c.run ? points.back() : Value()), acc);
  };
}

/// The zero point in the middle of a type's range: elements less it fit a signed type of the same width.
static int64_t middle(Type elem) { return elem.isUnsignedInteger() ? int64_t(1) << (cast<IntegerType>(elem).getWidth() - 1) : 0; }

/// sum over k of x[..., m, k], as (..., m, 1).
static Value rowSums(Lowering &l, const Factor &x) {
  MLIRContext *ctx = l.b.getContext();
  Dims dims = l.dims(x.tensor);
  int64_t rank = dims.size();
  SmallVector<AffineExpr> kept;
  for (int64_t d = 0; d + 1 < rank; ++d)
    kept.push_back(getAffineDimExpr(d, ctx));
  SmallVector<utils::IteratorType> types(rank, utils::IteratorType::parallel);
  types.back() = utils::IteratorType::reduction;
  SmallVector<Value> ins{x.tensor};
  SmallVector<AffineMap> maps{l.b.getMultiDimIdentityMap(rank)};
  if (x.run) {
    ins.push_back(x.run);
    maps.push_back(AffineMap::get(rank, 0, ctx));
  }
  maps.push_back(AffineMap::get(rank, 0, kept, ctx));
  Type word = l.b.getI32Type();
  Value init = l.fill(Dims(dims.begin(), dims.end() - 1), word, Lowering::scalar(l.b, l.loc(), word, 0));
  Value sums = l.generic(ins, init, maps, types, [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    return arith::AddIOp::create(b, loc, v.back(), x.word(b, loc, v[0], x.run ? v[1] : Value()));
  });
  return l.unsqueeze(sums, {rank - 1});
}

/// Product of operands a and c less their zero points, in i32. Where the zero
/// point of c is not the middle of its range,
///   a * (c - zero) = a * (c - middle) + (middle - zero) * sum of a's row,
/// so that what kernels multiply with has 8 bits, and any number of columns their own zero points.
static Value integerProduct(Operation *op, Lowering &l, unsigned a, unsigned aZero, unsigned c, unsigned cZero) {
  Factor left = factorOf(op, l, a, aZero, [&](Value t) { return perRow(l, t); });
  Type word = l.b.getI32Type(), elem = Lowering::elem(op->getOperand(c));
  auto sameEverywhere = Lowering::has(op, cZero) ? splatInteger(op->getOperand(cZero)) : std::optional<int64_t>(0);
  bool matrices = Lowering::rank(l.in(op, a)) > 1 && Lowering::rank(l.in(op, c)) > 1;
  if (!matrices || left.centred || elem.getIntOrFloatBitWidth() != 8 || sameEverywhere == middle(elem)) {
    Factor right = factorOf(op, l, c, cZero, [](Value t) { return t; });
    return matmul(l, left.tensor, right.tensor, word, productOf(left, right), pointsOf(left, right));
  }
  Factor right{l.in(op, c), elem, middle(elem)};
  Value acc = matmul(l, left.tensor, right.tensor, word, productOf(left, right), pointsOf(left, right));
  SmallVector<Value> ins{acc, rowSums(l, left)};
  SmallVector<Type> elems{word, word};
  if (Lowering::has(op, cZero)) {
    ins.push_back(l.in(op, cZero));
    elems.push_back(Lowering::elem(op->getOperand(cZero)));
  }
  return l.mapTo(l.dims(acc), ins, elems, word, [&](OpBuilder &b, Location loc, ValueRange v) -> Value {
    Value shift = Lowering::scalar(b, loc, word, double(middle(elem)));
    if (v.size() > 2)
      shift = arith::SubIOp::create(b, loc, shift, asWord(b, loc, v[2], elems[2]));
    return arith::AddIOp::create(b, loc, v[0], arith::MulIOp::create(b, loc, shift, v[1]));
  });
}

/// y = saturate(round(acc * (scaleX * scaleW / scaleY)) + zero point); `scales`
/// and `zero` broadcast to acc.
static Value requantize(Lowering &l, Value acc, ArrayRef<Value> scales, ArrayRef<Type> scaleElems, Value zero,
                        Type zeroElem, Type out) {
  Type word = l.b.getI32Type();
  SmallVector<Value> ins{acc, scales[0], scales[1], scales[2], zero};
  SmallVector<Type> elems{word, scaleElems[0], scaleElems[1], scaleElems[2], raw(zeroElem)};
  return l.mapTo(l.dims(acc), ins, elems, raw(out), [&](OpBuilder &b, Location loc, ValueRange v) {
    S s(b, loc, b.getF32Type());
    auto scale = [&](unsigned i) { return asFloat(b, loc, v[i], elems[i]); };
    Type precision = scaleElems[0];
    Value product = roundTo(b, loc, s.mul(scale(1), scale(2)), precision);
    Value factor = roundTo(b, loc, s.div(product, scale(3)), precision);
    Value x = s.mul(asFloat(b, loc, v[0], word), factor);
    return saturate(b, loc, x, asWord(b, loc, v[4], zeroElem), out);
  });
}

static LogicalResult lowerMatMulInteger(Operation *op, Lowering &l) {
  l.set(op, 0, integerProduct(op, l, 0, 2, 1, 3));
  return success();
}

static LogicalResult lowerQLinearMatMul(Operation *op, Lowering &l) {
  Type out = Lowering::elem(op->getResult(0));
  if (!isa<IntegerType>(out))
    return l.fail(op, "only integer types are supported");
  auto rows = [&](Value t) { return perRow(l, t); };
  Value acc = integerProduct(op, l, 0, 2, 3, 5);
  l.set(op, 0, requantize(l, acc, {rows(l.in(op, 1)), l.in(op, 4), rows(l.in(op, 6))},
                          {Lowering::elem(op->getOperand(1)), Lowering::elem(op->getOperand(4)),
                           Lowering::elem(op->getOperand(6))},
                          rows(l.in(op, 7)), Lowering::elem(op->getOperand(7)), out));
  return success();
}

/// A parameter of a convolution's weight: one value, or one per output channel
/// seen along the first of `rank` dims.
static Value perOutputChannel(Lowering &l, Value t, int64_t rank) {
  if (Lowering::rank(t) == 0 || Lowering::staticDim(l.dim(t, 0)) == 1)
    return Lowering::rank(t) ? l.reshape(t, {}) : t;
  SmallVector<int64_t> behind;
  for (int64_t d = 1; d < rank; ++d)
    behind.push_back(d);
  return l.unsqueeze(t, behind);
}

/// Convolution of operands minus their zero points: i32, channels last.
static Value integerConv(Operation *op, Lowering &l, unsigned x, unsigned xZero, unsigned w, unsigned wZero) {
  auto same = [&](Value t) { return Lowering::rank(t) ? l.reshape(t, {}) : t; };
  Factor image = factorOf(op, l, x, xZero, same);
  int64_t rank = Lowering::rank(image.tensor);
  Factor kernel = factorOf(op, l, w, wZero, [&](Value t) { return perOutputChannel(l, t, rank); });
  if (!channelsLast(op))
    image.tensor = toChannelsLast(l, image.tensor);
  Window win = windowOf(op, l, spatialDims(l, image.tensor, true), kernelDims(l, kernel.tensor));
  // What is padded counts nothing: it is the zero point.
  Value padding = image.run ? tensor::ExtractOp::create(l.b, l.loc(), image.run, ValueRange{}).getResult()
                            : Lowering::scalar(l.b, l.loc(), getElementTypeOrSelf(image.tensor), double(image.zero));
  return convCore(l, image.tensor, kernel.tensor, l.b.getI32Type(), win, intAttr(op, "group", 1), productOf(image, kernel), padding,
                  pointsOf(image, kernel));
}

static LogicalResult checkPads(Operation *op, Lowering &l) {
  for (int64_t p : intsAttr(op, "pads"))
    if (p < 0)
      return l.fail(op, "negative pads");
  return success();
}

static LogicalResult lowerConvInteger(Operation *op, Lowering &l) {
  if (failed(checkPads(op, l)))
    return failure();
  Value y = integerConv(op, l, 0, 2, 1, 3);
  l.set(op, 0, channelsLast(op) ? y : toChannelsFirst(l, y));
  return success();
}

static LogicalResult lowerQLinearConv(Operation *op, Lowering &l) {
  Type out = Lowering::elem(op->getResult(0)), word = l.b.getI32Type();
  if (!isa<IntegerType>(out))
    return l.fail(op, "only integer types are supported");
  if (failed(checkPads(op, l)))
    return failure();
  Value acc = integerConv(op, l, 0, 2, 3, 5);
  if (Lowering::has(op, 8))
    acc = l.mapTo(l.dims(acc), {acc, l.in(op, 8)}, {word, word}, word,
                  [](OpBuilder &b, Location loc, ValueRange v) -> Value {
                    return arith::AddIOp::create(b, loc, v[0], v[1]);
                  });
  // Channels are last here: a per-channel weight scale broadcasts as it is.
  Value y = requantize(l, acc, {l.in(op, 1), l.in(op, 4), l.in(op, 6)},
                       {Lowering::elem(op->getOperand(1)), Lowering::elem(op->getOperand(4)),
                        Lowering::elem(op->getOperand(6))},
                       l.in(op, 7), Lowering::elem(op->getOperand(7)), out);
  l.set(op, 0, channelsLast(op) ? y : toChannelsFirst(l, y));
  return success();
}

void registerQuantize(Registry &r) {
  r.add("onnx.QuantizeLinear", lowerQuantizeLinear);
  r.add("onnx.DequantizeLinear", lowerDequantizeLinear);
  r.add("onnx.Rescale", lowerRescale);
  r.add("onnx.MatMulInteger", lowerMatMulInteger);
  r.add("onnx.QLinearMatMul", lowerQLinearMatMul);
  r.add("onnx.ConvInteger", lowerConvInteger);
  r.add("onnx.QLinearConv", lowerQLinearConv);
}

} // namespace onnxc::lower
