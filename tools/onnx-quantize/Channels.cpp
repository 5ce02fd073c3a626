// Sums and maxima by channel.
#include "Channels.h"
#include "Observe.h"
#include "OpTable.h"
#include <cmath>

namespace onnxc::quantize {

int channelAxis(const onnx::NodeProto &node, size_t rank) {
  bool isConvolution = node.op_type() == "Conv" || node.op_type() == "ConvTranspose";
  return isConvolution ? 1 : static_cast<int>(rank) - 1;
}

/// Adds the elements of one run to a value's sums.
static void addRun(ChannelStatistics &statistics, std::vector<int64_t> &counts, llvm::ArrayRef<float> elements,
                   llvm::ArrayRef<int64_t> dims, size_t axis) {
  size_t inner = 1, count = static_cast<size_t>(dims[axis]);
  for (size_t d = axis + 1; d < dims.size(); ++d)
    inner *= static_cast<size_t>(dims[d]);
  statistics.mean.resize(count);
  statistics.largest.resize(count);
  counts.resize(count);
  for (size_t i = 0; i + inner <= elements.size(); i += inner) {
    size_t channel = i / inner % count;
    double sum = 0;
    float top = statistics.largest[channel];
    for (size_t k = i; k < i + inner; ++k) {
      sum += elements[k];
      top = std::max(top, std::fabs(elements[k]));
    }
    statistics.mean[channel] += sum;
    statistics.largest[channel] = top;
    counts[channel] += static_cast<int64_t>(inner);
  }
}

llvm::Expected<ChannelObservations> observeChannels(const Runner &runner, onnx::ModelProto &model,
                                                    const CalibrationSet &samples, const Options &options) {
  Graph graph(model);
  ChannelObservations result;
  llvm::StringMap<std::vector<int64_t>> counts;
  llvm::StringMap<const onnx::NodeProto *> readers;
  std::vector<std::string> values;
  for (onnx::NodeProto *node : graph.nodes()) {
    const OpRow *row = opRow(*node);
    if (!row || row->role != Role::Weighted || !graph.initializer(node->input(1)) || !graph.isFloat(node->input(0)) ||
        graph.initializer(node->input(0)))
      continue;
    if (readers.try_emplace(node->input(0), node).second)
      values.push_back(node->input(0));
  }
  auto example = samples.front();
  if (!example)
    return example.takeError();
  auto add = [&](const std::string &value, llvm::ArrayRef<float> elements, llvm::ArrayRef<int64_t> dims) {
    size_t axis = static_cast<size_t>(channelAxis(*readers[value], dims.size()));
    addRun(result[value], counts[value], elements, dims, axis);
  };
  std::vector<std::string> inputs, made;
  for (const std::string &value : values)
    (graph.isInput(value) ? inputs : made).push_back(value);
  auto portions = inPortions(model, made);
  if (portions.empty())
    portions.emplace_back();
  for (size_t p = 0; p < portions.size(); ++p) {
    std::unique_ptr<Engine> engine;
    if (!portions[p].empty()) {
      auto created = Engine::create(runner, withOutputs(model, portions[p]), example->inputs);
      if (!created)
        return created.takeError();
      engine = std::move(*created);
    }
    ProgressBar bar("channels", samples.size(), options.showProgress);
    llvm::Error error = samples.forEach(0, [&](Sample &sample) -> llvm::Error {
      for (const std::string &name : inputs)
        if (const run::Tensor *tensor = run::findTensor(sample.inputs, name); tensor && p == 0)
          add(name, {reinterpret_cast<const float *>(tensor->bytes.data()), tensor->bytes.size() / sizeof(float)},
              tensor->dims);
      if (engine)
        if (llvm::Error failure = engine->run(sample.inputs))
          return failure;
      for (size_t i = 0; i < portions[p].size(); ++i) {
        const onnxc_tensor &tensor = engine->outputs()[i];
        add(portions[p][i], engine->output(i), {tensor.dims, static_cast<size_t>(tensor.rank)});
      }
      bar.step();
      return llvm::Error::success();
    });
    if (error)
      return std::move(error);
  }
  for (auto &entry : result)
    for (size_t c = 0; c < entry.second.mean.size(); ++c)
      entry.second.mean[c] /= static_cast<double>(std::max<int64_t>(counts[entry.first()][c], 1));
  return std::move(result);
}

} // namespace onnxc::quantize
