// Evaluation of elementwise ops: a table from op to scalar function, over typed
// chunks.  Splats stay splats.
#include "passes/graph/ConstantView.h"
#include "passes/graph/Elements.h"
#include "passes/graph/QuantParams.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>

using namespace mlir;

namespace onnxc::graph {

namespace {

/// Operands -> result; `op` is for attributes.
struct Row {
  unsigned arity;
  double (*f)(const double *, Operation *op);
  int64_t (*i)(const int64_t *, Operation *op);
  bool predicate = false;
};

double attrOf(Operation *op, StringRef name, double absent) {
  auto attr = op->getAttrOfType<FloatAttr>(name);
  return attr ? attr.getValueAsDouble() : absent;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double unitClamp(double x) { return std::min(std::max(x, 0.0), 1.0); }
double gelu(double x, Operation *op) {
  auto how = op->getAttrOfType<StringAttr>("approximate");
  double inner = how && how.getValue() == "tanh" ? std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))
                                                 : std::erf(x * 0.70710678118654752440);
  return 0.5 * x * (1 + inner);
}

int64_t powInt(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  uint64_t r = 1, b = uint64_t(base);
  for (; exponent; exponent >>= 1, b *= b)
    if (exponent & 1)
      r *= b;
  return int64_t(r);
}

const llvm::StringMap<Row> &rows() {
  static const llvm::StringMap<Row> table{
#define F [](const double *v, [[maybe_unused]] Operation *op) -> double
#define I [](const int64_t *v, Operation *) -> int64_t
      {"Add", {2, F { return v[0] + v[1]; }, I { return int64_t(uint64_t(v[0]) + uint64_t(v[1])); }}},
      {"Sub", {2, F { return v[0] - v[1]; }, I { return int64_t(uint64_t(v[0]) - uint64_t(v[1])); }}},
      {"Mul", {2, F { return v[0] * v[1]; }, I { return int64_t(uint64_t(v[0]) * uint64_t(v[1])); }}},
      {"Div", {2, F { return v[0] / v[1]; }, I { return v[1] == -1 ? int64_t(0 - uint64_t(v[0])) : v[0] / v[1]; }}},
      {"Pow", {2, F { return std::pow(v[0], v[1]); }, I { return powInt(v[0], v[1]); }}},
      {"Neg", {1, F { return -v[0]; }, I { return int64_t(0 - uint64_t(v[0])); }}},
      {"Abs", {1, F { return std::fabs(v[0]); }, I { return v[0] < 0 ? int64_t(0 - uint64_t(v[0])) : v[0]; }}},
      {"Sqrt", {1, F { return std::sqrt(v[0]); }, nullptr}},
      {"Reciprocal", {1, F { return 1.0 / v[0]; }, nullptr}},
      {"Exp", {1, F { return std::exp(v[0]); }, nullptr}},
      {"Log", {1, F { return std::log(v[0]); }, nullptr}},
      {"Sin", {1, F { return std::sin(v[0]); }, nullptr}},
      {"Cos", {1, F { return std::cos(v[0]); }, nullptr}},
      {"Floor", {1, F { return std::floor(v[0]); }, nullptr}},
      {"Ceil", {1, F { return std::ceil(v[0]); }, nullptr}},
      {"Relu", {1, F { return v[0] < 0 ? 0.0 : v[0]; }, I { return v[0] > 0 ? v[0] : 0; }}},
      {"Tanh", {1, F { return std::tanh(v[0]); }, nullptr}},
      {"Erf", {1, F { return std::erf(v[0]); }, nullptr}},
      {"Sign", {1, F { return v[0] > 0 ? 1.0 : v[0] < 0 ? -1.0 : v[0]; }, nullptr}},
      {"Round", {1, F { return std::nearbyint(v[0]); }, nullptr}},
      {"Tan", {1, F { return std::tan(v[0]); }, nullptr}},
      {"Asin", {1, F { return std::asin(v[0]); }, nullptr}},
      {"Acos", {1, F { return std::acos(v[0]); }, nullptr}},
      {"Atan", {1, F { return std::atan(v[0]); }, nullptr}},
      {"Sinh", {1, F { return std::sinh(v[0]); }, nullptr}},
      {"Cosh", {1, F { return std::cosh(v[0]); }, nullptr}},
      {"Asinh", {1, F { return std::asinh(v[0]); }, nullptr}},
      {"Acosh", {1, F { return std::acosh(v[0]); }, nullptr}},
      {"Atanh", {1, F { return std::atanh(v[0]); }, nullptr}},
      {"Sigmoid", {1, F { return sigmoid(v[0]); }, nullptr}},
      {"HardSigmoid", {1, F { return unitClamp(attrOf(op, "alpha", 0.2f) * v[0] + attrOf(op, "beta", 0.5)); }, nullptr}},
      {"HardSwish", {1, F { return v[0] * unitClamp(v[0] * (1.0f / 6) + 0.5); }, nullptr}},
      {"Swish", {1, F { return v[0] * sigmoid(attrOf(op, "alpha", 1) * v[0]); }, nullptr}},
      {"Gelu", {1, F { return gelu(v[0], op); }, nullptr}},
      {"Softplus", {1, F { return softplus(v[0]); }, nullptr}},
      {"Softsign", {1, F { return v[0] / (1 + std::fabs(v[0])); }, nullptr}},
      {"Mish", {1, F { return v[0] * std::tanh(softplus(v[0])); }, nullptr}},
      {"Elu", {1, F { return v[0] < 0 ? attrOf(op, "alpha", 1) * std::expm1(v[0]) : v[0]; }, nullptr}},
      {"Selu", {1, F {
         double gamma = attrOf(op, "gamma", 1.05070102214813232421875), alpha = attrOf(op, "alpha", 1.67326319217681884765625);
         return gamma * (v[0] > 0 ? v[0] : alpha * std::expm1(v[0]));
       }, nullptr}},
      {"LeakyRelu", {1, F { return v[0] < 0 ? v[0] * attrOf(op, "alpha", 0.01f) : v[0]; }, nullptr}},
      {"PRelu", {2, F { return v[0] < 0 ? v[0] * v[1] : v[0]; }, nullptr}},
      {"Equal", {2, F { return v[0] == v[1]; }, I { return v[0] == v[1]; }, true}},
      {"Less", {2, F { return v[0] < v[1]; }, I { return v[0] < v[1]; }, true}},
      {"Greater", {2, F { return v[0] > v[1]; }, I { return v[0] > v[1]; }, true}},
      {"LessOrEqual", {2, F { return v[0] <= v[1]; }, I { return v[0] <= v[1]; }, true}},
      {"GreaterOrEqual", {2, F { return v[0] >= v[1]; }, I { return v[0] >= v[1]; }, true}},
      {"And", {2, nullptr, I { return v[0] && v[1]; }, true}},
      {"Or", {2, nullptr, I { return v[0] || v[1]; }, true}},
      {"Not", {1, nullptr, I { return !v[0]; }, true}},
      {"Where", {3, F { return v[0] != 0 ? v[1] : v[2]; }, I { return v[0] ? v[1] : v[2]; }}},
      {"Cast", {1, F { return v[0]; }, I { return v[0]; }}},
      {"CastLike", {1, F { return v[0]; }, I { return v[0]; }}},
#undef F
#undef I
  };
  return table;
}

/// (x - zero point) * scale
const Row dequantizeRow{3, [](const double *v, Operation *) { return (v[0] - v[2]) * v[1]; }, nullptr};

/// saturate(round(x / scale) + zero point); NaN gives the least value.
const Row quantizeRow{3,
                      [](const double *v, Operation *op) {
                        auto [least, most] = rangeOf(resultElem(op));
                        double q = std::nearbyint(float(v[0] / v[1])) + v[2];
                        return q > double(least) ? std::min(q, double(most)) : double(least);
                      },
                      nullptr};

/// min(max(x, low), high)
const Row clipRow{3, [](const double *v, Operation *) { return std::min(std::max(v[0], v[1]), v[2]); }, nullptr};
template <typename T>
void computeChunks(ArrayRef<View> in, ArrayRef<int64_t> shape, T (*fn)(const T *, Operation *), Operation *op, Form outForm,
                   char *out) {
  constexpr size_t chunk = 512;
  std::vector<Shape> strides;
  std::vector<std::vector<int64_t>> offsets(in.size(), std::vector<int64_t>(chunk));
  std::vector<std::vector<T>> values(in.size(), std::vector<T>(chunk));
  std::vector<T> results(chunk);
  for (const View &v : in) {
    Shape s = v.strides();
    s.insert(s.begin(), shape.size() - s.size(), 0);
    strides.push_back(s);
  }
  size_t filled = 0;
  int64_t done = 0;
  auto flush = [&] {
    for (size_t k = 0; k < in.size(); ++k)
      loadElements(formOf(in[k].elem), in[k].data.bytes().data(), offsets[k].data(), filled, values[k].data());
    T args[4];
    for (size_t i = 0; i < filled; ++i) {
      for (size_t k = 0; k < in.size(); ++k)
        args[k] = values[k][i];
      results[i] = fn(args, op);
    }
    storeElements(outForm, out, done, filled, results.data());
    done += filled;
    filled = 0;
  };
  forEach(shape, strides, [&](ArrayRef<int64_t> at) {
    for (size_t k = 0; k < in.size(); ++k)
      offsets[k][filled] = at[k];
    if (++filled == chunk)
      flush();
  });
  if (filled)
    flush();
}

ElementsAttr elementwise(const Row &row, ArrayRef<View> in, Operation *op) {
  Type outElem = resultElem(op);
  auto shape = broadcast(in);
  Form outForm = formOf(outElem);
  if (!shape || outForm == Form::None)
    return {};
  bool asFloat = false, allSplat = true;
  int64_t operandBytes = 0;
  for (const View &v : in) {
    Form f = formOf(v.elem);
    if (f == Form::None || f == Form::U64)
      return {};
    asFloat |= isFloat(f);
    allSplat &= v.data.splat;
    operandBytes += v.data.bytes().size();
  }
  if (asFloat ? !row.f : !row.i)
    return {};
  if (allSplat && count(*shape) > 0) {
    char element[8];
    Shape scalar;
    SmallVector<View> scalars(in);
    for (View &v : scalars)
      v.shape.clear();
    asFloat ? computeChunks<double>(scalars, scalar, row.f, op, outForm, element)
            : computeChunks<int64_t>(scalars, scalar, row.i, op, outForm, element);
    return onnx::makeSplat(RankedTensorType::get(*shape, outElem),
                           ArrayRef<char>(element, onnx::elementBytes(outElem)));
  }
  if (!worthwhile(*shape, onnx::elementBytes(outElem), operandBytes))
    return {};
  return build(*shape, outElem, [&](char *out) {
    asFloat ? computeChunks<double>(in, *shape, row.f, op, outForm, out)
            : computeChunks<int64_t>(in, *shape, row.i, op, outForm, out);
  });
}

bool hasZero(ElementsAttr attr) {
  auto values = intsOf(attr);
  return !values || llvm::is_contained(*values, 0);
}

} // namespace

SmallVector<StringRef> elementwiseNames() {
  SmallVector<StringRef> names;
  for (const auto &row : rows())
    names.push_back(row.getKey());
  return names;
}

Results evalElementwise(Operation *op, Operands operands) {
  const Row &row = rows().find(op->getName().stripDialect())->second;
  SmallVector<View> in;
  for (unsigned i = 0; i < row.arity; ++i) {
    auto v = open(operands[i]);
    if (!v)
      return std::nullopt;
    in.push_back(std::move(*v));
  }
  if (is(op, "Div") && isa<IntegerType>(in[1].elem) && hasZero(operands[1]))
    return std::nullopt;
  return one(elementwise(row, in, op));
}

/// A scalar of type `elem`, kept in `bytes`.
static View scalarView(Type elem, double value, MutableArrayRef<char> bytes) {
  View v{onnx::ConstantData{}, elem, {}};
  storeElements(formOf(elem), bytes.data(), 0, 1, &value);
  v.data.view = bytes.take_front(onnx::elementBytes(elem));
  v.data.splat = true;
  return v;
}

static Results evalScaled(const Row &row, Operation *op, Operands operands) {
  auto x = open(operands[0]), scale = open(operands[1]);
  auto block = op->getAttrOfType<IntegerAttr>("block_size");
  if (!x || !scale || scale->shape.size() > 1 || (block && block.getInt()))
    return std::nullopt;
  char zeroBytes[8] = {};
  View zero = scalarView(scale->elem, 0, zeroBytes);
  if (operands.size() > 2 && operands[2]) {
    auto z = open(operands[2]);
    if (!z)
      return std::nullopt;
    zero = std::move(*z);
  }
  if (scale->size() != 1) { // per axis: (n) -> (n, 1, ...)
    auto axisAttr = op->getAttrOfType<IntegerAttr>("axis");
    int64_t rank = x->shape.size(), axis = axisAttr ? axisAttr.getInt() : 1;
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank)
      return std::nullopt;
    for (View *v : {&*scale, &zero})
      if (v->shape.size() == 1)
        v->shape.append(rank - 1 - axis, 1);
  } else {
    scale->shape.clear();
    if (zero.size() == 1)
      zero.shape.clear();
  }
  return one(elementwise(row, {*x, *scale, zero}, op));
}

Results evalDequantize(Operation *op, Operands operands) { return evalScaled(dequantizeRow, op, operands); }

Results evalQuantize(Operation *op, Operands operands) {
  auto precision = op->getAttrOfType<IntegerAttr>("precision");
  if (!isa<IntegerType>(resultElem(op)) || !operands[0].getElementType().isF32() || !operands[1] ||
      !operands[1].getElementType().isF32() || (precision && precision.getInt() > 1))
    return std::nullopt;
  return evalScaled(quantizeRow, op, operands);
}

Results evalClip(Operation *op, Operands operands) {
  Type elem = operands[0].getElementType();
  auto x = open(operands[0]);
  if (!x || !elem.isF32())
    return std::nullopt;
  constexpr double most = std::numeric_limits<float>::max();
  char lowBytes[8], highBytes[8];
  View bounds[] = {scalarView(elem, -most, lowBytes), scalarView(elem, most, highBytes)};
  for (unsigned i : {1u, 2u})
    if (operands[i]) {
      auto given = open(operands[i]);
      if (!given || given->size() != 1)
        return std::nullopt;
      bounds[i - 1] = std::move(*given);
      bounds[i - 1].shape.clear();
    }
  return one(elementwise(clipRow, {*x, bounds[0], bounds[1]}, op));
}

} // namespace onnxc::graph
