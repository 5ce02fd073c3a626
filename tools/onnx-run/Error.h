// Errors of the tools: one line of text and the exit code that goes with it.
#ifndef ONNXC_TOOLS_ONNX_RUN_ERROR_H
#define ONNXC_TOOLS_ONNX_RUN_ERROR_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <string>

namespace onnxc::run {

/// Exit codes of the tool.
enum ExitCode : int { ExitOk = 0, ExitUser = 1, ExitInternal = 70 };

/// What the program is called in what it prints: "onnx-run" until set.
void setProgramName(llvm::StringRef name);
llvm::StringRef programName();

/// What went wrong, for the user to read. `Unsupported` is set when the model
/// needs an op or a feature that the compiler or the C interface lacks.
class RunError : public llvm::ErrorInfo<RunError> {
public:
  static char ID;
  std::string Message;
  int Code = ExitUser;
  bool Unsupported = false;

  explicit RunError(std::string message, int code = ExitUser)
      : Message(std::move(message)), Code(code) {}
  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;
};

/// An error of the user's making.
llvm::Error userError(const llvm::Twine &message);

/// Prints `error` to stderr as "PROGRAM: error: ..."; returns the exit code.
int reportError(llvm::Error error);

/// An error about something that this tool or the compiler cannot do yet.
llvm::Error unsupportedError(const llvm::Twine &message);

/// Prints "PROGRAM: note: ..." to stderr.
void note(const llvm::Twine &message);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_ERROR_H
