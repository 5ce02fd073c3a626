// The table of limits, and the check of a parsed model against them. It is the
// first look at the model: whatever recurses into graphs or types, or sums up
// sizes, comes later and need not fear them.
#include "compiler/import/Limits.h"

#include "compiler/import/Check.h"
#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"
#include "compiler/import/TensorData.h"

#include "llvm/ADT/STLExtras.h"

#include <unordered_map>
#include <unordered_set>

namespace onnxc {

llvm::ArrayRef<LimitInfo> limitTable() {
  static const LimitInfo table[] = {
      {"file-bytes", &ImportLimits::fileBytes, "the model file; its external data together"},
      {"nodes", &ImportLimits::nodes, "nodes, with functions inlined"},
      {"nesting", &ImportLimits::nesting, "graphs in graphs, types in types, calls in calls"},
      {"tensor-bytes", &ImportLimits::tensorBytes, "one tensor of the model"},
      {"rank", &ImportLimits::rank, "dimensions of a tensor"},
      {"node-inputs", &ImportLimits::nodeInputs, "inputs or outputs of one node"},
      {"graph-inputs", &ImportLimits::graphInputs, "inputs or outputs of the model"},
      {"fold-bytes", &ImportLimits::foldBytes, "one constant made when compiling"},
  };
  return table;
}

bool setLimit(ImportLimits &limits, llvm::StringRef text, std::string &mistake) {
  llvm::StringRef name = text.split('=').first, number = text.split('=').second;
  const LimitInfo *found = llvm::find_if(limitTable(), [&](const LimitInfo &l) { return name == l.name; });
  if (found == limitTable().end()) {
    mistake = "--limit: got '" + name.str() + "', wanted one of ";
    for (const LimitInfo &l : limitTable())
      mistake += (&l == limitTable().begin() ? "" : ", ") + std::string(l.name);
    return false;
  }
  unsigned shift = 0;
  llvm::StringRef digits = number;
  for (auto [suffix, bits] : {std::pair("K", 10u), {"M", 20u}, {"G", 30u}})
    if (digits.consume_back(suffix))
      shift = bits;
  uint64_t value;
  // Every limit is used in sums of 64 bits.
  if (digits.getAsInteger(10, value) || value == 0 || value > (uint64_t(1) << 60) >> shift) {
    mistake = "--limit " + name.str() + ": got '" + number.str() + "', wanted a number from 1 to 2^60 (suffixes K, M, G)";
    return false;
  }
  limits.*found->value = value << shift;
  return true;
}

std::string beyondLimit(const ImportLimits &limits, uint64_t ImportLimits::*limit) {
  const LimitInfo *found = llvm::find_if(limitTable(), [&](const LimitInfo &l) { return l.value == limit; });
  return "more than the limit of " + std::to_string(limits.*limit) + "; if the model is to be trusted, --limit " + found->name +
         "=N raises it";
}

namespace import {

using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;
using ::onnx::TypeProto;

namespace {

class LimitCheck {
public:
  explicit LimitCheck(const ImportLimits &limits) : limits(limits) {}

  void run(const ModelProto &model) {
    std::unordered_set<std::string> constants;
    for (const TensorProto &tensor : model.graph().initializer())
      constants.insert(tensor.name());
    uint64_t inputs = llvm::count_if(model.graph().input(), [&](const auto &input) { return !constants.count(input.name()); });
    for (auto [count, what] : {std::pair(inputs, " inputs, "), {uint64_t(model.graph().output_size()), " outputs, "}})
      if (count > limits.graphInputs)
        throw ImportError("the model has " + std::to_string(count) + what + beyondLimit(limits, &ImportLimits::graphInputs));
    graph(model.graph(), 1);
    for (const auto &function : model.functions())
      for (const NodeProto &node : function.node())
        this->node(node, 1);
  }

private:
  void graph(const GraphProto &graph, uint64_t depth) {
    if (depth > limits.nesting)
      throw ImportError("graph '" + graph.name() + "' is nested " + std::to_string(depth) + " levels deep, " +
                        beyondLimit(limits, &ImportLimits::nesting));
    for (const TensorProto &tensor : graph.initializer())
      this->tensor(tensor);
    for (const auto &tensor : graph.sparse_initializer())
      sparse(tensor);
    for (const auto *list : {&graph.input(), &graph.output(), &graph.value_info()})
      for (const auto &value : *list)
        type(value.type(), value.name(), 1);
    for (const NodeProto &node : graph.node())
      this->node(node, depth);
    shapeOperands(graph);
  }

  void node(const NodeProto &node, uint64_t depth) {
    if (++nodes > limits.nodes)
      throw ImportError("the model's nodes are " + beyondLimit(limits, &ImportLimits::nodes));
    for (auto [count, what] : {std::pair(node.input_size(), " inputs, "), {node.output_size(), " outputs, "}})
      if (uint64_t(count) > limits.nodeInputs)
        throw ImportError(describe(node) + " has " + std::to_string(count) + what + beyondLimit(limits, &ImportLimits::nodeInputs));
    for (const AttributeProto &attribute : node.attribute()) {
      // Inference makes a list of that length.
      if (attribute.name() == "num_outputs" && attribute.i() > 0 && uint64_t(attribute.i()) > limits.nodeInputs)
        throw ImportError(describe(node) + ": attribute 'num_outputs' is " + std::to_string(attribute.i()) + ", " +
                          beyondLimit(limits, &ImportLimits::nodeInputs));
      if (attribute.has_t())
        tensor(attribute.t());
      for (const TensorProto &tensor : attribute.tensors())
        this->tensor(tensor);
      if (attribute.has_sparse_tensor())
        sparse(attribute.sparse_tensor());
      for (const auto &tensor : attribute.sparse_tensors())
        sparse(tensor);
      if (attribute.has_tp())
        type(attribute.tp(), attribute.name(), 1);
      for (const TypeProto &type : attribute.type_protos())
        this->type(type, attribute.name(), 1);
      if (attribute.has_g())
        graph(attribute.g(), depth + 1);
      for (const GraphProto &nested : attribute.graphs())
        graph(nested, depth + 1);
    }
  }

  /// An operand that is a shape, however long, is the rank of a result.
  void shapeOperands(const GraphProto &graph) {
    std::unordered_map<std::string, int64_t> lengths;
    for (const auto *list : {&graph.input(), &graph.value_info()})
      for (const auto &value : *list)
        if (value.type().tensor_type().shape().dim_size() == 1)
          lengths[value.name()] = value.type().tensor_type().shape().dim(0).dim_value();
    for (const TensorProto &tensor : graph.initializer())
      if (tensor.dims_size() == 1)
        lengths[tensor.name()] = tensor.dims(0);
    static const std::pair<const char *, int> shapes[] = {{"AffineGrid", 1}, {"Col2Im", 1}, {"Col2Im", 2}, {"ConstantOfShape", 0},
                                                          {"Expand", 1}, {"MaxUnpool", 2}, {"Reshape", 1}, {"Tile", 1}};
    for (const NodeProto &node : graph.node())
      for (auto [op, operand] : shapes)
        if (node.op_type() == op && operand < node.input_size())
          if (auto found = lengths.find(node.input(operand)); found != lengths.end() && found->second > int64_t(limits.rank))
            throw ImportError(describe(node) + ": shape '" + found->first + "' has " + std::to_string(found->second) + " dimensions, " +
                              beyondLimit(limits, &ImportLimits::rank));
  }

  void rank(int dims, const std::string &who) {
    if (uint64_t(dims) > limits.rank)
      throw ImportError(who + " has rank " + std::to_string(dims) + ", " + beyondLimit(limits, &ImportLimits::rank));
  }

  void tensor(const TensorProto &tensor) {
    std::string who = "tensor '" + tensor.name() + "'";
    rank(tensor.dims_size(), who);
    if (uint64_t bytes = packedBytes(tensor); bytes > limits.tensorBytes)
      throw ImportError(who + " has " + std::to_string(bytes) + " bytes, " + beyondLimit(limits, &ImportLimits::tensorBytes));
  }

  /// A few bytes of a sparse tensor can claim any size.
  void sparse(const ::onnx::SparseTensorProto &sparse) {
    tensor(sparse.values());
    tensor(sparse.indices());
    TensorProto dense;
    dense.set_name(sparse.values().name());
    dense.set_data_type(sparse.values().data_type());
    *dense.mutable_dims() = sparse.dims();
    std::string who = "sparse tensor '" + dense.name() + "'";
    rank(dense.dims_size(), who);
    if (uint64_t bytes = packedBytes(dense); bytes > limits.foldBytes)
      throw ImportError(who + " takes " + std::to_string(bytes) + " bytes when it is made dense, " + beyondLimit(limits, &ImportLimits::foldBytes));
  }

  void type(const TypeProto &type, const std::string &name, uint64_t depth) {
    if (depth > limits.nesting)
      throw ImportError("the type of '" + name + "' is nested more than " + std::to_string(depth - 1) + " levels deep, " +
                        beyondLimit(limits, &ImportLimits::nesting));
    if (type.has_tensor_type())
      rank(type.tensor_type().shape().dim_size(), "'" + name + "'");
    else if (type.has_sparse_tensor_type())
      rank(type.sparse_tensor_type().shape().dim_size(), "'" + name + "'");
    else if (type.has_sequence_type())
      this->type(type.sequence_type().elem_type(), name, depth + 1);
    else if (type.has_optional_type())
      this->type(type.optional_type().elem_type(), name, depth + 1);
    else if (type.has_map_type())
      this->type(type.map_type().value_type(), name, depth + 1);
  }

  const ImportLimits &limits;
  uint64_t nodes = 0;
};

} // namespace

void checkLimits(const ModelProto &model, const ImportLimits &limits) { LimitCheck(limits).run(model); }

} // namespace import
} // namespace onnxc
