// What translated kernels (translate/) and the simulator (simulator/) agree on.
//
// A translated module is a shared library that exports `gpusim_module`. Its
// code calls the gpusim_* functions below, which libcuda.so.1 exports.
#ifndef ONNXC_GPUSIM_ABI_H
#define ONNXC_GPUSIM_ABI_H

#include <cstdint>

namespace gpusim {

constexpr uint32_t Version = 1;

/// An instruction of a kernel that the simulator may have to name.
struct Site {
  const char *function, *text;
};

/// A variable in shared memory: its place from the start of the block's window.
struct SharedVariable {
  const char *name;
  uint32_t offset, bytes;
};

struct Kernel {
  const char *name;
  /// Calls the kernel for one thread; parameters as cuLaunchKernel takes them.
  void (*start)(void **parameters);
  uint32_t parameters;
  /// Shared memory as ptxas counts it: without the gaps that the translator
  /// leaves between variables.
  uint32_t staticShared;
  /// Where dynamic shared memory begins in the window.
  uint32_t dynamicOffset;
  uint32_t maxThreads; ///< of a block; 0 = no limit given
  uint32_t synchronises; ///< whether threads can wait for each other
  const SharedVariable *variables;
  uint32_t variableCount;
};

/// A global variable of the module.
struct Variable {
  const char *name;
  void *address;
  uint64_t bytes;
  uint32_t isConstant;
};

struct ModuleTable {
  uint32_t version;
  uint32_t kernelCount;
  const Kernel *kernels;
  uint32_t siteCount, variableCount;
  const Site *sites;
  const Variable *variables;
};

// An access in one word: bytes, log2 of the alignment the instruction needs, kind.
enum Kind : uint32_t { Load = 0, Store = 1, Atomic = 2 };
constexpr uint32_t describe(uint32_t bytes, uint32_t alignLog2, Kind kind) { return bytes | alignLog2 << 16 | kind << 24; }
constexpr uint32_t bytesOf(uint32_t what) { return what & 0xffff; }
constexpr uint32_t alignOf(uint32_t what) { return 1u << (what >> 16 & 0xff); }
constexpr Kind kindOf(uint32_t what) { return Kind(what >> 24); }

/// Special registers; x, y, z follow each other.
enum SpecialRegister : uint32_t { Tid = 0, NTid = 3, CtaId = 6, NCtaId = 9, LaneId = 12, WarpId, NWarpId, WarpSize, DynamicSharedSize };

/// What all threads of a mask do together. Operands and results are words.
enum Collective : uint32_t {
  ShuffleUp, ShuffleDown, ShuffleXor, ShuffleIndex, // value, lane, clamp -> value, in range
  VoteAll, VoteAny, VoteUniform, VoteBallot,        // predicate -> result
  ReduceAdd, ReduceMin, ReduceMax, ReduceUMin, ReduceUMax, ReduceAnd, ReduceOr, ReduceXor, // value -> result
  LoadMatrix1, LoadMatrix2, LoadMatrix4,            // address (two words) -> 1, 2, 4 words
  LoadMatrixTransposed1, LoadMatrixTransposed2, LoadMatrixTransposed4,
  Mma16816F16F32, Mma16816F16F16, Mma1688F16F32, Mma1688F16F16, // A, B, C -> D
  WarpSync,                                         // nothing
};

/// What a barrier computes from its operand.
enum BarrierOp : uint32_t { Sync, RedPopc, RedAnd, RedOr };

} // namespace gpusim

#endif // ONNXC_GPUSIM_ABI_H
