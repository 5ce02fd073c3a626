// The graph pipeline.
#include "passes/graph/GraphPasses.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace onnxc {

void buildGraphPipeline(OpPassManager &pm, const GraphOptions &options) {
  int64_t foldBytes = options.foldBytes;
  pm.addPass(createSimplifyPass());
  // Constants first: what follows looks for them behind its operands. Quantised ones stay as they are until
  // integer forms have been found: as floats they are four times as large.
  pm.addPass(createFoldConstantsPass(foldBytes, /*dequantize=*/false));
  // Before the forms, because these look for DequantizeLinear and QuantizeLinear at the ops themselves.
  pm.addPass(createMoveQuantizationPass());
  pm.addPass(createFoldConstantsPass(foldBytes, /*dequantize=*/false)); // weights that were moved
  pm.addPass(createIntegerFormsPass());
  pm.addPass(createMoveQuantizationPass()); // means end in a change of shape
  pm.addPass(createFoldConstantsPass(foldBytes, /*dequantize=*/true, options.widen));
  pm.addPass(createFuseOpsPass());
  pm.addPass(createFoldScaleShiftPass());
  // Layouts when the ops are final; the transposes of constants it leaves
  // behind are evaluated at once.
  if (options.chooseLayout)
    pm.addPass(createChooseLayoutPass());
  pm.addPass(createFoldConstantsPass(foldBytes, /*dequantize=*/true, options.widen));
  // Behind the layouts, because a table has none; before scales are folded, which the tables take in as they are.
  if (options.tables)
    pm.addPass(createQuantTablesPass());
  pm.addPass(createFoldQuantizeScalePass(options.fixedPoint));
  pm.addPass(createSimplifyPass());
  pm.addPass(createCSEPass());
}

void registerGraphPasses() {
  registerPass([] { return createSimplifyPass(); });
  registerPass([] { return createFoldConstantsPass(); });
  registerPass([] { return createMoveQuantizationPass(); });
  registerPass([] { return createIntegerFormsPass(); });
  registerPass([] { return createQuantTablesPass(); });
  registerPass([] { return createFoldQuantizeScalePass(); });
  registerPass([] { return createFuseOpsPass(); });
  registerPass([] { return createFoldScaleShiftPass(); });
  registerPass([] { return createChooseLayoutPass(); });
}

} // namespace onnxc
