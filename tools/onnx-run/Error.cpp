// Errors of the tools.
#include "Error.h"
#include "compiler/driver/Readable.h"
#include "llvm/Support/raw_ostream.h"

namespace onnxc::run {

static llvm::StringRef program = "onnx-run";

void setProgramName(llvm::StringRef name) { program = name; }
llvm::StringRef programName() { return program; }

char RunError::ID = 0;

void RunError::log(llvm::raw_ostream &os) const { os << Message; }

std::error_code RunError::convertToErrorCode() const {
  return llvm::inconvertibleErrorCode();
}

llvm::Error userError(const llvm::Twine &message) {
  return llvm::make_error<RunError>(message.str());
}

llvm::Error unsupportedError(const llvm::Twine &message) {
  auto error = std::make_unique<RunError>(message.str());
  error->Unsupported = true;
  return llvm::Error(std::move(error));
}

int reportError(llvm::Error error) {
  int code = ExitOk;
  llvm::handleAllErrors(
      std::move(error),
      [&](const RunError &e) {
        code = e.Code;
        llvm::errs() << program << ": error: " << readable(e.Message) << "\n";
      },
      [&](const llvm::ErrorInfoBase &e) {
        code = ExitInternal;
        llvm::errs() << program << ": error: " << readable(e.message()) << "\n";
      });
  return code;
}

void note(const llvm::Twine &message) {
  llvm::errs() << program << ": note: " << readable(message.str()) << "\n";
}

} // namespace onnxc::run
