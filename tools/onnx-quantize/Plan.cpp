// The plan: first the nodes that compute, then those that only move what is
// quantised already, then values and the groups that share a scale.
#include "Plan.h"
#include "Simplify.h"
#include "llvm/ADT/SmallPtrSet.h"
#include <cmath>

namespace onnxc::quantize {

bool matches(llvm::StringRef pattern, llvm::StringRef name) {
  auto [head, rest] = pattern.split('*');
  if (!pattern.contains('*'))
    return pattern == name;
  if (!name.consume_front(head))
    return false;
  for (size_t skip = 0; skip <= name.size(); ++skip)
    if (matches(rest, name.drop_front(skip)))
      return true;
  return false;
}

llvm::StringSet<> findShapeValues(Graph &graph) {
  llvm::StringSet<> values;
  for (onnx::NodeProto *node : graph.nodes()) {
    bool isShape = node->op_type() == "Shape" || node->op_type() == "Size";
    bool dependsOnShapes = false, dependsOnData = false;
    for (const std::string &name : node->input()) {
      if (name.empty() || graph.initializer(name))
        continue;
      (values.contains(name) ? dependsOnShapes : dependsOnData) = true;
    }
    if (isShape || (dependsOnShapes && !dependsOnData))
      values.insert(node->output().begin(), node->output().end());
  }
  return values;
}

namespace {

/// Beyond this a number stands for infinity, as in the masks of attention.
constexpr float LargestConstant = 1e30f;

class Planner {
public:
  Planner(Graph &graph, const Options &options, const llvm::StringSet<> &stayFloat)
      : graph(graph), options(options), stayFloat(stayFloat), shapeValues(findShapeValues(graph)) {}

  Plan run() {
    for (onnx::NodeProto *node : graph.nodes())
      if (const OpRow *row = rowOf(*node))
        if (row->role == Role::Weighted || row->role == Role::Compute)
          chosen.insert(node);
    chooseMovers();
    for (onnx::NodeProto *node : graph.nodes())
      if (chosen.contains(node) && !absorbed.contains(node))
        addNode(*node);
    shareScales();
    return std::move(plan);
  }

private:
  Graph &graph;
  const Options &options;
  const llvm::StringSet<> &stayFloat;
  Plan plan;
  const llvm::StringSet<> shapeValues;
  llvm::SmallPtrSet<onnx::NodeProto *, 16> chosen, absorbed;

  //===-- Which nodes -----------------------------------------------------===//

  bool isExcluded(const onnx::NodeProto &node) const {
    if (stayFloat.contains(node.name()))
      return true;
    // Clamps go with the ops that take them.
    if (!options.opTypes.empty() && opRow(node)->role != Role::Clamp &&
        !llvm::is_contained(options.opTypes, node.op_type()))
      return true;
    return llvm::any_of(options.exclude,
                        [&](const std::string &pattern) { return matches(pattern, node.name()); });
  }

  /// The mean that a normalisation subtracts.
  bool isSubtractedMean(const onnx::NodeProto &node) const {
    if (node.op_type() != "ReduceMean")
      return false;
    return llvm::any_of(graph.uses(node.output(0)), [&](const Use &use) {
      return use.node->op_type() == "Sub" && llvm::is_contained(use.node->input(), node.input(0));
    });
  }

  /// Whether all numbers of a constant can share a scale.
  static bool fitsScale(const onnx::TensorProto &constant) {
    return llvm::all_of(floatsOf(constant), [](float value) { return std::fabs(value) < LargestConstant; });
  }

  /// The row of a node that can be quantised, or null.
  const OpRow *rowOf(const onnx::NodeProto &node) {
    const OpRow *row = opRow(node);
    if (!row || isExcluded(node) || shapeValues.contains(node.output(0)))
      return nullptr;
    int count = row->operands < 0 ? node.input_size() : row->operands;
    for (int i = 0; i < count; ++i) {
      if (!graph.isFloat(operand(node, i)))
        return nullptr;
      onnx::TensorProto *constant = graph.initializer(operand(node, i));
      if (constant && elementsOf(*constant) == 0)
        return nullptr;
      if (constant && !fitsScale(*constant)) {
        std::string note = "node '" + node.name() + "' (" + node.op_type() + ") stays float: its constant '" +
                           constant->name() + "' has numbers that are infinite, NaN or beyond 1e30";
        if (!llvm::is_contained(plan.notes, note))
          plan.notes.push_back(note);
        return nullptr;
      }
    }
    // A product of a vector has no channels.
    if (row->role == Role::Weighted) {
      auto dims = graph.dims(node.input(1));
      if (!dims || dims->size() < 2)
        return nullptr;
    }
    return isSubtractedMean(node) || feedsExact(node.output(0)) ? nullptr : row;
  }

  /// Whether a value goes, perhaps with a constant added, where it must be exact,
  /// or into the squares of a variance.
  bool feedsExact(llvm::StringRef value) const {
    return llvm::any_of(graph.uses(value), [&](const Use &use) {
      const onnx::NodeProto &user = *use.node;
      if (use.index < 0 || needsExactOperand(user, use.index))
        return use.index >= 0;
      if (user.op_type() == "Pow" && use.index == 0)
        return llvm::any_of(graph.uses(user.output(0)),
                            [](const Use &next) { return next.node->op_type() == "ReduceMean"; });
      return user.op_type() == "Add" && graph.initializer(user.input(1 - use.index)) && feedsExact(user.output(0));
    });
  }

  /// The node whose clamp `node` can be, where it is quantised itself.
  onnx::NodeProto *clamped(const onnx::NodeProto &node) const {
    onnx::NodeProto *before = graph.producer(node.input(0));
    if (!before || !chosen.contains(before) || graph.onlyUser(node.input(0)) != &node)
      return nullptr;
    const OpRow *row = opRow(*before);
    return row && row->takesClamp ? before : nullptr;
  }

  /// A clamp behind a node that could have taken it, but stays float.
  bool followsFloat(const onnx::NodeProto &node) const {
    if (opRow(node)->role != Role::Clamp)
      return false;
    onnx::NodeProto *before = graph.producer(node.input(0));
    const OpRow *row = before ? opRow(*before) : nullptr;
    return row && row->takesClamp && !chosen.contains(before) && graph.onlyUser(node.input(0)) == &node;
  }

  bool makesIntegers(llvm::StringRef value) const {
    onnx::NodeProto *node = graph.producer(value);
    return node && chosen.contains(node);
  }

  bool feedsIntegers(llvm::StringRef value) const {
    return llvm::any_of(graph.uses(value), [&](const Use &use) {
      return chosen.contains(use.node) && use.index >= 0 && isActivation(*use.node, use.index);
    });
  }

  static bool isActivation(const onnx::NodeProto &node, int index) {
    const OpRow *row = opRow(node);
    return row && (row->operands < 0 || index < row->operands);
  }

  /// Clamps and what only moves values: quantised where a neighbour is.
  void chooseMovers() {
    std::vector<onnx::NodeProto *> candidates;
    for (onnx::NodeProto *node : graph.nodes())
      if (!chosen.contains(node) && rowOf(*node))
        candidates.push_back(node);
    for (bool changed = true; changed;) {
      changed = false;
      for (onnx::NodeProto *node : candidates) {
        if (chosen.contains(node) || followsFloat(*node))
          continue;
        const OpRow *row = opRow(*node);
        int count = row->operands < 0 ? node->input_size() : row->operands;
        bool joins = feedsIntegers(node->output(0));
        for (int i = 0; i < count; ++i)
          joins |= makesIntegers(node->input(i));
        if (joins)
          changed |= chosen.insert(node).second;
      }
    }
    for (onnx::NodeProto *node : candidates)
      if (chosen.contains(node) && opRow(*node)->role == Role::Clamp && clamped(*node))
        absorbed.insert(node);
  }

  //===-- What of them ----------------------------------------------------===//

  PlannedValue &addValue(llvm::StringRef name) {
    auto [it, isNew] = plan.values.insert({name.str(), {}});
    if (isNew) {
      it->second.group = name.str();
      it->second.constant = graph.initializer(name);
    }
    return it->second;
  }

  void addNode(onnx::NodeProto &node) {
    PlannedNode planned;
    planned.node = &node;
    planned.row = opRow(node);
    planned.hasWeights = planned.row->role == Role::Weighted && graph.initializer(node.input(1));
    int count = planned.row->operands < 0 ? node.input_size() : planned.row->operands;
    for (int i = 0; i < count; ++i)
      if (i != 1 || !planned.hasWeights)
        planned.activations.push_back(i);
    if (planned.hasWeights && planned.row->role == Role::Weighted && !operand(node, 2).empty()) {
      onnx::TensorProto *bias = graph.initializer(node.input(2));
      int64_t channels = weightLayout(node, dimsOf(*graph.initializer(node.input(1)))).outputChannels;
      planned.hasBias = bias && bias->data_type() == onnx::TensorProto::FLOAT && elementsOf(*bias) == channels;
    }
    onnx::NodeProto *maker = &node;
    if (onnx::NodeProto *user = graph.onlyUser(node.output(0)))
      if (absorbed.contains(user))
        planned.clamp = maker = user;
    for (const std::string &result : maker->output())
      if (!result.empty() && graph.isFloat(result))
        planned.results.push_back(result);
    for (int index : planned.activations)
      addValue(node.input(index));
    for (const std::string &result : planned.results)
      addValue(result).maker = planned.row;
    plan.nodes.push_back(std::move(planned));
  }

  /// Ops that only move values; Concat waits for the ranges of what it joins.
  void shareScales() {
    for (const PlannedNode &planned : plan.nodes)
      if (planned.row->role == Role::Move)
        for (const std::string &result : planned.results)
          plan.unite(result, planned.node->input(planned.activations.front()));
  }
};

} // namespace

void Plan::unite(llvm::StringRef a, llvm::StringRef b) {
  std::string gone = values.find(a.str())->second.group, kept = values.find(b.str())->second.group;
  for (auto &[name, value] : values)
    if (value.group == gone)
      value.group = kept;
}

Plan makePlan(Graph &graph, const Options &options, const llvm::StringSet<> &stayFloat) {
  return Planner(graph, options, stayFloat).run();
}

} // namespace onnxc::quantize
