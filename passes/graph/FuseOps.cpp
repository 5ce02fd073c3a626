// Recognises ops that exporters write as several:
//   LayerNormalization   from ReduceMean, Sub, Pow or Mul, ReduceMean, Add, Sqrt, Div[, Mul, Add]
//   Gelu                 from x / sqrt(2), Erf, + 1, * x, * 0.5 in any order of the products
#include "mlir/Pass/Pass.h"
#include "passes/graph/GraphPasses.h"
#include "passes/graph/GraphUtil.h"
#include <cmath>

using namespace mlir;

namespace onnxc {

using namespace graph;

namespace {

bool near(std::optional<double> v, double wanted) { return v && std::fabs(*v - wanted) < 1e-3 * std::fabs(wanted); }

/// The other operand of a commutative op when one is `v`.
Value otherThan(Operation *op, Value v) {
  return op->getOperand(0) == v ? op->getOperand(1) : op->getOperand(1) == v ? op->getOperand(0) : Value();
}

/// The operand that is not a constant of value `wanted`.
Value besideScalar(Operation *op, double wanted) {
  for (unsigned i : {0u, 1u})
    if (near(scalarOf(op->getOperand(i)), wanted))
      return op->getOperand(1 - i);
  return {};
}

/// Mean over trailing dims with dims kept; gives the first of them.
std::optional<int64_t> trailingMean(Operation *op) {
  auto type = op ? ranked(op->getOperand(0)) : RankedTensorType();
  if (!type || !is(op, "ReduceMean"))
    return std::nullopt;
  auto keep = op->getAttrOfType<IntegerAttr>("keepdims");
  auto axes = intsOf(constantOf(op->getOperand(1)));
  if ((keep && keep.getInt() == 0) || !axes || axes->empty())
    return std::nullopt;
  int64_t rank = type.getRank(), first = rank;
  for (int64_t a : *axes)
    first = std::min(first, a < 0 ? a + rank : a);
  if (rank - first != int64_t(axes->size()))
    return std::nullopt;
  return first;
}

/// x - mean(x) -> (x, first axis)
std::optional<std::pair<Value, int64_t>> centred(Value v) {
  Operation *sub = definedBy(v, "Sub");
  Operation *mean = sub ? definedBy(sub->getOperand(1), "ReduceMean") : nullptr;
  auto axis = trailingMean(mean);
  if (!axis || mean->getOperand(0) != sub->getOperand(0))
    return std::nullopt;
  return std::pair(sub->getOperand(0), *axis);
}

/// d*d or d^2
bool isSquareOf(Value v, Value d) {
  if (Operation *pow = definedBy(v, "Pow"))
    return pow->getOperand(0) == d && near(scalarOf(pow->getOperand(1)), 2.0);
  Operation *mul = definedBy(v, "Mul");
  return mul && mul->getOperand(0) == d && mul->getOperand(1) == d;
}

/// A constant that spans exactly the dims from `axis` on.
bool spans(Value c, RankedTensorType x, int64_t axis) {
  auto type = constantOf(c) ? ranked(c) : RankedTensorType();
  return type && type.getElementType() == x.getElementType() && type.getShape() == x.getShape().drop_front(axis);
}

void fuseLayerNorm(Operation *div) {
  auto c = centred(div->getOperand(0));
  Operation *sqrt = definedBy(div->getOperand(1), "Sqrt");
  Operation *add = sqrt ? definedBy(sqrt->getOperand(0), "Add") : nullptr;
  if (!c || !add)
    return;
  auto [x, axis] = *c;
  auto type = ranked(x);
  unsigned meanIndex = scalarOf(add->getOperand(0)) ? 1 : 0;
  auto epsilon = scalarOf(add->getOperand(1 - meanIndex));
  Operation *variance = definedBy(add->getOperand(meanIndex), "ReduceMean");
  if (!type || !type.getElementType().isF32() || !epsilon || trailingMean(variance) != axis ||
      div->getResult(0).getType() != type)
    return;
  // The two Subs may be two equal ops.
  Value squared = variance->getOperand(0), d = div->getOperand(0);
  if (!isSquareOf(squared, d)) {
    Operation *pow = squared.getDefiningOp();
    if (!pow || pow->getNumOperands() != 2 || !isSquareOf(squared, pow->getOperand(0)) ||
        centred(pow->getOperand(0)) != c)
      return;
  }
  // Optional scale and shift behind it.
  Operation *last = div;
  Value scale, shift;
  for (StringRef next : {"Mul", "Add"}) {
    if (next == "Add" && !scale)
      break;
    Value y = last->getResult(0);
    Operation *user = y.hasOneUse() ? *y.user_begin() : nullptr;
    Value other = user && is(user, next) ? otherThan(user, y) : Value();
    if (!other || !spans(other, type, axis))
      break;
    (next == "Mul" ? scale : shift) = other;
    last = user;
  }
  OpBuilder b(last);
  if (!scale) {
    auto scaleType = RankedTensorType::get(type.getShape().drop_front(axis), type.getElementType());
    if (!scaleType.hasStaticShape())
      return;
    scale = constant(b, div->getLoc(), cast<ElementsAttr>(DenseElementsAttr::get(scaleType, 1.0f)));
  }
  Type none = NoneType::get(b.getContext());
  if (!shift)
    shift = create(b, div->getLoc(), "NoValue", {}, {none})->getResult(0);
  Operation *norm = create(b, div->getLoc(), "LayerNormalization", {x, scale, shift}, {type, none, none},
                           {intAttr(b, "axis", axis), b.getNamedAttr("epsilon", b.getF32FloatAttr(float(*epsilon))),
                            intAttr(b, "stash_type", 1)});
  last->getResult(0).replaceAllUsesWith(norm->getResult(0));
}

/// erf(x / sqrt(2)) -> x
Value erfArgument(Operation *erf) {
  Operation *in = erf->getOperand(0).getDefiningOp();
  if (in && is(in, "Div") && near(scalarOf(in->getOperand(1)), M_SQRT2))
    return in->getOperand(0);
  return in && is(in, "Mul") ? besideScalar(in, M_SQRT1_2) : Value();
}

Operation *onlyUser(Value v, StringRef name) {
  Operation *user = v.hasOneUse() ? *v.user_begin() : nullptr;
  return user && is(user, name) ? user : nullptr;
}

void fuseGelu(Operation *erf) {
  Value x = erfArgument(erf);
  if (!x || !isa<RankedTensorType>(x.getType()))
    return;
  Operation *one = onlyUser(erf->getResult(0), "Add");
  if (!one || !besideScalar(one, 1.0))
    return;
  Operation *first = onlyUser(one->getResult(0), "Mul");
  if (!first)
    return;
  Value factor = otherThan(first, one->getResult(0));
  Operation *last = nullptr;
  Operation *half = factor.getDefiningOp();
  if (half && is(half, "Mul") && besideScalar(half, 0.5) == x) { // (0.5 x) * (1 + erf)
    last = first;
  } else if (Operation *second = onlyUser(first->getResult(0), "Mul")) {
    Value rest = otherThan(second, first->getResult(0));
    if ((factor == x && near(scalarOf(rest), 0.5)) || (rest == x && near(scalarOf(factor), 0.5)))
      last = second;
  }
  if (!last || last->getResult(0).getType() != x.getType())
    return;
  OpBuilder b(last);
  Operation *gelu = create(b, erf->getLoc(), "Gelu", {x}, {x.getType()},
                           {b.getNamedAttr("approximate", b.getStringAttr("none"))});
  last->getResult(0).replaceAllUsesWith(gelu->getResult(0));
}

struct FuseOpsPass : PassWrapper<FuseOpsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FuseOpsPass)
  StringRef getArgument() const override { return "onnxc-fuse-ops"; }
  StringRef getDescription() const override { return "Recognise decomposed LayerNormalization and Gelu"; }

  void runOnOperation() override {
    std::vector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (is(op, "Div") || is(op, "Erf"))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      is(op, "Div") ? fuseLayerNorm(op) : fuseGelu(op);
    eraseDead(getOperation());
  }
};

} // namespace

std::unique_ptr<Pass> createFuseOpsPass() { return std::make_unique<FuseOpsPass>(); }

} // namespace onnxc
