// Ops of other domains, and a few of the standard, that are compositions of
// standard ops become these, before types are inferred: one table row and one function per op.
#include "compiler/import/Contrib.h"

#include "compiler/import/Check.h"
#include "compiler/import/Expansion.h"
#include "compiler/import/Upgrade.h"

#include "onnx/defs/schema.h"

#include <map>
#include <set>

namespace onnxc::import {

using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;

namespace {

using Table = std::map<std::pair<std::string, std::string>, Expand>;

const Table &expansionTable() {
  static const Table table = [] {
    Table made;
    for (const ExpansionRows &rows :
         {contribExpansions(), contribAttentionExpansions(), contribQuantExpansions(), contribRecurrentExpansions(), imageExpansions(), learningExpansions(),
          textExpansions(), trainingExpansions()})
      for (const ExpansionRow &row : rows)
        made[{row.domain, row.op}] = row.expand;
    return made;
  }();
  return table;
}

// What the inputs of a node that an expansion made lack or have too many of; "" if nothing.
std::string badInputs(const NodeProto &node) {
  const auto *schema = ::onnx::OpSchemaRegistry::Instance()->GetSchema(
      node.op_type(), newestOpset(), node.domain());
  if (!schema)
    return "";
  if (node.input_size() > schema->max_input())
    return "it has " + std::to_string(node.input_size()) + " inputs, wanted at most " +
           std::to_string(schema->max_input()) + "; take the others out";
  int index = 0;
  for (const auto &formal : schema->inputs()) {
    if (formal.GetOption() == ::onnx::OpSchema::Single &&
        (index >= node.input_size() || node.input(index).empty()))
      return "its inputs leave " + formal.GetName() + " of " + node.op_type() +
             " without a value; give it all that it needs";
    ++index;
  }
  return "";
}

void expandGraph(GraphProto &graph, const TypeScope *outer, FreshNames &names,
                 std::vector<std::string> &failures) {
  TypeScope scope(graph, outer);
  auto &list = *graph.mutable_node();
  std::vector<NodeProto *> old(size_t(list.size()));
  list.ExtractSubrange(0, list.size(), old.data());
  for (NodeProto *raw : old) {
    std::unique_ptr<NodeProto> node(raw);
    for (auto &attribute : *node->mutable_attribute())
      if (attribute.has_g())
        expandGraph(*attribute.mutable_g(), &scope, names, failures);
    if (!isContribOp(*node)) {
      list.AddAllocated(node.release());
      continue;
    }
    NodeRewrite step(*node, scope, names);
    Expansion expansion(step);
    try {
      expansionTable().at({node->domain(), node->op_type()})(expansion);
    } catch (const ImportError &error) {
      failures.push_back(unsupportedLine(*node, 1, error.what()));
      continue;
    }
    std::set<std::string> results;
    for (const NodeProto &made : step.nodesBefore)
      results.insert(made.output().begin(), made.output().end());
    for (int i = 0; i < node->output_size(); ++i)
      if (!node->output(i).empty() && !results.count(node->output(i))) {
        failures.push_back(unsupportedLine(*node, 1, "it has no output " + std::to_string(i) + " ('" + node->output(i) + "') with these inputs; take it out, or give the inputs it is made of"));
        break;
      }
    for (NodeProto &made : step.nodesBefore) {
      std::string bad = badInputs(made);
      if (!bad.empty()) {
        failures.push_back(unsupportedLine(*node, 1, bad));
        break;
      }
      made.set_name(node->name() + "/" + made.op_type());
      *list.Add() = std::move(made);
    }
  }
}

} // namespace

bool isContribOp(const NodeProto &node) {
  return expansionTable().count({node.domain(), node.op_type()}) != 0;
}

void expandContribOps(ModelProto &model) {
  FreshNames names(model);
  std::vector<std::string> failures;
  expandGraph(*model.mutable_graph(), nullptr, names, failures);
  if (!failures.empty())
    throwUnsupported(failures);
}

} // namespace onnxc::import
