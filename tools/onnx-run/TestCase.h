// One backend test: compile, run, compare.
#ifndef ONNXC_TOOLS_ONNX_RUN_TESTCASE_H
#define ONNXC_TOOLS_ONNX_RUN_TESTCASE_H

#include "compiler/driver/Compile.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <functional>
#include <string>
#include <vector>

namespace onnxc::run {

/// What became of a test. Statuses: passed, failed, unsupported; of the
/// process that runs it also crashed and timeout; skipped without a model.
struct TestOutcome {
  std::string status = "passed";
  std::string stage; ///< import, compile, run or compare
  std::string message;
  int code = 0; ///< the exit code that onnx-run would end with
  std::vector<std::string> ops;
};

/// Runs the test in `directory` (model.onnx, test_data_set_*); libraries go to
/// `folder`. `enter` hears of each stage as it begins, `ops` of the model's
/// ops as soon as they are known. `runner`: see openModel(). With
/// `compareReuse` the model is compiled without reuse as well, and both must
/// compute the same.
TestOutcome
runTestCase(llvm::StringRef directory, const CompileOptions &options,
            llvm::StringRef folder,
            const std::function<void(llvm::StringRef)> &enter,
            const std::function<void(llvm::ArrayRef<std::string>)> &ops,
            llvm::StringRef runner, bool compareReuse);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_TESTCASE_H
