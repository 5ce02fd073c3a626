/* Calls a model with an output that is smaller than it says: the model, compiled
 * with --sanitize=address, must be caught at it. */
#include "model.h"
#include <stdio.h>
#include <stdlib.h>

static void *take(void *user, size_t bytes, size_t align) {
  void *p;
  (void)user;
  return posix_memalign(&p, align, bytes) ? NULL : p;
}
static void give(void *user, void *p) {
  (void)user;
  free(p);
}

int main(int argc, char **argv) {
  (void)argv;
  float *x = calloc(6, sizeof(float)), *y = malloc(argc > 1 ? 5 * sizeof(float) : 6 * sizeof(float));
  onnxc_context context = {0};
  context.version = ONNXC_VERSION;
  context.allocate = take;
  context.release = give;
  const onnxc_model *model = model_model();
  onnxc_tensor in = {x, 24, model->inputs[0].type, 2, {2, 3}}, out = {y, 24, model->outputs[0].type, 2, {2, 3}};
  int status = model->run(NULL, &context, &in, &out, NULL, 0);
  printf("status %d, y[0] = %g\n", status, (double)y[0]);
  free(x);
  free(y);
  return 0;
}
