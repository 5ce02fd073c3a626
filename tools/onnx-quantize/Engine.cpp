// Compiling and running models that are in memory.
#include "Engine.h"
#include "Error.h"
#include "ModelFile.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstdio>
#include <sys/wait.h>
#include <unistd.h>

namespace onnxc::quantize {

using run::NamedTensors;

/// What onnx-run makes of its command line, for the model in a file of a folder of its own.
llvm::Expected<std::unique_ptr<run::Request>> Engine::request(const NamedTensors &example) const {
  auto bytes = serialise(proto, runner.label);
  if (!bytes)
    return bytes.takeError();
  auto work = run::WorkFolder::create();
  if (!work)
    return work.takeError();
  std::string file = work->file("model.onnx");
  if (llvm::Error error = writeFile(file, *bytes))
    return std::move(error);
  const run::Request &base = runner.request;
  return std::make_unique<run::Request>(run::Request{file, runner.label, base.shapes, base.ranges, base.seed, example,
                                                     base.values, std::move(*work)});
}

llvm::Error Engine::load(const run::Request &request) {
  session.reset();
  auto made = request.prepare(arguments);
  if (!made)
    return made.takeError();
  // The library stays loaded when its file goes.
  prepared = std::move(*made);
  session = std::make_unique<run::Session>(*prepared.model);
  return llvm::Error::success();
}

/// Whether this process compiled a model. Threads of the linker that it has
/// since then would be missing in a child, which then waits for ever.
static bool hasCompiled = false;

llvm::Error Engine::startCompiling(const NamedTensors &example) {
  auto made = request(example);
  if (!made)
    return made.takeError();
  compiling = std::move(*made);
  if (hasCompiled)
    return llvm::Error::success();
  llvm::outs().flush();
  child = fork();
  if (child == 0) {
    // What it says is said again where it failed and the parent compiles.
    if (!freopen("/dev/null", "w", stderr))
      _exit(1);
    auto result = compiling->prepare(arguments);
    bool failed = !result;
    llvm::consumeError(result.takeError());
    _exit(failed);
  }
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<Engine>> Engine::start(const Runner &runner, onnx::ModelProto model,
                                                      const NamedTensors &example) {
  std::unique_ptr<Engine> engine(new Engine(runner));
  engine->proto = std::move(model);
  if (llvm::Error error = engine->startCompiling(example))
    return std::move(error);
  return std::move(engine);
}

llvm::Expected<std::unique_ptr<Engine>> Engine::create(const Runner &runner, onnx::ModelProto model,
                                                       const NamedTensors &example) {
  auto engine = start(runner, std::move(model), example);
  if (!engine)
    return engine.takeError();
  if (llvm::Error error = (*engine)->ready())
    return std::move(error);
  return std::move(*engine);
}

void Engine::waitForChild(bool &succeeded) {
  int status = -1;
  if (child > 0)
    waitpid(child, &status, 0);
  child = 0;
  succeeded = status == 0;
}

Engine::~Engine() {
  bool ignored;
  if (child > 0)
    kill(child, SIGKILL);
  waitForChild(ignored);
}

llvm::Error Engine::ready() {
  if (!compiling)
    return llvm::Error::success();
  bool isCompiled;
  waitForChild(isCompiled);
  std::unique_ptr<run::Request> request = std::move(compiling);
  // Without a library the model is compiled here, and errors are told.
  std::string library = request->work.file("model.so");
  if (isCompiled && llvm::sys::fs::exists(library))
    request->path = library;
  else
    hasCompiled = true;
  return load(*request);
}

/// Whether the inputs have the sizes that the model was compiled for.
static bool sizesFit(const run::LoadedModel &model, const NamedTensors &inputs) {
  for (const onnxc_tensor_info &info : model.inputs()) {
    const run::Tensor *tensor = run::findTensor(inputs, info.name);
    llvm::ArrayRef<int64_t> dims = run::dimsOf(info);
    if (!tensor || info.rank < 0)
      continue;
    if (tensor->dims.size() != dims.size())
      return false;
    for (size_t d = 0; d < dims.size(); ++d)
      if (dims[d] >= 0 && dims[d] != tensor->dims[d])
        return false;
  }
  return true;
}

llvm::Error Engine::run(NamedTensors &inputs) {
  if (llvm::Error error = ready())
    return error;
  if (!isDynamic && !sizesFit(*prepared.model, inputs)) {
    isDynamic = true;
    arguments.set("keep-dynamic", "");
    if (llvm::Error error = startCompiling(inputs))
      return error;
    if (llvm::Error error = ready())
      return error;
  }
  // An observed part of the model may do without some inputs.
  NamedTensors needed;
  for (const onnxc_tensor_info &info : prepared.model->inputs())
    if (const run::Tensor *tensor = run::findTensor(inputs, info.name))
      needed.emplace_back(info.name, *tensor);
  if (llvm::Error error = session->bind(needed))
    return error;
  return session->run();
}

llvm::ArrayRef<float> Engine::output(size_t index) const {
  const onnxc_tensor &tensor = session->lastOutputs()[index];
  size_t count = 1;
  for (int32_t d = 0; d < tensor.rank; ++d)
    count *= static_cast<size_t>(tensor.dims[d]);
  return {static_cast<const float *>(tensor.data), count};
}

onnx::ModelProto withOutputs(const onnx::ModelProto &model, llvm::ArrayRef<std::string> values) {
  onnx::ModelProto copy = model;
  onnx::GraphProto &graph = *copy.mutable_graph();
  llvm::StringMap<onnx::TypeProto> types;
  for (const auto &list : {&graph.value_info(), &graph.output()})
    for (const onnx::ValueInfoProto &value : *list)
      types[value.name()] = value.type();
  graph.clear_output();
  for (const std::string &name : values) {
    onnx::ValueInfoProto &output = *graph.add_output();
    output.set_name(name);
    auto it = types.find(name);
    if (it != types.end() && it->second.has_tensor_type())
      *output.mutable_type() = it->second;
    else
      output.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
  }
  dropUnused(copy);
  return copy;
}

} // namespace onnxc::quantize
