// What a compiled model costs: memory, flash, arithmetic, stack; and where.
#ifndef ONNXC_COMPILER_DRIVER_REPORT_H
#define ONNXC_COMPILER_DRIVER_REPORT_H

#include "compiler/driver/Compile.h"
#include "compiler/pipeline/Pipeline.h"
#include <cstdint>
#include <string>

namespace onnxc {

/// All sizes in bytes; -1 where they depend on sizes known at run time.
struct ModelReport {
  std::string model, target, compilerVersion;
  std::string gpu; ///< architectures, comma separated; empty: none
  int threads = 1;
  std::vector<Memory> memories; ///< of --memory, fastest first
  bool ioInArena = false; ///< then inputBytes and outputBytes count only what is not there
  int64_t inputBytes = 0, outputBytes = 0;
  int64_t floatIoBytes = 0;      ///< of inputs and outputs outside of the arena, f32
  int64_t ramWithIoInArena = -1; ///< of arena, inputs and outputs with --io=arena, if kernels stay as they are; -1: it is so, or not known
  bool isEdge = false;           ///< the target is a small machine, on which 8-bit integers pay
  int64_t codeBytes = 0, weightBytes = 0, constantBytes = 0;
  int64_t stackBytes = -1;                ///< of one run, a bound
  llvm::StringMap<int64_t> functionBytes; ///< code of each function
  llvm::StringMap<int64_t> functionStack; ///< of each function with all that it calls, a bound
  PipelineReport pipeline;                ///< arena, peak, nodes, kernels
};

/// A JSON object; its keys are part of the interface.
std::string reportJson(const ModelReport &report);
/// For people: totals, what sets the peak memory, a table of nodes.
std::string reportText(const ModelReport &report);

} // namespace onnxc

#endif
