/* The semihosting calls that the tests need. */
#include "semihosting.h"

enum { OPEN = 0x01, CLOSE = 0x02, WRITE0 = 0x04, WRITE = 0x05, READ = 0x06, EXIT_EXTENDED = 0x20 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 }; /* modes of OPEN */
enum { APPLICATION_EXIT = 0x20026 };

static uint32_t call(uint32_t operation, const void *block) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = block;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

int semihosting_open(const char *path, int writes) {
  uint32_t length = 0;
  while (path[length])
    ++length;
  uint32_t block[3] = {(uint32_t)path, writes ? WRITE_BINARY : READ_BINARY, length};
  return (int)call(OPEN, block);
}

/* READ and WRITE return the number of bytes that were NOT moved. */
int semihosting_read(int file, void *to, uint32_t bytes) {
  uint32_t block[3] = {(uint32_t)file, (uint32_t)to, bytes};
  return call(READ, block) == 0;
}

int semihosting_write(int file, const void *from, uint32_t bytes) {
  uint32_t block[3] = {(uint32_t)file, (uint32_t)from, bytes};
  return call(WRITE, block) == 0;
}

void semihosting_close(int file) {
  uint32_t block[1] = {(uint32_t)file};
  call(CLOSE, block);
}

void semihosting_print(const char *text) { call(WRITE0, text); }

_Noreturn void semihosting_exit(int code) {
  uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)code};
  for (;;)
    call(EXIT_EXTENDED, block);
}
