// ONNX Runtime's optimiser and quantiser write ops of the domain com.microsoft
// into models. Semantics are those of ONNX Runtime's documentation of its
// contributed operators.
#include "compiler/import/ContribOps.h"

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

Name layerNorm(Expansion &e, const Name &value, int gamma, int beta) {
  std::vector<Name> inputs = {value, e.in(gamma)};
  if (e.has(beta))
    inputs.push_back(e.in(beta));
  e.op("LayerNormalization", inputs);
  setAttribute(*e.last, "axis", int64_t(-1));
  setAttribute(*e.last, "epsilon", e.real("epsilon", 1e-12f));
  return e.last->output(0);
}

// input + skip (+ bias), normalised; the sum is output 3.
void skipLayerNorm(Expansion &e) {
  if (e.step.hasOutput(1) || e.step.hasOutput(2))
    e.step.fail("its outputs of mean and deviation are for training; export "
                "for inference");
  Name sum = e.op("Add", {e.in(0), e.in(1)});
  if (e.has(4))
    sum = e.op("Add", {sum, e.in(4)});
  e.result(3, sum);
  e.result(0, layerNorm(e, sum, 2, 3));
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

// [batch, length, heads * size] to [batch, heads, length, size].
Name splitHeads(Expansion &e, const Name &value, int64_t heads) {
  Name split = e.op("Reshape", {value, e.ints({0, 0, heads, -1})});
  return e.with(e.op("Transpose", {split}), "perm",
                std::vector<int64_t>{0, 2, 1, 3});
}

// What is added to the scores [batch, heads, length, total]: the filter value
// where the mask or, in a causal model, the order forbids to look; "" if none.
Name attentionBias(Expansion &e, const Name &query, const Name &key,
                   int type, int maskInput) {
  Name allowed;
  if (e.integer("unidirectional", 0) != 0) {
    Name length = e.op("Squeeze", {e.dim(query, 2)});
    Name total = e.op("Squeeze", {e.dim(key, 2)});
    Name zero = e.intScalar(0), one = e.intScalar(1);
    Name rows = e.op("Range", {e.op("Sub", {total, length}), total, one});
    Name columns = e.op("Range", {zero, total, one});
    rows = e.op("Unsqueeze", {rows, e.ints({1})});
    allowed = e.op("LessOrEqual", {columns, rows});
  }
  if (e.has(maskInput)) {
    auto rank = e.step.rank(maskInput);
    if (!rank || (*rank != 2 && *rank != 3))
      e.step.fail("its mask must have the dimensions batch, (length,) total; "
                  "others are not supported");
    Name mask = e.cast(e.in(maskInput), TensorProto::BOOL);
    std::vector<int64_t> axes = {1};
    if (*rank == 2)
      axes.push_back(2);
    mask = e.op("Unsqueeze", {mask, e.ints(axes)});
    allowed = allowed.empty() ? mask : e.op("And", {allowed, mask});
  }
  if (allowed.empty())
    return "";
  return e.op("Where", {allowed, e.step.scalar(0.0f, type),
                        e.step.scalar(e.real("mask_filter_value", -10000.0f),
                                      type)});
}

} // namespace

void expandAttention(Expansion &e, const Name &projected, int type,
                     const AttentionInputs &at) {
  int64_t heads = e.integer("num_heads", 0);
  if (heads <= 0)
    e.step.fail("its num_heads is missing");
  if (e.integer("do_rotary", 0) != 0)
    e.step.fail("rotary embedding is not supported; export without ONNX "
                "Runtime's optimisations");
  e.op("Split", {projected});
  setAttribute(*e.last, "axis", int64_t(-1));
  setAttribute(*e.last, "num_outputs", int64_t(3));
  Name query = e.last->output(0);
  Name key = e.step.fresh(query), value = e.step.fresh(query);
  e.last->add_output(key);
  e.last->add_output(value);
  query = splitHeads(e, query, heads);
  key = splitHeads(e, key, heads);
  value = splitHeads(e, value, heads);
  if (e.has(at.past)) {
    auto past = [&](int64_t which) {
      return e.with(e.op("Gather", {e.in(at.past), e.intScalar(which)}), "axis",
                    int64_t(0));
    };
    Name pastKey = past(0), pastValue = past(1);
    key = e.concat({pastKey, key}, 2);
    value = e.concat({pastValue, value}, 2);
  }
  if (e.step.hasOutput(1)) {
    Name stackKey = e.op("Unsqueeze", {key, e.ints({0})});
    Name stackValue = e.op("Unsqueeze", {value, e.ints({0})});
    e.result(1, e.concat({stackKey, stackValue}, 0));
  }

  Name turned = e.with(e.op("Transpose", {key}), "perm",
                       std::vector<int64_t>{0, 1, 3, 2});
  Name scores = e.op("MatMul", {query, turned});
  if (float scale = e.real("scale", 0.0f); scale != 0.0f) {
    scores = e.op("Mul", {scores, e.step.scalar(scale, type)});
  } else {
    Name size = e.cast(e.op("Squeeze", {e.dim(query, 3)}), TensorProto::FLOAT);
    Name root = e.cast(e.op("Sqrt", {size}), type ? type : 1);
    scores = e.op("Div", {scores, root});
  }
  Name bias = attentionBias(e, query, key, type, at.mask);
  if (!bias.empty())
    scores = e.op("Add", {scores, bias});
  if (e.has(at.bias))
    scores = e.op("Add", {scores, e.in(at.bias)});
  Name weights = e.with(e.op("Softmax", {scores}), "axis", int64_t(-1));
  Name result = e.op("MatMul", {weights, value});
  result = e.with(e.op("Transpose", {result}), "perm",
                  std::vector<int64_t>{0, 2, 1, 3});
  e.result(0, e.op("Reshape", {result, e.ints({0, 0, -1})}));
}

namespace {

void attention(Expansion &e) {
  if (intsAttribute(e.node, "qkv_hidden_sizes") || e.has(6))
    e.step.fail("unequal hidden sizes and shared past are not supported; "
                "export without ONNX Runtime's optimisations");
  Name all = e.op("MatMul", {e.in(0), e.in(1)});
  if (e.has(2))
    all = e.op("Add", {all, e.in(2)});
  expandAttention(e, all, e.step.elementType(1), {3, 4, 5});
}

} // namespace

ExpansionRows contribExpansions() {
  const char *domain = "com.microsoft";
  return {
      {domain, "Attention", attention},
      {domain, "BiasGelu", biasGelu},
      {domain, "EmbedLayerNormalization", embedLayerNorm},
      {domain, "FastGelu", fastGelu},
      {domain, "FusedMatMul", fusedMatMul},
      {domain, "Gelu", gelu},
      {domain, "QuickGelu", quickGelu},
      {domain, "SkipLayerNormalization", skipLayerNorm},
  };
}

} // namespace onnxc::import
