//===- Constraints.cpp - what operands must have in common ---------------===//
//
// See Constraints.h. Undecided constraints are written down only while
// undecidedConstraints runs a rule; inference runs rules often and wants none.
//
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"

#include "mlir/IR/Diagnostics.h"

using namespace mlir;

namespace onnxc::onnx {

using Relation = SizeConstraint::Relation;

// Where constraints go that the types leave open; null when no one asks.
static thread_local SmallVector<SizeConstraint> *undecided = nullptr;

//===-- Sizes

Size Size::of(const KnownInt &element) {
  if (element.value) // INT64_MIN would mean an unknown number
    return of(std::max<int64_t>(*element.value, -INT64_MAX));
  return element.dimOf ? of(element.dimOf, element.dim) : of(kDynamic);
}

int64_t Size::value() const {
  if (!tensor)
    return constant;
  return mulDims(rankedType(tensor).getDimSize(dim), factor);
}

Sizes sizesOf(Value tensor) {
  Sizes sizes;
  for (int64_t k = 0, rank = rankedType(tensor).getRank(); k < rank; ++k)
    sizes.push_back(Size::of(tensor, k));
  return sizes;
}

// Whether both are always one number, whatever it is.
static bool alwaysEqual(const Size &a, const Size &b) {
  if (!a.tensor || !b.tensor || a.factor != b.factor)
    return false;
  return getKnownDim(a.tensor, a.dim).sameAs(getKnownDim(b.tensor, b.dim));
}

// Writes down what the types do not decide.
static void leaveOpen(Size got, Size wanted, Relation relation,
                      const Twine &what) {
  if (!undecided)
    return;
  for (Size *size : {&got, &wanted})
    if (size->tensor && !isDynamic(size->value()))
      *size = Size::of(size->value());
    else if (!size->tensor && isDynamic(size->constant))
      return; // no dim to look at; the lowering of the op knows the number
  if (!alwaysEqual(got, wanted))
    undecided->push_back({got, wanted, relation, what.str()});
}

SmallVector<SizeConstraint> undecidedConstraints(Operation *op) {
  SmallVector<SizeConstraint> found;
  auto rule = dyn_cast<InferShapes>(op);
  if (!rule)
    return found;
  ScopedDiagnosticHandler silent(op->getContext(),
                                 [](Diagnostic &) { return success(); });
  SmallVector<Type> types(op->getResultTypes());
  auto *outer = std::exchange(undecided, &found);
  LogicalResult result = rule.inferShapes(types);
  undecided = outer;
  if (failed(result))
    found.clear();
  return found;
}

//===-- Dims

FailureOr<int64_t> sameDim(Operation *op, Size got, Size wanted,
                           const Twine &what) {
  int64_t a = got.value(), b = wanted.value();
  if (isDynamic(a) || isDynamic(b)) {
    leaveOpen(got, wanted, Relation::Equal, what);
    return isDynamic(a) ? b : a;
  }
  if (a == b)
    return a;
  return op->emitOpError() << what << ": got " << a << ", wanted " << b;
}

LogicalResult broadcastsTo(Operation *op, Size got, Size wanted,
                           const Twine &what) {
  int64_t a = got.value(), b = wanted.value();
  if (a == 1 || a == b) {
    if (isDynamic(a))
      leaveOpen(got, wanted, Relation::BroadcastTo, what);
    return success();
  }
  if (isDynamic(a) || isDynamic(b)) {
    leaveOpen(got, wanted, Relation::BroadcastTo, what);
    return success();
  }
  return op->emitOpError() << what << ": got " << a << ", wanted " << b
                           << (b == 1 ? "" : " or 1");
}

LogicalResult atMost(Operation *op, Size got, Size wanted, const Twine &what) {
  int64_t a = got.value(), b = wanted.value();
  if (isDynamic(a) || isDynamic(b)) {
    if (a != 0)
      leaveOpen(got, wanted, Relation::AtMost, what);
    return success();
  }
  if (a <= b)
    return success();
  return op->emitOpError() << what << ": got " << a << ", wanted at most " << b;
}

// The open dims among those that meet in one dim of a broadcast: each against
// the size that is known, or against each other.
static void leaveBroadcastOpen(ArrayRef<std::pair<Size, unsigned>> meeting,
                               int64_t dim, int64_t known) {
  SmallVector<std::pair<Size, unsigned>> distinct;
  for (auto [size, operand] : meeting) {
    if (!isDynamic(size.value()))
      continue;
    std::string what = ("dim " + Twine(dim) + " of operand #" + Twine(operand)).str();
    if (!isDynamic(known) && known != 1) {
      leaveOpen(size, Size::of(known), Relation::Broadcast, what);
      continue;
    }
    if (llvm::any_of(distinct, [&, &size = size](auto &other) {
          return alwaysEqual(size, other.first);
        }))
      continue;
    for (auto &other : distinct)
      leaveOpen(size, other.first, Relation::Broadcast,
                what + " against operand #" + Twine(other.second));
    distinct.emplace_back(size, operand);
  }
}

FailureOr<Dims> broadcastDims(Operation *op, ArrayRef<Sizes> shapes) {
  size_t rank = 0;
  for (const Sizes &shape : shapes)
    rank = std::max(rank, shape.size());
  Dims dims(rank, 1);
  for (const Sizes &shape : shapes) {
    size_t skip = rank - shape.size();
    for (size_t k = 0; k < shape.size(); ++k) {
      int64_t dim = shape[k].value(), &out = dims[skip + k];
      if (out == 1 || (dim != 1 && isDynamic(out)))
        out = dim;
      else if (dim != 1 && !isDynamic(dim) && dim != out)
        return op->emitOpError()
               << "operands do not broadcast: got dims " << out << " and "
               << dim << ", wanted equal dims or 1";
    }
  }
  if (!undecided)
    return dims;
  for (size_t k = 0; k < rank; ++k) {
    SmallVector<std::pair<Size, unsigned>> meeting;
    for (auto [index, shape] : llvm::enumerate(shapes))
      if (size_t skip = rank - shape.size(); k >= skip)
        meeting.emplace_back(shape[k - skip], unsigned(index));
    leaveBroadcastOpen(meeting, int64_t(k), dims[k]);
  }
  return dims;
}

FailureOr<std::optional<Dims>> broadcastShapes(Operation *op,
                                               ValueRange values) {
  SmallVector<Sizes> shapes;
  bool ranked = true;
  for (Value value : values)
    if (rankedType(value))
      shapes.push_back(sizesOf(value));
    else
      ranked = false;
  FailureOr<Dims> dims = broadcastDims(op, shapes);
  if (failed(dims))
    return failure();
  return ranked ? std::optional<Dims>(std::move(*dims)) : std::nullopt;
}

//===-- Operands

LogicalResult wantRank(Operation *op, Value operand, int64_t least,
                       int64_t most, const Twine &name) {
  RankedTensorType type = isPresent(operand) ? rankedType(operand) : nullptr;
  if (!type || (type.getRank() >= least && type.getRank() <= most))
    return success();
  InFlightDiagnostic error = op->emitOpError()
                             << "rank of " << name << ": got "
                             << type.getRank() << ", wanted " << least;
  if (most == INT64_MAX)
    error << " or more";
  else if (most > least)
    error << " to " << most;
  return error;
}

LogicalResult wantShape(Operation *op, Value operand, ArrayRef<Size> dims,
                        const Twine &name) {
  if (!isPresent(operand) || !rankedType(operand))
    return success();
  if (failed(wantRank(op, operand, int64_t(dims.size()), name)))
    return failure();
  for (auto [k, wanted] : llvm::enumerate(dims))
    if (failed(sameDim(op, Size::of(operand, int64_t(k)), wanted,
                       "dim " + Twine(k) + " of " + name)))
      return failure();
  return success();
}

LogicalResult wantVector(Operation *op, Value operand, Size length,
                         const Twine &name) {
  if (!isPresent(operand) || !rankedType(operand))
    return success();
  if (failed(wantRank(op, operand, 1, name)))
    return failure();
  return LogicalResult(
      sameDim(op, Size::of(operand, 0), length, "length of " + name));
}

LogicalResult wantScalar(Operation *op, Value operand, const Twine &name) {
  RankedTensorType type = isPresent(operand) ? rankedType(operand) : nullptr;
  if (!type || type.getRank() == 0)
    return success();
  if (failed(wantRank(op, operand, 0, 1, name)))
    return failure();
  return LogicalResult(sameDim(op, Size::of(operand, 0), Size::of(1),
                               "number of elements of " + name));
}

LogicalResult wantBroadcastTo(Operation *op, Value operand,
                              ArrayRef<Size> target, const Twine &name) {
  RankedTensorType type = isPresent(operand) ? rankedType(operand) : nullptr;
  if (!type)
    return success();
  int64_t skip = int64_t(target.size()) - type.getRank();
  if (skip < 0)
    return op->emitOpError() << "rank of " << name << ": got "
                             << type.getRank() << ", wanted at most "
                             << target.size();
  for (int64_t k = 0; k < type.getRank(); ++k)
    if (failed(broadcastsTo(op, Size::of(operand, k), target[skip + k],
                            "dim " + Twine(k) + " of " + name)))
      return failure();
  return success();
}

LogicalResult wantSameShape(Operation *op, Value operand, Value like,
                            const Twine &name) {
  if (!isPresent(operand) || !isPresent(like) || !rankedType(like))
    return success();
  return wantShape(op, operand, sizesOf(like), name);
}

LogicalResult wantIntRange(Operation *op, Value operand, int64_t least,
                           int64_t most, const Twine &name) {
  if (!isPresent(operand))
    return success();
  std::optional<int64_t> known = getStaticInt(operand);
  return known ? wantRange(op, *known, least, most, name) : success();
}

//===-- Attributes

LogicalResult wantRange(Operation *op, int64_t got, int64_t least, int64_t most,
                        const Twine &name) {
  if (got >= least && got <= most)
    return success();
  InFlightDiagnostic error =
      op->emitOpError() << name << ": got " << got << ", wanted ";
  if (got < least)
    return error << least << " or more";
  return error << "at most " << most;
}

LogicalResult wantAttrRange(Operation *op, StringRef name, int64_t least,
                            int64_t most) {
  if (auto number = op->getAttrOfType<IntegerAttr>(name))
    return wantRange(op, number.getInt(), least, most, name);
  if (auto list = op->getAttrOfType<DenseI64ArrayAttr>(name))
    for (int64_t entry : list.asArrayRef())
      if (failed(wantRange(op, entry, least, most, name)))
        return failure();
  return success();
}

LogicalResult wantAttrLength(Operation *op, StringRef name, int64_t length) {
  auto list = op->getAttrOfType<DenseI64ArrayAttr>(name);
  if (!list || list.size() == length)
    return success();
  return op->emitOpError() << "length of " << name << ": got " << list.size()
                           << ", wanted " << length;
}

LogicalResult wantAttrWord(Operation *op, StringRef name,
                           ArrayRef<StringRef> words) {
  auto attr = op->getAttrOfType<StringAttr>(name);
  if (!attr || llvm::is_contained(words, attr.getValue()))
    return success();
  InFlightDiagnostic error = op->emitOpError()
                             << name << ": got '" << attr.getValue()
                             << "', wanted ";
  for (auto [k, word] : llvm::enumerate(words))
    error << (k == 0 ? "" : k + 1 == words.size() ? " or " : ", ") << word;
  return error;
}

LogicalResult wantAttrType(Operation *op, StringRef name, int64_t absent) {
  auto number = op->getAttrOfType<IntegerAttr>(name);
  bool isAbsent = number && absent != -1 && number.getInt() == absent;
  if (!number || isAbsent ||
      elementTypeFromOnnx(op->getContext(), number.getInt()))
    return success();
  return op->emitOpError() << "attribute '" << name << "': got "
                           << number.getInt()
                           << ", wanted a TensorProto.DataType";
}

FailureOr<int64_t> checkAxis(Operation *op, int64_t axis, int64_t rank,
                             StringRef name) {
  if (axis < -rank || axis >= rank)
    return op->emitOpError() << name << ": got " << axis << ", wanted " << -rank
                             << " to " << rank - 1 << " for rank " << rank;
  return axis < 0 ? axis + rank : axis;
}

FailureOr<Dims> checkAxes(Operation *op, ArrayRef<int64_t> axes, int64_t rank,
                          StringRef name) {
  Dims checked;
  for (int64_t axis : axes) {
    FailureOr<int64_t> normal = checkAxis(op, axis, rank, name);
    if (failed(normal))
      return failure();
    if (llvm::is_contained(checked, *normal))
      return op->emitOpError() << name << ": got " << *normal
                               << " twice, wanted distinct axes";
    checked.push_back(*normal);
  }
  return checked;
}

} // namespace onnxc::onnx
