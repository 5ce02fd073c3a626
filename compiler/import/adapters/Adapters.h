// What an opset adapter is: a function that rewrites one node from the last
// opset version with the old form into the next one. The table is the sum of
// the families' rows; an op with several changes has several rows, applied in
// order of version.
#ifndef ONNXC_COMPILER_IMPORT_ADAPTERS_ADAPTERS_H
#define ONNXC_COMPILER_IMPORT_ADAPTERS_ADAPTERS_H

#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"
#include "onnx/onnx_pb.h"

#include <deque>
#include <initializer_list>
#include <string>
#include <vector>

namespace onnxc::import {

// The node to rewrite, what is known about its values, and where to put the
// nodes that the new form needs besides.
class NodeRewrite {
public:
  NodeRewrite(::onnx::NodeProto &node, TypeScope &types, FreshNames &names)
      : node(node), types(types), names(names) {}

  ::onnx::NodeProto &node;

  bool hasInput(int index) const {
    return index < node.input_size() && !node.input(index).empty();
  }
  bool hasOutput(int index) const {
    return index < node.output_size() && !node.output(index).empty();
  }
  // Extends the inputs with missing ones as needed.
  void setInput(int index, const std::string &name);
  void dropInputsFrom(int index);
  void dropOutputsFrom(int index);

  std::optional<int64_t> rank(int input) const;
  std::optional<int64_t> dim(int input, int axis) const;
  int elementType(int input) const; // 0 if unknown
  // The integers of a constant int32/int64 input.
  std::optional<std::vector<int64_t>> constantIntegers(int input) const;
  std::optional<std::vector<float>> constantFloats(int input) const;

  // A value name not used in the model.
  std::string fresh(const std::string &hint) { return names.make(hint); }

  // New constants before the node; the name of the value is returned.
  std::string integers(const std::vector<int64_t> &values); // 1-D int64
  std::string floats(const std::vector<float> &values);     // 1-D float
  std::string scalar(float value, int elementType);         // 0-D

  // A new node before the node; its only output's name is returned.
  std::string before(const std::string &op,
                     const std::vector<std::string> &inputs,
                     ::onnx::NodeProto **made = nullptr);
  // Lets a new node make the node's output `index` from a fresh value that the
  // node makes instead; that value becomes the new node's first input.
  ::onnx::NodeProto &after(const std::string &op, int index,
                           const std::vector<std::string> &moreInputs = {});

  // Moves an INTS attribute to a constant input; nothing if it is absent.
  void intsToInput(const std::string &attribute, int input);

  // Ends the upgrade of this node: no form of the newest opset says the same.
  [[noreturn]] void fail(const std::string &why) const;

  std::deque<::onnx::NodeProto> nodesBefore, nodesAfter;

private:
  ::onnx::NodeProto &constant(::onnx::TensorProto tensor, std::string &name);
  TypeScope &types;
  FreshNames &names;
};

using Adapter = void (*)(NodeRewrite &);

struct AdapterRow {
  const char *op;
  int lastOldVersion; // the newest opset in which the op has the old form
  Adapter adapt;
};

using AdapterRows = std::vector<AdapterRow>;

// One per file.
AdapterRows elementwiseAdapters();
AdapterRows legacyAdapters();
AdapterRows normalizationAdapters();
AdapterRows reductionAdapters();
AdapterRows resizeAdapters();
AdapterRows shapeAdapters();

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_ADAPTERS_ADAPTERS_H
