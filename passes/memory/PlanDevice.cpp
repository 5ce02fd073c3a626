// Static planning of the device's arena.
#include "passes/memory/PlanDevice.h"
#include "passes/schedule/gpu/Gpu.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace onnxc {

ArenaPlan planDeviceArena(func::FuncOp main) {
  Block &top = main.getBody().front();
  DenseMap<Operation *, int64_t> number;
  for (auto [i, op] : llvm::enumerate(top))
    number[&op] = i;
  auto at = [&](Operation *op) { return number.lookup(top.findAncestorOpInBlock(*op)); };

  ArenaPlan plan;
  SmallVector<PlannedBuffer> buffers;
  BufferViewFlowAnalysis flow(main);
  main.walk([&](gpu::AllocOp alloc) {
    MemRefType type = alloc.getType();
    PlannedBuffer buffer{alloc, bufferBytes(type), INT64_MAX, -1};
    if (alloc->hasAttr(kInputAttr)) // its copy to the device starts the run
      buffer.first = buffer.last = at(alloc);
    for (Value v : flow.resolve(alloc.getMemref()))
      for (Operation *user : v.getUsers()) {
        buffer.first = std::min(buffer.first, at(user));
        buffer.last = std::max(buffer.last, at(user));
      }
    buffers.push_back(buffer);
  });
  placeBuffers(buffers, plan);
  plan.buffers = buffers.size();
  Builder b(main.getContext());
  for (PlannedBuffer &buffer : buffers)
    buffer.op->setAttr(kOffsetAttr, b.getI64IntegerAttr(buffer.offset));
  return plan;
}

} // namespace onnxc
