/* Runs a model whose weights are in a file: mapped m.weights.bin */
#define _POSIX_C_SOURCE 200112L
#include "m.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static _Alignas(64) unsigned char arena[M_ARENA_BYTES + 1];
static float input[M_INPUT_0_BYTES / sizeof(float)], output[M_OUTPUT_0_BYTES / sizeof(float)];
static onnxc_context context = {.version = ONNXC_VERSION};
static m_inputs ins;
static m_outputs outs;

static void run(const char *what, const m_regions *regions) {
  context.error_message = "";
  int status = m_run(NULL, &context, &ins, &outs, regions, sizeof *regions);
  printf("%s: %d %s\n", what, status, status ? context.error_message : "");
}

static void describe(const onnxc_tensor_info *info, void *data, size_t bytes, onnxc_tensor *t) {
  t->data = data;
  t->bytes = bytes;
  t->type = info->type;
  t->rank = info->rank;
  memcpy(t->dims, info->dims, sizeof t->dims);
}

int main(int argc, char **argv) {
  int file = argc > 1 ? open(argv[1], O_RDONLY) : -1;
  void *weights = mmap(NULL, M_WEIGHTS_BYTES, PROT_READ, MAP_PRIVATE, file, 0);
  if (weights == MAP_FAILED)
    return 1;
  const onnxc_model *model = m_model();
  if (model->weights_region != 1 || model->num_regions != 2 || model->regions[1].bytes != M_WEIGHTS_BYTES)
    return 1;
  describe(&model->inputs[0], input, sizeof input, &ins.M_INPUT_0_NAME);
  describe(&model->outputs[0], output, sizeof output, &outs.M_OUTPUT_0_NAME);
  m_regions regions = {{arena, M_ARENA_BYTES}, {weights, M_WEIGHTS_BYTES}};
  run("right", &regions);
  float again[M_OUTPUT_0_BYTES / sizeof(float)];
  printf("typed: %d\n", m(input, again, arena, weights));
  if (memcmp(again, output, sizeof again) != 0)
    return 1;
  m_regions bad = regions;
  bad.weights.data = NULL;
  run("null", &bad);
  bad.weights.data = (char *)weights + 32;
  run("misaligned", &bad);
  bad = regions;
  bad.weights.bytes = 64;
  run("short", &bad);
  return 0;
}
