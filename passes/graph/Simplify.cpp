// The canonicalisation patterns of all dialects. The patterns of the onnx
// dialect ask what is known about dims and elements; what they find out is kept
// while the pass runs, where MLIR's own pass would find it out again each time.
#include "dialects/onnx/KnownValues.h"
#include "passes/graph/GraphPasses.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace onnxc {
namespace {

struct SimplifyPass : PassWrapper<SimplifyPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SimplifyPass)
  StringRef getArgument() const override { return "onnxc-simplify"; }
  StringRef getDescription() const override { return "Canonicalise onnx ops"; }

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet all(context);
    for (Dialect *dialect : context->getLoadedDialects())
      dialect->getCanonicalizationPatterns(all);
    for (RegisteredOperationName op : context->getRegisteredOperations())
      op.getCanonicalizationPatterns(all, context);
    patterns = std::move(all);
    return success();
  }

  void runOnOperation() override {
    onnx::KnownFacts facts;
    for (Region &region : getOperation()->getRegions())
      facts.learn(region);
    GreedyRewriteConfig config;
    config.setListener(&facts);
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled); // regions of one block: there are none to join
    // No fixed point within the default limits is no failure: what is there is right.
    (void)applyPatternsGreedily(getOperation(), patterns, config);
  }

  FrozenRewritePatternSet patterns;
};

} // namespace

std::unique_ptr<Pass> createSimplifyPass() { return std::make_unique<SimplifyPass>(); }

} // namespace onnxc
