// Registration of every pass under its command-line name.
#include "compiler/pipeline/Passes.h"
#include "codegen/targets/Target.h"
#include "dialects/onnx/InferShapes.h"
#include "passes/graph/GraphPasses.h"
#include "compiler/pipeline/Pipeline.h"
#include "passes/lower/Lowering.h"
#include "passes/math/ExpandMath.h"
#include "passes/memory/PlanArena.h"
#include "passes/memory/ReuseDeadInputs.h"
#include "passes/schedule/Schedule.h"
#include "passes/schedule/gpu/Gpu.h"
#include "codegen/nvptx/LowerToNVVM.h"

#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Steps of the pipeline that are plain functions, as passes for tests.
struct LowerPass : PassWrapper<LowerPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerPass)
  StringRef getArgument() const override { return "onnxc-lower"; }
  StringRef getDescription() const override { return "onnx to linalg on tensors"; }
  void getDependentDialects(DialectRegistry &registry) const override { registerPipelineDialects(registry); }
  void runOnOperation() override {
    std::vector<lower::Unsupported> unsupported;
    if (succeeded(lower::lowerModule(getOperation(), unsupported)))
      return;
    for (const lower::Unsupported &u : unsupported)
      getOperation().emitError() << "node '" << u.node << "': " << u.op << ": " << u.reason;
    signalPassFailure();
  }
};

struct PlanArenaPass : PassWrapper<PlanArenaPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlanArenaPass)
  PlanArenaPass() = default;
  PlanArenaPass(const PlanArenaPass &other) : PassWrapper(other) {}
  Option<bool> io{*this, "io", llvm::cl::desc("static inputs and outputs live in the arena")};
  Option<bool> overlaps{*this, "overlaps", llvm::cl::desc("input and output of a kernel may overlap")};
  ListOption<int64_t> memories{*this, "memories", llvm::cl::desc("bytes of the memories that hold the arena, fastest first")};
  StringRef getArgument() const override { return "onnxc-plan-arena"; }
  StringRef getDescription() const override { return "allocations of @main become slices of one arena"; }
  void getDependentDialects(DialectRegistry &registry) const override { registerPipelineDialects(registry); }
  void runOnOperation() override {
    ArenaOptions options;
    options.ownsArguments = io;
    options.overlaps = overlaps;
    options.memories.assign(memories.begin(), memories.end());
    ArenaPlan plan = planArena(getOperation().lookupSymbol<func::FuncOp>("main"), options);
    Builder b(&getContext());
    getOperation()->setAttr("onnxc.arena_bytes", b.getI64IntegerAttr(plan.bytes));
    getOperation()->setAttr("onnxc.arena_lower_bound", b.getI64IntegerAttr(plan.lowerBound));
  }
};

} // namespace

void registerAllPasses() {
  mlir::registerTransformsPasses();
  onnx::registerOnnxPasses();
  registerMathPasses();
  registerGraphPasses();
  PassRegistration<LowerPass>();
  PassRegistration<PlanArenaPass>();
  mlir::registerPass([] { return createFuseElementwisePass(); });
  mlir::registerPass([] { return createContractMultiplyAddPass(); });
  mlir::registerPass([] { return createBufferizePass(/*reuse=*/true); });
  mlir::registerPass([] { return createReuseDeadInputsPass(); });
  mlir::registerPass([] { return createOutlineKernelsPass(/*anyOffset=*/true); });
  mlir::registerPass([] { return createNarrowProductsPass(); });
  mlir::registerPass([] { return createPlaceKernelsPass(); });
  mlir::registerPass([] { return createPermuteWeightsPass(); });
  mlir::registerPass([] { return createMapKernelsPass(gpuTargetTable().front()); });
  mlir::registerPass([] { return createLowerToNVVMPass(); });
  mlir::registerPass([] { return createImplicitPaddingPass(targetTable().front()); });
  mlir::registerPass([] { return createStageKernelsPass({/*budget=*/0, /*ioInArena=*/true}); });
  mlir::registerPass([] { return createHoistTemporariesPass(); });
  mlir::registerPass([] { return createParallelizeKernelsPass(/*threads=*/2); });
}

} // namespace onnxc
