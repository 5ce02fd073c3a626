// The thread pool: every iteration once, workers within bounds, runs within runs.
#include "onnxc_pool.h"
#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace {

class Pool {
public:
  explicit Pool(int32_t threads) {
    size_t bytes = onnxc_pool_bytes(threads);
    memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    EXPECT_EQ(onnxc_pool_init(memory, bytes, threads, &executor), ONNXC_OK);
  }
  ~Pool() {
    onnxc_pool_deinit(executor);
    std::free(memory);
  }
  void run(onnxc_task task, void *closure, int64_t count, int64_t workers) {
    executor->run(executor, task, closure, count, workers);
  }
  onnxc_executor *executor = nullptr;

private:
  void *memory;
};

struct Count {
  explicit Count(int64_t n) : done(n), inUse(ONNXC_POOL_MAX_THREADS) {}
  std::vector<std::atomic<int>> done, inUse;
  std::atomic<int64_t> largest{0};
  std::atomic<bool> clash{false};
  static void task(void *closure, int64_t begin, int64_t end, int64_t worker) {
    auto &count = *static_cast<Count *>(closure);
    if (count.inUse[worker].exchange(1))
      count.clash = true;
    for (int64_t seen = count.largest; worker > seen && !count.largest.compare_exchange_weak(seen, worker);)
      ;
    for (int64_t i = begin; i < end; ++i)
      ++count.done[i];
    count.inUse[worker] = 0;
  }
  void expectEachOnce(int64_t workers) {
    for (auto &n : done)
      ASSERT_EQ(n, 1);
    EXPECT_LT(largest, workers);
    EXPECT_FALSE(clash) << "two tasks of the same worker at the same time";
  }
};

TEST(Pool, everyIterationOnce) {
  for (int32_t threads : {1, 2, 5}) {
    Pool pool(threads);
    for (int64_t n : {0, 1, 2, 3, 7, 64, 1000})
      for (int64_t workers : {1, 2, 4, 100}) {
        Count count(n);
        pool.run(Count::task, &count, n, workers);
        count.expectEachOnce(workers);
      }
  }
}

TEST(Pool, manyShortRuns) {
  Pool pool(4);
  for (int i = 0; i < 20000; ++i) {
    Count count(9);
    pool.run(Count::task, &count, 9, 4);
    count.expectEachOnce(4);
    if (i % 5000 == 0) // long enough for the helpers to sleep
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST(Pool, runsOfTwoCallersAtATime) {
  Pool pool(3);
  auto work = [&] {
    for (int i = 0; i < 2000; ++i) {
      Count count(33);
      pool.run(Count::task, &count, 33, 3);
      count.expectEachOnce(3);
    }
  };
  std::thread other(work);
  work();
  other.join();
}

TEST(Pool, runWithinARun) {
  Pool pool(3);
  struct Outer {
    Pool &pool;
    std::atomic<int> done{0};
  } outer{pool};
  pool.run(
      [](void *closure, int64_t begin, int64_t end, int64_t) {
        auto &outer = *static_cast<Outer *>(closure);
        for (int64_t i = begin; i < end; ++i) {
          Count inner(10);
          outer.pool.run(Count::task, &inner, 10, 3);
          inner.expectEachOnce(3);
          ++outer.done;
        }
      },
      &outer, 20, 3);
  EXPECT_EQ(outer.done, 20);
}

TEST(Pool, refusesWhatItCannotUse) {
  alignas(64) static unsigned char memory[1 << 16];
  onnxc_executor *executor = nullptr;
  EXPECT_EQ(onnxc_pool_bytes(0), 0u);
  EXPECT_EQ(onnxc_pool_bytes(ONNXC_POOL_MAX_THREADS + 1), 0u);
  size_t bytes = onnxc_pool_bytes(2);
  EXPECT_EQ(onnxc_pool_init(nullptr, bytes, 2, &executor), ONNXC_BAD_ARGUMENT);
  EXPECT_EQ(onnxc_pool_init(memory, bytes - 1, 2, &executor), ONNXC_BAD_ARGUMENT);
  EXPECT_EQ(onnxc_pool_init(memory + 1, bytes, 2, &executor), ONNXC_BAD_ARGUMENT);
  EXPECT_EQ(onnxc_pool_init(memory, bytes, -1, &executor), ONNXC_BAD_ARGUMENT);
  EXPECT_EQ(onnxc_pool_init(memory, bytes, 2, nullptr), ONNXC_BAD_ARGUMENT);
}

} // namespace
