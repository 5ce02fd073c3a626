/* Runs one model on two threads, the other on the GPU, and compares. */
#include "device.h"
#include "onnxc_pool.h"
#include "pooled.h"
#include <stdio.h>

static _Alignas(64) unsigned char arena[POOLED_ARENA_BYTES + 1], state[DEVICE_STATE_BYTES], pool[1 << 16];

int main(void) {
  float x[4 * 32], y[4 * 16] = {0}, z[4 * 16] = {0};
  for (int i = 0; i < 4 * 32; ++i)
    x[i] = (float)(i % 7);

  pooled_inputs in = {.x = {.data = x, .bytes = sizeof x, .type = POOLED_INPUT_0_TYPE, .rank = 2, .dims = POOLED_INPUT_0_DIMS}};
  pooled_outputs out = {.y = {.data = y, .bytes = sizeof y}};
  onnxc_context context = {.version = ONNXC_VERSION};
  if (onnxc_pool_init(pool, sizeof pool, 2, &context.executor) != ONNXC_OK)
    return 1;
  int status = pooled_run(NULL, &context, &in, &out, arena, sizeof arena);
  onnxc_pool_deinit(context.executor);
  printf("threads: status %d, y[1] = %g\n", status, y[1]);

  status = device_init((device_state *)state, sizeof state, &context);
  if (status != ONNXC_OK) {
    printf("GPU: %s: %s\n", onnxc_status_string(status), context.error_message);
    return 0;
  }
  status = device((device_state *)state, x, z, NULL);
  device_deinit((device_state *)state);
  printf("GPU: status %d, y[1] = %g\n", status, z[1]);
  return 0;
}
