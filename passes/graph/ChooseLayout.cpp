// Chooses the order of the dims of image tensors.
//
// Convolutions and pooling work channels-last (n, spatial..., c), the model
// speaks channels-first.  Ops that do not care (elementwise, Concat, Pad, ...)
// can run in either order.  Which of them run channels-last is a minimum cut:
// a node per op, convolutions and pooling on one side, graph inputs, outputs
// and all ops that need the model's order on the other, and for every value
// the bytes that a transpose would move.  For example
//   Transpose -> Conv -> Transpose -> Add -> Relu -> Transpose -> Conv -> ...
// becomes
//   Transpose -> Conv -> Add -> Relu -> Conv -> ...
// Transposes in the model from or to channels-last cancel with ours.
#include "mlir/Pass/Pass.h"
#include "passes/graph/GraphPasses.h"
#include "passes/graph/GraphUtil.h"
#include "passes/graph/MinCut.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace onnxc {

using namespace graph;

namespace {

enum Side : int { Last = 0, First = 1 }; // the ends of the cut
constexpr int Ignore = -1;               // operand or result without a layout

bool isImage(Type t) {
  auto type = dyn_cast<RankedTensorType>(t);
  return type && type.getRank() >= 3 && type.getRank() <= 5;
}

SmallVector<int64_t> toLast(int64_t rank) {
  SmallVector<int64_t> perm{0};
  for (int64_t i = 2; i < rank; ++i)
    perm.push_back(i);
  perm.push_back(1);
  return perm;
}
SmallVector<int64_t> toFirst(int64_t rank) {
  SmallVector<int64_t> perm{0, rank - 1};
  for (int64_t i = 1; i + 1 < rank; ++i)
    perm.push_back(i);
  return perm;
}
/// Position in channels-last order of channels-first dim `axis`.
int64_t axisInLast(int64_t axis, int64_t rank) {
  axis = axis < 0 ? axis + rank : axis;
  return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1;
}

RankedTensorType permuted(RankedTensorType type, ArrayRef<int64_t> perm) {
  SmallVector<int64_t> shape;
  for (int64_t p : perm)
    shape.push_back(type.getDimSize(p));
  return RankedTensorType::get(shape, type.getElementType());
}

bool isPerm(Operation *op, ArrayRef<int64_t> perm) {
  auto attr = op->getAttrOfType<DenseI64ArrayAttr>("perm");
  return attr && attr.asArrayRef() == perm;
}

/// Only dims of extent 1 change places: no data moves.
bool isFree(RankedTensorType type) {
  if (type.getDimSize(1) == 1)
    return true;
  return llvm::all_of(type.getShape().drop_front(2), [](int64_t d) { return d == 1; });
}

int64_t transposeCost(RankedTensorType type) {
  if (isFree(type))
    return 1;
  int64_t bytes = std::max<int64_t>(1, onnx::elementBytes(type.getElementType()));
  for (auto [i, d] : llvm::enumerate(type.getShape()))
    bytes *= ShapedType::isDynamic(d) ? (i == 0 ? 1 : 64) : d;
  return std::max<int64_t>(2, std::min<int64_t>(bytes, int64_t(1) << 40));
}

//===-- Kinds of ops

/// Computes channels-last in any case; operand 0 and result 0 are images.
bool isAnchor(Operation *op) {
  static const llvm::StringSet<> names{
      "onnx.Conv",          "onnx.ConvTranspose", "onnx.MaxPool",  "onnx.AveragePool", "onnx.GlobalAveragePool",
      "onnx.GlobalMaxPool", "onnx.GlobalLpPool",  "onnx.LpPool",   "onnx.QLinearConv", "onnx.ConvInteger"};
  if (!names.contains(op->getName().getStringRef()) || !isImage(op->getOperand(0).getType()) ||
      !isImage(op->getResult(0).getType()))
    return false;
  return !is(op, "MaxPool") || !present(op->getResult(1)) || op->getResult(1).use_empty();
}

bool isElementwise(Operation *op) {
  static const llvm::StringSet<> names{
      "Relu",       "LeakyRelu",  "Elu",     "Selu",      "Celu",      "Gelu",     "Sigmoid",     "HardSigmoid",
      "HardSwish",  "Swish",      "Mish",    "Softplus",  "Softsign",  "Tanh",     "Erf",         "Exp",
      "Log",        "Sqrt",       "Neg",     "Abs",       "Sign",      "Floor",    "Ceil",        "Round",
      "Reciprocal", "Sin",        "Cos",     "Not",       "IsNaN",     "IsInf",    "Cast",        "Identity",
      "Clip",       "Add",        "Sub",     "Mul",       "Div",       "Pow",      "Mod",         "Max",
      "Min",        "Sum",        "Mean",    "PRelu",     "Where",     "Equal",    "Greater",     "Less",
      "And",        "Or",         "Xor",     "LessOrEqual", "GreaterOrEqual", "ThresholdedRelu", "Shrink"};
  return names.contains(op->getName().stripDialect());
}

bool hasOneElement(Value v) {
  auto type = ranked(v);
  return type && type.hasStaticShape() && type.getNumElements() == 1;
}

/// Operands of a rank below the result's, unless constant or single elements,
/// would have to be reshaped at run time.
bool elementwiseFits(Operation *op) {
  auto result = ranked(op->getResult(0));
  return llvm::all_of(op->getOperands(), [&](Value v) {
    if (!present(v) || constantOf(v) || hasOneElement(v))
      return true;
    return ranked(v) && ranked(v).getRank() == result.getRank();
  });
}

/// Operands from `first` on are absent or constant.
bool constantsFrom(Operation *op, unsigned first) {
  return llvm::all_of(op->getOperands().drop_front(std::min(first, op->getNumOperands())),
                      [](Value v) { return !present(v) || constantOf(v); });
}

bool isReduction(Operation *op) {
  static const llvm::StringSet<> names{"ReduceMean", "ReduceSum", "ReduceMax",       "ReduceMin",      "ReduceProd",
                                       "ReduceL1",   "ReduceL2",  "ReduceSumSquare", "ReduceLogSumExp"};
  return names.contains(op->getName().stripDialect());
}

int64_t intOf(Operation *op, StringRef name, int64_t def) {
  auto attr = op->getAttrOfType<IntegerAttr>(name);
  return attr ? attr.getInt() : def;
}

/// The axes of a reduction with dims dropped leave the other dims in the same
/// order either way.
bool reductionFits(Operation *op) {
  auto type = ranked(op->getOperand(0));
  auto axes = intsOf(constantOf(op->getOperand(1)));
  if (!axes || axes->empty())
    return false;
  if (intOf(op, "keepdims", 1))
    return true;
  llvm::SmallVector<bool> gone(type.getRank(), false);
  for (int64_t a : *axes)
    gone[a < 0 ? a + type.getRank() : a] = true;
  int64_t spatial = 0;
  for (int64_t i = 2; i < type.getRank(); ++i)
    spatial += gone[i];
  return gone[1] || spatial == type.getRank() - 2;
}

/// Runs in either order after its axes are renamed.
bool isFlexible(Operation *op) {
  if (op->getName().getDialectNamespace() != "onnx" || op->getNumResults() == 0 || op->getNumRegions() != 0 ||
      op->getNumOperands() == 0 || !isImage(op->getOperand(0).getType()))
    return isElementwise(op) && op->getNumResults() == 1 && isImage(op->getResult(0).getType()) && elementwiseFits(op);
  if (isElementwise(op))
    return isImage(op->getResult(0).getType()) && elementwiseFits(op);
  if (is(op, "Concat") || is(op, "Split"))
    return llvm::all_of(op->getResultTypes(), isImage);
  if (is(op, "Softmax") || is(op, "LogSoftmax"))
    return true;
  if (is(op, "Pad"))
    return constantsFrom(op, 1);
  if (is(op, "Slice"))
    return constantsFrom(op, 1) && present(op->getOperand(3));
  if (is(op, "Resize"))
    return constantsFrom(op, 1) && isImage(op->getResult(0).getType());
  if (isReduction(op))
    return reductionFits(op);
  if (is(op, "QuantizeLinear") || is(op, "DequantizeLinear"))
    return intOf(op, "block_size", 0) == 0;
  return false;
}

/// A transpose of the model from channels-last to channels-first.  With three
/// dims both ways are the same permutation; then it counts as one way only,
/// this one where an op of the image kind reads the result.
bool isToFirst(Operation *op) {
  if (!is(op, "Transpose") || !isImage(op->getOperand(0).getType()))
    return false;
  int64_t rank = ranked(op->getOperand(0)).getRank();
  return isPerm(op, toFirst(rank)) && (rank > 3 || llvm::any_of(op->getUsers(), [](Operation *user) {
                                         return isAnchor(user) || isFlexible(user);
                                       }));
}
bool isToLast(Operation *op) {
  return is(op, "Transpose") && isImage(op->getOperand(0).getType()) &&
         isPerm(op, toLast(ranked(op->getOperand(0)).getRank())) && !isToFirst(op);
}

//===-- Renaming axes of a flexible op

Value reorderedInts(OpBuilder &b, Operation *op, Value v, llvm::function_ref<void(std::vector<int64_t> &)> change) {
  auto values = intsOf(constantOf(v));
  if (!values)
    return v;
  change(*values);
  return constantInts(b, op->getLoc(), *values);
}

/// Entries given per dim, in `parts` runs of `rank`, move with their dims.
template <typename T>
void moveEntries(std::vector<T> &values, int64_t rank, int64_t parts) {
  if (int64_t(values.size()) != rank * parts)
    return;
  std::vector<T> old(values);
  for (int64_t p = 0; p < parts; ++p)
    for (int64_t i = 0; i < rank; ++i)
      values[p * rank + axisInLast(i, rank)] = old[p * rank + i];
}

void renameAxisValues(OpBuilder &b, Operation *op, unsigned operand, int64_t rank) {
  op->setOperand(operand, reorderedInts(b, op, op->getOperand(operand), [&](std::vector<int64_t> &axes) {
                   for (int64_t &a : axes)
                     a = axisInLast(a, rank);
                 }));
}

void renameAxisAttr(OpBuilder &b, Operation *op, int64_t def, int64_t rank) {
  op->setAttr("axis", b.getI64IntegerAttr(axisInLast(intOf(op, "axis", def), rank)));
}

/// A constant operand of an elementwise op, channels-last.
Value permutedConstant(OpBuilder &b, Value v, int64_t rank) {
  auto type = ranked(v);
  if (type.getNumElements() == 1)
    return v;
  SmallVector<int64_t> shape(rank - type.getRank(), 1);
  shape.append(type.getShape().begin(), type.getShape().end());
  if (type.getRank() < rank)
    v = create(b, v.getLoc(), "Reshape", {v, constantInts(b, v.getLoc(), shape)},
               {RankedTensorType::get(shape, type.getElementType())}, {intAttr(b, "allowzero", 1)})
            ->getResult(0);
  return transpose(b, v.getLoc(), v, toLast(rank));
}

void renameResize(OpBuilder &b, Operation *op, int64_t rank) {
  if (auto axes = op->getAttrOfType<DenseI64ArrayAttr>("axes"); axes && !axes.empty()) {
    SmallVector<int64_t> renamed;
    for (int64_t a : axes.asArrayRef())
      renamed.push_back(axisInLast(a, rank));
    op->setAttr("axes", b.getDenseI64ArrayAttr(renamed));
    return;
  }
  op->setOperand(3, reorderedInts(b, op, op->getOperand(3), [&](auto &v) { moveEntries(v, rank, 1); }));
  for (unsigned i : {1u, 2u})
    if (ElementsAttr attr = constantOf(op->getOperand(i)))
      if (auto values = floatsOf(attr); values && attr.getElementType().isF32() && !values->empty()) {
        moveEntries(*values, rank, i == 1 ? 2 : 1);
        op->setOperand(i, constant(b, op->getLoc(), f32Constant(b.getContext(), {int64_t(values->size())}, *values)));
      }
}

/// All operands are images, and renameAxes() sees to those that are constant.
bool permutesConstants(Operation *op) { return isElementwise(op) || is(op, "Concat"); }

void renameAxes(Operation *op, int64_t rank) {
  OpBuilder b(op);
  if (isElementwise(op)) {
    for (OpOperand &operand : op->getOpOperands())
      if (present(operand.get()) && constantOf(operand.get()))
        operand.set(permutedConstant(b, operand.get(), rank));
  } else if (is(op, "Concat")) {
    renameAxisAttr(b, op, 1, rank);
    for (OpOperand &operand : op->getOpOperands())
      if (constantOf(operand.get()))
        operand.set(permutedConstant(b, operand.get(), rank));
  } else if (is(op, "Split")) {
    renameAxisAttr(b, op, 0, rank);
  } else if (is(op, "Softmax") || is(op, "LogSoftmax")) {
    renameAxisAttr(b, op, -1, rank);
  } else if (is(op, "QuantizeLinear") || is(op, "DequantizeLinear")) {
    renameAxisAttr(b, op, 1, rank);
  } else if (isReduction(op)) {
    renameAxisValues(b, op, 1, rank);
  } else if (is(op, "Slice")) {
    renameAxisValues(b, op, 3, rank);
  } else if (is(op, "Pad")) {
    if (present(op->getOperand(3)))
      renameAxisValues(b, op, 3, rank);
    else
      op->setOperand(1, reorderedInts(b, op, op->getOperand(1), [&](auto &v) { moveEntries(v, rank, 2); }));
  } else if (is(op, "Resize")) {
    renameResize(b, op, rank);
  }
}

//===-- The pass

class LayoutChoice {
public:
  explicit LayoutChoice(ModuleOp module) : module(module) {}
  void run() {
    collect();
    if (!anchors)
      return;
    for (Operation *op : ops)
      for (Value v : op->getResults())
        connect(v, resultNode(op, v));
    for (Value v : arguments)
      connect(v, First);
    side = cut.solve();
    apply();
  }

private:
  void collect() {
    module.walk<WalkOrder::PreOrder>([&](Operation *op) {
      for (Region &region : op->getRegions())
        for (Block &block : region)
          arguments.append(block.getArguments().begin(), block.getArguments().end());
      ops.push_back(op);
      if (isAnchor(op)) {
        nodes[op] = Last;
        ++anchors;
      } else if (isFlexible(op)) {
        nodes[op] = cut.addNode();
      }
    });
  }

  /// The node that decides the order of an image operand.
  int operandNode(OpOperand &operand) {
    Operation *op = operand.getOwner();
    Value v = operand.get();
    if (!isImage(v.getType()) || (constantOf(v) && permutesConstants(op)))
      return Ignore;
    if (isToLast(op))
      return Last;
    auto it = nodes.find(op);
    if (it == nodes.end())
      return First;
    // Weights, zero points, pads and the like have no image order.
    if (!permutesConstants(op) && operand.getOperandNumber() != 0)
      return First;
    return isElementwise(op) && hasOneElement(v) && ranked(v).getRank() != ranked(op->getResult(0)).getRank()
               ? Ignore
               : it->second;
  }
  int resultNode(Operation *op, Value v) {
    if (!isImage(v.getType()))
      return First;
    if (isToFirst(op))
      return Last;
    auto it = nodes.find(op);
    if (it == nodes.end() || (isReduction(op) && !intOf(op, "keepdims", 1)))
      return First;
    return it->second;
  }

  /// One transpose of `v` serves all users of the other order.
  void connect(Value v, int producer) {
    if (!isImage(v.getType()) || constantOf(v))
      return;
    SmallVector<int> users;
    for (OpOperand &use : v.getUses())
      if (int node = operandNode(use); node != Ignore && !llvm::is_contained(users, node))
        users.push_back(node);
    int64_t cost = transposeCost(ranked(v));
    if (users.size() == 1) {
      cut.addEdge(producer, users[0], cost);
      cut.addEdge(users[0], producer, cost);
      return;
    }
    if (users.empty())
      return;
    int wantsLast = cut.addNode(), wantsFirst = cut.addNode();
    for (int user : users) {
      cut.addEdge(user, wantsLast, MinCut::infinite);
      cut.addEdge(wantsFirst, user, MinCut::infinite);
    }
    cut.addEdge(wantsLast, producer, cost);
    cut.addEdge(producer, wantsFirst, cost);
  }

  bool isLast(int node) const { return node == Last || (node > First && side[node]); }

  void apply() {
    // Decisions first: rewriting changes what the predicates look at.
    struct Wish {
      OpOperand *operand;
      bool last;
    };
    std::vector<Wish> wishes;
    std::vector<std::pair<Operation *, int64_t>> changed;
    SmallVector<Value> produced;
    std::vector<Operation *> cancelled;
    for (Operation *op : ops) {
      for (OpOperand &operand : op->getOpOperands())
        if (int node = operandNode(operand); node != Ignore)
          wishes.push_back({&operand, isLast(node)});
      for (Value v : op->getResults())
        if (isLast(resultNode(op, v)))
          produced.push_back(v);
      if (isToLast(op) || isToFirst(op))
        cancelled.push_back(op);
      else if (auto it = nodes.find(op); it != nodes.end() && isLast(it->second))
        // Operand 0 of an elementwise op may be a constant of a lower rank.
        changed.push_back({op, ranked(isElementwise(op) ? op->getResult(0) : op->getOperand(0)).getRank()});
    }
    for (Value v : produced) {
      auto type = ranked(v);
      v.setType(permuted(type, toLast(type.getRank())));
      lastValues.insert(v);
    }
    for (Wish wish : wishes) {
      Value v = wish.operand->get();
      if (wish.last != lastValues.contains(v))
        wish.operand->set(otherOrder(v));
    }
    for (auto [op, rank] : changed) {
      if (isAnchor(op))
        op->setAttr("layout", StringAttr::get(op->getContext(), "NHWC"));
      else
        renameAxes(op, rank);
    }
    // A transpose of the model's own whose two sides now have one order.
    for (Operation *op : cancelled)
      op->getResult(0).replaceAllUsesWith(op->getOperand(0));
  }

  /// `v` in the order it is not in; made once, behind its definition.
  Value otherOrder(Value v) {
    Value &other = others[v];
    if (other)
      return other;
    OpBuilder b(v.getContext());
    b.setInsertionPointAfterValue(v);
    auto type = ranked(v);
    int64_t rank = type.getRank();
    bool wasLast = lastValues.contains(v);
    SmallVector<int64_t> perm = wasLast ? toFirst(rank) : toLast(rank);
    RankedTensorType to = permuted(type, perm);
    bool free = to.hasStaticShape() && isFree(wasLast ? to : type);
    if (free)
      other = create(b, v.getLoc(), "Reshape", {v, constantInts(b, v.getLoc(), to.getShape())}, {to},
                     {intAttr(b, "allowzero", 1)})
                  ->getResult(0);
    else
      other = transpose(b, v.getLoc(), v, perm);
    return other;
  }

  ModuleOp module;
  std::vector<Operation *> ops;
  SmallVector<Value> arguments;
  llvm::DenseMap<Operation *, int> nodes;
  size_t anchors = 0;
  MinCut cut;
  std::vector<bool> side;
  llvm::DenseSet<Value> lastValues;
  llvm::DenseMap<Value, Value> others;
};

struct ChooseLayoutPass : PassWrapper<ChooseLayoutPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChooseLayoutPass)
  StringRef getArgument() const override { return "onnxc-choose-layout"; }
  StringRef getDescription() const override { return "Choose channels-last layouts by cost"; }
  void runOnOperation() override {
    LayoutChoice(getOperation()).run();
    eraseDead(getOperation());
  }
};

} // namespace

std::unique_ptr<Pass> createChooseLayoutPass() { return std::make_unique<ChooseLayoutPass>(); }

} // namespace onnxc
