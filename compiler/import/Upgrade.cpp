// Old opsets become newer ones, mostly the newest: each node carries the opset version whose form
// it has; while the table has a row for its op at that version or later, the
// row's adapter rewrites it into the form of the next version. Ops whose form
// never changed need no row.
#include "compiler/import/Upgrade.h"

#include "compiler/import/Check.h"
#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"
#include "compiler/import/adapters/Adapters.h"

#include <algorithm>
#include <map>

namespace onnxc::import {

using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;

namespace {

// Per op, the rows in ascending order of version.
using Table = std::map<std::string, AdapterRows>;

const Table &adapterTable() {
  static const Table table = [] {
    Table made;
    for (const AdapterRows &rows :
         {elementwiseAdapters(), legacyAdapters(), normalizationAdapters(),
          reductionAdapters(), resizeAdapters(), shapeAdapters()})
      for (const AdapterRow &row : rows)
        made[row.op].push_back(row);
    for (auto &[op, rows] : made)
      std::sort(rows.begin(), rows.end(),
                       [](const AdapterRow &a, const AdapterRow &b) {
                         return a.lastOldVersion < b.lastOldVersion;
                       });
    return made;
  }();
  return table;
}

// The row for the form of `version`, unless that form lasts until `to`.
const AdapterRow *nextRow(const std::string &op, int version, int to) {
  auto found = adapterTable().find(op);
  if (found == adapterTable().end())
    return nullptr;
  for (const AdapterRow &row : found->second)
    if (row.lastOldVersion >= version)
      return row.lastOldVersion < to ? &row : nullptr;
  return nullptr;
}

class Upgrader {
public:
  Upgrader(FreshNames &names, int to) : names(names), to(to) {}

  void graph(GraphProto &graph, int version, const TypeScope *outer) {
    TypeScope scope(graph, outer);
    nodes(*graph.mutable_node(), version, scope);
  }

  template <typename Nodes>
  void nodes(Nodes &list, int version, TypeScope &scope) {
    std::vector<NodeProto *> old(size_t(list.size()));
    list.ExtractSubrange(0, list.size(), old.data());
    // Constants stay findable while their nodes move.
    for (NodeProto *node : old) {
      std::unique_ptr<NodeProto> owner(node);
      rewrite(std::move(owner), version, scope, list);
    }
  }

  std::vector<std::string> failures;

private:
  // Bodies are upgraded once, when their node is first met; `bodiesDone` says
  // that this was before.
  template <typename Nodes>
  void rewrite(std::unique_ptr<NodeProto> node, int version, TypeScope &scope,
               Nodes &out, bool bodiesDone = false) {
    for (auto &attribute : *node->mutable_attribute())
      if (attribute.has_g() && !bodiesDone)
        graph(*attribute.mutable_g(), version, &scope);
    const AdapterRow *row =
        node->domain().empty() ? nextRow(node->op_type(), version, to) : nullptr;
    if (!row) {
      if (node->op_type() == "Constant" && node->output_size() == 1)
        if (const auto *value = findAttribute(*node, "value"))
          scope.addConstant(node->output(0), &value->t());
      out.AddAllocated(node.release());
      return;
    }
    NodeRewrite step(*node, scope, names);
    std::string before = unsupportedLine(*node, version, "");
    try {
      for (const auto &attribute : node->attribute())
        if (!attribute.ref_attr_name().empty())
          step.fail("inside a model function whose opset is older than the "
                    "model's, an attribute passed by the caller cannot be "
                    "upgraded; export both with one opset");
      row->adapt(step);
    } catch (const ImportError &error) {
      failures.push_back(before + error.what());
      return;
    }
    int next = row->lastOldVersion + 1;
    auto emit = [&](std::deque<NodeProto> &list) {
      for (NodeProto &made : list)
        rewrite(std::make_unique<NodeProto>(std::move(made)), next, scope, out);
    };
    emit(step.nodesBefore);
    rewrite(std::move(node), next, scope, out, /*bodiesDone=*/true);
    emit(step.nodesAfter);
  }

  FreshNames &names;
  const int to;
};

} // namespace

void upgradeModel(ModelProto &model, int to) {
  to = to ? to : newestOpset();
  int version = opsetVersion(model, "");
  FreshNames names(model);
  Upgrader upgrader(names, to);
  if (version)
    upgrader.graph(*model.mutable_graph(), version, nullptr);
  for (auto &function : *model.mutable_functions())
    for (auto &import : *function.mutable_opset_import())
      if (import.domain().empty()) {
        TypeScope none;
        upgrader.nodes(*function.mutable_node(), int(import.version()), none);
        import.set_version(std::max<int64_t>(import.version(), to));
      }
  if (!upgrader.failures.empty())
    throwUnsupported(upgrader.failures);
  for (auto &import : *model.mutable_opset_import())
    if (import.domain().empty())
      import.set_version(std::max<int64_t>(import.version(), to));
  if (version == 0) {
    auto &import = *model.add_opset_import();
    import.set_domain("");
    import.set_version(to);
  }
}

void upgradeFunction(::onnx::FunctionProto &function, int from,
                     const std::string &caller) {
  ModelProto shell;
  *shell.add_functions() = function;
  FreshNames names(shell);
  Upgrader upgrader(names, newestOpset());
  TypeScope none;
  upgrader.nodes(*function.mutable_node(), from, none);
  if (!upgrader.failures.empty())
    throw InternalImportError("the function body of " + caller +
                              " cannot be upgraded: " +
                              upgrader.failures.front());
}

} // namespace onnxc::import
