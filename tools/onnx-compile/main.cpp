// The onnx-compile command: options in, compileModel, messages and exit code out.
#include "codegen/targets/Target.h"
#include "compiler/driver/Compile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

static cl::OptionCategory category("onnx-compile options");
static cl::opt<std::string> input(cl::Positional, cl::desc("model.onnx (- reads standard input)"), cl::cat(category));
static cl::opt<std::string> output("o", cl::desc("Output folder (default: the current one)"), cl::value_desc("folder"),
                                   cl::init("."), cl::cat(category));
static cl::list<std::string> emit("emit", cl::CommaSeparated,
                                  cl::desc("Artefacts: obj, lib, shared, header, asm, llvm, mlir, linalg, kernels (default obj,header)"),
                                  cl::cat(category));
static cl::opt<std::string> name("name", cl::desc("Prefix of symbols and files (default: the file's name)"), cl::cat(category));
static cl::opt<std::string> target("target", cl::desc("Target row or LLVM triple (default: x86_64-linux; native: this machine)"),
                                   cl::init("x86_64-linux"), cl::cat(category));
static cl::opt<std::string> cpu("cpu", cl::desc("CPU within the target"), cl::cat(category));
static cl::opt<std::string> features("features", cl::desc("LLVM feature string added to the target's"), cl::cat(category));
static cl::list<std::string> dims("dim", cl::desc("Pins a dynamic dimension: symbol=N"), cl::value_desc("symbol=N"), cl::cat(category));
static cl::opt<int> threads("threads", cl::desc("Threads of the generated code"), cl::init(1), cl::cat(category));
static cl::opt<std::string> dumpStages("dump-stages", cl::desc("Writes the IR after each stage to this folder"),
                                       cl::value_desc("folder"), cl::cat(category));
static cl::opt<bool> verbose("verbose", cl::desc("Progress and time per stage"), cl::cat(category));
static cl::opt<bool> listTargets("list-targets", cl::desc("Shows the target rows"), cl::cat(category));
static cl::opt<unsigned> optLevel("O", cl::desc("Optimisation level, 0 to 3"), cl::Prefix, cl::init(3), cl::cat(category));

static int userError(const Twine &message) {
  errs() << "onnx-compile: error: " << message << "\n";
  return 1;
}

/// A C identifier from the file name.
static std::string defaultName(StringRef path) {
  std::string id;
  for (char c : path == "-" ? "model" : sys::path::stem(path))
    id += isAlnum(c) ? c : '_';
  return id.empty() || isDigit(id[0]) ? "m_" + id : id;
}

int main(int argc, char **argv) {
  cl::HideUnrelatedOptions(category);
  std::string parseErrors;
  raw_string_ostream parseStream(parseErrors);
  if (!cl::ParseCommandLineOptions(argc, argv, "onnx-compile: compiles an ONNX model to a native object\n", &parseStream)) {
    errs() << parseErrors;
    return 1;
  }
  if (listTargets) {
    for (const onnxc::Target &t : onnxc::targetTable())
      outs() << left_justify(t.name, 20) << left_justify(t.triple, 30) << left_justify(t.cpu, 14) << t.description << "\n";
    return 0;
  }
  if (input.empty())
    return userError("no model given; usage: onnx-compile model.onnx -o folder (onnx-compile --help shows the options)");
  onnxc::CompileOptions options;
  options.name = name.empty() ? defaultName(input) : name;
  for (char c : options.name)
    if (!isAlnum(c) && c != '_')
      return userError("--name '" + options.name + "' is not a C identifier");
  options.target = target;
  options.cpu = cpu;
  options.features = features;
  if (optLevel > 3)
    return userError("-O" + Twine(optLevel) + " is not a level; use -O0 to -O3");
  options.optLevel = optLevel;
  if (threads < 1)
    return userError("--threads " + Twine(threads) + " is out of range; use 1 or more");
  options.threads = threads;
  if (!emit.empty())
    options.emit.assign(emit.begin(), emit.end());
  options.outputDir = output;
  options.verbose = verbose;
  options.dumpStages = dumpStages;
  for (const std::string &d : dims) {
    auto [symbol, value] = StringRef(d).split('=');
    if (symbol.empty() || value.empty())
      return userError("--dim '" + d + "' is not of the form symbol=N");
    options.dims[symbol.str()] = value.str();
  }
  onnxc::CompileResult result;
  if (!onnxc::compileModel(input, options, result)) {
    errs() << "onnx-compile: error: " << result.message << "\n";
    return onnxc::exitCode(result);
  }
  if (verbose)
    for (const std::string &file : result.files)
      errs() << "onnx-compile: wrote " << file << "\n";
  return 0;
}
