/* Runs every model of the image on inputs from a file of the host and writes
 * all outputs to another.
 *
 *   in.bin    uint32 rounds; per round and model the inputs, one after the other
 *   out.bin   per round and model the outputs; at the end uint32 bytes of stack used */
#include "image.h"
#include "semihosting.h"

#include "onnxc.h"

extern uint32_t stack_bottom, stack_top;
enum { PAINT = 0x5AC3E187 };

static void paint_stack(void) {
  uint32_t sp;
  __asm__ volatile("mov %0, sp" : "=r"(sp));
  for (volatile uint32_t *p = &stack_bottom; (uint32_t)p < sp; ++p)
    *p = PAINT;
}
static uint32_t stack_used(void) {
  const volatile uint32_t *p = &stack_bottom;
  while (*p == PAINT)
    ++p;
  return (uint32_t)((const char *)&stack_top - (const char *)p);
}

static uint32_t bytes_of(const onnxc_tensor_info *info) {
  static const uint8_t bytes[17] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 8, 16, 2};
  uint32_t n = bytes[info->type];
  for (int32_t d = 0; d < info->rank; ++d)
    n *= (uint32_t)info->dims[d];
  return n;
}

static void describe(const onnxc_tensor_info *info, uint8_t *data, onnxc_tensor *t) {
  t->data = data;
  t->bytes = bytes_of(info);
  t->type = info->type;
  t->rank = info->rank;
  for (int32_t d = 0; d < info->rank; ++d)
    t->dims[d] = info->dims[d];
}

/* Where a tensor is: its place in the arena, or the next bytes of `io`. */
static uint8_t *place(const onnxc_tensor_info *info, int32_t region, uint8_t **next) {
  uint8_t *at = *next;
  if (info->arena_offset >= 0)
    return (uint8_t *)regions[region].data + info->arena_offset;
  *next += (bytes_of(info) + 15) / 16 * 16;
  return at;
}

static const char *run_one(const onnxc_model *model, const onnxc_region *file, int in, int out) {
  static onnxc_tensor inputs[MAX_PORTS], outputs[MAX_PORTS];
  uint8_t *next = io;
  int several = (model->flags & ONNXC_FLAG_REGIONS) != 0;
  for (int32_t i = 0; i < model->num_inputs; ++i) {
    describe(&model->inputs[i], place(&model->inputs[i], several ? model->input_regions[i] : 0, &next), &inputs[i]);
    if (!semihosting_read(in, inputs[i].data, (uint32_t)inputs[i].bytes))
      return "in.bin is too short\n";
  }
  for (int32_t i = 0; i < model->num_outputs; ++i)
    describe(&model->outputs[i], place(&model->outputs[i], several ? model->output_regions[i] : 0, &next), &outputs[i]);
  onnxc_region given[PARTS + 1];
  for (int i = 0; i < PARTS; ++i)
    given[i] = regions[i];
  given[PARTS] = *file; /* the last one, where it is wanted */
  void *arena = several ? (void *)given : regions[0].data;
  size_t bytes = several ? (uint32_t)model->num_regions * sizeof regions[0] : regions[0].bytes;
  if (model->run((void *)0, (void *)0, inputs, outputs, arena, bytes) != ONNXC_OK)
    return "a model did not run\n";
  for (int32_t i = 0; i < model->num_outputs; ++i)
    if (!semihosting_write(out, outputs[i].data, (uint32_t)outputs[i].bytes))
      return "out.bin cannot be written\n";
  return 0;
}

int main(void) {
  paint_stack();
  int in = semihosting_open("in.bin", 0), out = semihosting_open("out.bin", 1);
  uint32_t rounds;
  const char *error = 0;
  if (in < 0 || out < 0 || !semihosting_read(in, &rounds, sizeof rounds))
    error = "in.bin or out.bin cannot be opened\n";
  for (uint32_t r = 0; !error && r < rounds; ++r)
    for (unsigned m = 0; !error && models[m]; ++m)
      error = run_one(models[m](), &weights[m], in, out);
  uint32_t used = stack_used();
  if (!error && !semihosting_write(out, &used, sizeof used))
    error = "out.bin cannot be written\n";
  semihosting_close(out);
  if (error)
    semihosting_print(error);
  return error ? 1 : 0;
}
