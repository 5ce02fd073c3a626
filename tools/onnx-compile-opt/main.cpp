// An mlir-opt with the project's dialects and passes: for tests and debugging.
#include "compiler/pipeline/Pipeline.h"
#include "compiler/pipeline/Passes.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  onnxc::registerPipelineDialects(registry);
  onnxc::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "onnx-compile optimizer driver\n", registry));
}
