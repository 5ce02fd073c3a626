#include "simulator.h"

#include <cstdio>
#include <cstring>
#include <sys/mman.h>

namespace gpusim::memory {

static uintptr_t base = 0, limit = 0, top = 0; // top: end of what was ever used
static std::map<uintptr_t, Allocation> allocations; // by begin
static uint64_t changes = 1, usedBytes = 0, peakBytes = 0, liveCount = 0;
static unsigned serial = 0;
static uint32_t *blocks = nullptr; // of each sector, the block that touched it last
static int open = 0;

/// Allocations stand on pages of their own with a page between them, so that
/// an access that misses one is no access to another.
static constexpr uintptr_t Page = 4096;
/// Opening and closing costs by the page: large ones, where the system has them.
static constexpr uintptr_t LargePage = 2 << 20;
static constexpr uintptr_t Sector = 32;

bool reserve(uint64_t bytes) {
  if (base)
    return true;
  void *p = mmap(nullptr, bytes + LargePage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED)
    return false;
  base = top = (uintptr_t(p) + LargePage - 1) / LargePage * LargePage;
  limit = base + bytes / LargePage * LargePage;
  // Zero, and no memory, until it is used.
  void *q = mmap(nullptr, (limit - base) / Sector * sizeof *blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (q == MAP_FAILED) {
    base = top = limit = 0;
    return false;
  }
  blocks = static_cast<uint32_t *>(q);
  madvise(reinterpret_cast<void *>(base), limit - base, MADV_HUGEPAGE);
  return true;
}

static uintptr_t pagesEnd(const Allocation &a) { return (a.end + Page - 1) / Page * Page + Page; }

uintptr_t allocate(uint64_t bytes) {
  uintptr_t need = (bytes + Page - 1) / Page * Page + Page, at = base;
  for (const auto &[begin, a] : allocations) {
    if (a.isOwn)
      continue;
    if (begin - at >= need)
      break;
    at = pagesEnd(a);
  }
  if (limit - at < need)
    return 0;
  allocations[at] = {at, at + bytes, "allocation " + std::to_string(serial++), false, false};
  if (at + need > top)
    top = (at + need + LargePage - 1) / LargePage * LargePage;
  usedBytes += bytes;
  peakBytes = usedBytes > peakBytes ? usedBytes : peakBytes;
  ++liveCount;
  Access access;
  // What was never written is no number.
  std::memset(reinterpret_cast<void *>(at), 0xff, bytes);
  return at;
}

bool release(uintptr_t address) {
  auto it = allocations.find(address);
  if (it == allocations.end() || it->second.isOwn)
    return false;
  usedBytes -= it->second.end - it->second.begin;
  --liveCount;
  madvise(reinterpret_cast<void *>(address), (it->second.end - address + Page - 1) / Page * Page, MADV_DONTNEED);
  allocations.erase(it);
  ++changes;
  return true;
}

void addVariable(const Variable &v) {
  auto at = uintptr_t(v.address);
  allocations[at] = {at, at + v.bytes, std::string("variable ") + v.name, v.isConstant != 0, true};
}

void removeVariable(const Variable &v) {
  allocations.erase(uintptr_t(v.address));
  ++changes;
}

const Allocation *find(uintptr_t address) {
  auto it = allocations.upper_bound(address);
  if (it == allocations.begin())
    return nullptr;
  --it;
  if (address >= it->second.end)
    return nullptr;
  return &it->second;
}

bool isDevice(uintptr_t address) { return address - base < limit - base; }
uint32_t *lastBlock(uintptr_t address) { return isDevice(address) ? &blocks[(address - base) / Sector] : nullptr; }
uint64_t generation() { return changes; }
uint64_t used() { return usedBytes; }
uint64_t peak() { return peakBytes; }
uint64_t live() { return liveCount; }

std::string describe(uintptr_t address) {
  char text[64];
  std::snprintf(text, sizeof text, "0x%zx", size_t(address));
  std::string result = text;
  auto it = allocations.upper_bound(address);
  if (it != allocations.begin()) {
    const Allocation &a = std::prev(it)->second;
    uint64_t from = address - a.begin, size = a.end - a.begin;
    if (address < a.end)
      return result + " (byte " + std::to_string(from) + " of " + a.name + " of " + std::to_string(size) + " bytes)";
    if (address - a.end < (1u << 20))
      return result + " (" + std::to_string(address - a.end) + " bytes beyond the end of " + a.name + " of " + std::to_string(size) + " bytes)";
  }
  if (it != allocations.end() && it->second.begin - address < (1u << 20))
    return result + " (" + std::to_string(it->second.begin - address) + " bytes before the start of " + it->second.name + " of " +
           std::to_string(it->second.end - it->second.begin) + " bytes)";
  return result + (isDevice(address) ? " (device memory that nobody has)" : " (memory of the host, or nobody's)");
}

Access::Access() {
  ++open;
  if (top > base)
    mprotect(reinterpret_cast<void *>(base), top - base, PROT_READ | PROT_WRITE);
}

Access::~Access() {
  if (--open == 0 && top > base)
    mprotect(reinterpret_cast<void *>(base), top - base, PROT_NONE);
}

} // namespace gpusim::memory
