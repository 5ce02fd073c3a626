// Evaluation of onnx ops on constants: elementwise ops from a table over typed
// chunks, data movement as strided copies of raw elements.  Splats stay splats.
#include "passes/graph/Evaluate.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "dialects/onnx/ShapeUtils.h"
#include "passes/graph/Elements.h"
#include "passes/graph/GraphUtil.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>
#include <numeric>

using namespace mlir;

namespace onnxc::graph {

namespace {

using Shape = SmallVector<int64_t>;
using Results = std::optional<SmallVector<ElementsAttr>>;
using Operands = ArrayRef<ElementsAttr>;

/// Elements of a shape; INT64_MAX when they are more.
int64_t count(ArrayRef<int64_t> shape) {
  int64_t n = 1;
  for (int64_t d : shape)
    if (llvm::MulOverflow(n, d, n))
      return llvm::is_contained(shape, 0) ? 0 : INT64_MAX;
  return n;
}

/// A constant opened for reading.
struct View {
  onnx::ConstantData data;
  Type elem;
  Shape shape;
  int64_t size() const { return count(shape); }
  /// Element strides, all zero for a splat.
  Shape strides() const {
    Shape s(shape.size(), 0);
    int64_t next = 1;
    for (size_t i = shape.size(); i-- > 0; next *= shape[i])
      s[i] = data.splat || shape[i] == 1 ? 0 : next;
    return s;
  }
};

std::optional<View> open(ElementsAttr attr) {
  auto type = dyn_cast_or_null<RankedTensorType>(attr ? attr.getShapedType() : ShapedType());
  auto data = type ? onnx::readConstant(attr) : std::nullopt;
  if (!data)
    return std::nullopt;
  return View{std::move(*data), type.getElementType(), Shape(type.getShape())};
}

/// Folding must not bloat the model: a result may be small, or at most about
/// as large as what it is made from.
bool worthwhile(ArrayRef<int64_t> shape, unsigned elementBytes, int64_t operandBytes) {
  int64_t elements = count(shape);
  return elements <= 64 * 1024 / elementBytes || elements <= 4 * operandBytes / elementBytes;
}

Results one(ElementsAttr attr) { return attr ? Results(SmallVector<ElementsAttr>{attr}) : std::nullopt; }

ElementsAttr build(ArrayRef<int64_t> shape, Type elem, llvm::function_ref<void(char *)> write) {
  auto type = RankedTensorType::get(shape, elem);
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(std::max<int64_t>(1, count(shape) * onnx::elementBytes(elem)), 64);
  if (count(shape) == 0)
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  write(blob.getMutableData().data());
  return onnx::makeConstant(type, std::move(blob));
}

/// Visits all index tuples of `shape`, giving the flat offset of each under
/// every list of strides.
void forEach(ArrayRef<int64_t> shape, ArrayRef<Shape> strides, llvm::function_ref<void(ArrayRef<int64_t>)> visit) {
  Shape index(shape.size(), 0), offsets(strides.size(), 0);
  for (int64_t i = 0, n = count(shape); i < n; ++i) {
    visit(offsets);
    for (size_t d = shape.size(); d-- > 0;) {
      for (size_t s = 0; s < strides.size(); ++s)
        offsets[s] += strides[s][d];
      if (++index[d] < shape[d])
        break;
      for (size_t s = 0; s < strides.size(); ++s)
        offsets[s] -= strides[s][d] * shape[d];
      index[d] = 0;
    }
  }
}

/// Copies elements of `es` bytes: dst is dense over `shape`, src has `strides` from `offset`.
void copyStrided(char *dst, const char *src, unsigned es, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides,
                 int64_t offset) {
  if (shape.empty()) {
    std::memcpy(dst, src + offset * es, es);
    return;
  }
  int64_t inner = shape.back(), step = strides.back();
  Shape outerStrides(strides.drop_back());
  forEach(shape.drop_back(), {outerStrides}, [&](ArrayRef<int64_t> at) {
    const char *from = src + (offset + at[0]) * int64_t(es);
    if (step == 1) {
      std::memcpy(dst, from, inner * es);
      dst += inner * es;
      return;
    }
    for (int64_t i = 0; i < inner; ++i, dst += es)
      std::memcpy(dst, from + i * step * int64_t(es), es);
  });
}

ElementsAttr splatLike(const View &v, ArrayRef<int64_t> shape) {
  return onnx::makeSplat(RankedTensorType::get(shape, v.elem), v.data.bytes());
}

//===-- Elementwise

struct Row {
  unsigned arity;
  double (*f)(const double *);
  int64_t (*i)(const int64_t *);
  bool predicate = false;
};

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
#define F [](const double *v) -> double
#define I [](const int64_t *v) -> int64_t
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
const Row dequantizeRow{3, [](const double *v) { return (v[0] - v[2]) * v[1]; }, nullptr};

std::optional<Shape> broadcast(ArrayRef<View> in) {
  Shape out;
  for (const View &v : in) {
    size_t rank = std::max(out.size(), v.shape.size());
    out.insert(out.begin(), rank - out.size(), 1);
    for (size_t i = 0; i < v.shape.size(); ++i) {
      int64_t &d = out[rank - v.shape.size() + i], mine = v.shape[i];
      if (d != mine && d != 1 && mine != 1)
        return std::nullopt;
      d = d == 1 ? mine : d;
    }
  }
  return out;
}

template <typename T>
void computeChunks(ArrayRef<View> in, ArrayRef<int64_t> shape, T (*fn)(const T *), Form outForm, char *out) {
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
      results[i] = fn(args);
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

ElementsAttr elementwise(const Row &row, ArrayRef<View> in, Type outElem) {
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
    asFloat ? computeChunks<double>(scalars, scalar, row.f, outForm, element)
            : computeChunks<int64_t>(scalars, scalar, row.i, outForm, element);
    return onnx::makeSplat(RankedTensorType::get(*shape, outElem),
                           ArrayRef<char>(element, onnx::elementBytes(outElem)));
  }
  if (!worthwhile(*shape, onnx::elementBytes(outElem), operandBytes))
    return {};
  return build(*shape, outElem, [&](char *out) {
    asFloat ? computeChunks<double>(in, *shape, row.f, outForm, out)
            : computeChunks<int64_t>(in, *shape, row.i, outForm, out);
  });
}

Type resultElem(Operation *op, unsigned i = 0) { return cast<ShapedType>(op->getResult(i).getType()).getElementType(); }

bool hasZero(ElementsAttr attr) {
  auto values = intsOf(attr);
  return !values || llvm::is_contained(*values, 0);
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
  return one(elementwise(row, in, resultElem(op)));
}

Results evalDequantize(Operation *op, Operands operands) {
  auto x = open(operands[0]), scale = open(operands[1]);
  if (!x || !scale || scale->shape.size() > 1)
    return std::nullopt;
  View zero{onnx::ConstantData{}, scale->elem, {}};
  const char zeroBytes[8] = {};
  if (operands.size() > 2 && operands[2]) {
    auto z = open(operands[2]);
    if (!z)
      return std::nullopt;
    zero = std::move(*z);
  } else {
    zero.data.view = ArrayRef<char>(zeroBytes, onnx::elementBytes(zero.elem));
    zero.data.splat = true;
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
  return one(elementwise(dequantizeRow, {*x, *scale, zero}, resultElem(op)));
}

//===-- Movement

/// The same elements under another shape, without a copy.
Results reshaped(ElementsAttr attr, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, attr.getElementType());
  if (type.getNumElements() != attr.getNumElements())
    return std::nullopt;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr))
    return one(DenseResourceElementsAttr::get(type, resource.getRawHandle()));
  if (auto dense = dyn_cast<DenseElementsAttr>(attr))
    return one(dense.reshape(type));
  return std::nullopt;
}

Shape shapeOf(ElementsAttr attr) { return Shape(cast<RankedTensorType>(attr.getShapedType()).getShape()); }

/// Squeeze, Unsqueeze, Flatten, Reshape have a static result type or none at all.
Results evalReshape(Operation *op, Operands operands) {
  if (auto type = ranked(op->getResult(0)); type && type.hasStaticShape())
    return reshaped(operands[0], type.getShape());
  if (!is(op, "Reshape") || !operands[1])
    return std::nullopt;
  auto wanted = intsOf(operands[1]);
  auto allowZero = op->getAttrOfType<IntegerAttr>("allowzero");
  if (!wanted || (allowZero && allowZero.getInt()))
    return std::nullopt;
  Shape in = shapeOf(operands[0]), out;
  int64_t known = 1, open = -1;
  for (auto [i, d] : llvm::enumerate(*wanted)) {
    out.push_back(d == 0 && i < in.size() ? in[i] : d);
    if (d == -1)
      open = i;
    else if (llvm::MulOverflow(known, out.back(), known))
      return std::nullopt;
  }
  if (open >= 0 && known > 0)
    out[open] = count(in) / known;
  if (llvm::any_of(out, [](int64_t d) { return d < 0; }))
    return std::nullopt;
  return reshaped(operands[0], out);
}

Results evalIdentity(Operation *op, Operands operands) { return one(operands[0]); }

Results evalTranspose(Operation *op, Operands operands) {
  auto v = open(operands[0]);
  if (!v)
    return std::nullopt;
  size_t rank = v->shape.size();
  Shape perm, shape, strides;
  if (auto attr = op->getAttrOfType<DenseI64ArrayAttr>("perm"))
    perm.assign(attr.asArrayRef().begin(), attr.asArrayRef().end());
  for (size_t i = perm.size(); i < rank; ++i)
    perm.push_back(rank - 1 - i);
  Shape s = v->strides();
  for (int64_t p : perm) {
    shape.push_back(v->shape[p]);
    strides.push_back(s[p]);
  }
  if (v->data.splat)
    return one(splatLike(*v, shape));
  return one(build(shape, v->elem, [&](char *out) {
    copyStrided(out, v->data.bytes().data(), onnx::elementBytes(v->elem), shape, strides, 0);
  }));
}

Results evalExpand(Operation *op, Operands operands) {
  auto v = open(operands[0]);
  auto wanted = operands[1] ? intsOf(operands[1]) : std::nullopt;
  if (!v || !wanted)
    return std::nullopt;
  View target{onnx::ConstantData{}, v->elem, Shape(wanted->begin(), wanted->end())};
  auto shape = broadcast({*v, target});
  if (!shape)
    return std::nullopt;
  if (v->data.splat)
    return one(splatLike(*v, *shape));
  unsigned es = onnx::elementBytes(v->elem);
  if (!worthwhile(*shape, es, v->data.bytes().size()))
    return std::nullopt;
  Shape strides = v->strides();
  strides.insert(strides.begin(), shape->size() - strides.size(), 0);
  return one(build(*shape, v->elem,
                   [&](char *out) { copyStrided(out, v->data.bytes().data(), es, *shape, strides, 0); }));
}

Results evalSlice(Operation *op, Operands operands) {
  auto v = open(operands[0]);
  auto starts = operands[1] ? intsOf(operands[1]) : std::nullopt, ends = operands[2] ? intsOf(operands[2]) : std::nullopt;
  if (!v || !starts || !ends)
    return std::nullopt;
  std::vector<int64_t> axes(starts->size()), steps(starts->size(), 1);
  std::iota(axes.begin(), axes.end(), 0);
  for (auto [index, to] : {std::pair<unsigned, std::vector<int64_t> *>{3, &axes}, {4, &steps}})
    if (operands.size() > index && operands[index]) {
      auto given = intsOf(operands[index]);
      if (!given || given->size() != starts->size())
        return std::nullopt;
      *to = *given;
    }
  Shape shape(v->shape), strides = v->strides();
  int64_t offset = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t a = axes[i] < 0 ? axes[i] + int64_t(shape.size()) : axes[i], d = v->shape[a], step = steps[i];
    if (step == 0)
      return std::nullopt;
    step = std::clamp(step, -d - 1, d + 1); // beyond the dim it takes one element
    auto clamp = [&](int64_t x, int64_t lo, int64_t hi) { return std::min(std::max(x < 0 ? x + d : x, lo), hi); };
    int64_t from = step > 0 ? clamp((*starts)[i], 0, d) : clamp((*starts)[i], 0, d - 1);
    int64_t to = step > 0 ? clamp((*ends)[i], 0, d) : clamp(std::max((*ends)[i], -d - 1), -1, d - 1);
    int64_t n = step > 0 ? (to - from + step - 1) / step : (from - to - step - 1) / -step;
    shape[a] = std::max<int64_t>(n, 0);
    offset += from * strides[a];
    strides[a] *= step;
  }
  if (v->data.splat && count(shape))
    return one(splatLike(*v, shape));
  return one(build(shape, v->elem, [&](char *out) {
    copyStrided(out, v->data.bytes().data(), onnx::elementBytes(v->elem), shape, strides, offset);
  }));
}

Results evalConcat(Operation *op, Operands operands) {
  SmallVector<View> in;
  for (ElementsAttr attr : operands) {
    auto v = open(attr);
    if (!v)
      return std::nullopt;
    in.push_back(std::move(*v));
  }
  int64_t rank = in[0].shape.size(), axis = op->getAttrOfType<IntegerAttr>("axis").getInt();
  axis += axis < 0 ? rank : 0;
  Shape shape(in[0].shape);
  int64_t operandBytes = 0;
  shape[axis] = 0;
  for (const View &v : in) {
    shape[axis] += v.shape[axis];
    operandBytes += v.data.bytes().size();
  }
  unsigned es = onnx::elementBytes(in[0].elem);
  if (!worthwhile(shape, es, operandBytes))
    return std::nullopt;
  return one(build(shape, in[0].elem, [&](char *out) {
    int64_t outer = count(ArrayRef<int64_t>(shape).take_front(axis)), at = 0;
    int64_t row = count(ArrayRef<int64_t>(shape).drop_front(axis));
    for (const View &v : in) {
      int64_t part = count(ArrayRef<int64_t>(v.shape).drop_front(axis));
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < (v.data.splat ? part : 1); ++i)
          std::memcpy(out + (o * row + at + i) * es, v.data.bytes().data() + (v.data.splat ? 0 : o * part * es),
                      v.data.splat ? es : part * es);
      at += part;
    }
  }));
}

Results evalGather(Operation *op, Operands operands) {
  auto v = open(operands[0]);
  auto indices = operands[1] ? intsOf(operands[1]) : std::nullopt;
  if (!v || !indices)
    return std::nullopt;
  auto axisAttr = op->getAttrOfType<IntegerAttr>("axis");
  int64_t rank = v->shape.size(), axis = axisAttr ? axisAttr.getInt() : 0;
  axis += axis < 0 ? rank : 0;
  ArrayRef<int64_t> whole(v->shape);
  Shape shape(whole.take_front(axis));
  shape.append(shapeOf(operands[1]));
  shape.append(whole.begin() + axis + 1, whole.end());
  int64_t outer = count(whole.take_front(axis)), extent = whole[axis], inner = count(whole.drop_front(axis + 1));
  for (int64_t &i : *indices) {
    i += i < 0 ? extent : 0;
    if (i < 0 || i >= extent)
      return std::nullopt;
  }
  if (v->data.splat && count(shape))
    return one(splatLike(*v, shape));
  unsigned es = onnx::elementBytes(v->elem);
  if (!worthwhile(shape, es, v->data.bytes().size()))
    return std::nullopt;
  return one(build(shape, v->elem, [&](char *out) {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i : *indices) {
        std::memcpy(out, v->data.bytes().data() + (o * extent + i) * inner * es, inner * es);
        out += inner * es;
      }
  }));
}

//===-- Makers

Results evalConstantOfShape(Operation *op, Operands operands) {
  auto shape = intsOf(operands[0]);
  if (!shape || llvm::any_of(*shape, [](int64_t d) { return d <= 0; }))
    return std::nullopt;
  auto value = op->getAttrOfType<ElementsAttr>("value");
  if (!value)
    return one(DenseElementsAttr::get(
        RankedTensorType::get(*shape, Float32Type::get(op->getContext())), 0.0f));
  auto v = open(value);
  return v ? one(splatLike(*v, *shape)) : std::nullopt;
}

Results evalRange(Operation *op, Operands operands) {
  Type elem = operands[0].getElementType();
  auto start = intsOf(operands[0]), limit = intsOf(operands[1]), delta = intsOf(operands[2]);
  if (!isa<IntegerType>(elem) || !start || !limit || !delta || (*delta)[0] == 0)
    return std::nullopt;
  int64_t from = (*start)[0], step = (*delta)[0];
  auto n = onnx::rangeCount(from, (*limit)[0], step);
  if (!n || *n > 64 * 1024 / onnx::elementBytes(elem))
    return std::nullopt;
  return one(build({*n}, elem, [&](char *out) {
    for (int64_t i = 0; i < *n; ++i) {
      int64_t v = from + i * step;
      storeElements(formOf(elem), out, i, 1, &v);
    }
  }));
}

/// Products and sums of small integer tensors, as in shape arithmetic.
Results evalReduceInts(Operation *op, Operands operands) {
  auto v = open(operands[0]);
  auto values = isa<IntegerType>(operands[0].getElementType()) ? intsOf(operands[0]) : std::nullopt;
  auto type = ranked(op->getResult(0));
  auto axes = operands.size() > 1 && operands[1] ? intsOf(operands[1]) : std::nullopt;
  if (!v || !values || v->shape.size() > 1 || values->size() > 1024 || !type || !type.hasStaticShape() ||
      (axes && axes->empty()))
    return std::nullopt;
  uint64_t sum = is(op, "ReduceProd") ? 1 : 0; // wraps, as the run does
  for (int64_t x : *values)
    sum = is(op, "ReduceProd") ? sum * uint64_t(x) : sum + uint64_t(x);
  int64_t r = int64_t(sum);
  return one(build(type.getShape(), v->elem, [&](char *out) { storeElements(formOf(v->elem), out, 0, 1, &r); }));
}

using EvalFn = Results (*)(Operation *, Operands);

const llvm::StringMap<EvalFn> &evaluators() {
  static const llvm::StringMap<EvalFn> table = [] {
    llvm::StringMap<EvalFn> t{{"Transpose", evalTranspose},
                              {"Reshape", evalReshape},
                              {"Squeeze", evalReshape},
                              {"Unsqueeze", evalReshape},
                              {"Flatten", evalReshape},
                              {"Identity", evalIdentity},
                              {"Expand", evalExpand},
                              {"Slice", evalSlice},
                              {"Concat", evalConcat},
                              {"Gather", evalGather},
                              {"ConstantOfShape", evalConstantOfShape},
                              {"Range", evalRange},
                              {"ReduceProd", evalReduceInts},
                              {"ReduceSum", evalReduceInts},
                              {"DequantizeLinear", evalDequantize}};
    for (const auto &row : rows())
      t[row.getKey()] = evalElementwise;
    return t;
  }();
  return table;
}

} // namespace

bool canEvaluate(Operation *op) {
  return op->getName().getDialectNamespace() == "onnx" && evaluators().contains(op->getName().stripDialect());
}

std::optional<SmallVector<ElementsAttr>> evaluate(Operation *op, ArrayRef<ElementsAttr> operands) {
  if (!canEvaluate(op) || operands.empty() || !operands[0])
    return std::nullopt;
  auto results = evaluators().find(op->getName().stripDialect())->second(op, operands);
  if (results && (*results)[0].getElementType() != resultElem(op))
    return std::nullopt;
  return results;
}

} // namespace onnxc::graph
