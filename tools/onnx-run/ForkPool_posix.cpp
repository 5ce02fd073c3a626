// Forked children for POSIX systems.
#include "Error.h"
#include "ForkPool.h"
#include "llvm/ADT/STLExtras.h"
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace onnxc::run {

using Clock = std::chrono::steady_clock;

void Reporter::line(llvm::StringRef text) const {
  std::string bytes = (text + "\n").str();
  size_t at = 0;
  while (at < bytes.size()) {
    ssize_t n = write(fd, bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return;
    at += static_cast<size_t>(n);
  }
}

namespace {
struct Child {
  size_t index;
  pid_t pid;
  int report; ///< read end of the report pipe
  int output; ///< unlinked file with stdout and stderr
  Clock::time_point start;
  ForkResult result;
};
} // namespace

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

[[noreturn]] static void
runChild(size_t index, int report, int output, const ForkLimits &limits,
         llvm::function_ref<void(size_t, const Reporter &)> work) {
  setpgid(0, 0); // so that a time-out also ends the child's own children
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
#ifdef __SANITIZE_ADDRESS__
  bool isLimited = false; // its shadow alone takes terabytes of addresses
#else
  bool isLimited = limits.memoryBytes != 0;
#endif
  if (isLimited) {
    rlimit memory = {limits.memoryBytes, limits.memoryBytes};
    setrlimit(RLIMIT_AS, &memory);
  }
  work(index, Reporter(report));
  std::fflush(nullptr);
  // Destructors of the parent's objects are not the child's business.
  _exit(0);
}

static llvm::Error
start(size_t index, const ForkLimits &limits, llvm::StringRef folder,
      llvm::function_ref<void(size_t, const Reporter &)> work,
      std::vector<Child> &children) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return userError(llvm::Twine("cannot make a pipe: ") +
                     std::strerror(errno));
  std::string name = (folder + "/output." + llvm::Twine(index)).str();
  int output = open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (output < 0) {
    close(ends[0]);
    close(ends[1]);
    return userError(name + ": cannot write: " + std::strerror(errno));
  }
  unlink(name.c_str());
  std::fflush(nullptr);
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    runChild(index, ends[1], output, limits, work);
  }
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    close(output);
    return userError(llvm::Twine("cannot fork: ") + std::strerror(errno));
  }
  setpgid(pid, pid); // also here, whichever of the two comes first
  children.push_back({index, pid, ends[0], output, Clock::now(), {}});
  return llvm::Error::success();
}

/// The last 8 KiB of a child's output.
static std::string tailOf(int fd) {
  constexpr off_t Tail = 8192;
  off_t size = lseek(fd, 0, SEEK_END);
  off_t from = size > Tail ? size - Tail : 0;
  std::string text(static_cast<size_t>(std::max<off_t>(size - from, 0)), '\0');
  ssize_t n = pread(fd, text.data(), text.size(), from);
  text.resize(static_cast<size_t>(std::max<ssize_t>(n, 0)));
  return text;
}

static void finish(Child &child) {
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  ForkResult &result = child.result;
  result.seconds = secondsSince(child.start);
  if (result.end != ForkResult::End::TimedOut && WIFSIGNALED(status)) {
    result.end = ForkResult::End::Killed;
    result.code = WTERMSIG(status);
  } else if (WIFEXITED(status)) {
    result.code = WEXITSTATUS(status);
  }
  result.output = tailOf(child.output);
  close(child.report);
  close(child.output);
}

llvm::Error
forkEach(size_t count, const ForkLimits &limits, llvm::StringRef folder,
         llvm::function_ref<void(size_t, const Reporter &)> work,
         llvm::function_ref<void(size_t, const ForkResult &)> done) {
  std::vector<Child> children;
  llvm::Error error = llvm::Error::success();
  size_t next = 0;
  while (next < count || !children.empty()) {
    while (!error && next < count && children.size() < limits.jobs)
      error = start(next++, limits, folder, work, children);
    if (error)
      next = count; // let the running ones end
    if (children.empty())
      break;

    // Wait for news or for the earliest time-out.
    double left = limits.timeoutSeconds;
    std::vector<pollfd> polls;
    for (const Child &child : children) {
      polls.push_back({child.report, POLLIN, 0});
      left = std::min(left, limits.timeoutSeconds - secondsSince(child.start));
    }
    poll(polls.data(), polls.size(),
         static_cast<int>(std::max(left, 0.0) * 1000) + 1);

    std::vector<Child> still;
    for (size_t i = 0; i < children.size(); ++i) {
      Child &child = children[i];
      bool ended = false;
      if (polls[i].revents) {
        char buffer[4096];
        ssize_t n = read(child.report, buffer, sizeof buffer);
        if (n > 0)
          child.result.report.append(buffer, static_cast<size_t>(n));
        ended = n == 0 || (n < 0 && errno != EINTR);
      }
      if (!ended && secondsSince(child.start) > limits.timeoutSeconds) {
        child.result.end = ForkResult::End::TimedOut;
        kill(-child.pid, SIGKILL);
        ended = true;
      }
      if (!ended) {
        still.push_back(std::move(child));
        continue;
      }
      finish(child);
      done(child.index, child.result);
    }
    children = std::move(still);
  }
  return error;
}

} // namespace onnxc::run
