// The GPU runtime on a machine without NVIDIA's driver. All else of it is
// tested over the simulator (test/unit/gpu-sim).
#include "onnxc_cuda.h"
#include <cstring>
#include <dlfcn.h>
#include <gtest/gtest.h>

namespace {

TEST(Cuda, withoutADriver) {
  if (void *driver = dlopen("libcuda.so.1", RTLD_NOW)) {
    dlclose(driver);
    GTEST_SKIP() << "this machine has NVIDIA's driver, and the test is about what the runtime says where there is none";
  }
  onnxc_cuda_program program = {};
  program.version = ONNXC_CUDA_VERSION;
  alignas(64) unsigned char state[ONNXC_CUDA_STATE_BYTES(0)];
  onnxc_context context = {};
  context.version = ONNXC_VERSION;
  EXPECT_EQ(onnxc_cuda_init(state, sizeof state, &program, &context), ONNXC_NO_DRIVER);
  EXPECT_EQ(context.error_code, ONNXC_NO_DRIVER);
  ASSERT_NE(context.error_message, nullptr);
  EXPECT_NE(std::strstr(context.error_message, "libcuda.so.1"), nullptr) << context.error_message;
}

} // namespace
