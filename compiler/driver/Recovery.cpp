// Work that may crash, and what is left of a crash: a sentence.
//
// llvm::CrashRecoveryContext brings a thread back from a signal. Two things are
// added: its handlers run on a stack of their own, because the usual crash of a
// compiler is an overflow of the stack, and LLVM's fatal errors, which would
// end the process, take the same way back.
#include "compiler/driver/Recovery.h"

#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstring>
#include <exception>
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

/// What LLVM said before it gave up in this thread. Plain memory: the handler
/// may run when nothing can be allocated.
thread_local char fatalText[1024];

void onFatalError(void *, const char *text, bool) {
  if (CrashRecoveryContext *context = CrashRecoveryContext::GetCurrent()) {
    std::strncpy(fatalText, text, sizeof fatalText - 1);
    context->HandleExit(kInternalError);
  }
  llvm::errs() << "error: LLVM: " << text << "\n";
  llvm::sys::Process::Exit(kInternalError, /*NoCleanup=*/true);
}

void installHandlers() {
  // LLVM registers its own signal handlers when the first temporary file is
  // announced; done after Enable() they would replace those of the recovery.
  llvm::sys::SetInterruptFunction(nullptr);
  llvm::install_fatal_error_handler(onFatalError);
  llvm::install_bad_alloc_error_handler(onFatalError);
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

std::string describe(int code) {
  if (fatalText[0])
    return std::string("LLVM: ") + fatalText;
  if (code > 128)
    return std::string("signal ") + std::to_string(code - 128) + " (" + strsignal(code - 128) + ")";
  return "it stopped with code " + std::to_string(code);
}

} // namespace

bool runRecovering(llvm::function_ref<void()> work, std::string &reason) {
  static std::once_flag once;
  std::call_once(once, installHandlers);
  bool finished = false;
  auto onThread = [&] {
    SignalStack signals;
    fatalText[0] = 0;
    CrashRecoveryContext context;
    bool returned = context.RunSafely([&] {
      // LLVM is built without exceptions; they pass through its frames.
      try {
        work();
        finished = true;
      } catch (const std::bad_alloc &) {
        reason = "out of memory";
      } catch (const std::exception &problem) {
        reason = std::string("exception: ") + problem.what();
      }
    });
    if (!returned)
      reason = describe(context.RetCode);
  };
  CrashRecoveryContext thread;
  if (!thread.RunSafelyOnThread(onThread, kStackBytes)) {
    finished = false;
    reason = describe(thread.RetCode);
  }
  return finished;
}

} // namespace onnxc
