// The command as a page: read, simplify, plan, observe, quantise, measure, write.
#include "Quantize.h"
#include "Error.h"
#include "Measure.h"
#include "Proto.h"
#include "Simplify.h"
#include <set>

namespace onnxc::quantize {

using run::note;
using run::userError;

/// QuantizeLinear by channel is of opset 13, of 16-bit integers of opset 21.
static int neededOpset(const Options &options) {
  return options.activations.onnxType == onnx::TensorProto::INT16 ? 21 : 13;
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
                                        const Options &options, const llvm::StringSet<> &stayFloat) {
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
  result.readBack = insertQdq(graph, plan, scales, options);
  dropUnused(result.model);
  result.model.set_producer_name("onnx-quantize");
  result.model.set_producer_version(compilerVersion());
  // Inference finds what the checker does not: operands that contradict each other.
  onnx::ModelProto inferred = result.model;
  if (llvm::Error error = inferTypes(inferred, options.model))
    return std::move(error);
  if (llvm::Error error = checkMade(result.model, options.model))
    return std::move(error);
  return std::move(result);
}

/// The values whose ranges must be seen.
static std::vector<std::string> observedValues(const Plan &plan) {
  std::vector<std::string> values;
  for (const auto &[name, value] : plan.values)
    if (!value.constant)
      values.push_back(name);
  return values;
}

llvm::Error quantize(const Options &options, const run::Arguments &arguments) {
  auto file = readModel(options.model);
  if (!file)
    return file.takeError();
  if (llvm::Error error = refuseQuantized(*file))
    return error;
  if (llvm::Error error = raiseOpset(file->proto, neededOpset(options), options.model))
    return error;
  auto simplified = simplify(file->proto, options.model);
  if (!simplified)
    return simplified.takeError();
  onnx::ModelProto &model = file->proto;

  // What can be refused without a run comes first.
  Graph graph(model);
  Plan plan = makePlan(graph, options, {});
  if (plan.nodes.empty())
    return nothingToQuantize(model, options);
  auto info = run::readModelInfo(options.model);
  if (!info)
    return info.takeError();
  auto request = run::Request::parse(arguments, "", "input");
  if (!request)
    return request.takeError();
  auto samples = CalibrationSet::open(options, *info, *request);
  if (!samples)
    return samples.takeError();

  Runner runner{arguments, *request, options.model};
  // The float model as it is compiles while the observed one compiles and runs.
  std::unique_ptr<Engine> floatEngine;
  if (options.measures) {
    auto example = samples->front();
    if (!example)
      return example.takeError();
    auto started = Engine::start(runner, model, example->inputs);
    if (!started)
      return started.takeError();
    floatEngine = std::move(*started);
  }
  std::string key = file->hash;
  auto observed = observe(runner, model, key, observedValues(plan), *samples, options);
  if (!observed)
    return observed.takeError();
  auto quantized = quantizeModel(model, observed->seen, options, {});
  if (!quantized)
    return quantized.takeError();
  for (const std::string &text : quantized->notes)
    note(text);

  auto bytes = serialise(quantized->model, options.model);
  if (!bytes)
    return bytes.takeError();
  Measurement measured;
  measured.simplified = *simplified;
  measured.floatFileBytes = file->bytes;
  measured.fileBytes = bytes->size();
  measured.samples = samples->size().value_or(0);
  if (options.measures)
    if (llvm::Error error = measure(runner, model, *quantized, *observed, *floatEngine, *samples, options, measured))
      return error;
  if (llvm::Error error = writeFile(options.output, *bytes))
    return error;
  return report(options, *quantized, measured);
}

} // namespace onnxc::quantize
