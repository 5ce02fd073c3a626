// From the MODEL argument to something that runs: compile where needed, load,
// find the shapes of dynamic inputs, make inputs.
#ifndef ONNXC_TOOLS_ONNX_RUN_PREPARE_H
#define ONNXC_TOOLS_ONNX_RUN_PREPARE_H

#include "Arguments.h"
#include "Model.h"
#include "Random.h"
#include "compiler/driver/Compile.h"
#include <map>

namespace onnxc::run {

/// A folder of our own that goes away with everything in it.
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

/// Reads every "name=1,3,224,224" of --dims (";" separates several).
llvm::Expected<Shapes> parseShapes(const Arguments &arguments);

/// The options that all subcommands share, for parsing and for help.
llvm::ArrayRef<OptionSpec> compileOptions();

/// Compile options from --threads, --opt-level, --target, --cpu, --features,
/// --dim, --verbose.
llvm::Expected<CompileOptions> parseCompileOptions(const Arguments &arguments);

/// Compiles `model` to a shared library in `folder`, or to an object where the
/// target has no shared libraries; returns its path.
llvm::Expected<std::string> compileToLibrary(llvm::StringRef model,
                                             CompileOptions options,
                                             llvm::StringRef folder);

/// Loads a library here, or in the program that --runner names (with one
/// thread there).
llvm::Expected<std::unique_ptr<LoadedModel>>
openModel(llvm::StringRef library, llvm::StringRef label,
          llvm::StringRef runner, int threads);

/// A model ready to run.
struct Prepared {
  std::unique_ptr<LoadedModel> model;
  double compileMs = 0, loadMs = 0;
  bool usesHalf = false; ///< known for .onnx files only
};

/// Loads `path`, a library or a .onnx file; the latter is compiled for this CPU
/// first. Its dynamic dims are pinned to `shapes` and to those of `given`,
/// unless --keep-dynamic.
llvm::Expected<Prepared>
prepare(llvm::StringRef path, const Arguments &arguments, const Shapes &shapes,
        const NamedTensors *given, const WorkFolder &work);

/// Random inputs for a model. Dynamic dims come from `shapes`, and are 1 with
/// a note when not given there.
llvm::Expected<NamedTensors> randomInputs(const LoadedModel &model,
                                          const Shapes &shapes, uint64_t seed,
                                          const Ranges &ranges);

/// Ranges from every --range.
llvm::Expected<Ranges> parseRanges(const Arguments &arguments);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_PREPARE_H
