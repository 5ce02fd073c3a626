// The GPU runtime over the simulated driver: runs, and every way to fail.
#include "Simulator.h"
#include "onnxc_cuda.h"
#include <cstring>
#include <numeric>
#include <thread>

namespace {

/// A program of two kernels: add, and one that takes much shared memory.
class Runtime : public testing::Test {
protected:
  void SetUp() override {
    setenv("ONNXC_GPUSIM_KERNELS", GPUSIM_KERNELS ".full.so", 1);
    ptx = ptxWith("add");
    program.version = ONNXC_CUDA_VERSION;
    program.ptx = ptx.c_str();
    program.ptx_bytes = ptx.size() + 1;
    program.min_arch = 80;
    program.kernels = kernels;
    program.kernel_count = 2;
    program.weights = weights;
    program.weight_bytes = sizeof weights;
    program.arena_bytes = 3 * 4096;
    context.version = ONNXC_VERSION;
    context.user = this;
    context.log = [](void *user, const char *line) { static_cast<Runtime *>(user)->lines.push_back(line); };
    before = Live::now();
  }
  void TearDown() override {
    if (isReady)
      onnxc_cuda_deinit(state);
    before.expectSame();
  }

  int32_t init() {
    int32_t status = onnxc_cuda_init(state, sizeof state, &program, &context);
    isReady = status == ONNXC_OK;
    return status;
  }
  /// init() fails with this status, with one line that has these parts.
  void expectRefused(int32_t status, std::initializer_list<const char *> parts) {
    EXPECT_EQ(init(), status);
    expectSaid(status, parts);
  }
  void expectSaid(int32_t status, std::initializer_list<const char *> parts) {
    EXPECT_EQ(context.error_code, status);
    EXPECT_EQ(context.error_node, -1);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0], context.error_message);
    EXPECT_EQ(lines[0].find('\n'), std::string::npos);
    for (const char *part : parts)
      EXPECT_NE(lines[0].find(part), std::string::npos) << "wanted '" << part << "' in: " << lines[0];
  }

  /// out = a + weights, as generated code does it.
  int32_t run(const float *a, float *out, uint64_t n = 1000) {
    int32_t status = onnxc_cuda_begin(state, &context);
    if (status != ONNXC_OK)
      return status;
    uint64_t in = onnxc_cuda_input(state, a, n * 4, 0, &status);
    uint64_t to = onnxc_cuda_output(state, out, n * 4, 4096, &status);
    uint64_t b = onnxc_cuda_weights(state);
    void *arguments[] = {&in, &b, &to, &n};
    testing::internal::CaptureStderr();
    onnxc_cuda_launch(state, 0, unsigned((n + 255) / 256), 1, 1, 256, 1, 1, arguments);
    said = testing::internal::GetCapturedStderr();
    onnxc_cuda_finish_output(state, out, n * 4, to);
    return onnxc_cuda_end(state);
  }

  onnxc_cuda_kernel kernels[2] = {{"add", "/layer/Add", 0}, {"dynamic_sum", "/layer/Sum", 60000}};
  float weights[1000] = {};
  std::string ptx;
  onnxc_cuda_program program = {};
  onnxc_context context = {};
  alignas(64) unsigned char state[ONNXC_CUDA_STATE_BYTES(2)];
  std::vector<std::string> lines;
  std::string said;
  bool isReady = false;
  Live before;
};

std::vector<float> ramp(size_t n) {
  std::vector<float> v(n);
  std::iota(v.begin(), v.end(), 0.0f);
  return v;
}

//===-- Runs --------------------------------------------------------------===//

TEST_F(Runtime, stateBytesAreAFormula) {
  EXPECT_EQ(onnxc_cuda_state_bytes(&program), ONNXC_CUDA_STATE_BYTES(2));
  EXPECT_EQ(ONNXC_CUDA_STATE_BYTES(2) % 64, 0u);
}

TEST_F(Runtime, hostMemory) {
  weights[1] = 5.0f;
  ASSERT_EQ(init(), ONNXC_OK) << context.error_message;
  auto a = ramp(1000);
  std::vector<float> out(1000);
  for (int round = 0; round < 3; ++round) {
    uint64_t waits = Live::now().waits;
    ASSERT_EQ(run(a.data(), out.data()), ONNXC_OK) << context.error_message;
    EXPECT_EQ(out[1], 6.0f);
    EXPECT_EQ(out[999], 999.0f);
    EXPECT_EQ(Live::now().waits - waits, 1u);
  }
  EXPECT_TRUE(lines.empty());
}

TEST_F(Runtime, allocatesAtInitOnly) {
  ASSERT_EQ(init(), ONNXC_OK);
  Live ready = Live::now();
  EXPECT_EQ(ready.allocations - before.allocations, 2u); // weights and arena
  EXPECT_EQ(ready.currentContexts, before.currentContexts);
  auto a = ramp(1000);
  std::vector<float> out(1000);
  ASSERT_EQ(run(a.data(), out.data()), ONNXC_OK);
  ready.expectSame();
}

TEST_F(Runtime, statesAreIndependent) {
  weights[7] = 3.0f;
  auto work = [&](bool &isRight) {
    alignas(64) unsigned char own[ONNXC_CUDA_STATE_BYTES(2)];
    onnxc_context quiet = {};
    quiet.version = ONNXC_VERSION;
    isRight = onnxc_cuda_init(own, sizeof own, &program, &quiet) == ONNXC_OK;
    auto a = ramp(1000);
    for (int round = 0; round < 50 && isRight; ++round) {
      std::vector<float> out(1000);
      uint64_t n = 1000;
      int32_t status = onnxc_cuda_begin(own, &quiet);
      uint64_t in = onnxc_cuda_input(own, a.data(), 4000, 0, &status), to = onnxc_cuda_output(own, out.data(), 4000, 4096, &status);
      uint64_t b = onnxc_cuda_weights(own);
      void *arguments[] = {&in, &b, &to, &n};
      onnxc_cuda_launch(own, 0, 4, 1, 1, 256, 1, 1, arguments);
      onnxc_cuda_finish_output(own, out.data(), 4000, to);
      isRight = onnxc_cuda_end(own) == ONNXC_OK && out[7] == 10.0f && out[999] == 999.0f;
    }
    onnxc_cuda_deinit(own);
  };
  bool first = false, second = false;
  std::thread other(work, std::ref(second));
  work(first);
  other.join();
  EXPECT_TRUE(first && second);
}

TEST_F(Runtime, nothingToAllocate) {
  program.weight_bytes = program.arena_bytes = 0;
  ASSERT_EQ(init(), ONNXC_OK);
  EXPECT_EQ(Live::now().allocations, before.allocations);
}

/// Device memory and streams of the caller, in the context that the runtime uses.
class RuntimeOnDevice : public Runtime {
protected:
  void SetUp() override {
    Runtime::SetUp();
    ASSERT_EQ(onnxc_cuda_driver_load(&cu), nullptr);
    ASSERT_EQ(cu.init(0), 0);
    ASSERT_EQ(cu.primary_retain(&gpu, 0), 0);
    ASSERT_EQ(cu.context_push(gpu), 0);
    ASSERT_EQ(cu.allocate(&in, 4016), 0);
    ASSERT_EQ(cu.allocate(&out, 4016), 0);
    ASSERT_EQ(cu.copy_to_device(in, ramp(1004).data(), 4016, nullptr), 0);
  }
  void TearDown() override {
    if (isReady)
      onnxc_cuda_deinit(state);
    isReady = false;
    cu.release(in);
    cu.release(out);
    cu.context_pop(&gpu);
    cu.primary_release(0);
    Runtime::TearDown();
  }
  float *at(cu_address a) { return reinterpret_cast<float *>(uintptr_t(a)); }
  float element(cu_address a, size_t i) {
    float x = 0;
    EXPECT_EQ(cu.copy_to_host(&x, a + 4 * i, 4, nullptr), 0);
    return x;
  }

  onnxc_cuda_driver cu;
  cu_context gpu;
  cu_address in = 0, out = 0;
};

TEST_F(RuntimeOnDevice, usesItAsItIsAndDoesNotWait) {
  ASSERT_EQ(init(), ONNXC_OK);
  uint64_t waits = Live::now().waits;
  ASSERT_EQ(run(at(in), at(out)), ONNXC_OK) << context.error_message;
  EXPECT_EQ(Live::now().waits, waits);
  EXPECT_EQ(element(out, 999), 999.0f);
}

TEST_F(RuntimeOnDevice, copiesWhatIsNotAligned) {
  ASSERT_EQ(init(), ONNXC_OK);
  uint64_t waits = Live::now().waits;
  ASSERT_EQ(run(at(in) + 1, at(out) + 1), ONNXC_OK) << context.error_message;
  EXPECT_EQ(Live::now().waits, waits);
  EXPECT_EQ(element(out, 1), 1.0f);
  EXPECT_EQ(element(out, 1000), 1000.0f);
}

TEST_F(RuntimeOnDevice, waitsForPageLockedMemoryToBeRead) {
  ASSERT_EQ(init(), ONNXC_OK);
  void *locked;
  ASSERT_EQ(cuMemAllocHost_v2(&locked, 64), 0);
  float ordinary[16] = {};
  ASSERT_EQ(onnxc_cuda_begin(state, &context), ONNXC_OK);
  uint64_t waits = Live::now().waits;
  EXPECT_EQ(onnxc_cuda_copy(state, ordinary, onnxc_cuda_arena(state), 64, 1), ONNXC_OK);
  EXPECT_EQ(Live::now().waits, waits);
  EXPECT_EQ(onnxc_cuda_copy(state, locked, onnxc_cuda_arena(state), 64, 1), ONNXC_OK);
  EXPECT_EQ(Live::now().waits, waits + 1);
  EXPECT_EQ(onnxc_cuda_copy(state, ordinary, onnxc_cuda_arena(state), 64, 0), ONNXC_OK);
  EXPECT_EQ(Live::now().waits, waits + 2);
  EXPECT_EQ(onnxc_cuda_end(state), ONNXC_OK);
  EXPECT_EQ(Live::now().waits, waits + 2);
  cuMemFreeHost(locked);
}

TEST_F(RuntimeOnDevice, takesTheCallersContextAndStream) {
  Live held = Live::now();
  ASSERT_EQ(init(), ONNXC_OK);
  EXPECT_EQ(Live::now().contexts, held.contexts); // the current one, not one more
  cu_stream stream;
  ASSERT_EQ(cuStreamCreate(&stream, 0), 0);
  context.stream = stream;
  EXPECT_EQ(run(at(in), at(out)), ONNXC_OK) << context.error_message;
  // Contexts of callers before version 3 end before the field.
  context.version = 2;
  context.stream = reinterpret_cast<void *>(16);
  EXPECT_EQ(run(at(in), at(out)), ONNXC_OK);
  context.version = ONNXC_VERSION;
  EXPECT_EQ(run(at(in), at(out)), ONNXC_DEVICE_ERROR);
  expectSaid(ONNXC_DEVICE_ERROR, {"the stream in the context cannot be used: CUDA_ERROR_INVALID_HANDLE"});
  cuStreamDestroy_v2(stream);
}

TEST_F(RuntimeOnDevice, refusesStreamsOfOtherContexts) {
  Setting two("ONNXC_GPUSIM_DEVICES", "2");
  ASSERT_EQ(init(), ONNXC_OK);
  cu_context other;
  ASSERT_EQ(cu.primary_retain(&other, 1), 0);
  cu.context_push(other);
  cu_stream stream;
  ASSERT_EQ(cuStreamCreate(&stream, 0), 0);
  cu.context_pop(&other);
  context.stream = stream;
  EXPECT_EQ(run(at(in), at(out)), ONNXC_BAD_ARGUMENT);
  expectSaid(ONNXC_BAD_ARGUMENT, {"the stream belongs to another GPU context"});
  cuStreamDestroy_v2(stream);
  cu.primary_release(1);
}

TEST_F(RuntimeOnDevice, refusesMemoryOfAnotherDevice) {
  ASSERT_EQ(init(), ONNXC_OK);
  Setting other("ONNXC_GPUSIM_POINTER_DEVICE", "1");
  EXPECT_EQ(run(at(in), at(out)), ONNXC_WRONG_POINTER_SPACE);
  expectSaid(ONNXC_WRONG_POINTER_SPACE, {"memory of GPU 1, the model runs on GPU 0"});
}

//===-- No device, or not the right one -----------------------------------===//

TEST_F(Runtime, noDevice) {
  Setting none("ONNXC_GPUSIM_DEVICES", "0");
  expectRefused(ONNXC_NO_DEVICE, {"the NVIDIA driver finds no GPU"});
}

TEST_F(Runtime, driverTooOld) {
  Setting old("ONNXC_GPUSIM_DRIVER", "10020");
  expectRefused(ONNXC_DRIVER_TOO_OLD, {"is for CUDA 10.2, wanted is one for 11.0"});
}

TEST_F(Runtime, driverDoesNotFitTheSystem) {
  Setting fail("ONNXC_GPUSIM_FAIL", "cuInit=803");
  expectRefused(ONNXC_DRIVER_TOO_OLD, {"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"});
}

TEST_F(Runtime, driverTooOldForThePtx) {
  Setting fail("ONNXC_GPUSIM_FAIL", "cuModuleLoadDataEx=222");
  expectRefused(ONNXC_DRIVER_TOO_OLD, {"CUDA_ERROR_UNSUPPORTED_PTX_VERSION"});
}

TEST_F(Runtime, deviceTooOld) {
  Setting old("ONNXC_GPUSIM_ARCH", "75");
  expectRefused(ONNXC_DEVICE_TOO_OLD, {"has architecture sm_75, the model was compiled for at least sm_80"});
}

TEST_F(Runtime, outOfMemory) {
  Setting little("ONNXC_GPUSIM_MEMORY", "10000");
  expectRefused(ONNXC_DEVICE_OUT_OF_MEMORY, {"the arena of the model, 12288 bytes", "6000 of 10000 bytes left", "CUDA_ERROR_OUT_OF_MEMORY"});
}

TEST_F(Runtime, outOfMemoryForTheContext) {
  Setting fail("ONNXC_GPUSIM_FAIL", "cuDevicePrimaryCtxRetain=2");
  expectRefused(ONNXC_DEVICE_OUT_OF_MEMORY, {"the GPU's context cannot be had: CUDA_ERROR_OUT_OF_MEMORY"});
}

TEST_F(Runtime, moduleRefusedWithTheLog) {
  Setting refuse("ONNXC_GPUSIM_REFUSE_MODULE", "ptxas application ptx input, line 7\nfatal: Parsing error near 'x'");
  expectRefused(ONNXC_MODULE_REJECTED, {"the driver rejects the model's PTX", "(sm_80)", "CUDA_ERROR_INVALID_PTX",
                                        "line 7 fatal: Parsing error near 'x'"});
}

TEST_F(Runtime, kernelsMissing) {
  kernels[1].name = "unheard_of";
  expectRefused(ONNXC_MODULE_REJECTED, {"no kernel 'unheard_of' (node '/layer/Sum')", "CUDA_ERROR_NOT_FOUND"});
}

TEST_F(Runtime, tooMuchSharedMemory) {
  kernels[1].shared_bytes = 1 << 20;
  expectRefused(ONNXC_MODULE_REJECTED, {"kernel 'dynamic_sum' (node '/layer/Sum') wants 1048576 bytes of shared memory", "at most 232448"});
}

TEST_F(Runtime, anyCallThatFails) {
  for (const char *call : {"cuInit", "cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGet", "cuCtxGetCurrent", "cuDevicePrimaryCtxRetain",
                           "cuCtxPushCurrent", "cuDeviceGetAttribute", "cuMemAlloc", "cuMemcpyHtoDAsync", "cuStreamSynchronize"}) {
    lines.clear();
    Setting fail("ONNXC_GPUSIM_FAIL", std::string(call) + "=719");
    expectRefused(ONNXC_DEVICE_ERROR, {"CUDA_ERROR_LAUNCH_FAILED"});
    before.expectSame();
  }
}

TEST_F(Runtime, badArguments) {
  EXPECT_EQ(onnxc_cuda_init(nullptr, sizeof state, &program, &context), ONNXC_BAD_ARGUMENT);
  EXPECT_EQ(onnxc_cuda_init(state, sizeof state - 64, &program, &context), ONNXC_BAD_ARGUMENT);
  EXPECT_EQ(onnxc_cuda_init(state + 8, sizeof state, &program, &context), ONNXC_BAD_ARGUMENT);
  EXPECT_EQ(onnxc_cuda_begin(nullptr, &context), ONNXC_BAD_ARGUMENT);
  std::memset(state, 0, sizeof state);
  EXPECT_EQ(onnxc_cuda_begin(state, &context), ONNXC_BAD_ARGUMENT);
  EXPECT_EQ(onnxc_cuda_end(state), ONNXC_BAD_ARGUMENT);
  onnxc_cuda_deinit(state);
  onnxc_cuda_deinit(nullptr);
  program.version = 99;
  expectRefused(ONNXC_VERSION_MISMATCH, {"version 99"});
}

TEST_F(Runtime, contextsAreOptional) {
  Setting none("ONNXC_GPUSIM_DEVICES", "0");
  EXPECT_EQ(onnxc_cuda_init(state, sizeof state, &program, nullptr), ONNXC_NO_DEVICE);
}

//===-- Cubins ------------------------------------------------------------===//

TEST_F(Runtime, choosesTheCubinOfTheDevice) {
  // The simulator takes any ELF image; text that is not PTX is refused, so the
  // choice shows.
  const char good[] = "\177ELF", bad[] = "not for you";
  struct Row {
    const char *arch;
    std::vector<onnxc_cuda_cubin> cubins;
    const char *kind; // in the message when `bad` was chosen, null when it was `good`
  };
  auto cubin = [](uint32_t arch, char variant, const char *data) { return onnxc_cuda_cubin{arch, uint32_t(variant), data, 16}; };
  const Row rows[] = {
      {"80", {cubin(80, 0, good), cubin(90, 0, bad)}, nullptr},
      {"86", {cubin(80, 0, good), cubin(89, 0, bad)}, nullptr},
      {"86", {cubin(80, 0, bad), cubin(86, 0, good)}, nullptr},
      {"90", {cubin(90, 0, bad), cubin(90, 'a', good)}, nullptr},
      {"90", {cubin(90, 'a', good), cubin(90, 0, bad)}, nullptr},
      {"90", {cubin(80, 0, bad), cubin(90, 'a', good)}, nullptr},
      {"80", {cubin(80, 0, bad), cubin(90, 0, good)}, "cubin"},
      // None of these runs: the PTX it is.
      {"91", {cubin(90, 'a', bad), cubin(80, 0, bad)}, nullptr},
      {"90", {cubin(80, 0, bad)}, nullptr},
  };
  for (const Row &row : rows) {
    lines.clear();
    Setting arch("ONNXC_GPUSIM_ARCH", row.arch);
    program.cubins = row.cubins.data();
    program.cubin_count = uint32_t(row.cubins.size());
    if (!row.kind) {
      EXPECT_EQ(init(), ONNXC_OK) << row.arch << ": " << context.error_message;
      onnxc_cuda_deinit(state);
    } else {
      expectRefused(ONNXC_MODULE_REJECTED, {"the model's cubin", "neither PTX nor a cubin"});
    }
    isReady = false;
  }
}

TEST_F(Runtime, cubinsAloneMayNotFit) {
  program.ptx = nullptr;
  onnxc_cuda_cubin only = {90, 'a', "\177ELF", 16};
  program.cubins = &only;
  program.cubin_count = 1;
  program.min_arch = 90;
  expectRefused(ONNXC_DEVICE_TOO_OLD, {"has architecture sm_80, the model was compiled for sm_90"});
}

//===-- Failures of a run -------------------------------------------------===//

TEST_F(Runtime, faultsOfKernels) {
  ASSERT_EQ(init(), ONNXC_OK);
  auto a = ramp(1001);
  std::vector<float> out(1001);
  // The weights are 1000 floats.
  EXPECT_EQ(run(a.data(), out.data(), 1001), ONNXC_LAUNCH_FAILED);
  EXPECT_NE(said.find("reads 4 bytes out of bounds"), std::string::npos) << said;
  expectSaid(ONNXC_LAUNCH_FAILED, {"kernel 'add' (node '/layer/Add') with 4 x 1 x 1 blocks of 256 x 1 x 1 threads and 0 bytes",
                                   "CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)"});
  EXPECT_EQ(Live::now().currentContexts, before.currentContexts);
  // The context is lost until it is made anew.
  lines.clear();
  EXPECT_NE(run(a.data(), out.data()), ONNXC_OK);
  onnxc_cuda_deinit(state);
  ASSERT_EQ(init(), ONNXC_OK);
  EXPECT_EQ(run(a.data(), out.data()), ONNXC_OK);
}

TEST_F(Runtime, anyCallOfARunThatFails) {
  ASSERT_EQ(init(), ONNXC_OK);
  auto a = ramp(1000);
  std::vector<float> out(1000);
  const std::pair<const char *, int32_t> rows[] = {
      {"cuCtxPushCurrent", ONNXC_DEVICE_ERROR},  {"cuPointerGetAttributes", ONNXC_DEVICE_ERROR}, {"cuMemcpyHtoDAsync", ONNXC_DEVICE_ERROR},
      {"cuLaunchKernel", ONNXC_LAUNCH_FAILED},   {"cuMemcpyDtoHAsync", ONNXC_DEVICE_ERROR},      {"cuStreamSynchronize", ONNXC_DEVICE_ERROR}};
  for (auto [call, status] : rows) {
    lines.clear();
    Setting fail("ONNXC_GPUSIM_FAIL", std::string(call) + "=719");
    EXPECT_EQ(run(a.data(), out.data()), status) << call;
    expectSaid(status, {"CUDA_ERROR_LAUNCH_FAILED"});
    EXPECT_EQ(Live::now().currentContexts, before.currentContexts) << call;
  }
  EXPECT_EQ(run(a.data(), out.data()), ONNXC_OK);
}

TEST_F(Runtime, laterFailuresNameTheLastKernel) {
  ASSERT_EQ(init(), ONNXC_OK);
  auto a = ramp(1000);
  std::vector<float> out(1000);
  Setting fail("ONNXC_GPUSIM_FAIL", "cuStreamSynchronize=700");
  EXPECT_EQ(run(a.data(), out.data()), ONNXC_DEVICE_ERROR);
  expectSaid(ONNXC_DEVICE_ERROR, {"the run failed on the GPU: CUDA_ERROR_ILLEGAL_ADDRESS", "last launched: kernel 'add' (node '/layer/Add')"});
}

TEST_F(Runtime, emptyGridsAreNotLaunched) {
  ASSERT_EQ(init(), ONNXC_OK);
  ASSERT_EQ(onnxc_cuda_begin(state, &context), ONNXC_OK);
  EXPECT_EQ(onnxc_cuda_launch(state, 0, 0, 1, 1, 256, 1, 1, nullptr), ONNXC_OK);
  EXPECT_EQ(onnxc_cuda_end(state), ONNXC_OK);
}

} // namespace
