// Function bodies, by way of ONNX's inliner: a node to expand is turned into a
// call of a model-local function made for it, so that the inliner's renaming
// serves model functions and schema functions alike.
#include "compiler/import/Functions.h"

#include "compiler/import/Check.h"
#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"
#include "compiler/import/Upgrade.h"

#include "onnx/defs/schema.h"
#include "onnx/inliner/inliner.h"

#include <algorithm>
#include <unordered_set>

namespace onnxc::import {

using ::onnx::FunctionProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::OpSchema;

namespace {

const char *const expansionDomain = "onnxc.expansion";

void setImport(FunctionProto &function, const std::string &domain,
               int version) {
  for (auto &import : *function.mutable_opset_import())
    if (import.domain() == domain)
      return import.set_version(version);
  auto &import = *function.add_opset_import();
  import.set_domain(domain);
  import.set_version(version);
}

int importOf(const FunctionProto &function, const std::string &domain) {
  for (const auto &import : function.opset_import())
    if (import.domain() == domain)
      return int(import.version());
  return 0;
}

// Gives the node the attributes that its schema defaults, because the body
// refers to them.
void addDefaults(NodeProto &node, const OpSchema &schema) {
  for (const auto &[name, attribute] : schema.attributes())
    if (!attribute.default_value.name().empty() && !findAttribute(node, name))
      *node.add_attribute() = attribute.default_value;
}

// Fills `function` with the body for this node; false if its schema has none
// for the node's types.
bool buildBody(const NodeProto &node, const OpSchema &schema, int opset,
               const TypeScope &scope, FunctionProto &function) {
  if (schema.HasFunction()) {
    const FunctionProto *body = schema.GetFunction(opset);
    if (!body)
      return false;
    function = *body;
    return true;
  }
  if (!schema.HasContextDependentFunction())
    return false;
  int version = 0;
  for (int candidate : schema.context_dependent_function_opset_versions())
    if (candidate <= opset)
      version = std::max(version, candidate);
  if (version == 0)
    return false;
  std::vector<::onnx::TypeProto> types;
  for (const std::string &input : node.input()) {
    const ::onnx::TypeProto *type = scope.type(input);
    types.push_back(type ? *type : ::onnx::TypeProto());
  }
  ::onnx::FunctionBodyBuildContextImpl context(node, types);
  try {
    if (!schema.BuildContextDependentFunction(context, function, version))
      return false;
  } catch (const std::exception &) {
    // The body needs a type that inference did not find.
    return false;
  }
  return true;
}

class Expander {
public:
  Expander(ModelProto &model, const OpPredicate &known)
      : model(model), known(known) {}

  bool run() {
    visit(*model.mutable_graph(), nullptr);
    if (count == 0)
      return false;
    auto &import = *model.add_opset_import();
    import.set_domain(expansionDomain);
    import.set_version(1);
    // Bodies may use other domains than the model does.
    for (const FunctionProto &function : model.functions())
      for (const auto &wanted : function.opset_import())
        if (opsetVersion(model, wanted.domain()) == 0)
          *model.add_opset_import() = wanted;
    inlineModelFunctions(model);
    auto &imports = *model.mutable_opset_import();
    for (int i = imports.size() - 1; i >= 0; --i)
      if (imports[i].domain() == expansionDomain)
        imports.DeleteSubrange(i, 1);
    return true;
  }

private:
  void visit(GraphProto &graph, const TypeScope *outer) {
    TypeScope scope(graph, outer);
    for (NodeProto &node : *graph.mutable_node()) {
      for (auto &attribute : *node.mutable_attribute())
        if (attribute.has_g())
          visit(*attribute.mutable_g(), &scope);
      if (!known(node))
        expand(node, scope);
    }
  }

  void expand(NodeProto &node, const TypeScope &scope) {
    int opset = opsetVersion(model, node.domain());
    const OpSchema *schema = ::onnx::OpSchemaRegistry::Instance()->GetSchema(
        node.op_type(), opset, node.domain());
    if (!schema)
      return;
    addDefaults(node, *schema);
    FunctionProto function;
    if (!buildBody(node, *schema, opset, scope, function))
      return;
    int from = importOf(function, "");
    if (from == 0)
      from = node.domain().empty() ? schema->since_version() : newestOpset();
    upgradeFunction(function, from, describe(node));
    setImport(function, "", newestOpset());
    function.set_domain(expansionDomain);
    function.set_name(node.op_type() + std::to_string(count++));
    // What goes wrong in the body is told of the node.
    auto name = [&](NodeProto &part) { part.set_name(node.name() + "/" + part.op_type()); };
    for (NodeProto &part : *function.mutable_node()) {
      name(part);
      for (auto &attribute : *part.mutable_attribute())
        if (attribute.has_g())
          walkNodes(*attribute.mutable_g(), name);
    }
    node.set_domain(expansionDomain);
    node.set_op_type(function.name());
    *model.add_functions() = std::move(function);
  }

  ModelProto &model;
  const OpPredicate &known;
  int count = 0;
};

// Uses of values, counted over a graph and the graphs nested in it.
void countUses(const GraphProto &graph,
               std::unordered_map<std::string, int> &uses) {
  for (const auto &output : graph.output())
    ++uses[output.name()];
  for (const NodeProto &node : graph.node()) {
    for (const std::string &input : node.input())
      ++uses[input];
    for (const auto &attribute : node.attribute())
      if (attribute.has_g())
        countUses(attribute.g(), uses);
  }
}

void dropUses(const GraphProto &graph,
              std::unordered_map<std::string, int> &uses) {
  for (const auto &output : graph.output())
    --uses[output.name()];
  for (const NodeProto &node : graph.node()) {
    for (const std::string &input : node.input())
      --uses[input];
    for (const auto &attribute : node.attribute())
      if (attribute.has_g())
        dropUses(attribute.g(), uses);
  }
}

void removeDeadNodes(GraphProto &graph,
                     std::unordered_map<std::string, int> &uses) {
  auto &nodes = *graph.mutable_node();
  std::vector<NodeProto *> all(size_t(nodes.size()));
  nodes.ExtractSubrange(0, nodes.size(), all.data());
  std::vector<NodeProto *> kept;
  for (auto node = all.rbegin(); node != all.rend(); ++node) {
    bool used = std::any_of(
        (*node)->output().begin(), (*node)->output().end(),
        [&](const std::string &output) {
          return !output.empty() && uses[output] > 0;
        });
    if (used) {
      for (auto &attribute : *(*node)->mutable_attribute())
        if (attribute.has_g())
          removeDeadNodes(*attribute.mutable_g(), uses);
      kept.push_back(*node);
      continue;
    }
    for (const std::string &input : (*node)->input())
      --uses[input];
    for (const auto &attribute : (*node)->attribute())
      if (attribute.has_g())
        dropUses(attribute.g(), uses);
    delete *node;
  }
  for (auto node = kept.rbegin(); node != kept.rend(); ++node)
    nodes.AddAllocated(*node);
}

template <typename List, typename NameOf, typename Dead>
void eraseIf(List &list, NameOf nameOf, Dead dead) {
  // Swaps pointers only: tensors are not copied.
  int kept = 0;
  for (int i = 0; i < list.size(); ++i)
    if (!dead(nameOf(list[i]))) {
      if (kept != i)
        list.SwapElements(kept, i);
      ++kept;
    }
  list.DeleteSubrange(kept, list.size() - kept);
}

} // namespace

void inlineModelFunctions(ModelProto &model) {
  if (model.functions_size() == 0)
    return;
  try {
    ::onnx::inliner::InlineLocalFunctions(model);
  } catch (const std::exception &error) {
    throw ImportError(std::string("the model's functions cannot be inlined: ") +
                      error.what());
  }
  if (model.functions_size())
    throw ImportError(
        "model function '" + model.functions(0).domain() + "." +
        model.functions(0).name() + "' imports another version of an opset "
        "than the model; export both with one version");
}

bool functionOpsetsDiffer(const ModelProto &model) {
  for (const FunctionProto &function : model.functions()) {
    int version = importOf(function, "");
    if (version != 0 && version != opsetVersion(model, ""))
      return true;
  }
  return false;
}

bool expandFunctionOps(ModelProto &model, const OpPredicate &known) {
  return Expander(model, known).run();
}

void removeDead(ModelProto &model) {
  GraphProto &main = *model.mutable_graph();
  std::unordered_map<std::string, int> uses;
  countUses(main, uses);
  removeDeadNodes(main, uses);
  auto unused = [&](const std::string &name) { return uses[name] <= 0; };
  std::unordered_set<std::string> constants;
  for (const auto &tensor : main.initializer())
    constants.insert(tensor.name());
  for (const auto &tensor : main.sparse_initializer())
    constants.insert(tensor.values().name());
  eraseIf(
      *main.mutable_input(),
      [](const ::onnx::ValueInfoProto &value) { return value.name(); },
      [&](const std::string &name) { return constants.count(name) != 0; });
  walkGraphs(main, [&](GraphProto &graph) {
    eraseIf(
        *graph.mutable_initializer(),
        [](const ::onnx::TensorProto &tensor) { return tensor.name(); },
        unused);
    eraseIf(
        *graph.mutable_sparse_initializer(),
        [](const ::onnx::SparseTensorProto &tensor) {
          return tensor.values().name();
        },
        unused);
  });
}

} // namespace onnxc::import
