// compile(): import, pipeline, code generation, artefacts.
#include "compiler/driver/Compile.h"
#include "codegen/llvm/Emit.h"
#include "codegen/llvm/Measure.h"
#include "codegen/llvm/WeightFile.h"
#include "codegen/nvptx/EmitPtx.h"
#include "compiler/driver/Budget.h"
#include "compiler/driver/Interface.h"
#include "compiler/driver/Memories.h"
#include "compiler/driver/OutputFiles.h"
#include "compiler/driver/Progress.h"
#include "compiler/driver/Readable.h"
#include "compiler/driver/Recovery.h"
#include "compiler/driver/Report.h"
#include "compiler/import/Import.h"
#include "compiler/pipeline/Pipeline.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include <mutex>

using namespace mlir;

namespace onnxc {

static const char *const kVersion = "0.1.0";

/// --target: this machine and the oldest GPU of the table.
static const char *const kCudaTarget = "cuda";

const char *compilerVersion() { return kVersion; }

void preloadCompiler() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
    preloadImporter();
  });
}

int exitCode(const CompileResult &result) {
  switch (result.failure) {
  case FailureKind::None:
    return 0;
  case FailureKind::Internal:
    return 70;
  default:
    return 1;
  }
}

namespace {

std::string printed(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(64).elideLargeResourceString(64);
  module.print(os, flags);
  os << "\n";
  return text;
}

class Compilation {
public:
  /// `ramMargin`: bytes by which the pipeline aims below the RAM budget.
  Compilation(llvm::StringRef path, const CompileOptions &options, int64_t ramMargin, CompileResult &result)
      : path(path), options(options), ramMargin(ramMargin), result(result), files(options.outputDir), progress(options.verbose) {}

  /// The result of run() that crashed, and why.
  bool crashed(const Crash &crash) {
    result.crashed = true;
    switch (crash.cause) {
    case Crash::Cause::Memory:
      return userError("not enough memory to compile '" + path.str() + "', in stage '" + progress.stage() + "'; give the compiler more, or make the model smaller");
    case Crash::Cause::Output:
      return userError("cannot write to '" + options.outputDir + "': " + crash.reason);
    default:
      return internalError(crash.reason);
    }
  }

  bool run() {
    for (const std::string &kind : options.emit)
      if (!known(kind))
        return userError("unknown artefact '" + kind + "' in --emit; known are obj, lib, shared, header, weights, asm, llvm, mlir, linalg, kernels, ptx, gpu-llvm, report");
    Target target;
    std::string error;
    std::string row = options.target, gpus = options.gpu;
    if (row == kCudaTarget) {
      row = "native";
      if (gpus.empty())
        gpus = gpuTargetTable().front().name;
    }
    if (!resolveTarget(row, options.cpu, options.features, target, error))
      return userError(error);
    for (const std::string &section : {options.weightSection, options.codeSection})
      if (!section.empty() && target.objectFormat() != "ELF")
        return userError("--section names a section of an ELF object; target '" + target.name + "' writes " + target.objectFormat().str());
    std::vector<GpuTarget> gpuTargets;
    if (!gpus.empty() && !checkGpus(gpus, target, gpuTargets))
      return false;
    if (options.ioInArena && !gpuTargets.empty())
      return userError("--io=arena is about memory of the host; inputs and outputs of a model for GPUs are where the caller has them");
    if (wants("weights") && !checkWeightFile(!gpuTargets.empty()))
      return false;
    if (!options.memories.empty() && !checkMemories(!gpuTargets.empty()))
      return false;
    if (wants("shared") && !gpuTargets.empty())
      return userError("--emit=shared makes libraries that need nothing else, and a model for GPUs needs runtime-lite/cuda; "
                       "use --emit=obj or lib and link with onnxc_cuda");
    for (const char *kind : {"ptx", "gpu-llvm"})
      if (wants(kind) && gpuTargets.empty())
        return userError(std::string("--emit=") + kind + " is about kernels of a GPU; name one with --gpu, for example --gpu=" +
                         gpuTargetTable().front().name);
    if (!options.sanitize.empty() && !checkSanitizer(target, !gpuTargets.empty()))
      return false;
    if (wants("shared") && !target.hasSharedLibraries())
      return userError("--emit=shared makes ELF libraries that need no toolchain; target '" + target.name + "' " +
                       (target.objectFormat() != "ELF" ? "has " + target.objectFormat().str() + " objects"
                        : target.bareMetal             ? "has no loader"
                                                       : "needs a compiler support library (libgcc, compiler-rt)") +
                       "; use --emit=obj or lib and link with your toolchain");
    if (!makeFolder("-o", options.outputDir) || (!options.dumpStages.empty() && !makeFolder("--dump-stages", options.dumpStages)))
      return false;
    if (!options.reportFile.empty() && !checkReportFile())
      return false;

    DialectRegistry registry;
    registerPipelineDialects(registry);
    MLIRContext context(registry, MLIRContext::Threading::DISABLED);
    context.loadAllAvailableDialects();
    std::string diagnostics;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
      if (d.getSeverity() == DiagnosticSeverity::Error && diagnostics.size() < 4000)
        diagnostics += (diagnostics.empty() ? "" : "\n  ") + d.str();
      else if (d.getSeverity() == DiagnosticSeverity::Warning && result.notes.size() < 20)
        result.notes.push_back(d.str());
      return success();
    });

    begin("import");
    ImportOptions import;
    import.dims = options.dims;
    import.limits = options.limits;
    import.allowLinks = options.allowLinks;
    import.values = options.values;
    import.keepInitializerInputs = options.keepInitializerInputs;
    import.computedOutputShapes = options.computedOutputShapes;
    ImportedModelInfo info;
    ImportFailure failure;
    OwningOpRef<ModuleOp> module = importModel(path, import, context, info, failure);
    if (!module) {
      if (failure.kind == ImportFailure::Kind::Internal)
        return internalError(failure.message);
      fail(failure.kind == ImportFailure::Kind::Unsupported ? FailureKind::Unsupported : FailureKind::UserError, failure.message);
      return false;
    }
    end();
    if (target.bareMetal && !checkBounds(target, info))
      return false;

    if (wants("mlir") && !text(".mlir", printed(*module)))
      return false;
    int stageNumber = 0;
    PipelineOptions pipeline;
    pipeline.target = target;
    pipeline.gpus = gpuTargets;
    pipeline.optLevel = options.optLevel;
    pipeline.threads = options.threads;
    pipeline.ioInArena = options.ioInArena;
    pipeline.foldBytes = int64_t(options.limits.foldBytes);
    pipeline.separateBuffers = !options.sanitize.empty();
    pipeline.reuse = options.reuse;
    for (const Memory &memory : options.memories)
      pipeline.memories.push_back(memory.bytes);
    pipeline.report = wants("report") || !options.reportFile.empty();
    isEdge = target.bareMetal;
    if (options.smallCode)
      preferSmallCode(pipeline.target);
    pipeline.weightsApart = wants("weights");
    pipeline.target.shortMemory = target.bareMetal || options.ramBudget || !options.memories.empty();
    if (options.ramBudget)
      pipeline.ramBudget = std::max<int64_t>(0, *options.ramBudget - ramMargin);
    pipeline.clampIndices = options.clampIndices;
    pipeline.quantizeBlocks = options.quantizeBlocks;
    bool stageFilesOk = true;
    pipeline.beforeStage = [&](llvm::StringRef stage) { begin(stage); };
    pipeline.beforePass = [&](llvm::StringRef pass) { progress.at(pass); };
    pipeline.afterStage = [&](llvm::StringRef stage, ModuleOp m) {
      end();
      if (!options.dumpStages.empty())
        stageFilesOk &= dump(stageNumber++, stage, m);
      if ((stage == "linalg" || stage == "kernels") && wants(stage.str()))
        stageFilesOk &= text("." + stage.str() + ".mlir", printed(m));
    };
    PipelineReport report;
    DeviceProgram program;
    if (failed(runPipeline(*module, pipeline, report, program))) {
      if (!report.unsupported.empty()) {
        std::string all = std::to_string(report.unsupported.size()) + " node(s) of '" + path.str() + "' cannot be compiled yet:";
        for (auto &line : report.unsupported)
          all += "\n  " + line;
        fail(FailureKind::Unsupported, all);
        return false;
      }
      if (report.overMemories) {
        result.overRam = std::max<int64_t>(1, report.wantedOfLastMemory - options.memories.back().bytes);
        nameArguments(*module, info, report);
        return userError(overMemories(options.memories, report));
      }
      if (!options.memories.empty() && !report.dynamicNodes.empty())
        return userError("--memory wants an arena of known size; node '" + report.dynamicNodes.front() +
                         "' has a buffer whose size is known only at run time; pin or bound its dims with --dim, or compile without --memory");
      return internalError(report.error + (diagnostics.empty() ? "" : ": " + diagnostics));
    }
    if (!stageFilesOk)
      return false;
    nameArguments(*module, info, report);

    DeviceCode device;
    if (program.module) {
      begin("device code");
      auto kernels = *program.module->getOps<gpu::GPUModuleOp>().begin();
      if (!emitDeviceCode(kernels, gpuTargets, options.name, options.optLevel, device, error))
        return internalError(error + (diagnostics.empty() ? "" : ": " + diagnostics));
      end();
      if (!device.note.empty())
        result.notes.push_back(device.note);
    } else if (!gpuTargets.empty()) {
      result.notes.push_back("no kernel of '" + path.str() + "' runs on the GPU; --report=FILE says why");
    }
    if (wants("ptx") && !text(".ptx", device.ptx))
      return false;
    if (wants("gpu-llvm") && !text(".gpu.ll", device.ir))
      return false;

    if (target.indexBits == 32 && report.arenaBytes > INT32_MAX)
      return userError("'" + path.str() + "' needs an arena of " + std::to_string(report.arenaBytes) +
                       " bytes, which target '" + target.name + "' cannot address; pin smaller dims with --dim");
    ModelInterface interface;
    interface.prefix = options.name;
    interface.hash = info.modelHash;
    interface.compilerVersion = kVersion;
    interface.frozen = info.frozen;
    interface.arenaBytes = report.arenaBytes;
    interface.threads = options.threads;
    interface.sanitize = !options.sanitize.empty();
    describeTensors(*module, info, report, interface);
    interface.usesAllocator |= !report.dynamicNodes.empty();
    interface.checks = std::move(report.checks);
    // A part of a node's expansion is called NODE/OP.
    for (RunCheck &check : interface.checks)
      for (llvm::StringRef name = check.node; check.nodeIndex < 0 && !name.empty(); name = name.contains('/') ? name.rsplit('/').first : "")
        if (auto found = info.nodeNumbers.find(name.str()); found != info.nodeNumbers.end())
          check.nodeIndex = found->second;
    if (target.bareMetal && interface.usesAllocator)
      result.notes.push_back(allocatorNote(report, interface));
    if (program.module)
      interface.device = deviceImage(device, program.data, report, gpuTargets.front());
    for (auto [i, bytes] : llvm::enumerate(report.memoryBytes))
      interface.regions.push_back({options.memories[i].name, bytes, "ARENA_" + llvm::StringRef(options.memories[i].name).upper()});
    if (wants("weights") && interface.regions.empty())
      interface.regions.push_back({"arena", interface.arenaBytes, "ARENA"});
    for (auto *tensors : {&interface.inputs, &interface.outputs})
      for (const TensorInfo &tensor : *tensors)
        if (tensor.dims.size() > ONNXC_MAX_RANK) {
          fail(FailureKind::Unsupported, "input or output '" + tensor.name + "' has rank " +
                                             std::to_string(tensor.dims.size()) + "; the compiled interface takes ranks up to " +
                                             std::to_string(ONNXC_MAX_RANK));
          return false;
        }

    if (target.indexBits == 32)
      for (auto *tensors : {&interface.inputs, &interface.outputs})
        for (const TensorInfo &tensor : *tensors)
          if (tensor.isStatic() && tensor.bytes() > INT32_MAX)
            return userError("input or output '" + tensor.name + "' has " + std::to_string(tensor.bytes()) +
                             " bytes, which target '" + target.name + "' cannot address; pin smaller dims with --dim");

    if (options.ramBudget)
      if (std::string table = overRamBudget(interface, *options.ramBudget); !table.empty()) {
        if (!report.staged.empty() || !options.memories.empty())
          result.overRam = ramOf(interface) - *options.ramBudget;
        return userError(table);
      }

    begin("llvm module");
    EmitOptions emit{options.optLevel, options.weightSection, options.codeSection, options.smallCode};
    std::vector<Weight> weights; // of the object
    if (wants("weights")) {
      WeightFile file = takeWeightsApart(*module);
      setFingerprint(file, *module, interface, target, emit);
      interface.weightFile = file.info;
      if (!text(".weights.bin", weightFileBytes(file)))
        return false;
    } else {
      weights = detachWeights(*module);
    }
    if (!program.data.weights.empty())
      weights.push_back({kDeviceWeights.str(), program.data.weights});
    llvm::LLVMContext llvmContext;
    std::unique_ptr<llvm::TargetMachine> machine;
    auto llvmModule = buildLLVMModule(*module, interface, target, weights, emit, llvmContext, machine, error);
    if (!llvmModule)
      return internalError(error + (diagnostics.empty() ? "" : ": " + diagnostics));
    end();
    begin("object");
    if (wants("llvm")) {
      std::string ir;
      llvm::raw_string_ostream os(ir);
      llvmModule->print(os, nullptr);
      if (!text(".ll", ir))
        return false;
    }
    if (wants("asm")) {
      auto copy = llvm::CloneModule(*llvmModule); // emission changes the module
      if (!writeObject(*copy, *machine, true, files.temporary(options.name + ".s"), error))
        return userError(error);
    }
    bool reports = wants("report") || !options.reportFile.empty();
    if (wants("obj") || wants("lib") || wants("shared") || wants("header") || reports || options.flashBudget) {
      std::string stackUsage = files.scratch(options.name + ".su");
      machine->Options.StackUsageOutput = stackUsage;
      std::string object = wants("obj") ? files.temporary(options.name + ".o") : files.scratch(options.name + ".o");
      if (!writeObject(*llvmModule, *machine, false, object, error))
        return userError(error);
      if (!fillWeights(object, weights, error))
        return userError(error);
      llvm::StringMap<int64_t> stack = stackBounds(*llvmModule, stackUsage);
      auto bound = stack.find(options.name + "_run");
      interface.stackBytes = bound == stack.end() ? -1 : bound->second;
      if (wants("header") && !text(".h", headerText(interface)))
        return false;
      ObjectSizes sizes;
      if ((reports || options.flashBudget) && !measureObject(object, weights, sizes, error))
        return internalError(error);
      if (interface.weightFile)
        sizes.weights = interface.weightFile->bytes;
      if (options.flashBudget)
        if (std::string table = overFlashBudget(sizes, weights, *options.flashBudget); !table.empty())
          return userError(table);
      end();
      begin("link");
      if (reports && !writeReports(interface, report, sizes, stack))
        return false;
      if (wants("lib") && !writeArchive(object, files.temporary("lib" + options.name + ".a"), target, error))
        return userError(error);
      if (wants("shared") && !link(object, files.temporary(options.name + ".so")))
        return false;
      end();
    }
    if (!files.commit(result.files, error))
      return userError(error);
    return true;
  }

private:
  /// Without an operating system, memory has to be known: every dim of an
  /// input is a number or has a bound.
  bool checkBounds(const Target &target, const ImportedModelInfo &info) {
    for (const auto &input : info.inputs)
      for (auto [i, d] : llvm::enumerate(input.dims)) {
        std::string place = input.name + "." + std::to_string(i), dim = input.dimNames[i].empty() ? place : input.dimNames[i];
        if (d >= 0 || options.dims.count(dim) || options.dims.count(place))
          continue;
        return userError("input '" + input.name + "': dimension " + std::to_string(i) + " ('" + dim +
                         "') is not known, and target '" + target.name +
                         "' needs a bound on memory; pin it with --dim " + dim + "=N or bound it with --dim " + dim +
                         "=1..N");
      }
    return true;
  }
  /// For machines on which nothing allocates by itself.
  std::string allocatorNote(const PipelineReport &report, const ModelInterface &interface) {
    std::string why;
    for (const TensorInfo &t : interface.outputs)
      if (!t.isBounded() && why.empty())
        why = "the size of output '" + t.name + "'";
    for (const std::string &node : report.dynamicNodes)
      if (!node.empty() && why.empty())
        why = "the size of a buffer of node '" + node + "'";
    return "'" + path.str() + "' needs an allocator in the context of its runs: " + (why.empty() ? "the size of a buffer" : why) +
           " is known only at run time, and has no bound";
  }
  static DeviceImage deviceImage(const DeviceCode &code, const DeviceData &data, const PipelineReport &report, const GpuTarget &oldest) {
    DeviceImage image;
    image.ptx = code.ptx;
    image.minArch = oldest.arch;
    for (const Cubin &cubin : code.cubins)
      image.cubins.push_back({cubin.target.arch, cubin.target.exact ? 'a' : '\0', cubin.data});
    for (auto [name, kernel] : llvm::zip_equal(code.kernels, data.kernels))
      image.kernels.push_back({name, nodeName(kernel.location), 0});
    image.weightBytes = data.weights.size();
    image.arenaBytes = report.deviceArenaBytes;
    return image;
  }
  /// --gpu beside `target`: rows of the GPU table, and a host that a driver exists for.
  bool checkGpus(const std::string &list, const Target &target, std::vector<GpuTarget> &gpus) {
    std::string error;
    if (!resolveGpuTargets(list, gpus, error))
      return userError(error);
    llvm::Triple triple(target.triple);
    if (!triple.isOSLinux() || triple.isAndroid() || !(triple.isX86_64() || triple.isAArch64(64)))
      return userError("--gpu wants a host with an NVIDIA driver, Linux on x86-64 or AArch64; target '" + target.name + "' is " + target.triple);
    return true;
  }
  /// --emit=shared. A disk that is full is the user's matter; whatever else the linker says is ours.
  bool link(const std::string &object, const std::string &library) {
    std::string error;
    if (linkShared(object, library, error))
      return true;
    for (std::errc code : {std::errc::no_space_on_device, std::errc::file_too_large, std::errc::permission_denied, std::errc::io_error})
      if (llvm::StringRef(error).contains(std::make_error_code(code).message()))
        return userError(error);
    return internalError(error);
  }
  /// --emit=weights: they are on the host, and nowhere else.
  bool checkWeightFile(bool onGpu) {
    if (onGpu)
      return userError("--emit=weights is about memory of the host; a model for GPUs uploads its weights from the object");
    return options.weightSection.empty() ||
           userError("--section weights=" + options.weightSection + " places weights of the object, and --emit=weights leaves none in it; give one of the two");
  }
  /// --memory: names for the header, and an arena on the host that buffers share.
  bool checkMemories(bool onGpu) {
    if (std::string mistake = memoryNameMistake(options.memories, options.name); !mistake.empty())
      return userError(mistake);
    if (onGpu)
      return userError("--memory is about memory of the host; compile without --gpu");
    if (!options.sanitize.empty())
      return userError("--memory places buffers side by side; --sanitize=address wants each in memory of its own, give one of the two");
    return true;
  }
  /// --sanitize=address: where its runtime exists and finds every buffer by itself.
  bool checkSanitizer(const Target &target, bool onGpu) {
    if (options.sanitize != "address")
      return userError("--sanitize: got '" + options.sanitize + "', wanted address");
    llvm::Triple triple(target.triple);
    if (onGpu)
      return userError("--sanitize=address is about memory of the host; compile without --gpu");
    if (!triple.isOSLinux() || triple.isAndroid() || target.indexBits != 64 || !(triple.isX86_64() || triple.isAArch64(64)))
      return userError("--sanitize=address wants a target that has AddressSanitizer's runtime, Linux on x86-64 or AArch64; target '" + target.name +
                       "' is " + target.triple);
    if (options.ioInArena)
      return userError("--sanitize=address wants every tensor in memory of its own; --io=arena puts them into one block, give one of the two");
    return true;
  }
  bool known(const std::string &kind) {
    static const std::vector<std::string> kinds = {"obj", "lib", "shared", "header", "weights", "asm", "llvm", "mlir", "linalg", "kernels", "ptx", "gpu-llvm", "report"};
    return llvm::is_contained(kinds, kind);
  }
  bool wants(const std::string &kind) { return llvm::is_contained(options.emit, kind); }
  bool text(const std::string &suffix, const std::string &content) {
    std::string error;
    return files.writeAt(files.within(options.name + suffix), content, error) || userError(error);
  }
  /// --emit=report, --report=FILE.
  bool writeReports(const ModelInterface &interface, const PipelineReport &pipeline, const ObjectSizes &sizes,
                    const llvm::StringMap<int64_t> &stack) {
    ModelReport report;
    report.model = options.name;
    report.target = options.target;
    report.gpu = options.target == kCudaTarget && options.gpu.empty() ? gpuTargetTable().front().name : options.gpu;
    report.compilerVersion = kVersion;
    report.threads = options.threads;
    report.memories = options.memories;
    report.isEdge = isEdge;
    reportTensors(interface, pipeline, report);
    report.codeBytes = sizes.code;
    report.weightBytes = sizes.weights;
    report.constantBytes = sizes.constants;
    report.functionBytes = sizes.functions;
    report.stackBytes = interface.stackBytes;
    report.functionStack = stack;
    report.pipeline = pipeline;
    if (wants("report") && !text(".report.json", reportJson(report)))
      return false;
    llvm::StringRef file = options.reportFile;
    if (file.empty())
      return true;
    std::string error, content = file.ends_with(".json") ? reportJson(report) : reportText(report);
    return files.writeAt(file, content, error) || userError(error);
  }
  bool makeFolder(const std::string &option, const std::string &folder) {
    namespace fs = llvm::sys::fs;
    std::error_code ec = fs::create_directories(folder);
    if (!ec && !fs::is_directory(folder))
      ec = std::make_error_code(std::errc::not_a_directory);
    if (!ec)
      ec = fs::access(folder, fs::AccessMode::Write);
    return !ec || userError(option + ": cannot write to folder '" + folder + "': " + ec.message());
  }
  /// Before the work: a file can be made under that name.
  bool checkReportFile() {
    namespace fs = llvm::sys::fs;
    const std::string &file = options.reportFile;
    if (fs::is_directory(file))
      return userError("--report: '" + file + "' is a folder; give a file, for example --report=" +
                       llvm::StringRef(file).rtrim('/').str() + "/" + options.name + ".json");
    llvm::StringRef folder = llvm::sys::path::parent_path(file);
    std::error_code ec = fs::access(folder.empty() ? "." : folder, fs::AccessMode::Write);
    return !ec || userError("cannot write '" + file + "': " + ec.message());
  }
  /// --dump-stages: "03-kernels.mlir".
  bool dump(int number, llvm::StringRef stage, ModuleOp module) {
    std::string file, error;
    llvm::raw_string_ostream(file) << options.dumpStages << "/" << llvm::format("%02d-", number) << stage << ".mlir";
    return writeText(file, printed(module), error) || userError(error);
  }
  void fail(FailureKind kind, const std::string &message) {
    result.failure = kind;
    result.message = readable(message);
  }
  bool userError(const std::string &message) {
    fail(FailureKind::UserError, message);
    return false;
  }
  bool internalError(const std::string &message) {
    std::string text;
    llvm::raw_string_ostream os(text);
    os << "internal error while compiling '" << path << "'";
    if (!progress.stage().empty())
      os << " in stage '" << progress.stage() << "'";
    os << ": " << message << "\n  this is a bug of onnx-compile " << kVersion << " (LLVM " LLVM_VERSION_STRING << ", target "
       << options.target << (options.cpu.empty() ? "" : ", CPU " + options.cpu) << "); please report it with the model";
    if (!options.command.empty())
      os << " and this command:\n    " << options.command;
    os << "\n  --dump-stages=FOLDER keeps the IR of every stage before it";
    fail(FailureKind::Internal, text);
    return false;
  }
  void begin(llvm::StringRef name) {
    progress.begin(name);
    if (options.onStage)
      options.onStage(progress.stage());
  }
  void end() { progress.end(); }

  llvm::StringRef path;
  const CompileOptions &options;
  int64_t ramMargin;
  CompileResult &result;
  bool isEdge = false; ///< the target has no operating system
  OutputFiles files;
  Progress progress;
};

} // namespace

bool compileModel(llvm::StringRef path, const CompileOptions &options, CompileResult &result) {
  preloadCompiler();
  // How the model is divided to keep within a budget is chosen by estimates; where these were short, the aim is lowered.
  constexpr int kTries = 6;
  int64_t margin = 0;
  for (int i = 0;; ++i) {
    result = {};
    Compilation compilation(path, options, margin, result); // outlives a crash, so that its files are removed
    bool ok = false;
    Crash crash;
    if (!runRecovering([&] { ok = compilation.run(); }, crash))
      return compilation.crashed(crash);
    if (ok || !result.overRam || !options.ramBudget || path == "-" || i + 1 == kTries)
      return ok;
    margin += std::max(result.overRam, *options.ramBudget / 100);
  }
}

} // namespace onnxc
