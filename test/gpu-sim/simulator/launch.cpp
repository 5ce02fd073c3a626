// Blocks one after the other, the threads of a block as fibres. A warp runs
// until all its threads wait, then the next one does; when all warps wait, they
// must all be at the same barrier.
#include "fibre.h"
#include "simulator.h"

#include <csetjmp>
#include <cstdio>

namespace gpusim {

Launch launch;
Thread *self = nullptr;
Thread threads[MaxThreads];
char *window = nullptr;
Counters *counters = nullptr;

static Fibre fibres[MaxThreads];
static jmp_buf escape;
static bool running = false;
static Fault faultOfLaunch;

bool isRunning() { return running; }

//===-- Faults ------------------------------------------------------------===//

static std::string triple(const uint32_t *n) {
  return "(" + std::to_string(n[0]) + "," + std::to_string(n[1]) + "," + std::to_string(n[2]) + ")";
}

std::string nameOf(const Thread &thread) { return triple(thread.tid); }

std::string textOf(uint32_t site) {
  if (site >= launch.module->siteCount)
    return "";
  const Site &s = launch.module->sites[site];
  std::string text = s.text;
  return std::string(s.function) == launch.kernel->name ? text : std::string(s.function) + ": " + text;
}

[[noreturn]] static void stop(Fault fault, const std::string &line) {
  noteError(line);
  faultOfLaunch = fault;
  _longjmp(escape, 1);
}

void failBlock(Fault fault, const std::string &what) {
  stop(fault, std::string("kernel ") + launch.kernel->name + ", block " + triple(launch.index) + ": " + what);
}

void fail(Fault fault, uint32_t site, const std::string &what) {
  stop(fault, std::string("kernel ") + launch.kernel->name + ", block " + triple(launch.index) + ", thread " + nameOf(*self) + ": " + what +
                  "; at: " + textOf(site));
}

//===-- Blocks ------------------------------------------------------------===//

static void startThread(uint32_t number) {
  Thread &thread = threads[number];
  thread.wait = Wait::Nothing;
  thread.group = 0;
  thread.copies.clear();
}

static void endThread(Thread &thread) {
  landAll(thread); // the copies were never waited for; nobody may read them before a barrier
  thread.wait = Wait::Ended;
}

/// The life of a fibre: one thread after the other.
static void live(uint32_t number) {
  for (;;) {
    launch.kernel->start(launch.parameters);
    endThread(threads[number]);
    fibres[number].suspend();
  }
}

void suspend() { fibres[self->number].suspend(); }

/// Runs a warp until all its threads wait.
static void runWarp(uint32_t first) {
  uint32_t end = first + WarpThreads < launch.threads ? first + WarpThreads : launch.threads;
  for (bool again = true; again;) {
    again = false;
    for (uint32_t t = first; t < end; ++t) {
      if (threads[t].wait != Wait::Nothing)
        continue;
      self = &threads[t];
      fibres[t].resume(live, t);
      again = true;
    }
  }
  regroup();
}

/// Lets all go on when they are at the same barrier; fails when they cannot be.
static void releaseBarrier() {
  const Thread *waiting = nullptr, *other = nullptr;
  for (uint32_t t = 0; t < launch.threads; ++t) {
    Thread &thread = threads[t];
    if (thread.wait == Wait::Warp)
      failBlock(Fault::LaunchFailed, "divergent warp instruction: " + describeWarpWait(thread));
    if (thread.wait == Wait::Barrier && !waiting)
      waiting = &thread;
  }
  for (uint32_t t = 0; t < launch.threads && !other; ++t)
    if (threads[t].wait == Wait::Ended || threads[t].barrier != waiting->barrier || threads[t].op != waiting->op)
      other = &threads[t];
  if (other)
    failBlock(Fault::LaunchFailed,
              "divergent barrier: thread " + nameOf(*waiting) + " waits at barrier " + std::to_string(waiting->barrier) + " (" +
                  textOf(waiting->site) + "), thread " + nameOf(*other) +
                  (other->wait == Wait::Ended ? std::string(" has ended")
                                              : " at barrier " + std::to_string(other->barrier) + " (" + textOf(other->site) + ")"));
  // The threads of a warp come to a barrier together.
  for (uint32_t t = 0; t < launch.threads; ++t)
    if (threads[t].site != threads[t / WarpThreads * WarpThreads].site)
      failBlock(Fault::LaunchFailed, "divergent barrier: threads " + nameOf(threads[t / WarpThreads * WarpThreads]) + " and " + nameOf(threads[t]) +
                                         " of a warp wait at different instructions (" + textOf(threads[t / WarpThreads * WarpThreads].site) +
                                         " and " + textOf(threads[t].site) + ")");
  uint32_t sum = 0;
  for (uint32_t t = 0; t < launch.threads; ++t)
    sum += threads[t].operand != 0;
  for (uint32_t t = 0; t < launch.threads; ++t) {
    BarrierOp op = threads[t].op;
    threads[t].result = op == RedPopc ? sum : op == RedAnd ? sum == launch.threads : sum != 0;
    threads[t].wait = Wait::Nothing;
  }
  ++counters->barriers;
  endInterval();
}

static void runBlock() {
  beginBlock();
  for (uint32_t t = 0; t < launch.threads; ++t)
    startThread(t);
  if (!launch.kernel->synchronises) {
    // Threads that never wait need no stacks of their own.
    for (uint32_t t = 0; t < launch.threads; ++t) {
      self = &threads[t];
      launch.kernel->start(launch.parameters);
      landAll(*self);
      if (t % WarpThreads == WarpThreads - 1)
        regroup();
    }
    regroup();
    return;
  }
  for (;;) {
    bool isLeft = false;
    for (uint32_t first = 0; first < launch.threads; first += WarpThreads)
      runWarp(first);
    for (uint32_t t = 0; t < launch.threads; ++t)
      isLeft |= threads[t].wait != Wait::Ended;
    if (!isLeft)
      return;
    releaseBarrier();
  }
}

Fault run(const Launch &what) {
  launch = what;
  launch.threads = launch.block[0] * launch.block[1] * launch.block[2];
  counters = &countersOf(launch.kernel->name);
  ++counters->launches;
  if (launch.threads > counters->threadsPerBlock)
    counters->threadsPerBlock = launch.threads;
  for (uint32_t t = 0; t < launch.threads; ++t) {
    Thread &thread = threads[t];
    thread.number = t;
    thread.lane = t % WarpThreads;
    thread.warp = t / WarpThreads;
    thread.tid[0] = t % launch.block[0];
    thread.tid[1] = t / launch.block[0] % launch.block[1];
    thread.tid[2] = t / launch.block[0] / launch.block[1];
  }
  memory::Access access;
  gpusim_fmas = 0;
  faultOfLaunch = Fault::None;
  running = true;
  if (_setjmp(escape) == 0) {
    beginAccesses();
    for (launch.index[2] = 0; launch.index[2] < launch.grid[2]; ++launch.index[2])
      for (launch.index[1] = 0; launch.index[1] < launch.grid[1]; ++launch.index[1])
        for (launch.index[0] = 0; launch.index[0] < launch.grid[0]; ++launch.index[0]) {
          runBlock();
          ++counters->blocks;
          counters->threads += launch.threads;
        }
  } else {
    for (uint32_t t = 0; t < launch.threads; ++t)
      fibres[t].forget();
    regroup();
    forgetAccesses();
    resetWarps();
  }
  running = false;
  counters->fmas += gpusim_fmas;
  return faultOfLaunch;
}

} // namespace gpusim

using namespace gpusim;

char *gpusim_shared_window = nullptr;
uint64_t gpusim_fmas = 0;

uint32_t gpusim_register(uint32_t which) {
  switch (which) {
  case LaneId:
    return self->lane;
  case WarpId:
    return self->warp;
  case NWarpId:
    return (launch.threads + WarpThreads - 1) / WarpThreads;
  case WarpSize:
    return WarpThreads;
  case DynamicSharedSize:
    return launch.dynamicShared;
  default:
    break;
  }
  const uint32_t *triples[] = {self->tid, launch.block, launch.index, launch.grid};
  return triples[which / 3][which % 3];
}

uint32_t gpusim_barrier(uint32_t op, uint32_t id, uint32_t count, uint32_t operand, uint32_t site) {
  if (count && count != launch.threads)
    fail(Fault::LaunchFailed, site,
         "a barrier for " + std::to_string(count) + " of " + std::to_string(launch.threads) + " threads, which the simulator cannot do");
  self->op = BarrierOp(op);
  self->barrier = id;
  self->operand = operand;
  self->site = site;
  self->wait = Wait::Barrier;
  suspend();
  return self->result;
}
