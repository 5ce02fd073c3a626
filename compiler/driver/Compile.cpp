// compile(): import, pipeline, code generation, artefacts.
#include "compiler/driver/Compile.h"
#include "codegen/llvm/Emit.h"
#include "compiler/driver/Budget.h"
#include "compiler/import/Import.h"
#include "compiler/pipeline/Pipeline.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Process.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include <chrono>
#include <mutex>

using namespace mlir;

namespace onnxc {

static const char *const kVersion = "0.1.0";

const char *compilerVersion() { return kVersion; }

void preloadCompiler() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
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

int64_t elementBytes(int32_t onnxType) {
  switch (onnxType) {
  case 1: case 6: case 12: return 4;
  case 4: case 5: case 10: case 16: return 2;
  case 7: case 11: case 13: return 8;
  default: return 1;
  }
}

/// Files are written under temporary names; commit() renames them all.
class OutputFiles {
public:
  explicit OutputFiles(std::string dir) : dir(std::move(dir)) {}
  ~OutputFiles() {
    for (auto &[temporary, final] : pending)
      llvm::sys::fs::remove(temporary);
  }
  std::string temporary(llvm::StringRef name) {
    llvm::SmallString<128> path(dir);
    llvm::sys::path::append(path, name);
    std::string final = path.str().str();
    std::string temp = final + ".tmp" + std::to_string(llvm::sys::Process::getProcessId());
    pending.push_back({temp, final});
    return temp;
  }
  /// A temporary that is not an artefact.
  std::string scratch(llvm::StringRef name) {
    std::string t = temporary(name);
    pending.back().second.clear();
    return t;
  }
  bool commit(std::vector<std::string> &files, std::string &error) {
    for (auto &[temporary, final] : pending) {
      if (final.empty())
        continue;
      if (auto ec = llvm::sys::fs::rename(temporary, final)) {
        error = "cannot write '" + final + "': " + ec.message();
        return false;
      }
      files.push_back(final);
    }
    return true;
  }

private:
  std::string dir;
  std::vector<std::pair<std::string, std::string>> pending;
};

bool writeText(llvm::StringRef path, llvm::StringRef text, std::string &error) {
  std::error_code ec;
  llvm::raw_fd_ostream out(path, ec);
  if (!ec) {
    out << text;
    out.close();
    ec = out.error();
    out.clear_error();
  }
  if (ec)
    error = "cannot write '" + path.str() + "': " + ec.message();
  return !ec;
}

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
  Compilation(llvm::StringRef path, const CompileOptions &options, CompileResult &result)
      : path(path), options(options), result(result) {}

  bool run() {
    for (const std::string &kind : options.emit)
      if (!known(kind))
        return userError("unknown artefact '" + kind + "' in --emit; known are obj, lib, shared, header, asm, llvm, mlir, linalg, kernels");
    Target target;
    std::string error;
    if (!resolveTarget(options.target, options.cpu, options.features, target, error))
      return userError(error);
    if (wants("shared") && !target.hasSharedLibraries())
      return userError("--emit=shared links ELF libraries for an operating system; target '" + target.name + "' has " +
                       target.objectFormat().str() + (target.bareMetal ? " objects and no loader" : " objects") +
                       "; use --emit=obj or lib");
    if (auto ec = llvm::sys::fs::create_directories(options.outputDir))
      return userError("cannot create output folder '" + options.outputDir + "': " + ec.message());

    DialectRegistry registry;
    registerPipelineDialects(registry);
    MLIRContext context(registry, MLIRContext::Threading::DISABLED);
    context.loadAllAvailableDialects();
    std::string diagnostics;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) {
      if (d.getSeverity() == DiagnosticSeverity::Error && diagnostics.size() < 4000)
        diagnostics += (diagnostics.empty() ? "" : "\n  ") + d.str();
      return success();
    });

    started = now();
    ImportOptions import;
    import.dims = options.dims;
    ImportedModelInfo info;
    OwningOpRef<ModuleOp> module = importModel(path, import, context, info, error);
    if (!module) {
      bool unsupported = llvm::StringRef(error).contains("nsupported") || llvm::StringRef(error).contains("not supported");
      fail(unsupported ? FailureKind::Unsupported : FailureKind::UserError, error);
      return false;
    }
    end("import");
    if (target.bareMetal && !checkBounds(target, info))
      return false;

    OutputFiles files(options.outputDir);
    if (wants("mlir") && !text(files, ".mlir", printed(*module)))
      return false;
    int stageNumber = 0;
    PipelineOptions pipeline;
    pipeline.target = target;
    pipeline.optLevel = options.optLevel;
    pipeline.threads = options.threads;
    bool stageFilesOk = true;
    pipeline.afterStage = [&](llvm::StringRef stage, ModuleOp m) {
      progress(stage);
      if (!options.dumpStages.empty()) {
        llvm::sys::fs::create_directories(options.dumpStages);
        std::string number = std::to_string(stageNumber++);
        std::string file = options.dumpStages + "/" + (number.size() < 2 ? "0" : "") + number + "-" + stage.str() + ".mlir";
        std::string writeError;
        if (!writeText(file, printed(m), writeError))
          result.message = writeError;
      }
      if ((stage == "linalg" || stage == "kernels") && wants(stage.str()))
        stageFilesOk &= text(files, "." + stage.str() + ".mlir", printed(m));
    };
    PipelineReport report;
    // The types of outputs are known once the model is lowered.
    if (failed(runPipeline(*module, pipeline, report))) {
      if (!report.unsupported.empty()) {
        std::string all = std::to_string(report.unsupported.size()) + " node(s) of '" + path.str() + "' cannot be compiled yet:";
        for (auto &line : report.unsupported)
          all += "\n  " + line;
        fail(FailureKind::Unsupported, all);
        return false;
      }
      return internalError(report.error + (diagnostics.empty() ? "" : ": " + diagnostics));
    }
    if (!stageFilesOk)
      return false;

    if (target.indexBits == 32 && report.arenaBytes > INT32_MAX)
      return userError("'" + path.str() + "' needs an arena of " + std::to_string(report.arenaBytes) +
                       " bytes, which target '" + target.name + "' cannot address; pin smaller dims with --dim");
    ModelInterface interface;
    interface.prefix = options.name;
    interface.hash = info.modelHash;
    interface.compilerVersion = kVersion;
    interface.arenaBytes = report.arenaBytes;
    auto main = module->lookupSymbol("main");
    auto outputTypes = main->getAttrOfType<ArrayAttr>("onnxc.output_types");
    for (auto &t : info.inputs)
      interface.inputs.push_back({t.name, t.onnxType, elementBytes(t.onnxType), t.dims});
    for (auto [i, t] : llvm::enumerate(info.outputs)) {
      TensorInfo out{t.name, t.onnxType, elementBytes(t.onnxType), {}};
      auto type = cast<RankedTensorType>(cast<TypeAttr>(outputTypes[i]).getValue());
      for (int64_t d : type.getShape())
        out.dims.push_back(ShapedType::isDynamic(d) ? -1 : d);
      if (!out.isStatic())
        interface.usesAllocator = true;
      interface.outputs.push_back(out);
    }
    interface.usesAllocator |= report.dynamicBuffers > 0;

    if (options.ramBudget)
      if (std::string table = overRamBudget(interface, *options.ramBudget); !table.empty())
        return userError(table);

    std::vector<Weight> weights = detachWeights(*module);
    llvm::LLVMContext llvmContext;
    std::unique_ptr<llvm::TargetMachine> machine;
    auto llvmModule = buildLLVMModule(*module, interface, target, weights, options.optLevel, llvmContext, machine, error);
    if (!llvmModule)
      return internalError(error + (diagnostics.empty() ? "" : ": " + diagnostics));
    end("llvm module");
    if (wants("llvm")) {
      std::string ir;
      llvm::raw_string_ostream os(ir);
      llvmModule->print(os, nullptr);
      if (!text(files, ".ll", ir))
        return false;
    }
    if (wants("header") && !text(files, ".h", headerText(interface)))
      return false;
    if (wants("asm")) {
      auto copy = llvm::CloneModule(*llvmModule); // emission changes the module
      if (!writeObject(*copy, *machine, true, files.temporary(options.name + ".s"), error))
        return userError(error);
    }
    if (wants("obj") || wants("lib") || wants("shared") || options.flashBudget) {
      std::string object = wants("obj") ? files.temporary(options.name + ".o") : files.scratch(options.name + ".o");
      if (!writeObject(*llvmModule, *machine, false, object, error))
        return userError(error);
      if (!fillWeights(object, weights, error))
        return userError(error);
      if (options.flashBudget) {
        std::string table = overFlashBudget(object, weights, *options.flashBudget, error);
        if (!error.empty())
          return internalError(error);
        if (!table.empty())
          return userError(table);
      }
      end("object");
      if (wants("lib") && !writeArchive(object, files.temporary("lib" + options.name + ".a"), target, error))
        return userError(error);
      if (wants("shared") && !linkShared(object, files.temporary(options.name + ".so"), error))
        return internalError(error);
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
        std::string dim = input.dimNames[i].empty() ? input.name + "." + std::to_string(i) : input.dimNames[i];
        if (d >= 0 || options.dims.count(dim))
          continue;
        return userError("input '" + input.name + "': dimension " + std::to_string(i) + " ('" + dim +
                         "') is not known, and target '" + target.name +
                         "' needs a bound on memory; pin it with --dim " + dim + "=N or bound it with --dim " + dim +
                         "=1..N");
      }
    return true;
  }
  bool known(const std::string &kind) {
    static const std::vector<std::string> kinds = {"obj", "lib", "shared", "header", "asm", "llvm", "mlir", "linalg", "kernels"};
    return llvm::is_contained(kinds, kind);
  }
  bool wants(const std::string &kind) { return llvm::is_contained(options.emit, kind); }
  bool text(OutputFiles &files, const std::string &suffix, const std::string &content) {
    std::string error;
    return writeText(files.temporary(options.name + suffix), content, error) || userError(error);
  }
  void fail(FailureKind kind, const std::string &message) {
    result.failure = kind;
    result.message = message;
  }
  bool userError(const std::string &message) {
    fail(FailureKind::UserError, message);
    return false;
  }
  bool internalError(const std::string &message) {
    fail(FailureKind::Internal, "internal error while compiling '" + path.str() + "': " + message +
                                    "\n  this is a bug of onnx-compile; please report it with the model and the command line");
    return false;
  }
  double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  void end(llvm::StringRef stage) { progress(stage); }
  void progress(llvm::StringRef stage) {
    if (options.verbose)
      llvm::errs() << "onnx-compile: " << stage << " " << llvm::format("%.0f ms\n", (now() - started) * 1e3);
    started = now();
  }

  llvm::StringRef path;
  const CompileOptions &options;
  CompileResult &result;
  double started = 0;
};

} // namespace

bool compileModel(llvm::StringRef path, const CompileOptions &options, CompileResult &result) {
  preloadCompiler();
  return Compilation(path, options, result).run();
}

} // namespace onnxc
