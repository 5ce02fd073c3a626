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

/// Compares `names` of the float model with `quantizedNames` of the other.
static llvm::Error compareValues(const Runner &runner, const onnx::ModelProto &model,
                                 const onnx::ModelProto &quantized, llvm::ArrayRef<std::string> names,
                                 llvm::ArrayRef<std::string> quantizedNames, const CalibrationSet &samples,
                                 const run::NamedTensors &example, ProgressBar &bar,
                                 std::vector<Difference> &differences) {
  auto reference = Engine::create(runner, withOutputs(model, names), example);
  if (!reference)
    return reference.takeError();
  auto tried = Engine::create(runner, withOutputs(quantized, quantizedNames), example);
  if (!tried)
    return tried.takeError();
  int64_t number = 0;
  differences.resize(names.size());
  return samples.forEach(0, [&](Sample &sample) -> llvm::Error {
    if (number++ >= MostCompared)
      return llvm::Error::success();
    for (Engine *engine : {reference->get(), tried->get()})
      if (llvm::Error error = engine->run(sample.inputs))
        return error;
    for (size_t i = 0; i < names.size(); ++i)
      differences[i].add((*reference)->output(i), (*tried)->output(i));
    bar.step();
    return llvm::Error::success();
  });
}

static llvm::Expected<Cost> costOf(const Runner &runner, const onnx::ModelProto &model, Sample &sample) {
  auto engine = Engine::create(runner, model, sample.inputs);
  if (!engine)
    return engine.takeError();
  Cost cost;
  cost.arenaBytes = (*engine)->model().record().arena_bytes;
  cost.milliseconds = INFINITY;
  for (int i = 0; i < 6; ++i) {
    auto start = std::chrono::steady_clock::now();
    if (llvm::Error error = (*engine)->run(sample.inputs))
      return std::move(error);
    std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    cost.milliseconds = std::min(cost.milliseconds, took.count());
  }
  return cost;
}

llvm::Error measure(const Runner &runner, const onnx::ModelProto &model, const Quantized &quantized,
                    const CalibrationSet &samples, const Options &options, Measurement &result) {
  auto example = samples.front();
  if (!example)
    return example.takeError();
  result.compared = std::min(MostCompared, result.samples);
  ProgressBar bar("compare", std::nullopt, options.showProgress);

  std::vector<std::string> names;
  llvm::StringSet<> outputs;
  for (const auto &output : model.graph().output())
    if (output.type().tensor_type().elem_type() == onnx::TensorProto::FLOAT) {
      names.push_back(output.name());
      outputs.insert(output.name());
    }
  for (const Quantized::Layer &layer : quantized.layers)
    if (!outputs.contains(layer.result))
      names.push_back(layer.result);
  for (const std::vector<std::string> &portion : inPortions(model, names)) {
    std::vector<std::string> back;
    for (const std::string &name : portion) {
      auto it = quantized.readBack.find(name);
      back.push_back(it == quantized.readBack.end() ? name : it->second);
    }
    std::vector<Difference> differences;
    if (llvm::Error error = compareValues(runner, model, quantized.model, portion, back, samples, example->inputs,
                                          bar, differences))
      return error;
    for (size_t i = 0; i < portion.size(); ++i) {
      result.values[portion[i]] = differences[i];
      if (outputs.contains(portion[i]))
        result.outputs[portion[i]] = differences[i];
    }
  }
  auto before = costOf(runner, model, *example);
  if (!before)
    return before.takeError();
  auto after = costOf(runner, quantized.model, *example);
  if (!after)
    return after.takeError();
  result.floatCost = *before;
  result.cost = *after;
  return llvm::Error::success();
}

} // namespace onnxc::quantize
