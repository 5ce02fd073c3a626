// The parts of the simulator: device memory, blocks of threads, what accesses
// and warp-wide instructions do, counters.
#ifndef ONNXC_GPUSIM_SIMULATOR_H
#define ONNXC_GPUSIM_SIMULATOR_H

#include "../abi.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gpusim {

constexpr uint32_t WarpThreads = 32;
constexpr uint32_t MaxThreads = 1024;
/// Shared memory of a block on the device that is simulated, and the window
/// that holds it with the gaps between variables.
constexpr uint32_t MaxShared = 227 * 1024;
constexpr uint32_t WindowBytes = 2 * 256 * 1024;

/// Codes of the driver API that a fault of a kernel becomes.
enum class Fault { None = 0, IllegalAddress = 700, MisalignedAddress = 716, LaunchFailed = 719 };

//===-- Counters (report.cpp) ---------------------------------------------===//

/// What a kernel did in all its launches.
struct Counters {
  uint64_t launches, blocks, threads, threadsPerBlock;
  uint64_t globalLoads, globalStores; // per thread and at most 16 bytes
  uint64_t globalSectors, idealSectors, dataSectors;
  uint64_t sharedLoads, sharedStores;
  uint64_t fmas, mmas, barriers, atomics, asyncCopies;
};
// All go as JSON to $ONNXC_GPUSIM_REPORT when the process ends.
/// Those of the kernel that runs.
extern Counters *counters;
Counters &countersOf(const std::string &kernel);
void noteError(const std::string &line);

//===-- Device memory (memory.cpp) ----------------------------------------===//

/// One range of addresses for all device memory, accessible only while a
/// kernel or a copy runs.
namespace memory {
struct Allocation {
  uintptr_t begin, end;
  std::string name;
  bool isConstant, isOwn; ///< isOwn: of the module, not from cuMemAlloc
};
bool reserve(uint64_t bytes);
/// 0 when there is no room.
uintptr_t allocate(uint64_t bytes);
bool release(uintptr_t address);
void addVariable(const Variable &variable);
void removeVariable(const Variable &variable);
/// The allocation that holds the address, or null.
const Allocation *find(uintptr_t address);
uint64_t generation(); ///< changes when an allocation goes
bool isDevice(uintptr_t address); ///< within the range at all
/// The block that touched a sector of device memory last; null for other memory.
uint32_t *lastBlock(uintptr_t address);
uint64_t used();
uint64_t peak();
uint64_t live();
std::string describe(uintptr_t address);
/// Lets this process touch device memory while it lives.
struct Access {
  Access();
  ~Access();
};
} // namespace memory

//===-- Launches (launch.cpp, warp.cpp, access.cpp, async.cpp) ------------===//

enum class Wait : uint8_t { Nothing, Barrier, Warp, Ended };

struct AsyncCopy {
  uint32_t offset, bytes, group;
  uint8_t data[16];
};

struct Thread {
  uint32_t number, lane, warp;
  uint32_t tid[3];
  Wait wait;
  uint32_t site; ///< where it waits
  // Barrier.
  uint32_t barrier, operand, result;
  BarrierOp op;
  // cp.async.
  uint32_t group;
  std::vector<AsyncCopy> copies;
};

struct Launch {
  const ModuleTable *module;
  const Kernel *kernel;
  void **parameters;
  uint32_t grid[3], block[3], dynamicShared;
  uint32_t index[3]; ///< of the present block
  uint32_t threads;
};
extern Launch launch;
extern Thread *self;
extern Thread threads[MaxThreads];
extern char *window; ///< shared memory of the block

/// Runs all blocks. The fault's line is already reported.
Fault run(const Launch &what);

/// Ends the launch: reports kernel, block, thread, instruction and "what".
[[noreturn]] void fail(Fault fault, uint32_t site, const std::string &what);
/// The same for a fault that no single thread is at.
[[noreturn]] void failBlock(Fault fault, const std::string &what);
std::string nameOf(const Thread &thread);
std::string textOf(uint32_t site);

/// Waits until the scheduler lets this thread go on.
void suspend();
/// Whether code of a kernel runs now.
bool isRunning();

// access.cpp
void beginAccesses();  ///< of a launch
void forgetAccesses(); ///< after a launch that broke off
void beginBlock();
void endInterval();               ///< a barrier: later accesses are ordered after earlier ones
void endWarpInterval(uint32_t w); ///< the same within a warp
void regroup();                   ///< the threads of the warp start over to run side by side
/// `bytes` at `address` within one variable of shared memory; returns the offset.
uint32_t checkShared(uintptr_t address, uint32_t bytes, uint32_t align, Kind kind, uint32_t site);
void touchShared(uint32_t offset, uint32_t bytes, Kind kind, uint32_t site);
void checkGlobal(uintptr_t address, uint32_t bytes, uint32_t align, Kind kind, uint32_t site);
void countGlobal(uintptr_t address, uint32_t bytes, Kind kind, uint32_t site);
/// A cp.async on its way to these bytes, and landed.
void markPending(uint32_t offset, uint32_t bytes, uint32_t site);
void markLanded(uint32_t offset, uint32_t bytes);
// async.cpp
void landAll(Thread &thread);
// warp.cpp
void resetWarps();
/// What the threads wait for that will never come, for a message.
std::string describeWarpWait(const Thread &thread);

} // namespace gpusim

// What translated kernels call and read.
#pragma GCC visibility push(default)
extern "C" {
extern char *gpusim_shared_window;
extern uint64_t gpusim_fmas;
uint32_t gpusim_register(uint32_t which);
void gpusim_global(uintptr_t address, uint32_t what, uint32_t site);
void gpusim_shared(uintptr_t address, uint32_t what, uint32_t site);
void gpusim_generic(uintptr_t address, uint32_t what, uint32_t site);
void gpusim_bounds(uintptr_t address, uint32_t what, uint32_t site);
void gpusim_range(uintptr_t address, uint64_t bytes, uint32_t kind, uint32_t site);
uint32_t gpusim_barrier(uint32_t op, uint32_t id, uint32_t count, uint32_t operand, uint32_t site);
void gpusim_collective(uint32_t op, uint32_t mask, const uint32_t *in, uint32_t *out, uint32_t site);
void gpusim_cp_async(uintptr_t to, uintptr_t from, uint32_t bytes, uint32_t from_bytes, uint32_t site);
void gpusim_cp_async_commit(void);
void gpusim_cp_async_wait(uint32_t groups);
}
#pragma GCC visibility pop

#endif // ONNXC_GPUSIM_SIMULATOR_H
