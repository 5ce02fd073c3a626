/* What this core does at most, in loops that nothing but the unit under test
 * holds up; built with -march=native.
 *
 *   peak           "vpdpbusd <multiply-adds a second>" (absent without the
 *                  instruction) and "read <bytes a second>" of a buffer far
 *                  larger than the caches */
#define _POSIX_C_SOURCE 200112L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#if defined(__AVX512VNNI__)
#define PEAK 1
/* 16 independent accumulators: more than latency times issue. */
static double dot_products(long rounds) {
  double begin = now();
  __asm__ volatile("vpxorq %%zmm30, %%zmm30, %%zmm30\n\t"
                   "1:\n\t"
#define ONE(n) "vpdpbusd %%zmm30, %%zmm30, %%zmm" #n "\n\t"
                   ONE(0) ONE(1) ONE(2) ONE(3) ONE(4) ONE(5) ONE(6) ONE(7) ONE(8) ONE(9) ONE(10) ONE(11) ONE(12) ONE(13) ONE(14) ONE(15)
#undef ONE
                   "dec %0\n\t"
                   "jnz 1b"
                   : "+r"(rounds)
                   :
                   : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
                     "xmm14", "xmm15", "xmm30");
  return now() - begin;
}
#endif

/* Bytes a second of reading `bytes` over and over, the best of several. */
static double reading(size_t bytes, int rounds) {
  uint64_t *data;
  if (posix_memalign((void **)&data, 4096, bytes))
    exit(1);
  memset(data, 1, bytes);
  double best = 0;
  uint64_t sum = 0;
  for (int r = 0; r < rounds; ++r) {
    double begin = now();
    uint64_t lanes[32] = {0}; /* enough loads at a time */
    for (size_t i = 0; i + 32 <= bytes / 8; i += 32)
      for (int k = 0; k < 32; ++k)
        lanes[k] += data[i + (size_t)k];
    for (int k = 0; k < 32; ++k)
      sum += lanes[k];
    double rate = (double)bytes / (now() - begin);
    best = rate > best ? rate : best;
  }
  free(data);
  if (sum == 42)
    puts("");
  return best;
}

int main(void) {
#ifdef PEAK
  const long rounds = 20000000;
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    double rate = (double)rounds * 16 * 64 / dot_products(rounds);
    best = rate > best ? rate : best;
  }
  printf("vpdpbusd %.6g\n", best);
#endif
  printf("read %.6g\n", reading((size_t)512 << 20, 8));
  return 0;
}
