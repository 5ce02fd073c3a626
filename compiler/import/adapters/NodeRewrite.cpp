// The tools of the opset adapters.
#include "compiler/import/adapters/Adapters.h"

#include "compiler/import/TensorData.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"

#include <cstring>

namespace onnxc::import {

using ::onnx::NodeProto;
using ::onnx::TensorProto;

void NodeRewrite::setInput(int index, const std::string &name) {
  while (node.input_size() <= index)
    node.add_input("");
  node.set_input(index, name);
}

void NodeRewrite::dropInputsFrom(int index) {
  while (node.input_size() > index)
    node.mutable_input()->RemoveLast();
}

void NodeRewrite::dropOutputsFrom(int index) {
  while (node.output_size() > index)
    node.mutable_output()->RemoveLast();
}

std::optional<int64_t> NodeRewrite::rank(int input) const {
  if (!hasInput(input))
    return std::nullopt;
  return types.rank(node.input(input));
}

std::optional<int64_t> NodeRewrite::dim(int input, int axis) const {
  auto known = rank(input);
  if (!known || axis >= *known)
    return std::nullopt;
  const auto &dim = types.type(node.input(input))->tensor_type().shape().dim(axis);
  return dim.has_dim_value() ? std::optional(dim.dim_value()) : std::nullopt;
}

int NodeRewrite::elementType(int input) const {
  return hasInput(input) ? types.elementType(node.input(input)) : 0;
}

std::optional<std::vector<int64_t>>
NodeRewrite::constantIntegers(int input) const {
  const TensorProto *tensor =
      hasInput(input) ? types.constant(node.input(input)) : nullptr;
  std::vector<int64_t> values;
  if (!tensor || !readIntegers(*tensor, values))
    return std::nullopt;
  return values;
}

std::optional<std::vector<float>>
NodeRewrite::constantFloats(int input) const {
  const TensorProto *tensor =
      hasInput(input) ? types.constant(node.input(input)) : nullptr;
  if (!tensor || tensor->data_type() != TensorProto::FLOAT ||
      tensor->data_location() == TensorProto::EXTERNAL)
    return std::nullopt;
  if (!tensor->has_raw_data())
    return std::vector<float>(tensor->float_data().begin(),
                              tensor->float_data().end());
  std::vector<float> values(tensor->raw_data().size() / sizeof(float));
  std::memcpy(values.data(), tensor->raw_data().data(),
              values.size() * sizeof(float));
  return values;
}

NodeProto &NodeRewrite::constant(TensorProto tensor, std::string &name) {
  name = names.make(node.output_size() ? node.output(0) : node.op_type());
  nodesBefore.emplace_back();
  NodeProto &made = nodesBefore.back();
  made.set_op_type("Constant");
  made.set_name(node.name());
  made.add_output(name);
  auto &attribute = *made.add_attribute();
  attribute.set_name("value");
  attribute.set_type(::onnx::AttributeProto::TENSOR);
  *attribute.mutable_t() = std::move(tensor);

  ::onnx::TypeProto type;
  type.mutable_tensor_type()->set_elem_type(attribute.t().data_type());
  auto *shape = type.mutable_tensor_type()->mutable_shape();
  for (int64_t dim : attribute.t().dims())
    shape->add_dim()->set_dim_value(dim);
  types.setType(name, std::move(type));
  return made;
}

std::string NodeRewrite::integers(const std::vector<int64_t> &values) {
  TensorProto tensor;
  tensor.set_data_type(TensorProto::INT64);
  tensor.add_dims(int64_t(values.size()));
  for (int64_t value : values)
    tensor.add_int64_data(value);
  std::string name;
  constant(std::move(tensor), name);
  return name;
}

std::string NodeRewrite::floats(const std::vector<float> &values) {
  TensorProto tensor;
  tensor.set_data_type(TensorProto::FLOAT);
  tensor.add_dims(int64_t(values.size()));
  for (float value : values)
    tensor.add_float_data(value);
  std::string name;
  constant(std::move(tensor), name);
  return name;
}

std::string NodeRewrite::scalar(float value, int elementType) {
  TensorProto tensor;
  tensor.set_data_type(elementType ? elementType : int(TensorProto::FLOAT));
  auto bits = [&](const llvm::fltSemantics &semantics) {
    llvm::APFloat number(value);
    bool lost;
    number.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &lost);
    return int32_t(number.bitcastToAPInt().getZExtValue());
  };
  // For integers.
  auto between = [&](double low, double end) {
    if (!(value >= low && value < end))
      fail("the attribute or default " + std::to_string(value) + " is no number of its element type");
    return value;
  };
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
    tensor.add_float_data(value);
    break;
  case TensorProto::DOUBLE:
    tensor.add_double_data(value);
    break;
  case TensorProto::FLOAT16:
    tensor.add_int32_data(bits(llvm::APFloat::IEEEhalf()));
    break;
  case TensorProto::BFLOAT16:
    tensor.add_int32_data(bits(llvm::APFloat::BFloat()));
    break;
  case TensorProto::INT64:
    tensor.add_int64_data(int64_t(between(-0x1p63, 0x1p63)));
    break;
  case TensorProto::UINT32:
  case TensorProto::UINT64:
    tensor.add_uint64_data(uint64_t(between(0, 0x1p64)));
    break;
  case TensorProto::INT32:
  case TensorProto::INT16:
  case TensorProto::INT8:
  case TensorProto::UINT16:
  case TensorProto::UINT8:
  case TensorProto::BOOL:
    tensor.add_int32_data(int32_t(between(-0x1p31, 0x1p31)));
    break;
  default:
    fail("its element type has no constant of this form");
  }
  std::string name;
  constant(std::move(tensor), name);
  return name;
}

std::string NodeRewrite::before(const std::string &op,
                                const std::vector<std::string> &inputs,
                                NodeProto **made) {
  std::string name = names.make(node.output_size() ? node.output(0) : op);
  nodesBefore.emplace_back();
  NodeProto &created = nodesBefore.back();
  created.set_op_type(op);
  created.set_name(node.name());
  for (const std::string &input : inputs)
    created.add_input(input);
  created.add_output(name);
  if (made)
    *made = &created;
  return name;
}

NodeProto &NodeRewrite::after(const std::string &op, int index,
                              const std::vector<std::string> &moreInputs) {
  std::string result = node.output(index);
  std::string raw = names.make(result);
  node.set_output(index, raw);
  nodesAfter.emplace_front();
  NodeProto &created = nodesAfter.front();
  created.set_op_type(op);
  created.set_name(node.name());
  created.add_input(raw);
  for (const std::string &input : moreInputs)
    created.add_input(input);
  created.add_output(result);
  return created;
}

void NodeRewrite::intsToInput(const std::string &attribute, int input) {
  std::optional<std::vector<int64_t>> values = intsAttribute(node, attribute);
  removeAttribute(node, attribute);
  if (values)
    setInput(input, integers(*values));
}

void NodeRewrite::fail(const std::string &why) const { throw ImportError(why); }

} // namespace onnxc::import
