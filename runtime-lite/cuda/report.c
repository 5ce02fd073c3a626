/* How failures reach the caller: one line in the context's error record and
 * log. */
#include "state.h"

#include <stdarg.h>
#include <stdio.h>

int32_t onnxc_cuda_report(onnxc_cuda_state *state, onnxc_context *context,
                          int32_t status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(state->message, sizeof state->message, format, arguments);
  va_end(arguments);
  /* One line, also where the JIT's log has several. */
  for (char *c = state->message; *c; ++c)
    if (*c == '\n' || *c == '\r' || *c == '\t')
      *c = ' ';
  if (!context)
    return status;
  context->error_code = status;
  context->error_node = -1;
  context->error_message = state->message;
  if (context->version >= 3 && context->log)
    context->log(context->user, state->message);
  return status;
}

const char *onnxc_cuda_error_name(const onnxc_cuda_state *state,
                                  cu_result code) {
  const char *name = NULL;
  return state->driver.error_name(code, &name) == CU_SUCCESS && name
             ? name
             : "unknown error";
}

const char *onnxc_cuda_error_text(const onnxc_cuda_state *state,
                                  cu_result code) {
  const char *text = NULL;
  return state->driver.error_text(code, &text) == CU_SUCCESS && text
             ? text
             : "no description";
}
