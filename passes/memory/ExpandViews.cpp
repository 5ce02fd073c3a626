// Views with several run-time dims, in a form the memref lowering accepts.
//
//   expand_shape %m [[0, 1]] output_shape [%a, %b] : memref<?xf32>
//   ->  reinterpret_cast %base to offset, sizes [%a, %b], strides [%b, 1]
//
// The upstream expansion of strided metadata derives the one unknown dim of a
// group from the others and does not handle two of them (LLVM 22).
#include "passes/memory/ExpandViews.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace onnxc {
namespace {

void rewrite(memref::ExpandShapeOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  auto type = cast<MemRefType>(op.getResult().getType());
  auto meta = memref::ExtractStridedMetadataOp::create(b, loc, op.getSrc());
  auto source = cast<MemRefType>(op.getSrc().getType());
  SmallVector<int64_t> strides, sourceStrides;
  int64_t offset, sourceOffset;
  if (failed(type.getStridesAndOffset(strides, offset)) || failed(source.getStridesAndOffset(sourceStrides, sourceOffset)))
    return;
  auto known = [&](int64_t n, Value v) { return ShapedType::isDynamic(n) ? OpFoldResult(v) : OpFoldResult(b.getIndexAttr(n)); };
  auto value = [&](OpFoldResult r) {
    auto c = getConstantIntValue(r);
    return c ? arith::ConstantIndexOp::create(b, loc, *c).getResult() : cast<Value>(r);
  };
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape(), steps(sizes.size());
  for (auto [i, group] : llvm::enumerate(op.getReassociationIndices())) {
    OpFoldResult step = known(sourceStrides[i], meta.getStrides()[i]);
    for (int64_t d : llvm::reverse(group)) {
      steps[d] = ShapedType::isDynamic(strides[d]) ? OpFoldResult(value(step)) : OpFoldResult(b.getIndexAttr(strides[d]));
      step = arith::MulIOp::create(b, loc, value(step), value(sizes[d])).getResult();
    }
  }
  Value cast = memref::ReinterpretCastOp::create(b, loc, type, meta.getBaseBuffer(), known(offset, meta.getOffset()), sizes, steps);
  op.getResult().replaceAllUsesWith(cast);
  op.erase();
}

struct ExpandViewsPass : PassWrapper<ExpandViewsPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandViewsPass)
  StringRef getArgument() const override { return "onnxc-expand-views"; }
  StringRef getDescription() const override { return "expand_shape with dynamic dims becomes reinterpret_cast"; }
  void getDependentDialects(DialectRegistry &r) const override { r.insert<arith::ArithDialect, memref::MemRefDialect>(); }
  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> ops;
    getOperation()->walk([&](memref::ExpandShapeOp op) {
      if (!cast<MemRefType>(op.getResult().getType()).hasStaticShape())
        ops.push_back(op);
    });
    for (memref::ExpandShapeOp op : ops)
      rewrite(op);
  }
};

} // namespace

std::unique_ptr<Pass> createExpandViewsPass() { return std::make_unique<ExpandViewsPass>(); }

} // namespace onnxc
