// Checks the types of all values against the schemas of the ops: the checker
// looks at the form only, and inference takes what the first operand says.
#include "compiler/import/TypeCheck.h"

#include "compiler/import/Check.h"
#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"

#include "onnx/defs/data_type_utils.h"
#include "onnx/defs/schema.h"

#include <algorithm>
#include <map>

namespace onnxc::import {

using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::OpSchema;
using ::onnx::TypeProto;

namespace {

// "tensor(float)"; empty if the element type is not known.
std::string typeName(const TypeProto &type) {
  switch (type.value_case()) {
  case TypeProto::kTensorType:
    // A number that is no type is reported where the tensor is read.
    if (type.tensor_type().elem_type() == 0 ||
        !::onnx::TensorProto::DataType_IsValid(type.tensor_type().elem_type()))
      return "";
    break;
  case TypeProto::kSequenceType:
    if (typeName(type.sequence_type().elem_type()).empty())
      return "";
    break;
  case TypeProto::kOptionalType:
    if (typeName(type.optional_type().elem_type()).empty())
      return "";
    break;
  default:
    return "";
  }
  return *::onnx::Utils::DataTypeUtils::ToType(type);
}

std::string listed(const ::onnx::DataTypeSet &types) {
  std::vector<std::string> names;
  for (const auto &type : types)
    names.push_back(*type);
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Whether input `index` takes the type in any version of the op. Newer versions
// dropped types by oversight (integers of ReduceLogSum) from models that an
// upgrade brought there; what cannot be computed, lowering says.
bool takesType(const OpSchema &newest, size_t index, const std::string &type) {
  const OpSchema *schema = &newest;
  while (schema) {
    const auto &formals = schema->inputs();
    // An operand that the version does not have takes nothing there.
    bool has = index < formals.size() ||
               (!formals.empty() &&
                formals.back().GetOption() == OpSchema::Variadic);
    if (has &&
        formals[std::min(index, formals.size() - 1)].GetTypes().count(
            ::onnx::Utils::DataTypeUtils::ToType(type)))
      return true;
    if (schema->SinceVersion() <= 1)
      return false;
    schema = ::onnx::OpSchemaRegistry::Instance()->GetSchema(
        newest.Name(), schema->SinceVersion() - 1, newest.domain());
  }
  return false;
}

void checkNode(const NodeProto &node, const OpSchema &schema,
               const TypeScope &scope) {
  // Type parameter ("T") to what it stands for, and the operand that said so.
  std::map<std::string, std::pair<std::string, std::string>> bound;
  const auto &formals = schema.inputs();
  for (int i = 0; i < node.input_size(); ++i) {
    const TypeProto *type = scope.type(node.input(i));
    if (node.input(i).empty() || !type || formals.empty())
      continue;
    const auto &formal = formals[std::min(size_t(i), formals.size() - 1)];
    std::string name = typeName(*type);
    if (name.empty())
      continue;
    std::string who = describe(node) + ": input '" + node.input(i) + "'";
    if (!takesType(schema, size_t(i), name))
      throw ImportError(who + ": got " + name + ", wanted " +
                        listed(formal.GetTypes()));
    bool isFree = formal.GetOption() == OpSchema::Variadic &&
                  !formal.GetIsHomogeneous();
    if (isFree)
      continue;
    auto [place, isNew] =
        bound.emplace(formal.GetTypeStr(), std::pair(name, node.input(i)));
    if (!isNew && place->second.first != name)
      throw ImportError(who + ": got " + name + ", wanted " +
                        place->second.first + " as of input '" +
                        place->second.second + "'; convert one with Cast");
  }
}

void checkGraph(const GraphProto &graph, const ModelProto &model,
                const TypeScope *outer) {
  TypeScope scope(graph, outer);
  for (const NodeProto &node : graph.node()) {
    const OpSchema *schema = ::onnx::OpSchemaRegistry::Instance()->GetSchema(
        node.op_type(), opsetVersion(model, node.domain()), node.domain());
    if (schema)
      checkNode(node, *schema, scope);
    for (const auto &attribute : node.attribute())
      if (attribute.has_g())
        checkGraph(attribute.g(), model, &scope);
  }
}

} // namespace

void checkTypes(const ModelProto &model) {
  checkGraph(model.graph(), model, nullptr);
}

} // namespace onnxc::import
