// Attention of com.microsoft: as ONNX Runtime's optimisers and its generator of
// language models write it. Semantics are those of ONNX Runtime's documentation
// of its contributed operators.
#include "compiler/import/ContribAttention.h"

namespace onnxc::import {

using ::onnx::TensorProto;

namespace {

using Name = Expansion::Name;

// [batch, length, heads * size] to [batch, heads, length, size].
Name splitHeads(Expansion &e, const Name &value, int64_t heads) {
  Name split = e.op("Reshape", {value, e.ints({0, 0, heads, -1})});
  return e.with(e.op("Transpose", {split}), "perm",
                std::vector<int64_t>{0, 2, 1, 3});
}

// The mask [batch, (length,) total] of input `input` as a bool [batch, 1, length or 1, total].
Name mayLook(Expansion &e, int input) {
  auto rank = e.step.rank(input);
  if (!rank || (*rank != 2 && *rank != 3))
    e.step.fail("its mask must have the dimensions batch, (length,) total; "
                "others are not supported");
  Name mask = e.cast(e.in(input), TensorProto::BOOL);
  return e.op("Unsqueeze", {mask, *rank == 2 ? e.ints({1, 2}) : e.ints({1})});
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
    Name mask = mayLook(e, maskInput);
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

// A tensor [batch, length, heads * size], [batch, heads, length, size] (by its
// rank) with `bias` added to the first form, as the latter.
Name headsFirst(Expansion &e, const Name &value, int64_t rank, int64_t heads, const Name &bias) {
  if (rank == 4)
    return value;
  return splitHeads(e, bias.empty() ? value : e.op("Add", {value, bias}), heads);
}

Name headsLast(Expansion &e, const Name &value) {
  Name turned = e.with(e.op("Transpose", {value}), "perm", std::vector<int64_t>{0, 2, 1, 3});
  return e.op("Reshape", {turned, e.ints({0, 0, -1})});
}

// Part `which` of dim `axis` of a tensor of rank 5, which goes away.
Name packedPart(Expansion &e, const Name &value, int64_t which, int64_t axis) {
  Name part = e.with(e.op("Gather", {value, e.intScalar(which)}), "axis", axis);
  return e.with(e.op("Transpose", {part}), "perm", std::vector<int64_t>{0, 2, 1, 3});
}

// What is added to the scores: the mask's filter value where it is 0, and the bias.
Name additiveMask(Expansion &e, int maskInput, int biasInput, int type) {
  Name sum;
  if (e.has(maskInput)) {
    Name mask = mayLook(e, maskInput);
    sum = e.op("Where", {mask, e.step.scalar(0.0f, type),
                         e.step.scalar(e.real("mask_filter_value", -10000.0f), type)});
  }
  if (e.has(biasInput))
    sum = sum.empty() ? e.in(biasInput) : e.op("Add", {sum, e.in(biasInput)});
  return sum;
}

// Inputs: query, key, value, bias, mask, attention bias, past key and value.
void multiHeadAttention(Expansion &e) {
  int64_t heads = e.integer("num_heads", 0);
  auto rank = e.step.rank(0), keyRank = e.has(1) ? e.step.rank(1) : std::optional<int64_t>(3);
  int type = e.step.elementType(0);
  if (heads <= 0)
    e.step.fail("its num_heads is missing");
  if (!rank || !keyRank)
    e.step.fail("the rank of its query or key is unknown");
  if (e.has(8) || e.has(9) || e.step.hasOutput(3))
    e.step.fail("a shared buffer of the past, beams and scores as an output are not supported");
  Name bias[3];
  if (e.has(3)) {
    auto hidden = e.step.dim(0, 2);
    if (*rank != 3 || !hidden)
      e.step.fail("it has a bias, and the last dimension of its query is unknown");
    for (int64_t i = 0; i < 3; ++i)
      bias[i] = e.op("Slice", {e.in(3), e.ints({i * *hidden}), e.ints({i == 2 ? INT64_MAX : (i + 1) * *hidden}), e.ints({0})});
  }
  Name query, key, value;
  if (*rank == 5) { // [batch, length, heads, 3, size]
    query = packedPart(e, e.in(0), 0, 3);
    key = packedPart(e, e.in(0), 1, 3);
    value = packedPart(e, e.in(0), 2, 3);
  } else {
    query = headsFirst(e, e.in(0), *rank, heads, bias[0]);
    if (*keyRank == 5) {
      key = packedPart(e, e.in(1), 0, 3);
      value = packedPart(e, e.in(1), 1, 3);
    } else if (e.has(1) && e.has(2)) {
      key = headsFirst(e, e.in(1), *keyRank, heads, bias[1]);
      value = headsFirst(e, e.in(2), *keyRank, heads, bias[2]);
    } else {
      e.step.fail("its key or value is missing");
    }
  }
  Name past[2] = {e.in(6), e.in(7)};
  Name result = e.op("Attention", {query, key, value, additiveMask(e, 4, 5, type), past[0], past[1]});
  auto *op = e.last;
  if (float scale = e.real("scale", 0.0f); scale != 0.0f)
    setAttribute(*op, "scale", scale);
  setAttribute(*op, "is_causal", e.integer("unidirectional", 0));
  if (e.step.hasOutput(1) || e.step.hasOutput(2)) {
    Name present[2] = {e.step.fresh(key), e.step.fresh(value)};
    op->add_output(present[0]);
    op->add_output(present[1]);
    e.result(1, present[0]);
    e.result(2, present[1]);
  }
  e.result(0, headsLast(e, result));
}

// Inputs: input, positions [batch, length] or the first one [1], tables of cosines and sines.
void rotaryEmbedding(Expansion &e) {
  auto rank = e.step.rank(0), positionRank = e.step.rank(1);
  if (!rank || !positionRank)
    e.step.fail("the rank of its input or positions is unknown");
  if (e.integer("is_packed_batching", 0) != 0 || e.real("scale", 1.0f) != 1.0f)
    e.step.fail("packed batches and a scale are not supported");
  int64_t heads = e.integer("num_heads", 0), part = e.integer("rotary_embedding_dim", 0);
  if (*rank == 3 && heads == 0) {
    auto hidden = e.step.dim(0, 2), half = e.step.dim(2, 1);
    if (!hidden || !half || *half == 0)
      e.step.fail("its num_heads is missing, and the sizes that tell it are unknown");
    heads = *hidden / (2 * *half);
  }
  Name positions = e.in(1);
  if (*positionRank == 1) {
    Name length = e.op("Squeeze", {e.dim(e.in(0), *rank - 2)});
    Name steps = e.op("Range", {e.intScalar(0), length, e.intScalar(1)});
    Name row = e.op("Unsqueeze", {e.op("Add", {steps, positions}), e.ints({0})});
    positions = e.op("Expand", {row, e.concat({e.dim(e.in(0), 0), e.ints({1})}, 0)});
  }
  Name value = e.op("RotaryEmbedding", {e.in(0), e.in(2), e.in(3), positions});
  setAttribute(*e.last, "interleaved", e.integer("interleaved", 0));
  if (part)
    setAttribute(*e.last, "rotary_embedding_dim", part);
  if (heads)
    setAttribute(*e.last, "num_heads", heads);
  e.result(0, value);
}

// Inputs: query, key, value (or all in the first), past key and value, number
// of the last key [batch], number of keys with the past, cosines, sines,
// positions, attention bias. Keys of a batch lie one behind the other in
// presents of max(past, all) places; what a query may look at ends with itself.
void groupQueryAttention(Expansion &e) {
  int64_t heads = e.integer("num_heads", 0), keyHeads = e.integer("kv_num_heads", 0);
  int64_t window = e.integer("local_window_size", -1);
  int type = e.step.elementType(0);
  if (heads <= 0 || keyHeads <= 0)
    e.step.fail("its num_heads or kv_num_heads is missing");
  for (int i = 11; i < e.node.input_size(); ++i)
    if (e.has(i))
      e.step.fail("sinks, quantised caches and norms of queries and keys are not supported");
  if (e.integer("smooth_softmax", 0) > 0 || e.integer("causal", 1) == 0 || e.integer("sliding_window_cache", 0) != 0 ||
      e.integer("kv_cache_bit_width", 0) != 0 || e.step.hasOutput(3))
    e.step.fail("a smooth softmax, attention that is not causal, other caches and scores as an output are not supported");
  Name parts[3] = {e.in(0), e.in(1), e.in(2)};
  if (!e.has(1)) {
    Name all = splitHeads(e, parts[0], heads + 2 * keyHeads);
    e.op("Split", {all, e.ints({heads, keyHeads, keyHeads})});
    setAttribute(*e.last, "axis", int64_t(1));
    parts[0] = e.last->output(0);
    for (int i : {1, 2}) {
      parts[i] = e.step.fresh(parts[0]);
      e.last->add_output(parts[i]);
    }
  } else {
    for (int i : {0, 1, 2})
      parts[i] = splitHeads(e, parts[i], i ? keyHeads : heads);
  }
  // Where in the presents the first new key goes.
  Name length = e.dim(parts[0], 2);
  Name last = e.op("Reshape", {e.cast(e.in(5), TensorProto::INT64), e.ints({-1})});
  Name start = e.op("Sub", {e.op("Add", {last, e.ints({1})}), length});
  start = e.op("Max", {start, e.ints({0})});
  Name steps = e.op("Range", {e.intScalar(0), e.op("Squeeze", {length}), e.intScalar(1)});
  Name places = e.op("Add", {e.op("Unsqueeze", {start, e.ints({1})}), steps}); // [batch, length]
  if (e.integer("do_rotary", 0) != 0) {
    Name positions = e.has(9) ? e.in(9) : places;
    for (int i : {0, 1}) {
      parts[i] = e.op("RotaryEmbedding", {parts[i], e.in(7), e.in(8), positions});
      setAttribute(*e.last, "interleaved", e.integer("rotary_interleaved", 0));
    }
  }
  Name total = e.op("Reshape", {e.cast(e.in(6), TensorProto::INT64), e.ints({1})});
  for (int i : {1, 2}) {
    int pastInput = i + 2;
    Name batch = e.dim(parts[i], 0), size = e.dim(parts[i], 3), zero = e.step.scalar(0.0f, type);
    Name room = total;
    if (e.has(pastInput))
      room = e.op("Max", {e.op("Sub", {total, e.dim(e.in(pastInput), 2)}), e.ints({0})});
    Name cache = e.op("Expand", {zero, e.concat({batch, e.ints({keyHeads}), room, size}, 0)});
    if (e.has(pastInput))
      cache = e.concat({e.in(pastInput), cache}, 2);
    parts[i] = e.op("TensorScatter", {cache, parts[i], start});
    e.result(i, parts[i]);
  }
  Name keys = e.op("Range", {e.intScalar(0), e.op("Squeeze", {e.dim(parts[1], 2)}), e.intScalar(1)});
  Name own = e.op("Unsqueeze", {places, e.ints({1, 3})}); // [batch, 1, length, 1]
  Name allowed = e.op("LessOrEqual", {keys, own});
  if (window > 0)
    allowed = e.op("And", {allowed, e.op("Greater", {keys, e.op("Sub", {own, e.intScalar(window)})})});
  Name mask = allowed;
  if (e.has(10))
    mask = e.op("Where", {allowed, e.in(10), e.step.scalar(type == TensorProto::FLOAT16 ? -65504.0f : -3.402823e38f, type)});
  Name result = e.op("Attention", {parts[0], parts[1], parts[2], mask});
  if (float scale = e.real("scale", 0.0f); scale != 0.0f)
    setAttribute(*e.last, "scale", scale);
  if (float cap = e.real("softcap", 0.0f); cap != 0.0f)
    setAttribute(*e.last, "softcap", cap);
  e.result(0, headsLast(e, result));
}

} // namespace

ExpansionRows contribAttentionExpansions() {
  const char *domain = "com.microsoft";
  return {
      {domain, "Attention", attention},
      {domain, "GroupQueryAttention", groupQueryAttention},
      {domain, "MultiHeadAttention", multiHeadAttention},
      {domain, "RotaryEmbedding", rotaryEmbedding},
  };
}

} // namespace onnxc::import
