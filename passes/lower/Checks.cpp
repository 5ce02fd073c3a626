// The vocabulary of lowerings: checks in the run.
#include "dialects/onnx/Constraints.h"
#include "dialects/rt/NodeName.h"
#include "dialects/rt/Rt.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using P = arith::CmpIPredicate;

namespace onnxc::lower {

void Lowering::check(Value ok, int status, const Twine &what, Value got, Value wanted) {
  if (matchPattern(ok, m_NonZero()))
    return;
  auto number = [&](Value v) { return !v ? c64(*this, 0) : v.getType().isIndex() ? dim64(*this, v) : v; };
  std::string name = currentOp ? nodeName(loc()) : "";
  std::string who = subject;
  if (currentOp)
    who = ("node '" + shownName(name) + "' (" + currentOp->getName().stripDialect() + "): ").str();
  auto op = rt::CheckOp::create(b, loc(), ok, number(got), number(wanted), status, name, (who + what).str());
  if (!matchPattern(ok, m_Zero()) || !isa<func::FuncOp>(op->getParentOp()))
    return;
  std::string message = rt::messageOf(op).substr(who.size()); // the report adds who it is
  if (currentOp)
    (void)fail(currentOp, message);
  else
    unsupported.push_back({"output", "Output", who + message});
  op.erase();
}

void Lowering::checkConstraints(Operation *op) {
  using Relation = onnx::SizeConstraint::Relation;
  // A number, or null where lowering looks at it later: an element of a shape operand.
  auto number = [&](const onnx::Size &size) -> Value {
    if (!size.tensor)
      return ShapedType::isDynamic(size.constant) ? Value() : c64(*this, size.constant);
    Value tensor = get(size.tensor);
    // What a loop carries may begin with fewer dims than its body declares.
    return tensor && size.dim < rank(tensor) ? mul64(*this, dim64(*this, dim(tensor, size.dim)), c64(*this, size.factor)) : Value();
  };
  auto place = [&](const onnx::Size &size) -> std::string {
    for (auto [i, v] : llvm::enumerate(op->getOperands()))
      if (v == size.tensor)
        return "dim " + std::to_string(size.dim) + " of " + operandName(op, unsigned(i));
    return "";
  };
  for (const onnx::SizeConstraint &c : onnx::undecidedConstraints(op)) {
    Value got = number(c.got), wanted = number(c.wanted), one = c64(*this, 1);
    if (!got || !wanted)
      continue;
    Value ok = cmp64(*this, c.relation == Relation::AtMost ? P::sle : P::eq, got, wanted);
    bool orOne = c.relation == Relation::Broadcast || c.relation == Relation::BroadcastTo;
    if (orOne)
      ok = b.createOrFold<arith::OrIOp>(loc(), ok, cmp64(*this, P::eq, got, one));
    if (c.relation == Relation::Broadcast)
      ok = b.createOrFold<arith::OrIOp>(loc(), ok, cmp64(*this, P::eq, wanted, one));
    std::string mine = place(c.got), theirs = place(c.wanted);
    check(ok, ONNXC_SHAPE_MISMATCH,
          Twine(c.what) + (mine.empty() ? "" : " (" + mine + ")") + ": got " + Twine(rt::kGot) +
              (orOne ? ", wanted 1 or " : c.relation == Relation::AtMost ? ", wanted at most " : ", wanted ") + Twine(rt::kWanted) +
              (theirs.empty() ? "" : " as " + theirs),
          got, wanted);
  }
}

void Lowering::checkEqual(OpFoldResult got, OpFoldResult wanted, const Twine &what) {
  if (got == wanted)
    return;
  Value g = dim64(*this, got), w = dim64(*this, wanted);
  check(cmp64(*this, P::eq, g, w), ONNXC_SHAPE_MISMATCH, what + ": got " + Twine(rt::kGot) + ", wanted " + Twine(rt::kWanted), g, w);
}

void Lowering::checkBetween(Value got, int64_t low, OpFoldResult high, const Twine &what, int status) {
  Value least = c64(*this, low), most = dim64(*this, high);
  Value ok = b.createOrFold<arith::AndIOp>(loc(), cmp64(*this, P::sge, got, least), cmp64(*this, P::sle, got, most));
  check(ok, status, what + ": got " + Twine(rt::kGot) + ", wanted " + Twine(low) + " to " + Twine(rt::kWanted), got, most);
}

void Lowering::checkSizes(ArrayRef<Value> sizes, const Twine &what, int64_t low) {
  for (auto [i, v] : llvm::enumerate(sizes))
    checkBetween(v, low, idx(mostElements()), "element " + Twine(i) + " of " + what, ONNXC_SHAPE_MISMATCH);
}

void Lowering::checkAxes(ArrayRef<Value> axes, int64_t rank, const Twine &what) {
  for (Value a : axes)
    checkBetween(a, -rank, idx(rank - 1), what + " (axes)", ONNXC_SHAPE_MISMATCH);
  if (llvm::all_of(axes, [](Value a) { return known64(a).has_value(); }))
    return;
  for (int64_t d = 0; axes.size() > 1 && d < rank; ++d) {
    Value times = c64(*this, 0), one = c64(*this, 1), axis = c64(*this, d);
    for (Value a : axes)
      times = add64(*this, times, select64(*this, isAxis(*this, a, d, rank), one, c64(*this, 0)));
    check(cmp64(*this, P::sle, times, one), ONNXC_SHAPE_MISMATCH, what + " (axes): got an axis twice, " + Twine(rt::kGot), axis);
  }
}

Value Lowering::productOf(ArrayRef<OpFoldResult> dims, Value &fits) {
  int64_t known = 1;
  bool over = false;
  Values factors;
  for (OpFoldResult d : dims) {
    if (auto n = staticDim(d))
      over |= llvm::MulOverflow(known, *n, known);
    else
      factors.push_back(dim64(*this, d));
  }
  fits = arith::ConstantOp::create(b, loc(), b.getBoolAttr(!over));
  Value product = c64(*this, known), zero = c64(*this, 0);
  for (auto [i, factor] : llvm::enumerate(factors)) {
    if (i == 0 && known == 1) {
      product = factor;
      continue;
    }
    auto wide = arith::MulUIExtendedOp::create(b, loc(), product, factor);
    product = wide.getLow();
    fits = b.createOrFold<arith::AndIOp>(loc(), fits, cmp64(*this, P::eq, wide.getHigh(), zero));
  }
  if (!factors.empty())
    fits = b.createOrFold<arith::AndIOp>(loc(), fits, cmp64(*this, P::ule, product, c64(*this, mostElements())));
  return product;
}

Dims Lowering::refine(Dims computed, Operation *op, unsigned i) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(i).getType());
  if (!type || type.getRank() != int64_t(computed.size()))
    return computed;
  for (auto [d, n] : llvm::enumerate(type.getShape()))
    if (!ShapedType::isDynamic(n)) {
      checkEqual(computed[d], idx(n), "dim " + Twine(d) + " of the result");
      computed[d] = idx(n);
    }
  return computed;
}

void Lowering::checkElements(Value tensor, Value low, Value count, int status, const Twine &what, const Twine &wanted, Value number) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Type elem = type.getElementType(), i64 = b.getI64Type();
  std::string text = (what + ": got " + Twine(rt::kGot) + ", wanted " + wanted).str();
  auto wide = [&](OpBuilder &nb, Location nl, Value v) { return elem == i64 ? v : nb.createOrFold<arith::ExtSIOp>(nl, i64, v); };
  if (knownAsScalars(tensor) || (type.hasStaticShape() && type.getNumElements() == 1)) {
    for (Value v : type.hasStaticShape() && type.getRank() > 1 ? Values{scalarOf(*this, tensor)} : elements(*this, tensor)) {
      v = wide(b, loc(), v);
      check(cmp64(*this, P::ult, sub64(*this, v, low), count), status, text, v, number);
    }
    return;
  }
  // Counted from `low`, as unsigned numbers: the largest is of the worst element, whichever side it is on.
  Value worst = reduce(tensor, elem, llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())), i64, c64(*this, 0),
                       [&](OpBuilder &nb, Location nl, ValueRange v) -> Value {
                         Value from = arith::SubIOp::create(nb, nl, wide(nb, nl, v[0]), low);
                         return arith::MaxUIOp::create(nb, nl, from, v[1]);
                       });
  Value top = scalarOf(*this, worst);
  Value none = cmp64(*this, P::eq, dim64(*this, product(dims(tensor))), c64(*this, 0));
  Value ok = b.createOrFold<arith::OrIOp>(loc(), cmp64(*this, P::ult, top, count), none);
  check(ok, status, text, add64(*this, top, low), number);
}

void Lowering::checkReadable(OpFoldResult dim, ArrayRef<OpFoldResult> read, const Twine &what) {
  Value zero = c64(*this, 0), ok = cmp64(*this, P::ne, dim64(*this, dim), zero);
  for (OpFoldResult d : read)
    ok = b.createOrFold<arith::OrIOp>(loc(), ok, cmp64(*this, P::eq, dim64(*this, d), zero));
  check(ok, ONNXC_INDEX_OUT_OF_RANGE, what + ": got no elements to read from");
}

void Lowering::checkIndices(Value indices, OpFoldResult dim, const Twine &what) {
  if (options.clampIndices)
    return checkReadable(dim, dims(indices), what);
  Value limit = dim64(*this, dim);
  checkElements(indices, sub64(*this, c64(*this, 0), limit), add64(*this, limit, limit), ONNXC_INDEX_OUT_OF_RANGE, what,
                "an index into " + Twine(rt::kWanted) + " elements", limit);
}

std::string Lowering::operandName(Operation *op, unsigned i) {
  auto arg = i < op->getNumOperands() ? dyn_cast<BlockArgument>(op->getOperand(i)) : BlockArgument();
  auto func = arg ? dyn_cast<func::FuncOp>(arg.getOwner()->getParentOp()) : func::FuncOp();
  if (func)
    if (auto name = func.getArgAttrOfType<StringAttr>(arg.getArgNumber(), "onnx.name"))
      return "input '" + shownName(name) + "'";
  return "input " + std::to_string(i);
}

std::string Lowering::nameOf(Value lowered) {
  if (currentOp)
    for (auto [i, operand] : llvm::enumerate(currentOp->getOperands()))
      if (get(operand) == lowered)
        return operandName(currentOp, unsigned(i));
  return "an operand";
}

} // namespace onnxc::lower
