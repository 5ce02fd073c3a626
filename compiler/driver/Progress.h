// Which stage of a compilation is at work, told to the user on stderr.
#ifndef ONNXC_COMPILER_DRIVER_PROGRESS_H
#define ONNXC_COMPILER_DRIVER_PROGRESS_H

#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace onnxc {

/// With `verbose`, a line as each stage begins and one with its time when it
/// ends. Always, a line every 10 seconds of a stage, with what it is at, so that
/// a long compilation is never silent.
class Progress {
public:
  explicit Progress(bool verbose) : verbose(verbose) {}
  ~Progress();

  void begin(llvm::StringRef stage);
  void end();
  /// What the stage does now, for example the name of a pass.
  void at(llvm::StringRef what);
  /// The stage that began last; empty before the first.
  const std::string &stage() const { return name; }

private:
  using Clock = std::chrono::steady_clock;
  void watch();

  const bool verbose;
  std::string name;
  Clock::time_point started;

  std::mutex mutex; ///< over what follows, and over `name` and `started` when they are written
  std::condition_variable changed;
  std::string doing;
  unsigned stages = 0; ///< begun so far
  bool running = false, over = false;
  std::thread watcher;
};

} // namespace onnxc

#endif
