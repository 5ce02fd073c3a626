// Elementwise chains become one loop.
//
//   %a = generic { exp } ins(%x)          %b = generic { exp; add } ins(%x, %y)
//   %b = generic { add } ins(%a, %y)  ->
//
// A producer goes into its consumer only when every element it computes is
// needed once: its result has one user, which reads it by a permutation of all
// its loops.  Windows (pooling, convolution) and broadcasts would compute it
// again and again; contractions want plain operands.  A kernel has a bounded
// size: a chain of thousands of ops becomes many loops, so that the time to
// compile it grows with its length only, and its values fit into registers.
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Ops in the body of one loop. Chains that exporters write (GELU, normalisation, masks) stay far below.
constexpr size_t kMaxBodyOps = 128;

size_t bodyOps(linalg::GenericOp op) { return op.getBody()->getOperations().size(); }

bool fusable(OpOperand *operand) {
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  if (!consumer || !producer || !producer->hasOneUse())
    return false;
  if (linalg::isaContractionOpInterface(consumer) || consumer.getNumReductionLoops() > 1)
    return false;
  if (bodyOps(consumer) + bodyOps(producer) > kMaxBodyOps)
    return false;
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  return map.isPermutation();
}

/// Fusion that keeps the names of both nodes, the consumer's first.
struct FuseProducer : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp consumer, PatternRewriter &rewriter) const override {
    for (OpOperand &operand : consumer->getOpOperands()) {
      if (!linalg::areElementwiseOpsFusable(&operand) || !fusable(&operand))
        continue;
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
    linalg::populateElementwiseOpsFusionPatterns(patterns, fusable); // with what cleans up behind fusion
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createFuseElementwisePass() { return std::make_unique<FuseElementwisePass>(); }

} // namespace onnxc
