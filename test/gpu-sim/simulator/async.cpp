// cp.async: the data is fetched at once, but lands in shared memory only when
// the thread waits for its group, so that a missing wait shows.
#include "simulator.h"

#include <cstring>

using namespace gpusim;

static void land(Thread &thread, const AsyncCopy &copy) {
  std::memcpy(window + copy.offset, copy.data, copy.bytes);
  markLanded(copy.offset, copy.bytes);
}

/// Lands the copies of groups below `end`.
static void landBelow(Thread &thread, uint32_t end) {
  size_t kept = 0;
  for (const AsyncCopy &copy : thread.copies)
    if (copy.group < end)
      land(thread, copy);
    else
      thread.copies[kept++] = copy;
  thread.copies.resize(kept);
}

void gpusim::landAll(Thread &thread) { landBelow(thread, thread.group + 1); }

void gpusim_cp_async(uintptr_t to, uintptr_t from, uint32_t bytes, uint32_t fromBytes, uint32_t site) {
  AsyncCopy copy = {};
  copy.offset = checkShared(to, bytes, bytes, Store, site);
  copy.bytes = bytes;
  copy.group = self->group;
  if (fromBytes > bytes)
    fail(Fault::LaunchFailed, site, "cp.async takes " + std::to_string(fromBytes) + " bytes for " + std::to_string(bytes));
  if (fromBytes) {
    checkGlobal(from, fromBytes, bytes, Load, site);
    countGlobal(from, fromBytes, Load, site);
    std::memcpy(copy.data, reinterpret_cast<const void *>(from), fromBytes);
  }
  markPending(copy.offset, bytes, site);
  ++counters->asyncCopies;
  self->copies.push_back(copy);
}

void gpusim_cp_async_commit() { ++self->group; }

void gpusim_cp_async_wait(uint32_t groups) {
  // All but the last `groups` groups that were committed.
  if (groups == UINT32_MAX)
    landAll(*self);
  else if (self->group >= groups)
    landBelow(*self, self->group - groups);
}
