// Runs jobs in forked children, several at a time, each with a time-out, a
// memory limit and its output captured.
#ifndef ONNXC_TOOLS_ONNX_RUN_FORKPOOL_H
#define ONNXC_TOOLS_ONNX_RUN_FORKPOOL_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace onnxc::run {

struct ForkLimits {
  unsigned jobs = 1;
  double timeoutSeconds = 60;
  uint64_t memoryBytes = uint64_t(6) << 30; ///< address space; 0 = no limit
};

/// How a child ended.
struct ForkResult {
  enum class End { Exited, Killed, TimedOut } end = End::Exited;
  int code = 0;       ///< exit code, or signal when Killed
  std::string report; ///< what the child wrote through its Reporter
  std::string output; ///< the tail of its stdout and stderr
  double seconds = 0;
};

/// The child's way to report; each line arrives even if the child dies later.
class Reporter {
public:
  explicit Reporter(int fd) : fd(fd) {}
  void line(llvm::StringRef text) const;

private:
  int fd;
};

/// Runs `work(i, reporter)` for i in [0, count) in children of this process
/// and calls `done(i, result)` here as they end. `folder` holds their output.
llvm::Error forkEach(size_t count, const ForkLimits &limits,
                     llvm::StringRef folder,
                     llvm::function_ref<void(size_t, const Reporter &)> work,
                     llvm::function_ref<void(size_t, const ForkResult &)> done);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_FORKPOOL_H
