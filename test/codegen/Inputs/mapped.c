/* Runs a model whose weights are in a file: mapped m.weights.bin */
#define _POSIX_C_SOURCE 200112L
#include "with_regions.h"
#include <fcntl.h>
#include <sys/mman.h>

static _Alignas(64) unsigned char arena[M_ARENA_BYTES + 1];

int main(int argc, char **argv) {
  int file = argc > 1 ? open(argv[1], O_RDONLY) : -1;
  void *weights = mmap(NULL, M_WEIGHTS_BYTES, PROT_READ, MAP_PRIVATE, file, 0);
  if (weights == MAP_FAILED)
    return 1;
  const onnxc_model *model = m_model();
  if (model->weights_region != 1 || model->num_regions != 2 || model->regions[1].bytes != M_WEIGHTS_BYTES)
    return 1;
  describe_all();
  m_regions regions = {{arena, M_ARENA_BYTES}, {weights, M_WEIGHTS_BYTES}};
  run("right", &regions, sizeof regions);
  float again[M_OUTPUT_0_BYTES / sizeof(float)];
  printf("typed: %d\n", m(input, again, arena, weights));
  if (memcmp(again, output, sizeof again) != 0)
    return 1;
  m_regions bad = regions;
  bad.weights.data = NULL;
  run("null", &bad, sizeof bad);
  bad.weights.data = (char *)weights + 32;
  run("misaligned", &bad, sizeof bad);
  bad = regions;
  bad.weights.bytes = 64;
  run("short", &bad, sizeof bad);
  return 0;
}
