// A buffer seen with padding around it that is not in memory.
#include "passes/schedule/PaddedView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace onnxc {

static constexpr llvm::StringLiteral kBelow = "onnxc.below", kValue = "onnxc.value";

bool isPaddedView(Operation *op) { return isa<UnrealizedConversionCastOp>(op) && op->hasAttr(kBelow); }

ArrayRef<int64_t> paddingBelow(Operation *view) { return view->getAttrOfType<DenseI64ArrayAttr>(kBelow); }

TypedAttr paddingValue(Operation *view) { return view->getAttrOfType<TypedAttr>(kValue); }

Value createPaddedView(OpBuilder &b, Location loc, Value buffer, MemRefType padded, ArrayRef<int64_t> below, TypedAttr value) {
  auto view = UnrealizedConversionCastOp::create(b, loc, TypeRange{padded}, ValueRange{buffer});
  view->setAttr(kBelow, b.getDenseI64ArrayAttr(below));
  view->setAttr(kValue, value);
  return view.getResult(0);
}

void materializePaddedViews(func::FuncOp kernel) {
  SmallVector<Operation *> views;
  kernel.walk([&](UnrealizedConversionCastOp op) {
    if (isPaddedView(op))
      views.push_back(op);
  });
  for (Operation *view : views) {
    OpBuilder b(view);
    Location loc = view->getLoc();
    Value inner = view->getOperand(0);
    Value buffer = memref::AllocOp::create(b, loc, cast<MemRefType>(view->getResult(0).getType()));
    Value value = arith::ConstantOp::create(b, loc, view->getAttrOfType<TypedAttr>(kValue));
    linalg::FillOp::create(b, loc, value, buffer);
    SmallVector<OpFoldResult> offsets, sizes, strides;
    for (auto [below, size] : llvm::zip(paddingBelow(view), cast<MemRefType>(inner.getType()).getShape())) {
      offsets.push_back(b.getIndexAttr(below));
      sizes.push_back(b.getIndexAttr(size));
      strides.push_back(b.getIndexAttr(1));
    }
    Value part = memref::SubViewOp::create(b, loc, buffer, offsets, sizes, strides);
    linalg::CopyOp::create(b, loc, inner, part);
    view->getResult(0).replaceAllUsesWith(buffer);
    view->erase();
  }
}

} // namespace onnxc
