// ONNX Runtime's optimiser and quantiser write ops of the domain com.microsoft
// into models. Semantics are those of ONNX Runtime's documentation of its
// contributed operators.
#include "compiler/import/Expansion.h"

namespace onnxc::import {

using ::onnx::TensorProto;

namespace {

using Name = Expansion::Name;

//===-- Activations

void gelu(Expansion &e) {
  e.result(0, e.op("Gelu", {e.in(0)}));
}

void biasGelu(Expansion &e) {
  e.result(0, e.op("Gelu", {e.op("Add", {e.in(0), e.in(1)})}));
}

void fastGelu(Expansion &e) {
  Name value = e.in(0);
  if (e.has(1))
    value = e.op("Add", {value, e.in(1)});
  e.result(0, e.with(e.op("Gelu", {value}), "approximate", Name("tanh")));
}

// x * sigmoid(alpha * x)
void quickGelu(Expansion &e) {
  Name alpha = e.step.scalar(e.real("alpha", 1.702f), e.step.elementType(0));
  Name gate = e.op("Sigmoid", {e.op("Mul", {e.in(0), alpha})});
  e.result(0, e.op("Mul", {e.in(0), gate}));
}

//===-- Matrix products

void fusedMatMul(Expansion &e) {
  auto operand = [&](int index, const char *transpose, const char *batch) {
    if (e.integer(batch, 0) != 0)
      e.step.fail(std::string(batch) + " is not supported; export without "
                  "ONNX Runtime's optimisations");
    if (e.integer(transpose, 0) == 0)
      return e.in(index);
    auto rank = e.step.rank(index);
    if (!rank || *rank < 2)
      e.step.fail("it transposes an input of unknown rank");
    std::vector<int64_t> order;
    for (int64_t i = 0; i < *rank - 2; ++i)
      order.push_back(i);
    order.push_back(*rank - 1);
    order.push_back(*rank - 2);
    return e.with(e.op("Transpose", {e.in(index)}), "perm", order);
  };
  Name left = operand(0, "transA", "transBatchA");
  Name right = operand(1, "transB", "transBatchB");
  Name product = e.op("MatMul", {left, right});
  float alpha = e.real("alpha", 1.0f);
  if (alpha != 1.0f)
    product = e.op("Mul", {product, e.step.scalar(alpha, e.step.elementType(0))});
  e.result(0, product);
}

//===-- Transformers

// `value` through the function that the attribute `activation` names; as it is without one.
Name activated(Expansion &e, const Name &value, const std::vector<float> &parameters) {
  Name kind = e.text("activation", "");
  if (kind.empty())
    return value;
  auto parameter = [&](size_t i, float standard) { return i < parameters.size() ? parameters[i] : standard; };
  int type = e.step.elementType(0);
  if (kind == "Clip")
    return e.op("Clip", {value, e.step.scalar(parameter(0, -3.402823e38f), type), e.step.scalar(parameter(1, 3.402823e38f), type)});
  Name result = e.op(kind, {value});
  if (kind == "LeakyRelu" || kind == "Elu")
    setAttribute(*e.last, "alpha", parameter(0, kind == "Elu" ? 1.0f : 0.01f));
  if (kind == "HardSigmoid") {
    setAttribute(*e.last, "alpha", parameter(0, 0.2f));
    setAttribute(*e.last, "beta", parameter(1, 0.5f));
  }
  return result;
}

// activation(Conv(x, w, b) + z)
void fusedConv(Expansion &e) {
  std::vector<Name> inputs = {e.in(0), e.in(1)};
  if (e.has(2))
    inputs.push_back(e.in(2));
  Name value = e.keep(e.op("Conv", inputs), {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"});
  if (e.has(3))
    value = e.op("Add", {value, e.in(3)});
  e.result(0, activated(e, value, e.reals("activation_params")));
}

void fusedGemm(Expansion &e) {
  std::vector<Name> inputs(e.node.input().begin(), e.node.input().end());
  Name value = e.keep(e.op("Gemm", inputs), {"alpha", "beta", "transA", "transB"});
  std::vector<float> parameters;
  for (const char *name : {"activation_alpha", "activation_beta"})
    if (auto given = floatAttribute(e.node, name))
      parameters.push_back(*given);
  e.result(0, activated(e, value, parameters));
}

Name layerNorm(Expansion &e, const Name &value, int gamma, int beta) {
  std::vector<Name> inputs = {value, e.in(gamma)};
  if (e.has(beta))
    inputs.push_back(e.in(beta));
  e.op("LayerNormalization", inputs);
  setAttribute(*e.last, "axis", int64_t(-1));
  setAttribute(*e.last, "epsilon", e.real("epsilon", 1e-12f));
  return e.last->output(0);
}

// The standard op, before the standard had it.
void layerNormalization(Expansion &e) {
  std::vector<Name> inputs(e.node.input().begin(), e.node.input().end());
  Name value = e.op("LayerNormalization", inputs);
  auto *op = e.last;
  for (int i : {1, 2})
    if (e.step.hasOutput(i)) {
      while (op->output_size() < i)
        op->add_output("");
      op->add_output(e.step.fresh(value));
    }
  e.keep(value, {"axis", "epsilon", "stash_type"});
  for (int i = 0; i < op->output_size(); ++i)
    if (!op->output(i).empty())
      e.result(i, op->output(i));
}

// input + skip (+ the input `bias`): output 3, and what is normalised.
Name skipSum(Expansion &e, int bias) {
  if (e.step.hasOutput(1) || e.step.hasOutput(2))
    e.step.fail("its outputs of mean and deviation are for training; export "
                "for inference");
  Name sum = e.op("Add", {e.in(0), e.in(1)});
  if (e.has(bias))
    sum = e.op("Add", {sum, e.in(bias)});
  e.result(3, sum);
  return sum;
}

void skipLayerNorm(Expansion &e) {
  Name sum = skipSum(e, 4);
  e.result(0, layerNorm(e, sum, 2, 3));
}

// x / rms(x) * gamma; output 1 is for training.
void simplifiedLayerNorm(Expansion &e) {
  if (e.step.hasOutput(1))
    e.step.fail("its output of deviations is for training; export for inference");
  Name value = e.op("RMSNormalization", {e.in(0), e.in(1)});
  e.result(0, e.keep(value, {"axis", "epsilon", "stash_type"}));
}

void skipSimplifiedLayerNorm(Expansion &e) {
  Name value = e.op("RMSNormalization", {skipSum(e, 3), e.in(2)});
  e.result(0, e.with(value, "epsilon", e.real("epsilon", 1e-12f)));
}

// Inputs: ids, segment ids, word, position and segment tables, gamma, beta,
// mask, position ids. Outputs: normalised, counts of the mask, the sum.
void embedLayerNorm(Expansion &e) {
  Name sum = e.op("Gather", {e.in(2), e.in(0)});
  Name positions = e.in(8);
  if (positions.empty()) {
    Name length = e.op("Squeeze", {e.dim(e.in(0), 1)});
    positions = e.op("Range", {e.intScalar(0), length, e.intScalar(1)});
  }
  sum = e.op("Add", {sum, e.op("Gather", {e.in(3), positions})});
  if (e.has(1) && e.has(4))
    sum = e.op("Add", {sum, e.op("Gather", {e.in(4), e.in(1)})});
  e.result(0, layerNorm(e, sum, 5, 6));
  e.result(2, sum);
  if (!e.step.hasOutput(1))
    return;
  if (e.has(7)) {
    Name count = e.op("ReduceSum", {e.in(7), e.ints({1})});
    e.result(1, e.with(count, "keepdims", int64_t(0)));
  } else {
    Name zeros = e.op("ConstantOfShape", {e.dim(e.in(0), 0)});
    e.result(1, e.cast(zeros, TensorProto::INT32));
  }
}

} // namespace

ExpansionRows contribExpansions() {
  const char *domain = "com.microsoft";
  return {
      {domain, "BiasGelu", biasGelu},
      {domain, "EmbedLayerNormalization", embedLayerNorm},
      {domain, "FastGelu", fastGelu},
      {domain, "FusedConv", fusedConv},
      {domain, "FusedGemm", fusedGemm},
      {domain, "FusedMatMul", fusedMatMul},
      {domain, "Gelu", gelu},
      {domain, "LayerNormalization", layerNormalization},
      {domain, "QuickGelu", quickGelu},
      {domain, "SimplifiedLayerNormalization", simplifiedLayerNorm},
      {domain, "SkipLayerNormalization", skipLayerNorm},
      {domain, "SkipSimplifiedLayerNormalization", skipSimplifiedLayerNorm},
      {domain, "TransposeMatMul", fusedMatMul},
  };
}

} // namespace onnxc::import
