// Fourier transforms as matrix products with the cosines and sines, and the
// matrix from spectrum bins to mel bins.
//
// A transform of N points is one product: complex input and output are
// interleaved, so that row (t, re|im) and column (f, re|im) of the matrix hold
//   re,re: cos  re,im: -sin  im,re: sin  im,im: cos      of 2*pi*t*f/N
// for the forward direction; the inverse has the other sign and 1/N.
#include "dialects/onnx/ConstantData.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Families.h"
#include "passes/lower/Matmul.h"
#include "passes/lower/Num.h"
#include "passes/lower/Scalars.h"
#include "passes/lower/ScalarBuilder.h"
#include "passes/lower/Window.h"
#include "runtime-lite/include/onnxc.h"

using namespace mlir;

namespace onnxc::lower {

namespace {

/// Which transform a matrix is for.
struct Transform {
  OpFoldResult points;       ///< N
  OpFoldResult rows, cols;   ///< input and output positions
  int64_t rowParts, colParts; ///< 1 real, 2 complex
  bool inverse = false;
  bool halfSpectrum = false; ///< inverse from a one-sided spectrum to a real signal
};

} // namespace

/// Matrices up to this many elements are made by the compiler.
constexpr int64_t maxTableElements = int64_t(1) << 20;

/// cos or sin of 2*pi*t*f/N with its sign and factor.
static double coefficient(const Transform &tr, int64_t points, int64_t t, int64_t rowPart, int64_t f, int64_t colPart) {
  double angle = 2 * M_PI * double((t * f) % points) / double(points);
  double v = rowPart == colPart ? std::cos(angle) : std::sin(angle);
  if (rowPart != colPart && (rowPart == 0) != tr.inverse)
    v = -v;
  if (tr.inverse)
    v /= double(points);
  if (tr.halfSpectrum && t != 0 && 2 * t != points)
    v *= 2;
  return v;
}

/// (rows * rowParts, cols * colParts)
static Value matrix(Lowering &l, const Transform &tr, Type acc) {
  auto points = Lowering::staticDim(tr.points), rows = Lowering::staticDim(tr.rows), cols = Lowering::staticDim(tr.cols);
  if (points && rows && cols && *points > 0 && acc.isF32() &&
      *rows * tr.rowParts * *cols * tr.colParts <= maxTableElements) {
    auto type = RankedTensorType::get({*rows * tr.rowParts, *cols * tr.colParts}, acc);
    AsmResourceBlob blob = HeapAsmResourceBlob::allocate(std::max<int64_t>(1, type.getNumElements() * 4), 64);
    float *to = reinterpret_cast<float *>(blob.getMutableData().data());
    for (int64_t t = 0; t < *rows; ++t)
      for (int64_t p = 0; p < tr.rowParts; ++p)
        for (int64_t f = 0; f < *cols; ++f)
          for (int64_t q = 0; q < tr.colParts; ++q)
            *to++ = float(coefficient(tr, *points, t, p, f, q));
    return arith::ConstantOp::create(l.b, l.loc(), onnx::makeConstant(type, std::move(blob)));
  }
  Value n = l.value(tr.points);
  Dims dims{l.mul(tr.rows, l.idx(tr.rowParts)), l.mul(tr.cols, l.idx(tr.colParts))};
  return l.generate(dims, acc, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    auto constant = [&](int64_t v) -> Value { return arith::ConstantIndexOp::create(b, loc, v); };
    Type f64 = b.getF64Type();
    auto number = [&](double v) -> Value { return arith::ConstantOp::create(b, loc, b.getF64FloatAttr(v)); };
    auto real = [&](Value i) -> Value {
      return arith::SIToFPOp::create(b, loc, f64, arith::IndexCastOp::create(b, loc, b.getI64Type(), i));
    };
    Value rowParts = constant(tr.rowParts), colParts = constant(tr.colParts);
    Value t = arith::DivUIOp::create(b, loc, at[0], rowParts), p = arith::RemUIOp::create(b, loc, at[0], rowParts);
    Value f = arith::DivUIOp::create(b, loc, at[1], colParts), q = arith::RemUIOp::create(b, loc, at[1], colParts);
    Value turn = arith::RemUIOp::create(b, loc, arith::MulIOp::create(b, loc, t, f), n);
    Value angle = arith::DivFOp::create(b, loc, arith::MulFOp::create(b, loc, real(turn), number(2 * M_PI)), real(n));
    Value same = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, p, q);
    Value fromReal = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, p, constant(0));
    Value sin = math::SinOp::create(b, loc, angle), minus = arith::NegFOp::create(b, loc, sin);
    sin = tr.inverse ? arith::SelectOp::create(b, loc, fromReal, sin, minus).getResult()
                     : arith::SelectOp::create(b, loc, fromReal, minus, sin).getResult();
    Value v = arith::SelectOp::create(b, loc, same, math::CosOp::create(b, loc, angle), sin);
    if (tr.inverse)
      v = arith::DivFOp::create(b, loc, v, real(n));
    if (tr.halfSpectrum) {
      Value first = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, t, constant(0));
      Value middle = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                           arith::MulIOp::create(b, loc, t, constant(2)), n);
      Value once = arith::OrIOp::create(b, loc, first, middle);
      v = arith::MulFOp::create(b, loc, v, arith::SelectOp::create(b, loc, once, number(1), number(2)));
    }
    return acc.isF64() ? v : arith::TruncFOp::create(b, loc, acc, v).getResult();
  });
}

/// `x` cut or padded with zeros to `extent` along `dim`.
static Value fit(Lowering &l, Value x, int64_t dim, OpFoldResult extent, Type acc) {
  Dims sizes = l.dims(x), offsets(sizes.size(), l.idx(0)), strides(sizes.size(), l.idx(1));
  if (sizes[dim] == extent)
    return x;
  auto have = Lowering::staticDim(sizes[dim]), want = Lowering::staticDim(extent);
  OpFoldResult missing = l.max(l.sub(extent, sizes[dim]), l.idx(0));
  if (!have || !want || *have > *want) {
    sizes[dim] = l.min(sizes[dim], extent);
    x = l.slice(x, offsets, sizes, strides);
  }
  Dims high(sizes.size(), l.idx(0));
  high[dim] = missing;
  return l.pad(x, offsets, high, acc, Lowering::scalar(l.b, l.loc(), acc, 0));
}

/// The axis may be a run-time value: the dims around it are then collapsed
/// with computed extents.
static LogicalResult lowerDft(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  Value x = widen(l, l.in(op, 0), elem);
  int64_t rank = Lowering::rank(x), signalRank = rank - 1;
  Dims xd = l.dims(x);
  auto parts = Lowering::staticDim(xd.back());
  if (!parts || *parts < 1 || *parts > 2)
    return l.fail(op, "the last dim must be 1 or 2");
  bool inverse = intAttr(op, "inverse", 0) != 0, onesided = intAttr(op, "onesided", 0) != 0;

  OpFoldResult axis = l.idx(rank - 2);
  if (Lowering::has(op, 2)) {
    auto given = l.intsAsDims(op->getOperand(2));
    if (!given || given->size() != 1)
      return l.fail(op, "axis must be one number");
    axis = (*given)[0];
    l.checkBetween(dim64(l, axis), -rank, l.idx(rank - 2), Lowering::operandName(op, 2) + " (axis)", ONNXC_SHAPE_MISMATCH);
  }
  if (auto a = Lowering::staticDim(axis)) {
    axis = l.idx(l.axis(*a, rank));
  } else {
    Value v = l.value(axis), zero = l.index(0);
    Value negative = arith::CmpIOp::create(l.b, l.loc(), arith::CmpIPredicate::slt, v, zero);
    Value wrapped = arith::AddIOp::create(l.b, l.loc(), v, l.index(rank));
    axis = arith::SelectOp::create(l.b, l.loc(), negative, wrapped, v).getResult();
  }
  // a where dim i lies on the wanted side of the axis, else c
  auto choose = [&](arith::CmpIPredicate side, int64_t i, OpFoldResult a, OpFoldResult c) -> OpFoldResult {
    if (auto at = Lowering::staticDim(axis))
      return arith::applyCmpPredicate(side, APInt(64, i), APInt(64, *at)) ? a : c;
    Value is = arith::CmpIOp::create(l.b, l.loc(), side, l.index(i), l.value(axis));
    return arith::SelectOp::create(l.b, l.loc(), is, l.value(a), l.value(c)).getResult();
  };
  OpFoldResult outer = l.idx(1), inner = l.idx(1), length = l.idx(1);
  for (int64_t i = 0; i < signalRank; ++i) {
    outer = l.mul(outer, choose(arith::CmpIPredicate::slt, i, xd[i], l.idx(1)));
    inner = l.mul(inner, choose(arith::CmpIPredicate::sgt, i, xd[i], l.idx(1)));
    length = l.mul(length, choose(arith::CmpIPredicate::eq, i, xd[i], l.idx(1)));
  }

  Transform tr;
  bool toReal = inverse && onesided;
  tr.points = toReal ? l.mul(l.sub(length, l.idx(1)), l.idx(2)) : length;
  if (Lowering::has(op, 1)) {
    auto given = l.intsAsDims(op->getOperand(1));
    if (!given || given->size() != 1)
      return l.fail(op, "dft_length must be one number");
    l.checkBetween(dim64(l, (*given)[0]), 1, l.idx(l.mostElements()), Lowering::operandName(op, 1) + " (dft_length)", ONNXC_SHAPE_MISMATCH);
    tr.points = (*given)[0];
  }
  OpFoldResult half = l.add(l.floorDiv(tr.points, l.idx(2)), l.idx(1));
  tr.rows = toReal ? half : tr.points;
  tr.cols = onesided && !inverse ? half : tr.points;
  tr.rowParts = *parts;
  tr.colParts = toReal ? 1 : 2;
  tr.inverse = inverse;
  tr.halfSpectrum = toReal;

  x = l.transpose(l.reshape(x, {outer, length, inner, xd.back()}), {0, 2, 1, 3});
  x = fit(l, x, 2, tr.rows, acc);
  OpFoldResult colParts = l.idx(tr.colParts);
  x = l.reshape(x, {l.mul(outer, inner), l.mul(tr.rows, xd.back())});
  Value y = matmulCore(l, x, matrix(l, tr, acc), acc);
  y = l.transpose(l.reshape(y, {outer, inner, tr.cols, colParts}), {0, 2, 1, 3});
  Dims out;
  for (int64_t i = 0; i < signalRank; ++i)
    out.push_back(choose(arith::CmpIPredicate::eq, i, tr.cols, xd[i]));
  out.push_back(colParts);
  l.set(op, 0, narrow(l, l.reshape(y, out), elem));
  return success();
}

/// Frames of the signal, times the window, times the transform's matrix.
static LogicalResult lowerStft(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getOperand(0)), acc = wide(elem);
  Value x = widen(l, l.in(op, 0), elem);
  if (Lowering::rank(x) == 2)
    x = l.unsqueeze(x, {2});
  Dims xd = l.dims(x);
  auto parts = Lowering::staticDim(xd[2]);
  if (!parts || *parts < 1 || *parts > 2)
    return l.fail(op, "the last dim of the signal must be 1 or 2");
  auto one = [&](unsigned i) -> std::optional<OpFoldResult> {
    auto given = l.intsAsDims(op->getOperand(i));
    return given && given->size() == 1 ? std::optional((*given)[0]) : std::nullopt;
  };
  auto step = one(1);
  if (!step)
    return l.fail(op, "frame_step must be one number");
  Value window = Lowering::has(op, 2) ? widen(l, l.in(op, 2), elem) : Value();
  Transform tr;
  tr.points = window ? l.dim(window, 0) : xd[1];
  if (Lowering::has(op, 3)) {
    auto length = one(3);
    if (!length)
      return l.fail(op, "frame_length must be one number");
    tr.points = *length;
  }
  l.checkBetween(dim64(l, *step), 1, l.idx(l.mostElements()), Lowering::operandName(op, 1) + " (frame_step)", ONNXC_SHAPE_MISMATCH);
  l.checkBetween(dim64(l, tr.points), 1, xd[1], "frame length", ONNXC_SHAPE_MISMATCH);
  if (window)
    l.checkEqual(l.dim(window, 0), tr.points, "length of " + Lowering::operandName(op, 2) + " (window)");
  tr.rows = tr.points;
  tr.rowParts = *parts;
  tr.colParts = 2;
  tr.cols = intAttr(op, "onesided", 1) ? l.add(l.floorDiv(tr.points, l.idx(2)), l.idx(1)) : tr.points;
  OpFoldResult frames = l.add(l.floorDiv(l.sub(xd[1], tr.points), *step), l.idx(1));

  Value stepV = l.value(*step);
  Value framed = l.generate({xd[0], frames, tr.points, xd[2]}, acc, [&](OpBuilder &b, Location loc, ValueRange at) {
    Value start = arith::MulIOp::create(b, loc, at[1], stepV);
    Value v = Lowering::at(b, loc, x, {at[0], arith::AddIOp::create(b, loc, start, at[2]), at[3]}, acc);
    return window ? arith::MulFOp::create(b, loc, v, Lowering::at(b, loc, window, {at[2]}, acc)).getResult() : v;
  });
  framed = l.reshape(framed, {l.mul(xd[0], frames), l.mul(tr.points, xd[2])});
  Value y = matmulCore(l, framed, matrix(l, tr, acc), acc);
  l.set(op, 0, narrow(l, l.reshape(y, {xd[0], frames, tr.cols, l.idx(2)}), elem));
  return success();
}

/// Triangles that are evenly spaced in mel = 2595 * log10(1 + f / 700).
static LogicalResult lowerMel(Operation *op, Lowering &l) {
  Type elem = Lowering::elem(op->getResult(0));
  if (!isa<FloatType>(Lowering::compute(elem)))
    return l.fail(op, "output_datatype is not a float");
  auto bins = l.intsAsDims(op->getOperand(0)), points = l.intsAsDims(op->getOperand(1)),
       rate = l.intsAsDims(op->getOperand(2));
  if (!bins || !points || !rate)
    return l.fail(op, "the sizes must be single numbers");
  l.checkBetween(dim64(l, (*bins)[0]), 0, l.idx(INT32_MAX), Lowering::operandName(op, 0) + " (num_mel_bins)", ONNXC_SHAPE_MISMATCH);
  l.checkBetween(dim64(l, (*points)[0]), 0, l.idx(INT32_MAX), Lowering::operandName(op, 1) + " (dft_length)", ONNXC_SHAPE_MISMATCH);
  auto edge = [&](unsigned i) -> Num {
    if (auto c = Lowering::constFloats(op->getOperand(i)))
      return Num((*c)[0]);
    Type type = Lowering::elem(op->getOperand(i));
    Value t = l.in(op, i);
    SmallVector<Value> at(Lowering::rank(t), l.index(0));
    Value v = Lowering::at(l.b, l.loc(), t, at, type);
    return v.getType().isF64() ? Num(v) : Num(arith::ExtFOp::create(l.b, l.loc(), l.b.getF64Type(), v).getResult());
  };
  auto number = [&](NumBuilder &n, OpFoldResult d) {
    auto s = Lowering::staticDim(d);
    return s ? Num(double(*s)) : n.fromIndex(l.value(d));
  };
  NumBuilder n(l.b, l.loc());
  auto mel = [&](Num hertz) -> Num {
    Num ratio = n.div(hertz, Num(700));
    Num logarithm = ratio.c ? Num(std::log1p(*ratio.c)) : Num(math::Log1pOp::create(l.b, l.loc(), ratio.v).getResult());
    return n.div(n.mul(Num(2595), logarithm), Num(std::log(10.0)));
  };
  Num low = mel(edge(3)), high = mel(edge(4));
  Num count = n.add(number(n, (*bins)[0]), Num(2)), step = n.div(n.sub(high, low), count);
  Num top = n.add(number(n, (*points)[0]), Num(1)), hertz = number(n, (*rate)[0]);

  // Spectrum bin of the corners, as i64.
  OpFoldResult corners = l.add((*bins)[0], l.idx(2));
  Value corner = l.generate({corners}, l.b.getI64Type(), [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    NumBuilder m(b, loc);
    Num exponent = m.mul(m.div(m.add(m.mul(m.fromIndex(at[0]), step), low), Num(2595)), Num(std::log(10.0)));
    Value grown = math::ExpM1Op::create(b, loc, m.value(exponent));
    Num bin = m.floor(m.div(m.mul(top, m.mul(Num(700), Num(grown))), hertz));
    return m.toInt(bin);
  });
  OpFoldResult rows = l.add(l.floorDiv((*points)[0], l.idx(2)), l.idx(1));
  Type f32 = l.b.getF32Type(), i64 = l.b.getI64Type();
  Value y = l.generate({rows, (*bins)[0]}, elem, [&](OpBuilder &b, Location loc, ValueRange at) -> Value {
    ScalarBuilder s(b, loc, f32), k(b, loc, i64);
    auto cornerAt = [&](int64_t i) -> Value {
      Value index = arith::AddIOp::create(b, loc, at[1], arith::ConstantIndexOp::create(b, loc, i));
      return Lowering::at(b, loc, corner, {index}, i64);
    };
    auto real = [&](Value v) -> Value { return arith::SIToFPOp::create(b, loc, f32, v); };
    Value j = arith::IndexCastOp::create(b, loc, i64, at[0]);
    Value left = cornerAt(0), centre = cornerAt(1), right = cornerAt(2), zero = k.num(0), one = k.num(1);
    Value rise = k.sub(centre, left), fall = k.sub(right, centre);
    Value up = s.div(real(k.sub(j, left)), real(k.max(rise, one)));
    Value down = s.div(real(k.sub(right, j)), real(k.max(fall, one)));
    Value onRise = s.both(k.ge(j, left), k.le(j, centre));
    Value onFall = s.both(k.ge(j, centre), k.lt(j, right));
    // Without width the rising side is the centre alone; the falling side wins.
    Value v = s.select(onRise, s.select(k.eq(rise, zero), s.num(1), up), s.num(0));
    v = s.select(onFall, down, v);
    return Lowering::convert(b, loc, v, f32, elem);
  });
  l.set(op, 0, y);
  return success();
}

void registerSignal(Registry &r) {
  r.add("onnx.DFT", lowerDft);
  r.add("onnx.STFT", lowerStft);
  r.add("onnx.MelWeightMatrix", lowerMel);
}

} // namespace onnxc::lower
