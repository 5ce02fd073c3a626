// Work that may crash, and what is left of a crash: a sentence.
//
// llvm::CrashRecoveryContext brings a thread back from a signal. Two things are
// added: its handlers run on a stack of their own, because the usual crash of a
// compiler is an overflow of the stack, and LLVM's fatal errors, which would
// end the process, take the same way back.
#include "compiler/driver/Recovery.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>

using llvm::CrashRecoveryContext;

namespace onnxc {
namespace {

/// Deep models recurse in the passes; only touched pages cost memory.
constexpr unsigned kStackBytes = 256u << 20;
constexpr size_t kSignalStackBytes = 64 << 10;
constexpr int kInternalError = 70; // EX_SOFTWARE of sysexits.h
constexpr int kCrashSignals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};

/// By which others end a process.
constexpr int kEndSignals[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR2};

/// What LLVM said before it gave up in this thread. Plain memory: the handler
/// may run when nothing can be allocated.
thread_local char fatalText[1024];
thread_local bool outOfMemory;

void onFatalError(void *, const char *text, bool) {
  if (CrashRecoveryContext *context = CrashRecoveryContext::GetCurrent()) {
    std::strncpy(fatalText, text, sizeof fatalText - 1);
    context->HandleExit(kInternalError);
  }
  llvm::errs() << "error: LLVM: " << text << "\n";
  llvm::sys::Process::Exit(kInternalError, /*NoCleanup=*/true);
}

void onBadAlloc(void *data, const char *text, bool diagnose) {
  outOfMemory = true;
  onFatalError(data, text, diagnose);
}

void installHandlers() {
  // LLVM registers its own signal handlers when the first temporary file is
  // announced; done after Enable() they would replace those of the recovery.
  // What was ignored (SIGHUP under nohup, SIGINT behind a shell's &) stays so:
  // LLVM would remove the files, and the process would go on without them.
  struct sigaction before[std::size(kEndSignals)];
  for (auto [number, action] : llvm::zip(kEndSignals, before))
    sigaction(number, nullptr, &action);
  llvm::sys::SetInterruptFunction(nullptr);
  for (auto [number, action] : llvm::zip(kEndSignals, before))
    if (!(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_IGN)
      sigaction(number, &action, nullptr);
  llvm::install_fatal_error_handler(onFatalError);
  llvm::install_bad_alloc_error_handler(onBadAlloc);
  CrashRecoveryContext::Enable();
  for (int number : kCrashSignals) {
    struct sigaction action;
    sigaction(number, nullptr, &action);
    action.sa_flags |= SA_ONSTACK;
    sigaction(number, &action, nullptr);
  }
}

/// Gives the current thread a stack for signal handlers.
class SignalStack {
public:
  SignalStack() : memory(new char[kSignalStackBytes]) {
    stack_t stack = {};
    stack.ss_sp = memory.get();
    stack.ss_size = kSignalStackBytes;
    sigaltstack(&stack, &before);
  }
  ~SignalStack() { sigaltstack(&before, nullptr); }

private:
  std::unique_ptr<char[]> memory;
  stack_t before = {};
};

Crash describe(int code) {
  llvm::StringRef fatal = fatalText;
  // How raw_fd_ostream ends when nobody looked at its error.
  if (fatal.consume_front("IO failure on output stream: "))
    return {Crash::Cause::Output, fatal.str()};
  if (outOfMemory)
    return {Crash::Cause::Memory, "LLVM: " + fatal.str()};
  if (!fatal.empty())
    return {Crash::Cause::Defect, "LLVM: " + fatal.str()};
  if (code > 128)
    return {Crash::Cause::Defect, std::string("signal ") + std::to_string(code - 128) + " (" + strsignal(code - 128) + ")"};
  return {Crash::Cause::Defect, "it stopped with code " + std::to_string(code)};
}

} // namespace

bool runRecovering(llvm::function_ref<void()> work, Crash &crash) {
  static std::once_flag once;
  std::call_once(once, installHandlers);
  bool finished = false;
  auto onThread = [&] {
    SignalStack signals;
    fatalText[0] = 0;
    outOfMemory = false;
    CrashRecoveryContext context;
    bool returned = context.RunSafely([&] {
      // LLVM is built without exceptions; they pass through its frames.
      try {
        work();
        finished = true;
      } catch (const std::bad_alloc &) {
        crash = {Crash::Cause::Memory, "out of memory"};
      } catch (const std::exception &problem) {
        crash = {Crash::Cause::Defect, std::string("exception: ") + problem.what()};
      }
    });
    if (!returned)
      crash = describe(context.RetCode);
  };
  CrashRecoveryContext thread;
  if (!thread.RunSafelyOnThread(onThread, kStackBytes)) {
    finished = false;
    crash = describe(thread.RetCode);
  }
  return finished;
}

} // namespace onnxc
