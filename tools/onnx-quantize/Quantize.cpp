// The command as a page: read, simplify, plan, observe, quantise, measure, write.
#include "Quantize.h"
#include "Equalize.h"
#include "Error.h"
#include "Measure.h"
#include "Precision.h"
#include "Proto.h"
#include "Sensitivity.h"
#include "Simplify.h"
#include "WeightOnly.h"
#include <set>

namespace onnxc::quantize {

using run::note;
using run::userError;

/// QuantizeLinear by channel is of opset 13, by blocks and of 16-bit integers of
/// opset 21; convolutions in bfloat16 are of opset 22.
static int neededOpset(const Options &options) {
  if (options.precision == Precision::BFloat)
    return 22;
  return options.weightBits || options.activations.onnxType == onnx::TensorProto::INT16 ? 21 : 13;
}

static llvm::Error refuseQuantized(const ModelFile &file) {
  for (const onnx::NodeProto &node : file.proto.graph().node())
    if (isQuantizedOp(node))
      return userError(file.path + ": is quantised already: node '" + node.name() + "' is a " + node.op_type() +
                       "; give the float model that it was made of");
  return llvm::Error::success();
}

static llvm::Error nothingToQuantize(const onnx::ModelProto &model, const Options &options) {
  std::set<std::string> ops;
  for (const onnx::NodeProto &node : model.graph().node())
    ops.insert(node.op_type());
  std::string list;
  for (const std::string &op : ops)
    list += (list.empty() ? "" : ", ") + op;
  bool isRestricted = !options.exclude.empty() || !options.opTypes.empty();
  return userError(options.model + ": has no float32 node that can be quantised" +
                   (isRestricted ? " and is not left out by --exclude and --op-types" : "") + "; its ops are " + list);
}

llvm::Expected<Quantized> quantizeModel(const onnx::ModelProto &model, const Observations &seen,
                                        const Options &options, const llvm::StringSet<> &stayFloat,
                                        const ChannelObservations *channels) {
  Quantized result;
  result.model = model;
  Graph graph(result.model);
  Plan plan = makePlan(graph, options, stayFloat);
  result.notes = plan.notes;
  llvm::StringMap<Scale> scales = chooseScales(plan, seen, options, result.notes);
  for (const PlannedNode &planned : plan.nodes)
    for (const std::string &value : planned.results)
      result.layers.push_back({planned.node->name(), planned.node->op_type(), value,
                               scales.find(plan.values.find(value)->second.group)->second});
  result.readBack = insertQdq(graph, plan, scales, options, channels);
  if (llvm::Error error = finishModel(result.model, options))
    return std::move(error);
  return std::move(result);
}

llvm::Error finishModel(onnx::ModelProto &model, const Options &options) {
  dropUnused(model);
  model.set_producer_name("onnx-quantize");
  model.set_producer_version(compilerVersion());
  // Inference finds what the checker does not: operands that contradict each other.
  onnx::ModelProto inferred = model;
  if (llvm::Error error = inferTypes(inferred, options.model))
    return error;
  return checkMade(model, options.model);
}

/// The values whose ranges must be seen.
static std::vector<std::string> observedValues(const Plan &plan) {
  std::vector<std::string> values;
  for (const auto &[name, value] : plan.values)
    if (!value.constant)
      values.push_back(name);
  return values;
}

namespace {

/// What the ways of quantising share: the model before, and what runs it.
struct Work {
  const Options &options;
  ModelFile file;
  Simplified simplified;
  run::Request request;
  std::optional<CalibrationSet> samples; ///< none where none were given
  Runner runner;
  std::unique_ptr<Engine> floatEngine; ///< the float model as it is, where something is measured

  Work(const Options &options, ModelFile file, Simplified simplified, run::Request request,
       const run::Arguments &arguments)
      : options(options), file(std::move(file)), simplified(simplified), request(std::move(request)),
        runner{arguments, this->request, options.model} {}

  /// Opens the samples, and starts to compile the float model.
  llvm::Error open() {
    if (options.calibration.empty() && !options.isRandom)
      return llvm::Error::success();
    auto info = run::readModelInfo(options.model);
    if (!info)
      return info.takeError();
    auto set = CalibrationSet::open(options, *info, request);
    if (!set)
      return set.takeError();
    samples = std::move(*set);
    if (!options.measures)
      return llvm::Error::success();
    auto example = samples->front();
    if (!example)
      return example.takeError();
    auto started = Engine::start(runner, file.proto, example->inputs);
    if (!started)
      return started.takeError();
    floatEngine = std::move(*started);
    return llvm::Error::success();
  }

  /// Measures what was made, writes it and reports.
  llvm::Error finish(const Quantized &quantized, Observed &observed) {
    for (const std::string &text : quantized.notes)
      note(text);
    auto bytes = serialise(quantized.model, options.model);
    if (!bytes)
      return bytes.takeError();
    Measurement measured;
    measured.simplified = simplified;
    measured.floatFileBytes = file.bytes;
    measured.fileBytes = bytes->size();
    measured.samples = samples ? samples->size().value_or(0) : 0;
    if (floatEngine)
      if (llvm::Error error =
              measure(runner, file.proto, quantized, observed, *floatEngine, *samples, options, measured))
        return error;
    if (llvm::Error error = writeFile(options.output, *bytes))
      return error;
    return report(options, quantized, measured);
  }
};

} // namespace

/// Factors that move between neighbours, and biases to be corrected: what the
/// options ask for before anything is observed.
static llvm::Error prepareWeights(Work &work, std::string &key) {
  const Options &options = work.options;
  onnx::ModelProto &model = work.file.proto;
  if (options.biasCorrection)
    addBiases(model);
  if (options.equalize)
    work.simplified.equalized = equalize(model);
  if (options.smoothing) {
    auto channels = observeChannels(work.runner, model, *work.samples, options);
    if (!channels)
      return channels.takeError();
    work.simplified.smoothed = smooth(model, *channels, *options.smoothing);
  }
  dropUnused(model);
  if (options.equalize)
    key += " equalized";
  if (options.smoothing)
    key += " smoothed " + std::to_string(*options.smoothing);
  return llvm::Error::success();
}

static llvm::Error quantizeActivations(Work &work) {
  const Options &options = work.options;
  // What can be refused without a run comes first.
  if (Graph graph(work.file.proto); makePlan(graph, options, {}).nodes.empty())
    return nothingToQuantize(work.file.proto, options);
  if (llvm::Error error = work.open())
    return error;
  std::string key = work.file.hash;
  if (llvm::Error error = prepareWeights(work, key))
    return error;
  Graph graph(work.file.proto);
  Plan plan = makePlan(graph, options, {});
  auto observed = observe(work.runner, work.file.proto, key, observedValues(plan), *work.samples, options);
  if (!observed)
    return observed.takeError();
  ChannelObservations channels;
  if (options.biasCorrection) {
    auto seen = observeChannels(work.runner, work.file.proto, *work.samples, options);
    if (!seen)
      return seen.takeError();
    channels = std::move(*seen);
  }
  std::optional<Sensitivity> sensitivity;
  llvm::StringSet<> stayFloat;
  if (options.showsSensitivity) {
    auto found = findSensitivity(work.runner, work.file.proto, observed->seen, *work.samples, options);
    if (!found)
      return found.takeError();
    sensitivity = std::move(*found);
    for (const LayerNoise &layer : sensitivity->layers)
      if (layer.staysFloat)
        stayFloat.insert(layer.name);
    if (stayFloat.size() == sensitivity->layers.size())
      return userError(options.model + ": --max-drop holds only where every layer stays float; allow more, or try " +
                       "another --method or --activations=s16");
  }
  auto quantized = quantizeModel(work.file.proto, observed->seen, options, stayFloat,
                                 options.biasCorrection ? &channels : nullptr);
  if (!quantized)
    return quantized.takeError();
  quantized->sensitivity = std::move(sensitivity);
  return work.finish(*quantized, *observed);
}

/// What needs no observation: weights alone, or another float type.
static llvm::Error convertAlone(Work &work) {
  bool isHalf = work.options.precision != Precision::Integers;
  auto quantized = isHalf ? convertPrecision(work.file.proto, work.options)
                          : quantizeWeightsOnly(work.file.proto, work.options);
  if (!quantized)
    return quantized.takeError();
  if (quantized->layers.empty() && quantized->converted == 0)
    return nothingToQuantize(work.file.proto, work.options);
  if (llvm::Error error = work.open())
    return error;
  Observed nothing;
  return work.finish(*quantized, nothing);
}

llvm::Error quantize(const Options &options, const run::Arguments &arguments) {
  auto file = readModel(options.model);
  if (!file)
    return file.takeError();
  if (llvm::Error error = refuseQuantized(*file))
    return error;
  for (const std::string &path : {options.output, options.report, options.state})
    if (!path.empty())
      if (llvm::Error error = probeFile(path))
        return error;
  if (llvm::Error error = raiseOpset(file->proto, neededOpset(options), options.model))
    return error;
  auto simplified = simplify(file->proto, options.model);
  if (!simplified)
    return simplified.takeError();
  auto request = run::Request::parse(arguments, "", "input");
  if (!request)
    return request.takeError();
  Work work(options, std::move(*file), *simplified, std::move(*request), arguments);
  bool needsRanges = options.weightBits == 0 && options.precision == Precision::Integers;
  return needsRanges ? quantizeActivations(work) : convertAlone(work);
}

} // namespace onnxc::quantize
