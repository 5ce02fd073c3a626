/* Runs a model whose arena lies in two memories. */
#include "m.h"
#include <stdio.h>
#include <string.h>

static _Alignas(64) unsigned char fast[M_ARENA_FAST_BYTES + 64], slow[M_ARENA_SLOW_BYTES + 64];
static float input[M_INPUT_0_BYTES / sizeof(float)], output[M_OUTPUT_0_BYTES / sizeof(float)];

static onnxc_context context = {.version = ONNXC_VERSION};
static m_inputs ins;
static m_outputs outs;

static void run(const char *what, const void *regions, size_t bytes) {
  context.error_message = "";
  int status = m_run(NULL, &context, &ins, &outs, regions, bytes);
  printf("%s: %d %s\n", what, status, status ? context.error_message : "");
}

static void describe(const onnxc_tensor_info *info, void *data, size_t bytes, onnxc_tensor *t) {
  t->data = data;
  t->bytes = bytes;
  t->type = info->type;
  t->rank = info->rank;
  memcpy(t->dims, info->dims, sizeof t->dims);
}

int main(void) {
  const onnxc_model *model = m_model();
  for (size_t i = 0; i < sizeof input / sizeof *input; ++i)
    input[i] = (float)(i % 17) - 8;
  describe(&model->inputs[0], input, sizeof input, &ins.M_INPUT_0_NAME);
  describe(&model->outputs[0], output, sizeof output, &outs.M_OUTPUT_0_NAME);
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
