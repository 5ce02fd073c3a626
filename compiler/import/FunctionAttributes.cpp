// ONNX's inliner binds what a call passes, but knows no defaults, and not that
// a default may be due one call further in. Here every set of attributes makes
// a function of its own, from the outermost call inwards, so that the inliner
// finds functions without attributes.
#include "compiler/import/FunctionAttributes.h"

#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"

#include <map>
#include <tuple>
#include <vector>

namespace onnxc::import {

using ::onnx::AttributeProto;
using ::onnx::FunctionProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;

namespace {

using Key = std::tuple<std::string, std::string, std::string>; // domain, name, overload
using Bindings = std::map<std::string, AttributeProto>;

Key keyOf(const FunctionProto &function) {
  return {function.domain(), function.name(), function.overload()};
}
Key keyOf(const NodeProto &node) {
  return {node.domain(), node.op_type(), node.overload()};
}
std::string nameOf(const Key &key) {
  return std::get<0>(key) + "." + std::get<1>(key);
}

bool hasAttributes(const FunctionProto &function) {
  return function.attribute_size() || function.attribute_proto_size();
}

class Binder {
public:
  explicit Binder(ModelProto &model) : model(model) {
    for (const FunctionProto &function : model.functions())
      table.emplace(keyOf(function), function);
  }

  void run() {
    visit(*model.mutable_graph()->mutable_node());
    model.clear_functions();
    for (FunctionProto &function : made)
      *model.add_functions() = std::move(function);
  }

private:
  template <typename Nodes> void visit(Nodes &nodes) {
    for (NodeProto &node : nodes) {
      for (AttributeProto &attribute : *node.mutable_attribute()) {
        if (attribute.has_g())
          visit(*attribute.mutable_g()->mutable_node());
        for (auto &graph : *attribute.mutable_graphs())
          visit(*graph.mutable_node());
      }
      if (auto found = table.find(keyOf(node)); found != table.end())
        call(node, found->second);
    }
  }

  // What the call passes and what the function says where it passes nothing.
  static Bindings bindings(const NodeProto &node, const FunctionProto &function) {
    Bindings bound;
    for (const std::string &name : function.attribute())
      if (const AttributeProto *given = findAttribute(node, name))
        bound[name] = *given;
    for (const AttributeProto &standard : function.attribute_proto()) {
      const AttributeProto *given = findAttribute(node, standard.name());
      bound[standard.name()] = given ? *given : standard;
    }
    return bound;
  }

  void call(NodeProto &node, const FunctionProto &callee) {
    Bindings bound = bindings(node, callee);
    std::string text;
    for (const auto &[name, attribute] : bound)
      text += attribute.SerializeAsString() + '\0';
    auto [known, isNew] = names.try_emplace({keyOf(callee), text});
    if (isNew) {
      FunctionProto function = callee;
      known->second = function.name();
      if (hasAttributes(callee)) {
        known->second = freshName(callee);
        function.set_name(known->second);
        function.clear_overload();
        function.clear_attribute();
        function.clear_attribute_proto();
        substitute(*function.mutable_node(), bound, nameOf(keyOf(callee)));
      }
      visit(*function.mutable_node());
      made.push_back(std::move(function));
    }
    node.set_op_type(known->second);
    if (hasAttributes(callee))
      node.clear_overload();
    node.clear_attribute();
  }

  std::string freshName(const FunctionProto &function) {
    std::string name;
    do
      name = function.name() + "_" + std::to_string(count++);
    while (table.count({function.domain(), name, ""}));
    return name;
  }

  template <typename Nodes>
  static void substitute(Nodes &nodes, const Bindings &bound, const std::string &function) {
    for (NodeProto &node : nodes) {
      auto &attributes = *node.mutable_attribute();
      for (int i = attributes.size() - 1; i >= 0; --i) {
        AttributeProto &attribute = attributes[i];
        if (attribute.ref_attr_name().empty()) {
          if (attribute.has_g())
            substitute(*attribute.mutable_g()->mutable_node(), bound, function);
          for (auto &graph : *attribute.mutable_graphs())
            substitute(*graph.mutable_node(), bound, function);
          continue;
        }
        auto found = bound.find(attribute.ref_attr_name());
        if (found == bound.end()) {
          attributes.DeleteSubrange(i, 1);
          continue;
        }
        const auto wanted = attribute.type(), got = found->second.type();
        std::string name = attribute.name();
        if (wanted != AttributeProto::UNDEFINED && got != wanted)
          throw ImportError(describe(node) + " of model function '" + function +
                            "': its attribute '" + name + "' is @" + found->first +
                            ", for which a call gives a value of type " +
                            AttributeProto::AttributeType_Name(got) + ", wanted " +
                            AttributeProto::AttributeType_Name(wanted));
        attribute = found->second;
        attribute.set_name(name);
      }
    }
  }

  ModelProto &model;
  std::map<Key, FunctionProto> table;                  // as in the file
  std::map<std::pair<Key, std::string>, std::string> names; // of the copies, by what they are bound to
  std::vector<FunctionProto> made;
  int count = 0;
};

} // namespace

void bindFunctionAttributes(ModelProto &model) {
  bool any = false;
  for (const FunctionProto &function : model.functions())
    any |= hasAttributes(function);
  if (any)
    Binder(model).run();
}

} // namespace onnxc::import
