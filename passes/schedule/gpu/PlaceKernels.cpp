// Where kernels run and where buffers live.
#include "passes/schedule/gpu/Gpu.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace onnxc {
namespace {

struct PlaceKernelsPass : PassWrapper<PlaceKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlaceKernelsPass)
  StringRef getArgument() const override { return "onnxc-place-kernels"; }
  StringRef getDescription() const override { return "decide what the device runs, and where buffers live"; }
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    main.walk([&](func::CallOp call) {
      auto callee = getOperation().lookupSymbol<func::FuncOp>(call.getCallee());
      if (callee && callee->hasAttr("onnxc.kernel"))
        call->setAttr(kOnDeviceAttr, UnitAttr::get(&getContext()));
    });
  }
};

} // namespace

std::unique_ptr<Pass> createPlaceKernelsPass() { return std::make_unique<PlaceKernelsPass>(); }

} // namespace onnxc
