// A view of a model's main graph by names of values: who makes a value, who
// reads it, what it is; and edits that keep the graph in order.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_GRAPH_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_GRAPH_H

#include "compiler/import/GraphUtil.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "onnx/onnx_pb.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace onnxc::quantize {

/// A read of a value: operand `index` of `node`, or -1 where a graph inside of
/// the node reads it.
struct Use {
  onnx::NodeProto *node;
  int index;
};

/// The main graph of a model, indexed. Built anew after edits of the model that
/// do not go through it.
class Graph {
public:
  explicit Graph(onnx::ModelProto &model);

  onnx::ModelProto &model() { return *proto; }
  /// The nodes in their order.
  std::vector<onnx::NodeProto *> nodes();

  /// The node that makes a value; null for inputs and constants.
  onnx::NodeProto *producer(llvm::StringRef value) const;
  llvm::ArrayRef<Use> uses(llvm::StringRef value) const;
  bool isInput(llvm::StringRef value) const { return inputs.contains(value); }
  bool isOutput(llvm::StringRef value) const { return outputs.contains(value); }
  /// The only node that reads the value, which is no output; else null.
  onnx::NodeProto *onlyUser(llvm::StringRef value) const;

  /// The constant's data; null where the value is no initializer.
  onnx::TensorProto *initializer(llvm::StringRef value) const;
  /// TensorProto.DataType; 0 where unknown.
  int elementType(llvm::StringRef value) const;
  bool isFloat(llvm::StringRef value) const { return elementType(value) == onnx::TensorProto::FLOAT; }
  /// The dims, -1 where unknown; nothing where the rank is.
  std::optional<std::vector<int64_t>> dims(llvm::StringRef value) const;

  /// `hint`, or with a number behind it where that name is taken.
  std::string freshName(llvm::StringRef hint);
  /// Adds a constant under a name like `hint`; returns the name. The index
  /// knows it from now on.
  std::string addInitializer(llvm::StringRef hint, onnx::TensorProto tensor);
  std::string addFloats(llvm::StringRef hint, llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> dims);

private:
  onnx::ModelProto *proto;
  llvm::StringSet<> names; ///< all that are taken, in nested graphs too
  llvm::StringMap<onnx::NodeProto *> producers;
  llvm::StringMap<std::vector<Use>> users;
  llvm::StringMap<onnx::TensorProto *> constants;
  llvm::StringMap<const onnx::TypeProto *> types;
  llvm::StringSet<> inputs, outputs;
};

/// The values of a float tensor, which has no external data.
std::vector<float> floatsOf(const onnx::TensorProto &tensor);
void setFloats(onnx::TensorProto &tensor, llvm::ArrayRef<float> values);
int64_t elementsOf(const onnx::TensorProto &tensor);
std::vector<int64_t> dimsOf(const onnx::TensorProto &tensor);

/// Operand `index` of a node; empty where it is missing.
llvm::StringRef operand(const onnx::NodeProto &node, int index);
void setOperand(onnx::NodeProto &node, int index, llvm::StringRef value);

/// Takes out of the main graph the nodes for which `drop` holds.
template <typename Predicate> void eraseNodes(onnx::ModelProto &model, Predicate drop) {
  auto &list = *model.mutable_graph()->mutable_node();
  int kept = 0;
  for (int i = 0; i < list.size(); ++i)
    if (!drop(list.Get(i))) {
      if (i != kept)
        list.SwapElements(i, kept);
      ++kept;
    }
  list.DeleteSubrange(kept, list.size() - kept);
}

/// Puts the nodes of the main graph into an order in which each one follows
/// those that make its operands; otherwise as they stand.
void sortNodes(onnx::ModelProto &model);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_GRAPH_H
