// gpu-sim-translate KERNELS.gpu.ll -o KERNELS.so [--checks=full|bounds|none]
//
// Translates the LLVM IR that `onnx-compile --emit=gpu-llvm` writes to a shared
// library for the simulator. Exit 1 with a message when the kernels use what
// the simulator has not.
#include "Translator.h"

#include "llvm/CodeGen/CommandFlags.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;
using gpusim::Checks;

static cl::opt<std::string> input(cl::Positional, cl::Required, cl::desc("KERNELS.gpu.ll"));
static cl::opt<std::string> output("o", cl::Required, cl::desc("the shared library"), cl::value_desc("file"));
static cl::opt<Checks> checks("checks", cl::desc("what accesses are looked at for"), cl::init(Checks::Full),
                              cl::values(clEnumValN(Checks::Full, "full", "bounds, alignment, races; counters"),
                                         clEnumValN(Checks::Bounds, "bounds", "bounds and alignment"),
                                         clEnumValN(Checks::None, "none", "nothing: fast")));
static cl::opt<bool> showIr("print-ir", cl::desc("print the translated module"));

static int fail(const Twine &what) {
  errs() << "gpu-sim-translate: " << what << "\n";
  return 1;
}

static std::unique_ptr<TargetMachine> hostMachine(std::string &error) {
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  Triple triple(sys::getDefaultTargetTriple());
  const Target *target = TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  std::string features;
  for (const auto &feature : sys::getHostCPUFeatures())
    features += (features.empty() ? "" : ",") + std::string(feature.second ? "+" : "-") + feature.first().str();
  return std::unique_ptr<TargetMachine>(target->createTargetMachine(triple, sys::getHostCPUName(), features, TargetOptions(), Reloc::PIC_,
                                                                    std::nullopt, CodeGenOptLevel::Less));
}

/// The linker's driver is the C compiler: it knows where the support functions
/// for half precision are.
static int link(StringRef object) {
  auto compiler = sys::findProgramByName(GPUSIM_LINKER);
  if (!compiler)
    return fail("cannot find the C compiler '" GPUSIM_LINKER "': " + compiler.getError().message());
  std::string made = output + ".new";
  std::string message;
  int code = sys::ExecuteAndWait(*compiler, {*compiler, "-shared", "-o", made, object, GPUSIM_LIBRARY, "-lm"}, std::nullopt, {}, 0, 0, &message);
  if (code != 0)
    return fail("linking '" + output + "' failed" + (message.empty() ? "" : ": " + message));
  if (std::error_code ec = sys::fs::rename(made, output))
    return fail("cannot write '" + output + "': " + ec.message());
  return 0;
}

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(argc, argv, "GPU kernels for the simulator\n");
  LLVMContext context;
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> module = parseIRFile(input, diagnostic, context);
  if (!module) {
    diagnostic.print("gpu-sim-translate", errs());
    return 1;
  }
  std::string error;
  auto machine = hostMachine(error);
  if (!machine)
    return fail(error);
  if (Error e = gpusim::translate(*module, *machine, checks))
    return fail(input + ": " + toString(std::move(e)));
  if (showIr)
    outs() << *module;

  SmallString<128> object;
  int descriptor;
  if (std::error_code ec = sys::fs::createTemporaryFile("gpu-sim", "o", descriptor, object))
    return fail("cannot make a temporary file: " + ec.message());
  {
    raw_fd_ostream out(descriptor, /*shouldClose=*/true);
    legacy::PassManager passes;
    if (machine->addPassesToEmitFile(passes, out, nullptr, CodeGenFileType::ObjectFile))
      return fail("the host's target cannot write objects");
    passes.run(*module);
  }
  int result = link(object);
  sys::fs::remove(object);
  return result;
}
