//===- ShapeRules.cpp - shape rules that several ops share ---------------===//
//
// Elementwise, broadcasting and reducing ops, softmax and matrix products. See
// ShapeRules.h; the windowed ones are in InferWindow.cpp.
//
#include "dialects/onnx/Constraints.h"
#include "dialects/onnx/KnownValues.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace onnxc::onnx {

LogicalResult inferLikeOperand(Operation *op, TypeList &types) {
  types[0] = op->getOperand(0).getType();
  return success();
}

static LogicalResult broadcastTo(Operation *op, Type elem, TypeList &types) {
  if (op->getNumOperands() == 0)
    return op->emitOpError("got no operand, wanted at least one");
  FailureOr<std::optional<Dims>> dims = broadcastShapes(op, op->getOperands());
  if (failed(dims))
    return failure();
  types[0] = *dims ? tensorOf(elem, **dims) : unrankedOf(elem);
  return success();
}

LogicalResult inferBroadcast(Operation *op, TypeList &types) {
  if (op->getNumOperands() == 0)
    return op->emitOpError("got no operand, wanted at least one");
  return broadcastTo(op, getElementTypeOrSelf(op->getOperand(0)), types);
}

LogicalResult inferPredicate(Operation *op, TypeList &types) {
  return broadcastTo(op, IntegerType::get(op->getContext(), 1), types);
}

LogicalResult ClipOp::inferShapes(TypeList &types) {
  types[0] = getInput().getType();
  return success(succeeded(wantScalar(*this, getMin(), "min")) &&
                 succeeded(wantScalar(*this, getMax(), "max")));
}

LogicalResult WhereOp::inferShapes(TypeList &types) {
  return broadcastTo(*this, getElementTypeOrSelf(getX()), types);
}

LogicalResult inferReduction(Operation *op, TypeList &types) {
  Value data = op->getOperand(0), axes = op->getOperand(1);
  bool keep = intAttr(op, "keepdims", 1) != 0;
  bool noop = intAttr(op, "noop_with_empty_axes", 0) != 0;
  RankedTensorType type = rankedType(data);
  Type elem = getElementTypeOrSelf(data);
  types[0] = unrankedOf(elem);
  if (failed(wantRank(op, axes, 0, 1, "axes")))
    return failure();
  if (!type)
    return success();

  int64_t rank = type.getRank();
  std::optional<Dims> listed;
  if (isPresent(axes))
    listed = getKnownInts(axes);
  else
    listed = Dims();
  // Computed axes: the rank is known if dims stay or the number is known.
  if (!listed || llvm::any_of(*listed, isDynamic)) {
    if (keep)
      types[0] = tensorOf(elem, Dims(rank, kDynamic));
    else if (listed && !listed->empty() && int64_t(listed->size()) <= rank)
      types[0] = tensorOf(elem, Dims(rank - listed->size(), kDynamic));
    return success();
  }
  if (listed->empty() && noop) {
    types[0] = type;
    return success();
  }
  SmallVector<bool> reduced(rank, listed->empty());
  for (int64_t axis : *listed) {
    FailureOr<int64_t> checked = checkAxis(op, axis, rank, "axes");
    if (failed(checked))
      return failure();
    reduced[*checked] = true;
  }
  Dims dims;
  for (int64_t k = 0; k < rank; ++k) {
    if (!reduced[k])
      dims.push_back(type.getDimSize(k));
    else if (keep)
      dims.push_back(1);
  }
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult inferArgReduction(Operation *op, TypeList &types) {
  Type elem = IntegerType::get(op->getContext(), 64);
  RankedTensorType type = rankedType(op->getOperand(0));
  types[0] = unrankedOf(elem);
  if (!type)
    return success();
  FailureOr<int64_t> axis =
      checkAxis(op, intAttr(op, "axis", 0), type.getRank());
  if (failed(axis))
    return failure();
  Dims dims(type.getShape());
  if (intAttr(op, "keepdims", 1) != 0)
    dims[*axis] = 1;
  else
    dims.erase(dims.begin() + *axis);
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult inferCumulative(Operation *op, TypeList &types) {
  types[0] = op->getOperand(0).getType();
  RankedTensorType type = rankedType(op->getOperand(0));
  if (failed(wantScalar(op, op->getOperand(1), "axis")) ||
      failed(wantAttrRange(op, "exclusive", 0, 1)) ||
      failed(wantAttrRange(op, "reverse", 0, 1)))
    return failure();
  std::optional<int64_t> axis = getStaticInt(op->getOperand(1));
  if (!type || !axis)
    return success();
  return LogicalResult(checkAxis(op, *axis, type.getRank()));
}

//===-- Matrix products

// A scale or zero point of a matrix: one value, a vector with one per row (or
// column) `lines`, or one that broadcasts to the matrix.
static LogicalResult wantPerLine(Operation *op, Value parameter, Value matrix,
                                 Size lines, StringRef name) {
  if (!isPresent(parameter) || !rankedType(parameter) || !rankedType(matrix))
    return success();
  if (rankedType(parameter).getRank() == 1)
    return broadcastsTo(op, Size::of(parameter, 0), lines, "length of " + name);
  return wantBroadcastTo(op, parameter, sizesOf(matrix), name);
}

// The parameters of quantised products; those of the result go by its rows.
static LogicalResult wantProductParameters(Operation *op, Value a, Value b,
                                           Size rows, Size columns) {
  auto wantAll = [&](ArrayRef<std::pair<Value, StringRef>> list, Value matrix,
                     Size lines) {
    for (auto [value, name] : list)
      if (failed(wantPerLine(op, value, matrix, lines, name)))
        return failure();
    return success();
  };
  if (auto integer = dyn_cast<MatMulIntegerOp>(op))
    return success(
        succeeded(wantAll({{integer.getAZeroPoint(), "a_zero_point"}}, a, rows)) &&
        succeeded(wantAll({{integer.getBZeroPoint(), "b_zero_point"}}, b, columns)));
  auto quantized = dyn_cast<QLinearMatMulOp>(op);
  if (!quantized)
    return success();
  return success(
      succeeded(wantAll({{quantized.getAScale(), "a_scale"},
                         {quantized.getAZeroPoint(), "a_zero_point"},
                         {quantized.getYScale(), "y_scale"},
                         {quantized.getYZeroPoint(), "y_zero_point"}},
                        a, rows)) &&
      succeeded(wantAll({{quantized.getBScale(), "b_scale"},
                         {quantized.getBZeroPoint(), "b_zero_point"}},
                        b, columns)));
}

LogicalResult inferMatMul(Operation *op, TypeList &types) {
  Value a = op->getOperand(0), b = op->getOperand(1);
  Type elem = getElementTypeOrSelf(a);
  if (auto quantized = dyn_cast<QLinearMatMulOp>(op)) {
    b = quantized.getB();
    elem = getElementTypeOrSelf(quantized.getYZeroPoint());
  } else if (isa<MatMulIntegerOp>(op)) {
    elem = IntegerType::get(op->getContext(), 32);
  }
  RankedTensorType typeA = rankedType(a), typeB = rankedType(b);
  types[0] = unrankedOf(elem);
  if (!typeA || !typeB)
    return success();
  if (failed(wantRank(op, a, 1, INT64_MAX, "the first matrix")) ||
      failed(wantRank(op, b, 1, INT64_MAX, "the second matrix")))
    return failure();

  // A vector is a row on the left and a column on the right.
  Dims dimsA(typeA.getShape()), dimsB(typeB.getShape());
  bool rowA = dimsA.size() == 1, columnB = dimsB.size() == 1;
  if (rowA)
    dimsA.insert(dimsA.begin(), 1);
  if (columnB)
    dimsB.push_back(1);
  int64_t rankA = typeA.getRank(), rankB = typeB.getRank();
  if (failed(sameDim(op, Size::of(b, columnB ? 0 : rankB - 2),
                     Size::of(a, rankA - 1), "rows of the second operand")))
    return failure();
  if (failed(wantProductParameters(
          op, a, b, rowA ? Size::of(1) : Size::of(a, rankA - 2),
          columnB ? Size::of(1) : Size::of(b, rankB - 1))))
    return failure();
  Sizes batchA = sizesOf(a), batchB = sizesOf(b);
  batchA.pop_back_n(rowA ? 1 : 2);
  batchB.pop_back_n(columnB ? 1 : 2);
  FailureOr<Dims> dims = broadcastDims(op, {batchA, batchB});
  if (failed(dims))
    return failure();
  if (!rowA)
    dims->push_back(dimsA[dimsA.size() - 2]);
  if (!columnB)
    dims->push_back(dimsB.back());
  types[0] = tensorOf(elem, *dims);
  return success();
}

LogicalResult GemmOp::inferShapes(TypeList &types) {
  RankedTensorType a = rankedType(getA()), b = rankedType(getB());
  Type elem = getElementTypeOrSelf(getA());
  Dims dims(2, kDynamic);
  if (failed(wantRank(*this, getA(), 2, "A")) ||
      failed(wantRank(*this, getB(), 2, "B")) ||
      failed(wantRank(*this, getC(), 0, 2, "C")))
    return failure();
  bool transA = getTransA() != 0, transB = getTransB() != 0;
  if (a)
    dims[0] = a.getDimSize(transA ? 1 : 0);
  if (b)
    dims[1] = b.getDimSize(transB ? 0 : 1);
  if (a && b) {
    Size product[] = {Size::of(getA(), transA ? 1 : 0),
                      Size::of(getB(), transB ? 0 : 1)};
    if (failed(sameDim(*this, Size::of(getB(), transB ? 1 : 0),
                       Size::of(getA(), transA ? 0 : 1), "inner dim of B")) ||
        failed(wantBroadcastTo(*this, getC(), product, "C")))
      return failure();
  }
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult DetOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getX());
  if (!type)
    return success();
  int64_t rank = type.getRank();
  if (failed(wantRank(*this, getX(), 2, INT64_MAX, "X")) ||
      failed(sameDim(*this, Size::of(getX(), rank - 1),
                     Size::of(getX(), rank - 2), "columns of X")))
    return failure();
  types[0] = tensorOf(type.getElementType(), type.getShape().drop_back(2));
  return success();
}

//===-- Einsum

// Terms of the equation without spaces; "..." becomes '.', which alone becomes
// '?'.
static void splitEquation(StringRef equation, SmallVectorImpl<std::string> &in,
                          std::optional<std::string> &out) {
  std::string text;
  for (size_t k = 0; k < equation.size(); ++k) {
    if (equation[k] == ' ')
      continue;
    if (equation.substr(k).starts_with("...")) {
      text += '.';
      k += 2;
    } else {
      text += equation[k] == '.' ? '?' : equation[k];
    }
  }
  StringRef left = text, right;
  size_t arrow = left.find("->");
  if (arrow != StringRef::npos) {
    right = left.substr(arrow + 2);
    left = left.substr(0, arrow);
    out = right.str();
  }
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  for (StringRef term : terms)
    in.push_back(term.str());
}

LogicalResult EinsumOp::verify() {
  SmallVector<std::string> terms;
  std::optional<std::string> out;
  splitEquation(getEquation(), terms, out);
  if (terms.size() != getInputs().size())
    return emitOpError() << "terms in equation '" << getEquation()
                         << "': got " << terms.size() << ", wanted "
                         << getInputs().size();
  std::string labels;
  for (const std::string &term : terms)
    labels += term;
  terms.push_back(out.value_or(""));
  for (const std::string &term : terms)
    if (StringRef(term).count('.') > 1 ||
        !llvm::all_of(term, [](char c) { return c == '.' || llvm::isAlpha(c); }))
      return emitOpError() << "equation '" << getEquation() << "': got the term '"
                           << term << "', wanted letters and at most one '...'";
  for (char c : out.value_or(""))
    if (c != '.' && (StringRef(labels).count(c) == 0 || StringRef(*out).count(c) > 1))
      return emitOpError() << "equation '" << getEquation() << "': got '"
                           << std::string(1, c) << "' in the result, wanted a "
                           << "letter of the operands, once";
  return success();
}

LogicalResult EinsumOp::inferShapes(TypeList &types) {
  SmallVector<std::string> terms;
  std::optional<std::string> out;
  splitEquation(getEquation(), terms, out);
  Type elem = getElementTypeOrSelf(getInputs().front());
  int64_t labelDim[128];
  unsigned uses[128] = {};
  std::fill(std::begin(labelDim), std::end(labelDim), 1);
  SmallVector<Sizes> ellipses;
  std::vector<Sizes> labels(128); // the dims that each label stands for
  for (auto [term, input] : llvm::zip(terms, getInputs())) {
    RankedTensorType type = rankedType(input);
    if (!type) {
      types[0] = unrankedOf(elem);
      return success();
    }
    int64_t rest = type.getRank() - int64_t(term.size());
    bool hasEllipsis = StringRef(term).contains('.');
    if (hasEllipsis ? rest + 1 < 0 : rest != 0)
      return emitOpError() << "operand rank: got " << type.getRank()
                           << ", wanted " << term.size() << " for term '"
                           << term << "'";
    int64_t dim = 0;
    for (char c : term) {
      if (c == '.') {
        Sizes all = sizesOf(input);
        ellipses.emplace_back(all.begin() + dim, all.begin() + dim + rest + 1);
        dim += rest + 1;
        continue;
      }
      int64_t &known = labelDim[c & 127];
      labels[c & 127].push_back(Size::of(input, dim));
      int64_t size = type.getDimSize(dim++);
      ++uses[c & 127];
      if (known == 1 || (isDynamic(known) && size != 1))
        known = size;
      else if (!isDynamic(size) && size != 1 && size != known)
        return emitOpError() << "dim '" << std::string(1, c) << "': got "
                             << size << ", wanted " << known;
    }
  }
  FailureOr<Dims> ellipsis = broadcastDims(*this, ellipses);
  if (failed(ellipsis))
    return failure();
  for (const Sizes &label : labels) {
    SmallVector<Sizes> meeting;
    for (const Size &size : label)
      meeting.push_back({size});
    if (meeting.size() > 1 && failed(broadcastDims(*this, meeting)))
      return failure();
  }
  if (!out) {
    // Without an arrow: the labels that occur once, in alphabetical order.
    out = ".";
    for (unsigned c = 'A'; c <= 'z'; ++c)
      if (uses[c] == 1)
        *out += char(c);
  }
  Dims dims;
  for (char c : *out) {
    if (c == '.')
      dims.append(*ellipsis);
    else
      dims.push_back(labelDim[c & 127]);
  }
  types[0] = tensorOf(elem, dims);
  return success();
}

} // namespace onnxc::onnx
