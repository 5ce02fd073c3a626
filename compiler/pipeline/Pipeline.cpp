// The pipeline as a page: what happens to a model, in order, and why there.
#include "compiler/pipeline/Pipeline.h"

#include "codegen/llvm/LowerChecks.h"
#include "codegen/llvm/LowerToLLVM.h"
#include "codegen/nvptx/LowerToNVVM.h"
#include "passes/lower/Lowering.h"
#include "passes/math/ExpandMath.h"
#include "passes/memory/ExpandViews.h"
#include "passes/memory/PassConstants.h"
#include "passes/memory/PlanArena.h"
#include "passes/memory/ReuseDeadInputs.h"
#include "passes/schedule/Schedule.h"
#include "passes/schedule/gpu/Gpu.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace onnxc {

/// onnx -> onnx: fold, fuse, choose layouts.
static void buildGraph(OpPassManager &pm, const PipelineOptions &options) {
  // Vectors of floats compute a function in less time than a load per element takes.
  GraphOptions graph;
  graph.chooseLayout = options.reuse;
  graph.tables = options.target.lanes(32) < 4 && options.gpus.empty();
  graph.fixedPoint = options.target.fixedPoint() && options.gpus.empty();
  graph.widen = options.gpus.empty();
  graph.foldBytes = options.foldBytes;
  buildGraphPipeline(pm, graph);
}

/// Folds, joins and drops ops while every region has one block: to look for blocks
/// that are never reached or alike would cost as much as the rest.
static void cleanUp(OpPassManager &pm) {
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  pm.addPass(createCanonicalizerPass(config));
  pm.addPass(createCSEPass());
}

/// linalg on tensors: clean up what lowering wrote, then make one loop of each
/// elementwise chain.
static void buildTensors(OpPassManager &pm, const PipelineOptions &options) {
  cleanUp(pm);
  if (!options.gpus.empty())
    pm.addPass(createNarrowProductsPass()); // before fusion hides what only widens
  pm.addPass(createFuseElementwisePass());
  cleanUp(pm);
  if (options.target.fma || !options.gpus.empty())
    pm.addPass(createContractMultiplyAddPass());
}

/// Tensors -> memrefs, in place where the analysis allows it.
static void buildBufferize(OpPassManager &pm, const PipelineOptions &options) {
  pm.addPass(createBufferizePass(options.reuse));
  cleanUp(pm);
}

/// Input and output of a kernel may overlap: one thread goes through it in the order that the planner of memory sees.
static bool overlapsBuffers(const PipelineOptions &options) {
  return options.target.shortMemory && options.reuse && options.threads == 1 && options.gpus.empty() && !options.separateBuffers;
}

/// Each group of linalg ops becomes a private function; identical ones are
/// shared. Then every function is tiled and vectorised by itself.
static void buildKernels(OpPassManager &pm, const PipelineOptions &options) {
  pm.addPass(createOutlineKernelsPass(/*anyOffset=*/options.gpus.empty()));
  if (!options.gpus.empty()) {
    // Before the host's scheduling, which is for the kernels that stay there.
    pm.addPass(createPlaceKernelsPass());
    pm.addPass(createPermuteWeightsPass());
    pm.addPass(createMapKernelsPass(options.gpus.front()));
  }
  // -O0 keeps plain loops: the reference when a number is wrong.
  if (options.optLevel > 0 && options.reuse)
    pm.addPass(createImplicitPaddingPass(options.target)); // scheduling writes loops that keep out of the padding
  // Where padding is views, and before buffers serve two kernels.
  if (options.optLevel > 0 && overlapsBuffers(options))
    pm.addPass(createStageKernelsPass({options.ramBudget, options.ioInArena}));
  if (options.reuse)
    pm.addPass(createReuseDeadInputsPass());
  if (options.optLevel > 0)
    pm.addPass(createScheduleKernelsPass(options.target, /*bothWays=*/overlapsBuffers(options)));
  // Because what scheduling kept of the temporaries must not be allocated at each call.
  pm.addPass(createHoistTemporariesPass());
  // After it, because scratch grows with the number of threads; before the clean-up, which may merge loops.
  if (options.threads > 1)
    pm.addPass(createParallelizeKernelsPass(options.threads));
  pm.addPass(createConvertLinalgToLoopsPass());
  cleanUp(pm);
}

/// The kernels of the device -> LLVM and NVVM dialects.
static void buildDevice(OpPassManager &pm) {
  OpPassManager &device = pm.nest<gpu::GPUModuleOp>();
  // The math of every row: what PTX has an instruction for stays.
  ExpandMathOptions math;
  math.hasBF16Conversion = false;
  device.addPass(createExpandMathPass(math));
  {
    arith::ArithExpandOpsPassOptions expand;
    expand.includeBf16 = true;
    device.addPass(arith::createArithExpandOpsPass(expand));
  }
  device.addPass(createExpandViewsPass());
  device.addPass(memref::createExpandStridedMetadataPass());
  device.addPass(createLowerAffinePass());
  device.addPass(createSCFToControlFlowPass());
  device.addPass(createLowerToNVVMPass());
  device.addPass(createReconcileUnrealizedCastsPass());
  device.addPass(createCanonicalizerPass());
  device.addPass(createCSEPass());
}

/// What the mapping pass noted on each kernel; the notes end here.
static std::vector<PipelineReport::Mapping> takeMappings(ModuleOp module) {
  std::vector<PipelineReport::Mapping> out;
  module.walk([&](gpu::GPUFuncOp kernel) {
    auto about = dyn_cast_or_null<DictionaryAttr>(kernel->removeAttr(kMappingAttr));
    if (!about)
      return;
    PipelineReport::Mapping m{kernel.getName().str(), about.getAs<StringAttr>("mapping").str(), ""};
    if (auto type = about.getAs<TypeAttr>("type")) {
      llvm::raw_string_ostream(m.type) << type.getValue();
      for (auto [name, extent] : {std::pair("m", &m.m), std::pair("n", &m.n), std::pair("k", &m.k)})
        *extent = about.getAs<IntegerAttr>(name).getInt();
    }
    out.push_back(std::move(m));
  });
  return out;
}

/// The gpu.module in a module of its own: what follows is about the host.
static OwningOpRef<ModuleOp> detachDevice(ModuleOp module) {
  auto device = module.lookupSymbol<gpu::GPUModuleOp>(kDeviceModule);
  OwningOpRef<ModuleOp> own = ModuleOp::create(module.getLoc());
  device->moveBefore(own->getBody(), own->getBody()->end());
  module->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
  return own;
}

/// Everything left -> LLVM dialect.
static void buildLLVM(OpPassManager &pm, const PipelineOptions &options, std::vector<RunCheck> &checks) {
  // Math first: its expansion is arith on scalars and vectors.
  ExpandMathOptions math;
  math.hasFMA = options.target.fma;
  math.hasF64 = options.target.f64;
  math.hasSqrt = options.target.sqrt;
  math.hasRound = options.target.round;
  math.hasMinMax = options.target.minMax;
  math.hasF16Conversion = options.target.f16Conversion;
  pm.addPass(createExpandMathPass(math));
  {
    arith::ArithExpandOpsPassOptions expand;
    expand.includeBf16 = true;
    pm.addPass(arith::createArithExpandOpsPass(expand));
  }
  pm.addPass(createExpandViewsPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createLowerChecksPass(checks)); // a branch out of a loop is none of scf's
  pm.addPass(createLowerToLLVMPass(options.target.indexBits));
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// What the importer wrote of each input's dims: names, and ranges of names.
static InputRanges readInputRanges(ModuleOp module) {
  InputRanges ranges;
  auto bounds = module->getAttrOfType<DictionaryAttr>("onnx.dim_bounds");
  auto main = module.lookupSymbol<func::FuncOp>("main");
  for (unsigned i = 0; bounds && i < main.getNumArguments(); ++i) {
    std::vector<DimRange> &dims = ranges.emplace_back();
    if (auto names = main.getArgAttrOfType<ArrayAttr>(i, "onnx.dim_names"))
      for (StringAttr name : names.getAsRange<StringAttr>()) {
        auto range = bounds.getAs<DenseI64ArrayAttr>(name.getValue());
        dims.push_back(range ? DimRange{range[0], range[1]} : DimRange());
      }
  }
  return ranges;
}

namespace {
/// Verifying after each pass takes a tenth of the time; a release does it after each stage.
#ifdef ONNXC_VERIFY_PASSES
constexpr bool kVerifyPasses = true;
#else
constexpr bool kVerifyPasses = false;
#endif

struct PassNames : PassInstrumentation {
  explicit PassNames(std::function<void(StringRef)> tell) : tell(std::move(tell)) {}
  void runBeforePass(Pass *pass, Operation *op) override {
    auto symbol = op->getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
    StringRef name = pass->getArgument().empty() ? pass->getName() : pass->getArgument();
    tell("pass '" + name.str() + "'" + (symbol ? " on '" + symbol.str() + "'" : ""));
  }
  std::function<void(StringRef)> tell;
};
} // namespace

LogicalResult runPipeline(ModuleOp module, const PipelineOptions &options, PipelineReport &report,
                          DeviceProgram &device) {
  auto before = [&](StringRef name) {
    if (options.beforeStage)
      options.beforeStage(name);
  };
  auto stage = [&](StringRef name, llvm::function_ref<void(OpPassManager &)> build) {
    before(name);
    PassManager pm(module.getContext());
    pm.enableVerifier(kVerifyPasses);
    if (options.beforePass)
      pm.addInstrumentation(std::make_unique<PassNames>(options.beforePass));
    build(pm);
    if (failed(pm.run(module)) || (!kVerifyPasses && failed(verify(module)))) {
      report.error = "stage '" + name.str() + "' failed";
      return false;
    }
    if (options.afterStage)
      options.afterStage(name, module);
    return true;
  };

  report.inputRanges = readInputRanges(module);
  if (!stage("graph", [&](OpPassManager &pm) { buildGraph(pm, options); }))
    return failure();

  report.nodes = listNodes(module);

  before("linalg");
  std::vector<lower::Unsupported> unsupported;
  // What the host would decide from indices on a device, it would have to wait for.
  lower::LowerOptions lowering{options.target.indexBits, options.clampIndices || !options.gpus.empty(), options.quantizeBlocks};
  if (failed(lower::lowerModule(module, unsupported, lowering))) {
    for (auto &u : unsupported)
      report.unsupported.push_back("node '" + u.node + "': " + u.op + ": " + u.reason);
    if (unsupported.empty())
      report.error = "lowering to linalg failed";
    return failure();
  }
  if (failed(verify(module))) {
    report.error = "lowering made invalid IR";
    return failure();
  }
  countMacs(module, report.nodes); // here, where each op still belongs to one node
  if (options.afterStage)
    options.afterStage("linalg", module);

  if (!stage("tensors", [&](OpPassManager &pm) { buildTensors(pm, options); }) || 
      !stage("bufferize", [&](OpPassManager &pm) { buildBufferize(pm, options); }) ||
      !stage("kernels", [&](OpPassManager &pm) { buildKernels(pm, options); }))
    return failure();

  before("memory");
  // The arena is planned when kernels are final: scheduling removes temporaries.
  auto main = module.lookupSymbol<func::FuncOp>("main");
  bool usesDevice = module.lookupSymbol(kDeviceModule) != nullptr;
  if (usesDevice) {
    ArenaPlan plan = planDeviceArena(main, options.reuse);
    report.deviceArenaBytes = plan.bytes;
    report.deviceArenaLowerBound = plan.lowerBound;
  }
  main.walk([&](Operation *op) {
    if (auto reason = op->getAttrOfType<StringAttr>(kFallbackAttr))
      report.fallbacks.push_back({nodeName(op->getLoc()), reason.getValue().str()});
  });
  ArenaOptions arena{options.target.indexBits, options.ioInArena, options.separateBuffers, report.inputRanges, options.reuse};
  arena.memories = options.memories;
  arena.overlaps = overlapsBuffers(options);
  arena.triesArguments = options.report && options.memories.empty() && !usesDevice && !options.separateBuffers;
  ArenaPlan plan = planArena(main, arena);
  if (options.weightsApart)
    passConstants(main);
  if (options.threads > 1)
    passFrame(main); // as the last argument
  report.arenaBytes = plan.bytes;
  report.arenaLowerBound = plan.lowerBound;
  report.argumentOffsets = plan.argumentOffsets;
  report.argumentMemories = plan.argumentMemories;
  report.memoryBytes = plan.memoryBytes;
  report.bytesWithArguments = plan.bytesWithArguments;
  report.wantedOfLastMemory = plan.wantedOfLast;
  for (const ArenaPlan::PlacedBuffer &b : plan.placed) {
    report.placed.push_back({b.node, b.argument, b.bytes, b.accessedBytes, b.memory, b.offset, b.fits});
    report.overMemories |= !b.fits;
  }
  report.outputDims = plan.outputDims;
  for (const ArenaPlan::PeakBuffer &buffer : plan.peak)
    report.peak.push_back({nodeName(buffer.location), buffer.bytes, buffer.isFloat, buffer.argument});
  report.buffers = plan.buffers;
  for (Location location : plan.dynamic)
    report.dynamicNodes.push_back(nodeName(location));
  report.kernels = listKernels(module);
  report.staged = listStaged(module);
  if (options.afterStage)
    options.afterStage("memory", module);
  if (report.overMemories || (!options.memories.empty() && !report.dynamicNodes.empty())) {
    report.error = "the memories do not hold the arena";
    return failure();
  }

  if (usesDevice) {
    report.mappings = takeMappings(module);
    if (!stage("device", buildDevice))
      return failure();
    device.data = lowerHostCalls(module);
    device.module = detachDevice(module);
    report.deviceKernels = device.data.kernels.size();
    report.launches = device.data.launches;
    report.deviceWeightBytes = device.data.weights.size();
  }

  return success(stage("llvm", [&](OpPassManager &pm) { buildLLVM(pm, options, report.checks); }));
}

} // namespace onnxc
