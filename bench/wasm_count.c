/* The program around a WebAssembly model whose code counts its instructions
 * (wasm_count.py): runs it once and says how many it took. */
#include <stdint.h>
#include <stdio.h>

uint64_t onnxc_count;

__attribute__((destructor)) static void tell(void) { fprintf(stderr, "instructions %llu\n", (unsigned long long)onnxc_count); }

#include "startup.c"
