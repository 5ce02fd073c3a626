// What the targets on models share: an import from bytes that counts an
// internal error as a crash.
#ifndef ONNXC_TEST_FUZZ_IMPORTING_H
#define ONNXC_TEST_FUZZ_IMPORTING_H

#include "compiler/import/Import.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <functional>
#include <memory>

namespace onnxc::fuzz {

/// A context that lives for some executions: making one is dear, and what it
/// keeps of types and attributes grows with every model.
class Importer {
public:
  using Use = std::function<void(mlir::ModuleOp, std::string &diagnostics)>;
  explicit Importer(std::function<void(mlir::DialectRegistry &)> setUp = nullptr) {
    if (setUp)
      setUp(registry);
  }

  /// Imports `bytes`; `use` gets what comes out. An internal error ends the process.
  void run(const uint8_t *data, size_t size, const Use &use = nullptr) {
    if (!context || ++executions % kLife == 0) {
      handler.reset();
      context = std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
      context->loadAllAvailableDialects();
      handler = std::make_unique<mlir::ScopedDiagnosticHandler>(context.get(), [this](mlir::Diagnostic &d) {
        if (diagnostics.size() < 4000)
          diagnostics += d.str() + "\n";
        return mlir::success();
      });
    }
    diagnostics.clear();
    ImportedModelInfo info;
    ImportFailure failure;
    auto module = importModelBytes(llvm::StringRef(reinterpret_cast<const char *>(data), size), "", ImportOptions(), *context, info, failure);
    if (!module && failure.kind == ImportFailure::Kind::Internal)
      fail(failure.message);
    if (module && use)
      use(*module, diagnostics);
  }

  /// An internal error of the compiler.
  [[noreturn]] static void fail(const std::string &message) {
    llvm::errs() << "internal error: " << message << "\n";
    std::abort();
  }

private:
  static constexpr uint64_t kLife = 200;
  mlir::DialectRegistry registry;
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<mlir::ScopedDiagnosticHandler> handler;
  std::string diagnostics;
  uint64_t executions = 0;
};

} // namespace onnxc::fuzz

#endif
