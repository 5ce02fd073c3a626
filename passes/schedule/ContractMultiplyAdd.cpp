// f32(f64(a) * f64(b) + f64(c)) is a fused multiply-add of f32.
//
// The product of two f32 is exact in f64, so that both round once (twice in f64
// where a bit below the 53rd decides: the fused one is the exact one).  Ops whose
// definition has a fused multiply-add are spelled that way when importing.
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace onnxc {
namespace {

/// `v`, a f64, is a f32: converted, or a constant.
bool isSingle(Value v, APFloat *constant = nullptr) {
  if (!v.getType().isF64())
    return false;
  if (auto ext = v.getDefiningOp<arith::ExtFOp>())
    return ext.getIn().getType().isF32();
  APFloat value(0.0);
  if (!matchPattern(v, m_ConstantFloat(&value)))
    return false;
  bool inexact = false;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &inexact);
  if (constant)
    *constant = value;
  return !inexact;
}

/// That f32.
Value asSingle(OpBuilder &b, Value v) {
  if (auto ext = v.getDefiningOp<arith::ExtFOp>())
    return ext.getIn();
  APFloat value(0.0f);
  isSingle(v, &value);
  return arith::ConstantOp::create(b, v.getLoc(), b.getFloatAttr(b.getF32Type(), value));
}

struct Contract : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    auto sum = op.getIn().getDefiningOp<arith::AddFOp>();
    if (!sum || !op.getType().isF32() || !sum.getType().isF64())
      return failure();
    for (auto [product, rest] : {std::pair(sum.getLhs(), sum.getRhs()), std::pair(sum.getRhs(), sum.getLhs())}) {
      auto mul = product.getDefiningOp<arith::MulFOp>();
      // Nothing is made before it is known to be of use: the driver would go on for ever.
      if (!mul || !isSingle(mul.getLhs()) || !isSingle(mul.getRhs()) || !isSingle(rest))
        continue;
      Value a = asSingle(rewriter, mul.getLhs()), b = asSingle(rewriter, mul.getRhs()), c = asSingle(rewriter, rest);
      rewriter.replaceOpWithNewOp<math::FmaOp>(op, a, b, c);
      return success();
    }
    return failure();
  }
};

struct ContractMultiplyAddPass : PassWrapper<ContractMultiplyAddPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ContractMultiplyAddPass)
  StringRef getArgument() const override { return "onnxc-contract-multiply-add"; }
  StringRef getDescription() const override { return "products and sums of f32 that are done in f64 become fused ones"; }
  void getDependentDialects(DialectRegistry &r) const override { r.insert<arith::ArithDialect, math::MathDialect>(); }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Contract>(&getContext());
    GreedyRewriteConfig config; // regions of one block: there are none to join
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createContractMultiplyAddPass() { return std::make_unique<ContractMultiplyAddPass>(); }

} // namespace onnxc
