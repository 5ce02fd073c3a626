//===- KnownValues.cpp - compile-time knowledge of small tensors ---------===//
//
// An evaluator over the ops that shape computations are made of. Elements are
// integers or floats; an unknown integer remembers the tensor dim it came from.
//
#include "dialects/onnx/KnownFacts.h"
#include "dialects/onnx/Onnx.h"
#include "dialects/onnx/ShapeUtils.h"
#include "dialects/onnx/StridedPick.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace onnxc::onnx {
namespace {

bool isIntegerType(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer && integer.getWidth() <= 64;
}
bool isFloatType(Type type) { return type.isF32() || type.isF64(); }

// The value as the element type holds it.
Number wrapped(Number n, Type type) {
  if (!n.known)
    return n;
  if (auto integer = dyn_cast<IntegerType>(type)) {
    unsigned width = integer.getWidth();
    if (width < 64) {
      uint64_t bits = uint64_t(n.i) & ((uint64_t(1) << width) - 1);
      bool isSigned = !integer.isUnsigned() && width > 1;
      if (isSigned && (bits >> (width - 1)) & 1)
        bits |= ~((uint64_t(1) << width) - 1);
      n.i = int64_t(bits);
    }
  } else if (type.isF32()) {
    n.f = double(float(n.f));
  }
  return n;
}

std::optional<int64_t> staticCount(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape() || type.getNumElements() > maxElements)
    return std::nullopt;
  return type.getNumElements();
}

bool isScalarOrVector(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() <= 1;
}

class Evaluator {
public:
  explicit Evaluator(Facts &facts) : facts(facts) {}

  std::optional<Numbers> evaluateOp(Operation *op, Value value, Type elem);

private:
  using IntFn = function_ref<std::optional<int64_t>(int64_t, int64_t)>;
  using FloatFn = function_ref<double(double, double)>;

  std::optional<Numbers> evaluate(Value value) { return facts.numbers(value); }
  std::optional<Numbers> constant(ConstantOp op);
  std::optional<Numbers> gather(GatherOp op);
  std::optional<Numbers> slice(SliceOp op);
  std::optional<Numbers> transpose(TransposeOp op);
  std::optional<Numbers> concat(ConcatOp op);
  std::optional<Numbers> split(SplitOp op, Value value);
  std::optional<Numbers> range(RangeOp op);
  std::optional<Numbers> expand(Value input, Value shape);
  std::optional<Numbers> convert(Value input, Type to);
  std::optional<Numbers> select(WhereOp op);

  // Elementwise on scalars and vectors; one element broadcasts.
  std::optional<Numbers> zip(OperandRange operands, IntFn ints,
                             FloatFn floats = nullptr) {
    if (operands.empty() || !llvm::all_of(operands, isScalarOrVector))
      return std::nullopt;
    std::optional<Numbers> acc = evaluate(operands.front());
    if (!acc)
      return std::nullopt;
    bool isFloat = isFloatType(getElementTypeOrSelf(operands.front()));
    if (isFloat && !floats)
      return std::nullopt;
    for (Value operand : operands.drop_front()) {
      std::optional<Numbers> rhs = evaluate(operand);
      if (!rhs || (rhs->size() != acc->size() && rhs->size() != 1 &&
                   acc->size() != 1))
        return std::nullopt;
      size_t count = rhs->size() == 1 ? acc->size() : rhs->size();
      Numbers next(count);
      for (size_t k = 0; k < count; ++k) {
        const Number &a = (*acc)[acc->size() == 1 ? 0 : k];
        const Number &b = (*rhs)[rhs->size() == 1 ? 0 : k];
        if (!a.known || !b.known)
          continue;
        if (isFloat)
          next[k] = Number::ofFloat(floats(a.f, b.f));
        else if (std::optional<int64_t> n = ints(a.i, b.i))
          next[k] = Number::ofInt(*n);
      }
      acc = std::move(next);
    }
    return acc;
  }

  std::optional<Numbers> map(Value operand,
                             function_ref<int64_t(int64_t)> ints,
                             function_ref<double(double)> floats = nullptr) {
    std::optional<Numbers> numbers = evaluate(operand);
    bool isFloat = isFloatType(getElementTypeOrSelf(operand));
    if (!numbers || (isFloat && !floats))
      return std::nullopt;
    for (Number &n : *numbers) {
      if (!n.known)
        n = Number();
      else
        n = isFloat ? Number::ofFloat(floats(n.f)) : Number::ofInt(ints(n.i));
    }
    return numbers;
  }

  // All elements of a vector reduced to one.
  std::optional<Numbers> reduce(Operation *op, IntFn ints) {
    Value data = op->getOperand(0);
    if (!isScalarOrVector(data) ||
        !isIntegerType(getElementTypeOrSelf(data)) ||
        intAttr(op, "noop_with_empty_axes", 0) != 0)
      return std::nullopt;
    std::optional<Numbers> numbers = evaluate(data);
    if (!numbers || numbers->empty() || !allKnown(*numbers))
      return std::nullopt;
    int64_t acc = numbers->front().i;
    for (const Number &n : llvm::drop_begin(*numbers)) {
      std::optional<int64_t> next = ints(acc, n.i);
      if (!next)
        return std::nullopt;
      acc = *next;
    }
    return Numbers{Number::ofInt(acc)};
  }

  // Dims of `value`, whose elements are `data`: a vector's follow from these.
  static std::optional<Dims> shapeOf(Value value, const Numbers &data) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || (!type.hasStaticShape() && type.getRank() != 1))
      return std::nullopt;
    if (type.getRank() == 1)
      return Dims{int64_t(data.size())};
    return Dims(type.getShape());
  }

  static bool allKnown(const Numbers &numbers) {
    return llvm::all_of(numbers, [](const Number &n) { return n.known; });
  }

  Facts &facts;
};

int64_t wrapAdd(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) + uint64_t(b));
}
int64_t wrapSub(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) - uint64_t(b));
}
int64_t wrapMul(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) * uint64_t(b));
}
std::optional<int64_t> truncDiv(int64_t a, int64_t b) {
  if (b == 0 || b == -1)
    return b == 0 ? std::nullopt : std::optional<int64_t>(wrapSub(0, a));
  return a / b;
}

std::optional<Numbers> Evaluator::constant(ConstantOp op) {
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense || dense.getNumElements() > maxElements)
    return std::nullopt;
  Numbers numbers;
  if (auto integer = dyn_cast<IntegerType>(dense.getElementType())) {
    bool isUnsigned = integer.isUnsigned() || integer.getWidth() == 1;
    for (const APInt &n : dense.getValues<APInt>())
      numbers.push_back(Number::ofInt(isUnsigned ? int64_t(n.getZExtValue())
                                                 : n.getSExtValue()));
  } else {
    for (const APFloat &n : dense.getValues<APFloat>())
      numbers.push_back(Number::ofFloat(n.convertToDouble()));
  }
  return numbers;
}

std::optional<Numbers> Evaluator::gather(GatherOp op) {
  std::optional<Numbers> data = evaluate(op.getData());
  std::optional<Dims> shape = data ? shapeOf(op.getData(), *data) : std::nullopt;
  std::optional<Numbers> indices = evaluate(op.getIndices());
  if (!shape || shape->empty() || !indices)
    return std::nullopt;
  int64_t rank = int64_t(shape->size()), axis = int64_t(op.getAxis());
  axis += axis < 0 ? rank : 0;
  if (axis < 0 || axis >= rank)
    return std::nullopt;
  int64_t size = (*shape)[axis];
  int64_t outer = product(ArrayRef<int64_t>(*shape).take_front(axis));
  int64_t row = product(ArrayRef<int64_t>(*shape).drop_front(axis + 1));
  if (outer * row * int64_t(indices->size()) > maxElements)
    return std::nullopt;
  Numbers numbers;
  for (int64_t o = 0; o < outer; ++o)
    for (const Number &index : *indices) {
      int64_t k = index.i < 0 ? index.i + size : index.i;
      bool valid = index.known && k >= 0 && k < size;
      for (int64_t e = 0; e < row; ++e)
        numbers.push_back(valid ? (*data)[(o * size + k) * row + e] : Number());
    }
  return numbers;
}

std::optional<Numbers> Evaluator::slice(SliceOp op) {
  std::optional<Numbers> data = evaluate(op.getData());
  std::optional<Dims> shape = data ? shapeOf(op.getData(), *data) : std::nullopt;
  if (!shape)
    return std::nullopt;
  SmallVector<AxisPick> picks;
  for (auto [axis, size] : llvm::enumerate(*shape))
    picks.push_back({int64_t(axis), 0, 1, size});
  std::optional<Numbers> start = evaluate(op.getStarts());
  std::optional<Numbers> end = evaluate(op.getEnds()), axes, steps;
  if (!start || !end || start->size() != end->size())
    return std::nullopt;
  if (isPresent(op.getAxes()) && !(axes = evaluate(op.getAxes())))
    return std::nullopt;
  if (isPresent(op.getSteps()) && !(steps = evaluate(op.getSteps())))
    return std::nullopt;
  for (auto *part : {&start, &end, &axes, &steps})
    if (*part && ((*part)->size() != start->size() || !allKnown(**part)))
      return std::nullopt;
  int64_t rank = int64_t(shape->size());
  for (size_t k = 0; k < start->size(); ++k) {
    int64_t axis = axes ? (*axes)[k].i : int64_t(k);
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank)
      return std::nullopt;
    int64_t step = steps ? (*steps)[k].i : 1;
    std::optional<SliceRange> range =
        sliceRange((*shape)[axis], (*start)[k].i, (*end)[k].i, step);
    if (!range)
      return std::nullopt;
    picks[axis] = {axis, range->start, step, range->count};
  }
  return pickStrided<Number>(*data, *shape, picks);
}

std::optional<Numbers> Evaluator::transpose(TransposeOp op) {
  std::optional<Numbers> data = evaluate(op.getData());
  std::optional<Dims> shape = data ? shapeOf(op.getData(), *data) : std::nullopt;
  if (!shape)
    return std::nullopt;
  SmallVector<AxisPick> picks;
  int64_t rank = int64_t(shape->size());
  for (int64_t k = 0; k < rank; ++k) {
    int64_t axis = op.getPerm() ? (*op.getPerm())[k] : rank - 1 - k;
    picks.push_back({axis, 0, 1, (*shape)[axis]});
  }
  return pickStrided<Number>(*data, *shape, picks);
}

std::optional<Numbers> Evaluator::concat(ConcatOp op) {
  SmallVector<Numbers> parts;
  SmallVector<int64_t> rows; // elements of a part per step along the outer axes
  int64_t outer = 1;
  for (Value input : op.getInputs()) {
    std::optional<Numbers> part = evaluate(input);
    std::optional<Dims> shape = part ? shapeOf(input, *part) : std::nullopt;
    int64_t axis = int64_t(op.getAxis());
    axis += shape && axis < 0 ? int64_t(shape->size()) : 0;
    if (!shape || axis < 0 || axis >= int64_t(shape->size()))
      return std::nullopt;
    outer = product(ArrayRef<int64_t>(*shape).take_front(axis));
    rows.push_back(product(ArrayRef<int64_t>(*shape).drop_front(axis)));
    parts.push_back(std::move(*part));
  }
  Numbers numbers;
  for (int64_t k = 0; k < outer; ++k)
    for (auto [part, row] : llvm::zip(parts, rows)) {
      if (int64_t(part.size()) != outer * row)
        return std::nullopt;
      numbers.append(part.begin() + k * row, part.begin() + (k + 1) * row);
    }
  return numbers;
}

std::optional<Numbers> Evaluator::split(SplitOp op, Value value) {
  auto type = dyn_cast<RankedTensorType>(op.getInput().getType());
  if (!type || type.getRank() != 1)
    return std::nullopt;
  std::optional<Numbers> data = evaluate(op.getInput());
  if (!data)
    return std::nullopt;
  int64_t offset = 0;
  for (Value result : op.getOutputs()) {
    std::optional<int64_t> count = staticCount(result);
    if (!count || offset + *count > int64_t(data->size()))
      return std::nullopt;
    if (result == value)
      return Numbers(ArrayRef<Number>(*data).slice(offset, *count));
    offset += *count;
  }
  return std::nullopt;
}

std::optional<Numbers> Evaluator::range(RangeOp op) {
  Type elem = getElementTypeOrSelf(op.getStart());
  if (!isIntegerType(elem))
    return std::nullopt;
  std::optional<Numbers> start = evaluate(op.getStart());
  std::optional<Numbers> limit = evaluate(op.getLimit());
  std::optional<Numbers> delta = evaluate(op.getDelta());
  for (auto *part : {&start, &limit, &delta})
    if (!*part || (*part)->size() != 1 || !(*part)->front().known)
      return std::nullopt;
  std::optional<int64_t> count =
      rangeCount(start->front().i, limit->front().i, delta->front().i);
  if (!count || *count > maxElements)
    return std::nullopt;
  Numbers numbers;
  for (int64_t k = 0; k < *count; ++k)
    numbers.push_back(Number::ofInt(start->front().i + k * delta->front().i));
  return numbers;
}

std::optional<Numbers> Evaluator::expand(Value input, Value shape) {
  std::optional<Numbers> data = evaluate(input), dims = evaluate(shape);
  if (!data || !dims || dims->size() > 1 || !isScalarOrVector(input))
    return std::nullopt;
  if (dims->empty())
    return data;
  if (!dims->front().known)
    return std::nullopt;
  int64_t count = dims->front().i;
  if (count == 1 || count == int64_t(data->size()))
    return data;
  if (data->size() != 1 || count < 0 || count > maxElements)
    return std::nullopt;
  return Numbers(count, data->front());
}

std::optional<Numbers> Evaluator::convert(Value input, Type to) {
  std::optional<Numbers> numbers = evaluate(input);
  if (!numbers)
    return std::nullopt;
  Type from = getElementTypeOrSelf(input);
  bool fromFloat = isFloatType(from);
  bool toFloat = isFloatType(to), toBool = to.isInteger(1);
  for (Number &n : *numbers) {
    if (!n.known) {
      // A dim keeps its identity in the integer types that hold any dim.
      if (fromFloat || toFloat || to.getIntOrFloatBitWidth() < 32)
        n = Number();
    } else if (toBool) {
      n = Number::ofInt(fromFloat ? n.f != 0 : n.i != 0);
    } else if (fromFloat && !toFloat) {
      // Out of the range of the type the result is not defined.
      n = std::abs(n.f) < 0x1p31 ? Number::ofInt(int64_t(n.f)) : Number();
    } else if (!fromFloat && toFloat) {
      n = Number::ofFloat(double(n.i));
    }
  }
  return numbers;
}

std::optional<Numbers> Evaluator::select(WhereOp op) {
  if (!llvm::all_of(op->getOperands(), isScalarOrVector))
    return std::nullopt;
  std::optional<Numbers> c = evaluate(op.getCondition());
  std::optional<Numbers> x = evaluate(op.getX()), y = evaluate(op.getY());
  if (!c || !x || !y)
    return std::nullopt;
  size_t count = 1;
  for (auto *part : {&c, &x, &y})
    if ((*part)->size() != 1)
      count = (*part)->size();
  Numbers numbers;
  for (auto *part : {&c, &x, &y})
    if ((*part)->size() != 1 && (*part)->size() != count)
      return std::nullopt;
  auto at = [](const Numbers &n, size_t k) { return n[n.size() == 1 ? 0 : k]; };
  for (size_t k = 0; k < count; ++k) {
    Number condition = at(*c, k);
    numbers.push_back(!condition.known ? Number()
                      : condition.i    ? at(*x, k)
                                       : at(*y, k));
  }
  return numbers;
}

std::optional<Numbers> Evaluator::evaluateOp(Operation *op, Value value,
                                             Type elem) {
  using Result = std::optional<Numbers>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](ConstantOp op) { return constant(op); })
      .Case([&](ShapeOp op) -> Result {
        auto type = dyn_cast<RankedTensorType>(op.getData().getType());
        if (!type)
          return std::nullopt;
        auto [start, end] = shapeOpRange(op, type.getRank());
        Numbers numbers;
        for (int64_t dim = start; dim < end; ++dim)
          numbers.push_back(Number::ofDim(getKnownDim(op.getData(), dim)));
        return numbers;
      })
      .Case([&](SizeOp op) -> Result {
        auto type = dyn_cast<RankedTensorType>(op.getData().getType());
        if (!type || !type.hasStaticShape())
          return std::nullopt;
        return Numbers{Number::ofInt(type.getNumElements())};
      })
      // The same elements in other shapes.
      .Case<IdentityOp, ReshapeOp, SqueezeOp, UnsqueezeOp, FlattenOp>(
          [&](Operation *op) { return evaluate(op->getOperand(0)); })
      .Case<CastOp, CastLikeOp>(
          [&](Operation *op) { return convert(op->getOperand(0), elem); })
      .Case([&](GatherOp op) { return gather(op); })
      .Case([&](SliceOp op) { return slice(op); })
      .Case([&](SplitOp op) { return split(op, value); })
      .Case([&](RangeOp op) { return range(op); })
      .Case([&](WhereOp op) { return select(op); })
      .Case([&](ExpandOp op) { return expand(op.getInput(), op.getShape()); })
      .Case([&](ConcatOp op) { return concat(op); })
      .Case([&](TransposeOp op) { return transpose(op); })
      .Case([&](ConstantOfShapeOp op) -> Result {
        std::optional<Numbers> dims = evaluate(op.getInput());
        if (!dims || !allKnown(*dims))
          return std::nullopt;
        int64_t count = 1;
        for (const Number &n : *dims) {
          if (n.i < 0 || (n.i && count > maxElements / n.i))
            return std::nullopt;
          count *= n.i;
        }
        Number fill = isFloatType(elem) ? Number::ofFloat(0) : Number::ofInt(0);
        if (auto dense = dyn_cast_or_null<DenseElementsAttr>(
                op.getValueAttr())) {
          if (isFloatType(elem))
            fill.f = (*dense.getValues<APFloat>().begin()).convertToDouble();
          else
            fill.i = (*dense.getValues<APInt>().begin()).getSExtValue();
        } else if (op.getValueAttr()) {
          return std::nullopt;
        }
        return Numbers(count, fill);
      })
      .Case([&](AddOp op) {
        return zip(op->getOperands(), wrapAdd,
                   [](double a, double b) { return a + b; });
      })
      .Case([&](SumOp op) {
        return zip(op->getOperands(), wrapAdd,
                   [](double a, double b) { return a + b; });
      })
      .Case([&](SubOp op) {
        return zip(op->getOperands(), wrapSub,
                   [](double a, double b) { return a - b; });
      })
      .Case([&](MulOp op) {
        return zip(op->getOperands(), wrapMul,
                   [](double a, double b) { return a * b; });
      })
      .Case([&](DivOp op) {
        return zip(op->getOperands(), truncDiv,
                   [](double a, double b) { return a / b; });
      })
      .Case([&](ModOp op) -> Result {
        bool fmod = op.getFmod() != 0;
        return zip(op->getOperands(),
                   [&](int64_t a, int64_t b) -> std::optional<int64_t> {
                     if (b == 0)
                       return std::nullopt;
                     int64_t r = b == -1 ? 0 : a % b;
                     return !fmod && r != 0 && (r < 0) != (b < 0) ? r + b : r;
                   });
      })
      .Case([&](MaxOp op) {
        return zip(op->getOperands(),
                   [](int64_t a, int64_t b) { return std::max(a, b); });
      })
      .Case([&](MinOp op) {
        return zip(op->getOperands(),
                   [](int64_t a, int64_t b) { return std::min(a, b); });
      })
      .Case([&](EqualOp op) {
        return zip(op->getOperands(),
                   [](int64_t a, int64_t b) { return int64_t(a == b); });
      })
      .Case([&](LessOp op) {
        return zip(op->getOperands(),
                   [](int64_t a, int64_t b) { return int64_t(a < b); });
      })
      .Case([&](LessOrEqualOp op) {
        return zip(op->getOperands(),
                   [](int64_t a, int64_t b) { return int64_t(a <= b); });
      })
      .Case([&](GreaterOp op) {
        return zip(op->getOperands(),
                   [](int64_t a, int64_t b) { return int64_t(a > b); });
      })
      .Case([&](GreaterOrEqualOp op) {
        return zip(op->getOperands(),
                   [](int64_t a, int64_t b) { return int64_t(a >= b); });
      })
      .Case([&](AndOp op) {
        return zip(op->getOperands(),
                   [](int64_t a, int64_t b) { return int64_t(a && b); });
      })
      .Case([&](OrOp op) {
        return zip(op->getOperands(),
                   [](int64_t a, int64_t b) { return int64_t(a || b); });
      })
      .Case([&](NotOp op) {
        return map(op.getX(), [](int64_t a) { return int64_t(!a); });
      })
      .Case([&](NegOp op) {
        return map(
            op.getX(), [](int64_t a) { return wrapSub(0, a); },
            [](double a) { return -a; });
      })
      .Case([&](AbsOp op) {
        return map(
            op.getX(), [](int64_t a) { return a < 0 ? wrapSub(0, a) : a; },
            [](double a) { return std::fabs(a); });
      })
      .Case([&](FloorOp op) {
        return map(
            op.getX(), [](int64_t a) { return a; },
            [](double a) { return std::floor(a); });
      })
      .Case([&](CeilOp op) {
        return map(
            op.getX(), [](int64_t a) { return a; },
            [](double a) { return std::ceil(a); });
      })
      .Case([&](ReduceProdOp op) { return reduce(op, wrapMul); })
      .Case([&](ReduceSumOp op) { return reduce(op, wrapAdd); })
      .Case([&](ReduceMaxOp op) {
        return reduce(op, [](int64_t a, int64_t b) { return std::max(a, b); });
      })
      .Case([&](ReduceMinOp op) {
        return reduce(op, [](int64_t a, int64_t b) { return std::min(a, b); });
      })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace

std::optional<Numbers> Facts::evaluate(Value value, Type elem) {
  if (!isIntegerType(elem) && !isFloatType(elem))
    return std::nullopt;
  Operation *op = value.getDefiningOp();
  std::optional<int64_t> count = staticCount(value);
  std::optional<Numbers> numbers;
  if (op)
    numbers = Evaluator(*this).evaluateOp(op, value, elem);
  if (numbers && (int64_t(numbers->size()) > maxElements ||
                  (count && *count != int64_t(numbers->size()))))
    numbers.reset();
  if (numbers)
    for (Number &n : *numbers)
      n = wrapped(n, elem);
  else if (count)
    numbers = Numbers(*count);
  return numbers;
}

std::optional<SmallVector<KnownInt>> getKnownElements(Value value) {
  auto type = dyn_cast<TensorType>(value.getType());
  if (!type || !isIntegerType(type.getElementType()))
    return std::nullopt;
  CurrentFacts facts;
  std::optional<Numbers> numbers = facts->numbers(value);
  if (!numbers)
    return std::nullopt;
  SmallVector<KnownInt> elements;
  for (const Number &n : *numbers) {
    KnownInt element;
    if (n.known)
      element.value = n.i;
    else
      element.dimOf = n.dimOf, element.dim = n.dim;
    elements.push_back(element);
  }
  return elements;
}

std::optional<SmallVector<int64_t>> getKnownInts(Value value) {
  std::optional<SmallVector<KnownInt>> elements = getKnownElements(value);
  if (!elements)
    return std::nullopt;
  SmallVector<int64_t> ints;
  for (const KnownInt &element : *elements)
    ints.push_back(!element.value                        ? ShapedType::kDynamic
                   : *element.value == ShapedType::kDynamic ? *element.value + 1
                                                            : *element.value);
  return ints;
}

std::optional<SmallVector<int64_t>> getStaticInts(Value value) {
  std::optional<SmallVector<int64_t>> ints = getKnownInts(value);
  if (!ints || llvm::any_of(*ints, ShapedType::isDynamic))
    return std::nullopt;
  return ints;
}

std::optional<int64_t> getStaticInt(Value value) {
  std::optional<SmallVector<int64_t>> ints = getStaticInts(value);
  if (!ints || ints->size() != 1)
    return std::nullopt;
  return ints->front();
}

std::optional<SmallVector<double>> getStaticFloats(Value value) {
  auto type = dyn_cast<TensorType>(value.getType());
  if (!type || !isFloatType(type.getElementType()))
    return std::nullopt;
  CurrentFacts facts;
  std::optional<Numbers> numbers = facts->numbers(value);
  if (!numbers)
    return std::nullopt;
  SmallVector<double> floats;
  for (const Number &n : *numbers) {
    if (!n.known)
      return std::nullopt;
    floats.push_back(n.f);
  }
  return floats;
}

} // namespace onnxc::onnx
