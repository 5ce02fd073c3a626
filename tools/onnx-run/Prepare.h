// From the MODEL argument to something that runs: compile where needed, load,
// find the shapes of dynamic inputs, make inputs.
#ifndef ONNXC_TOOLS_ONNX_RUN_PREPARE_H
#define ONNXC_TOOLS_ONNX_RUN_PREPARE_H

#include "Arguments.h"
#include "Model.h"
#include "Random.h"
#include "compiler/driver/Compile.h"
#include <map>
#include <optional>

namespace onnxc::run {

/// A folder of our own that goes away with everything in it: with this object,
/// at a signal that ends the process, or else when a tool that makes one starts the next time.
class WorkFolder {
public:
  static llvm::Expected<WorkFolder> create();
  WorkFolder(WorkFolder &&other) : path(std::move(other.path)) {
    other.path.clear();
  }
  ~WorkFolder();
  std::string file(const llvm::Twine &name) const;
  const std::string &folder() const { return path; }

private:
  WorkFolder() = default;
  std::string path;
};

/// Shapes that the user gave, by name of the input.
using Shapes = std::map<std::string, std::vector<int64_t>>;

/// The options that all subcommands share, for parsing and for help.
llvm::ArrayRef<OptionSpec> compileOptions();

/// A subcommand's own options and those that all share.
std::vector<OptionSpec> withCompileOptions(llvm::ArrayRef<OptionSpec> own);

/// Compile options from --threads, --opt-level, --target, --cpu, --features,
/// --dim, --verbose.
llvm::Expected<CompileOptions> parseCompileOptions(const Arguments &arguments);

/// The program that runs compiled models: that of --runner; with --sanitize the
/// one beside onnx-run that has the sanitizer's runtime; empty: this process.
llvm::Expected<std::string> runnerOf(const Arguments &arguments);

/// Compiles `model` to a shared library in `folder`, or to an object where the
/// target has no shared libraries, with a file of weights if `options` emit one; returns its path.
llvm::Expected<std::string> compileToLibrary(llvm::StringRef model,
                                             CompileOptions options,
                                             llvm::StringRef folder);

/// Loads a library here, with its `weights` (see LoadedModel::open), or in the program that --runner names (with one
/// thread there).
llvm::Expected<std::unique_ptr<LoadedModel>>
openModel(llvm::StringRef library, llvm::StringRef label,
          llvm::StringRef runner, int threads, llvm::StringRef weights = {});

/// A model ready to run.
struct Prepared {
  std::unique_ptr<LoadedModel> model;
  double compileMs = 0, loadMs = 0;
  bool usesHalf = false; ///< known for .onnx files only
};

/// What run, verify and bench have in common: one model, and inputs for it,
/// from a file or random.
struct Request {
  std::string path;
  std::string label; ///< what messages call the model
  Shapes shapes;
  Ranges ranges;
  int64_t seed;
  std::optional<NamedTensors> given; ///< of the option `inputsOption`
  std::map<std::string, std::string> values; ///< of --value: inputs that are constants
  WorkFolder work;

  /// `example`: the shortest call that works, for the message about one that
  /// does not.
  static llvm::Expected<Request> parse(const Arguments &arguments,
                                       llvm::StringRef example,
                                       llvm::StringRef inputsOption);

  /// Loads `path`, a library or a .onnx file; the latter is compiled for this
  /// CPU first. Its dynamic dims are pinned to `shapes` and to those of `given`,
  /// unless --keep-dynamic.
  llvm::Expected<Prepared> prepare(const Arguments &arguments) const;

  /// The given inputs, or random ones by `seed` + `number`. Their dynamic dims
  /// come from `shapes`, and are 1 with a note when not given there.
  llvm::Expected<NamedTensors> inputs(const LoadedModel &model,
                                      int64_t number = 0) const;

  /// Appends the inputs of --value, which a reference wants and the compiled
  /// model does not; `onnx` is the model's file.
  llvm::Error addPinned(llvm::StringRef onnx, NamedTensors &inputs) const;
};

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_PREPARE_H
