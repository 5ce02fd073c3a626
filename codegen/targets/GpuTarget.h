// GPU rows: what the passes may ask about an NVIDIA architecture.
#ifndef ONNXC_CODEGEN_TARGETS_GPUTARGET_H
#define ONNXC_CODEGEN_TARGETS_GPUTARGET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace onnxc {

/// One row of the GPU table. Limits are those of the CUDA C++ Programming
/// Guide, "Technical Specifications per Compute Capability".
struct GpuTarget {
  std::string name;      ///< as in --gpu, and as LLVM and ptxas spell it
  unsigned arch = 0;     ///< compute capability, 10 * major + minor
  bool exact = false;    ///< code for it runs on this very architecture only (the 'a' variants)
  unsigned warp = 32;    ///< threads that run in step
  unsigned blockThreads = 0;    ///< threads of a block where the kernel has no reason for another number
  unsigned maxBlockThreads = 0; ///< largest block
  unsigned multiprocessors = 0; ///< of the largest card of that architecture
  unsigned registers = 0;       ///< 32-bit registers of a multiprocessor
  unsigned threadRegisters = 0; ///< most of them that a thread may use
  unsigned sharedBytes = 0;     ///< shared memory of a block without opting in to more
  unsigned maxSharedBytes = 0;  ///< with opting in
  unsigned accessBytes = 0;     ///< widest load or store of a thread
  bool asyncCopy = false;       ///< cp.async: global to shared memory without registers
  bool f16Matrix = false;       ///< mma.sync m16n8k16 of f16 with f32 accumulators, ldmatrix
  std::string description;
};

/// All rows, oldest first.
llvm::ArrayRef<GpuTarget> gpuTargetTable();

/// Parses the value of --gpu, a list of rows separated by commas: no row
/// twice, oldest first on return. False and `error` for an unknown or too old
/// architecture.
bool resolveGpuTargets(llvm::StringRef list, std::vector<GpuTarget> &targets, std::string &error);

} // namespace onnxc

#endif
