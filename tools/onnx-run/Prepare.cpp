// Compiling and loading the MODEL argument, and making its inputs.
#include "Prepare.h"
#include "Error.h"
#include "Npz.h"
#include "Proto.h"
#include "Reference.h"
#include "codegen/targets/Target.h"
#include "compiler/driver/Memories.h"
#include "compiler/driver/TemporaryNames.h"
#include "onnxc_pool.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

namespace onnxc::run {

//===-- Files -------------------------------------------------------------===//

/// The folder of this process, for the handler of signals.
static char workFolder[4096];
static pid_t workOwner;

/// Removes the folder and lets the signal do what it does. Only calls that a
/// handler may make: the work is another program's.
static void removeOnSignal(int number) {
  if (getpid() == workOwner) { // and not a child that was forked
    pid_t child = fork();
    if (child == 0) {
      execl("/bin/rm", "rm", "-rf", "--", workFolder, nullptr);
      _exit(1);
    }
    if (child > 0)
      waitpid(child, nullptr, 0);
  }
  std::signal(number, SIG_DFL);
  std::raise(number);
}

llvm::Expected<WorkFolder> WorkFolder::create() {
  llvm::SmallString<128> parent, path;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, parent);
  removeAbandoned(parent);
  std::error_code ec = std::make_error_code(std::errc::file_exists);
  for (int attempt = 0; attempt < 10 && ec == std::errc::file_exists; ++attempt) {
    llvm::sys::fs::createUniquePath(parent + "/onnx-run-%%%%%%%%" + temporarySuffix(), path, /*MakeAbsolute=*/true);
    ec = llvm::sys::fs::create_directory(path, /*IgnoreExisting=*/false, llvm::sys::fs::owner_all);
  }
  if (ec)
    return userError("cannot make a temporary folder: " + ec.message() +
                     "; point TMPDIR to a folder that can be written");
  if (path.size() < sizeof workFolder) {
    std::memcpy(workFolder, path.c_str(), path.size() + 1);
    workOwner = getpid();
    for (int number : {SIGINT, SIGTERM, SIGHUP})
      if (std::signal(number, removeOnSignal) == SIG_IGN)
        std::signal(number, SIG_IGN);
  }
  WorkFolder work;
  work.path = path.str().str();
  return work;
}

WorkFolder::~WorkFolder() {
  if (!path.empty())
    llvm::sys::fs::remove_directories(path, /*IgnoreErrors=*/true);
}

std::string WorkFolder::file(const llvm::Twine &name) const {
  llvm::SmallString<128> result(path);
  llvm::sys::path::append(result, name);
  return result.str().str();
}

//===-- Options -----------------------------------------------------------===//

llvm::ArrayRef<OptionSpec> compileOptions() {
  static const OptionSpec specs[] = {
      {"dims", "NAME=N,N,...", "shape of a dynamic input; may be repeated"},
      {"dim", "SYMBOL=N", "value of a symbolic dimension; may be repeated"},
      {"value", "INPUT=V,...", "value of an input, which is a constant then; may be repeated"},
      {"keep-initializer-inputs", nullptr,
       "initializers that are inputs as well stay inputs"},
      {"output-shapes", "WHAT",
       "of outputs: declared (default), or computed, whatever the model declares"},
      {"keep-dynamic", nullptr, "compile dynamic dimensions as dynamic"},
      {"index-check", "WHAT",
       "indices out of range in a run: error (default), or clamp"},
      {"matmulnbits", "WHAT",
       "activations that meet weights in blocks: float (default), or int8"},
      {"memories", "NAME=BYTES,...",
       "what onnx-compile --memory takes: memories that hold the arena"},
      {"weights-file", "FILE",
       "weights of a library made with --emit=shared,weights (the file beside it)"},
      {"weights-apart", nullptr,
       "compile with --emit=weights, to check such models"},
      {"threads", "N", "threads of the compiled model (1)"},
      {"opt-level", "0..3", "effort of the compiler (3)"},
      {"target", "ROW",
       "compile for this target, which must run here or in --runner (native)"},
      {"runner", "COMMAND",
       "runs compiled models: COMMAND FILE, as remote/remote.c does"},
      {"sanitize", "address",
       "check every access of the compiled code; it runs in onnx-run-asan"},
      {"cpu", "NAME", "compile for this CPU instead of the present one"},
      {"features", "LIST", "LLVM feature string, for example -avx512f"},
      {"gpu", "LIST",
       "compile for these GPUs, for example sm_80; needs --runner, which finds "
       "the object, the kernels' LLVM IR and the report side by side"},
      {"no-reuse", nullptr,
       "for debugging: copies instead of views and writes in place, the "
       "model's own layouts, no memory shared"},
      {"verbose", nullptr, "show progress and the time of each stage"},
      {"help", nullptr, "show this help"},
  };
  return specs;
}

std::vector<OptionSpec> withCompileOptions(llvm::ArrayRef<OptionSpec> own) {
  std::vector<OptionSpec> all = own.vec();
  llvm::append_range(all, compileOptions());
  return all;
}

/// Every "name=1,2,3" of --value.
static llvm::Expected<std::map<std::string, std::string>>
parseValues(const Arguments &arguments) {
  std::map<std::string, std::string> values;
  for (llvm::StringRef text : arguments.all("value")) {
    auto [input, value] = text.rsplit('=');
    if (input.empty() || value.empty())
      return userError("--value: got '" + text +
                       "', wanted INPUT=V,..., for example sr=16000");
    values[input.str()] = value.str();
  }
  return values;
}

/// A pinned value as a tensor of the input's type.
static llvm::Expected<Tensor> pinnedTensor(const Port &port,
                                           llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ',');
  std::vector<int64_t> dims;
  int64_t known = 1, count = static_cast<int64_t>(parts.size());
  for (const PortDim &dim : port.dims) {
    dims.push_back(dim.size);
    known *= dim.size < 0 ? 1 : std::max<int64_t>(dim.size, 1);
  }
  if (!port.hasShape && count != 1)
    dims.push_back(-1);
  std::replace_if(dims.begin(), dims.end(), [](int64_t d) { return d < 0; }, count / known);
  Tensor tensor(port.type, dims);
  const ElementType *type = elementType(port.type);
  if (!type || tensor.numElements() != count)
    return userError("--value " + port.name + ": got " + llvm::Twine(count) +
                     " elements, wanted " + shapeString(dims));
  for (auto [k, part] : llvm::enumerate(parts)) {
    uint8_t *at = tensor.bytes.data() + k * type->bytes;
    int64_t integer;
    double number = part.trim().equals_insensitive("true");
    bool isInteger = type->kind == ElementKind::Signed || type->kind == ElementKind::Unsigned;
    if (isInteger && !part.trim().getAsInteger(10, integer))
      std::memcpy(at, &integer, type->bytes);
    else if (type->kind == ElementKind::Bool && !part.trim().getAsDouble(number))
      *at = number != 0;
    else if (type->kind == ElementKind::Bool)
      *at = part.trim().equals_insensitive("true");
    else if (!part.trim().getAsDouble(number))
      storeDouble(*type, number, at);
  }
  return tensor;
}

llvm::Error Request::addPinned(llvm::StringRef onnx, NamedTensors &inputs) const {
  if (values.empty())
    return llvm::Error::success();
  auto info = readModelInfo(onnx);
  if (!info)
    return info.takeError();
  for (const Port &port : info->inputs)
    if (auto it = values.find(port.name); it != values.end()) {
      auto tensor = pinnedTensor(port, it->second);
      if (!tensor)
        return tensor.takeError();
      inputs.emplace_back(port.name, std::move(*tensor));
    }
  return llvm::Error::success();
}

llvm::Expected<CompileOptions> parseCompileOptions(const Arguments &arguments) {
  CompileOptions options;
  auto threads = arguments.integer("threads", 1, 1, ONNXC_POOL_MAX_THREADS);
  if (!threads)
    return threads.takeError();
  options.threads = static_cast<int>(*threads);
  auto level = arguments.integer("opt-level", 3, 0, 3);
  if (!level)
    return level.takeError();
  options.optLevel = static_cast<int>(*level);
  options.target = arguments.get("target", "native").str();
  options.cpu = arguments.get("cpu").str();
  options.features = arguments.get("features").str();
  options.gpu = arguments.get("gpu").str();
  options.sanitize = arguments.get("sanitize").str();
  if (!options.gpu.empty() && !arguments.has("runner"))
    return userError("--gpu: a model for GPUs is linked with runtime-lite/cuda; "
                     "name a program that does so with --runner");
  options.verbose = arguments.has("verbose");
  options.reuse = !arguments.has("no-reuse");
  llvm::StringRef indices = arguments.get("index-check", "error");
  if (indices != "error" && indices != "clamp")
    return userError("--index-check: got '" + indices +
                     "', wanted error or clamp");
  options.clampIndices = indices == "clamp";
  llvm::StringRef blocks = arguments.get("matmulnbits", "float");
  if (blocks != "float" && blocks != "int8")
    return userError("--matmulnbits: got '" + blocks +
                     "', wanted float or int8");
  options.quantizeBlocks = blocks == "int8";
  llvm::StringRef shapes = arguments.get("output-shapes", "declared");
  if (shapes != "declared" && shapes != "computed")
    return userError("--output-shapes: got '" + shapes +
                     "', wanted declared or computed");
  options.computedOutputShapes = shapes == "computed";
  for (llvm::StringRef text : arguments.all("dim")) {
    auto [symbol, value] = text.rsplit('=');
    if (symbol.empty() || value.empty())
      return userError("--dim: got '" + text +
                       "', wanted SYMBOL=N, for example batch=1");
    options.dims[symbol.str()] = value.str();
  }
  auto values = parseValues(arguments);
  if (!values)
    return values.takeError();
  options.values = std::move(*values);
  options.keepInitializerInputs = arguments.has("keep-initializer-inputs");
  if (arguments.has("weights-apart"))
    options.emit = {"weights"};
  std::string mistake;
  if (arguments.has("memories") &&
      !parseMemories(arguments.get("memories"), options.memories, mistake))
    return userError(mistake);
  return options;
}

llvm::Expected<std::string> runnerOf(const Arguments &arguments) {
  if (arguments.has("runner") || !arguments.has("sanitize"))
    return arguments.get("runner").str();
  llvm::SmallString<256> path(executableFolder());
  llvm::sys::path::append(path, "onnx-run-asan");
  if (!llvm::sys::fs::can_execute(path))
    return userError("--sanitize: '" + path +
                     "' is missing, the runner with AddressSanitizer's "
                     "runtime; build it with clang and compiler-rt, or name "
                     "one with --runner");
  // Its words are separated by spaces.
  if (path.str().contains(' '))
    return userError("--sanitize: '" + path + "' has a space in its path; "
                     "name a runner without one with --runner");
  return path.str().str();
}

/// Reads every "name=1,3,224,224" of --dims (";" separates several).
static llvm::Expected<Shapes> parseShapes(const Arguments &arguments) {
  Shapes shapes;
  for (llvm::StringRef given : arguments.all("dims")) {
    llvm::SmallVector<llvm::StringRef> entries;
    given.split(entries, ';', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef entry : entries) {
      // Names may hold '=', shapes may not; "x=" is a scalar.
      auto [name, list] = entry.rsplit('=');
      bool isValid = entry.contains('=') && !name.empty();
      std::vector<int64_t> dims;
      llvm::SmallVector<llvm::StringRef> parts;
      list.split(parts, ',', -1, /*KeepEmpty=*/false);
      for (llvm::StringRef part : parts) {
        int64_t dim;
        isValid &= !part.trim().getAsInteger(10, dim) && dim >= 0;
        if (isValid)
          dims.push_back(dim);
      }
      if (!isValid)
        return userError("--dims: got '" + entry +
                         "', wanted NAME=N,N,..., for example x=1,3,224,224");
      shapes[name.str()] = std::move(dims);
    }
  }
  return shapes;
}

/// Ranges from every --range.
static llvm::Expected<Ranges> parseRanges(const Arguments &arguments) {
  Ranges ranges;
  for (llvm::StringRef text : arguments.all("range"))
    if (llvm::Error error = parseRange(text, ranges))
      return error;
  return ranges;
}

//===-- Models ------------------------------------------------------------===//

llvm::Expected<std::string> compileToLibrary(llvm::StringRef model,
                                             CompileOptions options,
                                             llvm::StringRef folder) {
  Target target;
  std::string why;
  if (!resolveTarget(options.target, options.cpu, options.features, target, why))
    return userError(why);
  // Without shared libraries, and with a GPU, the runner links the object.
  bool isShared = target.hasSharedLibraries() && options.gpu.empty();
  llvm::StringRef suffix = isShared ? ".so" : ".o";
  bool apart = llvm::is_contained(options.emit, "weights");
  options.emit = {isShared ? "shared" : "obj"};
  if (apart)
    options.emit.push_back("weights");
  if (!options.gpu.empty())
    options.emit.insert(options.emit.end(), {"gpu-llvm", "report"});
  options.outputDir = folder.str();
  CompileResult result;
  if (!compileModel(model, options, result)) {
    auto error = std::make_unique<RunError>(result.message);
    if (!llvm::StringRef(result.message).contains(model))
      error->Message = (model + ": " + result.message).str();
    error->Code = exitCode(result);
    error->Unsupported = result.failure == FailureKind::Unsupported;
    return llvm::Error(std::move(error));
  }
  for (const std::string &file : result.files)
    if (llvm::StringRef(file).ends_with(suffix))
      return file;
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, options.name + suffix);
  return path.str().str();
}

llvm::Expected<std::unique_ptr<LoadedModel>>
openModel(llvm::StringRef library, llvm::StringRef label,
          llvm::StringRef runner, int threads, llvm::StringRef weights) {
  if (!runner.empty() && !weights.empty())
    return userError("--weights-file: a program of --runner reads the file beside "
                     "the library");
  if (!runner.empty())
    return LoadedModel::openRemote(runner, library, label);
  if (library.ends_with(".o"))
    return userError(label + ": is an object, which cannot be loaded here; "
                             "name a program that runs it with --runner");
  return LoadedModel::open(library, label, threads, weights);
}

/// The shape that the user or the given tensors set for an input, or null.
static const std::vector<int64_t> *
shapeOf(llvm::StringRef name, const Shapes &shapes, const NamedTensors *given) {
  if (auto it = shapes.find(name.str()); it != shapes.end())
    return &it->second;
  const Tensor *tensor = given ? findTensor(*given, name) : nullptr;
  return tensor ? &tensor->dims : nullptr;
}

/// Pins dynamic dims of the inputs to known shapes, or to 1: symbols by their
/// name, nameless ones as "input.index". What --dim says comes first.
static llvm::Error pinDims(llvm::StringRef path, const ModelInfo &info,
                           const Shapes &shapes, const NamedTensors *given,
                           const std::map<std::string, std::string> &values,
                           std::map<std::string, std::string> &pinned) {
  std::map<std::string, std::string> origin;
  for (const Port &port : info.inputs) {
    if (port.hasDefault || port.encoding != ValueEncoding::Tensor ||
        values.count(port.name))
      continue;
    const std::vector<int64_t> *shape = shapeOf(port.name, shapes, given);
    if (shape && port.hasShape && shape->size() != port.dims.size())
      return userError(path + ": input '" + port.name + "': got shape " +
                       shapeString(*shape) + ", wanted " +
                       llvm::Twine(port.dims.size()) + " dimensions");
    for (size_t d = 0; d < port.dims.size(); ++d) {
      const PortDim &dim = port.dims[d];
      if (dim.size >= 0)
        continue;
      std::string key =
          dim.symbol.empty() ? port.name + "." + std::to_string(d) : dim.symbol;
      if (!shape)
        continue;
      std::string value = std::to_string((*shape)[d]);
      auto [it, isNew] = pinned.emplace(key, value);
      // A range from --dim keeps the dimension dynamic.
      if (!isNew && it->second != value &&
          !llvm::StringRef(it->second).contains(".."))
        return userError(path + ": input '" + port.name + "': dimension " +
                         llvm::Twine(d) + " ('" + key + "') is " + value +
                         ", but " +
                         (origin.count(key) ? "input '" + origin[key] + "' has "
                                            : std::string("--dim says ")) +
                         it->second + "; equal names need equal values");
      if (isNew)
        origin[key] = port.name;
    }
  }
  // The rest is 1: most often a batch dimension.
  for (const Port &port : info.inputs)
    for (size_t d = 0; d < port.dims.size(); ++d) {
      const PortDim &dim = port.dims[d];
      if (dim.size >= 0 || port.hasDefault || values.count(port.name))
        continue;
      std::string key =
          dim.symbol.empty() ? port.name + "." + std::to_string(d) : dim.symbol;
      if (pinned.emplace(key, "1").second)
        note("input '" + port.name + "': dimension " + llvm::Twine(d) +
             (dim.symbol.empty() ? "" : " ('" + dim.symbol + "')") +
             " is not given, using 1; set it with --dims=" + port.name +
             "=...");
    }
  return llvm::Error::success();
}

static double milliseconds(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now() - start)
      .count();
}

llvm::Expected<Request> Request::parse(const Arguments &arguments,
                                       llvm::StringRef example,
                                       llvm::StringRef inputsOption) {
  size_t models = arguments.positionals().size();
  if (models != 1)
    return userError(example.split(' ').first + ": got " +
                     llvm::Twine(models) + " models, wanted one: onnx-run " +
                     example);
  auto shapes = parseShapes(arguments);
  if (!shapes)
    return shapes.takeError();
  auto ranges = parseRanges(arguments);
  if (!ranges)
    return ranges.takeError();
  // The sum with the number of a run does not overflow.
  auto seed = arguments.integer("seed", 0, 0, INT64_MAX / 2);
  if (!seed)
    return seed.takeError();
  std::optional<NamedTensors> given;
  if (arguments.has(inputsOption)) {
    auto read = readNpz(arguments.get(inputsOption));
    if (!read)
      return read.takeError();
    given = std::move(*read);
  }
  auto work = WorkFolder::create();
  if (!work)
    return work.takeError();
  auto values = parseValues(arguments);
  if (!values)
    return values.takeError();
  const std::string &path = arguments.positionals().front();
  return Request{path, path, std::move(*shapes), std::move(*ranges), *seed,
                 std::move(given), std::move(*values), std::move(*work)};
}

llvm::Expected<Prepared> Request::prepare(const Arguments &arguments) const {
  Prepared result;
  std::string library = path;
  auto threads = arguments.integer("threads", 1, 1, ONNXC_POOL_MAX_THREADS);
  if (!threads)
    return threads.takeError();
  if (!llvm::sys::fs::exists(path))
    return userError(path + ": no such file");
  if (!llvm::StringRef(path).ends_with(".so") &&
      !llvm::StringRef(path).ends_with(".o")) {
    auto info = readModelInfo(path);
    if (!info)
      return info.takeError();
    result.usesHalf = info->usesHalf;
    for (const auto &entry : shapes)
      if (llvm::none_of(info->inputs, [&](const Port &port) {
            return port.name == entry.first;
          }))
        return userError("--dims: '" + entry.first + "' is no input of " +
                         path);
    auto options = parseCompileOptions(arguments);
    if (!options)
      return options.takeError();
    if (options->keepInitializerInputs)
      for (Port &port : info->inputs)
        port.hasDefault = false;
    if (!arguments.has("keep-dynamic"))
      if (llvm::Error error =
              pinDims(label, *info, shapes, given ? &*given : nullptr,
                      values, options->dims))
        return error;
    auto start = std::chrono::steady_clock::now();
    auto file = compileToLibrary(path, *options, work.folder());
    if (!file)
      return file.takeError();
    result.compileMs = milliseconds(start);
    library = *file;
  }
  auto start = std::chrono::steady_clock::now();
  auto runner = runnerOf(arguments);
  if (!runner)
    return runner.takeError();
  auto model = openModel(library, label, *runner, static_cast<int>(*threads),
                         arguments.get("weights-file"));
  if (!model)
    return model.takeError();
  result.loadMs = milliseconds(start);
  result.model = std::move(*model);
  return result;
}

llvm::Expected<NamedTensors> Request::inputs(const LoadedModel &model,
                                             int64_t number) const {
  if (given) {
    NamedTensors inputs = *given;
    llvm::erase_if(inputs, [&](const auto &entry) { return values.count(entry.first) != 0; });
    return inputs;
  }
  NamedTensors inputs;
  for (const onnxc_tensor_info &info : model.inputs()) {
    std::string where = model.label() + ": input '" + info.name + "'";
    llvm::ArrayRef<int64_t> declared = dimsOf(info);
    std::vector<int64_t> dims(declared.begin(), declared.end());
    auto it = shapes.find(info.name);
    if (it != shapes.end())
      dims = it->second;
    else if (info.rank < 0)
      return userError(where + " has no fixed rank; give its shape with " +
                       "--dims=" + info.name + "=...");
    for (size_t d = 0; d < dims.size(); ++d)
      if (dims[d] < 0) {
        note("input '" + llvm::Twine(info.name) + "': dimension " +
             llvm::Twine(d) + " is not given, using 1; set it with --dims=" +
             info.name + "=...");
        dims[d] = 1;
      }
    if (!countElements(dims))
      return userError(where + ": shape " + shapeString(dims) +
                       " is too large");
    inputs.emplace_back(info.name,
                        randomTensor(info.name, info.type, dims,
                                     static_cast<uint64_t>(seed + number),
                                     ranges));
  }
  return inputs;
}

} // namespace onnxc::run
