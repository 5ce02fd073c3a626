// Lowering of ops that cut and join along axes: Slice, Concat, Split, Pad.
// Starts, ends, axes, steps and pads may be constants or run-time values.
#include "dialects/onnx/Onnx.h"
#include "passes/lower/Families.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

using namespace mlir;
using P = arith::CmpIPredicate;

namespace onnxc::lower {

static Type storedElem(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

/// As l.slice; a slice without elements is a fresh tensor, as its offset may lie
/// at the end. One that is known to start there has none, whatever its size claims.
static Value cutOut(Lowering &l, Value in, const Dims &offsets, Dims sizes, const Dims &strides) {
  for (auto [d, offset] : llvm::enumerate(offsets)) {
    auto start = Lowering::staticDim(offset), extent = Lowering::staticDim(l.dim(in, d));
    if (start && extent && *start >= *extent && !Lowering::staticDim(sizes[d]))
      sizes[d] = l.idx(0);
  }
  if (llvm::any_of(sizes, [](OpFoldResult d) { return Lowering::staticDim(d) == 0; }))
    return l.empty(sizes, storedElem(in));
  return l.slice(in, offsets, sizes, strides);
}

/// The value that operand `given` has for dim d: the entry j whose axis is d,
/// else `otherwise`.  Without axes entry j belongs to dim j.
static Value forDim(Lowering &l, const Values &given, const std::optional<Values> &axes, int64_t d, int64_t rank,
                    Value otherwise) {
  if (!axes)
    return d < int64_t(given.size()) ? given[d] : otherwise;
  Value r = otherwise;
  for (auto [v, a] : llvm::zip(given, *axes))
    r = select64(l, isAxis(l, a, d, rank), v, r);
  return r;
}

// ---- Slice ------------------------------------------------------------------

namespace {
/// One dim of a slice, clamped as ONNX says; i64 scalars.
struct Range {
  Value start, step, count;
};
} // namespace

static Range clampRange(Lowering &l, Value start, Value end, Value step, Value dim) {
  Value zero = c64(l, 0), one = c64(l, 1), minusOne = c64(l, -1);
  // A step beyond the dim takes one element, whatever its size.
  if (auto known = known64(step); !known || *known > (int64_t(1) << 30) || *known < -(int64_t(1) << 30)) {
    Value beyond = add64(l, dim, one);
    step = max64(l, min64(l, step, beyond), sub64(l, zero, beyond));
  }
  Value down = cmp64(l, P::slt, step, zero);
  Value lastStart = select64(l, down, sub64(l, dim, one), dim);
  Value lowestEnd = select64(l, down, minusOne, zero);
  auto wrap = [&](Value v) { return select64(l, cmp64(l, P::slt, v, zero), add64(l, v, dim), v); };
  // Without elements, the first one to step down from is -1.
  Value s = max64(l, min64(l, wrap(start), lastStart), min64(l, lastStart, zero));
  Value e = max64(l, min64(l, wrap(end), lastStart), lowestEnd);
  // Ends below -dim stay below; they mean "to the first element" when stepping down.
  Value slack = select64(l, down, add64(l, step, one), sub64(l, step, one));
  Value count = max64(l, div64(l, add64(l, sub64(l, e, s), slack), step), zero);
  return {s, step, count};
}

static LogicalResult lowerSlice(onnx::SliceOp op, Lowering &l) {
  Value in = l.in(op, 0);
  int64_t r = Lowering::rank(in);
  auto starts = ints64(l, op.getStarts()), ends = ints64(l, op.getEnds());
  auto axes = Lowering::has(op, 3) ? ints64(l, op.getAxes()) : std::optional<Values>();
  auto steps = Lowering::has(op, 4) ? ints64(l, op.getSteps()) : std::optional<Values>();
  if (!starts || !ends || (Lowering::has(op, 3) && !axes) || (Lowering::has(op, 4) && !steps))
    return l.fail(op, "the number of sliced axes is not known at compile time");

  if (axes)
    l.checkAxes(*axes, r, Lowering::operandName(op, 3));
  Dims inDims = l.dims(in), counts;
  SmallVector<Range> ranges;
  bool forward = true, fixed = true; // all steps known and positive; all starts known
  for (int64_t d = 0; d < r; ++d) {
    Value dim = dim64(l, inDims[d]), one = c64(l, 1);
    Value start = forDim(l, *starts, axes, d, r, c64(l, 0));
    Value end = forDim(l, *ends, axes, d, r, dim);
    Value step = steps ? forDim(l, *steps, axes, d, r, one) : one;
    l.check(cmp64(l, P::ne, step, c64(l, 0)), ONNXC_SHAPE_MISMATCH, "step along dim " + Twine(d) + ": got 0");
    Range range = clampRange(l, start, end, step, dim);
    auto known = known64(step);
    forward &= known && *known > 0;
    fixed &= known64(range.start).has_value();
    counts.push_back(asDim(l, range.count));
    ranges.push_back(range);
  }
  Dims out = refine(counts, op.getType());

  if (isShort(in) && r == 1 && fixed && known64(ranges[0].step) && Lowering::staticDim(out[0])) {
    Values all = elements(l, in), picked;
    int64_t n = *Lowering::staticDim(out[0]);
    for (int64_t i = 0; i < n; ++i) {
      int64_t at = *known64(ranges[0].start) + i * *known64(ranges[0].step);
      if (at < 0 || at >= int64_t(all.size()))
        return l.fail(op, "the slice reaches beyond its operand");
      picked.push_back(all[at]);
    }
    l.set(op, 0, fromElements(l, {n}, storedElem(in), picked));
    return success();
  }

  if (forward) {
    Dims offsets, strides;
    for (int64_t d = 0; d < r; ++d) {
      Value start = ranges[d].start;
      // The inferred size may rest on the model's word: keep the view inside.
      if (!known64(start) && Lowering::staticDim(out[d])) {
        int64_t reach = (*Lowering::staticDim(out[d]) - 1) * *known64(ranges[d].step) + 1;
        start = max64(l, min64(l, start, sub64(l, dim64(l, inDims[d]), c64(l, reach))), c64(l, 0));
      }
      offsets.push_back(asDim(l, start));
      strides.push_back(l.idx(*known64(ranges[d].step)));
    }
    l.set(op, 0, cutOut(l, in, offsets, out, strides));
    return success();
  }

  // Some axis may run backwards: read every element by its index.
  SmallVector<Value> starting, stepping, limit;
  for (int64_t d = 0; d < r; ++d) {
    starting.push_back(l.value(asDim(l, ranges[d].start)));
    stepping.push_back(l.value(asDim(l, ranges[d].step)));
    limit.push_back(l.value(inDims[d]));
  }
  Type stored = storedElem(in);
  l.set(op, 0, l.generate(out, stored, [&](OpBuilder &b, Location loc, ValueRange ivs) {
    Values at;
    for (int64_t d = 0; d < r; ++d) {
      Value i = arith::MulIOp::create(b, loc, ivs[d], stepping[d]);
      i = arith::AddIOp::create(b, loc, starting[d], i);
      Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
      i = arith::MinSIOp::create(b, loc, i, arith::SubIOp::create(b, loc, limit[d], one));
      at.push_back(arith::MaxSIOp::create(b, loc, i, zero));
    }
    return Lowering::at(b, loc, in, at, stored);
  }));
  return success();
}

// ---- Concat, Split ------------------------------------------------------------

static LogicalResult lowerConcat(onnx::ConcatOp op, Lowering &l) {
  Values ins;
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    ins.push_back(l.in(op, i));
  int64_t axis = l.axis(int64_t(op.getAxis()), Lowering::rank(ins[0]));
  if (llvm::all_of(ins, [](Value v) { return isShort(v) && Lowering::rank(v) == 1; })) {
    Values all;
    for (Value v : ins)
      llvm::append_range(all, elements(l, v));
    l.set(op, 0, fromElements(l, {int64_t(all.size())}, storedElem(ins[0]), all));
    return success();
  }
  l.set(op, 0, l.concat(ins, axis));
  return success();
}

static LogicalResult lowerSplit(onnx::SplitOp op, Lowering &l) {
  Value in = l.in(op, 0);
  int64_t r = Lowering::rank(in), axis = l.axis(int64_t(op.getAxis()), r);
  int64_t parts = op->getNumResults();
  Dims inDims = l.dims(in), sizes;
  if (Lowering::has(op, 1)) {
    auto given = ints64(l, op.getSplit());
    if (!given || int64_t(given->size()) != parts)
      return l.fail(op, "'split' must have one entry per output");
    l.checkSizes(*given, Lowering::operandName(op, 1) + " (split)");
    Value sum = c64(l, 0);
    for (Value size : *given) {
      sum = add64(l, sum, size);
      sizes.push_back(asDim(l, size));
    }
    Value whole = dim64(l, inDims[axis]);
    l.check(cmp64(l, P::eq, sum, whole), ONNXC_SHAPE_MISMATCH, "sum of " + Lowering::operandName(op, 1) + " (split): got \1, wanted \2", sum, whole);
  } else {
    // Equal parts; the last one is smaller when the dim does not divide.
    OpFoldResult dim = inDims[axis], part = l.ceilDiv(dim, l.idx(parts));
    for (int64_t i = 0; i < parts; ++i) {
      OpFoldResult rest = l.max(l.sub(dim, l.mul(part, l.idx(i))), l.idx(0));
      sizes.push_back(l.min(part, rest));
    }
  }
  OpFoldResult at = l.idx(0);
  for (int64_t i = 0; i < parts; ++i) {
    Dims size = inDims, offsets(r, l.idx(0)), strides(r, l.idx(1));
    size[axis] = sizes[i];
    size = l.refine(size, op, i);
    offsets[axis] = at;
    at = l.add(at, sizes[i]);
    auto first = Lowering::staticDim(offsets[axis]), n = Lowering::staticDim(size[axis]);
    if (isShort(in) && r == 1 && first && n) {
      Values all = elements(l, in);
      if (*first + *n > int64_t(all.size()))
        return l.fail(op, "'split' reaches beyond its operand");
      l.set(op, i, fromElements(l, {*n}, storedElem(in), ArrayRef<Value>(all).slice(*first, *n)));
      continue;
    }
    l.set(op, i, cutOut(l, in, offsets, size, strides));
  }
  return success();
}

// ---- Pad ------------------------------------------------------------------

/// The operand's index for padded index `i` (already shifted by the low pad).
static Value sourceIndex(OpBuilder &b, Location loc, StringRef mode, Value i, Value n) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
  auto clamp = [&](Value v) -> Value {
    v = arith::MinSIOp::create(b, loc, v, arith::SubIOp::create(b, loc, n, one));
    return arith::MaxSIOp::create(b, loc, v, zero);
  };
  auto modulo = [&](Value v, Value m) -> Value {
    m = arith::MaxSIOp::create(b, loc, m, one);
    Value rem = arith::RemSIOp::create(b, loc, v, m);
    Value negative = arith::CmpIOp::create(b, loc, P::slt, rem, zero);
    return arith::SelectOp::create(b, loc, negative, arith::AddIOp::create(b, loc, rem, m).getResult(), rem);
  };
  if (mode == "wrap")
    return clamp(modulo(i, n));
  if (mode == "reflect") {
    // 0 1 2 3 2 1 | 0 1 ...: period 2 (n - 1).
    Value last = arith::SubIOp::create(b, loc, n, one);
    Value period = arith::AddIOp::create(b, loc, last, last);
    Value m = modulo(i, period);
    Value back = arith::SubIOp::create(b, loc, period, m);
    return clamp(arith::SelectOp::create(b, loc, arith::CmpIOp::create(b, loc, P::slt, m, n), m, back));
  }
  return clamp(i);
}

static LogicalResult lowerPad(onnx::PadOp op, Lowering &l) {
  Value in = l.in(op, 0);
  int64_t r = Lowering::rank(in);
  Type stored = storedElem(in);
  auto pads = ints64(l, op.getPads());
  auto axes = Lowering::has(op, 3) ? ints64(l, op.getAxes()) : std::optional<Values>();
  if (!pads || (Lowering::has(op, 3) && !axes))
    return l.fail(op, "the number of padded axes is not known at compile time");
  for (auto [i, pad] : llvm::enumerate(*pads))
    l.checkBetween(pad, -l.mostElements(), l.idx(l.mostElements()), "element " + Twine(i) + " of " + Lowering::operandName(op, 1) + " (pads)",
                   ONNXC_SHAPE_MISMATCH);
  if (axes)
    l.checkAxes(*axes, r, Lowering::operandName(op, 3));
  size_t n = pads->size() / 2;
  Values lows(pads->begin(), pads->begin() + n), highs(pads->begin() + n, pads->end());

  Dims inDims = l.dims(in), out;
  Values low, high;
  for (int64_t d = 0; d < r; ++d) {
    low.push_back(forDim(l, lows, axes, d, r, c64(l, 0)));
    high.push_back(forDim(l, highs, axes, d, r, c64(l, 0)));
    Value size = add64(l, add64(l, low[d], dim64(l, inDims[d])), high[d]);
    l.checkBetween(size, 0, l.idx(l.mostElements()), "dim " + Twine(d) + " with its pads", ONNXC_SHAPE_MISMATCH);
    if (op.getMode() != "constant")
      l.checkReadable(inDims[d], {asDim(l, size)}, "dim " + Twine(d) + " of " + Lowering::operandName(op, 0));
    out.push_back(asDim(l, max64(l, size, c64(l, 0))));
  }

  if (op.getMode() == "constant") {
    Value scalar = Lowering::has(op, 2)
                       ? scalarOf(l, l.in(op, 2))
                       : arith::ConstantOp::create(l.b, l.loc(), l.b.getZeroAttr(stored)).getResult();
    // Negative pads cut: element i of the result is element i - low of the
    // operand where there is one. A cut may reach beyond the axis.
    Value zero = c64(l, 0);
    Dims offsets, sizes, strides(r, l.idx(1)), before, after;
    bool cut = false;
    for (int64_t d = 0; d < r; ++d) {
      auto knownLow = known64(low[d]), knownHigh = known64(high[d]);
      if (knownLow && knownHigh && *knownLow >= 0 && *knownHigh >= 0) {
        offsets.push_back(l.idx(0));
        sizes.push_back(inDims[d]);
        before.push_back(asDim(l, low[d]));
        after.push_back(asDim(l, high[d]));
        continue;
      }
      Value extent = dim64(l, inDims[d]), size = dim64(l, out[d]);
      Value first = min64(l, max64(l, low[d], zero), size);
      Value kept = max64(l, sub64(l, min64(l, add64(l, extent, low[d]), size), first), zero);
      offsets.push_back(asDim(l, min64(l, max64(l, sub64(l, zero, low[d]), zero), sub64(l, extent, kept))));
      sizes.push_back(asDim(l, kept));
      before.push_back(asDim(l, first));
      after.push_back(asDim(l, sub64(l, sub64(l, size, first), kept)));
      cut = true;
    }
    Value inner = cut ? cutOut(l, in, offsets, sizes, strides) : in;
    l.set(op, 0, l.pad(inner, before, after, stored, Lowering::load(l.b, l.loc(), scalar, stored)));
    return success();
  }

  std::string mode = op.getMode().str();
  if (mode != "reflect" && mode != "edge" && mode != "wrap")
    return l.fail(op, "mode '" + mode + "' is not known");
  // Negative pads cut first: what is left, from `start` on, is what is repeated.
  Values shift, size, start;
  Value zero = c64(l, 0);
  for (int64_t d = 0; d < r; ++d) {
    Value cutLow = max64(l, sub64(l, zero, low[d]), zero), cutHigh = max64(l, sub64(l, zero, high[d]), zero);
    shift.push_back(l.value(asDim(l, max64(l, low[d], zero))));
    size.push_back(l.value(asDim(l, sub64(l, dim64(l, inDims[d]), add64(l, cutLow, cutHigh)))));
    start.push_back(l.value(asDim(l, cutLow)));
  }
  l.set(op, 0, l.generate(refine(out, op.getType()), stored, [&](OpBuilder &b, Location loc, ValueRange ivs) {
    Values at;
    for (int64_t d = 0; d < r; ++d) {
      bool untouched = known64(low[d]) == 0 && known64(high[d]) == 0;
      Value i = untouched ? ivs[d] : arith::SubIOp::create(b, loc, ivs[d], shift[d]).getResult();
      at.push_back(untouched ? i : arith::AddIOp::create(b, loc, start[d], sourceIndex(b, loc, mode, i, size[d])).getResult());
    }
    return Lowering::at(b, loc, in, at, stored);
  }));
  return success();
}

void registerSlicing(Registry &r) {
  r.add<onnx::SliceOp>(lowerSlice);
  r.add<onnx::ConcatOp>(lowerConcat);
  r.add<onnx::SplitOp>(lowerSplit);
  r.add<onnx::PadOp>(lowerPad);
}

} // namespace onnxc::lower
