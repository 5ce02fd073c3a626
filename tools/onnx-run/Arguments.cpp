// Command-line arguments of a subcommand.
#include "Arguments.h"
#include "Error.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

namespace onnxc::run {

/// "onnx-run verify", or the program alone.
static std::string fullName(llvm::StringRef command) {
  return (programName() + (command.empty() ? "" : " ") + command).str();
}

static llvm::Error unknownOption(llvm::StringRef command,
                                 llvm::ArrayRef<OptionSpec> specs,
                                 llvm::StringRef name) {
  std::string hint;
  unsigned best = 3;
  for (const OptionSpec &spec : specs) {
    unsigned distance = name.edit_distance(spec.name, true, best);
    if (distance < best) {
      best = distance;
      hint = std::string("; did you mean --") + spec.name + "?";
    }
  }
  if (hint.empty())
    hint = "; see " + fullName(command) + " --help";
  return userError("unknown option --" + name + " of '" + (command.empty() ? programName() : command) + "'" + hint);
}

llvm::Expected<Arguments> Arguments::parse(llvm::StringRef command,
                                           llvm::ArrayRef<OptionSpec> specs,
                                           llvm::ArrayRef<const char *> argv) {
  Arguments result;
  for (size_t i = 0; i < argv.size(); ++i) {
    llvm::StringRef word = argv[i];
    bool isLetter = word.size() == 2 && word.front() == '-' &&
                    llvm::any_of(specs, [&](const OptionSpec &spec) { return word.drop_front() == spec.name; });
    if (isLetter)
      word = word.drop_front();
    else if (!word.consume_front("--")) {
      result.words.push_back(word.str());
      continue;
    }
    auto [name, value] = word.split('=');
    bool hasValue = word.contains('=');
    const OptionSpec *spec = nullptr;
    for (const OptionSpec &candidate : specs)
      if (name == candidate.name)
        spec = &candidate;
    if (!spec)
      return unknownOption(command, specs, name);
    if (!spec->value && hasValue)
      return userError("--" + name + " takes no value, got '" + value + "'");
    llvm::StringRef wanted = spec->value ? spec->value : "";
    bool isOptional = wanted.starts_with("[") && wanted.ends_with("]");
    if (spec->value && !hasValue && !isOptional) {
      if (++i == argv.size())
        return userError("--" + name + " needs a value: --" + name + "=" +
                         spec->value);
      value = argv[i];
    }
    result.values[name.str()].push_back(value.str());
  }
  return result;
}

bool Arguments::has(llvm::StringRef name) const {
  return values.count(std::string_view(name)) != 0;
}

llvm::StringRef Arguments::get(llvm::StringRef name,
                               llvm::StringRef fallback) const {
  auto it = values.find(std::string_view(name));
  return it == values.end() ? fallback : llvm::StringRef(it->second.back());
}

llvm::ArrayRef<std::string> Arguments::all(llvm::StringRef name) const {
  auto it = values.find(std::string_view(name));
  if (it == values.end())
    return {};
  return it->second;
}

llvm::Expected<int64_t> Arguments::integer(llvm::StringRef name,
                                           int64_t fallback, int64_t low,
                                           int64_t high) const {
  if (!has(name))
    return fallback;
  int64_t value;
  if (get(name).getAsInteger(10, value) || value < low || value > high)
    return userError("--" + name + ": got '" + get(name) +
                     "', wanted a whole number from " + llvm::Twine(low) +
                     " to " + llvm::Twine(high));
  return value;
}

llvm::Expected<std::optional<double>>
Arguments::number(llvm::StringRef name) const {
  if (!has(name))
    return std::optional<double>();
  double value;
  if (get(name).getAsDouble(value) || !(value >= 0) || std::isinf(value))
    return userError("--" + name + ": got '" + get(name) +
                     "', wanted a number of at least 0");
  return std::optional<double>(value);
}

/// Prints one line per option.
static void printOptions(llvm::ArrayRef<OptionSpec> specs) {
  for (const OptionSpec &spec : specs) {
    llvm::StringRef name = spec.name;
    std::string left = (name.size() == 1 ? "-" : "--") + name.str();
    if (spec.value)
      left += (name.size() == 1 ? " " : "=") + std::string(spec.value);
    llvm::outs() << llvm::format("  %-26s %s\n", left.c_str(), spec.help);
  }
}

int runSubcommand(llvm::StringRef command, llvm::StringRef usage,
                  llvm::ArrayRef<OptionSpec> specs,
                  llvm::ArrayRef<const char *> argv,
                  llvm::function_ref<int(const Arguments &)> run) {
  auto arguments = Arguments::parse(command, specs, argv);
  if (!arguments)
    return reportError(arguments.takeError());
  if (!arguments->has("help"))
    return run(*arguments);
  llvm::outs() << fullName(command) << " " << usage << "\n";
  printOptions(specs);
  return ExitOk;
}

} // namespace onnxc::run
