// LLVM dialect -> LLVM IR -> object, and what is made from an object.
#include "codegen/llvm/Device.h"
#include "codegen/llvm/Emit.h"
#include "codegen/llvm/Entry.h"
#include "codegen/llvm/Parallel.h"
#include "codegen/llvm/Sanitize.h"

#include "lld/Common/Driver.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace onnxc {

static CodeGenOptLevel codegenLevel(int level) {
  return level == 0 ? CodeGenOptLevel::None : level == 1 ? CodeGenOptLevel::Less : CodeGenOptLevel::Default;
}

static std::unique_ptr<TargetMachine> makeMachine(const Target &target, int optLevel, std::string &error) {
  Triple triple(target.triple);
  const llvm::Target *llvmTarget = TargetRegistry::lookupTarget("", triple, error);
  if (!llvmTarget)
    return nullptr;
  TargetOptions options;
  options.AllowFPOpFusion = FPOpFusion::Standard;
  options.FunctionSections = target.bareMetal; // a linker script may place them, and leave out what is not called
  // memcpy rather than __aeabi_memcpy: no C library is asked for.
  options.EABIVersion = EABI::GNU;
  options.MCOptions.ABIName = target.abi;
  // Only what is loaded at an address of the loader's choice is position independent.
  bool fixed = target.bareMetal || triple.isWasm();
  return std::unique_ptr<TargetMachine>(llvmTarget->createTargetMachine(
      triple, target.cpu, target.features, options,
      fixed ? Reloc::Static : Reloc::PIC_, std::nullopt, codegenLevel(optLevel)));
}

static void optimize(Module &m, TargetMachine &machine, bool smallCode, int optLevel) {
  LoopAnalysisManager lam;
  FunctionAnalysisManager fam;
  CGSCCAnalysisManager cgam;
  ModuleAnalysisManager mam;
  PipelineTuningOptions tuning;
  // Kernels arrive vectorised; what is left as scalar loops gains from LLVM's own.
  tuning.LoopVectorization = optLevel >= 2;
  tuning.SLPVectorization = false;
  // Tiles are unrolled already; flash is dearer than the last loop counter.
  tuning.LoopUnrolling = !smallCode;
  // Its time grows with the cube of the conditions that hold at a place: in a
  // function that checks hundreds of sizes it is all of the compile time.
  constexpr size_t manyBlocks = 256;
  PassInstrumentationCallbacks callbacks;
  callbacks.registerShouldRunOptionalPassCallback([](StringRef pass, Any unit) {
    const auto *function = any_cast<const Function *>(&unit);
    return pass != "ConstraintEliminationPass" || !function || (*function)->size() <= manyBlocks;
  });
  PassBuilder builder(&machine, tuning, std::nullopt, &callbacks);
  builder.registerModuleAnalyses(mam);
  builder.registerCGSCCAnalyses(cgam);
  builder.registerFunctionAnalyses(fam);
  builder.registerLoopAnalyses(lam);
  builder.crossRegisterProxies(lam, fam, cgam, mam);
  OptimizationLevel level = optLevel == 0   ? OptimizationLevel::O0
                            : optLevel == 1 ? OptimizationLevel::O1
                                            : OptimizationLevel::O2;
  ModulePassManager pm =
      optLevel == 0 ? builder.buildO0DefaultPipeline(level) : builder.buildPerModuleDefaultPipeline(level);
  pm.run(m, mam);
}

std::unique_ptr<Module> buildLLVMModule(mlir::ModuleOp module, const ModelInterface &interface, const Target &target,
                                        const std::vector<Weight> &weights, const EmitOptions &options, LLVMContext &context,
                                        std::unique_ptr<TargetMachine> &machine, std::string &error) {
  machine = makeMachine(target, options.optLevel, error);
  if (!machine)
    return nullptr;
  auto m = mlir::translateModuleToLLVMIR(module, context, interface.prefix);
  if (!m) {
    error = "translation to LLVM IR failed";
    return nullptr;
  }
  // Without these a fill becomes a byte loop and vectors are split.
  m->setDataLayout(machine->createDataLayout());
  m->setTargetTriple(machine->getTargetTriple());
  if (interface.device)
    declareDeviceWeights(*m, *interface.device);
  for (const Weight &w : weights)
    if (GlobalVariable *g = m->getGlobalVariable(w.symbol, /*AllowInternal=*/true)) {
      g->setExternallyInitialized(true);
      g->setConstant(true);
      g->setAlignment(Align(64));
      g->setSection(options.weightSection.empty() ? target.weightSection() : StringRef(options.weightSection));
    }
  if (interface.threads > 1)
    shareOutLoops(*m, interface.threads);
  if (!addEntryPoints(*m, interface, error))
    return nullptr;
  // Weights keep a symbol, so that the object writer can find them.
  for (const Weight &w : weights)
    if (GlobalVariable *g = m->getGlobalVariable(w.symbol, /*AllowInternal=*/true))
      g->setLinkage(GlobalValue::InternalLinkage);
  if (interface.sanitize)
    prepareSanitizer(*m);
  for (Function &f : *m) {
    if (f.isDeclaration())
      continue;
    if (!target.cpu.empty())
      f.addFnAttr("target-cpu", target.cpu);
    if (!target.features.empty())
      f.addFnAttr("target-features", target.features);
    f.addFnAttr(Attribute::NoUnwind);
    if (options.smallCode) {
      f.addFnAttr(Attribute::OptimizeForSize);
      f.addFnAttr(Attribute::MinSize);
    }
    if (!options.codeSection.empty())
      f.setSection(options.codeSection + "." + f.getName().str());
    f.addFnAttr("no-builtins", ""); // a loop must not become a call beyond the mem* functions
    if (target.vectorBits)
      f.addFnAttr("prefer-vector-width", std::to_string(target.vectorBits));
  }
  std::string text;
  raw_string_ostream os(text);
  if (verifyModule(*m, &os)) {
    error = "invalid LLVM IR: " + text;
    return nullptr;
  }
  optimize(*m, *machine, target.bareMetal || options.smallCode, options.optLevel);
  if (interface.sanitize) // last, so that it sees the accesses that are made
    instrumentAccesses(*m);
  return m;
}

bool writeObject(Module &m, TargetMachine &machine, bool assembly, StringRef path, std::string &error) {
  std::error_code ec;
  raw_fd_ostream out(path, ec);
  if (ec) {
    error = "cannot write '" + path.str() + "': " + ec.message();
    return false;
  }
  {
    // The printer of assembly flushes when the pass manager goes.
    legacy::PassManager pm;
    if (machine.addPassesToEmitFile(pm, out, nullptr,
                                    assembly ? CodeGenFileType::AssemblyFile : CodeGenFileType::ObjectFile)) {
      error = "target '" + machine.getTargetTriple().str() + "' cannot write object files";
      return false;
    }
    pm.run(m);
  }
  out.close();
  if (out.has_error()) {
    error = "writing '" + path.str() + "' failed: " + out.error().message();
    out.clear_error();
    return false;
  }
  return true;
}

bool linkShared(StringRef objectPath, StringRef path, std::string &error) {
  std::string object = objectPath.str(), output = path.str();
  std::vector<const char *> args = {"ld.lld", "-shared", "--no-undefined-version", "-z", "now", "-o", output.c_str(), object.c_str()};
  std::string text;
  raw_string_ostream os(text);
  const lld::DriverDef drivers[] = {{lld::Gnu, &lld::elf::link}};
  lld::Result result = lld::lldMain(args, nulls(), os, drivers);
  if (result.retCode == 0)
    return true;
  error = "linking '" + output + "' failed: " + text;
  return false;
}

bool writeArchive(StringRef objectPath, StringRef path, const Target &target, std::string &error) {
  auto member = NewArchiveMember::getFile(objectPath, /*Deterministic=*/true);
  if (!member) {
    error = toString(member.takeError());
    return false;
  }
  member->MemberName = "model.o";
  std::vector<NewArchiveMember> members;
  members.push_back(std::move(*member));
  if (Error e = llvm::writeArchive(path, members, SymtabWritingMode::NormalSymtab, object::Archive::getDefaultKindForTriple(Triple(target.triple)),
                                   /*Deterministic=*/true, /*Thin=*/false)) {
    error = toString(std::move(e));
    return false;
  }
  return true;
}

} // namespace onnxc
