// Evaluation of onnx ops on constants: elementwise ops from a table
// (EvaluateElementwise.cpp), data movement as strided copies of raw elements.
// Splats stay splats.
#include "passes/graph/Evaluate.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "dialects/onnx/ShapeUtils.h"
#include "passes/graph/ConstantView.h"
#include "passes/graph/Elements.h"
#include "passes/graph/GraphUtil.h"
#include "llvm/ADT/StringMap.h"
#include <numeric>

using namespace mlir;

namespace onnxc::graph {

namespace {

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
                              {"Clip", evalClip},
                              {"QuantizeLinear", evalQuantize},
                              {"DequantizeLinear", evalDequantize}};
    for (StringRef name : elementwiseNames())
      t[name] = evalElementwise;
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
