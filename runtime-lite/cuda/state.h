/* The state of a loaded program, and how its functions report failures. */
#ifndef ONNXC_CUDA_STATE_H
#define ONNXC_CUDA_STATE_H

#include "driver.h"
#include "onnxc_cuda.h"

#include <assert.h>

#define ONNXC_CUDA_MESSAGE_BYTES 1024

typedef struct {
  uint64_t mark; /* ONNXC_CUDA_READY between init and deinit */
  onnxc_cuda_driver driver;
  const onnxc_cuda_program *program;
  cu_device device;
  cu_context gpu;
  int32_t holds_primary; /* gpu is the primary context, retained by init */
  cu_module module;
  cu_address weights, arena;
  /* The present run. */
  onnxc_context *context;
  cu_stream stream;
  int32_t is_running, status, touched_host;
  uint32_t launches, last_kernel;
  char message[ONNXC_CUDA_MESSAGE_BYTES];
  cu_function functions[]; /* kernel_count of them */
} onnxc_cuda_state;

#define ONNXC_CUDA_READY UINT64_C(0x6f6e6e7863756461)

static_assert(sizeof(onnxc_cuda_state) <= ONNXC_CUDA_STATE_BYTES(0),
              "ONNXC_CUDA_STATE_BYTES is too small");
static_assert(sizeof(cu_function) <= 8, "a kernel takes 8 bytes of the state");

/* Puts "format, arguments" into the state's message, and code and message into
 * the error record of `context` (may be NULL) and its log. Returns status. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
int32_t
onnxc_cuda_report(onnxc_cuda_state *state, onnxc_context *context,
                  int32_t status, const char *format, ...);

/* The driver's name of an error, and its text. */
const char *onnxc_cuda_error_name(const onnxc_cuda_state *state,
                                  cu_result code);
const char *onnxc_cuda_error_text(const onnxc_cuda_state *state,
                                  cu_result code);

#endif /* ONNXC_CUDA_STATE_H */
