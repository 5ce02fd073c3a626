// Evaluates ops whose operands are all constants, and the Shape, Size and dims
// that types already tell.
//   %s = onnx.Shape(%x : tensor<2x?x4xf32>) {start = 2}   ->   onnx.Constant [4]
// Data of constants that are no longer used is freed at the end.
#include "dialects/onnx/Onnx.h"
#include "dialects/onnx/WidenedWeight.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Evaluate.h"
#include "passes/graph/GraphPasses.h"
#include "passes/graph/GraphUtil.h"

using namespace mlir;

namespace onnxc {

using namespace graph;

namespace {

/// Dims [start, end) of the operand when all of them are static.
ElementsAttr foldShape(Operation *op) {
  auto type = ranked(op->getOperand(0));
  if (!type)
    return {};
  int64_t rank = type.getRank();
  auto bound = [&](StringRef name, int64_t def) {
    auto attr = op->getAttrOfType<IntegerAttr>(name);
    int64_t v = attr ? attr.getInt() : def;
    return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank);
  };
  int64_t start = bound("start", 0), end = bound("end", rank);
  SmallVector<int64_t> dims;
  for (int64_t i = start; i < end; ++i) {
    if (type.isDynamicDim(i))
      return {};
    dims.push_back(type.getDimSize(i));
  }
  return DenseElementsAttr::get(RankedTensorType::get({int64_t(dims.size())}, IntegerType::get(op->getContext(), 64)),
                                ArrayRef<int64_t>(dims));
}

ElementsAttr foldSize(Operation *op) {
  auto type = ranked(op->getOperand(0));
  if (!type || !type.hasStaticShape())
    return {};
  return DenseElementsAttr::get(RankedTensorType::get({}, IntegerType::get(op->getContext(), 64)),
                                ArrayRef<int64_t>{type.getNumElements()});
}

/// Gather with one constant index from a Shape whose wanted dim is static.
ElementsAttr foldDim(Operation *op) {
  Operation *shape = definedBy(op->getOperand(0), "Shape");
  auto indices = intsOf(constantOf(op->getOperand(1)));
  auto type = shape ? ranked(shape->getOperand(0)) : RankedTensorType();
  if (!type || !indices || shape->getAttrOfType<IntegerAttr>("end"))
    return {};
  if (auto start = shape->getAttrOfType<IntegerAttr>("start"); start && start.getInt() != 0)
    return {};
  SmallVector<int64_t> dims;
  for (int64_t i : *indices) {
    i += i < 0 ? type.getRank() : 0;
    if (i < 0 || i >= type.getRank() || type.isDynamicDim(i))
      return {};
    dims.push_back(type.getDimSize(i));
  }
  auto indexType = cast<RankedTensorType>(constantOf(op->getOperand(1)).getShapedType());
  return DenseElementsAttr::get(RankedTensorType::get(indexType.getShape(), IntegerType::get(op->getContext(), 64)),
                                ArrayRef<int64_t>(dims));
}

/// Bytes that a constant of this type takes when each element is stored.
uint64_t bytesOf(ShapedType type) {
  uint64_t bytes = onnx::elementBytes(type.getElementType());
  for (int64_t d : type.getShape())
    bytes = llvm::SaturatingMultiply<uint64_t>(bytes, d);
  return llvm::is_contained(type.getShape(), 0) ? 0 : bytes;
}

/// How much evaluation may make. One constant has at most `growth` bytes, or as
/// many as the different constants that it is made of; all of them together have
/// sixteen times that and four times what the model came with.
class FoldBudget {
public:
  FoldBudget(uint64_t growth, ModuleOp module) : growth(growth), left(llvm::SaturatingMultiply<uint64_t>(growth, 16)) {
    for (ElementsAttr constant : resourceConstants(module))
      left = llvm::SaturatingAdd<uint64_t>(left, 4 * bytesOf(constant.getShapedType()));
  }
  /// Takes the result of `op` out of the budget; false when there is no room for it.
  bool take(Operation *op, ArrayRef<ElementsAttr> operands) {
    auto type = ranked(op->getResult(0));
    if (!type || !type.hasStaticShape()) // small, by the rules that evaluate
      return true;
    // One element is stored.
    if (is(op, "ConstantOfShape") || llvm::all_of(operands, [](ElementsAttr operand) { return !operand || isa<SplatElementsAttr>(operand); }))
      return true;
    llvm::SmallDenseSet<Attribute> different(operands.begin(), operands.end());
    uint64_t made = bytesOf(type), from = 0;
    for (Attribute operand : different)
      if (operand)
        from = llvm::SaturatingAdd<uint64_t>(from, bytesOf(cast<ElementsAttr>(operand).getShapedType()));
    if (made > std::max(growth, from) || made > left)
      return false;
    left -= made;
    return true;
  }

private:
  uint64_t growth, left;
};

/// Quantised constants stay small: what reads them element by element dequantises them in the run, and with `widen`
/// so do matrix products.
bool staysQuantized(Operation *op, bool widen) {
  constexpr int64_t small = 1024;
  if (widen && isa<onnx::DequantizeLinearOp, onnx::TransposeOp>(op) && onnx::onlyWidened(op))
    return true;
  auto type = is(op, "DequantizeLinear") ? ranked(op->getResult(0)) : RankedTensorType();
  return type && type.hasStaticShape() && type.getNumElements() > small &&
         llvm::all_of(op->getUsers(), [](Operation *user) { return user->hasTrait<onnx::Elementwise>(); });
}

std::optional<SmallVector<ElementsAttr>> fold(Operation *op, FoldBudget &budget) {
  ElementsAttr known;
  if (is(op, "Shape"))
    known = foldShape(op);
  else if (is(op, "Size"))
    known = foldSize(op);
  else if (is(op, "Gather"))
    known = foldDim(op);
  if (known)
    return SmallVector<ElementsAttr>{known};
  if (!canEvaluate(op))
    return std::nullopt;
  SmallVector<ElementsAttr> operands;
  for (Value v : op->getOperands()) {
    operands.push_back(constantOf(v));
    if (!operands.back() && present(v))
      return std::nullopt;
  }
  if (!budget.take(op, operands))
    return std::nullopt;
  return evaluate(op, operands);
}

struct FoldConstantsPass : PassWrapper<FoldConstantsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldConstantsPass)
  FoldConstantsPass(int64_t maxBytes, bool dequantize, bool widen) : maxBytes(maxBytes), dequantize(dequantize), widen(widen) {}
  StringRef getArgument() const override { return "onnxc-fold-constants"; }
  StringRef getDescription() const override { return "Evaluate onnx ops on constants"; }

  void runOnOperation() override {
    std::vector<ElementsAttr> before = resourceConstants(getOperation());
    FoldBudget budget(uint64_t(maxBytes), getOperation());
    std::vector<Operation *> ops;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op->getName().getDialectNamespace() == "onnx" && op->getNumRegions() == 0)
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      if (op->getNumResults() != 1 || op->use_empty())
        continue;
      if (dequantize ? staysQuantized(op, widen) : is(op, "DequantizeLinear"))
        continue;
      auto values = fold(op, budget);
      if (!values)
        continue;
      // Function and region results keep their types.
      bool typeChanges = (*values)[0].getShapedType() != op->getResult(0).getType();
      if (typeChanges && llvm::any_of(op->getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::IsTerminator>(); }))
        continue;
      OpBuilder b(op);
      op->getResult(0).replaceAllUsesWith(constant(b, op->getLoc(), (*values)[0]));
    }
    eraseDead(getOperation());
    releaseUnused(getOperation(), before);
  }
  int64_t maxBytes;
  bool dequantize, widen;
};

} // namespace

std::unique_ptr<Pass> createFoldConstantsPass(int64_t maxBytes, bool dequantize, bool widen) {
  return std::make_unique<FoldConstantsPass>(maxBytes, dequantize, widen);
}

} // namespace onnxc
