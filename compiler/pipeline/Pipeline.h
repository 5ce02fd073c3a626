// The pipeline: one builder per phase, from the onnx dialect to the LLVM
// dialect. Read Pipeline.cpp from top to bottom to follow a model.
#ifndef ONNXC_COMPILER_PIPELINE_PIPELINE_H
#define ONNXC_COMPILER_PIPELINE_PIPELINE_H

#include "codegen/llvm/Emit.h"
#include "codegen/targets/GpuTarget.h"
#include "codegen/nvptx/HostCalls.h"
#include "codegen/targets/Target.h"
#include "compiler/pipeline/NodeCosts.h"
#include "passes/graph/GraphPasses.h"
#include "passes/memory/SizeBounds.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace onnxc {

struct PipelineOptions {
  Target target;
  std::vector<GpuTarget> gpus; ///< oldest first; empty: everything runs on the host
  int optLevel = 3;
  int threads = 1;
  bool clampIndices = false; ///< see CompileOptions; always so with GPUs
  bool quantizeBlocks = false; ///< see CompileOptions
  bool ioInArena = false; ///< static inputs and outputs have their place in the arena
  int64_t foldBytes = kFoldBytes; ///< see createFoldConstantsPass
  bool separateBuffers = false; ///< see ArenaOptions
  std::optional<int64_t> ramBudget; ///< bytes that arena, inputs and outputs are to take; an aim
  std::vector<int64_t> memories;    ///< see ArenaOptions
  bool report = false;              ///< find out what a report says of other options
  bool weightsApart = false;        ///< constants are used by @main only, see takeWeightsApart()
  bool reuse = true;      ///< in place, views, layouts of our choice, shared memory; false: copies, to find a fault of these
  /// Called around each stage with its name; for --dump-stages, --verbose and messages.
  std::function<void(llvm::StringRef stage)> beforeStage;
  std::function<void(llvm::StringRef stage, mlir::ModuleOp)> afterStage;
  /// Called before each pass with its name and the function it works on.
  std::function<void(llvm::StringRef pass)> beforePass;
};

/// What a model does on GPUs.
struct DeviceProgram {
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< holds the gpu.module of all kernels, in the LLVM dialect; null: nothing runs there
  DeviceData data;
};

struct PipelineReport {
  /// A buffer that is alive when most of the arena is, and the node that fills it.
  struct PeakBuffer {
    std::string node;
    int64_t bytes;
    bool isFloat = false; ///< of f32
    int argument = -1; ///< it is this input, or static output behind the inputs, instead
  };
  std::vector<PeakBuffer> peak;
  /// With several memories: what lies where. See ArenaPlan.
  struct PlacedBuffer {
    std::string node;
    int argument; ///< see PeakBuffer
    int64_t bytes, accessedBytes;
    unsigned memory;
    int64_t offset;
    bool fits;
  };
  std::vector<PlacedBuffer> placed;
  std::vector<int64_t> memoryBytes;   ///< of the arena in each memory
  int64_t bytesWithArguments = -1;    ///< see ArenaPlan
  int64_t wantedOfLastMemory = 0;     ///< where some do not fit
  bool overMemories = false;          ///< some do not fit, which run() fails for
  std::vector<NodeCost> nodes;
  std::vector<KernelCost> kernels; ///< of the host
  std::vector<int64_t> argumentOffsets; ///< see ArenaPlan
  std::vector<unsigned> argumentMemories; ///< see ArenaPlan
  std::map<unsigned, std::vector<int64_t>> outputDims; ///< see ArenaPlan
  InputRanges inputRanges;              ///< of --dim SYMBOL=A..B
  std::vector<RunCheck> checks;         ///< see ModelInterface
  std::vector<StagedCost> staged;       ///< chains of kernels that run box by box
  int64_t arenaBytes = 0, arenaLowerBound = 0, buffers = 0;
  std::vector<std::string> dynamicNodes; ///< that a run allocates memory for, one for each buffer
  /// With GPUs: the device's arena, kernels and launches, and what runs on the host instead.
  struct Fallback {
    std::string node, reason;
  };
  int64_t deviceArenaBytes = 0, deviceArenaLowerBound = 0, deviceKernels = 0, launches = 0, deviceWeightBytes = 0;
  std::vector<Fallback> fallbacks;
  /// How a kernel of the device was made, and what product it is; no type: none.
  struct Mapping {
    std::string kernel, mapping, type;
    int64_t m = 0, n = 0, k = 0;
  };
  std::vector<Mapping> mappings;
  std::vector<std::string> unsupported; ///< one line per op that could not be lowered
  std::string error;                    ///< what failed, when run() returns failure and `unsupported` is empty
};

/// Registers every dialect, interface and translation the pipeline needs.
void registerPipelineDialects(mlir::DialectRegistry &registry);

/// onnx dialect -> LLVM dialect, in place. With GPUs, `device` receives
/// their half.
mlir::LogicalResult runPipeline(mlir::ModuleOp module, const PipelineOptions &options, PipelineReport &report,
                                DeviceProgram &device);

} // namespace onnxc

#endif
