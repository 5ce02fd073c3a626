// A stack of its own for each thread of a block.
//
// ucontext makes the stack; the switches are setjmp and longjmp, which save no
// signal mask and so need no system call.
#ifndef ONNXC_GPUSIM_FIBRE_H
#define ONNXC_GPUSIM_FIBRE_H

#include <csetjmp>
#include <cstdint>

namespace gpusim {

class Fibre {
public:
  /// Starts or continues body(number) until it suspends; the body never returns.
  void resume(void (*body)(uint32_t), uint32_t number);
  /// Back to resume(); called on the fibre.
  void suspend();
  /// The next resume() starts anew, on the same stack.
  void forget() { isStarted = false; }
  static constexpr uint64_t StackBytes = 128 * 1024;
  /// Whether the address is on the stack of this fibre.
  bool holds(uintptr_t address) const {
    return address - uintptr_t(stack) < StackBytes;
  }

private:
  char *stack = nullptr;
  bool isStarted = false;
  jmp_buf here, back;
};

} // namespace gpusim

#endif // ONNXC_GPUSIM_FIBRE_H
