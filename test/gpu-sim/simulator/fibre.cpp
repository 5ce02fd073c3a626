#include "fibre.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <ucontext.h>

namespace gpusim {

void Fibre::resume(void (*body)(uint32_t), uint32_t number) {
  if (_setjmp(back) != 0)
    return;
  if (isStarted)
    _longjmp(here, 1);
  isStarted = true;
  if (!stack) {
    // The lowest page stays unmapped: a stack that is too small must not
    // run into its neighbour.
    void *p = mmap(nullptr, StackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED || mprotect(p, 4096, PROT_NONE) != 0) {
      std::perror("gpu-sim: no memory for the stack of a thread");
      std::abort();
    }
    stack = static_cast<char *>(p);
  }
  ucontext_t start;
  getcontext(&start);
  start.uc_stack.ss_sp = stack;
  start.uc_stack.ss_size = StackBytes;
  start.uc_link = nullptr;
  // The number fits an int, which is all that makecontext passes on.
  makecontext(&start, reinterpret_cast<void (*)()>(body), 1, number);
  setcontext(&start);
}

void Fibre::suspend() {
  if (_setjmp(here) == 0)
    _longjmp(back, 1);
}

} // namespace gpusim
