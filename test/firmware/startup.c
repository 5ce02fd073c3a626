/* Reset, faults and the memory functions of an image without a C library. */
#include "semihosting.h"

#include <stddef.h>
#include <stdint.h>

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;
int main(void);

#define CPACR (*(volatile uint32_t *)0xE000ED88u)

_Noreturn void reset(void) {
  CPACR |= 0xFu << 20; /* floating point and Helium on */
  __asm__ volatile("dsb\n\tisb" ::: "memory");
  for (uint32_t *to = &data_start, *from = &data_load; to < &data_end;)
    *to++ = *from++;
  for (uint32_t *to = &bss_start; to < &bss_end;)
    *to++ = 0;
  semihosting_exit(main());
}

_Noreturn void fault(void) {
  semihosting_print("fault\n");
  semihosting_exit(70);
}

/* Initial stack pointer, reset and the system exceptions. */
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    (uintptr_t)&stack_top, (uintptr_t)reset, (uintptr_t)fault, (uintptr_t)fault,
    (uintptr_t)fault,      (uintptr_t)fault, (uintptr_t)fault, (uintptr_t)fault,
    (uintptr_t)fault,      (uintptr_t)fault, (uintptr_t)fault, (uintptr_t)fault,
    (uintptr_t)fault,      (uintptr_t)fault, (uintptr_t)fault, (uintptr_t)fault,
};

/* What a compiled model may call. */
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  unsigned char *t = to;
  const unsigned char *f = from;
  if (((uintptr_t)t | (uintptr_t)f) % 4 == 0)
    for (; bytes >= 4; bytes -= 4, t += 4, f += 4)
      *(uint32_t *)(void *)t = *(const uint32_t *)(const void *)f;
  while (bytes--)
    *t++ = *f++;
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  unsigned char *t = to;
  const unsigned char *f = from;
  if (t <= f)
    return memcpy(to, from, bytes);
  while (bytes--)
    t[bytes] = f[bytes];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  unsigned char *t = to;
  while (bytes--)
    *t++ = (unsigned char)value;
  return to;
}
