//===- ShapeRules.cpp - shape rules that several ops share ---------------===//
//
// Elementwise, broadcasting and reducing ops, softmax and matrix products. See
// ShapeRules.h; the windowed ones are in InferWindow.cpp.
//
#include "dialects/onnx/KnownValues.h"
#include "dialects/onnx/ShapeUtils.h"

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

//===-- Matrix products

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
  if (typeA.getRank() == 0 || typeB.getRank() == 0)
    return op->emitOpError("got a scalar operand, wanted rank 1 or more");

  // A vector is a row on the left and a column on the right.
  Dims dimsA(typeA.getShape()), dimsB(typeB.getShape());
  bool rowA = dimsA.size() == 1, columnB = dimsB.size() == 1;
  if (rowA)
    dimsA.insert(dimsA.begin(), 1);
  if (columnB)
    dimsB.push_back(1);
  if (failed(sameDim(op, dimsA.back(), dimsB[dimsB.size() - 2],
                     "rows of the second operand")))
    return failure();
  FailureOr<Dims> dims =
      broadcastDims(op, ArrayRef<int64_t>(dimsA).drop_back(2),
                    ArrayRef<int64_t>(dimsB).drop_back(2));
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
  for (RankedTensorType type : {a, b})
    if (type && type.getRank() != 2)
      return emitOpError() << "operand rank: got " << type.getRank()
                           << ", wanted 2";
  bool transA = getTransA() != 0, transB = getTransB() != 0;
  if (a)
    dims[0] = a.getDimSize(transA ? 1 : 0);
  if (b)
    dims[1] = b.getDimSize(transB ? 0 : 1);
  if (a && b &&
      failed(sameDim(*this, a.getDimSize(transA ? 0 : 1),
                     b.getDimSize(transB ? 1 : 0), "inner dim of B")))
    return failure();
  if (RankedTensorType c = isPresent(getC()) ? rankedType(getC()) : nullptr)
    if (failed(broadcastDims(*this, dims, c.getShape())))
      return failure();
  types[0] = tensorOf(elem, dims);
  return success();
}

LogicalResult DetOp::inferShapes(TypeList &types) {
  RankedTensorType type = rankedType(getX());
  if (!type)
    return success();
  if (type.getRank() < 2)
    return emitOpError() << "operand rank: got " << type.getRank()
                         << ", wanted 2 or more";
  types[0] = tensorOf(type.getElementType(), type.getShape().drop_back(2));
  return success();
}

//===-- Einsum

// Terms of the equation without spaces; "..." becomes '.'.
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
      text += equation[k];
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
  Dims ellipsis;
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
        FailureOr<Dims> merged = broadcastDims(
            *this, ellipsis, type.getShape().slice(dim, rest + 1));
        if (failed(merged))
          return failure();
        ellipsis = std::move(*merged);
        dim += rest + 1;
        continue;
      }
      int64_t &known = labelDim[c & 127];
      int64_t size = type.getDimSize(dim++);
      ++uses[c & 127];
      if (known == 1 || (isDynamic(known) && size != 1))
        known = size;
      else if (!isDynamic(size) && size != 1 && size != known)
        return emitOpError() << "dim '" << std::string(1, c) << "': got "
                             << size << ", wanted " << known;
    }
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
      dims.append(ellipsis);
    else
      dims.push_back(labelDim[c & 127]);
  }
  types[0] = tensorOf(elem, dims);
  return success();
}

} // namespace onnxc::onnx
