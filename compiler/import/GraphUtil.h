// Small helpers over ONNX graphs that several import steps share: attribute
// access, walking nested graphs, names for messages, fresh value names.
#ifndef ONNXC_COMPILER_IMPORT_GRAPHUTIL_H
#define ONNXC_COMPILER_IMPORT_GRAPHUTIL_H

#include "onnx/onnx_pb.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringRef.h"

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace onnxc::import {

// The newest ai.onnx opset, to which every model is upgraded.
int newestOpset();

const ::onnx::AttributeProto *findAttribute(const ::onnx::NodeProto &node,
                                            const std::string &name);
std::optional<int64_t> intAttribute(const ::onnx::NodeProto &node,
                                    const std::string &name);
std::optional<float> floatAttribute(const ::onnx::NodeProto &node,
                                    const std::string &name);
std::optional<std::string> stringAttribute(const ::onnx::NodeProto &node,
                                           const std::string &name);
std::optional<std::vector<int64_t>>
intsAttribute(const ::onnx::NodeProto &node, const std::string &name);
void removeAttribute(::onnx::NodeProto &node, const std::string &name);
void setAttribute(::onnx::NodeProto &node, const std::string &name,
                  int64_t value);
void setAttribute(::onnx::NodeProto &node, const std::string &name,
                  float value);
void setAttribute(::onnx::NodeProto &node, const std::string &name,
                  const std::string &value);
void setAttribute(::onnx::NodeProto &node, const std::string &name,
                  const std::vector<int64_t> &value);

// "ai.onnx" and "" are the same domain; the second form is used throughout.
bool isDefaultDomain(const std::string &domain);

// How messages call a node: 'name' (Op), or the first output when nameless.
std::string describe(const ::onnx::NodeProto &node);

// Names the nameless nodes "<op>_<position>", so that messages can tell them
// and what is made of them.
void nameNodes(::onnx::GraphProto &graph);

// Calls `fn` for each node of the graph and of the graphs nested in it.
void walkNodes(const ::onnx::GraphProto &graph,
               const std::function<void(const ::onnx::NodeProto &)> &fn);
void walkNodes(::onnx::GraphProto &graph,
               const std::function<void(::onnx::NodeProto &)> &fn);
// Calls `fn` for the graph and each graph nested in it, outer first.
void walkGraphs(::onnx::GraphProto &graph,
                const std::function<void(::onnx::GraphProto &)> &fn);

// Names not yet used anywhere in a model.
class FreshNames {
public:
  explicit FreshNames(const ::onnx::ModelProto &model);
  std::string make(const std::string &hint);

private:
  void collect(const ::onnx::GraphProto &graph);
  std::unordered_set<std::string> used;
  int next = 0;
};

// Types of values by name for a graph and the graphs around it. It points into
// the graph, whose declarations must outlive it: every step of the import makes
// one, and copies of all types would cost more than the step. The table of types
// is made when the first is asked for.
class TypeScope {
public:
  explicit TypeScope(const ::onnx::GraphProto &graph,
                     const TypeScope *outer = nullptr);
  TypeScope() = default;
  // Null if unknown.
  const ::onnx::TypeProto *type(const std::string &name) const;
  // The constant's tensor, from an initializer or a Constant node; or null.
  const ::onnx::TensorProto *constant(const std::string &name) const;
  std::optional<int64_t> rank(const std::string &name) const;
  // TensorProto.DataType; 0 if unknown.
  int elementType(const std::string &name) const;
  void setType(const std::string &name, ::onnx::TypeProto type);
  void addConstant(const std::string &name, const ::onnx::TensorProto *tensor) {
    constants[name] = tensor;
  }

private:
  using Types = llvm::DenseMap<llvm::StringRef, const ::onnx::TypeProto *>;
  Types &table() const;
  void keep(const std::string &name, ::onnx::TypeProto type) const;

  const TypeScope *outer = nullptr;
  mutable const ::onnx::GraphProto *unread = nullptr; // null once `types` has its types
  mutable Types types;
  // What no graph declares: types of initializers and of new values.
  mutable std::deque<std::pair<std::string, ::onnx::TypeProto>> own;
  std::unordered_map<std::string, const ::onnx::TensorProto *> constants;
};

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_GRAPHUTIL_H
