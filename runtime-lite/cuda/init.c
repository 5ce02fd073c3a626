/* Making a program ready on a device, and giving it back. */
#include "state.h"

#include <string.h>

/* The driver of CUDA 11.0: the first that knows sm_80. */
#define MIN_DRIVER 11000
/* Dynamic shared memory above this must be asked for, per kernel. */
#define SHARED_BYTES_UNASKED (48u * 1024u)

#define JIT_LOG_BYTES 768

size_t onnxc_cuda_state_bytes(const onnxc_cuda_program *program) {
  return ONNXC_CUDA_STATE_BYTES(program->kernel_count);
}

/* A failed call of the driver. */
static int32_t refuse(onnxc_cuda_state *state, onnxc_context *context,
                      int32_t status, const char *what, cu_result code) {
  return onnxc_cuda_report(state, context, status, "%s: %s (%s)", what,
                           onnxc_cuda_error_name(state, code),
                           onnxc_cuda_error_text(state, code));
}

static int32_t load_driver(onnxc_cuda_state *state, onnxc_context *context) {
  const char *missing = onnxc_cuda_driver_load(&state->driver);
  if (!state->driver.library)
    return onnxc_cuda_report(state, context, ONNXC_NO_DRIVER,
                             "the NVIDIA driver is not there: %s; install it, "
                             "or compile the model without --gpu",
                             missing);
  if (missing)
    return onnxc_cuda_report(state, context, ONNXC_DRIVER_TOO_OLD,
                             "the NVIDIA driver has no %s; install a driver "
                             "for CUDA %d.%d or newer",
                             missing, MIN_DRIVER / 1000, MIN_DRIVER / 10 % 100);
  cu_result code = state->driver.init(0);
  if (code == CU_NO_DEVICE)
    return onnxc_cuda_report(state, context, ONNXC_NO_DEVICE,
                             "the NVIDIA driver finds no GPU");
  if (code == CU_SYSTEM_DRIVER_MISMATCH ||
      code == CU_COMPAT_NOT_SUPPORTED_ON_DEVICE)
    return refuse(state, context, ONNXC_DRIVER_TOO_OLD,
                  "the NVIDIA driver does not fit the system", code);
  if (code != CU_SUCCESS)
    return refuse(state, context, ONNXC_DEVICE_ERROR,
                  "the NVIDIA driver does not start", code);
  int version = 0;
  code = state->driver.driver_version(&version);
  if (code != CU_SUCCESS)
    return refuse(state, context, ONNXC_DEVICE_ERROR,
                  "the NVIDIA driver does not tell its version", code);
  if (version < MIN_DRIVER)
    return onnxc_cuda_report(
        state, context, ONNXC_DRIVER_TOO_OLD,
        "the NVIDIA driver is for CUDA %d.%d, wanted is one for %d.%d or newer",
        version / 1000, version / 10 % 100, MIN_DRIVER / 1000,
        MIN_DRIVER / 10 % 100);
  return ONNXC_OK;
}

/* Takes the current context, or the primary one of device 0, and makes it
 * current until leave_gpu(). */
static int32_t enter_gpu(onnxc_cuda_state *state, onnxc_context *context) {
  onnxc_cuda_driver *driver = &state->driver;
  cu_context gpu = NULL;
  cu_result code = driver->context_current(&gpu);
  if (code == CU_SUCCESS && gpu) {
    code = driver->context_device(&state->device);
  } else if (code == CU_SUCCESS) {
    int count = 0;
    code = driver->device_count(&count);
    if (code == CU_SUCCESS && count == 0)
      return onnxc_cuda_report(state, context, ONNXC_NO_DEVICE,
                               "the NVIDIA driver finds no GPU");
    if (code == CU_SUCCESS)
      code = driver->device_get(&state->device, 0);
    if (code == CU_SUCCESS)
      code = driver->primary_retain(&gpu, state->device);
    state->holds_primary = code == CU_SUCCESS;
  }
  if (code == CU_SUCCESS)
    code = driver->context_push(gpu);
  if (code != CU_SUCCESS)
    return refuse(state, context,
                  code == CU_OUT_OF_MEMORY ? ONNXC_DEVICE_OUT_OF_MEMORY
                                           : ONNXC_DEVICE_ERROR,
                  "the GPU's context cannot be had", code);
  state->gpu = gpu;
  return ONNXC_OK;
}

static void leave_gpu(onnxc_cuda_state *state) {
  cu_context popped;
  state->driver.context_pop(&popped);
}

/* The device's architecture as ten times major plus minor; 0 with an error. */
static uint32_t architecture(onnxc_cuda_state *state, onnxc_context *context,
                             int32_t *status) {
  int major = 0, minor = 0;
  cu_result code = state->driver.device_attribute(
      &major, CU_DEVICE_COMPUTE_CAPABILITY_MAJOR, state->device);
  if (code == CU_SUCCESS)
    code = state->driver.device_attribute(
        &minor, CU_DEVICE_COMPUTE_CAPABILITY_MINOR, state->device);
  if (code == CU_SUCCESS)
    return (uint32_t)(major * 10 + minor);
  *status = refuse(state, context, ONNXC_DEVICE_ERROR,
                   "the GPU does not tell its architecture", code);
  return 0;
}

/* A cubin runs on devices of its major version and at least its minor one; a
 * variant on its very architecture. The newest that runs, the variant first. */
static const onnxc_cuda_cubin *choose_cubin(const onnxc_cuda_program *program,
                                            uint32_t arch) {
  const onnxc_cuda_cubin *best = NULL;
  for (uint32_t i = 0; i < program->cubin_count; ++i) {
    const onnxc_cuda_cubin *cubin = &program->cubins[i];
    int runs = cubin->variant ? cubin->arch == arch
                              : cubin->arch / 10 == arch / 10 &&
                                    cubin->arch <= arch;
    if (runs && (!best || cubin->arch > best->arch ||
                 (cubin->arch == best->arch && cubin->variant)))
      best = cubin;
  }
  return best;
}

static int32_t load_module(onnxc_cuda_state *state, onnxc_context *context) {
  const onnxc_cuda_program *program = state->program;
  int32_t status = ONNXC_OK;
  uint32_t arch = architecture(state, context, &status);
  if (!arch)
    return status;
  char name[128] = "";
  state->driver.device_name(name, (int)sizeof name, state->device);
  const onnxc_cuda_cubin *cubin = choose_cubin(program, arch);
  const char *kind = cubin ? "cubin" : "PTX";
  const void *image = cubin ? cubin->data : program->ptx;
  if (!cubin && (!image || arch < program->min_arch))
    return onnxc_cuda_report(
        state, context, ONNXC_DEVICE_TOO_OLD,
        "the GPU '%s' has architecture sm_%u, the model was compiled for %ssm_%u; "
        "compile it for this GPU, if it is supported",
        name, arch, image ? "at least " : "", program->min_arch);

  char log[JIT_LOG_BYTES] = "";
  int options[] = {CU_JIT_ERROR_LOG, CU_JIT_ERROR_LOG_BYTES};
  void *values[] = {log, (void *)(uintptr_t)(sizeof log - 1)};
  cu_result code =
      state->driver.module_load(&state->module, image, 2, options, values);
  if (code == CU_SUCCESS)
    return ONNXC_OK;
  state->module = NULL;
  log[sizeof log - 1] = '\0';
  if (code == CU_UNSUPPORTED_PTX_VERSION)
    status = ONNXC_DRIVER_TOO_OLD;
  else if (code == CU_OUT_OF_MEMORY)
    status = ONNXC_DEVICE_OUT_OF_MEMORY;
  else
    status = ONNXC_MODULE_REJECTED;
  return onnxc_cuda_report(
      state, context, status,
      "the driver rejects the model's %s for '%s' (sm_%u): %s (%s)%s%s", kind,
      name, arch, onnxc_cuda_error_name(state, code),
      onnxc_cuda_error_text(state, code), *log ? ": " : "", log);
}

static int32_t find_kernels(onnxc_cuda_state *state, onnxc_context *context) {
  const onnxc_cuda_program *program = state->program;
  for (uint32_t i = 0; i < program->kernel_count; ++i) {
    const onnxc_cuda_kernel *kernel = &program->kernels[i];
    cu_result code = state->driver.module_function(
        &state->functions[i], state->module, kernel->name);
    if (code != CU_SUCCESS)
      return onnxc_cuda_report(state, context, ONNXC_MODULE_REJECTED,
                               "the model's module has no kernel '%s' (node "
                               "'%s'): %s; this is a bug of the compiler",
                               kernel->name, kernel->node,
                               onnxc_cuda_error_name(state, code));
    if (kernel->shared_bytes <= SHARED_BYTES_UNASKED)
      continue;
    code = state->driver.function_set(
        state->functions[i], CU_FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES,
        (int)kernel->shared_bytes);
    if (code == CU_SUCCESS)
      continue;
    int most = 0;
    state->driver.device_attribute(
        &most, CU_DEVICE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, state->device);
    return onnxc_cuda_report(
        state, context, ONNXC_MODULE_REJECTED,
        "kernel '%s' (node '%s') wants %u bytes of shared memory, a block of "
        "this GPU has at most %d: %s",
        kernel->name, kernel->node, kernel->shared_bytes, most,
        onnxc_cuda_error_name(state, code));
  }
  return ONNXC_OK;
}

static int32_t allocate(onnxc_cuda_state *state, onnxc_context *context,
                        const char *what, size_t bytes, cu_address *address) {
  if (bytes == 0)
    return ONNXC_OK;
  cu_result code = state->driver.allocate(address, bytes);
  if (code == CU_SUCCESS)
    return ONNXC_OK;
  *address = 0;
  size_t left = 0, total = 0;
  state->driver.memory_info(&left, &total);
  return onnxc_cuda_report(
      state, context,
      code == CU_OUT_OF_MEMORY ? ONNXC_DEVICE_OUT_OF_MEMORY
                               : ONNXC_DEVICE_ERROR,
      "%s of the model, %zu bytes, cannot be allocated on the GPU, which has "
      "%zu of %zu bytes left: %s",
      what, bytes, left, total, onnxc_cuda_error_name(state, code));
}

static int32_t take_memory(onnxc_cuda_state *state, onnxc_context *context) {
  const onnxc_cuda_program *program = state->program;
  int32_t status = allocate(state, context, "the weights",
                            program->weight_bytes, &state->weights);
  if (status == ONNXC_OK)
    status = allocate(state, context, "the arena", program->arena_bytes,
                      &state->arena);
  if (status != ONNXC_OK || program->weight_bytes == 0)
    return status;
  cu_result code = state->driver.copy_to_device(
      state->weights, program->weights, program->weight_bytes, NULL);
  /* Runs use streams of their own: the weights must be there before. */
  if (code == CU_SUCCESS)
    code = state->driver.stream_wait(NULL);
  if (code != CU_SUCCESS)
    return refuse(state, context, ONNXC_DEVICE_ERROR,
                  "the weights cannot be copied to the GPU", code);
  return ONNXC_OK;
}

/* Gives back what there is, in the reverse order of init. */
static void give_back(onnxc_cuda_state *state) {
  onnxc_cuda_driver *driver = &state->driver;
  if (state->gpu) {
    if (state->arena)
      driver->release(state->arena);
    if (state->weights)
      driver->release(state->weights);
    if (state->module)
      driver->module_unload(state->module);
    leave_gpu(state);
  }
  if (state->holds_primary)
    driver->primary_release(state->device);
  onnxc_cuda_driver_unload(driver);
  state->mark = 0;
}

int32_t onnxc_cuda_init(void *memory, size_t bytes,
                        const onnxc_cuda_program *program,
                        onnxc_context *context) {
  if (!memory || !program || (uintptr_t)memory % 64 != 0 ||
      bytes < onnxc_cuda_state_bytes(program))
    return ONNXC_BAD_ARGUMENT;
  if (context && context->version != ONNXC_VERSION)
    return ONNXC_VERSION_MISMATCH;
  onnxc_cuda_state *state = memory;
  memset(state, 0, sizeof *state);
  if (program->version != ONNXC_CUDA_VERSION)
    return onnxc_cuda_report(state, context, ONNXC_VERSION_MISMATCH,
                             "the model's GPU program has version %u, this "
                             "library %u; compile the model again",
                             program->version, ONNXC_CUDA_VERSION);
  state->program = program;
  int32_t status = load_driver(state, context);
  if (status == ONNXC_OK)
    status = enter_gpu(state, context);
  if (status == ONNXC_OK)
    status = load_module(state, context);
  if (status == ONNXC_OK)
    status = find_kernels(state, context);
  if (status == ONNXC_OK)
    status = take_memory(state, context);
  if (status != ONNXC_OK) {
    give_back(state);
    return status;
  }
  leave_gpu(state);
  state->mark = ONNXC_CUDA_READY;
  return ONNXC_OK;
}

void onnxc_cuda_deinit(void *memory) {
  onnxc_cuda_state *state = memory;
  if (!state || state->mark != ONNXC_CUDA_READY)
    return;
  /* give_back() leaves the context again. */
  if (state->driver.context_push(state->gpu) != CU_SUCCESS)
    state->gpu = NULL;
  give_back(state);
}
