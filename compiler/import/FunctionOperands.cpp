// See FunctionOperands.h. A rule per op, in the words of Operands.
#include "compiler/import/FunctionOperands.h"

#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"

namespace onnxc::import {

using ::onnx::GraphProto;
using ::onnx::NodeProto;

namespace {

class Operands {
public:
  Operands(const NodeProto &node, const TypeScope &scope) : node(node), scope(scope) {}

  bool has(int input) const { return input < node.input_size() && !node.input(input).empty(); }

  // Nullopt for what is absent or of unknown rank.
  std::optional<int64_t> rank(int input) const {
    return has(input) ? scope.rank(node.input(input)) : std::nullopt;
  }

  // `dim` counts from the end if negative. Nullopt if it is not known or not there.
  std::optional<int64_t> dim(int input, int64_t dim) const {
    auto known = rank(input);
    if (!known)
      return std::nullopt;
    int64_t place = dim < 0 ? dim + *known : dim;
    if (place < 0 || place >= *known)
      return std::nullopt;
    const auto &size = scope.type(node.input(input))->tensor_type().shape().dim(int(place));
    return size.has_dim_value() ? std::optional(size.dim_value()) : std::nullopt;
  }

  void wantRank(int input, int64_t least, int64_t most) const {
    auto got = rank(input);
    if (got && (*got < least || *got > most))
      fail("rank of " + quoted(input), std::to_string(*got),
           least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most));
  }

  void wantDim(int input, int64_t place, std::optional<int64_t> wanted, const std::string &why) const {
    auto got = dim(input, place);
    if (got && wanted && *got != *wanted)
      fail("dim " + std::to_string(place < 0 ? place + *rank(input) : place) + " of " + quoted(input),
           std::to_string(*got), std::to_string(*wanted) + why);
  }

  // Dim `place` of `input` is dim `otherPlace` of `other`.
  void sameDim(int input, int64_t place, int other, int64_t otherPlace) const {
    if (auto wanted = dim(other, otherPlace))
      wantDim(input, place, wanted,
              " as dim " + std::to_string(otherPlace < 0 ? otherPlace + *rank(other) : otherPlace) + " of " + quoted(other));
  }

  void wantAtLeast(const char *attribute, float least) const {
    float got = floatAttribute(node, attribute).value_or(least);
    if (!(got >= least))
      fail(std::string("attribute '") + attribute + "'", shortText(got), "at least " + shortText(least));
  }

  void wantPositive(const char *attribute) const {
    float got = floatAttribute(node, attribute).value_or(1);
    if (!(got > 0))
      fail(std::string("attribute '") + attribute + "'", shortText(got), "more than 0");
  }

  void wantAtLeast(const char *attribute, int64_t least) const {
    int64_t got = intAttribute(node, attribute).value_or(least);
    if (got < least)
      fail(std::string("attribute '") + attribute + "'", std::to_string(got), "at least " + std::to_string(least));
  }

  void wantWithin(const char *attribute, int64_t least, int64_t most) const {
    int64_t got = intAttribute(node, attribute).value_or(least);
    if (got < least || got > most)
      fail(std::string("attribute '") + attribute + "'", std::to_string(got),
           std::to_string(least) + " to " + std::to_string(most));
  }

  int64_t integer(const char *name) const { return intAttribute(node, name).value_or(0); }

private:
  static std::string shortText(float value) {
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    return text.back() == '.' ? text.substr(0, text.size() - 1) : text;
  }
  std::string quoted(int input) const { return "input '" + node.input(input) + "'"; }
  [[noreturn]] void fail(const std::string &what, const std::string &got, const std::string &wanted) const {
    throw ImportError(describe(node) + ": " + what + ": got " + got + ", wanted " + wanted);
  }

  const NodeProto &node;
  const TypeScope &scope;
};

// theta is (batch, spatial dims, spatial dims + 1), the sizes those of an image.
void checkAffineGrid(const Operands &o) {
  constexpr int theta = 0, sizes = 1;
  o.wantRank(theta, 3, 3);
  o.wantRank(sizes, 1, 1);
  if (auto spatial = o.dim(theta, 1)) {
    o.wantDim(theta, 2, *spatial + 1, " for " + std::to_string(*spatial) + " spatial dims");
    o.wantDim(sizes, 0, *spatial + 2, " for " + std::to_string(*spatial) + " spatial dims");
  }
}

// A mask broadcasts to (batch, head, query, key). Lengths of the sequences without padding: one per batch.
void checkAttention(const Operands &o) {
  constexpr int query = 0, mask = 3, lengths = 6;
  o.wantRank(mask, 1, 4);
  o.wantRank(lengths, 1, 1);
  o.sameDim(lengths, 0, query, 0);
  o.wantAtLeast("softcap", 0.0f);
  o.wantWithin("qk_matmul_output_mode", 0, 3);
}

// Of both signs, the formula and the function body of ONNX are two functions.
void checkCelu(const Operands &o) { o.wantPositive("alpha"); }

void checkGroupNormalization(const Operands &o) { o.wantAtLeast("num_groups", int64_t(1)); }

// Caches hold a row per position, or per batch and place without positions.
void checkRotaryEmbedding(const Operands &o) {
  constexpr int x = 0, cosines = 1, sines = 2, positions = 3;
  o.wantRank(x, 3, 4);
  o.wantRank(positions, 2, 2);
  auto rank = o.rank(x);
  int64_t cacheRank = o.has(positions) ? 2 : 3;
  std::optional<int64_t> rotated = o.integer("rotary_embedding_dim");
  if (*rotated == 0) {
    rotated = o.dim(x, -1);
    if (int64_t heads = o.integer("num_heads"); rank == 3 && rotated)
      rotated = heads > 0 ? std::optional(*rotated / heads) : std::nullopt;
  }
  for (int cache : {cosines, sines}) {
    o.wantRank(cache, cacheRank, cacheRank);
    if (rotated)
      o.wantDim(cache, -1, *rotated / 2, ", half of the dims that are rotated");
  }
  o.sameDim(sines, 0, cosines, 0);
  if (!rank)
    return;
  for (int like : {positions, cosines, sines})
    if (like == positions || !o.has(positions)) {
      o.sameDim(like, 0, x, 0);
      o.sameDim(like, 1, x, *rank - 2);
    }
}

void checkTfIdfVectorizer(const Operands &o) {
  o.wantAtLeast("min_gram_length", int64_t(1));
  o.wantAtLeast("max_gram_length", o.integer("min_gram_length"));
  o.wantAtLeast("max_skip_count", int64_t(0));
}

using Rule = void (*)(const Operands &);
const std::pair<const char *, Rule> rules[] = {
    {"AffineGrid", checkAffineGrid},
    {"Attention", checkAttention},
    {"Celu", checkCelu},
    {"GroupNormalization", checkGroupNormalization},
    {"RotaryEmbedding", checkRotaryEmbedding},
    {"TfIdfVectorizer", checkTfIdfVectorizer},
};

void checkGraph(const GraphProto &graph, const TypeScope *outer) {
  TypeScope scope(graph, outer);
  for (const NodeProto &node : graph.node()) {
    if (isDefaultDomain(node.domain()))
      for (auto [op, rule] : rules)
        if (node.op_type() == op)
          rule(Operands(node, scope));
    for (const auto &attribute : node.attribute())
      if (attribute.has_g())
        checkGraph(attribute.g(), &scope);
  }
}

} // namespace

void checkFunctionOperands(const ::onnx::ModelProto &model) {
  checkGraph(model.graph(), nullptr);
}

} // namespace onnxc::import
