// The index of a graph, and helpers over protos.
#include "Graph.h"
#include <algorithm>
#include <cstring>
#include <functional>
#include <queue>

namespace onnxc::quantize {

/// Calls `fn` for each name that the node's nested graphs read.
static void nestedReads(const onnx::NodeProto &node, const std::function<void(const std::string &)> &fn) {
  auto visit = [&](const onnx::GraphProto &graph) {
    import::walkNodes(graph, [&](const onnx::NodeProto &inner) {
      for (const std::string &name : inner.input())
        fn(name);
    });
    for (const auto &output : graph.output())
      fn(output.name());
  };
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g())
      visit(attribute.g());
    for (const onnx::GraphProto &graph : attribute.graphs())
      visit(graph);
  }
}

Graph::Graph(onnx::ModelProto &model) : proto(&model) {
  onnx::GraphProto &graph = *model.mutable_graph();
  for (onnx::TensorProto &tensor : *graph.mutable_initializer())
    constants[tensor.name()] = &tensor;
  for (const auto &list : {&graph.value_info(), &graph.input(), &graph.output()})
    for (const onnx::ValueInfoProto &value : *list)
      types[value.name()] = &value.type();
  for (const auto &value : graph.input())
    inputs.insert(value.name());
  for (const auto &value : graph.output())
    outputs.insert(value.name());
  import::walkGraphs(graph, [&](onnx::GraphProto &inner) {
    for (const onnx::TensorProto &tensor : inner.initializer())
      names.insert(tensor.name());
    for (const auto &list : {&inner.input(), &inner.output()})
      for (const onnx::ValueInfoProto &value : *list)
        names.insert(value.name());
  });
  import::walkNodes(graph, [&](onnx::NodeProto &node) {
    names.insert(node.input().begin(), node.input().end());
    names.insert(node.output().begin(), node.output().end());
  });
  for (onnx::NodeProto &node : *graph.mutable_node()) {
    for (const std::string &name : node.output())
      if (!name.empty())
        producers[name] = &node;
    for (int i = 0; i < node.input_size(); ++i)
      if (!node.input(i).empty())
        users[node.input(i)].push_back({&node, i});
    nestedReads(node, [&](const std::string &name) { users[name].push_back({&node, -1}); });
  }
}

std::string Graph::freshName(llvm::StringRef hint) {
  std::string name = hint.str();
  for (int number = 2; !names.insert(name).second; ++number)
    name = hint.str() + "_" + std::to_string(number);
  return name;
}

std::vector<onnx::NodeProto *> Graph::nodes() {
  std::vector<onnx::NodeProto *> list;
  for (onnx::NodeProto &node : *proto->mutable_graph()->mutable_node())
    list.push_back(&node);
  return list;
}

onnx::NodeProto *Graph::producer(llvm::StringRef value) const { return producers.lookup(value); }

llvm::ArrayRef<Use> Graph::uses(llvm::StringRef value) const {
  auto it = users.find(value);
  return it == users.end() ? llvm::ArrayRef<Use>() : llvm::ArrayRef<Use>(it->second);
}

onnx::NodeProto *Graph::onlyUser(llvm::StringRef value) const {
  llvm::ArrayRef<Use> all = uses(value);
  return all.size() == 1 && all[0].index >= 0 && !isOutput(value) ? all[0].node : nullptr;
}

onnx::TensorProto *Graph::initializer(llvm::StringRef value) const { return constants.lookup(value); }

int Graph::elementType(llvm::StringRef value) const {
  if (const onnx::TensorProto *tensor = initializer(value))
    return tensor->data_type();
  const onnx::TypeProto *type = types.lookup(value);
  return type && type->has_tensor_type() ? type->tensor_type().elem_type() : 0;
}

std::optional<std::vector<int64_t>> Graph::dims(llvm::StringRef value) const {
  if (const onnx::TensorProto *tensor = initializer(value))
    return dimsOf(*tensor);
  const onnx::TypeProto *type = types.lookup(value);
  if (!type || !type->has_tensor_type() || !type->tensor_type().has_shape())
    return std::nullopt;
  std::vector<int64_t> result;
  for (const auto &dim : type->tensor_type().shape().dim())
    result.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
  return result;
}

std::string Graph::addInitializer(llvm::StringRef hint, onnx::TensorProto tensor) {
  std::string name = freshName(hint);
  tensor.set_name(name);
  onnx::TensorProto *added = proto->mutable_graph()->add_initializer();
  *added = std::move(tensor);
  constants[name] = added;
  return name;
}

std::string Graph::addFloats(llvm::StringRef hint, llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> dims) {
  onnx::TensorProto tensor;
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (int64_t dim : dims)
    tensor.add_dims(dim);
  setFloats(tensor, values);
  return addInitializer(hint, std::move(tensor));
}

std::vector<float> floatsOf(const onnx::TensorProto &tensor) {
  if (!tensor.has_raw_data())
    return {tensor.float_data().begin(), tensor.float_data().end()};
  std::vector<float> values(tensor.raw_data().size() / sizeof(float));
  std::memcpy(values.data(), tensor.raw_data().data(), values.size() * sizeof(float));
  return values;
}

void setFloats(onnx::TensorProto &tensor, llvm::ArrayRef<float> values) {
  tensor.clear_float_data();
  tensor.set_raw_data(values.data(), values.size() * sizeof(float));
}

std::vector<int64_t> dimsOf(const onnx::TensorProto &tensor) { return {tensor.dims().begin(), tensor.dims().end()}; }

int64_t elementsOf(const onnx::TensorProto &tensor) {
  int64_t count = 1;
  for (int64_t dim : tensor.dims())
    count *= dim;
  return count;
}

llvm::StringRef operand(const onnx::NodeProto &node, int index) {
  return index < node.input_size() ? llvm::StringRef(node.input(index)) : llvm::StringRef();
}

void setOperand(onnx::NodeProto &node, int index, llvm::StringRef value) {
  while (node.input_size() <= index)
    node.add_input();
  node.set_input(index, value.str());
}

void sortNodes(onnx::ModelProto &model) {
  auto &list = *model.mutable_graph()->mutable_node();
  llvm::StringMap<int> makers;
  for (int i = 0; i < list.size(); ++i)
    for (const std::string &name : list.Get(i).output())
      if (!name.empty())
        makers[name] = i;
  std::vector<int> waits(static_cast<size_t>(list.size()), 0);
  std::vector<std::vector<int>> readers(static_cast<size_t>(list.size()));
  for (int i = 0; i < list.size(); ++i) {
    auto reads = [&](const std::string &name) {
      auto it = makers.find(name);
      if (it == makers.end() || it->second == i)
        return;
      readers[static_cast<size_t>(it->second)].push_back(i);
      ++waits[static_cast<size_t>(i)];
    };
    for (const std::string &name : list.Get(i).input())
      reads(name);
    nestedReads(list.Get(i), reads);
  }
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (int i = 0; i < list.size(); ++i)
    if (waits[static_cast<size_t>(i)] == 0)
      ready.push(i);
  std::vector<int> order;
  while (!ready.empty()) {
    int next = ready.top();
    ready.pop();
    order.push_back(next);
    for (int reader : readers[static_cast<size_t>(next)])
      if (--waits[static_cast<size_t>(reader)] == 0)
        ready.push(reader);
  }
  std::vector<onnx::NodeProto *> old(static_cast<size_t>(list.size()));
  list.ExtractSubrange(0, list.size(), old.data());
  for (int index : order)
    list.AddAllocated(old[static_cast<size_t>(index)]);
}

} // namespace onnxc::quantize
