#include "passes/schedule/Schedule.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
using namespace mlir;
namespace onnxc {
namespace {
struct P : PassWrapper<P, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(P)
  void runOnOperation() override {
    getOperation().walk([&](memref::CopyOp op) {
      OpBuilder b(op);
      auto t = cast<MemRefType>(op.getTarget().getType());
      auto id = b.getMultiDimIdentityMap(t.getRank());
      linalg::GenericOp::create(b, op.getLoc(), ValueRange{op.getSource()}, ValueRange{op.getTarget()}, {id, id},
        SmallVector<utils::IteratorType>(t.getRank(), utils::IteratorType::parallel),
        [](OpBuilder &nb, Location l, ValueRange a) { linalg::YieldOp::create(nb, l, a[0]); });
      op.erase();
    });
  }
};
struct Q : PassWrapper<Q, OperationPass<ModuleOp>> { MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Q) void runOnOperation() override {} };
}
std::unique_ptr<Pass> createScheduleKernelsPass(const Target &) { return std::make_unique<P>(); }
std::unique_ptr<Pass> createOutlineKernelsPass() { return std::make_unique<Q>(); }
}
