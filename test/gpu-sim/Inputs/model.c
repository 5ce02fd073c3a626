/* A model for GPUs as the compiler would make it, by hand: y = x + x, 1000
 * floats, with the kernel `add` of test/unit/gpu-sim/kernels.ll. */
#include "onnxc_cuda.h"

static const char ptx[] = ".version 7.0\n.target sm_80\n.visible .entry add(\n)\n{\nret;\n}\n";
static const onnxc_cuda_kernel kernels[] = {{"add", "/Add", 0}};
static const onnxc_cuda_program program = {
    .version = ONNXC_CUDA_VERSION, .ptx = ptx, .ptx_bytes = sizeof ptx, .min_arch = 80,
    .kernels = kernels, .kernel_count = 1, .arena_bytes = 8192};

static int32_t init(void *state, size_t bytes, onnxc_context *context) {
  return onnxc_cuda_init(state, bytes, &program, context);
}

static int32_t run(void *state, onnxc_context *context, const onnxc_tensor *inputs,
                   onnxc_tensor *outputs, void *arena, size_t arena_bytes) {
  (void)arena, (void)arena_bytes;
  outputs[0].type = ONNXC_TYPE_FLOAT;
  outputs[0].rank = 1;
  outputs[0].dims[0] = 1000;
  int32_t status = onnxc_cuda_begin(state, context);
  if (status != ONNXC_OK)
    return status;
  uint64_t x = onnxc_cuda_input(state, inputs[0].data, 4000, 0, &status);
  uint64_t y = onnxc_cuda_output(state, outputs[0].data, 4000, 4096, &status);
  uint64_t n = COUNT;
  void *arguments[] = {&x, &x, &y, &n};
  onnxc_cuda_launch(state, 0, 9, 1, 1, 256, 1, 1, arguments);
  onnxc_cuda_finish_output(state, outputs[0].data, 4000, y);
  return onnxc_cuda_end(state);
}

static const onnxc_tensor_info input = {"x", ONNXC_TYPE_FLOAT, 1, {1000}, -1};
static const onnxc_tensor_info output = {"y", ONNXC_TYPE_FLOAT, 1, {1000}, -1};
static const onnxc_model model = {
    .version = ONNXC_VERSION, .model_name = "model", .model_hash = "", .compiler_version = "",
    .arena_align = 64, .state_bytes = ONNXC_CUDA_STATE_BYTES(1), .num_inputs = 1, .num_outputs = 1,
    .inputs = &input, .outputs = &output, .run = run, .init = init, .deinit = onnxc_cuda_deinit};

const onnxc_model *onnxc_model_entry(void);
const onnxc_model *onnxc_model_entry(void) { return &model; }
