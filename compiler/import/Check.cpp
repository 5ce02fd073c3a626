// Checks a model before the import works on it: ONNX's own checker for the
// form, our limits for what the checker lets pass, and one report of all ops
// that ONNX does not know.
#include "compiler/import/Check.h"

#include "compiler/import/Contrib.h"
#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"

#include "onnx/checker.h"
#include "onnx/defs/schema.h"

#include <algorithm>
#include <map>
#include <set>

namespace onnxc::import {

using ::onnx::FunctionProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;

namespace {

constexpr size_t maxReportLines = 50;

using FunctionKey = std::pair<std::string, std::string>; // domain, name

struct Function {
  const FunctionProto *proto = nullptr;
  uint64_t nodes = 0; // after inlining
  int depth = 0;
  bool done = false, open = false;
};

std::map<FunctionKey, Function> functionTable(const ModelProto &model) {
  std::map<FunctionKey, Function> table;
  for (const FunctionProto &function : model.functions())
    table[{function.domain(), function.name()}].proto = &function;
  return table;
}

template <typename Nodes>
void visit(const Nodes &nodes, const std::function<void(const NodeProto &)> &fn) {
  for (const NodeProto &node : nodes) {
    fn(node);
    for (const auto &attribute : node.attribute()) {
      if (attribute.has_g())
        visit(attribute.g().node(), fn);
      for (const auto &graph : attribute.graphs())
        visit(graph.node(), fn);
    }
  }
}

// Sizes a function after inlining, depth first with the depth limited.
void measure(std::map<FunctionKey, Function> &table, const FunctionKey &key,
             uint64_t level, const ImportLimits &limits) {
  Function &function = table[key];
  if (function.done)
    return;
  std::string name = key.first + "." + key.second;
  if (function.open)
    throw ImportError("model function '" + name + "' calls itself; ONNX does "
                      "not allow recursion");
  if (level > limits.nesting)
    throw ImportError("model functions call each other " + std::to_string(level) +
                      " levels deep, at '" + name + "', " +
                      beyondLimit(limits, &ImportLimits::nesting));
  function.open = true;
  visit(function.proto->node(), [&](const NodeProto &node) {
    FunctionKey callee{node.domain(), node.op_type()};
    auto found = table.find(callee);
    if (found == table.end()) {
      ++function.nodes;
    } else {
      measure(table, callee, level + 1, limits);
      function.nodes += found->second.nodes;
    }
    function.nodes = std::min(function.nodes, limits.nodes + 1);
  });
  function.open = false;
  function.done = true;
}

// Inlining gives the values of a body new names; what the body does not make
// would then be looked for around the call.
void checkResults(const FunctionProto &function) {
  std::set<std::string> made(function.input().begin(), function.input().end());
  for (const NodeProto &node : function.node())
    made.insert(node.output().begin(), node.output().end());
  for (const std::string &output : function.output())
    if (!made.count(output))
      throw ImportError("model function '" + function.domain() + "." + function.name() +
                        "' does not make its output '" + output + "'");
}

void checkFunctions(const ModelProto &model,
                    std::map<FunctionKey, Function> &table,
                    const ImportLimits &limits) {
  for (const FunctionProto &function : model.functions())
    checkResults(function);
  for (const FunctionProto &function : model.functions())
    measure(table, {function.domain(), function.name()}, 0, limits);
  uint64_t total = 0;
  visit(model.graph().node(), [&](const NodeProto &node) {
    auto found = table.find({node.domain(), node.op_type()});
    total += found == table.end() ? 1 : found->second.nodes;
    total = std::min(total, limits.nodes + 1);
  });
  if (total > limits.nodes)
    throw ImportError("the model's nodes, its functions inlined, are " +
                      beyondLimit(limits, &ImportLimits::nodes));
}

// ONNX deprecated an op's first form that models use and an adapter upgrades.
bool hasUpgradableOldForm(const std::string &op, const std::string &domain) {
  return domain.empty() && op == "GroupNormalization";
}

// Collects every node that neither ONNX nor the model defines.
void checkOps(const ModelProto &model,
              const std::map<FunctionKey, Function> &table) {
  const auto *registry = ::onnx::OpSchemaRegistry::Instance();
  std::vector<std::string> lines;
  auto check = [&](const NodeProto &node, int version) {
    if (table.count({node.domain(), node.op_type()}) || isContribOp(node))
      return;
    if (version == 0) {
      lines.push_back(unsupportedLine(
          node, 0, "the model imports no opset for this domain; add the "
                   "domain to opset_import or define the function in it"));
      return;
    }
    const auto *schema =
        registry->GetSchema(node.op_type(), version, node.domain());
    if (schema && (!schema->deprecated() ||
                   hasUpgradableOldForm(node.op_type(), node.domain())))
      return;
    if (schema)
      lines.push_back(unsupportedLine(
          node, version, "ONNX removed this op in or before this opset; "
                         "export with an older opset"));
    else if (registry->GetSchema(node.op_type(), newestOpset(), node.domain()))
      lines.push_back(unsupportedLine(
          node, version, "the op does not exist in this opset yet; export "
                         "with a newer opset"));
    else if (isDefaultDomain(node.domain()))
      lines.push_back(unsupportedLine(
          node, version, "ONNX has no such op; export without it"));
    else
      lines.push_back(unsupportedLine(
          node, version, "custom ops are not supported; export with standard "
                         "ops or give the op as a model function"));
  };
  visit(model.graph().node(), [&](const NodeProto &node) {
    check(node, opsetVersion(model, node.domain()));
  });
  for (const FunctionProto &function : model.functions())
    visit(function.node(), [&](const NodeProto &node) {
      int version = 0;
      for (const auto &import : function.opset_import())
        if (import.domain() == node.domain())
          version = int(import.version());
      check(node, version);
    });
  if (!lines.empty())
    throwUnsupported(lines);
}

void normaliseNode(NodeProto &node) {
  if (node.domain() == "ai.onnx")
    node.set_domain("");
}

template <typename Imports> void normaliseImports(Imports &imports) {
  std::set<std::string> seen;
  for (int i = 0; i < imports.size();) {
    if (imports[i].domain() == "ai.onnx")
      imports[i].set_domain("");
    if (seen.insert(imports[i].domain()).second)
      ++i;
    else
      imports.DeleteSubrange(i, 1);
  }
}

void normaliseType(::onnx::TypeProto &type, const std::string &name) {
  if (type.has_sequence_type())
    return normaliseType(*type.mutable_sequence_type()->mutable_elem_type(),
                         name);
  if (type.has_optional_type())
    return normaliseType(*type.mutable_optional_type()->mutable_elem_type(),
                         name);
  if (!type.has_tensor_type())
    return;
  int element = type.tensor_type().elem_type();
  if (!::onnx::TensorProto::DataType_IsValid(element))
    throw ImportError("'" + name + "' has the unknown element type " +
                      std::to_string(element));
  if (!type.tensor_type().has_shape())
    return;
  for (auto &dim : *type.mutable_tensor_type()->mutable_shape()->mutable_dim()) {
    if (!dim.has_dim_value() || dim.dim_value() >= 0)
      continue;
    if (dim.dim_value() != -1)
      throw ImportError("'" + name + "' has the negative dimension " +
                        std::to_string(dim.dim_value()));
    dim.clear_value();
  }
}

std::string firstParagraph(const std::string &text) {
  std::string line = text.substr(0, text.find("\n\n"));
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

// The schemas as the checker shall see them: such a form passes for the newest
// one, which has the same operands.
class LenientRegistry : public ::onnx::ISchemaRegistry {
public:
  const ::onnx::OpSchema *GetSchema(const std::string &op, int version,
                                    const std::string &domain) const override {
    const auto *registry = ::onnx::OpSchemaRegistry::Instance();
    const auto *schema = registry->GetSchema(op, version, domain);
    if (schema && schema->deprecated() && hasUpgradableOldForm(op, domain))
      return registry->GetSchema(op, newestOpset(), domain);
    return schema;
  }
};

void runChecker(const ReadModel &model) {
  const ModelProto &proto = model.proto;
  ::onnx::checker::CheckerContext context;
  LenientRegistry registry;
  context.set_schema_registry(&registry);
  // Exporters leave out the shapes of outputs, which the checker takes only of
  // nested graphs; unknown input types are reported when they are needed.
  context.set_is_main_graph(false);
  // Functions of other opsets are upgraded on their own.
  context.set_skip_opset_compatibility_check(true);
  context.set_ir_version(int(proto.ir_version()));
  context.set_model_dir("#");
  std::unordered_map<std::string, int> imports;
  for (const auto &import : proto.opset_import())
    imports[import.domain()] = int(import.version());
  context.set_opset_imports(imports);
  ::onnx::checker::LexicalScopeContext lexical;
  ::onnx::checker::check_graph(proto.graph(), context, lexical);
  if (proto.functions_size())
    ::onnx::checker::check_model_local_functions(proto, context, lexical);
}

} // namespace

// ONNX Runtime's optimisers write some of their ops without a domain, and
// LayerNormalization in opsets that did not have it yet.
static void nameContribDomain(ModelProto &model) {
  const char *domain = "com.microsoft";
  int version = opsetVersion(model, "");
  if (!version)
    return; // what has no domain is of none that the model imports
  bool any = false;
  walkNodes(*model.mutable_graph(), [&](NodeProto &node) {
    if (!node.domain().empty() || ::onnx::OpSchemaRegistry::Instance()->GetSchema(node.op_type(), version, ""))
      return;
    node.set_domain(domain);
    if (isContribOp(node))
      any = true;
    else
      node.set_domain("");
  });
  if (any && !opsetVersion(model, domain)) {
    auto &import = *model.add_opset_import();
    import.set_domain(domain);
    import.set_version(1);
  }
}

void normalise(ModelProto &model) {
  if (!model.has_graph())
    throw ImportError("the file has no graph; it is not an ONNX model");
  normaliseImports(*model.mutable_opset_import());
  if (model.opset_import().empty() && model.ir_version() < 3) {
    auto &import = *model.add_opset_import();
    import.set_domain("");
    import.set_version(1);
  }
  walkNodes(*model.mutable_graph(), normaliseNode);
  nameContribDomain(model);
  walkGraphs(*model.mutable_graph(), [](::onnx::GraphProto &graph) {
    for (auto *list : {graph.mutable_input(), graph.mutable_output(),
                       graph.mutable_value_info()})
      for (auto &value : *list)
        normaliseType(*value.mutable_type(), value.name());
  });
  for (FunctionProto &function : *model.mutable_functions()) {
    normaliseImports(*function.mutable_opset_import());
    for (NodeProto &node : *function.mutable_node()) {
      normaliseNode(node);
      for (auto &attribute : *node.mutable_attribute())
        if (attribute.has_g())
          walkNodes(*attribute.mutable_g(), normaliseNode);
    }
  }
}

int opsetVersion(const ModelProto &model, const std::string &domain) {
  for (const auto &import : model.opset_import())
    if (import.domain() == domain)
      return int(import.version());
  return 0;
}

// The checker's message about a model that it refuses; it tells nodes by their
// names, so that those without one get one.
static std::string checkerMessage(ReadModel &model) {
  nameNodes(*model.proto.mutable_graph());
  try {
    runChecker(model);
  } catch (const std::exception &error) {
    return firstParagraph(error.what());
  }
  return "";
}

void checkModel(ReadModel &model, const ImportLimits &limits) {
  const ModelProto &proto = model.proto;
  if (proto.ir_version() <= 0)
    throw ImportError("the model has no IR version; it is not an ONNX model");
  if (proto.ir_version() > ::onnx::IR_VERSION)
    throw ImportError(
        "the model has IR version " + std::to_string(proto.ir_version()) +
        ", newer than the newest supported " +
        std::to_string(int(::onnx::IR_VERSION)) + "; export with an older one");
  if (proto.opset_import().empty())
    throw ImportError("the model imports no opset; export it again");
  for (const auto &import : proto.opset_import()) {
    if (import.version() < 1 || import.version() > 1000000)
      throw ImportError("opset version " + std::to_string(import.version()) +
                        " of domain '" + import.domain() + "' is no version");
    if (import.domain().empty() && import.version() > newestOpset())
      throw ImportError("the model uses opset " +
                        std::to_string(import.version()) +
                        ", newer than the newest supported " +
                        std::to_string(newestOpset()) +
                        "; export with an older one");
  }
  auto table = functionTable(proto);
  checkFunctions(proto, table, limits);
  checkOps(proto, table);
  try {
    runChecker(model);
  } catch (const std::exception &) {
    throw ImportError("the model is not valid: " + checkerMessage(model));
  }
}

void checkRewritten(const ReadModel &model, const std::string &step) {
  try {
    runChecker(model);
  } catch (const std::exception &error) {
    throw InternalImportError(step + " made an invalid graph: " +
                              firstParagraph(error.what()));
  }
}

std::string unsupportedLine(const NodeProto &node, int opset,
                            const std::string &remedy) {
  std::string name = node.name();
  for (int i = 0; name.empty() && i < node.output_size(); ++i)
    name = node.output(i);
  std::string domain = node.domain().empty() ? "ai.onnx" : node.domain();
  return "node '" + name + "': op " + node.op_type() + ", domain " + domain +
         (opset ? ", opset " + std::to_string(opset) : std::string()) + ": " +
         remedy;
}

void throwUnsupported(const std::vector<std::string> &lines) {
  std::string text = "the model uses " + std::to_string(lines.size()) +
                     " unsupported node" + (lines.size() == 1 ? "" : "s") + ":";
  for (size_t i = 0; i < lines.size() && i < maxReportLines; ++i)
    text += "\n  " + lines[i];
  if (lines.size() > maxReportLines)
    text += "\n  and " + std::to_string(lines.size() - maxReportLines) + " more";
  throw UnsupportedError(text);
}

} // namespace onnxc::import
