// The onnx-compile command: options in, compileModel, messages and exit code out.
#include "codegen/llvm/ReservedNames.h"
#include "codegen/targets/Target.h"
#include "compiler/driver/Budget.h"
#include "compiler/driver/Compile.h"
#include "compiler/driver/Memories.h"
#include "compiler/driver/Readable.h"
#include "onnxc_pool.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <functional>

using namespace llvm;

namespace {

/// One option. LLVM's own option registry is not used: the LLVM and lld
/// libraries register hundreds of options there, under names that clash.
struct Option {
  StringRef flag;  ///< with its dashes
  StringRef value; ///< what stands after it; empty: none
  StringRef help;
  std::function<bool(StringRef)> set; ///< false: the value makes no sense
};

struct Arguments {
  onnxc::CompileOptions options;
  std::string input;
  std::string mistake; ///< of a value that makes no sense, if there is more to say than what is wanted
  bool help = false, version = false, listTargets = false;
};

/// "what a model may ask for ...: file-bytes (64G), ..."
StringRef limitHelp() {
  static const std::string text = [] {
    std::string text = "what a model may ask for, may be repeated (suffixes K, M, G):";
    onnxc::ImportLimits standard;
    for (const onnxc::LimitInfo &limit : onnxc::limitTable())
      text += std::string("\n                          ") + limit.name + ": " + limit.help + " (" + std::to_string(standard.*limit.value) + ")";
    return text;
  }();
  return text;
}

std::vector<Option> optionTable(Arguments &a) {
  onnxc::CompileOptions &o = a.options;
  auto text = [](std::string &to) { return [&to](StringRef v) { to = v.str(); return true; }; };
  auto flag = [](bool &to) { return [&to](StringRef) { return to = true; }; };
  return {
      {"-o", "folder", "output folder (default: the current one)", text(o.outputDir)},
      {"--emit", "kinds", "artefacts, comma separated: obj, lib, shared, header, weights (in a file of their own), asm, llvm, mlir, linalg, kernels, ptx, gpu-llvm, report (default: obj,header)",
       [&o](StringRef v) {
         SmallVector<StringRef> kinds;
         v.split(kinds, ',', -1, false);
         o.emit.assign(kinds.begin(), kinds.end());
         return !kinds.empty();
       }},
      {"--name", "identifier", "prefix of symbols and files (default: the model's file name)", text(o.name)},
      {"--target", "row", "row of --list-targets or LLVM triple (default: x86_64-linux; native: this machine)", text(o.target)},
      {"--cpu", "cpu", "CPU within the target", text(o.cpu)},
      {"--features", "list", "LLVM features added to the target's", text(o.features)},
      {"--gpu", "list", "NVIDIA architectures that run the kernels, comma separated: sm_80, sm_90a, ... (--target=cuda: native and sm_80)",
       [&o](StringRef v) {
         o.gpu = v.str();
         return !v.empty();
       }},
      {"--dim", "symbol=N", "pins a dynamic dimension, or bounds it with A..B; may be repeated",
       [&a](StringRef v) {
         auto [symbol, value] = v.split('=');
         auto [known, isNew] = a.options.dims.try_emplace(symbol.str(), value.str());
         if (!isNew && known->second != value)
           a.mistake = "--dim " + symbol.str() + " is given twice, as " + known->second + " and " + value.str() + "; one size per dimension";
         return a.mistake.empty() && !symbol.empty() && !value.empty();
       }},
      {"--value", "input=V,...", "pins the value of an input, which is a constant then; may be repeated",
       [&a](StringRef v) {
         auto [input, value] = v.rsplit('=');
         auto [known, isNew] = a.options.values.try_emplace(input.str(), value.str());
         if (!isNew && known->second != value)
           a.mistake = "--value " + input.str() + " is given twice, as " + known->second + " and " + value.str() + "; one value per input";
         return a.mistake.empty() && !input.empty() && !value.empty();
       }},
      {"--keep-initializer-inputs", "", "initializers that are inputs as well stay inputs, whose value a run gives (default: constants)",
       flag(o.keepInitializerInputs)},
      {"--output-shapes", "what", "of outputs: declared (default), which refuses a model that computes others, or computed",
       [&o](StringRef v) { o.computedOutputShapes = v == "computed"; return v == "computed" || v == "declared"; }},
      {"--io", "place", "memory of inputs and outputs: caller (default), or arena, where temporaries reuse it",
       [&o](StringRef v) { o.ioInArena = v == "arena"; return v == "arena" || v == "caller"; }},
      {"--sanitize", "address", "generated code that AddressSanitizer checks; link it with clang -fsanitize=address",
       [&o](StringRef v) { o.sanitize = v.str(); return v == "address"; }},
      {"--limit", "name=N", limitHelp(),
       [&a](StringRef v) { return onnxc::setLimit(a.options.limits, v, a.mistake); }},
      {"--allow-links", "", "external data may lie behind symbolic and hard links that lead out of the model's folder", flag(o.allowLinks)},
      {"--index-check", "what", "indices out of range in a run: error (default), or clamp, which costs nothing",
       [&o](StringRef v) { o.clampIndices = v == "clamp"; return v == "clamp" || v == "error"; }},
      {"--matmulnbits", "what", "activations that meet weights in blocks: float (default), or int8, quantised block by block",
       [&o](StringRef v) { o.quantizeBlocks = v == "int8"; return v == "int8" || v == "float"; }},
      {"--memory", "name=bytes,...", "memories that hold the arena, fastest first (suffixes K, M): what is accessed most goes into the first; "
                                     "a run takes one pointer for each",
       [&a](StringRef v) {
         if (!a.options.memories.empty()) {
           a.mistake = "--memory is given twice; name all memories in one, fastest first, for example --memory fast=64K,slow=512K";
           return false;
         }
         return onnxc::parseMemories(v, a.options.memories, a.mistake);
       }},
      {"--ram-budget", "bytes", "arena, inputs and outputs take no more (suffixes K, M): more is computed where that saves memory; fails when it does not suffice",
       [&o](StringRef v) { return (o.ramBudget = onnxc::parseBytes(v)).has_value(); }},
      {"--flash-budget", "bytes", "fails when code, constants and weights take more (suffixes K, M)",
       [&o](StringRef v) { return (o.flashBudget = onnxc::parseBytes(v)).has_value(); }},
      {"--threads", "N", "threads of the generated code (default: 1)",
       [&a](StringRef v) {
         int &threads = a.options.threads;
         if (v.getAsInteger(10, threads) || threads < 1)
           return false;
         if (threads > ONNXC_POOL_MAX_THREADS)
           a.mistake = "--threads=" + v.str() + ": wanted at most " + std::to_string(ONNXC_POOL_MAX_THREADS) + ", as many as a pool has";
         return a.mistake.empty();
       }},
      {"-O", "0..3|s", "optimisation level (default: 3); s: as 3, but small code before fast code",
       [&o](StringRef v) {
         o.smallCode = v == "s";
         if (o.smallCode)
           o.optLevel = 3;
         return o.smallCode || (!v.getAsInteger(10, o.optLevel) && o.optLevel >= 0 && o.optLevel <= 3);
       }},
      {"--section", "what=name", "ELF section of weights, or of code, where each function has its own, NAME.FUNCTION; may be repeated",
       [&o](StringRef v) {
         auto [what, name] = v.split('=');
         std::string *to = what == "weights" ? &o.weightSection : what == "code" ? &o.codeSection : nullptr;
         bool good = to && name.size() > 1 && name.starts_with(".") &&
                     all_of(name, [](char c) { return isAlnum(c) || c == '.' || c == '_' || c == '-'; });
         if (good)
           *to = name.str();
         return good;
       }},
      {"--no-reuse", "", "for debugging: copies instead of views and writes in place, the model's own layouts, no memory shared",
       [&o](StringRef) { o.reuse = false; return true; }},
      {"--report", "file", "what the model costs in memory, flash, arithmetic and stack, by node; JSON if the name ends in .json", text(o.reportFile)},
      {"--dump-stages", "folder", "writes the IR after each stage to this folder", text(o.dumpStages)},
      {"--verbose", "", "progress and time per stage", flag(o.verbose)},
      {"--list-targets", "", "shows the target rows", flag(a.listTargets)},
      {"--version", "", "shows the version", flag(a.version)},
      {"--help", "", "shows this text", flag(a.help)},
  };
}

void printHelp(ArrayRef<Option> table) {
  outs() << "onnx-compile: compiles an ONNX model to a native object\n\n"
            "usage: onnx-compile model.onnx -o folder [options]     (- reads the model from standard input)\n\n";
  for (const Option &o : table) {
    std::string left = o.flag.str() + (o.value.empty() ? "" : o.flag == "-O" ? o.value.str() : (o.flag.starts_with("--") ? "=" : " ") + o.value.str());
    outs() << "  " << left_justify(left, 24) << o.help << "\n";
  }
}

/// A table with a heading, each column as wide as its longest entry.
void printTargets() {
  std::vector<std::vector<std::string>> lines = {{"name", "triple", "cpu", "vector", "8-bit dot", "object", "tested by", "description"}};
  for (const onnxc::Target &t : onnxc::targetTable())
    lines.push_back({t.name, t.triple, t.cpu, t.vectorUnit, t.blockDot ? t.blockDot->name : t.dot ? t.dot->name : "none", t.objectFormat().str(), t.tested, t.description});
  std::vector<size_t> width(lines[0].size());
  for (const auto &line : lines)
    for (size_t i = 0; i < line.size(); ++i)
      width[i] = std::max(width[i], line[i].size());
  for (const auto &line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i)
      text += line[i] + std::string(width[i] + 2 - line[i].size(), ' ');
    outs() << StringRef(text).rtrim() << "\n";
  }
}

int userError(const Twine &message) {
  errs() << "onnx-compile: error: " << onnxc::readable(message.str()) << "\n";
  return 1;
}

/// A C identifier from the file name, and one that is free.
std::string defaultName(StringRef path) {
  std::string id;
  for (char c : path == "-" ? "model" : sys::path::stem(path).take_front(200))
    id += isAlnum(c) ? c : '_';
  return id.empty() || isDigit(id[0]) || !onnxc::reservedPrefix(id).empty() ? "m_" + id : id;
}

/// The command line as a shell takes it.
std::string quotedCommand(ArrayRef<char *> argv) {
  std::string text;
  raw_string_ostream os(text);
  for (const char *arg : argv) {
    os << (text.empty() ? "" : " ");
    sys::printArg(os, arg, /*Quote=*/false);
  }
  return text;
}

/// Fills `a` from the command line; returns an exit code on a mistake.
int parse(ArrayRef<char *> argv, ArrayRef<Option> table, Arguments &a) {
  for (size_t i = 0; i < argv.size(); ++i) {
    StringRef arg = argv[i];
    if (arg == "-" || !arg.starts_with("-")) {
      if (!a.input.empty())
        return userError("two models given, '" + a.input + "' and '" + arg + "'; compile them one by one");
      a.input = arg.str();
      continue;
    }
    StringRef name, value;
    std::tie(name, value) = arg.split('=');
    bool attached = arg.contains('=');
    if (arg.starts_with("-O") && arg.size() > 2) {
      name = "-O";
      value = arg.drop_front(2);
      attached = true;
    }
    const Option *option = find_if(table, [&](const Option &o) { return o.flag == name; });
    if (option == table.end()) {
      const Option *near = &table[0];
      for (const Option &o : table)
        if (o.flag.edit_distance(name) < near->flag.edit_distance(name))
          near = &o;
      return userError("unknown option '" + name + "'; did you mean '" + near->flag + "'? (onnx-compile --help lists all)");
    }
    if (option->value.empty() && attached)
      return userError("option '" + name + "' takes no value, got '" + value + "'");
    if (!option->value.empty() && !attached) {
      if (i + 1 == argv.size())
        return userError("option '" + name + "' wants a value: " + option->value);
      value = argv[++i];
    }
    bool makesSense = option->set(value);
    if (!a.mistake.empty())
      return userError(a.mistake);
    if (!makesSense)
      return userError("option '" + name + "' got '" + value + "', wanted " + option->value + " (" + option->help + ")");
  }
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  // A closed pipe and a limit on file sizes are errors of a write, not the end.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  Arguments a;
  a.options.name.clear();
  a.options.command = quotedCommand(ArrayRef(argv, argc));
  a.options.target = "x86_64-linux";
  auto table = optionTable(a);
  if (int code = parse(ArrayRef(argv + 1, argc - 1), table, a))
    return code;
  if (a.help) {
    printHelp(table);
    return 0;
  }
  if (a.version) {
    outs() << "onnx-compile " << onnxc::compilerVersion() << "\n";
    return 0;
  }
  if (a.listTargets) {
    printTargets();
    return 0;
  }
  if (a.input.empty())
    return userError("no model given; usage: onnx-compile model.onnx -o folder (onnx-compile --help shows the options)");
  onnxc::CompileOptions &options = a.options;
  if (options.name.empty())
    options.name = defaultName(a.input);
  if (options.name.size() > 200)
    return userError("--name has " + Twine(options.name.size()) + " characters, wanted at most 200");
  for (char c : options.name)
    if (!isAlnum(c) && c != '_')
      return userError("--name '" + options.name + "' is not a C identifier");
  if (isDigit(options.name[0]))
    return userError("--name '" + options.name + "' starts with a digit; a C identifier does not");
  if (StringRef what = onnxc::reservedPrefix(options.name); !what.empty())
    return userError("--name '" + options.name + "' is " + what + "; give another, for example --name=m_" + options.name);
  onnxc::CompileResult result;
  if (!onnxc::compileModel(a.input, options, result)) {
    errs() << "onnx-compile: error: " << result.message << "\n";
    if (result.crashed) // destructors might wait for what the crash left locked
      sys::Process::Exit(onnxc::exitCode(result), /*NoCleanup=*/true);
    return onnxc::exitCode(result);
  }
  for (const std::string &note : result.notes)
    errs() << "onnx-compile: note: " << onnxc::readable(note) << "\n";
  if (options.verbose)
    for (const std::string &file : result.files)
      errs() << "onnx-compile: wrote " << file << "\n";
  return 0;
}
