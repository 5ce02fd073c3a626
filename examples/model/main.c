/* Runs a model once on inputs of zeros. All memory is the program's own: the
 * arena's size is known from the header before anything is linked. */
#include "net.h"

static _Alignas(NET_ARENA_ALIGN) unsigned char arena[NET_ARENA_BYTES + 1];
static _Alignas(16) unsigned char input[NET_INPUT_0_BYTES];
static _Alignas(16) unsigned char output[NET_OUTPUT_0_BYTES];

static void describe(const onnxc_tensor_info *info, void *data, size_t bytes, onnxc_tensor *t) {
  t->data = data;
  t->bytes = bytes;
  t->type = info->type;
  t->rank = info->rank;
  for (int32_t d = 0; d < info->rank; ++d)
    t->dims[d] = info->dims[d];
}

int main(void) {
  const onnxc_model *model = net_model();
  static net_inputs in;
  static net_outputs out;
  describe(&model->inputs[0], input, sizeof input, &in.NET_INPUT_0_NAME);
  describe(&model->outputs[0], output, sizeof output, &out.NET_OUTPUT_0_NAME);
  return net_run((net_state *)0, (onnxc_context *)0, &in, &out, arena, sizeof arena);
}
