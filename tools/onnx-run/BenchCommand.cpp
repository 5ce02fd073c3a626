// onnx-run bench: how fast is the compiled model?
#include "Commands.h"
#include "Error.h"
#include "Prepare.h"
#include "onnxc_pool.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <chrono>
#include <numeric>

namespace onnxc::run {

static const OptionSpec Options[] = {
    {"runs", "N", "timed runs (as many as fit in 2 s, 10 to 1000)"},
    {"warmup", "N", "runs before the timing (as many as fit in 0.3 s)"},
    {"inputs", "IN.npz", "inputs by name; random ones without it"},
    {"seed", "N", "seed of random inputs (0)"},
    {"range", "[NAME=]LO,HI", "range of random inputs; may be repeated"},
    {"json", nullptr, "print one JSON object"},
};

using Clock = std::chrono::steady_clock;

static double since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

namespace {
struct Times {
  double compile = 0, load = 0, firstRun = 0;
  std::vector<double> runs; ///< sorted
  double median() const {
    size_t n = runs.size();
    return n % 2 ? runs[n / 2] : (runs[n / 2 - 1] + runs[n / 2]) / 2;
  }
  double mean() const {
    return std::accumulate(runs.begin(), runs.end(), 0.0) /
           static_cast<double>(runs.size());
  }
};
} // namespace

static llvm::Error measure(Session &session, int64_t runs, int64_t warmup,
                           Times &times) {
  auto timed = [&](double &ms) -> llvm::Error {
    auto start = Clock::now();
    llvm::Error error = session.run();
    ms = since(start);
    return error;
  };
  if (llvm::Error error = timed(times.firstRun))
    return error;
  double ms, spent = 0;
  for (int64_t i = 0; warmup < 0 ? spent < 300 && i < 1000 : i < warmup; ++i) {
    if (llvm::Error error = timed(ms))
      return error;
    spent += ms;
  }
  spent = 0;
  auto isEnough = [&](int64_t done) {
    if (runs > 0)
      return done >= runs;
    return done >= 10 && (spent >= 2000 || done >= 1000);
  };
  for (int64_t i = 0; !isEnough(i); ++i) {
    if (llvm::Error error = timed(ms))
      return error;
    spent += ms;
    times.runs.push_back(ms);
  }
  std::sort(times.runs.begin(), times.runs.end());
  return llvm::Error::success();
}

static void report(const Arguments &arguments, llvm::StringRef path,
                   const LoadedModel &model, int threads, const Times &times) {
  double first = times.load + times.firstRun;
  if (arguments.has("json")) {
    llvm::json::Object object{{"model", path},
                              {"threads", threads},
                              {"runs", times.runs.size()},
                              {"median_ms", times.median()},
                              {"min_ms", times.runs.front()},
                              {"mean_ms", times.mean()},
                              {"first_result_ms", first},
                              {"load_ms", times.load},
                              {"first_run_ms", times.firstRun},
                              {"compile_ms", times.compile},
                              {"arena_bytes", model.record().arena_bytes}};
    llvm::outs() << llvm::json::Value(std::move(object)) << "\n";
    return;
  }
  llvm::outs() << path << ": "
               << llvm::format("median %.3f ms, min %.3f ms, mean %.3f ms",
                               times.median(), times.runs.front(), times.mean())
               << " over " << times.runs.size() << " runs, " << threads
               << (threads == 1 ? " thread\n" : " threads\n")
               << llvm::format(
                      "first result after %.3f ms (load %.3f, run "
                      "%.3f); compile %.0f ms; arena %lld bytes\n",
                      first, times.load, times.firstRun, times.compile,
                      static_cast<long long>(model.record().arena_bytes));
}

static llvm::Error bench(const Arguments &arguments) {
  auto runs = arguments.integer("runs", 0, 1, 1000000);
  if (!runs)
    return runs.takeError();
  auto warmup = arguments.integer("warmup", -1, 0, 1000000);
  if (!warmup)
    return warmup.takeError();
  auto threads = arguments.integer("threads", 1, 1, ONNXC_POOL_MAX_THREADS);
  if (!threads)
    return threads.takeError();
  auto request = Request::parse(arguments, "bench MODEL", "inputs");
  if (!request)
    return request.takeError();
  auto prepared = request->prepare(arguments);
  if (!prepared)
    return prepared.takeError();
  auto inputs = request->inputs(*prepared->model);
  if (!inputs)
    return inputs.takeError();
  Session session(*prepared->model);
  if (llvm::Error error = session.bind(*inputs))
    return error;
  Times times;
  times.compile = prepared->compileMs;
  times.load = prepared->loadMs;
  if (llvm::Error error = measure(session, *runs, *warmup, times))
    return error;
  report(arguments, request->path, *prepared->model, static_cast<int>(*threads), times);
  return llvm::Error::success();
}

int benchCommand(llvm::ArrayRef<const char *> argv) {
  return runSubcommand(
      "bench", "MODEL.onnx|MODEL.so [--threads=N] [--json]", withCompileOptions(Options), argv,
      [](const Arguments &arguments) { return reportError(bench(arguments)); });
}

} // namespace onnxc::run
