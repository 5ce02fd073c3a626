// The library entry: one ONNX file in, object, header and friends out.
#ifndef ONNXC_COMPILER_DRIVER_COMPILE_H
#define ONNXC_COMPILER_DRIVER_COMPILE_H

#include "compiler/import/Limits.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace onnxc {

/// A memory of the machine, as --memory gives it.
struct Memory {
  std::string name;
  int64_t bytes;
};

struct CompileOptions {
  std::string name = "model";      ///< prefix of every exported symbol and file
  std::string target = "native";   ///< a row of the target table, or an LLVM triple
  std::string cpu;                 ///< refines the row
  std::string gpu;                 ///< rows of the GPU table, comma separated; empty: none
  std::string features;            ///< LLVM feature string, appended to the row's
  int optLevel = 3;                ///< 0..3
  bool smallCode = false;          ///< -Os: as 3, but small code before fast code
  std::string weightSection, codeSection; ///< ELF sections, see EmitOptions; empty: the usual ones
  int threads = 1;
  std::vector<std::string> emit = {"obj", "header"}; ///< obj lib shared header weights asm llvm mlir linalg kernels ptx gpu-llvm report
  std::string outputDir = ".";
  std::map<std::string, std::string> dims; ///< symbol or input.index -> number
  std::map<std::string, std::string> values; ///< input -> "16000" or "1,2,3": a constant instead of an input
  bool keepInitializerInputs = false; ///< initializers that are inputs as well stay inputs
  bool computedOutputShapes = false; ///< what the model declares of its outputs' shapes says nothing
  bool ioInArena = false;          ///< static inputs and outputs have their place in the arena
  ImportLimits limits;             ///< what a model may ask for before it is refused
  bool allowLinks = false;         ///< external data may lie behind links that lead out of the model's folder
  std::string sanitize;            ///< "address": the generated code is checked by AddressSanitizer; empty: none
  bool reuse = true;               ///< false: copies instead of views and writes in place, the model's layouts, no shared memory
  bool quantizeBlocks = false;     ///< products with blocked weights quantise their activations to 8 bits
  bool clampIndices = false;       ///< indices out of range are clamped; else they end the run
  std::vector<Memory> memories;    ///< that hold the arena, fastest first; empty: one, of any size
  std::optional<int64_t> ramBudget;   ///< bytes that arena, inputs and outputs may take
  std::optional<int64_t> flashBudget; ///< bytes that code, constants and weights may take
  bool verbose = false;            ///< progress and time per stage on stderr
  std::string reportFile;          ///< receives the report, JSON if it ends in .json, else text; empty: none
  std::string dumpStages;          ///< folder that receives the IR after each stage
  std::string command;             ///< what the user typed, quoted in messages about our bugs
  std::function<void(llvm::StringRef)> onStage; ///< called as each stage begins
};

enum class FailureKind { None, UserError, Unsupported, Internal };

struct CompileResult {
  FailureKind failure = FailureKind::None;
  std::string message;             ///< what failed, without the "error:" prefix; may have several lines
  std::vector<std::string> notes;  ///< what the user should know of a success, one line each
  std::vector<std::string> files;  ///< written files, final names
  int64_t overRam = 0;             ///< bytes by which parts of the model, computed one after the other, missed the RAM budget or the memories
  bool crashed = false;            ///< an internal failure left memory and locks as they were; end the process soon
};

/// Compiles `path` ("-" reads standard input). Nothing is left under a final
/// name unless every requested artefact was written. Returns success; on
/// failure, crashes included, `result` says what happened (nothing is printed)
/// and no file is left.
bool compileModel(llvm::StringRef path, const CompileOptions &options, CompileResult &result);

/// Initialises targets and dialects; a process that forks per compilation calls this first.
void preloadCompiler();

/// "major.minor.patch" of this compiler.
const char *compilerVersion();

/// Process exit code of a result: 0, 1 (the user's error, unsupported model) or 70 (ours).
int exitCode(const CompileResult &result);

} // namespace onnxc

#endif
