// The graph pipeline.
#include "passes/graph/GraphPasses.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace onnxc {

void buildGraphPipeline(OpPassManager &pm, bool chooseLayout, int64_t foldBytes) {
  pm.addPass(createSimplifyPass());
  // Constants first: what follows looks for them behind its operands.
  pm.addPass(createFoldConstantsPass(foldBytes));
  pm.addPass(createFuseOpsPass());
  pm.addPass(createFoldScaleShiftPass());
  // Layouts when the ops are final; the transposes of constants it leaves
  // behind are evaluated at once.
  if (chooseLayout)
    pm.addPass(createChooseLayoutPass());
  pm.addPass(createFoldConstantsPass(foldBytes));
  pm.addPass(createSimplifyPass());
  pm.addPass(createCSEPass());
}

void registerGraphPasses() {
  registerPass([] { return createSimplifyPass(); });
  registerPass([] { return createFoldConstantsPass(); });
  registerPass([] { return createFuseOpsPass(); });
  registerPass([] { return createFoldScaleShiftPass(); });
  registerPass([] { return createChooseLayoutPass(); });
}

} // namespace onnxc
