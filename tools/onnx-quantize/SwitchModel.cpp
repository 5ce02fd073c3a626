// Building the model with switches.
#include "SwitchModel.h"
#include <cstring>

namespace onnxc::quantize {

run::Tensor SwitchModel::settings(const std::vector<bool> &isOn) const {
  std::vector<float> values(switches, 0.0f);
  for (size_t i = 0; i < layers.size(); ++i)
    if (isOn[i])
      for (size_t index : layers[i].switches)
        values[index] = 1;
  run::Tensor tensor(onnx::TensorProto::FLOAT, static_cast<int64_t>(switches));
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

namespace {

class Builder {
public:
  Builder(SwitchModel &result, Graph &graph, const Plan &plan, const llvm::StringMap<Scale> &scales,
          const Options &options)
      : result(result), graph(graph), plan(plan), scales(scales), options(options) {}

  void run() {
    result.input = graph.freshName("switches");
    for (const PlannedNode &planned : plan.nodes) {
      if (planned.row->role == Role::Move || planned.row->role == Role::Join)
        continue;
      SwitchModel::Layer layer{planned.node->name(), planned.node->op_type(), {}};
      for (int index : planned.activations)
        addSwitch(layer, planned.node->input(index));
      for (const std::string &value : planned.results)
        addSwitch(layer, value);
      if (planned.hasWeights) {
        layer.switches.push_back(result.switches);
        switchWeights(planned, result.switches++);
      }
      result.layers.push_back(std::move(layer));
    }
    for (const auto &[name, index] : ofValue)
      switchValue(name, index);
    onnx::GraphProto &proto = *graph.model().mutable_graph();
    for (onnx::NodeProto &node : added)
      *proto.add_node() = std::move(node);
    proto.clear_value_info();
    onnx::ValueInfoProto &input = *proto.add_input();
    input.set_name(result.input);
    auto &type = *input.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_value(static_cast<int64_t>(result.switches));
    sortNodes(graph.model());
  }

private:
  SwitchModel &result;
  Graph &graph;
  const Plan &plan;
  const llvm::StringMap<Scale> &scales;
  const Options &options;
  std::vector<onnx::NodeProto> added;
  ByName<size_t> ofValue;

  /// Constants are few and small; they stay float here.
  void addSwitch(SwitchModel::Layer &layer, const std::string &value) {
    if (plan.values.find(value)->second.constant)
      return;
    auto [it, isNew] = ofValue.insert({value, result.switches});
    result.switches += isNew;
    layer.switches.push_back(it->second);
  }

  std::string addNode(llvm::StringRef op, llvm::ArrayRef<std::string> inputs, llvm::StringRef name) {
    onnx::NodeProto &node = added.emplace_back();
    node.set_op_type(op.str());
    for (const std::string &input : inputs)
      node.add_input(input);
    std::string value = name.str().empty() ? graph.freshName("switch_" + op.str()) : name.str();
    node.add_output(value);
    node.set_name(value + "_node");
    return value;
  }

  /// value + switch * (rounded - value), as `name` where one is given.
  std::string choose(const std::string &value, const std::string &rounded, size_t index, llvm::StringRef name = "") {
    onnx::TensorProto position;
    position.set_data_type(onnx::TensorProto::INT64);
    int64_t number = static_cast<int64_t>(index);
    position.set_raw_data(&number, sizeof number);
    std::string at = graph.addInitializer("switch_index", std::move(position));
    std::string isOn = addNode("Gather", {result.input, at}, "");
    std::string error = addNode("Sub", {rounded, value}, "");
    return addNode("Add", {value, addNode("Mul", {error, isOn}, "")}, name);
  }

  void switchValue(const std::string &name, size_t index) {
    const Scale &scale = scales.find(plan.values.find(name)->second.group)->second;
    onnx::TensorProto zero;
    zero.set_data_type(options.activations.onnxType);
    zero.add_int32_data(scale.zero);
    std::string scaleName = graph.addFloats("switch_scale", scale.scale, {});
    std::string zeroName = graph.addInitializer("switch_zero", std::move(zero));
    std::string source = name;
    bool isResult = graph.isOutput(name) && graph.producer(name);
    if (isResult) {
      source = graph.freshName(name + "_float");
      onnx::NodeProto &maker = *graph.producer(name);
      std::replace(maker.mutable_output()->begin(), maker.mutable_output()->end(), name, source);
    }
    std::string stored = addNode("QuantizeLinear", {source, scaleName, zeroName}, "");
    std::string rounded = addNode("DequantizeLinear", {stored, scaleName, zeroName}, "");
    std::string chosen = choose(source, rounded, index, isResult ? llvm::StringRef(name) : "");
    for (const Use &use : graph.uses(name))
      if (use.index >= 0)
        use.node->set_input(use.index, chosen);
  }

  void switchWeights(const PlannedNode &planned, size_t index) {
    onnx::NodeProto &node = *planned.node;
    const onnx::TensorProto &weights = *graph.initializer(node.input(1));
    QuantizedWeights made = quantizeWeights(node, weights, 1, {}, options.perChannel);
    onnx::TensorProto values;
    values.set_data_type(onnx::TensorProto::INT8);
    for (int64_t dim : weights.dims())
      values.add_dims(dim);
    values.set_raw_data(made.values.data(), made.values.size());
    int64_t count = static_cast<int64_t>(made.scales.size());
    std::string stored = graph.addInitializer("switch_weights", std::move(values));
    std::string scale = graph.addFloats("switch_scale", made.scales,
                                        options.perChannel ? llvm::ArrayRef(count) : llvm::ArrayRef<int64_t>());
    std::string rounded = addNode("DequantizeLinear", {stored, scale}, "");
    if (options.perChannel)
      import::setAttribute(added.back(), "axis", static_cast<int64_t>(made.axis));
    node.set_input(1, choose(node.input(1), rounded, index));
  }
};

} // namespace

SwitchModel makeSwitchModel(const onnx::ModelProto &model, const Observations &seen, const Options &options) {
  SwitchModel result;
  result.model = model;
  Graph graph(result.model);
  Plan plan = makePlan(graph, options, {});
  std::vector<std::string> notes;
  llvm::StringMap<Scale> scales = chooseScales(plan, seen, options, notes);
  Builder(result, graph, plan, scales, options).run();
  return result;
}

} // namespace onnxc::quantize
