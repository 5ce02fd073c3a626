// The optimisers of ai.onnx.preview.training, as their schemas' pseudo code says.
// Inputs are R, T, then all X, all G and all states; outputs all new X, then all
// new states.
#include "compiler/import/Expansion.h"

namespace onnxc::import {

namespace {

using Name = Expansion::Name;

// Arithmetic in the element type of the optimised tensors.
class Math {
public:
  // `states` is how many tensors are kept per X besides the gradient.
  Math(Expansion &e, int states) : e(e), type(e.step.elementType(2)) {
    int parts = states + 2;
    int tensors = e.node.input_size() - 2;
    if (type == 0 || tensors <= 0 || tensors % parts != 0)
      e.step.fail("its inputs do not come in groups of " +
                  std::to_string(parts) + " tensors of a known type");
    count = tensors / parts;
    rate = e.cast(e.in(0), type);
    time = e.cast(e.in(1), type);
  }
  Name number(float value) { return e.step.scalar(value, type); }
  Name add(const Name &a, const Name &b) { return e.op("Add", {a, b}); }
  Name sub(const Name &a, const Name &b) { return e.op("Sub", {a, b}); }
  Name mul(const Name &a, const Name &b) { return e.op("Mul", {a, b}); }
  Name div(const Name &a, const Name &b) { return e.op("Div", {a, b}); }
  Name sqrt(const Name &a) { return e.op("Sqrt", {a}); }
  // T > 0 ? value : otherwise
  Name later(const Name &value, const Name &otherwise) {
    return e.op("Where", {e.op("Greater", {time, number(0)}), value, otherwise});
  }
  Name part(int which, int index) { return e.in(2 + which * count + index); }
  void result(int which, int index, const Name &value) {
    e.result(which * count + index, value);
  }
  // G + norm_coefficient * X
  Name gradient(int index) {
    return add(mul(number(e.real("norm_coefficient", 0.0f)), part(0, index)),
               part(1, index));
  }

  Expansion &e;
  int type;
  int count = 0;
  Name rate, time;
};

void adagrad(Expansion &e) {
  Math m(e, 1);
  Name decay = m.mul(m.time, m.number(e.real("decay_factor", 0.0f)));
  Name rate = m.div(m.rate, m.add(m.number(1), decay));
  for (int i = 0; i < m.count; ++i) {
    Name gradient = m.gradient(i);
    Name squares = m.add(m.part(2, i), m.mul(gradient, gradient));
    Name adaptive = m.add(m.sqrt(squares), m.number(e.real("epsilon", 1e-6f)));
    Name move = m.div(m.mul(rate, gradient), adaptive);
    m.result(0, i, m.sub(m.part(0, i), move));
    m.result(1, i, squares);
  }
}

void adam(Expansion &e) {
  Math m(e, 2);
  float alpha = e.real("alpha", 0.9f), beta = e.real("beta", 0.999f);
  Name one = m.number(1);
  auto left = [&](float base) { // 1 - base^T
    return m.sub(one, e.op("Pow", {m.number(base), m.time}));
  };
  Name adjusted = m.div(m.mul(m.rate, m.sqrt(left(beta))), left(alpha));
  Name rate = m.later(adjusted, m.rate);
  for (int i = 0; i < m.count; ++i) {
    Name gradient = m.gradient(i);
    Name velocity = m.add(m.mul(m.number(alpha), m.part(2, i)),
                          m.mul(m.number(1 - alpha), gradient));
    Name squares =
        m.add(m.mul(m.number(beta), m.part(3, i)),
              m.mul(m.mul(m.number(1 - beta), gradient), gradient));
    Name root = m.add(m.sqrt(squares), m.number(e.real("epsilon", 1e-6f)));
    Name moved = m.sub(m.part(0, i), m.mul(rate, m.div(velocity, root)));
    Name shrink = m.number(1 - e.real("norm_coefficient_post", 0.0f));
    m.result(0, i, m.mul(shrink, moved));
    m.result(1, i, velocity);
    m.result(2, i, squares);
  }
}

void momentum(Expansion &e) {
  Math m(e, 1);
  std::string mode = stringAttribute(e.node, "mode").value_or("standard");
  bool nesterov = mode == "nesterov";
  if (!nesterov && mode != "standard")
    e.step.fail("its mode '" + mode + "' is neither standard nor nesterov");
  Name alpha = m.number(e.real("alpha", 0.0f));
  Name beta = m.later(m.number(e.real("beta", 1.0f)), m.number(1));
  for (int i = 0; i < m.count; ++i) {
    Name gradient = m.gradient(i);
    Name velocity = m.add(m.mul(alpha, m.part(2, i)), m.mul(beta, gradient));
    Name direction =
        nesterov ? m.add(gradient, m.mul(alpha, velocity)) : velocity;
    m.result(0, i, m.sub(m.part(0, i), m.mul(m.rate, direction)));
    m.result(1, i, velocity);
  }
}

} // namespace

ExpansionRows trainingExpansions() {
  const char *domain = "ai.onnx.preview.training";
  return {
      {domain, "Adagrad", adagrad},
      {domain, "Adam", adam},
      {domain, "Momentum", momentum},
  };
}

} // namespace onnxc::import
