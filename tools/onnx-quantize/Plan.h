// Which nodes of a graph compute with integers, and which values are stored
// as such: decided on the graph alone, before anything is observed.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_PLAN_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_PLAN_H

#include "Graph.h"
#include "OpTable.h"
#include "Options.h"
#include "ByName.h"
#include "llvm/ADT/StringSet.h"

namespace onnxc::quantize {

/// A node that computes with integers.
struct PlannedNode {
  onnx::NodeProto *node = nullptr;
  const OpRow *row = nullptr;
  std::vector<int> activations;   ///< operands that are values with a scale, constants among them
  bool hasWeights = false;        ///< operand 1 is constant
  bool hasBias = false;           ///< operand 2 is a constant row
  std::vector<std::string> results;
  onnx::NodeProto *clamp = nullptr; ///< the Relu or Clip that is part of it; it makes the result
};

/// A value that is stored as integers.
struct PlannedValue {
  std::string group;          ///< the value whose scale it has
  onnx::TensorProto *constant = nullptr;
  const OpRow *maker = nullptr; ///< the row of the quantised node that makes it, or null
};

struct Plan {
  std::vector<PlannedNode> nodes;
  ByName<PlannedValue> values; ///< in the order of the graph
  std::vector<std::string> notes;                    ///< what stays float against expectation

  /// Gives the values of the group of `a` the scale of that of `b`.
  void unite(llvm::StringRef a, llvm::StringRef b);
};

/// Plans a simplified graph. Nodes of `stayFloat` (names) and those that the
/// options exclude stay float; so do values that depend on shapes only, what
/// feeds variances, exponents and divisors, and nodes with constants that no
/// scale can hold.
Plan makePlan(Graph &graph, const Options &options, const llvm::StringSet<> &stayFloat);

/// Values that depend on shapes alone: a small error there is another shape.
llvm::StringSet<> findShapeValues(Graph &graph);

/// Whether `name` fits a pattern in which * stands for any text.
bool matches(llvm::StringRef pattern, llvm::StringRef name);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_PLAN_H
