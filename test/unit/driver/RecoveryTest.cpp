// Every way to die comes back as a sentence, and a crashed compilation leaves no file.
#include "compiler/driver/Compile.h"
#include "compiler/driver/Recovery.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>
#include <stdexcept>

using namespace onnxc;
namespace fs = llvm::sys::fs;

namespace {

std::string reasonOf(llvm::function_ref<void()> work) {
  Crash crash;
  EXPECT_FALSE(runRecovering(work, crash));
  return crash.reason;
}

/// Recursion that no optimisation turns into a loop.
__attribute__((noinline)) int descend(volatile char *above, size_t levels) {
  volatile char frame[1024];
  frame[0] = above ? above[0] : 1;
  return levels ? descend(frame, levels - 1) + frame[0] : frame[0];
}

TEST(Recovery, finishedWorkIsNoCrash) {
  Crash crash;
  bool ran = false;
  EXPECT_TRUE(runRecovering([&] { ran = true; }, crash));
  EXPECT_TRUE(ran);
  EXPECT_EQ(crash.reason, "");
}

TEST(Recovery, stackIsLargeEnoughForDeepModels) {
  Crash crash;
  EXPECT_TRUE(runRecovering([] { descend(nullptr, 100000); }, crash)) << crash.reason;
}

TEST(Recovery, stackOverflow) {
  EXPECT_EQ(reasonOf([] { descend(nullptr, SIZE_MAX); }), "signal 11 (Segmentation fault)");
}

TEST(Recovery, signals) {
  EXPECT_EQ(reasonOf([] { std::raise(SIGSEGV); }), "signal 11 (Segmentation fault)");
  EXPECT_EQ(reasonOf([] { std::raise(SIGILL); }), "signal 4 (Illegal instruction)");
  EXPECT_EQ(reasonOf([] { std::abort(); }), "signal 6 (Aborted)");
}

TEST(Recovery, fatalErrorsOfLLVM) {
  EXPECT_EQ(reasonOf([] { llvm::report_fatal_error("no such register"); }), "LLVM: no such register");
  EXPECT_EQ(reasonOf([] { llvm::report_bad_alloc_error("all gone"); }), "LLVM: all gone");
}

TEST(Recovery, exceptions) {
  EXPECT_EQ(reasonOf([] { throw std::bad_alloc(); }), "out of memory");
  EXPECT_EQ(reasonOf([] { throw std::runtime_error("odd"); }), "exception: odd");
}

TEST(Recovery, aCrashDoesNotSpoilTheNextRun) {
  reasonOf([] { llvm::report_fatal_error("first"); });
  EXPECT_EQ(reasonOf([] { std::abort(); }), "signal 6 (Aborted)");
}

/// A model of one node, y = Relu(x), x of two floats, in protobuf's wire format.
constexpr unsigned char kRelu[] = {
    0x08, 0x08,                                                                   // ir_version 8
    0x3a, 0x33,                                                                   // graph
    0x0a, 0x0c, 0x0a, 0x01, 'x', 0x12, 0x01, 'y', 0x22, 0x04, 'R', 'e', 'l', 'u', // node
    0x12, 0x01, 'g',                                                              // name
    0x5a, 0x0f, 0x0a, 0x01, 'x', 0x12, 0x0a, 0x0a, 0x08, 0x08, 0x01, 0x12, 0x04, 0x0a, 0x02, 0x08, 0x02, // input
    0x62, 0x0f, 0x0a, 0x01, 'y', 0x12, 0x0a, 0x0a, 0x08, 0x08, 0x01, 0x12, 0x04, 0x0a, 0x02, 0x08, 0x02, // output
    0x42, 0x04, 0x0a, 0x00, 0x10, 0x11};                                          // opset 17

class CrashingCompilation : public testing::TestWithParam<const char *> {};

TEST_P(CrashingCompilation, saysWhereAndLeavesNoFile) {
  llvm::SmallString<128> folder;
  ASSERT_FALSE(fs::createUniqueDirectory("driver-unittests", folder));
  std::string model = (folder + "/model.onnx").str(), out = (folder + "/out").str();
  {
    std::error_code ec;
    llvm::raw_fd_ostream file(model, ec);
    ASSERT_FALSE(ec);
    file.write(reinterpret_cast<const char *>(kRelu), sizeof kRelu);
  }
  CompileOptions options;
  options.outputDir = out;
  options.emit = {"mlir", "llvm", "obj", "lib", "shared", "header"};
  options.command = "onnx-compile model.onnx";
  std::string stage = GetParam();
  options.onStage = [&](llvm::StringRef name) {
    if (name == stage)
      std::raise(SIGSEGV);
  };
  CompileResult result;
  EXPECT_FALSE(compileModel(model, options, result));
  EXPECT_EQ(exitCode(result), 70);
  EXPECT_TRUE(result.crashed);
  llvm::StringRef message = result.message;
  EXPECT_TRUE(message.contains("in stage '" + stage + "': signal 11 (Segmentation fault)")) << result.message;
  EXPECT_TRUE(message.contains(compilerVersion())) << result.message;
  EXPECT_TRUE(message.contains("please report it with the model and this command:\n    onnx-compile model.onnx\n")) << result.message;
  std::error_code ec;
  for (fs::directory_iterator file(out, ec), end; file != end && !ec; file.increment(ec))
    ADD_FAILURE() << "left behind: " << file->path();
  fs::remove_directories(folder);
}

INSTANTIATE_TEST_SUITE_P(Stages, CrashingCompilation,
                         testing::Values("import", "linalg", "kernels", "memory", "llvm module", "object", "link"));

} // namespace
