// Sensitivity by switches, and the search for the layers that stay float.
#include "Sensitivity.h"
#include "Error.h"
#include "Measure.h"
#include "ProgressBar.h"
#include "SwitchModel.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include <algorithm>
#include <cmath>
#include <functional>

namespace onnxc::quantize {

using run::userError;

namespace {

/// Samples of which each layer alone is run, and of which the drop is taken.
constexpr int64_t SamplesOfLayers = 16, SamplesOfDrop = 256;

/// The float outputs of a run, behind each other.
using Outputs = std::vector<std::vector<float>>;

Outputs outputsOf(const Engine &engine) {
  Outputs all;
  for (size_t i = 0; i < engine.outputs().size(); ++i)
    if (engine.outputs()[i].type == onnx::TensorProto::FLOAT)
      all.push_back(engine.output(i).vec());
  return all;
}

size_t largestOf(llvm::ArrayRef<float> values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

/// What a metric gathers over samples.
class Score {
public:
  void add(const Outputs &wanted, const Outputs &got, std::optional<int64_t> label) {
    differences.resize(wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i)
      differences[i].add(wanted[i], got[i]);
    if (wanted.empty() || wanted.front().empty())
      return;
    size_t before = largestOf(wanted.front()), after = largestOf(got.front());
    // Without labels the float model is right.
    size_t right = label ? static_cast<size_t>(*label) : before;
    ++count;
    lost += (before == right) - (after == right);
  }

  double noise() const {
    double worst = 0;
    for (const Difference &difference : differences)
      worst = std::max(worst, difference.noise == 0 ? 0 : difference.noise / difference.signal);
    return worst;
  }

  double drop(Metric metric) const {
    double worst = 0;
    switch (metric) {
    case Metric::Top1:
      return count ? static_cast<double>(lost) / static_cast<double>(count) : 0;
    case Metric::Cosine:
      for (const Difference &difference : differences)
        worst = std::max(worst, 1 - difference.cosine());
      return worst;
    case Metric::Sqnr:
      return noise();
    case Metric::Command:
      break;
    }
    return worst;
  }

private:
  std::vector<Difference> differences;
  int64_t count = 0, lost = 0;
};

class Switches {
public:
  Switches(SwitchModel model, std::unique_ptr<Engine> engine, const CalibrationSet &samples)
      : model(std::move(model)), engine(std::move(engine)), samples(samples) {}

  const std::vector<SwitchModel::Layer> &layers() const { return model.layers; }

  /// Runs with layers switched on; the float run of each sample is kept.
  llvm::Expected<Score> run(const std::vector<bool> &isOn, int64_t count) {
    Score score;
    size_t number = 0;
    run::Tensor settings = model.settings(isOn), off = model.settings(std::vector<bool>(isOn.size(), false));
    llvm::Error error = samples.forEach(0, count, [&](Sample &sample) -> llvm::Error {
      if (number == wanted.size()) {
        auto outputs = runOnce(sample.inputs, off);
        if (!outputs)
          return outputs.takeError();
        wanted.push_back(std::move(*outputs));
      }
      auto outputs = runOnce(sample.inputs, settings);
      if (!outputs)
        return outputs.takeError();
      score.add(wanted[number++], *outputs, sample.label);
      return llvm::Error::success();
    });
    if (error)
      return std::move(error);
    return score;
  }

private:
  SwitchModel model;
  std::unique_ptr<Engine> engine;
  const CalibrationSet &samples;
  std::vector<Outputs> wanted;

  llvm::Expected<Outputs> runOnce(const run::NamedTensors &inputs, const run::Tensor &settings) {
    run::NamedTensors all = inputs;
    all.emplace_back(model.input, settings);
    if (llvm::Error error = engine->run(all))
      return std::move(error);
    return outputsOf(*engine);
  }
};

/// The number that a command of the user's prints last for a model: higher is better.
llvm::Expected<double> askCommand(const std::string &command, const onnx::ModelProto &model, const Options &options) {
  auto work = run::WorkFolder::create();
  if (!work)
    return work.takeError();
  std::string file = work->file("model.onnx"), log = work->file("log");
  auto bytes = serialise(model, options.model);
  if (!bytes)
    return bytes.takeError();
  if (llvm::Error error = writeFile(file, *bytes))
    return std::move(error);
  std::string words = command + " '" + file + "'", message;
  std::optional<llvm::StringRef> redirects[] = {std::nullopt, llvm::StringRef(log), std::nullopt};
  int code = llvm::sys::ExecuteAndWait("/bin/sh", {"sh", "-c", words}, std::nullopt, redirects, 0, 0, &message);
  if (code != 0)
    return userError("--metric-command: '" + command + "' ended with exit code " + llvm::Twine(code));
  auto buffer = llvm::MemoryBuffer::getFile(log);
  llvm::StringRef text = buffer ? (*buffer)->getBuffer().rtrim() : llvm::StringRef();
  double value;
  if (text.substr(text.find_last_of(" \t\n") + 1).getAsDouble(value))
    return userError("--metric-command: '" + command + "' printed no number at the end, but '" +
                     text.substr(text.rfind('\n') + 1) + "'");
  return value;
}

} // namespace

/// The smallest number of worst layers that stay float so that `drop` of that
/// number is within the budget. Fewer quantised layers are taken to be no worse.
static llvm::Error searchBudget(size_t layers, double budget, llvm::function_ref<llvm::Expected<double>(size_t)> drop,
                                Sensitivity &result) {
  auto all = drop(0);
  if (!all)
    return all.takeError();
  result.drop = result.finalDrop = *all;
  size_t low = 0, high = layers;
  if (*all <= budget)
    high = 0;
  while (low < high) {
    size_t middle = (low + high) / 2;
    auto here = drop(middle);
    if (!here)
      return here.takeError();
    if (*here <= budget) {
      high = middle;
      result.finalDrop = *here;
    } else {
      low = middle + 1;
    }
  }
  if (high == layers && layers > 0)
    result.finalDrop = 0;
  for (size_t i = 0; i < high; ++i)
    result.layers[i].staysFloat = true;
  return llvm::Error::success();
}

llvm::Expected<Sensitivity> findSensitivity(const Runner &runner, const onnx::ModelProto &model,
                                            const Observations &seen, const CalibrationSet &samples,
                                            const Options &options) {
  auto example = samples.front();
  if (!example)
    return example.takeError();
  SwitchModel made = makeSwitchModel(model, seen, options);
  std::vector<bool> all(made.layers.size(), true);
  run::NamedTensors inputs = example->inputs;
  inputs.emplace_back(made.input, made.settings(all));
  auto engine = Engine::create(runner, made.model, inputs);
  if (!engine)
    return engine.takeError();
  Switches switches(std::move(made), std::move(*engine), samples);

  Sensitivity result;
  ProgressBar bar("sensitivity", static_cast<int64_t>(all.size()), options.showProgress);
  llvm::StringMap<size_t> index;
  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<bool> alone(all.size(), false);
    alone[i] = true;
    auto score = switches.run(alone, SamplesOfLayers);
    if (!score)
      return score.takeError();
    const SwitchModel::Layer &layer = switches.layers()[i];
    result.layers.push_back({layer.name, layer.op, score->noise(), false});
    index[layer.name] = i;
    bar.step();
  }
  std::stable_sort(result.layers.begin(), result.layers.end(),
                   [](const LayerNoise &a, const LayerNoise &b) { return a.noise > b.noise; });

  auto bySwitches = [&](size_t left) -> llvm::Expected<double> {
    std::vector<bool> isOn = all;
    for (size_t i = 0; i < left; ++i)
      isOn[index[result.layers[i].name]] = false;
    auto score = switches.run(isOn, SamplesOfDrop);
    if (!score)
      return score.takeError();
    return score->drop(options.metric);
  };
  // Without a budget the drop is told, and every layer is quantised.
  double budget = options.maxDrop.value_or(INFINITY), reference = 0;
  auto byCommand = [&](size_t left) -> llvm::Expected<double> {
    llvm::StringSet<> stayFloat;
    for (size_t i = 0; i < left; ++i)
      stayFloat.insert(result.layers[i].name);
    if (left == result.layers.size())
      return 0;
    auto quantized = quantizeModel(model, seen, options, stayFloat);
    if (!quantized)
      return quantized.takeError();
    auto value = askCommand(options.metricCommand, quantized->model, options);
    if (!value)
      return value.takeError();
    return (reference - *value) / std::max(std::fabs(reference), 1e-30);
  };
  if (options.metric == Metric::Command) {
    auto value = askCommand(options.metricCommand, model, options);
    if (!value)
      return value.takeError();
    reference = *value;
    if (llvm::Error error = searchBudget(result.layers.size(), budget, byCommand, result))
      return std::move(error);
  } else if (llvm::Error error = searchBudget(result.layers.size(), budget, bySwitches, result)) {
    return std::move(error);
  }
  return result;
}

} // namespace onnxc::quantize
