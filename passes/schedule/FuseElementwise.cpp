// Elementwise chains become one loop.
//
//   %a = generic { exp } ins(%x)          %b = generic { exp; add } ins(%x, %y)
//   %b = generic { add } ins(%a, %y)  ->
//
// A producer goes into its consumer only when every element it computes is
// needed once: its result has one user, which reads it by a permutation of all
// its loops.  Windows (pooling, convolution) and broadcasts would compute it
// again and again; contractions want plain operands.  A producer that widens
// what it reads, as from bytes to floats, goes into each of its users, also where
// these broadcast it.  A kernel has a bounded
// size: a chain of thousands of ops becomes many loops, so that the time to
// compile it grows with its length only, and its values fit into registers.
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Ops in the body of one loop. Chains that exporters write (GELU, normalisation, masks) stay far below.
constexpr size_t kMaxBodyOps = 128;
/// Ops of a producer that is computed again for each reader.
constexpr size_t kMaxWideningOps = 8;

size_t bodyOps(linalg::GenericOp op) { return op.getBody()->getOperations().size(); }

unsigned bitsOf(Value v) { return getElementTypeOrSelf(v.getType()).getIntOrFloatBitWidth(); }

/// What it reads by all its loops is narrower than what it makes, by few cheap
/// instructions: DequantizeLinear of bytes.  To store the result costs more than
/// to compute it again, so each of its readers does.
bool widens(linalg::GenericOp op) {
  if (op.getNumReductionLoops() || op.getNumResults() != 1 || bodyOps(op) > kMaxWideningOps)
    return false;
  for (Operation &inner : op.getBody()->without_terminator())
    if (!isa<arith::ArithDialect>(inner.getDialect()) || isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>(inner))
      return false;
  unsigned made = bitsOf(op.getResult(0));
  int64_t read = 0;
  for (OpOperand *in : op.getDpsInputOperands())
    if (op.getMatchingIndexingMap(in).isPermutation())
      read += bitsOf(in->get());
  return read > 0 && read < made;
}

/// Makes less than it reads, as QuantizeLinear does.
bool narrows(linalg::GenericOp op) {
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *in) {
    return op.getMatchingIndexingMap(in).isPermutation() && bitsOf(in->get()) > bitsOf(op.getResult(0));
  });
}

/// The last sums that `op` makes, or reads and narrows; null when there are none.
Operation *sumsBehind(linalg::GenericOp op) {
  if (!op || op.getNumReductionLoops())
    return op;
  Operation *last = nullptr;
  for (OpOperand *in : op.getDpsInputOperands())
    if (auto from = in->get().getDefiningOp<linalg::GenericOp>(); from && from.getNumReductionLoops())
      if (bitsOf(in->get()) > bitsOf(op.getResult(0)) && (!last || last->isBeforeInBlock(from)))
        last = from;
  return last;
}

/// Two convolutions whose quantised results meet: only the sums of the later one
/// are still in a tile where they do. Those of the other are stored, and better as
/// bytes than as words.
bool storesSums(OpOperand *operand) {
  Operation *sums = sumsBehind(operand->get().getDefiningOp<linalg::GenericOp>());
  return sums && llvm::any_of(operand->getOwner()->getOperands(), [&](Value other) {
           auto from = other == operand->get() ? linalg::GenericOp() : other.getDefiningOp<linalg::GenericOp>();
           Operation *others = from ? sumsBehind(from) : nullptr;
           return others && others->getBlock() == sums->getBlock() && sums->isBeforeInBlock(others);
         });
}

/// Looks bytes up in a table: one load after the other, which would keep the rest
/// of the loop from vectors, and sums from tiles.  Bytes are stored on both sides.
bool readsTable(linalg::GenericOp op) {
  return llvm::any_of(op.getBody()->getOps<arith::IndexCastUIOp>(), [](arith::IndexCastUIOp index) {
    return index.getIn().getType().isInteger(8) && llvm::any_of(index->getUsers(), llvm::IsaPred<tensor::ExtractOp>);
  });
}

/// Which producers go into their consumers.
enum class Turn {
  First, ///< not those that narrow what they read: which sums these are shows when the rest is in its place
  Last,
};

bool fusable(OpOperand *operand, Turn turn) {
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  if (!consumer || !producer || (!producer->hasOneUse() && !widens(producer)))
    return false;
  if (linalg::isaContractionOpInterface(consumer) || (consumer.getNumReductionLoops() > 1 && !widens(producer)))
    return false;
  if (storesSums(operand) || (turn == Turn::First && narrows(producer)))
    return false;
  if (bodyOps(consumer) + bodyOps(producer) > kMaxBodyOps || readsTable(consumer) || readsTable(producer))
    return false;
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  bool broadcasts = consumer.getNumReductionLoops() == 0 && map.isProjectedPermutation(/*allowZeroInResults=*/true);
  return map.isPermutation() || (broadcasts && widens(producer));
}

/// Fusion that keeps the names of both nodes, the consumer's first.
struct FuseProducer : OpRewritePattern<linalg::GenericOp> {
  FuseProducer(MLIRContext *context, Turn turn) : OpRewritePattern(context, /*benefit=*/2), turn(turn) {}
  LogicalResult matchAndRewrite(linalg::GenericOp consumer, PatternRewriter &rewriter) const override {
    for (OpOperand &operand : consumer->getOpOperands()) {
      if (!linalg::areElementwiseOpsFusable(&operand) || !fusable(&operand, turn))
        continue;
      if (!operand.get().hasOneUse()) { // its own copy, which goes in the next turn
        auto producer = operand.get().getDefiningOp();
        rewriter.setInsertionPoint(producer);
        Operation *copy = rewriter.clone(*producer);
        rewriter.modifyOpInPlace(consumer, [&] { operand.set(copy->getResult(0)); });
        return success();
      }
      Location both = rewriter.getFusedLoc({consumer.getLoc(), operand.get().getLoc()});
      auto fused = linalg::fuseElementwiseOps(rewriter, &operand);
      if (failed(fused))
        continue;
      fused->fusedOp->setLoc(both);
      for (auto [old, replacement] : fused->replacements)
        rewriter.replaceUsesWithIf(old, replacement, [&](OpOperand &use) { return use.getOwner() != consumer; });
      rewriter.eraseOp(consumer);
      return success();
    }
    return failure();
  }
  Turn turn;
};

struct FuseElementwisePass : PassWrapper<FuseElementwisePass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FuseElementwisePass)
  StringRef getArgument() const override { return "onnxc-fuse-elementwise"; }
  StringRef getDescription() const override { return "fuse elementwise producers into their only consumer"; }
  void runOnOperation() override {
    GreedyRewriteConfig config; // regions of one block: there are none to join
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    for (Turn turn : {Turn::First, Turn::Last}) {
      RewritePatternSet patterns(&getContext());
      patterns.add<FuseProducer>(&getContext(), turn);
      // With what cleans up behind fusion.
      linalg::populateElementwiseOpsFusionPatterns(
          patterns, [=](OpOperand *operand) { return operand->get().hasOneUse() && fusable(operand, turn); });
      if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
        return signalPassFailure();
    }
  }
};

} // namespace

std::unique_ptr<Pass> createFuseElementwisePass() { return std::make_unique<FuseElementwisePass>(); }

} // namespace onnxc
