// Recurrent ops of the domain com.microsoft.
//
// DynamicQuantizeLSTM: the products of an LSTM in integers.  All steps' inputs
// are quantised together and multiplied ahead; the hidden state is quantised
// anew in each step, in the body of a Scan, as ONNX Runtime's CPU kernel does it.
#include "compiler/import/Expansion.h"

namespace onnxc::import {

using ::onnx::TensorProto;

namespace {

using Name = Expansion::Name;

enum { X = 0, W, R, Bias, Lengths, InitialH, InitialC, Peephole, WScale, WZero, RScale, RZero };

class Lstm {
public:
  explicit Lstm(Expansion &e) : e(e), hidden(e.integer("hidden_size", 0)) {}

  void expand() {
    check();
    std::string direction = e.text("direction", "forward");
    int64_t count = direction == "bidirectional" ? 2 : 1;
    batch = e.dim(e.in(X), 1);
    Expansion::Names y, h, c;
    for (int64_t d = 0; d < count; ++d) {
      bool reverse = direction == "reverse" || d == 1;
      auto out = run(d, reverse);
      y.push_back(e.op("Unsqueeze", {reverse ? reversed(out[0]) : out[0], e.ints({1})}));
      h.push_back(e.op("Unsqueeze", {out[1], e.ints({0})}));
      c.push_back(e.op("Unsqueeze", {out[2], e.ints({0})}));
    }
    auto joined = [&](const Expansion::Names &parts, int64_t axis) { return count == 1 ? parts[0] : e.concat(parts, axis); };
    e.result(0, joined(y, 1));
    e.result(1, joined(h, 0));
    e.result(2, joined(c, 0));
  }

private:
  void check() {
    if (hidden <= 0)
      e.step.fail("its hidden_size is " + std::to_string(hidden) + ", wanted 1 or more");
    if (e.integer("layout", 0) || e.integer("input_forget", 0))
      e.step.fail("its layout or input_forget is not 0");
    if (const auto *clip = findAttribute(e.node, "clip"))
      e.step.fail("its clip is " + std::to_string(clip->f()) + "; only cells that are not clipped are supported");
    const auto *functions = findAttribute(e.node, "activations");
    static const char *const known[] = {"Sigmoid", "Tanh", "Tanh"};
    for (int i = 0; functions && i < functions->strings_size(); ++i)
      if (functions->strings(i) != known[i % 3])
        e.step.fail("its activation '" + functions->strings(i) + "' is not supported; Sigmoid, Tanh, Tanh are");
  }

  Name zeros() {
    return e.op("Expand", {e.step.scalar(0, TensorProto::FLOAT), e.concat({batch, e.ints({hidden})}, 0)});
  }
  // Entry d along the first dim of an input, which goes.
  Name entry(int input, int64_t d) { return e.op("Gather", {e.in(input), e.intScalar(d)}); }

  // The steps of each sequence from its last to its first.
  Name reversed(const Name &steps) {
    if (!e.has(Lengths))
      return e.op("Slice", {steps, e.ints({-1}), e.ints({INT64_MIN}), e.ints({0}), e.ints({-1})});
    Name turned = e.op("ReverseSequence", {steps, e.cast(e.in(Lengths), TensorProto::INT64)});
    setAttribute(*e.last, "time_axis", int64_t(0));
    setAttribute(*e.last, "batch_axis", int64_t(1));
    return turned;
  }

  // a, quantised to 8 bits by its range, times a weight of direction d, as floats.
  Name product(const Name &a, int weight, int scale, int zero, int64_t d) {
    e.op("DynamicQuantizeLinear", {a});
    Name q = e.last->output(0), aScale = e.step.fresh(q), aZero = e.step.fresh(q);
    e.last->add_output(aScale);
    e.last->add_output(aZero);
    Name sums = e.op("MatMulInteger", {q, entry(weight, d), aZero, e.has(zero) ? entry(zero, d) : ""});
    return e.op("Mul", {e.cast(sums, TensorProto::FLOAT), e.op("Mul", {aScale, entry(scale, d)})});
  }

  // Columns [i * hidden, (i + 1) * hidden) of the last dim.
  Name part(const Name &value, int64_t i) {
    return e.op("Slice", {value, e.ints({i * hidden}), e.ints({(i + 1) * hidden}), e.ints({-1})});
  }

  // The steps that some sequence has; zeros, which change no range, instead of the others.
  Name steps() {
    if (!e.has(Lengths))
      return e.in(X);
    Name count = e.op("Squeeze", {e.dim(e.in(X), 0)});
    Name at = e.op("Range", {e.intScalar(0), count, e.intScalar(1)});
    Name longest = e.with(e.op("ReduceMax", {e.cast(e.in(Lengths), TensorProto::INT64)}), "keepdims", int64_t(0));
    Name inside = e.op("Unsqueeze", {e.op("Less", {at, longest}), e.ints({1, 2})});
    return e.op("Where", {inside, e.in(X), e.step.scalar(0, TensorProto::FLOAT)});
  }

  // All hidden states, and the last state and cell.
  Expansion::Names run(int64_t d, bool reverse) {
    Name gates = product(reverse ? reversed(steps()) : steps(), W, WScale, WZero, d);
    if (e.has(Bias)) {
      Name bias = entry(Bias, d);
      gates = e.op("Add", {gates, e.op("Add", {e.op("Slice", {bias, e.ints({0}), e.ints({4 * hidden})}),
                                              e.op("Slice", {bias, e.ints({4 * hidden}), e.ints({8 * hidden})})})});
    }
    Name h = e.has(InitialH) ? entry(InitialH, d) : zeros(), c = e.has(InitialC) ? entry(InitialC, d) : zeros();
    Name first = e.intScalar(0);

    ::onnx::GraphProto body;
    body.set_name("step");
    auto argument = [&](const char *hint, int type) {
      auto *info = body.add_input();
      info->set_name(e.step.fresh(hint));
      info->mutable_type()->mutable_tensor_type()->set_elem_type(type);
      return info->name();
    };
    Name state = argument("h", TensorProto::FLOAT), cell = argument("c", TensorProto::FLOAT),
         step = argument("t", TensorProto::INT64), ahead = argument("gates", TensorProto::FLOAT);
    size_t before = e.step.nodesBefore.size();
    for (const Name &out : stepOf(d, state, cell, step, ahead)) {
      auto *info = body.add_output();
      info->set_name(out);
      info->mutable_type()->mutable_tensor_type()->set_elem_type(body.output_size() == 3 ? TensorProto::INT64 : TensorProto::FLOAT);
    }
    auto &nodes = e.step.nodesBefore;
    for (size_t i = before; i < nodes.size(); ++i)
      *body.add_node() = std::move(nodes[i]);
    nodes.resize(before);

    Name lastH = e.op("Scan", {h, c, first, gates}), lastC = e.step.fresh(lastH), count = e.step.fresh(lastH), all = e.step.fresh(lastH);
    for (const Name &out : {lastC, count, all})
      e.last->add_output(out);
    setAttribute(*e.last, "num_scan_inputs", int64_t(1));
    auto *attribute = e.last->add_attribute();
    attribute->set_name("body");
    attribute->set_type(::onnx::AttributeProto::GRAPH);
    *attribute->mutable_g() = std::move(body);
    return {all, lastH, lastC};
  }

  // The next state, cell and step, and what the step puts out.
  Expansion::Names stepOf(int64_t d, const Name &h, const Name &c, const Name &step, const Name &ahead) {
    Name sums = e.op("Add", {ahead, product(h, R, RScale, RZero, d)});
    auto gate = [&](int64_t i, int64_t peephole, const Name &from) { // i, o, f, c; peepholes: i, o, f
      Name value = part(sums, i);
      if (e.has(Peephole))
        value = e.op("Add", {value, e.op("Mul", {part(entry(Peephole, d), peephole), from})});
      return e.op("Sigmoid", {value});
    };
    Name in = gate(0, 0, c), forget = gate(2, 2, c), candidate = e.op("Tanh", {part(sums, 3)});
    Name cell = e.op("Add", {e.op("Mul", {forget, c}), e.op("Mul", {in, candidate})});
    Name state = e.op("Mul", {gate(1, 1, cell), e.op("Tanh", {cell})}), out = state;
    if (e.has(Lengths)) { // beyond its end a sequence stays as it is, and puts out zeros
      Name inside = e.op("Unsqueeze", {e.op("Less", {step, e.cast(e.in(Lengths), TensorProto::INT64)}), e.ints({1})});
      state = e.op("Where", {inside, state, h});
      cell = e.op("Where", {inside, cell, c});
      out = e.op("Where", {inside, out, e.step.scalar(0, TensorProto::FLOAT)});
    }
    Name next = e.op("Add", {step, e.intScalar(1)});
    return {e.op("Identity", {state}), e.op("Identity", {cell}), next, e.op("Identity", {out})};
  }

  Expansion &e;
  int64_t hidden;
  Name batch;
};

void dynamicQuantizeLstm(Expansion &e) { Lstm(e).expand(); }

} // namespace

ExpansionRows contribRecurrentExpansions() {
  return {{"com.microsoft", "DynamicQuantizeLSTM", dynamicQuantizeLstm}};
}

} // namespace onnxc::import
