// Observation of a float model, with a file that keeps what was seen.
#include "Observe.h"
#include "Error.h"
#include "Files.h"
#include "Graph.h"
#include "ModelFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SHA256.h"
#include "llvm/ADT/StringExtras.h"
#include <chrono>

namespace onnxc::quantize {

using run::note;
using run::userError;

namespace {

constexpr llvm::StringLiteral StateFormat = "onnx-quantize state 1";

/// Statistics in the file of --state; without one, in memory only.
class State {
public:
  State(std::string path, std::string key) : path(std::move(path)), key(std::move(key)) {}

  llvm::Error load() {
    if (path.empty() || !llvm::sys::fs::exists(path))
      return llvm::Error::success();
    auto buffer = run::readFile(path);
    if (!buffer)
      return buffer.takeError();
    auto parsed = llvm::json::parse((*buffer)->getBuffer());
    const llvm::json::Object *object = parsed ? parsed->getAsObject() : nullptr;
    llvm::consumeError(parsed.takeError());
    if (!object || object->getString("format") != StateFormat)
      return userError("--state " + path + ": is no state of onnx-quantize; give another file, or remove it");
    if (object->getString("key") != llvm::StringRef(key)) {
      note("--state " + path + ": is of another model, other inputs or another method; everything is observed anew");
      return llvm::Error::success();
    }
    samples = object->getInteger("samples");
    if (const llvm::json::Object *values = object->getObject("values"))
      for (const auto &[name, value] : *values)
        if (!seen[name.str()].fromJson(value))
          return userError("--state " + path + ": value '" + name.str() + "' is damaged; remove the file");
    return llvm::Error::success();
  }

  /// Writes the file if that was not done for some seconds, or `isDue`.
  llvm::Error save(bool isDue) {
    auto now = std::chrono::steady_clock::now();
    if (path.empty() || (!isDue && now - saved < std::chrono::seconds(5)))
      return llvm::Error::success();
    saved = now;
    llvm::json::Object values;
    for (const auto &[name, statistics] : seen)
      values[name] = statistics.toJson();
    llvm::json::Object object{{"format", StateFormat}, {"key", key}, {"values", std::move(values)}};
    if (samples)
      object["samples"] = *samples;
    std::string text;
    llvm::raw_string_ostream(text) << llvm::json::Value(std::move(object)) << "\n";
    return writeFile(path, text);
  }

  Observations seen;
  std::optional<int64_t> samples; ///< of the data, where that is known

private:
  std::string path, key;
  std::chrono::steady_clock::time_point saved = std::chrono::steady_clock::now();
};

} // namespace

/// Elements of a value, where dynamic dims are taken for 1; a guess that only
/// sizes portions.
static int64_t guessElements(const Graph &graph, llvm::StringRef value) {
  auto dims = graph.dims(value);
  int64_t count = 1;
  for (int64_t dim : dims ? *dims : std::vector<int64_t>())
    count *= std::max<int64_t>(dim, 1);
  return count;
}

std::vector<std::vector<std::string>> inPortions(const onnx::ModelProto &model, llvm::ArrayRef<std::string> values) {
  constexpr int64_t MostElements = int64_t(128) << 20;
  constexpr size_t MostValues = 512;
  const Graph graph(const_cast<onnx::ModelProto &>(model));
  std::vector<std::vector<std::string>> portions;
  int64_t elements = 0;
  for (const std::string &value : values) {
    int64_t here = guessElements(graph, value);
    if (portions.empty() || elements + here > MostElements || portions.back().size() == MostValues) {
      portions.emplace_back();
      elements = 0;
    }
    portions.back().push_back(value);
    elements += here;
  }
  return portions;
}

static llvm::Error oddNumbers(llvm::StringRef value, const Sample &sample) {
  return userError("value '" + value + "' has NaN or infinite elements on " + sample.where +
                   "; no scale can hold them. Mend the data or the model, or keep the nodes around it float with " +
                   "--exclude=NODE");
}

llvm::Expected<Observed> observe(const Runner &runner, const onnx::ModelProto &model,
                                     llvm::StringRef modelHash, llvm::ArrayRef<std::string> values,
                                     const CalibrationSet &samples, const Options &options) {
  bool withHistogram = options.method != Method::MinMax;
  std::string key = (modelHash + "\n" + samples.identity() + (withHistogram ? "histogram" : "range")).str();
  State state(options.state, llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(key)), /*LowerCase=*/true));
  if (llvm::Error error = state.load())
    return std::move(error);

  // What is missing, by the number of samples that were seen before.
  std::map<int64_t, std::vector<std::string>> missing;
  for (const std::string &value : values) {
    int64_t seen = state.seen[value].samples();
    if (!state.samples || seen < *state.samples)
      missing[seen].push_back(value);
  }
  Observed result;
  const Graph graph(const_cast<onnx::ModelProto &>(model));
  for (const auto &[first, group] : missing) {
    std::vector<std::string> inputs, made;
    for (const std::string &value : group)
      (graph.isInput(value) ? inputs : made).push_back(value);
    auto portions = inPortions(model, made);
    if (portions.empty())
      portions.emplace_back();
    for (size_t p = 0; p < portions.size(); ++p) {
      const std::vector<std::string> &portion = portions[p];
      std::unique_ptr<Engine> engine;
      if (!portion.empty()) {
        ProgressBar compiling("compile", std::nullopt, options.showProgress);
        auto example = samples.front();
        if (!example)
          return example.takeError();
        auto made = Engine::create(runner, withOutputs(model, portion), example->inputs);
        if (!made)
          return made.takeError();
        engine = std::move(*made);
      }
      ProgressBar bar("observe", samples.size(), options.showProgress);
      bar.step(first);
      llvm::Error error = samples.forEach(first, [&](Sample &sample) -> llvm::Error {
        if (p == 0)
          for (const std::string &name : inputs) {
            const run::Tensor &tensor = *run::findTensor(sample.inputs, name);
            llvm::ArrayRef<float> elements(reinterpret_cast<const float *>(tensor.bytes.data()),
                                           tensor.bytes.size() / sizeof(float));
            if (!state.seen[name].add(elements, withHistogram))
              return oddNumbers(name, sample);
          }
        if (engine)
          if (llvm::Error failure = engine->run(sample.inputs))
            return failure;
        for (size_t i = 0; i < portion.size(); ++i)
          if (!state.seen[portion[i]].add(engine->output(i), withHistogram))
            return oddNumbers(portion[i], sample);
        bar.step();
        return state.save(/*isDue=*/false);
      });
      if (error)
        return std::move(error);
      state.samples = samples.size();
      if (llvm::Error failure = state.save(/*isDue=*/true))
        return std::move(failure);
      if (missing.size() == 1 && portions.size() == 1) {
        result.engine = std::move(engine);
        result.values = portion;
      }
    }
  }
  result.seen = std::move(state.seen);
  return std::move(result);
}

} // namespace onnxc::quantize
