/* What programs that run a model with regions have in common: its one float input and output, and what a run says. */
#include "m.h"
#include <stdio.h>
#include <string.h>

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

static void describe_all(void) {
  describe(&m_model()->inputs[0], input, sizeof input, &ins.M_INPUT_0_NAME);
  describe(&m_model()->outputs[0], output, sizeof output, &outs.M_OUTPUT_0_NAME);
}
