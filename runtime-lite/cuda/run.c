/* What generated code calls in a run. */
#include "state.h"

static const char *name_of_last(const onnxc_cuda_state *state) {
  return state->launches ? state->program->kernels[state->last_kernel].name
                         : "none";
}

static const char *node_of_last(const onnxc_cuda_state *state) {
  return state->launches ? state->program->kernels[state->last_kernel].node
                         : "";
}

static void leave(onnxc_cuda_state *state) {
  cu_context popped;
  state->driver.context_pop(&popped);
  state->is_running = 0;
}

/* Keeps the status for the rest of the run, which is over for the driver. */
static int32_t stop(onnxc_cuda_state *state, int32_t status) {
  leave(state);
  state->status = status;
  return status;
}

/* A failed call of the driver. What kernels did wrong shows only at some later
 * call, so the last one is named. */
static int32_t refuse(onnxc_cuda_state *state, const char *what,
                      cu_result code) {
  return stop(state, onnxc_cuda_report(
                         state, state->context, ONNXC_DEVICE_ERROR,
                         "%s: %s (%s); last launched: kernel '%s' (node '%s')",
                         what, onnxc_cuda_error_name(state, code),
                         onnxc_cuda_error_text(state, code),
                         name_of_last(state), node_of_last(state)));
}

int32_t onnxc_cuda_begin(void *memory, onnxc_context *context) {
  onnxc_cuda_state *state = memory;
  if (!state || state->mark != ONNXC_CUDA_READY)
    return ONNXC_BAD_ARGUMENT;
  onnxc_cuda_driver *driver = &state->driver;
  state->context = context;
  state->status = ONNXC_OK;
  state->touched_host = 0;
  state->launches = 0;
  state->stream =
      context && context->version >= 3 ? (cu_stream)context->stream : NULL;
  cu_result code = driver->context_push(state->gpu);
  if (code != CU_SUCCESS) {
    state->status = onnxc_cuda_report(
        state, context, ONNXC_DEVICE_ERROR,
        "the GPU's context cannot be entered: %s (%s)",
        onnxc_cuda_error_name(state, code), onnxc_cuda_error_text(state, code));
    return state->status;
  }
  state->is_running = 1;
  if (!state->stream)
    return ONNXC_OK;
  cu_context owner = NULL;
  code = driver->stream_context(state->stream, &owner);
  if (code != CU_SUCCESS)
    return refuse(state, "the stream in the context cannot be used", code);
  if (owner != state->gpu)
    return stop(state, onnxc_cuda_report(
                           state, context, ONNXC_BAD_ARGUMENT,
                           "the stream belongs to another GPU context than "
                           "the one that was current when the model was made "
                           "ready"));
  return ONNXC_OK;
}

/* What the driver knows of a pointer. */
typedef struct {
  int32_t is_device, is_locked_host;
} pointer_space;

static int32_t classify(onnxc_cuda_state *state, const void *p,
                        pointer_space *space) {
  unsigned type = 0, is_managed = 0;
  int ordinal = 0;
  int attributes[] = {CU_POINTER_MEMORY_TYPE, CU_POINTER_IS_MANAGED,
                      CU_POINTER_DEVICE_ORDINAL};
  void *data[] = {&type, &is_managed, &ordinal};
  cu_result code = state->driver.pointer_attributes(3, attributes, data,
                                                    (cu_address)(uintptr_t)p);
  if (code != CU_SUCCESS)
    return refuse(state, "the driver cannot tell whose memory it is given",
                  code);
  space->is_device = type == CU_MEMORY_DEVICE;
  space->is_locked_host = type == CU_MEMORY_HOST;
  if (space->is_device && !is_managed && ordinal != state->device)
    return stop(state,
                onnxc_cuda_report(state, state->context,
                                  ONNXC_WRONG_POINTER_SPACE,
                                  "%p is memory of GPU %d, the model runs on "
                                  "GPU %d; give it host memory, or memory of "
                                  "that GPU",
                                  p, ordinal, state->device));
  return ONNXC_OK;
}

static int32_t is_usable(const void *p, const pointer_space *space) {
  return space->is_device && (uintptr_t)p % ONNXC_CUDA_ALIGN == 0;
}

/* Where an input or output lives on the device; 0 with an error. */
static cu_address place(onnxc_cuda_state *state, const void *p,
                        uint64_t slot_offset, pointer_space *space,
                        int32_t *status) {
  *status = state->status;
  if (*status == ONNXC_OK)
    *status = classify(state, p, space);
  if (*status != ONNXC_OK)
    return 0;
  state->touched_host |= !space->is_device;
  return is_usable(p, space) ? (cu_address)(uintptr_t)p
                             : state->arena + slot_offset;
}

uint64_t onnxc_cuda_input(void *memory, const void *p, size_t bytes,
                          uint64_t slot_offset, int32_t *status) {
  onnxc_cuda_state *state = memory;
  pointer_space space = {0, 0};
  cu_address address = place(state, p, slot_offset, &space, status);
  if (*status != ONNXC_OK || bytes == 0 || is_usable(p, &space))
    return address;
  cu_result code =
      space.is_device
          ? state->driver.copy_within(address, (cu_address)(uintptr_t)p, bytes,
                                      state->stream)
          : state->driver.copy_to_device(address, p, bytes, state->stream);
  if (code == CU_SUCCESS)
    return address;
  *status = refuse(state, "an input cannot be copied to the GPU", code);
  return 0;
}

uint64_t onnxc_cuda_output(void *memory, void *p, size_t bytes,
                           uint64_t slot_offset, int32_t *status) {
  (void)bytes;
  pointer_space space;
  return place(memory, p, slot_offset, &space, status);
}

int32_t onnxc_cuda_finish_output(void *memory, void *p, size_t bytes,
                                 uint64_t device) {
  onnxc_cuda_state *state = memory;
  if (state->status != ONNXC_OK || bytes == 0 ||
      device == (cu_address)(uintptr_t)p)
    return state->status;
  pointer_space space;
  int32_t status = classify(state, p, &space);
  if (status != ONNXC_OK)
    return status;
  cu_result code =
      space.is_device
          ? state->driver.copy_within((cu_address)(uintptr_t)p, device, bytes,
                                      state->stream)
          : state->driver.copy_to_host(p, device, bytes, state->stream);
  return code == CU_SUCCESS
             ? ONNXC_OK
             : refuse(state, "an output cannot be copied from the GPU", code);
}

uint64_t onnxc_cuda_arena(void *memory) {
  return ((onnxc_cuda_state *)memory)->arena;
}

uint64_t onnxc_cuda_weights(void *memory) {
  return ((onnxc_cuda_state *)memory)->weights;
}

int32_t onnxc_cuda_launch(void *memory, uint32_t kernel, uint32_t gx,
                          uint32_t gy, uint32_t gz, uint32_t bx, uint32_t by,
                          uint32_t bz, void **args) {
  onnxc_cuda_state *state = memory;
  if (state->status != ONNXC_OK || gx == 0 || gy == 0 || gz == 0)
    return state->status;
  const onnxc_cuda_kernel *row = &state->program->kernels[kernel];
  cu_result code = state->driver.launch(state->functions[kernel], gx, gy, gz,
                                        bx, by, bz, row->shared_bytes,
                                        state->stream, args, NULL);
  if (code == CU_SUCCESS) {
    state->last_kernel = kernel;
    ++state->launches;
    return ONNXC_OK;
  }
  return stop(state,
              onnxc_cuda_report(
                  state, state->context, ONNXC_LAUNCH_FAILED,
                  "kernel '%s' (node '%s') with %u x %u x %u blocks of %u x %u "
                  "x %u threads and %u bytes of shared memory: %s (%s)",
                  row->name, row->node, gx, gy, gz, bx, by, bz,
                  row->shared_bytes, onnxc_cuda_error_name(state, code),
                  onnxc_cuda_error_text(state, code)));
}

int32_t onnxc_cuda_copy(void *memory, void *host, uint64_t device, size_t bytes,
                        int32_t to_device) {
  onnxc_cuda_state *state = memory;
  if (state->status != ONNXC_OK || bytes == 0)
    return state->status;
  /* The driver stages ordinary host memory before it returns; page-locked
   * memory is read whenever the device comes to it. */
  pointer_space space = {0, 0};
  int32_t status = to_device ? classify(state, host, &space) : ONNXC_OK;
  if (status != ONNXC_OK)
    return status;
  cu_result code =
      to_device
          ? state->driver.copy_to_device(device, host, bytes, state->stream)
          : state->driver.copy_to_host(host, device, bytes, state->stream);
  if (code == CU_SUCCESS && (!to_device || space.is_locked_host))
    code = state->driver.stream_wait(state->stream);
  return code == CU_SUCCESS
             ? ONNXC_OK
             : refuse(state,
                      to_device ? "data of the host cannot be copied to the GPU"
                                : "data for the host cannot be copied from the "
                                  "GPU",
                      code);
}

int32_t onnxc_cuda_end(void *memory) {
  onnxc_cuda_state *state = memory;
  if (!state || state->mark != ONNXC_CUDA_READY)
    return ONNXC_BAD_ARGUMENT;
  if (!state->is_running)
    return state->status;
  if (state->touched_host) {
    cu_result code = state->driver.stream_wait(state->stream);
    if (code != CU_SUCCESS)
      return refuse(state, "the run failed on the GPU", code);
  }
  leave(state);
  return state->status;
}
