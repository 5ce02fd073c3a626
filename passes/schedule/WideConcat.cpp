// What fills many slices of one tensor gets its buffer before the analysis.
//
//   %0 = tensor.empty()                      %m = memref.alloc()
//   %e = tensor.empty()                      %s = memref.subview %m[0] [4] [1]
//   %a = op outs(%e)                   ->    %e = to_tensor %s
//   %1 = insert_slice %a into %0[0]          %a = op outs(%e)
//   ... many more                            materialize_in_destination %a in %s
//   %n = insert_slice %z into %y[400]        %n = to_tensor %m
//
// One-shot bufferization compares all reads and writes of tensors that may
// share memory, for each of them: a chain of n insertions costs it n^3 and
// more. It does not look into memrefs. Computing an operand where it goes is
// decided here instead, as eliminateEmptyTensors does for shorter chains.
#include "passes/schedule/WideConcat.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace onnxc {

/// Chains up to this length are left to the analysis, which also knows how to
/// update their result in place; they take it some ten milliseconds.
constexpr size_t kNarrow = 16;

Value destinationOf(Value v) {
  Operation *def = v.getDefiningOp();
  if (!def)
    return {};
  if (auto insert = dyn_cast<tensor::InsertOp>(def))
    return insert.getDest();
  if (auto slice = dyn_cast<tensor::InsertSliceOp>(def))
    return slice.getDest();
  if (auto dps = dyn_cast<DestinationStyleOpInterface>(def))
    return dps.getTiedOpOperand(cast<OpResult>(v))->get();
  if (auto loop = dyn_cast<scf::ForOp>(def))
    return loop.getInitArgs()[cast<OpResult>(v).getResultNumber()];
  return {};
}

/// No use of `v` can write into its buffer or hand it on.
static bool onlyRead(Value v) {
  return llvm::all_of(v.getUses(), [](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<tensor::CastOp, tensor::ExtractSliceOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user))
      return onlyRead(user->getResult(0));
    if (auto slice = dyn_cast<tensor::InsertSliceOp>(user))
      return use.get() == slice.getSource() && use.get() != slice.getDest();
    if (auto op = dyn_cast<linalg::LinalgOp>(user))
      return op.isDpsInput(&use);
    return isa<tensor::DimOp, tensor::ExtractOp, bufferization::MaterializeInDestinationOp>(user);
  });
}

namespace {
/// insert_slice ops that fill disjoint slices of one tensor.empty, in their order.
struct Chain {
  tensor::EmptyOp root;
  SmallVector<tensor::InsertSliceOp> links;

  explicit Chain(tensor::InsertSliceOp last) {
    Value v = last;
    for (auto op = last; op; op = v.getDefiningOp<tensor::InsertSliceOp>()) {
      if (op != last && (!op->hasOneUse() || op->getBlock() != last->getBlock()))
        break;
      links.push_back(op);
      v = op.getDest();
    }
    std::reverse(links.begin(), links.end());
    root = v.getDefiningOp<tensor::EmptyOp>();
  }

  bool isWide() { return links.size() > kNarrow && root && root->hasOneUse() && disjoint(); }

private:
  /// Along some axis, each slice starts where the one before ends, or later.
  bool disjoint() {
    return llvm::any_of(llvm::seq<int64_t>(0, root.getType().getRank()), [&](int64_t axis) {
      int64_t end = 0;
      for (tensor::InsertSliceOp op : links) {
        int64_t start = op.getStaticOffset(axis), size = op.getStaticSize(axis);
        if (ShapedType::isDynamic(start) || ShapedType::isDynamic(size) || op.getStaticStride(axis) != 1 || start < end)
          return false;
        end = start + size;
      }
      return true;
    });
  }
};

class Placement {
public:
  explicit Placement(Chain &chain) : chain(chain), last(chain.links.back()), block(last->getBlock()) {
    ready = definition(chain.root->getOperands());
    for (tensor::InsertSliceOp op : chain.links)
      later(ready, definition(op->getOperands().drop_front(2)));
  }

  void run() {
    // Where each operand is computed: at the first op of those that write it.
    SmallVector<OpOperand *> starts;
    Operation *first = chain.links.front();
    for (tensor::InsertSliceOp op : chain.links) {
      OpOperand *start = startOf(op.getSource());
      if (llvm::is_contained(starts, start)) // a tensor that comes more than once is copied to its other places
        start = nullptr;
      starts.push_back(start);
      if (start && start->getOwner()->isBeforeInBlock(first))
        first = start->getOwner();
    }
    OpBuilder b(first);
    Location loc = last.getLoc();
    RankedTensorType type = last.getType();
    Value all = memref::AllocOp::create(b, loc, MemRefType::get(type.getShape(), type.getElementType()),
                                        chain.root.getDynamicSizes());
    for (auto [op, start] : llvm::zip_equal(chain.links, starts)) {
      b.setInsertionPoint(start ? start->getOwner() : op);
      Value part = slice(b, op, all);
      if (start)
        start->set(bufferization::ToTensorOp::create(b, loc, start->get().getType(), part, /*restrict=*/true,
                                                     /*writable=*/true));
      b.setInsertionPoint(op);
      bufferization::MaterializeInDestinationOp::create(b, loc, /*result=*/Type(), op.getSource(), part,
                                                        /*restrict=*/false, /*writable=*/true);
    }
    // Not writable: operands that live in it may still be read.
    b.setInsertionPoint(last);
    last.replaceAllUsesWith(bufferization::ToTensorOp::create(b, loc, type, all, /*restrict=*/true).getResult());
    for (tensor::InsertSliceOp op : llvm::reverse(chain.links))
      op->erase();
    chain.root->erase();
  }

private:
  static void later(Operation *&a, Operation *c) {
    if (c && (!a || a->isBeforeInBlock(c)))
      a = c;
  }

  /// The last op of the block that defines one of `values`.
  Operation *definition(ValueRange values) const {
    Operation *op = nullptr;
    for (Value v : values)
      if (Operation *def = v.getDefiningOp(); def && def->getBlock() == block)
        later(op, def);
    return op;
  }

  /// The operand that is to be a slice of the buffer for `v` to be computed
  /// there; null where `v` has to be copied.
  OpOperand *startOf(Value v) const {
    if (!onlyRead(v))
      return nullptr;
    for (Value dest = destinationOf(v); dest; dest = destinationOf(v)) {
      Operation *def = v.getDefiningOp();
      // Whoever else has the destination might write it later.
      if (def->getBlock() != block || !dest.hasOneUse() || dest.getType() != v.getType())
        return nullptr;
      if (dest.getDefiningOp<tensor::EmptyOp>())
        return !ready || ready->isBeforeInBlock(def) ? &*dest.use_begin() : nullptr;
      v = dest;
    }
    return nullptr;
  }

  static Value slice(OpBuilder &b, tensor::InsertSliceOp op, Value all) {
    auto type = memref::SubViewOp::inferRankReducedResultType(op.getSourceType().getShape(), cast<MemRefType>(all.getType()),
                                                              op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides());
    return memref::SubViewOp::create(b, op.getLoc(), cast<MemRefType>(type), all, op.getMixedOffsets(), op.getMixedSizes(),
                                     op.getMixedStrides());
  }

  Chain &chain;
  tensor::InsertSliceOp last;
  Block *block;
  Operation *ready; ///< after it, all sizes are known
};
} // namespace

void placeWideConcats(func::FuncOp func) {
  SmallVector<Chain> chains;
  func.walk([&](tensor::InsertSliceOp op) {
    bool isLink = op->hasOneUse() && isa<tensor::InsertSliceOp>(*op->user_begin()) &&
                  cast<tensor::InsertSliceOp>(*op->user_begin()).getDest() == op.getResult();
    if (!isLink)
      if (Chain chain(op); chain.isWide())
        chains.push_back(chain);
  });
  for (Chain &chain : chains)
    Placement(chain).run();
}

} // namespace onnxc
