// Lowering of LSTM, GRU and RNN.
//
// The products with the input of all time steps are one contraction before the
// loop; each step then has one product with the hidden state and elementwise
// updates of the states in place.  Half-precision layers run in f32.
#include "dialects/onnx/Onnx.h"
#include "passes/lower/Families.h"
#include "passes/lower/Matmul.h"
#include "passes/lower/ScalarBuilder.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using utils::IteratorType;

namespace onnxc::lower {

// ---- activations ------------------------------------------------------------

namespace {
struct Activation {
  std::string name; ///< lower case
  double alpha = 0, beta = 0;

  Value apply(ScalarBuilder &s, Value x) const;
};

/// Defaults of the parameters an activation takes.
struct ActivationRow {
  const char *name;
  std::optional<double> alpha, beta;
};
} // namespace

static const ActivationRow activationRows[] = {
    {"relu", {}, {}},          {"tanh", {}, {}},         {"sigmoid", {}, {}},        {"softsign", {}, {}},
    {"softplus", {}, {}},      {"affine", 1.0, 0.0},     {"leakyrelu", 0.01, {}},    {"thresholdedrelu", 1.0, {}},
    {"scaledtanh", 1.0, 1.0},  {"hardsigmoid", 0.2, 0.5}, {"elu", 1.0, {}},
};

Value Activation::apply(ScalarBuilder &s, Value x) const {
  Value zero = s.num(0);
  auto tanh = [&](Value v) -> Value { return math::TanhOp::create(s.b, s.loc, v); };
  if (name == "relu")
    return s.max(x, zero);
  if (name == "tanh")
    return tanh(x);
  if (name == "sigmoid")
    return s.sigmoid(x);
  if (name == "softsign")
    return s.div(x, s.add(s.num(1), s.abs(x)));
  if (name == "softplus")
    return s.softplus(x);
  if (name == "affine")
    return s.add(s.mul(s.num(alpha), x), s.num(beta));
  if (name == "leakyrelu")
    return s.select(s.lt(x, zero), s.mul(s.num(alpha), x), x);
  if (name == "thresholdedrelu")
    return s.select(s.gt(x, s.num(alpha)), x, zero);
  if (name == "scaledtanh")
    return s.mul(s.num(alpha), tanh(s.mul(s.num(beta), x)));
  if (name == "hardsigmoid")
    return s.max(zero, s.min(s.num(1), s.add(s.mul(s.num(alpha), x), s.num(beta))));
  return s.select(s.lt(x, zero), s.mul(s.num(alpha), s.sub(s.exp(x), s.num(1))), x); // elu
}

/// The activations of all directions, in order; parameters are consumed by
/// those that take them.  nullopt on an unknown name.
static std::optional<std::vector<Activation>> readActivations(std::optional<ArrayAttr> names,
                                                              std::optional<ArrayRef<float>> alphas,
                                                              std::optional<ArrayRef<float>> betas,
                                                              ArrayRef<const char *> defaults, size_t directions) {
  std::vector<Activation> r;
  size_t nextAlpha = 0, nextBeta = 0;
  for (size_t i = 0; i < defaults.size() * directions; ++i) {
    Activation a;
    bool given = names && i < names->size();
    a.name = given ? cast<StringAttr>((*names)[i]).getValue().lower() : defaults[i % defaults.size()];
    const ActivationRow *row =
        llvm::find_if(activationRows, [&](const ActivationRow &candidate) { return a.name == candidate.name; });
    if (row == std::end(activationRows))
      return std::nullopt;
    if (row->alpha)
      a.alpha = alphas && nextAlpha < alphas->size() ? (*alphas)[nextAlpha++] : *row->alpha;
    if (row->beta)
      a.beta = betas && nextBeta < betas->size() ? (*betas)[nextBeta++] : *row->beta;
    r.push_back(a);
  }
  return r;
}

// ---- what the layers share --------------------------------------------------

namespace {
/// One direction at one time step.
struct Step {
  Value x;    ///< input products and bias, [batch, gates * hidden]
  Value r;    ///< recurrent weights, [gates * hidden, hidden]
  Value lateBias; ///< recurrent bias kept apart, [gates * hidden], or null
  Value peepholes; ///< [3 * hidden] or null
  Value time; ///< index of the step
  const Activation *act;
};

class Layer {
public:
  Layer(Operation *op, Lowering &l, int64_t gates) : op(op), l(l), gates(gates) {}

  Operation *op;
  Lowering &l;
  int64_t gates, hidden = 0;
  Type elem;  ///< f32 or f64
  Value lens; ///< lengths of the sequences, or null
  std::optional<double> clip;
  Dims state; ///< [batch, hidden]

  /// Updates the states (h, maybe c) for one step.
  using StepFn = llvm::function_ref<Values(const Step &, ValueRange)>;

  LogicalResult run(StringRef direction, int64_t layout, size_t actsPerDirection, const std::vector<Activation> &acts,
                    bool keepRecurrentBias, int peepholeOperand, StepFn step);

  /// The columns of gate g.
  Value gate(Value v, int64_t g) {
    return l.slice(v, {l.idx(0), l.idx(g * hidden)}, state, {l.idx(1), l.idx(1)});
  }
  /// Part g of a vector [n * hidden].
  Value part(Value v, int64_t g, int64_t n = 1) {
    return l.slice(v, {l.idx(g * hidden)}, {l.idx(n * hidden)}, {l.idx(1)});
  }
  /// Elementwise update of a state in place; frozen past the sequence's end.
  /// Inputs are [batch, hidden] or [hidden]; body(s, inputs, old) -> new.
  Value update(ValueRange ins, Value old, Value time,
               llvm::function_ref<Value(ScalarBuilder &, ValueRange, Value)> body);
  Value clipped(ScalarBuilder &s, Value x) {
    return clip ? s.max(s.num(-*clip), s.min(s.num(*clip), x)) : x;
  }

private:
  Value toCompute(Value v);
  Value fromCompute(Value v, Type to);
  Value row(Value v, ArrayRef<OpFoldResult> at);
  Value putRow(Value v, Value into, ArrayRef<OpFoldResult> at);
};
} // namespace

Value Layer::toCompute(Value v) {
  Type have = cast<RankedTensorType>(v.getType()).getElementType();
  return have == elem ? v : l.map({v}, {have}, elem, [](OpBuilder &, Location, ValueRange x) { return x[0]; });
}

Value Layer::fromCompute(Value v, Type to) {
  return to == elem ? v : l.map({v}, {elem}, to, [](OpBuilder &, Location, ValueRange x) { return x[0]; });
}

/// v[at...], with the leading dims `at` dropped.
Value Layer::row(Value v, ArrayRef<OpFoldResult> at) {
  Dims sizes = l.dims(v), offsets(sizes.size(), l.idx(0)), strides(sizes.size(), l.idx(1));
  for (auto [i, a] : llvm::enumerate(at)) {
    offsets[i] = a;
    sizes[i] = l.idx(1);
  }
  auto type = cast<RankedTensorType>(v.getType());
  auto result = RankedTensorType::get(type.getShape().drop_front(at.size()), type.getElementType());
  return tensor::ExtractSliceOp::create(l.b, l.loc(), result, v, offsets, sizes, strides);
}

Value Layer::putRow(Value v, Value into, ArrayRef<OpFoldResult> at) {
  Dims sizes = l.dims(into), offsets(sizes.size(), l.idx(0));
  for (auto [i, a] : llvm::enumerate(at)) {
    offsets[i] = a;
    sizes[i] = l.idx(1);
  }
  return l.insertSlice(v, into, offsets, sizes);
}

/// Steps whose projections are computed at once: few, to keep their buffer
/// small, but rows enough for a matrix product. None: all of them.
static std::optional<int64_t> stepsAtATime(OpFoldResult time, OpFoldResult batch) {
  constexpr int64_t kRows = 16;
  auto steps = Lowering::staticDim(time), rows = Lowering::staticDim(batch);
  if (!steps || !rows || *rows == 0)
    return std::nullopt;
  int64_t chunk = llvm::divideCeil(kRows, *rows);
  return *steps >= 2 * chunk ? std::optional<int64_t>(chunk) : std::nullopt;
}

/// Whether step `time` lies within sequence `len`.
static Value isActive(OpBuilder &b, Location loc, Value len, Value time) {
  Value end = arith::IndexCastOp::create(b, loc, b.getIndexType(), len);
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, time, end);
}

Value Layer::update(ValueRange ins, Value old, Value time,
                    llvm::function_ref<Value(ScalarBuilder &, ValueRange, Value)> body) {
  MLIRContext *ctx = l.b.getContext();
  AffineExpr batch = getAffineDimExpr(0, ctx), unit = getAffineDimExpr(1, ctx);
  Values operands(ins);
  SmallVector<AffineMap> maps;
  for (Value v : ins)
    maps.push_back(Lowering::rank(v) == 1 ? AffineMap::get(2, 0, unit) : AffineMap::getMultiDimIdentityMap(2, ctx));
  if (lens) {
    operands.push_back(lens);
    maps.push_back(AffineMap::get(2, 0, batch));
  }
  maps.push_back(AffineMap::getMultiDimIdentityMap(2, ctx));
  SmallVector<IteratorType> iterators(2, IteratorType::parallel);
  return l.generic(operands, old, maps, iterators, [&](OpBuilder &b, Location loc, ValueRange args) -> Value {
    ScalarBuilder s(b, loc, elem);
    Value next = body(s, args.take_front(ins.size()), args.back());
    return lens ? s.select(isActive(b, loc, args[ins.size()], time), next, args.back()) : next;
  });
}

LogicalResult Layer::run(StringRef direction, int64_t layout, size_t actsPerDirection,
                         const std::vector<Activation> &acts, bool keepRecurrentBias, int peepholeOperand,
                         StepFn step) {
  OpBuilder &b = l.b;
  Type given = Lowering::elem(op->getOperand(0));
  elem = Lowering::compute(given);
  if (!isa<FloatType>(elem))
    return l.fail(op, "this element type is not supported");
  bool batchFirst = layout != 0;
  // Operands in time-major form: X [time, batch, in], states [direction, batch, hidden].
  auto stateOperand = [&](unsigned i) -> Value {
    if (i >= op->getNumOperands() || !Lowering::has(op, i))
      return {};
    Value v = toCompute(l.in(op, i));
    return batchFirst ? l.transpose(v, {1, 0, 2}) : v;
  };
  Value x = toCompute(l.in(op, 0)), w = toCompute(l.in(op, 1)), r = toCompute(l.in(op, 2));
  if (batchFirst)
    x = l.transpose(x, {1, 0, 2});
  Value bias = Lowering::has(op, 3) ? toCompute(l.in(op, 3)) : Value();
  lens = Lowering::has(op, 4) ? l.in(op, 4) : Value();
  auto size = Lowering::staticDim(l.dim(r, 2));
  if (!size)
    return l.fail(op, "the hidden size is not known at compile time");
  hidden = *size;
  size_t stateCount = op->getNumResults() - 1; // h, and c for LSTM
  Values initial{stateOperand(5), stateCount > 1 ? stateOperand(6) : Value()};
  Value peepholes = peepholeOperand >= 0 && Lowering::has(op, peepholeOperand) ? toCompute(l.in(op, peepholeOperand))
                                                                              : Value();

  OpFoldResult time = l.dim(x, 0), batch = l.dim(x, 1), width = l.dim(x, 2);
  // The batch is a dim of several operands; one of them may know it.
  auto refineBatch = [&](Value v, int64_t d) {
    if (v && !Lowering::staticDim(batch))
      batch = l.dim(v, d);
  };
  for (Value v : initial)
    refineBatch(v, 1);
  refineBatch(lens, 0);
  if (lens)
    l.checkElements(lens, c64(l, 0), add64(l, dim64(l, time), c64(l, 1)), ONNXC_INDEX_OUT_OF_RANGE,
                    Lowering::operandName(op, 4) + " (sequence_lens)", "0 to \2", dim64(l, time));
  state = {batch, l.idx(hidden)};
  auto stateType = RankedTensorType::get({Lowering::staticDim(batch).value_or(ShapedType::kDynamic), hidden}, elem);
  int64_t directions = direction == "bidirectional" ? 2 : 1, all = gates * hidden;
  Value flat = l.reshape(x, {l.mul(time, batch), width});
  bool wantsY = Lowering::wants(op, 0);
  Value y = l.empty({time, l.idx(directions), batch, l.idx(hidden)}, elem);
  Values finals;
  for (size_t i = 0; i < stateCount; ++i)
    finals.push_back(l.empty({l.idx(directions), batch, l.idx(hidden)}, elem));

  for (int64_t d = 0; d < directions; ++d) {
    bool backwards = direction == "reverse" || d == 1;
    OpFoldResult dir = l.idx(d);
    Step fixed;
    fixed.act = acts.data() + d * actsPerDirection;
    fixed.r = row(r, dir);
    fixed.peepholes = peepholes ? row(peepholes, dir) : Value();
    Value early; // bias of the projection
    auto sum = [](OpBuilder &nb, Location loc, ValueRange v) -> Value {
      return arith::AddFOp::create(nb, loc, v[0], v[1]);
    };
    if (bias) {
      // Both biases add to every gate, but for one that the layer keeps apart.
      Value both = row(bias, dir), input = part(both, 0, gates), recurrent = part(both, gates, gates);
      int64_t added = keepRecurrentBias ? gates - 1 : gates;
      early = l.map({part(input, 0, added), part(recurrent, 0, added)}, {elem, elem}, elem, sum);
      if (added < gates) {
        early = l.concat({early, part(input, added)}, 0);
        fixed.lateBias = recurrent;
      }
    }
    // The input's share of every gate for `count` steps from `first` on: [count, batch, gates * hidden].
    auto project = [&](OpFoldResult first, OpFoldResult count) {
      OpFoldResult rows = l.mul(count, batch), zero = l.idx(0), one = l.idx(1);
      Value some = count == time ? flat : l.slice(flat, {l.mul(first, batch), zero}, {rows, width}, {one, one});
      Value projected = matmulCore(l, some, row(w, dir), elem, /*transposedB=*/true);
      if (early)
        projected = l.mapTo({rows, l.idx(all)}, {projected, early}, {elem, elem}, elem, sum);
      return l.reshape(projected, {count, batch, l.idx(all)});
    };

    Values carried;
    for (size_t i = 0; i < stateCount; ++i)
      carried.push_back(initial[i] ? l.castTo(row(initial[i], dir), stateType)
                                   : l.fill(state, elem, Lowering::scalar(b, l.loc(), elem, 0)));
    if (wantsY)
      carried.push_back(y);
    Value count = l.value(time);
    // Step i of the recurrence, with the projection of the steps from time `first` on.
    auto advance = [&](Value i, Value steps, OpFoldResult first, ValueRange s) {
      Location loc = l.loc();
      Step now = fixed;
      now.time = i;
      if (backwards)
        now.time = arith::SubIOp::create(b, loc, arith::SubIOp::create(b, loc, count, l.index(1)).getResult(), i);
      now.x = row(steps, l.sub(OpFoldResult(now.time), first));
      Values next = step(now, s.take_front(stateCount));
      if (!wantsY)
        return next;
      Value out = next[0];
      if (lens) {
        // Past the end of its sequence the output is 0.
        MLIRContext *ctx = b.getContext();
        AffineMap id = AffineMap::getMultiDimIdentityMap(2, ctx);
        SmallVector<IteratorType> iterators(2, IteratorType::parallel);
        out = l.generic({out, lens}, l.empty(state, elem), {id, AffineMap::get(2, 0, getAffineDimExpr(0, ctx)), id},
                        iterators, [&](OpBuilder &nb, Location nl, ValueRange args) -> Value {
                          ScalarBuilder sb(nb, nl, elem);
                          return sb.select(isActive(nb, nl, args[1], now.time), args[0], sb.num(0));
                        });
      }
      next.push_back(putRow(out, s.back(), {OpFoldResult(now.time), dir}));
      return next;
    };
    Values after;
    if (std::optional<int64_t> chunk = stepsAtATime(time, batch)) {
      // A chunk that would end beyond the last step begins earlier.
      OpFoldResult size = l.idx(*chunk), latest = l.sub(time, size);
      after = forLoop(l, l.index(0), count, carried, [&](Value begin, ValueRange outer) {
        OpFoldResult end = l.min(l.add(begin, size), time);
        OpFoldResult first = backwards ? l.sub(time, end) : l.min(begin, latest);
        Value steps = project(first, size);
        return forLoop(l, begin, l.value(end), outer, [&](Value i, ValueRange s) { return advance(i, steps, first, s); });
      }, *chunk);
    } else {
      Value steps = project(l.idx(0), time);
      after = forLoop(l, l.index(0), count, carried, [&](Value i, ValueRange s) { return advance(i, steps, l.idx(0), s); });
    }
    for (size_t i = 0; i < stateCount; ++i)
      finals[i] = putRow(after[i], finals[i], dir);
    if (wantsY)
      y = after.back();
  }

  if (wantsY)
    l.set(op, 0, fromCompute(batchFirst ? l.transpose(y, {2, 0, 1, 3}) : y, given));
  for (size_t i = 0; i < stateCount; ++i)
    if (Lowering::wants(op, 1 + i))
      l.set(op, 1 + i, fromCompute(batchFirst ? l.transpose(finals[i], {1, 0, 2}) : finals[i], given));
  return success();
}

// ---- the layers -------------------------------------------------------------

/// Activations, direction and clip of an op; the layer's own step.
template <typename OpTy>
static LogicalResult runLayer(OpTy op, Layer &layer, std::optional<ArrayAttr> names, ArrayRef<const char *> defaults,
                              bool keepRecurrentBias, int peepholeOperand, Layer::StepFn step) {
  StringRef direction = op.getDirection();
  auto acts = readActivations(names, op.getActivationAlpha(), op.getActivationBeta(), defaults,
                              direction == "bidirectional" ? 2 : 1);
  if (!acts)
    return layer.l.fail(op, "an activation of this name is not known");
  if (auto clip = op.getClip())
    layer.clip = clip->convertToFloat();
  return layer.run(direction, int64_t(op.getLayout()), defaults.size(), *acts, keepRecurrentBias, peepholeOperand,
                   step);
}

static LogicalResult lowerRNN(onnx::RNNOp op, Lowering &l) {
  Layer layer(op, l, 1);
  auto step = [&](const Step &s, ValueRange states) {
    Value product = matmulCore(l, states[0], s.r, layer.elem, true);
    return Values{layer.update({s.x, product}, states[0], s.time, [&](ScalarBuilder &f, ValueRange v, Value) {
      return s.act[0].apply(f, layer.clipped(f, f.add(v[0], v[1])));
    })};
  };
  return runLayer(op, layer, op.getActivations(), {"tanh"}, false, -1, step);
}

/// z = f(x_z + h R_z), r = f(x_r + h R_r), n = g(x_h + (r h) R_h) or
/// g(x_h + r (h R_h + b_h)); h' = (1 - z) n + z h.
static LogicalResult lowerGRU(onnx::GRUOp op, Lowering &l) {
  Layer layer(op, l, 3);
  bool linearFirst = op.getLinearBeforeReset() != 0;
  auto step = [&](const Step &s, ValueRange states) {
    Value h = states[0];
    int64_t n = layer.hidden;
    Value xz = layer.gate(s.x, 0), xr = layer.gate(s.x, 1), xh = layer.gate(s.x, 2);
    const Activation &f = s.act[0], &g = s.act[1];
    auto gateOf = [&](ScalarBuilder &b, Value x, Value y) { return f.apply(b, layer.clipped(b, b.add(x, y))); };
    auto blend = [&](ScalarBuilder &b, Value z, Value fresh, Value old) {
      return b.add(b.mul(b.sub(b.num(1), z), fresh), b.mul(z, old));
    };
    if (linearFirst) {
      Value product = matmulCore(l, h, s.r, layer.elem, true);
      Values ins{xz, layer.gate(product, 0), xr, layer.gate(product, 1), xh, layer.gate(product, 2)};
      if (s.lateBias)
        ins.push_back(layer.part(s.lateBias, 2));
      return Values{layer.update(ins, h, s.time, [&](ScalarBuilder &b, ValueRange v, Value old) {
        Value z = gateOf(b, v[0], v[1]), r = gateOf(b, v[2], v[3]);
        Value linear = s.lateBias ? b.add(v[5], v[6]) : v[5];
        Value fresh = g.apply(b, layer.clipped(b, b.add(v[4], b.mul(r, linear))));
        return blend(b, z, fresh, old);
      })};
    }
    auto weights = [&](int64_t from, int64_t count) {
      return l.slice(s.r, {l.idx(from * n), l.idx(0)}, {l.idx(count * n), l.idx(n)}, {l.idx(1), l.idx(1)});
    };
    Value product = matmulCore(l, h, weights(0, 2), layer.elem, true);
    Value hz = layer.gate(product, 0), hr = layer.gate(product, 1);
    Value reset = l.map({xr, hr, h}, {layer.elem, layer.elem, layer.elem}, layer.elem,
                        [&](OpBuilder &nb, Location loc, ValueRange v) {
                          ScalarBuilder b(nb, loc, layer.elem);
                          return b.mul(gateOf(b, v[0], v[1]), v[2]);
                        });
    Value hh = matmulCore(l, reset, weights(2, 1), layer.elem, true);
    return Values{layer.update({xz, hz, xh, hh}, h, s.time, [&](ScalarBuilder &b, ValueRange v, Value old) {
      Value fresh = g.apply(b, layer.clipped(b, b.add(v[2], v[3])));
      return blend(b, gateOf(b, v[0], v[1]), fresh, old);
    })};
  };
  return runLayer(op, layer, op.getActivations(), {"sigmoid", "tanh"}, linearFirst, -1, step);
}

/// Gates i, o, f, c: i = f(i + p_i c), f = f(f + p_f c), c' = f c + i g(c),
/// o = f(o + p_o c'), h' = o h(c').
static LogicalResult lowerLSTM(onnx::LSTMOp op, Lowering &l) {
  Layer layer(op, l, 4);
  bool coupled = op.getInputForget() != 0;
  auto step = [&](const Step &s, ValueRange states) {
    Value h = states[0], c = states[1];
    const Activation &f = s.act[0], &g = s.act[1], &last = s.act[2];
    Value product = matmulCore(l, h, s.r, layer.elem, true);
    auto gateOf = [&](ScalarBuilder &b, Value x, Value y, Value peephole, Value cell) {
      Value sum = b.add(x, y);
      if (peephole)
        sum = b.add(sum, b.mul(peephole, cell));
      return f.apply(b, layer.clipped(b, sum));
    };
    Values cellIns;
    for (int64_t i : {0, 2, 3}) {
      cellIns.push_back(layer.gate(s.x, i));
      cellIns.push_back(layer.gate(product, i));
    }
    if (s.peepholes) {
      cellIns.push_back(layer.part(s.peepholes, 0));
      cellIns.push_back(layer.part(s.peepholes, 2));
    }
    Value cell = layer.update(cellIns, c, s.time, [&](ScalarBuilder &b, ValueRange v, Value old) {
      Value i = gateOf(b, v[0], v[1], s.peepholes ? v[6] : Value(), old);
      Value forget =
          coupled ? b.sub(b.num(1), i) : gateOf(b, v[2], v[3], s.peepholes ? v[7] : Value(), old);
      Value fresh = g.apply(b, layer.clipped(b, b.add(v[4], v[5])));
      return b.add(b.mul(forget, old), b.mul(i, fresh));
    });
    Values outIns{layer.gate(s.x, 1), layer.gate(product, 1), cell};
    if (s.peepholes)
      outIns.push_back(layer.part(s.peepholes, 1));
    Value out = layer.update(outIns, h, s.time, [&](ScalarBuilder &b, ValueRange v, Value) {
      Value o = gateOf(b, v[0], v[1], s.peepholes ? v[3] : Value(), v[2]);
      return b.mul(o, last.apply(b, v[2]));
    });
    return Values{out, cell};
  };
  return runLayer(op, layer, op.getActivations(), {"sigmoid", "tanh", "tanh"}, false, 7, step);
}

void registerRecurrent(Registry &r) {
  r.add<onnx::RNNOp>(lowerRNN);
  r.add<onnx::GRUOp>(lowerGRU);
  r.add<onnx::LSTMOp>(lowerLSTM);
}

} // namespace onnxc::lower
