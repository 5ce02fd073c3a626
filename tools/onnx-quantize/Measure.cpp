// Comparing the models, both compiled.
#include "Measure.h"
#include "Error.h"
#include <chrono>
#include <cmath>

namespace onnxc::quantize {

/// More samples change little of what the report says.
static constexpr int64_t MostCompared = 8;

void Difference::add(llvm::ArrayRef<float> wanted, llvm::ArrayRef<float> got) {
  for (size_t i = 0; i < wanted.size() && i < got.size(); ++i) {
    double w = wanted[i], g = got[i];
    signal += w * w;
    other += g * g;
    product += w * g;
    noise += (w - g) * (w - g);
  }
}

double Difference::sqnr() const { return noise == 0 ? INFINITY : 10 * std::log10(signal / noise); }

double Difference::cosine() const {
  if (signal == 0 || other == 0)
    return signal == other ? 1 : 0;
  return product / std::sqrt(signal * other);
}

/// Two models of which the same values are read.
struct Pair {
  std::vector<std::string> names; ///< in the float model
  std::unique_ptr<Engine> reference, tried;
};

/// Starts compiling both models of a portion; that of the observation is taken
/// where it reads the same values.
static llvm::Expected<Pair> startPair(const Runner &runner, const onnx::ModelProto &model, const Quantized &quantized,
                                      std::vector<std::string> names, Observed &observed,
                                      const run::NamedTensors &example) {
  std::vector<std::string> back;
  for (const std::string &name : names) {
    auto it = quantized.readBack.find(name);
    back.push_back(it == quantized.readBack.end() ? name : it->second);
  }
  auto tried = Engine::start(runner, withOutputs(quantized.model, back), example);
  if (!tried)
    return tried.takeError();
  Pair pair{std::move(names), nullptr, std::move(*tried)};
  if (observed.engine && observed.values == pair.names) {
    pair.reference = std::move(observed.engine);
    return std::move(pair);
  }
  auto reference = Engine::create(runner, withOutputs(model, pair.names), example);
  if (!reference)
    return reference.takeError();
  pair.reference = std::move(*reference);
  return std::move(pair);
}

static llvm::Error compare(Pair &pair, const CalibrationSet &samples, Measurement &result) {
  result.compared = 0;
  return samples.forEach(0, MostCompared, [&](Sample &sample) -> llvm::Error {
    ++result.compared;
    for (Engine *engine : {pair.reference.get(), pair.tried.get()})
      if (llvm::Error error = engine->run(sample.inputs))
        return error;
    for (size_t i = 0; i < pair.names.size(); ++i)
      result.values[pair.names[i]].add(pair.reference->output(i), pair.tried->output(i));
    return llvm::Error::success();
  });
}

static llvm::Expected<Cost> costOf(Engine &engine, Sample &sample) {
  if (llvm::Error error = engine.ready())
    return std::move(error);
  Cost cost;
  cost.arenaBytes = engine.model().record().arena_bytes;
  cost.milliseconds = INFINITY;
  for (int i = 0; i < 6; ++i) {
    auto start = std::chrono::steady_clock::now();
    if (llvm::Error error = engine.run(sample.inputs))
      return std::move(error);
    std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    cost.milliseconds = std::min(cost.milliseconds, took.count());
  }
  return cost;
}

/// Outputs of float numbers.
static std::vector<std::string> floatOutputs(const onnx::ModelProto &model) {
  std::vector<std::string> names;
  for (const auto &output : model.graph().output())
    if (output.type().tensor_type().elem_type() == onnx::TensorProto::FLOAT)
      names.push_back(output.name());
  return names;
}

llvm::Error measure(const Runner &runner, const onnx::ModelProto &model, const Quantized &quantized,
                    Observed &observed, Engine &floatEngine, const CalibrationSet &samples, const Options &options,
                    Measurement &result) {
  ProgressBar bar("measure", std::nullopt, options.showProgress);
  auto example = samples.front();
  if (!example)
    return example.takeError();
  auto plain = Engine::start(runner, quantized.model, example->inputs);
  if (!plain)
    return plain.takeError();

  std::vector<std::string> outputs = floatOutputs(model);
  std::vector<std::string> names = observed.values;
  llvm::StringSet<> listed;
  listed.insert(names.begin(), names.end());
  for (const Quantized::Layer &layer : quantized.layers)
    if (listed.insert(layer.result).second)
      names.push_back(layer.result);
  for (const std::string &output : outputs)
    if (listed.insert(output).second)
      names.push_back(output);
  for (const std::vector<std::string> &portion : inPortions(model, names)) {
    auto pair = startPair(runner, model, quantized, portion, observed, example->inputs);
    if (!pair)
      return pair.takeError();
    if (llvm::Error error = compare(*pair, samples, result))
      return error;
  }
  for (const std::string &output : outputs)
    result.outputs[output] = result.values[output];
  auto before = costOf(floatEngine, *example);
  if (!before)
    return before.takeError();
  auto after = costOf(**plain, *example);
  if (!after)
    return after.takeError();
  result.floatCost = *before;
  result.cost = *after;
  return llvm::Error::success();
}

} // namespace onnxc::quantize
