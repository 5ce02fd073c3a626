// The simulated driver as the tests use it.
#ifndef ONNXC_TEST_GPUSIM_SIMULATOR_H
#define ONNXC_TEST_GPUSIM_SIMULATOR_H

#include "driver.h"
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <vector>

extern "C" {
int cuStreamCreate(cu_stream *stream, unsigned flags);
int cuStreamDestroy_v2(cu_stream stream);
int cuMemAllocHost_v2(void **p, size_t bytes);
int cuMemFreeHost(void *p);
int gpusim_live(uint64_t counts[5]);
uint64_t gpusim_counter(const char *kernel, const char *field);
}

/// An environment variable for as long as this lives.
class Setting {
public:
  Setting(const char *name, const std::string &value) : name(name) { setenv(name, value.c_str(), 1); }
  ~Setting() { unsetenv(name); }

private:
  const char *name;
};

struct Live {
  uint64_t allocations, modules, contexts, streams, waits;
  int currentContexts;
  static Live now() {
    uint64_t counts[5];
    int current = gpusim_live(counts);
    return {counts[0], counts[1], counts[2], counts[3], counts[4], current};
  }
  /// What is held now is what was held then.
  void expectSame() const {
    Live n = now();
    EXPECT_EQ(n.allocations, allocations);
    EXPECT_EQ(n.modules, modules);
    EXPECT_EQ(n.contexts, contexts);
    EXPECT_EQ(n.streams, streams);
    EXPECT_EQ(n.currentContexts, currentContexts);
  }
};

/// PTX as far as the simulator looks at it.
inline std::string ptxWith(const std::string &kernel, int arch = 80) {
  return ".version 7.0\n.target sm_" + std::to_string(arch) + "\n.address_size 64\n.visible .entry " + kernel + "(\n)\n{\nret;\n}\n";
}

#endif // ONNXC_TEST_GPUSIM_SIMULATOR_H
