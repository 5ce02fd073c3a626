/* Runs a model whose arena lies in two memories. */
#include "with_regions.h"

static _Alignas(64) unsigned char fast[M_ARENA_FAST_BYTES + 64], slow[M_ARENA_SLOW_BYTES + 64];

int main(void) {
  for (size_t i = 0; i < sizeof input / sizeof *input; ++i)
    input[i] = (float)(i % 17) - 8;
  describe_all();
  /* Nothing behind a region is written. */
  memset(fast, 0xa5, sizeof fast);
  memset(slow, 0xa5, sizeof slow);
  m_regions regions = {{fast, M_ARENA_FAST_BYTES}, {slow, M_ARENA_SLOW_BYTES}};
  run("right", &regions, sizeof regions);
  for (int i = 0; i < 64; ++i)
    if (fast[M_ARENA_FAST_BYTES + i] != 0xa5 || slow[M_ARENA_SLOW_BYTES + i] != 0xa5)
      return 1;
  static float again[M_OUTPUT_0_BYTES / sizeof(float)];
  printf("typed: %d\n", m(input, again, fast, slow));
  if (memcmp(again, output, sizeof again) != 0)
    return 1;
  m_regions bad = regions;
  bad.slow.data = NULL;
  run("null", &bad, sizeof bad);
  bad = regions;
  bad.fast.bytes -= 1;
  run("small", &bad, sizeof bad);
  bad = regions;
  bad.fast.data = fast + 4;
  run("misaligned", &bad, sizeof bad);
  run("none", NULL, sizeof bad);
  run("arena", fast, 4096);
  return 0;
}
