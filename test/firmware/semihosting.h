/* ARM semihosting: files, text and the exit code of the host, by a breakpoint
 * that the debugger or the emulator answers (Arm's "Semihosting for AArch32
 * and AArch64"). */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

/* Opens a file of the host, "rb" or "wb"; -1 when it cannot. */
int semihosting_open(const char *path, int writes);
/* Reads exactly `bytes`; 0 when fewer are left. */
int semihosting_read(int file, void *to, uint32_t bytes);
/* Writes exactly `bytes`; 0 on failure. */
int semihosting_write(int file, const void *from, uint32_t bytes);
void semihosting_close(int file);
void semihosting_print(const char *text);
_Noreturn void semihosting_exit(int code);

#endif
