// Command-line arguments of a subcommand: --name=value, --name value, flags
// and positionals.
#ifndef ONNXC_TOOLS_ONNX_RUN_ARGUMENTS_H
#define ONNXC_TOOLS_ONNX_RUN_ARGUMENTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace onnxc::run {

/// An option that a subcommand knows. Flags have a null `value`; for the
/// others it names the value in the help text, in brackets as a whole where it
/// may be left out. An option of one letter is written -o VALUE.
struct OptionSpec {
  const char *name;
  const char *value;
  const char *help;
};

class Arguments {
public:
  /// Sorts `argv` into options and positionals; unknown options, missing
  /// values and values of flags are errors.
  static llvm::Expected<Arguments> parse(llvm::StringRef command,
                                         llvm::ArrayRef<OptionSpec> specs,
                                         llvm::ArrayRef<const char *> argv);

  bool has(llvm::StringRef name) const;
  /// The last value given, or `fallback`.
  llvm::StringRef get(llvm::StringRef name,
                      llvm::StringRef fallback = "") const;
  llvm::ArrayRef<std::string> all(llvm::StringRef name) const;
  /// A whole number in [low, high]; `fallback` when the option is absent.
  llvm::Expected<int64_t> integer(llvm::StringRef name, int64_t fallback,
                                  int64_t low, int64_t high) const;
  /// A number >= 0, or nothing when the option is absent.
  llvm::Expected<std::optional<double>> number(llvm::StringRef name) const;
  llvm::ArrayRef<std::string> positionals() const { return words; }
  /// As if the option had been given last.
  void set(llvm::StringRef name, llvm::StringRef value) { values[name.str()].push_back(value.str()); }

private:
  std::map<std::string, std::vector<std::string>, std::less<>> values;
  std::vector<std::string> words;
};

/// A subcommand, or with an empty `command` the whole program: parses its words and runs it. --help prints `usage` and the
/// options instead. Returns the exit code.
int runSubcommand(llvm::StringRef command, llvm::StringRef usage,
                  llvm::ArrayRef<OptionSpec> specs,
                  llvm::ArrayRef<const char *> argv,
                  llvm::function_ref<int(const Arguments &)> run);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_ARGUMENTS_H
