// One backend test in the form of onnx/backend/test: model.onnx,
// test_data_set_N/input_M.pb and output_M.pb, tolerances in data.json.
#include "TestCase.h"
#include "Compare.h"
#include "Error.h"
#include "Model.h"
#include "Prepare.h"
#include "Proto.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <algorithm>
#include <map>

namespace onnxc::run {

namespace {
struct Tolerances {
  double rtol = 1e-3, atol = 1e-7;
  /// The largest absolute error of an output, by its name, where the test says
  /// so; nothing else is allowed for it.
  std::map<std::string, double> outputs;

  Tolerance of(const std::string &name, int32_t type) const {
    auto it = outputs.find(name);
    if (it == outputs.end())
      return backendTolerance(type, rtol, atol);
    Tolerance t;
    t.rtol = 0;
    t.atol = it->second;
    return t;
  }
};

/// A data set as files: values in the order of the graph.
struct DataSet {
  std::string name;
  std::vector<Value> inputs, outputs;
};
} // namespace

static std::string join(llvm::StringRef folder, const llvm::Twine &name) {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

static llvm::Expected<Tolerances> readTolerances(llvm::StringRef directory) {
  Tolerances result;
  std::string path = join(directory, "data.json");
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return result;
  auto value = llvm::json::parse((*buffer)->getBuffer());
  if (!value)
    return userError(path +
                     ": not valid JSON: " + llvm::toString(value.takeError()));
  if (const llvm::json::Object *object = value->getAsObject()) {
    result.rtol = object->getNumber("rtol").value_or(result.rtol);
    result.atol = object->getNumber("atol").value_or(result.atol);
    if (const llvm::json::Object *outputs = object->getObject("outputs"))
      for (const auto &[name, atol] : *outputs)
        result.outputs[name.str()] = atol.getAsNumber().value_or(0);
  }
  return result;
}

/// The folders of data sets, in the order of their numbers.
static std::vector<std::string> listDataSets(llvm::StringRef directory) {
  std::vector<std::pair<unsigned, std::string>> found;
  std::error_code ec;
  for (llvm::sys::fs::directory_iterator it(directory, ec), end;
       it != end && !ec; it.increment(ec)) {
    llvm::StringRef name = llvm::sys::path::filename(it->path());
    unsigned number;
    if (name.consume_front("test_data_set_") && !name.getAsInteger(10, number))
      found.emplace_back(number, it->path());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (auto &entry : found)
    paths.push_back(std::move(entry.second));
  return paths;
}

/// The ports that the files input_0.pb, input_1.pb, ... stand for: all graph
/// inputs, or only those without an initializer when there are as many files.
static std::vector<const Port *> portsOfFiles(const std::vector<Port> &ports,
                                              size_t files) {
  std::vector<const Port *> all, required;
  for (const Port &port : ports) {
    all.push_back(&port);
    if (!port.hasDefault)
      required.push_back(&port);
  }
  return files == required.size() ? required : all;
}

static llvm::Expected<std::vector<Value>>
readValues(llvm::StringRef folder, const char *kind,
           const std::vector<Port> &ports,
           std::vector<const Port *> &filePorts) {
  size_t count = 0;
  auto file = [&](size_t i) {
    return join(folder, llvm::Twine(kind) + "_" + llvm::Twine(i) + ".pb");
  };
  while (llvm::sys::fs::exists(file(count)))
    ++count;
  filePorts = portsOfFiles(ports, count);
  if (count > filePorts.size())
    return userError(folder + ": has " + llvm::Twine(count) + " " + kind +
                     " files, the model has " + llvm::Twine(ports.size()));
  filePorts.resize(count);
  std::vector<Value> values;
  for (size_t i = 0; i < count; ++i) {
    auto value = readProtoValue(file(i), filePorts[i]->encoding);
    if (!value)
      return value.takeError();
    values.push_back(std::move(*value));
  }
  return values;
}

/// Inputs as the C interface takes them. An optional that holds a tensor is
/// that tensor; other values have no form there.
static llvm::Expected<NamedTensors> toInputs(std::vector<Value> values,
                                             llvm::ArrayRef<const Port *> ports,
                                             const LoadedModel &model) {
  NamedTensors inputs;
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string &name = ports[i]->name;
    bool isInput =
        llvm::any_of(model.inputs(), [&](const onnxc_tensor_info &info) {
          return name == info.name;
        });
    if (!isInput && ports[i]->hasDefault)
      continue; // compiled in
    if (values[i].kind != Value::Kind::Tensor)
      return unsupportedError("input '" + name +
                              "' is a sequence or an empty optional, which "
                              "the C interface does not carry");
    inputs.emplace_back(name, std::move(values[i].tensor));
  }
  return inputs;
}

/// Ops whose sums run in another order in another layout.
static bool keepsOrderOfArithmetic(llvm::ArrayRef<std::string> ops) {
  static const char *const layered[] = {
      "Conv", "ConvTranspose", "DeformConv", "AveragePool", "GlobalAveragePool", "LpPool", "GlobalLpPool",
      "Resize", "Upsample", "Softmax", "LogSoftmax"};
  return llvm::none_of(ops, [](llvm::StringRef op) {
    return llvm::is_contained(layered, op) || op.starts_with("Reduce") || op.ends_with("Normalization");
  });
}

static llvm::Error compareOutput(const std::string &name, const Tensor *got,
                                 const Value &wanted,
                                 const Tolerances &tolerances) {
  if (wanted.kind != Value::Kind::Tensor)
    return unsupportedError("output '" + name +
                            "' is a sequence or an empty optional, which the "
                            "C interface does not carry");
  if (!got)
    return userError("output '" + name + "' is missing");
  Tolerance tolerance = tolerances.of(name, got->type);
  Comparison comparison = compareTensors(*got, wanted.tensor, tolerance);
  if (comparison.same)
    return llvm::Error::success();
  return userError("output '" + name + "' " + comparison.message);
}

/// What `other`, the same model compiled without reuse, computes is what was
/// got: bit for bit, unless sums may run in another order.
static llvm::Error compareWithoutReuse(const LoadedModel &other,
                                       NamedTensors &inputs,
                                       const NamedTensors &got,
                                       const Tolerances &tolerances,
                                       bool isSameOrder) {
  Session session(other);
  if (llvm::Error error = session.bind(inputs))
    return error;
  if (llvm::Error error = session.runChecked())
    return error;
  auto outputs = session.outputs();
  if (!outputs)
    return outputs.takeError();
  for (const auto &[name, wanted] : *outputs) {
    Tolerance exact;
    exact.rtol = exact.atol = 0;
    const Tensor *tensor = findTensor(got, name);
    if (!tensor)
      return userError("output '" + name + "' is missing");
    Comparison comparison = compareTensors(
        *tensor, wanted, isSameOrder ? exact : tolerances.of(name, wanted.type));
    if (!comparison.same)
      return userError("output '" + name + "' with reuse and without (--no-reuse): " + comparison.message);
  }
  return llvm::Error::success();
}

/// One data set from files to verdict. `other`: the same model without reuse, or null.
static llvm::Error runDataSet(llvm::StringRef folder, const ModelInfo &info,
                              const LoadedModel &model, const LoadedModel *other,
                              const Tolerances &tolerances,
                              const std::function<void(llvm::StringRef)> &enter,
                              std::string &remark) {
  enter("run");
  std::vector<const Port *> inputPorts, outputPorts;
  auto given = readValues(folder, "input", info.inputs, inputPorts);
  if (!given)
    return given.takeError();
  auto wanted = readValues(folder, "output", info.outputs, outputPorts);
  if (!wanted)
    return wanted.takeError();
  auto inputs = toInputs(std::move(*given), inputPorts, model);
  if (!inputs)
    return inputs.takeError();
  Session session(model);
  if (llvm::Error error = session.bind(*inputs))
    return error;
  if (llvm::Error error = session.runChecked())
    return error;
  if (int64_t leaked = session.leaked())
    remark = "left " + std::to_string(leaked) + " allocations unreleased";
  auto outputs = session.outputs();
  if (!outputs)
    return outputs.takeError();
  enter("compare");
  if (other)
    if (llvm::Error error = compareWithoutReuse(*other, *inputs, *outputs, tolerances, keepsOrderOfArithmetic(info.ops)))
      return error;
  for (size_t i = 0; i < wanted->size(); ++i) {
    const std::string &name = outputPorts[i]->name;
    if (llvm::Error error = compareOutput(name, findTensor(*outputs, name),
                                          (*wanted)[i], tolerances))
      return error;
  }
  return llvm::Error::success();
}

/// The whole test; errors carry the verdict, `enter` the stage.
static llvm::Error
runStages(llvm::StringRef directory, const CompileOptions &options,
          llvm::StringRef folder,
          const std::function<void(llvm::StringRef)> &enter,
          const std::function<void(llvm::ArrayRef<std::string>)> &ops,
          llvm::StringRef runner, bool compareReuse, TestOutcome &outcome) {
  enter("import");
  std::string path = join(directory, "model.onnx");
  auto info = readModelInfo(path);
  if (!info)
    return info.takeError();
  outcome.ops = info->ops;
  ops(outcome.ops);
  auto tolerances = readTolerances(directory);
  if (!tolerances)
    return tolerances.takeError();
  std::vector<std::string> dataSets = listDataSets(directory);
  if (dataSets.empty())
    return userError(directory + ": has no folder test_data_set_0");

  enter("compile");
  auto library = compileToLibrary(path, options, folder);
  if (!library)
    return library.takeError();
  enter("run");
  auto model = openModel(*library, "model", runner, options.threads);
  if (!model)
    return model.takeError();
  std::unique_ptr<LoadedModel> other;
  if (compareReuse) {
    enter("compile");
    CompileOptions copying = options;
    copying.reuse = false;
    std::string place = join(folder, "no-reuse");
    llvm::sys::fs::create_directory(place);
    auto second = compileToLibrary(path, copying, place);
    if (!second)
      return second.takeError();
    enter("run");
    auto opened = openModel(*second, "model without reuse", runner, options.threads);
    if (!opened)
      return opened.takeError();
    other = std::move(*opened);
  }
  for (const std::string &dataSet : dataSets)
    if (llvm::Error error = runDataSet(dataSet, *info, **model, other.get(), *tolerances,
                                       enter, outcome.message)) {
      if (dataSets.size() == 1)
        return error;
      // Keep the kind of the error, add where it happened.
      return llvm::handleErrors(
          std::move(error), [&](std::unique_ptr<RunError> e) -> llvm::Error {
            e->Message =
                (llvm::sys::path::filename(dataSet) + ": " + e->Message).str();
            return llvm::Error(std::move(e));
          });
    }
  return llvm::Error::success();
}

TestOutcome
runTestCase(llvm::StringRef directory, const CompileOptions &options,
            llvm::StringRef folder,
            const std::function<void(llvm::StringRef)> &enter,
            const std::function<void(llvm::ArrayRef<std::string>)> &ops,
            llvm::StringRef runner, bool compareReuse) {
  TestOutcome outcome;
  auto tracked = [&](llvm::StringRef stage) {
    outcome.stage = stage.str();
    enter(stage);
  };
  llvm::Error error =
      runStages(directory, options, folder, tracked, ops, runner, compareReuse, outcome);
  llvm::handleAllErrors(
      std::move(error),
      [&](const RunError &e) {
        outcome.status = e.Unsupported ? "unsupported" : "failed";
        outcome.message = e.Message;
        outcome.code = e.Code;
      },
      [&](const llvm::ErrorInfoBase &e) {
        outcome.status = "failed";
        outcome.message = e.message();
        outcome.code = ExitUser;
      });
  return outcome;
}

} // namespace onnxc::run
