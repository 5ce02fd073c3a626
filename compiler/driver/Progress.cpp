// See Progress.h.
#include "compiler/driver/Progress.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace onnxc {

/// How often a stage that goes on says so.
static constexpr std::chrono::seconds kPatience(10);

static double seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }

Progress::~Progress() {
  {
    std::lock_guard lock(mutex);
    over = true;
  }
  changed.notify_all();
  if (watcher.joinable())
    watcher.join();
}

void Progress::begin(llvm::StringRef stage) {
  {
    std::lock_guard lock(mutex);
    name = stage.str();
    started = Clock::now();
    doing.clear();
    running = true;
    ++stages;
  }
  if (verbose)
    llvm::errs() << "onnx-compile: " << name << " ...\n";
  if (!watcher.joinable())
    watcher = std::thread([this] { watch(); });
  changed.notify_all();
}

void Progress::end() {
  {
    std::lock_guard lock(mutex);
    running = false;
  }
  if (verbose)
    llvm::errs() << "onnx-compile: " << name << " " << llvm::format("%.0f ms\n", seconds(Clock::now() - started) * 1e3);
}

void Progress::at(llvm::StringRef what) {
  std::lock_guard lock(mutex);
  doing = what.str();
}

void Progress::watch() {
  std::unique_lock lock(mutex);
  while (!over) {
    unsigned stage = stages;
    // Another stage makes the wait begin anew.
    if (changed.wait_for(lock, kPatience, [&] { return over || stages != stage; }) || !running)
      continue;
    // One write, so that lines of other threads do not get into it.
    std::string line = "onnx-compile: stage '" + name + "' is at work for " +
                       std::to_string(int64_t(seconds(Clock::now() - started))) + " s" +
                       (doing.empty() ? "" : ", now at " + doing) + "\n";
    llvm::errs() << line;
  }
}

} // namespace onnxc
