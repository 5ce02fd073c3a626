// Small helpers over ONNX graphs that several import steps share.
#include "compiler/import/GraphUtil.h"

#include "onnx/defs/schema.h"

#include <utility>

namespace onnxc::import {

using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::NodeProto;
using ::onnx::TypeProto;

int newestOpset() {
  return ::onnx::OpSchemaRegistry::DomainToVersionRange::Instance()
      .Map()
      .at(::onnx::ONNX_DOMAIN)
      .second;
}

const AttributeProto *findAttribute(const NodeProto &node,
                                    const std::string &name) {
  for (const AttributeProto &attribute : node.attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

std::optional<int64_t> intAttribute(const NodeProto &node,
                                    const std::string &name) {
  const AttributeProto *attribute = findAttribute(node, name);
  if (!attribute || attribute->type() != AttributeProto::INT)
    return std::nullopt;
  return attribute->i();
}

std::optional<float> floatAttribute(const NodeProto &node,
                                    const std::string &name) {
  const AttributeProto *attribute = findAttribute(node, name);
  if (!attribute || attribute->type() != AttributeProto::FLOAT)
    return std::nullopt;
  return attribute->f();
}

std::optional<std::string> stringAttribute(const NodeProto &node,
                                           const std::string &name) {
  const AttributeProto *attribute = findAttribute(node, name);
  if (!attribute || attribute->type() != AttributeProto::STRING)
    return std::nullopt;
  return attribute->s();
}

std::optional<std::vector<int64_t>> intsAttribute(const NodeProto &node,
                                                  const std::string &name) {
  const AttributeProto *attribute = findAttribute(node, name);
  if (!attribute || attribute->type() != AttributeProto::INTS)
    return std::nullopt;
  return std::vector<int64_t>(attribute->ints().begin(),
                              attribute->ints().end());
}

void removeAttribute(NodeProto &node, const std::string &name) {
  auto &list = *node.mutable_attribute();
  for (int i = list.size() - 1; i >= 0; --i)
    if (list[i].name() == name)
      list.DeleteSubrange(i, 1);
}

static AttributeProto &freshAttribute(NodeProto &node, const std::string &name,
                                      AttributeProto::AttributeType type) {
  removeAttribute(node, name);
  AttributeProto &attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

void setAttribute(NodeProto &node, const std::string &name, int64_t value) {
  freshAttribute(node, name, AttributeProto::INT).set_i(value);
}

void setAttribute(NodeProto &node, const std::string &name, float value) {
  freshAttribute(node, name, AttributeProto::FLOAT).set_f(value);
}

void setAttribute(NodeProto &node, const std::string &name,
                  const std::string &value) {
  freshAttribute(node, name, AttributeProto::STRING).set_s(value);
}

void setAttribute(NodeProto &node, const std::string &name,
                  const std::vector<int64_t> &value) {
  AttributeProto &attribute = freshAttribute(node, name, AttributeProto::INTS);
  for (int64_t item : value)
    attribute.add_ints(item);
}

bool isDefaultDomain(const std::string &domain) {
  return domain.empty() || domain == "ai.onnx";
}

std::string describe(const NodeProto &node) {
  std::string op =
      isDefaultDomain(node.domain()) ? node.op_type()
                                     : node.domain() + "." + node.op_type();
  if (!node.name().empty())
    return "node '" + node.name() + "' (" + op + ")";
  for (const std::string &output : node.output())
    if (!output.empty())
      return "the nameless " + op + " node that makes '" + output + "'";
  return "a nameless " + op + " node";
}

void walkNodes(const GraphProto &graph,
               const std::function<void(const NodeProto &)> &fn) {
  for (const NodeProto &node : graph.node()) {
    fn(node);
    for (const AttributeProto &attribute : node.attribute()) {
      if (attribute.has_g())
        walkNodes(attribute.g(), fn);
      for (const GraphProto &nested : attribute.graphs())
        walkNodes(nested, fn);
    }
  }
}

void walkNodes(GraphProto &graph,
               const std::function<void(NodeProto &)> &fn) {
  for (NodeProto &node : *graph.mutable_node()) {
    fn(node);
    for (AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        walkNodes(*attribute.mutable_g(), fn);
      for (GraphProto &nested : *attribute.mutable_graphs())
        walkNodes(nested, fn);
    }
  }
}

void nameNodes(GraphProto &graph) {
  int index = 0;
  walkNodes(graph, [&](NodeProto &node) {
    if (node.name().empty())
      node.set_name(node.op_type() + "_" + std::to_string(index));
    ++index;
  });
}

void walkGraphs(GraphProto &graph,
                const std::function<void(GraphProto &)> &fn) {
  fn(graph);
  for (NodeProto &node : *graph.mutable_node())
    for (AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        walkGraphs(*attribute.mutable_g(), fn);
      for (GraphProto &nested : *attribute.mutable_graphs())
        walkGraphs(nested, fn);
    }
}

FreshNames::FreshNames(const ::onnx::ModelProto &model) {
  collect(model.graph());
  for (const ::onnx::FunctionProto &function : model.functions()) {
    GraphProto shell;
    used.insert(function.input().begin(), function.input().end());
    used.insert(function.output().begin(), function.output().end());
    for (const NodeProto &node : function.node())
      *shell.add_node() = node;
    collect(shell);
  }
}

void FreshNames::collect(const GraphProto &graph) {
  for (const auto &value : graph.input())
    used.insert(value.name());
  for (const auto &value : graph.output())
    used.insert(value.name());
  for (const auto &tensor : graph.initializer())
    used.insert(tensor.name());
  for (const auto &tensor : graph.sparse_initializer())
    used.insert(tensor.values().name());
  for (const NodeProto &node : graph.node()) {
    used.insert(node.input().begin(), node.input().end());
    used.insert(node.output().begin(), node.output().end());
    for (const AttributeProto &attribute : node.attribute()) {
      if (attribute.has_g())
        collect(attribute.g());
      for (const GraphProto &nested : attribute.graphs())
        collect(nested);
    }
  }
}

std::string FreshNames::make(const std::string &hint) {
  std::string name;
  do
    name = hint + "__" + std::to_string(next++);
  while (!used.insert(name).second);
  return name;
}

// Constants at once, types when asked for: steps move the nodes while they look at types.
TypeScope::TypeScope(const GraphProto &graph, const TypeScope *outer)
    : outer(outer), unread(&graph) {
  for (const ::onnx::TensorProto &tensor : graph.initializer())
    constants[tensor.name()] = &tensor;
  for (const NodeProto &node : graph.node())
    if (node.op_type() == "Constant" && isDefaultDomain(node.domain()) &&
        node.output_size() == 1)
      if (const AttributeProto *value = findAttribute(node, "value"))
        constants[node.output(0)] = &value->t();
}

TypeScope::Types &TypeScope::table() const {
  const GraphProto *graph = std::exchange(unread, nullptr);
  if (!graph)
    return types;
  types.reserve(unsigned(graph->value_info_size() + graph->input_size() + graph->output_size() + graph->initializer_size()));
  for (const auto *list : {&graph->value_info(), &graph->input(), &graph->output()})
    for (const ::onnx::ValueInfoProto &value : *list)
      if (value.has_type())
        types[value.name()] = &value.type();
  for (const ::onnx::TensorProto &tensor : graph->initializer()) {
    TypeProto type;
    type.mutable_tensor_type()->set_elem_type(tensor.data_type());
    auto *shape = type.mutable_tensor_type()->mutable_shape();
    for (int64_t dim : tensor.dims())
      shape->add_dim()->set_dim_value(dim);
    keep(tensor.name(), std::move(type));
  }
  return types;
}

void TypeScope::keep(const std::string &name, TypeProto type) const {
  own.emplace_back(name, std::move(type));
  // The name in the table may be one that the graph holds; its text is the same.
  types[own.back().first] = &own.back().second;
}

const TypeProto *TypeScope::type(const std::string &name) const {
  for (const TypeScope *scope = this; scope; scope = scope->outer) {
    const Types &table = scope->table();
    auto found = table.find(name);
    if (found != table.end())
      return found->second;
  }
  return nullptr;
}

const ::onnx::TensorProto *TypeScope::constant(const std::string &name) const {
  for (const TypeScope *scope = this; scope; scope = scope->outer) {
    auto found = scope->constants.find(name);
    if (found != scope->constants.end())
      return found->second;
  }
  return nullptr;
}

std::optional<int64_t> TypeScope::rank(const std::string &name) const {
  const TypeProto *found = type(name);
  if (!found || !found->has_tensor_type() || !found->tensor_type().has_shape())
    return std::nullopt;
  return found->tensor_type().shape().dim_size();
}

int TypeScope::elementType(const std::string &name) const {
  const TypeProto *found = type(name);
  return found && found->has_tensor_type() ? found->tensor_type().elem_type()
                                           : 0;
}

void TypeScope::setType(const std::string &name, TypeProto type) {
  table();
  keep(name, std::move(type));
}

} // namespace onnxc::import
