// Registration of every pass under its command-line name.
#include "compiler/pipeline/Passes.h"
#include "dialects/onnx/InferShapes.h"
#include "passes/graph/GraphPasses.h"
#include "passes/math/ExpandMath.h"
#include "passes/schedule/Schedule.h"

#include "mlir/Transforms/Passes.h"

namespace onnxc {

void registerAllPasses() {
  mlir::registerTransformsPasses();
  onnx::registerOnnxPasses();
  registerMathPasses();
  registerGraphPasses();
  mlir::registerPass([] { return createFuseElementwisePass(); });
  mlir::registerPass([] { return createBufferizePass(); });
  mlir::registerPass([] { return createOutlineKernelsPass(); });
  mlir::registerPass([] { return createHoistTemporariesPass(); });
  mlir::registerPass([] { return createParallelizeKernelsPass(/*threads=*/2); });
}

} // namespace onnxc
