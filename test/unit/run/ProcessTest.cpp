// Arguments, and jobs in forked children.
#include "Arguments.h"
#include "ForkPool.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <unistd.h>
#include <vector>

using namespace onnxc::run;

namespace {

const OptionSpec Specs[] = {{"seed", "N", ""}, {"random", nullptr, ""}};

std::string errorOf(std::vector<const char *> argv) {
  auto arguments = Arguments::parse("run", Specs, argv);
  EXPECT_FALSE(bool(arguments));
  return arguments ? "" : llvm::toString(arguments.takeError());
}

TEST(Arguments, sortsWords) {
  std::vector<const char *> argv = {"m.onnx", "--seed", "3", "--random",
                                    "--seed=x=4"};
  auto arguments = Arguments::parse("run", Specs, argv);
  ASSERT_TRUE(bool(arguments));
  EXPECT_EQ(arguments->positionals().size(), 1u);
  EXPECT_TRUE(arguments->has("random"));
  EXPECT_EQ(arguments->get("seed"), "x=4");
  EXPECT_EQ(arguments->all("seed").size(), 2u);
  EXPECT_EQ(arguments->get("none", "f"), "f");
  auto number = arguments->integer("seed", 0, 0, 9);
  ASSERT_FALSE(bool(number));
  EXPECT_EQ(llvm::toString(number.takeError()),
            "--seed: got 'x=4', wanted a whole number from 0 to 9");
}

TEST(Arguments, explainsMistakes) {
  EXPECT_EQ(errorOf({"--sed=1"}),
            "unknown option --sed of 'run'; did you mean --seed?");
  EXPECT_EQ(errorOf({"--seed"}), "--seed needs a value: --seed=N");
  EXPECT_EQ(errorOf({"--random=1"}), "--random takes no value, got '1'");
}

struct Folder {
  llvm::SmallString<128> path;
  Folder() { EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("fork", path)); }
  ~Folder() { llvm::sys::fs::remove_directories(path); }
};

/// Runs one job per entry of `count` and returns the results by index.
std::vector<ForkResult>
runAll(size_t count, const ForkLimits &limits,
       llvm::function_ref<void(size_t, const Reporter &)> work) {
  Folder folder;
  std::vector<ForkResult> results(count);
  llvm::Error error = forkEach(
      count, limits, folder.path, work,
      [&](size_t i, const ForkResult &result) { results[i] = result; });
  EXPECT_FALSE(bool(error));
  return results;
}

TEST(ForkPool, reportsEveryEnd) {
  ForkLimits limits;
  limits.jobs = 4;
  limits.timeoutSeconds = 0.5;
  limits.memoryBytes = 0;
  auto results = runAll(4, limits, [](size_t i, const Reporter &reporter) {
    reporter.line("job " + std::to_string(i));
    std::printf("output %zu", i);
    std::fflush(stdout);
    if (i == 1)
      _exit(3);
    if (i == 2)
      std::raise(SIGKILL);
    if (i == 3)
      sleep(60);
  });
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(results[i].report, "job " + std::to_string(i) + "\n");
    EXPECT_EQ(results[i].output, "output " + std::to_string(i));
  }
  EXPECT_EQ(results[0].end, ForkResult::End::Exited);
  EXPECT_EQ(results[0].code, 0);
  EXPECT_EQ(results[1].code, 3);
  EXPECT_EQ(results[2].end, ForkResult::End::Killed);
  EXPECT_EQ(results[2].code, SIGKILL);
  EXPECT_EQ(results[3].end, ForkResult::End::TimedOut);
  EXPECT_LT(results[3].seconds, 10);
}

TEST(ForkPool, carriesLongReports) {
  auto results = runAll(3, {}, [](size_t, const Reporter &reporter) {
    for (int i = 0; i < 100; ++i)
      reporter.line(std::string(5000, 'x'));
  });
  for (const ForkResult &result : results)
    EXPECT_EQ(result.report.size(), 100u * 5001);
}

#if !defined(__SANITIZE_ADDRESS__)
TEST(ForkPool, limitsMemory) {
  ForkLimits limits;
  limits.memoryBytes = uint64_t(1) << 30;
  auto results = runAll(1, limits, [](size_t, const Reporter &reporter) {
    void *volatile p = std::malloc(size_t(2) << 30); // volatile: not optimised away
    reporter.line(p ? "got it" : "refused");
    std::free(p);
  });
  EXPECT_EQ(results[0].report, "refused\n");
}
#endif

} // namespace
