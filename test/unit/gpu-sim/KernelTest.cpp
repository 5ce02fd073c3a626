// Kernels in the simulator: what they compute, and what it says of wrong ones.
#include "Simulator.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace {

class Kernels : public testing::Test {
protected:
  void SetUp() override { open("full"); }
  void open(const std::string &checks) {
    setenv("ONNXC_GPUSIM_KERNELS", (GPUSIM_KERNELS "." + checks + ".so").c_str(), 1);
    ASSERT_EQ(onnxc_cuda_driver_load(&cu), nullptr);
    ASSERT_EQ(cu.init(0), 0);
    ASSERT_EQ(cu.primary_retain(&context, 0), 0);
    ASSERT_EQ(cu.context_push(context), 0);
    ASSERT_EQ(cu.module_load(&module, ptxWith("add").c_str(), 0, nullptr, nullptr), 0);
  }
  void TearDown() override {
    for (cu_address a : memory)
      cu.release(a);
    cu.module_unload(module);
    cu.context_pop(&context);
    cu.primary_release(0);
    Live::now().expectSame();
  }

  cu_address allocate(size_t bytes) {
    cu_address a = 0;
    EXPECT_EQ(cu.allocate(&a, bytes), 0);
    memory.push_back(a);
    return a;
  }
  template <typename T> cu_address upload(const std::vector<T> &values) {
    cu_address a = allocate(values.size() * sizeof(T));
    EXPECT_EQ(cu.copy_to_device(a, values.data(), values.size() * sizeof(T), nullptr), 0);
    return a;
  }
  template <typename T> std::vector<T> download(cu_address a, size_t count) {
    std::vector<T> values(count);
    EXPECT_EQ(cu.copy_to_host(values.data(), a, count * sizeof(T), nullptr), 0);
    return values;
  }

  /// Launches with arguments of 4 or 8 bytes; what the simulator says is kept.
  template <typename... Arguments> cu_result launch(const char *name, unsigned blocks, unsigned threads, unsigned shared, Arguments... arguments) {
    cu_function f;
    EXPECT_EQ(cu.module_function(&f, module, name), 0);
    void *pointers[] = {&arguments..., nullptr};
    testing::internal::CaptureStderr();
    cu_result code = cu.launch(f, blocks, 1, 1, threads, 1, 1, shared, nullptr, pointers, nullptr);
    said = testing::internal::GetCapturedStderr();
    return code;
  }
  void expectSaid(std::initializer_list<const char *> parts) {
    for (const char *part : parts)
      EXPECT_NE(said.find(part), std::string::npos) << "wanted '" << part << "' in: " << said;
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  }

  onnxc_cuda_driver cu;
  cu_context context;
  cu_module module;
  std::vector<cu_address> memory;
  std::string said;
};

class Unchecked : public Kernels {
  void SetUp() override { open("none"); }
};
class BoundsOnly : public Kernels {
  void SetUp() override { open("bounds"); }
};

std::vector<float> ramp(size_t n) {
  std::vector<float> v(n);
  std::iota(v.begin(), v.end(), 0.0f);
  return v;
}

constexpr int IllegalAddress = 700, Misaligned = 716, LaunchFailed = 719;

//===-- Global memory -----------------------------------------------------===//

TEST_F(Kernels, addsWithinBounds) {
  auto a = upload(ramp(1000)), b = upload(ramp(1000)), out = allocate(4000);
  ASSERT_EQ(launch("add", 4, 256, 0, a, b, out, uint64_t(1000)), 0) << said;
  auto got = download<float>(out, 1000);
  for (size_t i = 0; i < 1000; ++i)
    ASSERT_EQ(got[i], 2.0f * float(i));
}

TEST_F(Kernels, reportsReadsOutOfBounds) {
  auto a = upload(ramp(1000)), b = upload(ramp(1000)), out = allocate(4096);
  EXPECT_EQ(launch("add", 4, 256, 0, a, b, out, uint64_t(1024)), IllegalAddress);
  expectSaid({"kernel add", "block (3,0,0)", "thread (232,0,0)", "reads 4 bytes out of bounds", "0 bytes beyond the end of allocation",
              "of 4000 bytes", "load float"});
  // As on a device, the context is lost.
  EXPECT_EQ(cu.stream_wait(nullptr), IllegalAddress);
}

TEST_F(Kernels, reportsWritesOutOfBounds) {
  auto a = upload(ramp(1000)), b = upload(ramp(1000)), out = allocate(3996);
  EXPECT_EQ(launch("add", 4, 256, 0, a, b, out, uint64_t(1000)), IllegalAddress);
  expectSaid({"thread (231,0,0)", "writes 4 bytes out of bounds", "store float"});
}

TEST_F(Kernels, reportsMemoryOfTheHost) {
  float host[4] = {};
  auto out = allocate(64);
  EXPECT_EQ(launch("gather", 1, 4, 0, static_cast<float *>(host), out, uint64_t(1), uint64_t(0)), IllegalAddress);
  expectSaid({"memory of the host"});
}

TEST_F(Kernels, reportsNegativeOffsets) {
  auto in = upload(ramp(16)), out = allocate(64);
  EXPECT_EQ(launch("gather", 1, 4, 0, in, out, uint64_t(1), uint64_t(-2)), IllegalAddress);
  expectSaid({"8 bytes before the start of"});
}

TEST_F(Kernels, reportsMisalignedVectors) {
  auto in = upload(ramp(64)), out = allocate(256);
  ASSERT_EQ(launch("wide", 1, 8, 0, in, out, uint64_t(4)), 0) << said;
  EXPECT_EQ(download<float>(out, 1)[0], 4.0f);
  EXPECT_EQ(launch("wide", 1, 8, 0, in, out, uint64_t(1)), Misaligned);
  expectSaid({"kernel wide", "thread (0,0,0)", "reads 16 bytes", "not a multiple of 16"});
}

TEST_F(Kernels, constantsOfTheModule) {
  auto in = upload(ramp(32)), out = allocate(128);
  ASSERT_EQ(launch("lookup", 1, 32, 0, in, out), 0) << said;
  auto got = download<float>(out, 32);
  for (size_t i = 0; i < 32; ++i)
    EXPECT_EQ(got[i], float(1 << i % 4) * float(i) + 1.0f);
}

TEST_F(Kernels, freshMemoryIsNoNumber) {
  auto in = allocate(64), out = allocate(64);
  ASSERT_EQ(launch("gather", 1, 4, 0, in, out, uint64_t(1), uint64_t(0)), 0);
  EXPECT_TRUE(std::isnan(download<float>(out, 1)[0]));
}

//===-- Shared memory -----------------------------------------------------===//

TEST_F(Kernels, barrierOrdersSharedMemory) {
  auto in = upload(ramp(256)), out = allocate(1024);
  ASSERT_EQ(launch("reverse", 1, 256, 0, in, out), 0) << said;
  auto got = download<float>(out, 256);
  for (size_t i = 0; i < 256; ++i)
    ASSERT_EQ(got[i], float(255 - i));
}

TEST_F(Kernels, reportsRaces) {
  auto in = upload(ramp(256)), out = allocate(1024);
  EXPECT_EQ(launch("reverse_without_barrier", 1, 256, 0, in, out), LaunchFailed);
  expectSaid({"kernel reverse_without_barrier, block (0,0,0)", "race: writes byte 512 of tile (shared, 1024 bytes)",
              "which thread (127,0,0) read with no barrier between", "store float %x, ptr addrspace(3)"});
}

TEST_F(Kernels, reportsOverwritingWhatOthersRead) {
  auto in = upload(ramp(256)), out = allocate(1024);
  EXPECT_EQ(launch("reverse_twice", 1, 256, 0, in, out), LaunchFailed);
  expectSaid({"race: reads byte 508 of tile", "which thread (127,0,0) wrote with no barrier between", "load float"});
}

TEST_F(Kernels, reportsSharedOutOfBounds) {
  EXPECT_EQ(launch("shared_store", 1, 256, 0, 0u), 0) << said;
  EXPECT_EQ(launch("shared_store", 1, 256, 0, 1u), IllegalAddress);
  expectSaid({"thread (255,0,0)", "writes 4 bytes out of bounds at byte 1024 of tile (shared, 1024 bytes)"});
}

TEST_F(Kernels, reportsSharedMisaligned) {
  EXPECT_EQ(launch("shared_misaligned", 1, 1, 0, 8u), 0) << said;
  EXPECT_EQ(launch("shared_misaligned", 1, 1, 0, 4u), Misaligned);
  expectSaid({"writes 8 bytes at byte 4 of tile", "not a multiple of 8"});
}

TEST_F(Kernels, dynamicSharedMemory) {
  auto in = upload(ramp(128)), out = allocate(4);
  ASSERT_EQ(launch("dynamic_sum", 1, 128, 512, in, out), 0) << said;
  EXPECT_EQ(download<float>(out, 1)[0], 127.0f * 64.0f);
  EXPECT_EQ(launch("dynamic_sum", 1, 128, 508, in, out), IllegalAddress);
  expectSaid({"thread (127,0,0)", "out of bounds at byte 508 of dynamic shared memory"});
}

TEST_F(Kernels, warpBarrierOrdersAWarp) {
  auto out = allocate(32);
  ASSERT_EQ(launch("warp_exchange", 1, 32, 0, out, 1u), 0) << said;
  auto got = download<uint8_t>(out, 32);
  for (unsigned i = 0; i < 32; ++i)
    EXPECT_EQ(got[i], i ^ 1);
  // Different bytes of a word are no race, the same byte is one.
  EXPECT_EQ(launch("warp_exchange", 1, 32, 0, out, 0u), LaunchFailed);
  expectSaid({"race: ", "byte", "of bytes (shared, 256 bytes)"});
}

TEST_F(Kernels, wordsRaceWithTheirBytes) {
  auto out = allocate(128);
  ASSERT_EQ(launch("bytes_and_words", 1, 32, 0, out, 1u), 0) << said;
  EXPECT_EQ(download<uint32_t>(out, 5)[4], 0x07060504u);
  EXPECT_EQ(launch("bytes_and_words", 1, 32, 0, out, 0u), LaunchFailed);
  expectSaid({"race: ", "of bytes (shared, 256 bytes)"});
}

TEST_F(Kernels, remembersSeveralReaders) {
  auto out = allocate(256);
  EXPECT_EQ(launch("read_then_write", 1, 64, 0, out, 1u, 1u), 0) << said;
  EXPECT_EQ(launch("read_then_write", 1, 64, 0, out, 1u, 0u), LaunchFailed);
  expectSaid({"thread (1,0,0): race: writes byte 0 of tile", "which several threads of warp 0 read"});
}

TEST_F(Kernels, remembersReadersOfSeveralWarps) {
  auto out = allocate(256);
  // Waiting for one's own warp does not order two warps.
  EXPECT_EQ(launch("read_then_write", 1, 64, 0, out, 33u, 1u), LaunchFailed);
  expectSaid({"thread (33,0,0): race: writes byte 0 of tile", "which several threads read"});
}

TEST_F(Kernels, staticAndDynamicSharedMemory) {
  auto out = allocate(128);
  ASSERT_EQ(launch("static_and_dynamic", 1, 32, 128, out), 0) << said;
  EXPECT_EQ(download<uint32_t>(out, 32)[31], 31031u);
}

TEST_F(Kernels, atomicsDoNotRace) {
  auto out = upload(std::vector<uint32_t>{0, 0});
  ASSERT_EQ(launch("atomics", 3, 64, 0, out), 0) << said;
  EXPECT_EQ(download<uint32_t>(out, 2), (std::vector<uint32_t>{192, 64}));
}

//===-- Barriers and warps ------------------------------------------------===//

TEST_F(Kernels, reportsDivergentBarriers) {
  EXPECT_EQ(launch("divergent_barrier", 1, 64, 0), LaunchFailed);
  expectSaid({"kernel divergent_barrier, block (0,0,0)", "divergent barrier: thread (0,0,0) waits", "thread (40,0,0) has ended"});
}

TEST_F(Kernels, reportsDifferentBarriersInAWarp) {
  EXPECT_EQ(launch("two_barriers", 1, 32, 0), LaunchFailed);
  expectSaid({"divergent barrier: threads (0,0,0) and (16,0,0) of a warp"});
}

TEST_F(Kernels, refusesBarriersOfAPart) {
  EXPECT_EQ(launch("part_barrier", 1, 32, 0), 0) << said;
  EXPECT_EQ(launch("part_barrier", 1, 64, 0), LaunchFailed);
  expectSaid({"a barrier for 32 of 64 threads"});
}

TEST_F(Kernels, barrierReductions) {
  auto out = allocate(4 * 100);
  ASSERT_EQ(launch("barrier_reductions", 1, 100, 0, out), 0) << said;
  for (int32_t n : download<int32_t>(out, 100))
    EXPECT_EQ(n, 34 + 2000);
}

TEST_F(Kernels, shuffles) {
  auto out = allocate(32 * 32);
  ASSERT_EQ(launch("shuffles", 1, 32, 0, out), 0) << said;
  auto got = download<int32_t>(out, 256);
  auto square = [](int n) { return n * n; };
  for (int l = 0; l < 32; ++l) {
    const int32_t *row = &got[size_t(l) * 8];
    EXPECT_EQ(row[0], l >= 3 ? square(l - 3) : square(l));
    EXPECT_EQ(row[1], l >= 3);
    EXPECT_EQ(row[2], l + 3 <= 31 ? square(l + 3) : square(l));
    EXPECT_EQ(row[3], l + 3 <= 31);
    EXPECT_EQ(row[4], square(l / 8 * 8 + 5));
    EXPECT_EQ(row[5], square(l ^ 16));
    EXPECT_EQ(row[6], square(l ^ 1));
  }
}

TEST_F(Kernels, votesAndReductions) {
  auto out = allocate(32 * 16);
  ASSERT_EQ(launch("votes", 1, 32, 0, out), 0) << said;
  auto got = download<uint32_t>(out, 128);
  for (size_t l = 0; l < 32; ++l)
    EXPECT_EQ(std::vector<uint32_t>(&got[l * 4], &got[l * 4] + 4), (std::vector<uint32_t>{0xaaaaaaaau, 6, 496, 31}));
  // The last warp of 40 threads has eight.
  EXPECT_EQ(launch("votes", 1, 8, 0, out), 0) << said;
  EXPECT_EQ(download<uint32_t>(out, 3), (std::vector<uint32_t>{0xaa, 6, 28}));
}

TEST_F(Kernels, reportsDivergentShuffles) {
  auto out = allocate(4);
  EXPECT_EQ(launch("divergent_shuffle", 1, 32, 0, out), LaunchFailed);
  expectSaid({"thread (16,0,0): divergent warp instruction", "shfl.sync.bfly.i32"});
}

TEST_F(Kernels, reportsShufflesWithEndedThreads) {
  auto out = allocate(4);
  EXPECT_EQ(launch("lonely_shuffle", 1, 32, 0, out), LaunchFailed);
  expectSaid({"divergent warp instruction: thread (0,0,0) waits", "for thread (16,0,0), which has ended"});
}

TEST_F(Kernels, halfWarpsOnTheirOwn) {
  auto out = allocate(128);
  ASSERT_EQ(launch("half_warps", 1, 32, 0, out), 0) << said;
  auto got = download<uint32_t>(out, 32);
  for (uint32_t l = 0; l < 32; ++l)
    EXPECT_EQ(got[l], l < 16 ? l ^ 1 : l ^ 2);
}

//===-- Matrices ----------------------------------------------------------===//

using Half = _Float16;

TEST_F(Kernels, multiplies) {
  std::vector<Half> a(256), b(128);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = Half(float(i * 7 % 23) - 11.0f);
  for (size_t i = 0; i < b.size(); ++i)
    b[i] = Half(float(i * 5 % 19) - 9.0f);
  auto d = allocate(512), h = allocate(256), d8 = allocate(512);
  ASSERT_EQ(launch("multiply", 1, 32, 0, upload(a), upload(b), d, h, d8), 0) << said;
  auto gotD = download<float>(d, 128), got8 = download<float>(d8, 128);
  auto gotH = download<Half>(h, 128);
  for (size_t r = 0; r < 16; ++r)
    for (size_t c = 0; c < 8; ++c) {
      float sum = 0, half = 0;
      for (size_t k = 0; k < 16; ++k) {
        sum += float(a[r * 16 + k]) * float(b[k * 8 + c]);
        if (k == 7)
          half = sum;
      }
      EXPECT_EQ(gotD[r * 8 + c], sum + 1.0f) << r << "," << c;
      EXPECT_EQ(float(gotH[r * 8 + c]), float(Half(sum))) << r << "," << c;
      EXPECT_EQ(got8[r * 8 + c], half) << r << "," << c;
    }
}

TEST_F(Kernels, loadsMatrices) {
  auto out = allocate(32 * 16);
  ASSERT_EQ(launch("matrices", 1, 32, 0, out), 0) << said;
  auto got = download<uint32_t>(out, 128);
  for (uint32_t l = 0; l < 32; ++l) {
    // Row l / 4, columns 2 (l mod 4) and the next; transposed: the other way round.
    uint32_t at = l / 4 * 8 + l % 4 * 2, across = l % 4 * 16 + l / 4;
    EXPECT_EQ(got[l * 4], at | (at + 1) << 16);
    EXPECT_EQ(got[l * 4 + 1], (at + 64) | (at + 65) << 16);
    EXPECT_EQ(got[l * 4 + 2], across | (across + 8) << 16);
  }
  EXPECT_EQ(launch("matrices", 1, 16, 0, out), LaunchFailed);
  expectSaid({"a warp of 16 threads does what takes all 32"});
}

//===-- cp.async ----------------------------------------------------------===//

TEST_F(Kernels, asyncCopiesInStages) {
  auto in = upload(ramp(256)), out = allocate(1024);
  ASSERT_EQ(launch("async_stages", 1, 32, 0, in, out, 1u), 0) << said;
  EXPECT_EQ(download<float>(out, 256), ramp(256));
}

TEST_F(Kernels, reportsAMissingWait) {
  auto in = upload(ramp(256)), out = allocate(1024);
  EXPECT_EQ(launch("async_stages", 1, 32, 0, in, out, 2u), LaunchFailed);
  expectSaid({"kernel async_stages", "reads byte 16 of tile", "while a cp.async of thread (1,0,0) to it has not been waited for"});
}

TEST_F(Kernels, reportsAMissingBarrierAfterTheWait) {
  auto in = upload(ramp(256)), out = allocate(1024);
  EXPECT_EQ(launch("async_without_barrier", 1, 32, 0, in, out), LaunchFailed);
  expectSaid({"race: ", "of tile"});
}

TEST_F(Kernels, asyncCopiesFillWithZero) {
  auto in = upload(ramp(128)), out = allocate(512);
  ASSERT_EQ(launch("async_short", 1, 32, 0, in, out), 0) << said;
  auto got = download<float>(out, 128);
  for (size_t i = 0; i < 128; ++i)
    EXPECT_EQ(got[i], i % 4 < 2 ? float(i) : 0.0f);
}

//===-- Launches ----------------------------------------------------------===//

TEST_F(Kernels, refusesImpossibleLaunches) {
  EXPECT_EQ(launch("limited", 1, 64, 0), 0);
  EXPECT_EQ(launch("limited", 1, 65, 0), 1);
  expectSaid({"kernel limited: cannot launch: a block of 65 threads; the kernel was compiled for 64"});
  EXPECT_EQ(launch("divergent_barrier", 1, 1025, 0), 1);
  EXPECT_EQ(launch("divergent_barrier", 0, 32, 0), 1);
  EXPECT_EQ(launch("limited", 1, 32, 49153), 1);
  expectSaid({"49153 bytes of dynamic shared memory; allowed are 49152"});
  cu_function f;
  ASSERT_EQ(cu.module_function(&f, module, "limited"), 0);
  EXPECT_EQ(cu.function_set(f, CU_FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100000), 0);
  EXPECT_NE(cu.function_set(f, CU_FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1000000), 0);
  EXPECT_EQ(cu.launch(f, 1, 1, 1, 32, 1, 1, 100000, nullptr, nullptr, nullptr), 0);
}

TEST_F(Kernels, modulesMustFitTheKernels) {
  cu_module other;
  char log[256] = "";
  int options[] = {CU_JIT_ERROR_LOG, CU_JIT_ERROR_LOG_BYTES};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
  EXPECT_NE(cu.module_load(&other, ptxWith("unheard_of").c_str(), 2, options, values), 0);
  EXPECT_NE(std::string(log).find("'unheard_of' that the translated kernels have not"), std::string::npos) << log;
  cu_function f;
  EXPECT_EQ(cu.module_function(&f, module, "unheard_of"), 500);
}

TEST_F(Kernels, copiesAreChecked) {
  auto a = allocate(64);
  float host[32] = {};
  testing::internal::CaptureStderr();
  EXPECT_EQ(cu.copy_to_device(a, host, 65, nullptr), 1);
  EXPECT_EQ(cu.copy_to_host(host, cu_address(uintptr_t(host)), 64, nullptr), 1);
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("cuMemcpyHtoDAsync of 65 bytes: wanted device memory"), std::string::npos) << text;
}

using KernelsDeathTest = Kernels;

TEST_F(KernelsDeathTest, hostCodeMayNotTouchDeviceMemory) {
  auto a = allocate(64);
  EXPECT_DEATH(*reinterpret_cast<volatile float *>(uintptr_t(a)) = 1.0f,
               "code of the host touches device memory at 0x[0-9a-f]+ .byte 0 of allocation [0-9]+ of 64 bytes.");
}

//===-- Counters ----------------------------------------------------------===//

TEST_F(Kernels, countsSectorsPerWarp) {
  auto in = upload(ramp(32 * 64)), out = allocate(64 * 4);
  auto of = [](const char *field) { return gpusim_counter("gather", field); };
  auto sectors = [&](uint64_t stride) {
    uint64_t before = of("global_sectors"), ideal = of("ideal_sectors");
    EXPECT_EQ(launch("gather", 1, 64, 0, in, out, stride, uint64_t(0)), 0) << said;
    return std::pair(of("global_sectors") - before, of("ideal_sectors") - ideal);
  };
  uint64_t launches = of("launches");
  // Two warps; the stores take four sectors each.
  EXPECT_EQ(sectors(1), std::pair(uint64_t(8 + 8), uint64_t(8 + 8)));
  EXPECT_EQ(sectors(2), std::pair(uint64_t(16 + 8), uint64_t(8 + 8)));
  EXPECT_EQ(sectors(8), std::pair(uint64_t(64 + 8), uint64_t(8 + 8)));
  EXPECT_EQ(sectors(32), std::pair(uint64_t(64 + 8), uint64_t(8 + 8)));
  // All threads the same word.
  EXPECT_EQ(sectors(0), std::pair(uint64_t(2 + 8), uint64_t(2 + 8)));
  EXPECT_EQ(of("launches") - launches, 5u);
  EXPECT_EQ(of("threads_per_block"), 64u);
}

TEST_F(Kernels, countsSectorsOfABlockOnce) {
  auto in = upload(ramp(32 * 64)), out = allocate(64 * 4);
  auto sectors = [&](unsigned blocks, uint64_t stride) {
    uint64_t before = gpusim_counter("gather", "data_sectors");
    EXPECT_EQ(launch("gather", blocks, 64, 0, in, out, stride, uint64_t(0)), 0) << said;
    return gpusim_counter("gather", "data_sectors") - before;
  };
  EXPECT_EQ(sectors(1, 1), 8u + 8u);
  EXPECT_EQ(sectors(1, 2), 16u + 8u); // every other word: whole sectors
  EXPECT_EQ(sectors(1, 0), 1u + 8u);  // both warps read the same one
  EXPECT_EQ(sectors(2, 0), 2 * (1u + 8u));
}

TEST_F(Kernels, countsWhatBlocksDo) {
  auto in = upload(ramp(64 * 10)), out = allocate(256);
  ASSERT_EQ(launch("busy", 1, 64, 0, in, out, uint64_t(10)), 0) << said;
  auto before = [](const char *field) { return gpusim_counter("busy", field); };
  uint64_t fmas = before("fmas"), loads = before("shared_loads"), stores = before("shared_stores"), barriers = before("barriers"),
           sectors = before("global_sectors");
  ASSERT_EQ(launch("busy", 1, 64, 0, in, out, uint64_t(10)), 0) << said;
  EXPECT_EQ(before("fmas") - fmas, 640u);
  EXPECT_EQ(before("shared_loads") - loads, 640u);
  EXPECT_EQ(before("shared_stores") - stores, 64u);
  EXPECT_EQ(before("barriers") - barriers, 1u);
  EXPECT_EQ(before("global_sectors") - sectors, 2u * (10 * 4 + 4));
  EXPECT_GT(gpusim_counter("multiply", "mmas"), 0u);
  EXPECT_GT(gpusim_counter("async_stages", "async_copies"), 0u);
}

//===-- Bounds only -------------------------------------------------------===//

TEST_F(BoundsOnly, looksAtBoundsButNotAtRaces) {
  auto in = upload(ramp(256)), out = allocate(1024);
  EXPECT_EQ(launch("reverse_without_barrier", 1, 256, 0, in, out), 0) << said;
  EXPECT_EQ(launch("shared_store", 1, 256, 0, 1u), IllegalAddress);
  expectSaid({"out of bounds at byte 1024 of tile"});
}

//===-- Without checks ----------------------------------------------------===//

TEST_F(Unchecked, computesTheSame) {
  auto in = upload(ramp(256)), out = allocate(1024);
  ASSERT_EQ(launch("reverse", 1, 256, 0, in, out), 0) << said;
  EXPECT_EQ(download<float>(out, 256)[0], 255.0f);
  ASSERT_EQ(launch("async_stages", 1, 32, 0, in, out, 1u), 0) << said;
  EXPECT_EQ(download<float>(out, 256), ramp(256));
}

TEST_F(Unchecked, faultsEndTheLaunchOnly) {
  auto out = allocate(64);
  EXPECT_EQ(launch("gather", 1, 4, 0, uint64_t(8), out, uint64_t(1), uint64_t(0)), IllegalAddress);
  expectSaid({"kernel gather", "--checks=bounds"});
}

//===-- Speed -------------------------------------------------------------===//

// A tenth of what the simulator does on a machine of its own: to notice that
// something became slow by far, not to measure.
TEST_F(Kernels, isFastEnoughForTests) {
  constexpr uint64_t steps = 20000, threads = 64;
  auto in = upload(std::vector<float>(steps * threads, 1.0f)), out = allocate(256);
  auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(launch("busy", 1, threads, 0, in, out, steps), 0) << said;
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(download<float>(out, 1)[0], float(steps));
  double rate = double(2 * steps * threads) / seconds.count();
  RecordProperty("accesses_per_second", int(rate));
  std::cout << "accesses per second: " << int(rate / 1e6) << " million\n";
  EXPECT_GT(rate, 2e6);
}

} // namespace
