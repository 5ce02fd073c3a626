// The tools for spelling out an op in standard ops, and the tables' form.
#ifndef ONNXC_COMPILER_IMPORT_EXPANSION_H
#define ONNXC_COMPILER_IMPORT_EXPANSION_H

#include "compiler/import/adapters/Adapters.h"

namespace onnxc::import {

// A node being spelled out. Everything is emitted before it; it then vanishes.
class Expansion {
public:
  explicit Expansion(NodeRewrite &step) : step(step), node(step.node) {}

  using Name = std::string;
  using Names = std::vector<std::string>;

  Name op(const std::string &type, const Names &inputs) {
    return step.before(type, inputs, &last);
  }
  // The op makes the node's output `index`; nothing if that is left out.
  void result(int index, const Name &value) {
    if (step.hasOutput(index)) {
      op("Identity", {value});
      last->set_output(0, node.output(index));
    }
  }
  template <typename T> Name with(Name value, const char *name, T attribute) {
    setAttribute(*last, name, attribute);
    return value;
  }
  // Copies an attribute of the node to the op made last, if it is there.
  Name keep(Name value, std::initializer_list<const char *> names) {
    for (const char *name : names)
      if (const auto *attribute = findAttribute(node, name))
        *last->add_attribute() = *attribute;
    return value;
  }
  bool has(int index) const { return index >= 0 && step.hasInput(index); }
  Name in(int index) const {
    return index < node.input_size() ? node.input(index) : "";
  }
  Name ints(const std::vector<int64_t> &values) { return step.integers(values); }
  Name intScalar(int64_t value) {
    return op("Squeeze", {step.integers({value})});
  }
  Name dim(const Name &value, int64_t axis) { // 1-D of one element
    op("Shape", {value});
    setAttribute(*last, "start", axis);
    setAttribute(*last, "end", axis + 1);
    return last->output(0);
  }
  Name concat(const Names &values, int64_t axis) {
    return with(op("Concat", values), "axis", axis);
  }
  Name cast(const Name &value, int64_t type) {
    return with(op("Cast", {value}), "to", type);
  }
  int64_t integer(const char *name, int64_t standard) const {
    return intAttribute(node, name).value_or(standard);
  }
  // Lists; empty without the attribute.
  std::vector<int64_t> integers(const char *name) const {
    return intsAttribute(node, name).value_or(std::vector<int64_t>());
  }
  std::vector<float> reals(const char *name) const {
    const auto *attribute = findAttribute(node, name);
    return attribute ? std::vector<float>(attribute->floats().begin(),
                                          attribute->floats().end())
                     : std::vector<float>();
  }
  Name text(const char *name, const char *standard) const {
    return stringAttribute(node, name).value_or(standard);
  }
  float real(const char *name, float standard) const {
    return floatAttribute(node, name).value_or(standard);
  }

  NodeRewrite &step;
  ::onnx::NodeProto &node;
  ::onnx::NodeProto *last = nullptr;
};

using Expand = void (*)(Expansion &);

struct ExpansionRow {
  const char *domain;
  const char *op;
  Expand expand;
};

using ExpansionRows = std::vector<ExpansionRow>;

// One per file.
ExpansionRows contribExpansions();  // com.microsoft
ExpansionRows contribAttentionExpansions(); // com.microsoft, attention
ExpansionRows contribQuantExpansions();     // com.microsoft, quantised
ExpansionRows contribRecurrentExpansions(); // com.microsoft, recurrent
ExpansionRows imageExpansions();    // ai.onnx, images
ExpansionRows learningExpansions(); // ai.onnx.ml
ExpansionRows textExpansions();     // ai.onnx, ops on texts as numbers
ExpansionRows trainingExpansions(); // ai.onnx.preview.training

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_EXPANSION_H
