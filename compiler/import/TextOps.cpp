// TfIdfVectorizer on numbers: counts how often each n-gram of a pool occurs.
#include "compiler/import/Expansion.h"

namespace onnxc::import {

using ::onnx::TensorProto;

namespace {

using Name = Expansion::Name;

// Bounds of what is spelled out here: every column is a constant, every
// distance its own few nodes.
constexpr int64_t widest = int64_t(1) << 24, mostSkips = 256;

// The n-grams of one length, in the order of the pool.
struct Grams {
  int64_t length = 0;
  std::vector<int64_t> members; // one gram after the other
};

// Splits the pool where the grams of each length start; the first length is 1.
std::vector<Grams> readPool(Expansion &e, const std::vector<int64_t> &pool) {
  std::vector<int64_t> starts = e.integers("ngram_counts");
  starts.push_back(int64_t(pool.size()));
  std::vector<Grams> all;
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    int64_t length = int64_t(i) + 1, from = starts[i], to = starts[i + 1];
    if (from < 0 || to < from || to > int64_t(pool.size()) ||
        (to - from) % length != 0)
      e.step.fail("ngram_counts does not split its pool into grams of " +
                  std::to_string(length));
    all.push_back({length, {pool.begin() + from, pool.begin() + to}});
  }
  return all;
}

// How often each gram occurs in each row of x[rows, n]: [rows, grams], int64.
// Members of a gram are `distance` apart.
Name occurrences(Expansion &e, const Name &x, const Grams &grams,
                 int64_t distance) {
  Name all;
  for (int64_t j = 0; j < grams.length; ++j) {
    int64_t after = (grams.length - 1 - j) * distance;
    Name end = e.ints({after ? -after : INT64_MAX});
    Name member = e.op("Slice", {x, e.ints({j * distance}), end, e.ints({1})});
    std::vector<int64_t> wanted;
    for (size_t g = size_t(j); g < grams.members.size(); g += size_t(grams.length))
      wanted.push_back(grams.members[g]);
    Name same = e.op("Equal", {e.op("Unsqueeze", {member, e.ints({2})}),
                               e.ints(wanted)});
    all = all.empty() ? same : e.op("And", {all, same});
  }
  return e.with(e.op("ReduceSum", {e.cast(all, TensorProto::INT64), e.ints({1})}),
                "keepdims", int64_t(0));
}

// Gram i counts in column ngram_indexes[i] and has the weight weights[i];
// grams shorter than min_gram_length are in the pool, but not counted.
void tfIdfVectorizer(Expansion &e) {
  std::vector<int64_t> pool = e.integers("pool_int64s");
  std::vector<int64_t> columns = e.integers("ngram_indexes");
  auto rank = e.step.rank(0);
  if (pool.empty())
    e.step.fail("it has no pool of integers; texts are not supported");
  if (!rank || *rank < 1 || *rank > 2)
    e.step.fail("its input must be known to have one or two dimensions");
  Name x = e.cast(e.in(0), TensorProto::INT64);
  if (*rank == 1)
    x = e.op("Unsqueeze", {x, e.ints({0})});

  int64_t shortest = e.integer("min_gram_length", 1);
  int64_t longest = e.integer("max_gram_length", 1);
  std::vector<Name> counts;
  std::vector<int64_t> counted; // the columns of `counts`, in order
  size_t next = 0;
  for (const Grams &grams : readPool(e, pool)) {
    size_t number = grams.members.size() / size_t(grams.length);
    if (next + number > columns.size())
      e.step.fail("ngram_indexes has " + std::to_string(columns.size()) +
                  " entries, fewer than its pool has grams");
    size_t first = next;
    next += number;
    if (number == 0 || grams.length < shortest || grams.length > longest)
      continue;
    int64_t skips = grams.length == 1 ? 0 : e.integer("max_skip_count", 0);
    if (skips < 0 || skips > mostSkips)
      e.step.fail("its max_skip_count " + std::to_string(skips) +
                  " is not between 0 and " + std::to_string(mostSkips));
    Name sum;
    for (int64_t distance = 1; distance <= skips + 1; ++distance) {
      Name found = occurrences(e, x, grams, distance);
      sum = sum.empty() ? found : e.op("Add", {sum, found});
    }
    counts.push_back(sum);
    counted.insert(counted.end(), columns.begin() + int64_t(first),
                   columns.begin() + int64_t(next));
  }
  if (counts.empty())
    e.step.fail("its pool has no grams of the lengths it counts");

  // Columns in order; those that no gram counts in read a column of zeros.
  int64_t width = 0;
  for (int64_t column : columns) {
    if (column < 0)
      e.step.fail("ngram_indexes has the negative column " + std::to_string(column));
    width = std::max(width, column + 1);
  }
  if (width > widest)
    e.step.fail("its " + std::to_string(width) + " columns are more than " +
                std::to_string(widest));
  std::vector<int64_t> source(size_t(width), int64_t(counted.size()));
  for (size_t i = 0; i < counted.size(); ++i) {
    if (source[size_t(counted[i])] != int64_t(counted.size()))
      e.step.fail("ngram_indexes gives column " + std::to_string(counted[i]) +
                  " to two grams");
    source[size_t(counted[i])] = int64_t(i);
  }
  Name total = counts.size() == 1 ? counts[0] : e.concat(counts, 1);
  total = e.op("Pad", {total, e.ints({0, 0, 0, 1})});
  total = e.with(e.op("Gather", {total, e.ints(source)}), "axis", int64_t(1));
  total = e.cast(total, TensorProto::FLOAT);

  std::string mode = e.text("mode", "");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    e.step.fail("its mode '" + mode + "' is none of TF, IDF, TFIDF");
  if (mode == "IDF")
    total = e.cast(e.op("Greater", {total, e.step.scalar(0, TensorProto::FLOAT)}),
                   TensorProto::FLOAT);
  std::vector<float> weights = e.reals("weights");
  if (mode != "TF" && !weights.empty()) {
    if (weights.size() != columns.size())
      e.step.fail("it has " + std::to_string(weights.size()) +
                  " weights for " + std::to_string(columns.size()) + " grams");
    std::vector<float> perColumn(size_t(width), 0.0f);
    for (size_t i = 0; i < columns.size(); ++i)
      perColumn[size_t(columns[i])] = weights[i];
    total = e.op("Mul", {total, e.step.floats(perColumn)});
  }
  if (*rank == 1)
    total = e.op("Squeeze", {total, e.ints({0})});
  e.result(0, total);
}

} // namespace

ExpansionRows textExpansions() {
  return {{"", "TfIdfVectorizer", tfIdfVectorizer}};
}

} // namespace onnxc::import
