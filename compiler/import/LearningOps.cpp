// The ops of ai.onnx.ml that are a few tensor ops.
#include "compiler/import/Expansion.h"

namespace onnxc::import {

namespace {

using Name = Expansion::Name;
using ::onnx::TensorProto;

// Input `i` as float, the type these ops compute in.
Name asFloat(Expansion &e, int i) {
  return e.step.elementType(i) == TensorProto::FLOAT
             ? e.in(i)
             : e.cast(e.in(i), TensorProto::FLOAT);
}

Name number(Expansion &e, float value) {
  return e.step.scalar(value, TensorProto::FLOAT);
}

// Picks elements of the last axis; a vector counts as one row.
void arrayFeatureExtractor(Expansion &e) {
  auto rank = e.step.rank(0);
  if (!rank || *rank == 0)
    e.step.fail("the rank of its input is unknown");
  Name indices = e.op("Reshape", {e.in(1), e.ints({-1})});
  Name picked = e.with(e.op("Gather", {e.in(0), indices}), "axis", int64_t(-1));
  if (*rank == 1)
    picked = e.op("Unsqueeze", {picked, e.ints({0})});
  e.result(0, picked);
}

void binarizer(Expansion &e) {
  int type = e.step.elementType(0);
  if (type == 0)
    e.step.fail("the element type of its input is unknown");
  Name above = e.op("Greater", {e.in(0), e.step.scalar(
                                             e.real("threshold", 0.0f), type)});
  e.result(0, e.cast(above, type));
}

// (x - offset) * scale, per column or with one of each.
void scaler(Expansion &e) {
  Name x = asFloat(e, 0);
  if (auto offset = e.reals("offset"); !offset.empty())
    x = e.op("Sub", {x, e.step.floats(offset)});
  if (auto scale = e.reals("scale"); !scale.empty())
    x = e.op("Mul", {x, e.step.floats(scale)});
  e.result(0, x);
}

// What equals the replaced value, NaN where that is NaN, becomes the imputed
// value of its column.
void imputer(Expansion &e) {
  auto integers = e.integers("imputed_value_int64s");
  auto reals = e.reals("imputed_value_floats");
  if (integers.empty() == reals.empty())
    e.step.fail("it must have imputed values of one type");
  Name missing, values;
  if (!integers.empty()) {
    values = e.ints(integers);
    missing = e.op("Equal", {e.in(0), e.ints({e.integer("replaced_value_int64", 0)})});
  } else {
    values = e.step.floats(reals);
    float replaced = e.real("replaced_value_float", 0);
    missing = replaced != replaced
                  ? e.op("IsNaN", {e.in(0)})
                  : e.op("Equal", {e.in(0), number(e, replaced)});
  }
  e.result(0, e.op("Where", {missing, values, e.in(0)}));
}

// Rows divided by their maximum, their sum of absolute values or their length;
// a row of zeros stays.
void normalizer(Expansion &e) {
  std::string norm = e.text("norm", "MAX");
  const char *reduction = norm == "MAX"  ? "ReduceMax"
                          : norm == "L1" ? "ReduceL1"
                          : norm == "L2" ? "ReduceL2"
                                         : nullptr;
  if (!reduction)
    e.step.fail("its norm '" + norm + "' is none of MAX, L1, L2");
  Name x = asFloat(e, 0);
  Name size = e.op(reduction, {x, e.ints({-1})});
  Name zero = e.op("Equal", {size, number(e, 0)});
  e.result(0, e.op("Div", {x, e.op("Where", {zero, number(e, 1), size})}));
}

// Rows of all inputs side by side, each as wide as inputdimensions says.
void featureVectorizer(Expansion &e) {
  auto widths = e.integers("inputdimensions");
  std::vector<Name> parts;
  for (int i = 0; i < e.node.input_size(); ++i) {
    if (size_t(i) >= widths.size())
      e.step.fail("inputdimensions has " + std::to_string(widths.size()) +
                  " entries for " + std::to_string(e.node.input_size()) + " inputs");
    parts.push_back(e.op("Reshape", {asFloat(e, i), e.ints({-1, widths[size_t(i)]})}));
  }
  e.result(0, e.concat(parts, 1));
}

void linearRegressor(Expansion &e) {
  if (e.text("post_transform", "NONE") != "NONE")
    e.step.fail("its post_transform is not NONE");
  int64_t targets = e.integer("targets", 1);
  auto coefficients = e.reals("coefficients");
  auto intercepts = e.reals("intercepts");
  if (targets < 1 || coefficients.size() % size_t(targets) != 0)
    e.step.fail("its " + std::to_string(coefficients.size()) +
                " coefficients are not the same number for each of " +
                std::to_string(targets) + " targets");
  Name matrix = e.op("Reshape", {e.step.floats(coefficients), e.ints({targets, -1})});
  Name y = e.op("MatMul", {asFloat(e, 0), e.op("Transpose", {matrix})});
  if (!intercepts.empty())
    y = e.op("Add", {y, e.step.floats(intercepts)});
  e.result(0, y);
}

// Numbers to numbers: the value at the place of the key that equals x.
void labelEncoder(Expansion &e) {
  auto intKeys = e.integers("keys_int64s"), intValues = e.integers("values_int64s");
  auto realKeys = e.reals("keys_floats"), realValues = e.reals("values_floats");
  size_t keys = std::max(intKeys.size(), realKeys.size());
  size_t values = std::max(intValues.size(), realValues.size());
  if (!keys || !values)
    e.step.fail("keys and values that are not lists of int64 or float are not supported");
  if (keys != values)
    e.step.fail("it has " + std::to_string(keys) + " keys and " +
                std::to_string(values) + " values");
  Name x = e.op("Unsqueeze", {e.in(0), e.ints({-1})});
  Name key = intKeys.empty() ? e.step.floats(realKeys) : e.ints(intKeys);
  Name same = e.op("Equal", {x, key});
  if (intKeys.empty()) // NaN is a key, too
    same = e.op("Or", {same, e.op("And", {e.op("IsNaN", {x}), e.op("IsNaN", {key})})});
  Name found = e.cast(same, TensorProto::INT32);
  Name place = e.with(e.with(e.op("ArgMax", {found}), "axis", int64_t(-1)), "keepdims", int64_t(0));
  Name any = e.with(e.op("ReduceMax", {found, e.ints({-1})}), "keepdims", int64_t(0));
  any = e.cast(any, TensorProto::BOOL);
  Name value = e.op("Gather", {intValues.empty() ? e.step.floats(realValues) : e.ints(intValues), place});
  Name other = intValues.empty() ? number(e, e.real("default_float", -0.0f))
                                 : e.intScalar(e.integer("default_int64", -1));
  e.result(0, e.op("Where", {any, value, other}));
}

} // namespace

ExpansionRows learningExpansions() {
  const char *domain = "ai.onnx.ml";
  return {
      {domain, "ArrayFeatureExtractor", arrayFeatureExtractor},
      {domain, "Binarizer", binarizer},
      {domain, "FeatureVectorizer", featureVectorizer},
      {domain, "Imputer", imputer},
      {domain, "LabelEncoder", labelEncoder},
      {domain, "LinearRegressor", linearRegressor},
      {domain, "Normalizer", normalizer},
      {domain, "Scaler", scaler},
  };
}

} // namespace onnxc::import
