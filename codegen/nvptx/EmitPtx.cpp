// gpu.module in the LLVM dialect -> LLVM IR, PTX and cubins.
#include "codegen/nvptx/EmitPtx.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/Scalar/InferAddressSpaces.h"

using namespace llvm;

namespace onnxc {

static std::unique_ptr<TargetMachine> makeMachine(const GpuTarget &target, std::string &error) {
  Triple triple("nvptx64-nvidia-cuda");
  const llvm::Target *llvmTarget = TargetRegistry::lookupTarget("", triple, error);
  if (!llvmTarget)
    return nullptr;
  TargetOptions options;
  options.AllowFPOpFusion = FPOpFusion::Standard;
  return std::unique_ptr<TargetMachine>(llvmTarget->createTargetMachine(triple, target.name, "", options, std::nullopt,
                                                                        std::nullopt, CodeGenOptLevel::Aggressive));
}

static void optimize(Module &m, TargetMachine &machine, int optLevel) {
  LoopAnalysisManager lam;
  FunctionAnalysisManager fam;
  CGSCCAnalysisManager cgam;
  ModuleAnalysisManager mam;
  PipelineTuningOptions tuning;
  // A thread is one lane: vectors are for wide loads only, which the kernels write themselves.
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  // It takes wide loads apart whose elements are used one by one.
  PassInstrumentationCallbacks callbacks;
  callbacks.registerShouldRunOptionalPassCallback([](StringRef pass, Any) { return pass != "VectorCombinePass"; });
  PassBuilder builder(&machine, tuning, std::nullopt, &callbacks);
  builder.registerModuleAnalyses(mam);
  builder.registerCGSCCAnalyses(cgam);
  builder.registerFunctionAnalyses(fam);
  builder.registerLoopAnalyses(lam);
  builder.crossRegisterProxies(lam, fam, cgam, mam);
  ModulePassManager pm = optLevel == 0 ? builder.buildO0DefaultPipeline(OptimizationLevel::O0)
                                       : builder.buildPerModuleDefaultPipeline(OptimizationLevel::O2);
  // Loads and stores name global and shared memory in the text too.
  pm.addPass(createModuleToFunctionPassAdaptor(InferAddressSpacesPass()));
  pm.run(m, mam);
}

/// A call of a function that nothing defines: the driver could not load it.
static std::string unresolvedCall(Module &m) {
  for (Function &f : m)
    if (f.isDeclaration() && !f.isIntrinsic() && !f.use_empty())
      return f.getName().str();
  return "";
}

static std::string printPtx(Module &m, TargetMachine &machine, std::string &error) {
  SmallString<0> text;
  raw_svector_ostream os(text);
  legacy::PassManager pm;
  if (machine.addPassesToEmitFile(pm, os, nullptr, CodeGenFileType::AssemblyFile)) {
    error = "LLVM cannot write PTX";
    return "";
  }
  pm.run(m);
  return text.str().str();
}

static std::string findPtxas() {
  SmallVector<StringRef> folders;
  std::string cudaHome;
  if (auto found = sys::findProgramByName("ptxas"))
    return *found;
  if (const char *home = std::getenv("CUDA_HOME")) {
    cudaHome = std::string(home) + "/bin";
    folders.push_back(cudaHome);
  }
  folders.push_back("/usr/local/cuda/bin");
  auto found = sys::findProgramByName("ptxas", folders);
  return found ? *found : "";
}

static bool assemble(StringRef ptxas, StringRef ptx, const GpuTarget &target, std::string &cubin, std::string &error) {
  SmallString<128> in, out, log;
  auto temporary = [&](StringRef suffix, SmallString<128> &path) {
    if (std::error_code ec = sys::fs::createTemporaryFile("onnxc-kernels", suffix, path)) {
      error = "cannot make a temporary file for ptxas: " + ec.message();
      return false;
    }
    return true;
  };
  scope_exit cleanup([&] {
    for (StringRef path : {in.str(), out.str(), log.str()})
      if (!path.empty())
        (void)sys::fs::remove(path);
  });
  if (!temporary("ptx", in) || !temporary("cubin", out) || !temporary("log", log))
    return false;
  {
    std::error_code ec;
    raw_fd_ostream os(in, ec);
    os << ptx;
    os.close();
    if (ec || os.has_error()) {
      os.clear_error();
      error = "cannot write '" + in.str().str() + "' for ptxas";
      return false;
    }
  }
  std::string arch = "-arch=" + target.name;
  StringRef args[] = {ptxas, arch, "-O3", "-o", out, in};
  std::optional<StringRef> redirects[] = {std::nullopt, log.str(), log.str()};
  std::string why;
  int code = sys::ExecuteAndWait(ptxas, args, std::nullopt, redirects, 0, 0, &why);
  auto slurp = [](StringRef path) {
    auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    return buffer ? (*buffer)->getBuffer().str() : std::string();
  };
  if (code != 0) {
    error = ptxas.str() + " for " + target.name + " failed: " + why + slurp(log);
    return false;
  }
  cubin = slurp(out);
  return true;
}

bool emitDeviceCode(mlir::gpu::GPUModuleOp module, ArrayRef<GpuTarget> targets, StringRef prefix, int optLevel,
                    DeviceCode &code, std::string &error) {
  const GpuTarget &oldest = targets.front();
  // Names that no other model in the same process has.
  for (auto kernel : module.getOps<mlir::LLVM::LLVMFuncOp>()) {
    if (!kernel->hasAttr("nvvm.kernel"))
      continue;
    kernel.setSymName((prefix + "_" + kernel.getSymName()).str());
    code.kernels.push_back(kernel.getSymName().str());
  }
  std::unique_ptr<TargetMachine> machine = makeMachine(oldest, error);
  if (!machine)
    return false;
  LLVMContext context;
  std::unique_ptr<Module> m = mlir::translateModuleToLLVMIR(module, context, prefix);
  if (!m) {
    error = "translation of the kernels to LLVM IR failed";
    return false;
  }
  m->setDataLayout(machine->createDataLayout());
  m->setTargetTriple(machine->getTargetTriple());
  std::string text;
  raw_string_ostream os(text);
  if (verifyModule(*m, &os)) {
    error = "invalid LLVM IR of the kernels: " + text;
    return false;
  }
  optimize(*m, *machine, optLevel);
  if (std::string name = unresolvedCall(*m); !name.empty()) {
    error = "a kernel calls '" + name + "', which no device code defines";
    return false;
  }
  raw_string_ostream(code.ir) << *m;
  code.ptx = printPtx(*m, *machine, error);
  if (code.ptx.empty())
    return false;
  std::string ptxas = findPtxas();
  if (ptxas.empty()) {
    code.note = "no ptxas in $PATH, $CUDA_HOME/bin or /usr/local/cuda/bin: the object has PTX only, which the driver compiles when the model is loaded";
    return true;
  }
  for (const GpuTarget &target : targets)
    if (Cubin &cubin = code.cubins.emplace_back(Cubin{target, {}}); !assemble(ptxas, code.ptx, target, cubin.data, error))
      return false;
  return true;
}

} // namespace onnxc
