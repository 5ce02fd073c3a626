// Q and DQ nodes.
#include "Qdq.h"
#include "Equalize.h"
#include "Simplify.h"
#include <algorithm>
#include <cmath>

namespace onnxc::quantize {

namespace {

class Inserter {
public:
  Inserter(Graph &graph, const Plan &plan, const llvm::StringMap<Scale> &scales, const Options &options,
           const ChannelObservations *channels)
      : graph(graph), plan(plan), scales(scales), options(options), channels(channels) {}

  ReadBack run() {
    for (const PlannedNode &planned : plan.nodes)
      if (planned.hasWeights)
        addWeights(planned);
    for (const auto &[name, value] : plan.values)
      if (value.constant)
        storeConstant(name, value);
      else
        storeValue(name, value);
    onnx::GraphProto &proto = *graph.model().mutable_graph();
    for (onnx::NodeProto &node : added)
      *proto.add_node() = std::move(node);
    proto.clear_value_info();
    sortNodes(graph.model());
    return std::move(readBack);
  }

private:
  Graph &graph;
  const Plan &plan;
  const llvm::StringMap<Scale> &scales;
  const Options &options;
  const ChannelObservations *channels;
  std::vector<onnx::NodeProto> added;
  ReadBack readBack;
  llvm::StringMap<std::pair<std::string, std::string>> parameters; // scale and zero point of a group

  //===-- Pieces ----------------------------------------------------------===//

  static onnx::TensorProto tensor(int type, llvm::ArrayRef<int64_t> dims, const void *data, size_t bytes) {
    onnx::TensorProto made;
    made.set_data_type(type);
    for (int64_t dim : dims)
      made.add_dims(dim);
    made.set_raw_data(data, bytes);
    return made;
  }

  /// An integer of the activations' type, or several.
  onnx::TensorProto integers(llvm::ArrayRef<int> values, llvm::ArrayRef<int64_t> dims) const {
    int type = options.activations.onnxType;
    if (type == onnx::TensorProto::INT16) {
      std::vector<int16_t> wide(values.begin(), values.end());
      return tensor(type, dims, wide.data(), wide.size() * 2);
    }
    std::vector<uint8_t> bytes(values.begin(), values.end());
    return tensor(type, dims, bytes.data(), bytes.size());
  }

  const std::pair<std::string, std::string> &parametersOf(const std::string &group) {
    auto [it, isNew] = parameters.try_emplace(group);
    if (isNew) {
      const Scale &scale = scales.find(group)->second;
      it->second = {graph.addFloats(group + "_scale", scale.scale, {}),
                    graph.addInitializer(group + "_zero_point", integers(scale.zero, {}))};
    }
    return it->second;
  }

  /// Adds a node; returns the name of its result, `result` or one like `hint`.
  std::string addNode(llvm::StringRef op, llvm::ArrayRef<llvm::StringRef> inputs, llvm::StringRef hint,
                      llvm::StringRef result = "") {
    onnx::NodeProto &node = added.emplace_back();
    node.set_op_type(op.str());
    for (llvm::StringRef input : inputs)
      node.add_input(input.str());
    std::string name = result.empty() ? graph.freshName(hint) : result.str();
    node.add_output(name);
    node.set_name(name + "_" + op.str());
    return name;
  }

  //===-- Values ----------------------------------------------------------===//

  void storeValue(const std::string &name, const PlannedValue &value) {
    const auto &[scale, zero] = parametersOf(value.group);
    std::string source = name;
    bool isResult = graph.isOutput(name) && graph.producer(name);
    if (isResult) {
      // The model's output is what was stored, under the name that it had.
      source = graph.freshName(name + "_float");
      onnx::NodeProto &maker = *graph.producer(name);
      std::replace(maker.mutable_output()->begin(), maker.mutable_output()->end(), name, source);
    }
    std::string stored = addNode("QuantizeLinear", {source, scale, zero}, name + "_quantized");
    std::string back =
        addNode("DequantizeLinear", {stored, scale, zero}, name + "_dequantized", isResult ? name : std::string());
    readBack[name] = back;
    for (const Use &use : graph.uses(name))
      if (use.index >= 0)
        use.node->set_input(use.index, back);
  }

  void storeConstant(const std::string &name, const PlannedValue &value) {
    const Scale &scale = scales.find(value.group)->second;
    const auto &[scaleName, zeroName] = parametersOf(value.group);
    const ActivationType &type = options.activations;
    std::vector<int> levels;
    for (float x : floatsOf(*value.constant))
      levels.push_back(static_cast<int>(
          std::clamp<double>(std::nearbyint(x / scale.scale) + scale.zero, type.low, type.high)));
    std::string stored = graph.addInitializer(name + "_quantized", integers(levels, dimsOf(*value.constant)));
    std::string back = addNode("DequantizeLinear", {stored, scaleName, zeroName}, name + "_dequantized");
    readBack[name] = back;
    for (const PlannedNode &planned : plan.nodes)
      for (int index : planned.activations)
        if (planned.node->input(index) == name)
          planned.node->set_input(index, back);
  }

  //===-- Weights ---------------------------------------------------------===//

  /// bias += (w - stored w) * mean of x, summed over what a channel reads.
  void correctBias(const onnx::NodeProto &node, const onnx::TensorProto &weights, const QuantizedWeights &made,
                   std::vector<float> &bias) const {
    auto seen = channels->find(node.input(0));
    if (seen == channels->end() || node.op_type() == "ConvTranspose")
      return;
    std::vector<int64_t> dims = dimsOf(weights);
    std::vector<float> values = floatsOf(weights);
    std::vector<double> means(values.size());
    forEachInputWeight(node, dims, [&](size_t i, size_t c) { means[i] = seen->second.mean[c]; });
    std::vector<double> shifts(bias.size(), 0);
    forEachWeight(node, dims, [&](size_t i, size_t c) {
      double stored = static_cast<double>(made.values[i]) * made.scales[c % made.scales.size()];
      shifts[c] += (values[i] - stored) * means[i];
    });
    for (size_t c = 0; c < bias.size(); ++c)
      bias[c] = static_cast<float>(bias[c] + shifts[c]);
  }

  void addWeights(const PlannedNode &planned) {
    onnx::NodeProto &node = *planned.node;
    const onnx::TensorProto &weights = *graph.initializer(node.input(1));
    float input = scales.find(plan.values.find(node.input(0))->second.group)->second.scale;
    std::vector<float> bias;
    if (planned.hasBias)
      bias = floatsOf(*graph.initializer(node.input(2)));
    QuantizedWeights made = quantizeWeights(node, weights, input, bias, options.perChannel);
    int64_t count = static_cast<int64_t>(made.scales.size());
    llvm::ArrayRef<int64_t> dims = options.perChannel ? llvm::ArrayRef(count) : llvm::ArrayRef<int64_t>();
    std::string hint = weights.name();
    std::string values = graph.addInitializer(
        hint + "_quantized",
        tensor(onnx::TensorProto::INT8, dimsOf(weights), made.values.data(), made.values.size()));
    std::string scale = graph.addFloats(hint + "_scale", made.scales, dims);
    std::vector<int8_t> zeros(made.scales.size(), 0);
    std::string zero = graph.addInitializer(hint + "_zero_point",
                                            tensor(onnx::TensorProto::INT8, dims, zeros.data(), zeros.size()));
    std::string back = addNode("DequantizeLinear", {values, scale, zero}, hint + "_dequantized");
    if (options.perChannel)
      import::setAttribute(added.back(), "axis", static_cast<int64_t>(made.axis));
    node.set_input(1, back);
    if (!planned.hasBias)
      return;
    if (channels)
      correctBias(node, weights, made, bias);

    std::vector<float> units;
    for (size_t c = 0; c < (options.perChannel ? bias.size() : 1); ++c)
      units.push_back(input * made.scales[c % made.scales.size()]);
    std::vector<int32_t> levels = quantizeBias(bias, units);
    const onnx::TensorProto &row = *graph.initializer(node.input(2));
    int64_t channels = static_cast<int64_t>(units.size());
    llvm::ArrayRef<int64_t> unitDims = options.perChannel ? llvm::ArrayRef(channels) : llvm::ArrayRef<int64_t>();
    std::string biasHint = row.name();
    std::string biasValues = graph.addInitializer(
        biasHint + "_quantized",
        tensor(onnx::TensorProto::INT32, dimsOf(row), levels.data(), levels.size() * sizeof(int32_t)));
    std::string biasScale = graph.addFloats(biasHint + "_scale", units, unitDims);
    std::vector<int32_t> biasZeros(units.size(), 0);
    std::string biasZero = graph.addInitializer(
        biasHint + "_zero_point",
        tensor(onnx::TensorProto::INT32, unitDims, biasZeros.data(), biasZeros.size() * sizeof(int32_t)));
    std::string biasBack = addNode("DequantizeLinear", {biasValues, biasScale, biasZero}, biasHint + "_dequantized");
    if (options.perChannel)
      import::setAttribute(added.back(), "axis", static_cast<int64_t>(row.dims_size()) - 1);
    node.set_input(2, biasBack);
  }
};

} // namespace

ReadBack insertQdq(Graph &graph, const Plan &plan, const llvm::StringMap<Scale> &scales, const Options &options,
                   const ChannelObservations *channels) {
  return Inserter(graph, plan, scales, options, channels).run();
}

} // namespace onnxc::quantize
