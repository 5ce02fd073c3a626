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

/// What it reads by all its loops is narrower than what it makes, by few cheap
/// instructions: DequantizeLinear of bytes.  To store the result costs more than
/// to compute it again, so each of its readers does.
bool widens(linalg::GenericOp op) {
  if (op.getNumReductionLoops() || op.getNumResults() != 1 || bodyOps(op) > kMaxWideningOps)
    return false;
  for (Operation &inner : op.getBody()->without_terminator())
    if (!isa<arith::ArithDialect>(inner.getDialect()) || isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>(inner))
      return false;
  auto bits = [](Value v) { return getElementTypeOrSelf(v.getType()).getIntOrFloatBitWidth(); };
  unsigned made = bits(op.getResult(0));
  int64_t read = 0;
  for (OpOperand *in : op.getDpsInputOperands())
    if (op.getMatchingIndexingMap(in).isPermutation())
      read += bits(in->get());
  return read > 0 && read < made;
}

/// Looks bytes up in a table: one load after the other, which would keep the rest
/// of the loop from vectors, and sums from tiles.  Bytes are stored on both sides.
bool readsTable(linalg::GenericOp op) {
  return llvm::any_of(op.getBody()->getOps<arith::IndexCastUIOp>(), [](arith::IndexCastUIOp index) {
    return index.getIn().getType().isInteger(8) && llvm::any_of(index->getUsers(), llvm::IsaPred<tensor::ExtractOp>);
  });
}

bool fusable(OpOperand *operand) {
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  if (!consumer || !producer || (!producer->hasOneUse() && !widens(producer)))
    return false;
  if (linalg::isaContractionOpInterface(consumer) || (consumer.getNumReductionLoops() > 1 && !widens(producer)))
    return false;
  if (bodyOps(consumer) + bodyOps(producer) > kMaxBodyOps || readsTable(consumer) || readsTable(producer))
    return false;
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  bool broadcasts = consumer.getNumReductionLoops() == 0 && map.isProjectedPermutation(/*allowZeroInResults=*/true);
  return map.isPermutation() || (broadcasts && widens(producer));
}

/// Fusion that keeps the names of both nodes, the consumer's first.
struct FuseProducer : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp consumer, PatternRewriter &rewriter) const override {
    for (OpOperand &operand : consumer->getOpOperands()) {
      if (!linalg::areElementwiseOpsFusable(&operand) || !fusable(&operand))
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
};

struct FuseElementwisePass : PassWrapper<FuseElementwisePass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FuseElementwisePass)
  StringRef getArgument() const override { return "onnxc-fuse-elementwise"; }
  StringRef getDescription() const override { return "fuse elementwise producers into their only consumer"; }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseProducer>(&getContext(), /*benefit=*/2);
    // With what cleans up behind fusion.
    linalg::populateElementwiseOpsFusionPatterns(
        patterns, [](OpOperand *operand) { return operand->get().hasOneUse() && fusable(operand); });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createFuseElementwisePass() { return std::make_unique<FuseElementwisePass>(); }

} // namespace onnxc
