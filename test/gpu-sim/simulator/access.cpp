// What an access is checked for and counted as.
//
// Global memory: within one allocation, aligned, not to constants. Sectors of
// 32 bytes are counted per warp instruction: the n-th time that threads of a
// warp come to an instruction since they last ran side by side is one. The
// ideal is what the bytes that it uses would take without gaps; beside it are
// counted the sectors in which the data of each block lies, every one once.
//
// Shared memory: within one variable, aligned, and ordered: of two threads that
// touch a byte, one writing, a barrier must come between. Time is one counter
// that every barrier advances; each 4-byte word remembers who wrote it last and
// who read it since, and a word that is accessed in parts has such a record for
// each byte as well.
#include "simulator.h"

#include <algorithm>
#include <cstring>

namespace gpusim {

//===-- Global memory -----------------------------------------------------===//

namespace {
/// One warp instruction: its sectors of 32 bytes, and the bytes used of each.
struct WarpAccess {
  uint32_t sectors, bytes;
  uint32_t sector[WarpThreads], used[WarpThreads];
};
/// An instruction of the kernel, for the warp that runs.
struct Instruction {
  uint32_t seen[WarpThreads] = {}; ///< how often each thread came here
  std::vector<WarpAccess> accesses;
  bool isTouched = false;
};
} // namespace

static std::vector<Instruction> instructions;
static std::vector<uint32_t> touched;
static uint32_t blockNumber = 0; ///< of all launches

void regroup() {
  for (uint32_t site : touched) {
    Instruction &i = instructions[site];
    std::memset(i.seen, 0, sizeof i.seen);
    i.accesses.clear(); // keeps its memory
    i.isTouched = false;
  }
  touched.clear();
}

static inline void countSector(Instruction &in, uintptr_t address, uint32_t bytes) {
  uint32_t n = in.seen[self->lane]++;
  if (n >= in.accesses.size()) {
    in.accesses.emplace_back();
    in.accesses.back().sectors = in.accesses.back().bytes = 0;
  }
  WarpAccess &a = in.accesses[n];
  auto sector = uint32_t(address >> 5);
  uint32_t at;
  if (a.sectors && a.sector[a.sectors - 1] == sector) {
    at = a.sectors - 1;
  } else {
    for (at = 0; at < a.sectors && a.sector[at] != sector; ++at)
      ;
    if (at == a.sectors) {
      a.sector[at] = sector;
      a.used[at] = 0;
      ++a.sectors;
      ++counters->globalSectors;
      if (uint32_t *last = memory::lastBlock(address); last && *last != blockNumber) {
        *last = blockNumber;
        ++counters->dataSectors;
      }
    }
  }
  uint32_t mask = uint32_t((uint64_t(1) << bytes) - 1) << (address & 31);
  uint32_t fresh = uint32_t(__builtin_popcount(mask & ~a.used[at]));
  a.used[at] |= mask;
  counters->idealSectors += (a.bytes + fresh + 31) / 32 - (a.bytes + 31) / 32;
  a.bytes += fresh;
}

void countGlobal(uintptr_t address, uint32_t bytes, Kind kind, uint32_t site) {
  Instruction &in = instructions[site];
  if (!in.isTouched) {
    in.isTouched = true;
    touched.push_back(site);
  }
  ++(kind == Load ? counters->globalLoads : counters->globalStores);
  if (kind == Atomic)
    ++counters->atomics;
  countSector(in, address, bytes);
}

static const char *doing(Kind kind) { return kind == Load ? "reads" : kind == Store ? "writes" : "updates"; }

static void checkAlign(uintptr_t address, uint32_t bytes, uint32_t align, Kind kind, uint32_t site) {
  if (address & (align - 1))
    fail(Fault::MisalignedAddress, site,
         std::string(doing(kind)) + " " + std::to_string(bytes) + " bytes at " + memory::describe(address) +
             ", which is not a multiple of " + std::to_string(align));
}

/// Where each instruction went last: it goes there again, most often. Good for
/// one generation of the allocations.
static std::vector<const memory::Allocation *> lastOf;
static uint64_t generationOfLast = 0;

void checkGlobal(uintptr_t address, uint32_t bytes, uint32_t align, Kind kind, uint32_t site) {
  const memory::Allocation *a = lastOf[site];
  if (!a || address - a->begin >= a->end - a->begin)
    lastOf[site] = a = memory::find(address);
  if (!a || bytes > a->end - address)
    fail(Fault::IllegalAddress, site,
         std::string(doing(kind)) + " " + std::to_string(bytes) + " bytes out of bounds at " + memory::describe(address));
  if (kind != Load && a->isConstant)
    fail(Fault::IllegalAddress, site, "writes to a constant at " + memory::describe(address));
  checkAlign(address, bytes, align, kind, site);
}

//===-- Shared memory -----------------------------------------------------===//

namespace {
constexpr uint16_t Nobody = 0xffff, Several = 0xfffe, SeveralOfWarp = 0x8000; // | number of the warp
/// Who touched a word or byte. Times are of the interval counter.
struct Shadow {
  uint32_t written, read;
  uint16_t writer, reader;
  bool isAtomic;  ///< the write was
  bool isPending; ///< a cp.async of `writer` has not landed
  bool hasBytes;  ///< of a word: its bytes have records
};
} // namespace

static std::vector<Shadow> words, bytesOfWords;
static std::vector<uint16_t> owner; ///< of each word: number of its variable plus 1
static std::vector<SharedVariable> variables;
static uint32_t interval = 1, blockInterval = 1, warpInterval[MaxThreads / WarpThreads];

/// The window up to here has owners.
static uint32_t ownedWords = 0;

void forgetAccesses() {
  const Shadow clean = {0, 0, Nobody, Nobody, false, false, false};
  words.assign(WindowBytes / 4, clean);
  bytesOfWords.assign(WindowBytes, clean);
  std::fill(std::begin(warpInterval), std::end(warpInterval), 0);
  interval = 1;
}

void beginAccesses() {
  // What earlier launches left is of earlier times, and so orders nothing.
  if (words.empty()) {
    forgetAccesses();
    owner.resize(WindowBytes / 4);
  }
  uint32_t sites = launch.module->siteCount;
  if (instructions.size() < sites)
    instructions.resize(sites);
  if (lastOf.size() < sites || generationOfLast != memory::generation()) {
    lastOf.assign(sites, nullptr);
    generationOfLast = memory::generation();
  }
  const Kernel &k = *launch.kernel;
  variables.assign(k.variables, k.variables + k.variableCount);
  if (launch.dynamicShared)
    variables.push_back({"dynamic shared memory", k.dynamicOffset, launch.dynamicShared});
  std::fill_n(owner.begin(), ownedWords, 0);
  ownedWords = 0;
  for (size_t v = 0; v < variables.size(); ++v) {
    uint32_t end = (variables[v].offset + variables[v].bytes + 3) / 4;
    for (uint32_t w = variables[v].offset / 4; w < end; ++w)
      owner[w] = uint16_t(v + 1);
    ownedWords = std::max(ownedWords, end);
  }
}

void endInterval() {
  if (interval > UINT32_MAX / 2) // far from the end, whatever warps add until the next barrier
    forgetAccesses();
  blockInterval = ++interval;
}

void beginBlock() {
  ++blockNumber;
  endInterval();
  // A block finds in shared memory what the last one on its processor left.
  for (const SharedVariable &v : variables)
    std::memset(window + v.offset, 0xff, v.bytes);
}

void endWarpInterval(uint32_t warp) { warpInterval[warp] = ++interval; }

static std::string placeOf(uint32_t offset) {
  if (uint16_t v = owner[offset / 4])
    return "byte " + std::to_string(offset - variables[v - 1].offset) + " of " + variables[v - 1].name + " (shared, " +
           std::to_string(variables[v - 1].bytes) + " bytes)";
  return "byte " + std::to_string(offset) + " of the block's shared memory";
}

uint32_t checkShared(uintptr_t address, uint32_t bytes, uint32_t align, Kind kind, uint32_t site) {
  uintptr_t offset = address - uintptr_t(window);
  uint16_t v = offset < WindowBytes ? owner[offset / 4] : 0;
  if (v == 0 || offset < variables[v - 1].offset || offset + bytes > variables[v - 1].offset + variables[v - 1].bytes) {
    std::string where = " of the block's shared memory";
    if (v)
      where = " of " + std::string(variables[v - 1].name) + " (shared, " + std::to_string(variables[v - 1].bytes) + " bytes)";
    int64_t from = int64_t(offset) - (v ? variables[v - 1].offset : 0);
    // The variable before is the one that was meant, most often.
    if (!v && offset < WindowBytes)
      for (const SharedVariable &var : variables)
        if (var.offset + var.bytes <= offset && offset - var.offset - var.bytes < 4096) {
          where = " of " + std::string(var.name) + " (shared, " + std::to_string(var.bytes) + " bytes)";
          from = int64_t(offset) - var.offset;
        }
    fail(Fault::IllegalAddress, site,
         std::string(doing(kind)) + " " + std::to_string(bytes) + " bytes out of bounds at byte " + std::to_string(from) + where);
  }
  if (address & (align - 1))
    fail(Fault::MisalignedAddress, site,
         std::string(doing(kind)) + " " + std::to_string(bytes) + " bytes at " + placeOf(uint32_t(offset)) + ", which is not a multiple of " +
             std::to_string(align));
  return uint32_t(offset);
}

[[noreturn]] static void race(uint32_t offset, Kind kind, uint32_t site, uint16_t other, bool otherWrote, bool isPending) {
  std::string who = other == Several         ? "several threads"
                    : other & SeveralOfWarp  ? "several threads of warp " + std::to_string(other & ~SeveralOfWarp)
                                             : "thread " + nameOf(threads[other]);
  if (isPending)
    fail(Fault::LaunchFailed, site,
         std::string(doing(kind)) + " " + placeOf(offset) + " while a cp.async of " + who + " to it has not been waited for");
  fail(Fault::LaunchFailed, site,
       std::string("race: ") + doing(kind) + " " + placeOf(offset) + ", which " + who + (otherWrote ? " wrote" : " read") +
           " with no barrier between");
}

/// Whether what `other` did at `time` may run at the same time as this thread now.
static inline bool isConcurrent(uint32_t time, uint16_t other) {
  if (time < blockInterval || other == self->number)
    return false;
  if (other == Several)
    return true;
  uint32_t warp = other & SeveralOfWarp ? other & ~uint32_t(SeveralOfWarp) : other / WarpThreads;
  return warp != self->warp || time >= warpInterval[warp];
}

static inline void examine(const Shadow &s, uint32_t offset, Kind kind, uint32_t site) {
  if (s.isPending)
    race(offset, kind, site, s.writer, true, true);
  if (s.writer != Nobody && isConcurrent(s.written, s.writer) && !(kind == Atomic && s.isAtomic))
    race(offset, kind, site, s.writer, true, false);
  if (kind != Load && s.reader != Nobody && isConcurrent(s.read, s.reader))
    race(offset, kind, site, s.reader, false, false);
}

static inline void remember(Shadow &s, Kind kind) {
  auto me = uint16_t(self->number);
  if (kind != Load) {
    s.written = interval;
    s.writer = me;
    s.isAtomic = kind == Atomic;
    return;
  }
  if (s.reader != me && s.reader != Nobody && s.read >= blockInterval) {
    uint32_t warp = s.reader & SeveralOfWarp ? s.reader & ~uint32_t(SeveralOfWarp) : s.reader / WarpThreads;
    if (s.reader == Several || warp != self->warp)
      me = Several;
    else if (s.read >= warpInterval[warp])
      me = uint16_t(SeveralOfWarp | warp);
  }
  s.read = interval;
  s.reader = me;
}

void touchShared(uint32_t offset, uint32_t bytes, Kind kind, uint32_t site) {
  if (((offset | bytes) & 3) == 0) {
    for (uint32_t w = offset / 4, end = (offset + bytes) / 4; w != end; ++w) {
      Shadow &s = words[w];
      examine(s, w * 4, kind, site);
      if (s.hasBytes)
        for (uint32_t b = w * 4; b != w * 4 + 4; ++b)
          examine(bytesOfWords[b], b, kind, site);
      remember(s, kind);
    }
    return;
  }
  for (uint32_t b = offset; b != offset + bytes; ++b) {
    Shadow &s = words[b / 4];
    examine(s, b, kind, site);
    examine(bytesOfWords[b], b, kind, site);
    remember(bytesOfWords[b], kind);
    s.hasBytes = true;
  }
}

void markPending(uint32_t offset, uint32_t bytes, uint32_t site) {
  touchShared(offset, bytes, Store, site);
  for (uint32_t w = offset / 4; w != (offset + bytes) / 4; ++w)
    words[w].isPending = true;
}

void markLanded(uint32_t offset, uint32_t bytes) {
  for (uint32_t w = offset / 4; w != (offset + bytes) / 4; ++w) {
    words[w].isPending = false;
    remember(words[w], Store);
  }
}

} // namespace gpusim

//===-- Entries -----------------------------------------------------------===//

using namespace gpusim;

/// Calls step(address, bytes) for the instructions that the access takes on
/// the device: at most 16 bytes each, and at most its alignment.
template <typename Step> static inline void eachInstruction(uintptr_t address, uint32_t what, Step step) {
  uint32_t bytes = bytesOf(what), piece = alignOf(what) < 16 ? alignOf(what) : 16;
  if (bytes <= piece)
    return step(address, bytes);
  for (uint32_t at = 0; at < bytes; at += piece)
    step(address + at, piece < bytes - at ? piece : bytes - at);
}

void gpusim_global(uintptr_t address, uint32_t what, uint32_t site) {
  Kind kind = kindOf(what);
  checkGlobal(address, bytesOf(what), alignOf(what), kind, site);
  eachInstruction(address, what, [&](uintptr_t a, uint32_t n) { countGlobal(a, n, kind, site); });
}

void gpusim_shared(uintptr_t address, uint32_t what, uint32_t site) {
  Kind kind = kindOf(what);
  uint32_t offset = checkShared(address, bytesOf(what), alignOf(what), kind, site);
  touchShared(offset, bytesOf(what), kind, site);
  uint64_t &count = kind == Load ? counters->sharedLoads : counters->sharedStores;
  eachInstruction(address, what, [&](uintptr_t, uint32_t) { ++count; });
  if (kind == Atomic)
    ++counters->atomics;
}

static bool isShared(uintptr_t address) { return address - uintptr_t(window) < WindowBytes; }
static bool isLocal(uintptr_t address) {
  // Local variables are on the stack that runs, not far above this frame.
  auto here = uintptr_t(__builtin_frame_address(0));
  return address >= here && address - here < 128 * 1024;
}

void gpusim_generic(uintptr_t address, uint32_t what, uint32_t site) {
  if (isShared(address))
    gpusim_shared(address, what, site);
  else if (!isLocal(address))
    gpusim_global(address, what, site);
}

void gpusim_bounds(uintptr_t address, uint32_t what, uint32_t site) {
  if (isShared(address))
    checkShared(address, bytesOf(what), alignOf(what), kindOf(what), site);
  else if (!isLocal(address))
    checkGlobal(address, bytesOf(what), alignOf(what), kindOf(what), site);
}

void gpusim_range(uintptr_t address, uint64_t bytes, uint32_t kind, uint32_t site) {
  for (uint64_t at = 0; at < bytes; at += 4)
    gpusim_generic(address + at, describe(uint32_t(bytes - at < 4 ? bytes - at : 4), 0, Kind(kind)), site);
}
