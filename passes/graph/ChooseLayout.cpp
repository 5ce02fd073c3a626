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
#include "dialects/onnx/Onnx.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/GraphPasses.h"
#include "passes/graph/GraphUtil.h"
#include "passes/graph/MinCut.h"

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

bool isElementwise(Operation *op) { return op->hasTrait<onnx::Elementwise>(); }

/// Computes channels-last in any case; further results would be in the model's order.
bool isAnchor(Operation *op) {
  return op->hasTrait<onnx::ComputesChannelsLast>() && isImage(op->getOperand(0).getType()) &&
         isImage(op->getResult(0).getType()) &&
         llvm::all_of(op->getResults().drop_front(), [](Value v) { return !present(v) || v.use_empty(); });
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

/// Runs in either order after its axes are renamed.
bool isFlexible(Operation *op) {
  if (isElementwise(op))
    return op->getNumResults() == 1 && isImage(op->getResult(0).getType()) && elementwiseFits(op);
  auto order = dyn_cast<onnx::DimOrder>(op);
  return order && isImage(op->getOperand(0).getType()) && order.acceptsDimOrder() &&
         (!order.resultsShareDims() || llvm::all_of(op->getResultTypes(), isImage));
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

/// A constant image, channels-last; dims that are missing in front have extent 1.
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

/// All operands are images, and renameAxes() sees to those that are constant.
bool permutesConstants(Operation *op) {
  auto order = dyn_cast<onnx::DimOrder>(op);
  return isElementwise(op) || (order && order.operandsShareDims());
}

void renameAxes(Operation *op, int64_t rank) {
  OpBuilder b(op);
  if (permutesConstants(op))
    for (OpOperand &operand : op->getOpOperands())
      if (present(operand.get()) && constantOf(operand.get()))
        operand.set(permutedConstant(b, operand.get(), rank));
  SmallVector<int64_t> place;
  for (int64_t i = 0; i < rank; ++i)
    place.push_back(axisInLast(i, rank));
  if (auto order = dyn_cast<onnx::DimOrder>(op))
    order.permuteDims(b, place);
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
    auto order = dyn_cast<onnx::DimOrder>(op);
    if (it == nodes.end() || (order && !order.resultsShareDims()))
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
