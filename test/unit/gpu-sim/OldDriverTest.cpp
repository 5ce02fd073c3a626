// A driver that lacks a function is too old, and the message says which.
#include "onnxc_cuda.h"
#include <gtest/gtest.h>

TEST(OldDriver, namesWhatIsMissing) {
  onnxc_cuda_program program = {};
  program.version = ONNXC_CUDA_VERSION;
  alignas(64) unsigned char state[ONNXC_CUDA_STATE_BYTES(0)];
  onnxc_context context = {};
  context.version = ONNXC_VERSION;
  EXPECT_EQ(onnxc_cuda_init(state, sizeof state, &program, &context), ONNXC_DRIVER_TOO_OLD);
  EXPECT_EQ(context.error_code, ONNXC_DRIVER_TOO_OLD);
  ASSERT_NE(context.error_message, nullptr);
  EXPECT_STREQ(context.error_message, "the NVIDIA driver has no cuDriverGetVersion; install a driver for CUDA 11.0 or newer");
}
