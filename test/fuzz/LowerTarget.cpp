// Models that are changed field by field, through the whole pipeline up to the
// LLVM dialect; code generation, LLVM's matter, is left out.
#include "test/fuzz/Importing.h"

#include "codegen/targets/Target.h"
#include "compiler/driver/Compile.h"
#include "compiler/pipeline/Pipeline.h"

using namespace onnxc;

namespace {
struct Pipeline {
  fuzz::Importer importer{registerPipelineDialects};
  PipelineOptions options;
  Pipeline() {
    preloadCompiler();
    std::string error;
    if (!resolveTarget("x86_64-linux", "", "", options.target, error))
      fuzz::Importer::fail(error);
  }
  void run(const uint8_t *data, size_t size) {
    importer.run(data, size, [&](mlir::ModuleOp module, std::string &diagnostics) {
      PipelineReport report;
      DeviceProgram device;
      if (failed(runPipeline(module, options, report, device)) && report.unsupported.empty())
        fuzz::Importer::fail(report.error + ": " + diagnostics);
    });
  }
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static auto *pipeline = new Pipeline;
  pipeline->run(data, size);
  return 0;
}
