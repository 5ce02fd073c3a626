// Temporaries of kernels become arguments that the caller allocates.
//
//   call @kernel(%x, %y)                  %t = alloc
//   func @kernel(%x, %y) {                call @kernel(%x, %y, %t)
//     %t = alloc                     ->   func @kernel(%x, %y, %t) {
//     ...                                   ...
//
// so that the planner of memory, which works on the caller, sees every buffer.
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace onnxc {
namespace {

/// A size of a kernel's temporary, an argument of the kernel or a constant in
/// it, as a value of the caller.
Value sizeAtCall(OpBuilder &b, func::CallOp call, Value size) {
  if (auto arg = dyn_cast<BlockArgument>(size))
    return call.getOperand(arg.getArgNumber());
  return b.clone(*size.getDefiningOp())->getResult(0);
}

void hoist(memref::AllocOp op, func::FuncOp kernel, ArrayRef<func::CallOp> calls) {
  for (func::CallOp call : calls) {
    OpBuilder b(call);
    SmallVector<Value> sizes;
    for (Value size : op.getDynamicSizes())
      sizes.push_back(sizeAtCall(b, call, size));
    call.getOperandsMutable().append(memref::AllocOp::create(b, call.getLoc(), op.getType(), sizes).getResult());
  }
  unsigned at = kernel.getNumArguments();
  SmallVector<NamedAttribute> attributes;
  if (op->hasAttr(kScratchAttr))
    attributes.emplace_back(StringAttr::get(kernel.getContext(), kScratchAttr), UnitAttr::get(kernel.getContext()));
  (void)kernel.insertArgument(at, op.getType(), DictionaryAttr::get(kernel.getContext(), attributes), op.getLoc());
  op.replaceAllUsesWith(kernel.getArgument(at));
  op.erase();
}

struct HoistTemporariesPass : PassWrapper<HoistTemporariesPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(HoistTemporariesPass)
  StringRef getArgument() const override { return "onnxc-hoist-temporaries"; }
  StringRef getDescription() const override { return "temporaries of kernels become arguments"; }
  void runOnOperation() override {
    DenseMap<StringAttr, SmallVector<func::CallOp>> calls;
    getOperation().walk([&](func::CallOp call) { calls[call.getCalleeAttr().getAttr()].push_back(call); });
    for (auto kernel : getOperation().getOps<func::FuncOp>()) {
      if (!kernel->hasAttr(kKernelAttr))
        continue;
      SmallVector<memref::AllocOp> temporaries;
      kernel.walk([&](memref::AllocOp op) { temporaries.push_back(op); });
      for (memref::AllocOp op : temporaries)
        hoist(op, kernel, calls[kernel.getSymNameAttr()]);
    }
  }
};

} // namespace

std::unique_ptr<Pass> createHoistTemporariesPass() { return std::make_unique<HoistTemporariesPass>(); }

} // namespace onnxc
