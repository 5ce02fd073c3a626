// onnx-run: runs, checks and measures compiled models.
#include "Commands.h"
#include "Error.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

using namespace onnxc::run;

namespace {
struct Command {
  const char *name;
  int (*run)(llvm::ArrayRef<const char *>);
  const char *help;
};
} // namespace

static const Command Commands[] = {
    {"run", runCommand, "run a model on given or random inputs"},
    {"verify", verifyCommand, "compare a model with ONNX Runtime or a file"},
    {"bench", benchCommand, "measure a model"},
    {"testcase", testcaseCommand, "run ONNX backend tests"},
};

static void printUsage(llvm::raw_ostream &os) {
  os << "onnx-run COMMAND MODEL.onnx|MODEL.so [OPTIONS]\n";
  for (const Command &command : Commands)
    os << llvm::format("  %-10s %s\n", command.name, command.help);
  os << "onnx-run COMMAND --help lists the options of a command.\n";
}

int main(int argc, char **argv) {
  llvm::ArrayRef<const char *> words(
      argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0));
  if (words.empty()) {
    printUsage(llvm::errs());
    return ExitUser;
  }
  llvm::StringRef name = words.front();
  if (name == "--help" || name == "-h" || name == "help") {
    printUsage(llvm::outs());
    return ExitOk;
  }
  for (const Command &command : Commands)
    if (name == command.name)
      return command.run(words.drop_front());
  return reportError(userError("unknown command '" + name +
                               "'; wanted run, verify, bench or testcase"));
}
