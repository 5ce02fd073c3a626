/* Calls a model, x: float [2, 3], y: float [2, 3], with one thing wrong each
 * time: the status says what, and neither outputs nor arena nor descriptors
 * are touched. */
#include "fixed.h"
#include <stdio.h>
#include <string.h>

static float input[6] = {1, 2, 3, 4, 5, 6}, output[6];
static _Alignas(64) unsigned char arena[FIXED_ARENA_BYTES + 64];
static fixed_inputs in;
static fixed_outputs out;
static int failures;

static void reset(void) {
  memset(output, 0x5a, sizeof output);
  memset(arena, 0x5a, sizeof arena);
  in.x = (onnxc_tensor){input, sizeof input, ONNXC_TYPE_FLOAT, 2, {2, 3}};
  out.y = (onnxc_tensor){output, sizeof output, 77, 5, {9, 9}};
}

static int is_filled(const void *p, size_t bytes) {
  const unsigned char *b = p;
  for (size_t i = 0; i < bytes; ++i)
    if (b[i] != 0x5a)
      return 0;
  return 1;
}

static void expect(const char *what, int32_t got, int32_t wanted) {
  int touched = !is_filled(output, sizeof output) || !is_filled(arena, sizeof arena) || out.y.rank != 5 || out.y.dims[0] != 9;
  if (got != wanted || touched) {
    printf("%s: status %d (%s), wanted %d%s\n", what, got, onnxc_status_string(got), wanted, touched ? ", memory touched" : "");
    ++failures;
  }
  reset();
}

static onnxc_context context;
static char logged[ONNXC_ERROR_TEXT];
static void log_line(void *user, const char *line) {
  (void)user;
  strcpy(logged, line);
}

static int32_t run(void) { return fixed_run(NULL, NULL, &in, &out, arena, sizeof arena); }

/* With a context: the record says the same as the status, and `said`. */
static void expect_said(const char *what, int32_t wanted, const char *said) {
  memset(&context, 0, sizeof context);
  context.version = ONNXC_VERSION;
  context.error_node = 7;
  context.log = log_line;
  logged[0] = 0;
  int32_t got = fixed_run(NULL, &context, &in, &out, arena, sizeof arena);
  if (!context.error_message || strcmp(context.error_message, said) || strcmp(logged, said) || context.error_code != wanted ||
      context.error_node != -1) {
    printf("%s: said '%s', logged '%s', code %d, node %d\n", what, context.error_message ? context.error_message : "", logged, context.error_code,
           context.error_node);
    ++failures;
  }
  expect(what, got, wanted);
}

int main(void) {
  reset();
  in.x.dims[0] = 3;
  expect("dim", run(), ONNXC_SHAPE_MISMATCH);
  in.x.dims[1] = -3;
  expect("negative dim", run(), ONNXC_SHAPE_MISMATCH);
  in.x.rank = 3;
  expect("rank", run(), ONNXC_SHAPE_MISMATCH);
  in.x.rank = -1;
  expect("negative rank", run(), ONNXC_SHAPE_MISMATCH);
  in.x.type = ONNXC_TYPE_DOUBLE;
  expect("type", run(), ONNXC_TYPE_MISMATCH);
  in.x.data = NULL;
  expect("no input data", run(), ONNXC_BAD_ARGUMENT);
  out.y.data = NULL;
  expect("no output data", run(), ONNXC_BAD_ARGUMENT);
  out.y.bytes = sizeof output - 1;
  expect("small output", run(), ONNXC_OUTPUT_TOO_SMALL);
  expect("no inputs", fixed_run(NULL, NULL, NULL, &out, arena, sizeof arena), ONNXC_BAD_ARGUMENT);
  expect("no outputs", fixed_run(NULL, NULL, &in, NULL, arena, sizeof arena), ONNXC_BAD_ARGUMENT);
  expect("small arena", fixed_run(NULL, NULL, &in, &out, arena, FIXED_ARENA_BYTES - 1), ONNXC_ARENA_TOO_SMALL);
  expect("no arena", fixed_run(NULL, NULL, &in, &out, NULL, sizeof arena), ONNXC_BAD_ARGUMENT);
  expect("odd arena", fixed_run(NULL, NULL, &in, &out, arena + 4, FIXED_ARENA_BYTES), ONNXC_ARENA_MISALIGNED);
  in.x.dims[0] = -7;
  expect_said("dim, said", ONNXC_SHAPE_MISMATCH, "input 'x': dim 0: got -7, wanted 2");
  in.x.dims[1] = INT64_MIN;
  expect_said("lowest dim, said", ONNXC_SHAPE_MISMATCH, "input 'x': dim 1: got -9223372036854775808, wanted 3");
  in.x.rank = 5;
  expect_said("rank, said", ONNXC_SHAPE_MISMATCH, "input 'x': got rank 5, wanted 2");
  in.x.type = ONNXC_TYPE_DOUBLE;
  expect_said("type, said", ONNXC_TYPE_MISMATCH, "input 'x': got element type 11 of ONNX, wanted 1");
  in.x.data = NULL;
  expect_said("no data, said", ONNXC_BAD_ARGUMENT, "input 'x': got no data");
  out.y.bytes = 20;
  expect_said("small output, said", ONNXC_OUTPUT_TOO_SMALL, "output 'y': got 20 bytes, wanted 24");
  context.version = ONNXC_VERSION - 1;
  context.error_message = NULL;
  expect("version", fixed_run(NULL, &context, &in, &out, arena, sizeof arena), ONNXC_VERSION_MISMATCH);
  if (context.error_message) {
    printf("a context of another version was written\n");
    ++failures;
  }
  /* Nothing wrong: the run writes. */
  if (run() != ONNXC_OK || is_filled(output, sizeof output) || out.y.rank != 2 || out.y.dims[1] != 3) {
    printf("a good call failed\n");
    ++failures;
  }
  printf("%d failures\n", failures);
  return failures != 0;
}
