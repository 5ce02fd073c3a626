// Instructions that the threads of a mask do together: shuffles, votes,
// reductions, ldmatrix, mma.sync. Layouts: PTX ISA, "Warp Level Matrix
// Instructions". The last thread that comes does the work for all.
#include "simulator.h"

#include <cstring>

using namespace gpusim;

namespace {
struct Group {
  uint32_t op, mask, site, arrived;
  const uint32_t *in[WarpThreads];
  uint32_t *out[WarpThreads];
};
} // namespace

/// The groups that gather, by warp.
static std::vector<Group> gathering[MaxThreads / WarpThreads];

void gpusim::resetWarps() {
  for (auto &groups : gathering)
    groups.clear();
}

std::string gpusim::describeWarpWait(const Thread &thread) {
  for (const Group &g : gathering[thread.warp]) {
    if (!(g.arrived >> thread.lane & 1))
      continue;
    for (uint32_t lane = 0; lane < WarpThreads; ++lane) {
      if (!((g.mask & ~g.arrived) >> lane & 1))
        continue;
      const Thread &other = threads[thread.warp * WarpThreads + lane];
      return "thread " + nameOf(thread) + " waits at: " + textOf(g.site) + " for thread " + nameOf(other) +
             (other.wait == Wait::Ended ? std::string(", which has ended") : ", which waits at: " + textOf(other.site));
    }
  }
  return "thread " + nameOf(thread) + " waits at: " + textOf(thread.site);
}

//===-- Half precision ----------------------------------------------------===//

static float toFloat(uint16_t h) {
  _Float16 value;
  std::memcpy(&value, &h, sizeof h);
  return float(value);
}
static uint16_t toHalf(float f) {
  auto value = _Float16(f);
  uint16_t h;
  std::memcpy(&h, &value, sizeof h);
  return h;
}
/// Half number i of a thread's registers.
static float halfAt(const uint32_t *registers, unsigned i) { return toFloat(uint16_t(registers[i / 2] >> (i % 2 * 16))); }
static float floatAt(const uint32_t *registers, unsigned i) {
  float f;
  std::memcpy(&f, &registers[i], sizeof f);
  return f;
}

//===-- The instructions --------------------------------------------------===//

static void shuffle(const Group &g) {
  for (uint32_t lane = 0; lane < WarpThreads; ++lane) {
    if (!(g.arrived >> lane & 1))
      continue;
    const uint32_t *in = g.in[lane];
    // PTX ISA, shfl.sync: c holds the clamp (bits 0-4) and the mask of the
    // segment (bits 8-12).
    int b = int(in[1] & 31), clamp = int(in[2] & 31), segment = int(in[2] >> 8 & 31);
    int l = int(lane), highest = (l & segment) | (clamp & ~segment), lowest = l & segment, from = l;
    bool inRange = false;
    switch (g.op) {
    case ShuffleUp:
      from = l - b;
      inRange = from >= highest;
      break;
    case ShuffleDown:
      from = l + b;
      inRange = from <= highest;
      break;
    case ShuffleXor:
      from = l ^ b;
      inRange = from <= highest;
      break;
    default:
      from = lowest | (b & ~segment);
      inRange = from <= highest;
      break;
    }
    if (!inRange)
      from = l;
    if (!(g.arrived >> from & 1))
      failBlock(Fault::LaunchFailed, "a shuffle takes the value of lane " + std::to_string(from) + ", which is not in the mask: " + textOf(g.site));
    g.out[lane][0] = g.in[from][0];
    g.out[lane][1] = inRange;
  }
}

static void vote(const Group &g) {
  uint32_t ballot = 0;
  for (uint32_t lane = 0; lane < WarpThreads; ++lane)
    if ((g.arrived >> lane & 1) && g.in[lane][0])
      ballot |= 1u << lane;
  uint32_t result = g.op == VoteAll     ? ballot == g.arrived
                    : g.op == VoteAny   ? ballot != 0
                    : g.op == VoteBallot ? ballot
                                        : ballot == 0 || ballot == g.arrived;
  for (uint32_t lane = 0; lane < WarpThreads; ++lane)
    if (g.arrived >> lane & 1)
      g.out[lane][0] = result;
}

static uint32_t reducePair(uint32_t op, uint32_t a, uint32_t b) {
  switch (op) {
  case ReduceAdd:
    return a + b;
  case ReduceMin:
    return int32_t(a) < int32_t(b) ? a : b;
  case ReduceMax:
    return int32_t(a) > int32_t(b) ? a : b;
  case ReduceUMin:
    return a < b ? a : b;
  case ReduceUMax:
    return a > b ? a : b;
  case ReduceAnd:
    return a & b;
  case ReduceOr:
    return a | b;
  default:
    return a ^ b;
  }
}

static void reduce(const Group &g) {
  uint32_t value = 0;
  bool isFirst = true;
  for (uint32_t lane = 0; lane < WarpThreads; ++lane)
    if (g.arrived >> lane & 1) {
      value = isFirst ? g.in[lane][0] : reducePair(g.op, value, g.in[lane][0]);
      isFirst = false;
    }
  for (uint32_t lane = 0; lane < WarpThreads; ++lane)
    if (g.arrived >> lane & 1)
      g.out[lane][0] = value;
}

/// Threads 8 m .. 8 m + 7 give the rows of matrix m, of eight halves each;
/// thread t gets the two halves 2 (t mod 4), + 1 of row t / 4 of each matrix,
/// or of column t / 4 when transposed.
static void loadMatrix(const Group &g) {
  bool isTransposed = g.op >= LoadMatrixTransposed1;
  uint32_t matrices = 1u << (g.op - (isTransposed ? LoadMatrixTransposed1 : LoadMatrix1));
  Thread *caller = self;
  for (uint32_t m = 0; m < matrices; ++m) {
    const uint16_t *row[8];
    for (uint32_t r = 0; r < 8; ++r) {
      uint32_t lane = m * 8 + r;
      self = &threads[caller->warp * WarpThreads + lane]; // a fault is that thread's
      uint64_t address;
      std::memcpy(&address, g.in[lane], sizeof address);
      uint32_t offset = checkShared(address, 16, 16, Load, g.site);
      touchShared(offset, 16, Load, g.site);
      row[r] = reinterpret_cast<const uint16_t *>(window + offset);
    }
    for (uint32_t lane = 0; lane < WarpThreads; ++lane) {
      uint32_t major = lane / 4, minor = lane % 4 * 2;
      uint32_t low = isTransposed ? row[minor][major] : row[major][minor];
      uint32_t high = isTransposed ? row[minor + 1][major] : row[major][minor + 1];
      g.out[lane][m] = low | high << 16;
    }
  }
  self = caller;
  counters->sharedLoads += WarpThreads;
}

/// D = A B + C of 16 x 8 with a sum over `depth` of 16 or 8.
static void multiply(const Group &g) {
  bool toHalfs = g.op == Mma16816F16F16 || g.op == Mma1688F16F16;
  unsigned depth = g.op == Mma16816F16F32 || g.op == Mma16816F16F16 ? 16 : 8;
  unsigned aRegisters = depth / 4, bRegisters = depth / 8;
  float a[16][16], b[16][8];
  for (unsigned lane = 0; lane < WarpThreads; ++lane) {
    unsigned group = lane / 4, pair = lane % 4 * 2;
    for (unsigned i = 0; i < 2 * aRegisters; ++i)
      a[group + (i / 2 % 2) * 8][pair + i % 2 + i / 4 * 8] = halfAt(g.in[lane], i);
    for (unsigned i = 0; i < 2 * bRegisters; ++i)
      b[pair + i % 2 + i / 2 * 8][group] = halfAt(g.in[lane] + aRegisters, i);
  }
  for (unsigned lane = 0; lane < WarpThreads; ++lane) {
    const uint32_t *c = g.in[lane] + aRegisters + bRegisters;
    uint32_t *d = g.out[lane];
    for (unsigned i = 0; i < 4; ++i) {
      unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      float sum = toHalfs ? halfAt(c, i) : floatAt(c, i);
      for (unsigned k = 0; k < depth; ++k)
        sum += a[row][k] * b[k][column];
      if (!toHalfs)
        std::memcpy(&d[i], &sum, sizeof sum);
      else if (i % 2 == 0)
        d[i / 2] = toHalf(sum);
      else
        d[i / 2] |= uint32_t(toHalf(sum)) << 16;
    }
  }
  ++counters->mmas;
}

static void perform(const Group &g) {
  if (g.op <= ShuffleIndex)
    shuffle(g);
  else if (g.op <= VoteBallot)
    vote(g);
  else if (g.op <= ReduceXor)
    reduce(g);
  else if (g.op <= LoadMatrixTransposed4)
    loadMatrix(g);
  else if (g.op <= Mma1688F16F16)
    multiply(g);
  else
    endWarpInterval(self->warp);
}

void gpusim_collective(uint32_t op, uint32_t mask, const uint32_t *in, uint32_t *out, uint32_t site) {
  // Lanes beyond the end of the block do not exist.
  uint32_t first = self->warp * WarpThreads, left = launch.threads - first;
  uint32_t existing = left < WarpThreads ? (1u << left) - 1 : 0xffffffffu;
  if (op >= LoadMatrix1 && op <= Mma1688F16F16 && existing != 0xffffffffu)
    fail(Fault::LaunchFailed, site, "a warp of " + std::to_string(left) + " threads does what takes all 32");
  mask &= existing;
  if (!(mask >> self->lane & 1))
    fail(Fault::LaunchFailed, site, "the thread's lane " + std::to_string(self->lane) + " is not in the mask that it gives");
  auto &groups = gathering[self->warp];
  size_t at = 0;
  while (at < groups.size() && !(groups[at].mask & mask))
    ++at;
  if (at == groups.size())
    groups.push_back({op, mask, site, 0, {}, {}});
  Group &g = groups[at];
  if (g.op != op || g.mask != mask || g.site != site)
    fail(Fault::LaunchFailed, site,
         "divergent warp instruction: other threads of the mask wait at: " + textOf(g.site));
  g.arrived |= 1u << self->lane;
  g.in[self->lane] = in;
  g.out[self->lane] = out;
  self->site = site;
  if (g.arrived != g.mask) {
    self->wait = Wait::Warp;
    suspend();
    return;
  }
  Group complete = g;
  groups.erase(groups.begin() + long(at));
  perform(complete);
  for (uint32_t lane = 0; lane < WarpThreads; ++lane)
    if (complete.mask >> lane & 1)
      threads[first + lane].wait = Wait::Nothing;
  if (complete.mask == existing)
    regroup();
}
