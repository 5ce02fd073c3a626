/* A small program around a compiled model: linked with the model's object, runs
 * it on a flat grey image, as often as its argument says or once, and prints the
 * first value. */
#include "onnxc.h"
#include <stdio.h>
#include <stdlib.h>

const onnxc_model *MODEL_ENTRY(void);

static size_t element_bytes(int32_t type) {
  switch (type) {
  case ONNXC_TYPE_INT64:
  case ONNXC_TYPE_DOUBLE:
    return 8;
  case ONNXC_TYPE_FLOAT:
  case ONNXC_TYPE_INT32:
    return 4;
  default:
    return 1;
  }
}

static onnxc_tensor make(const onnxc_tensor_info *info) {
  onnxc_tensor tensor = {0};
  size_t count = 1;
  tensor.type = info->type;
  tensor.rank = info->rank;
  for (int32_t i = 0; i < info->rank; ++i) {
    tensor.dims[i] = info->dims[i];
    count *= (size_t)info->dims[i];
  }
  tensor.bytes = count * element_bytes(info->type);
  tensor.data = calloc(tensor.bytes, 1);
  if (info->type == ONNXC_TYPE_FLOAT && tensor.data)
    for (size_t i = 0; i < count; ++i)
      ((float *)tensor.data)[i] = 0.5f;
  return tensor;
}

int main(int argc, char **argv) {
  const onnxc_model *model = MODEL_ENTRY();
  onnxc_tensor inputs[16], outputs[16];
  size_t align = model->arena_align > 64 ? (size_t)model->arena_align : 64;
  size_t bytes = ((size_t)model->arena_bytes + align) / align * align;
  void *arena = aligned_alloc(align, bytes);
  if (model->num_inputs > 16 || model->num_outputs > 16 || !arena)
    return 2;
  for (int32_t i = 0; i < model->num_inputs; ++i)
    inputs[i] = make(&model->inputs[i]);
  for (int32_t i = 0; i < model->num_outputs; ++i)
    outputs[i] = make(&model->outputs[i]);
  for (int runs = argc > 1 ? atoi(argv[1]) : 1; runs > 0; --runs)
    if (model->run(NULL, NULL, inputs, outputs, arena,
                   (size_t)model->arena_bytes) != ONNXC_OK)
      return 3;
  printf("%g\n", (double)((float *)outputs[0].data)[0]);
  return 0;
}
