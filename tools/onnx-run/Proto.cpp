// Reading protobuf files with the onnx library.
#include "Proto.h"
#include "Error.h"
#include "Files.h"
#include "onnxc.h"
#include <climits>
#include <cstring>
#include <onnx/onnx_pb.h>
#include <set>

// After onnx_pb.h, which defines the export macro that it uses.
#include <onnx/onnx-data.pb.h>

namespace onnxc::run {

template <typename Message>
static llvm::Error parse(llvm::StringRef bytes, llvm::StringRef what,
                         const char *kind, Message &message) {
  if (bytes.size() > INT_MAX || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return userError(what + ": not an ONNX " + kind +
                     " in protobuf form; check that the file is complete");
  return llvm::Error::success();
}

//===-- The interface of a model ------------------------------------------===//

static Port describePort(const onnx::ValueInfoProto &info) {
  Port port;
  port.name = info.name();
  const onnx::TypeProto &type = info.type();
  if (type.has_sequence_type())
    port.encoding = ValueEncoding::Sequence;
  else if (type.has_optional_type())
    port.encoding = ValueEncoding::Optional;
  else if (!type.has_tensor_type())
    port.encoding = ValueEncoding::Other;
  if (!type.has_tensor_type())
    return port;
  port.type = type.tensor_type().elem_type();
  port.hasShape = type.tensor_type().has_shape();
  for (const auto &dim : type.tensor_type().shape().dim()) {
    PortDim d;
    if (dim.has_dim_value())
      d.size = dim.dim_value();
    else if (dim.has_dim_param())
      d.symbol = dim.dim_param();
    port.dims.push_back(d);
  }
  return port;
}

static bool isHalf(int32_t type) {
  return type == ONNXC_TYPE_FLOAT16 || type == ONNXC_TYPE_BFLOAT16;
}

static void
collectNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes,
             std::set<std::string> &ops, bool &usesHalf) {
  for (const onnx::NodeProto &node : nodes) {
    bool isDefault = node.domain().empty() || node.domain() == "ai.onnx";
    ops.insert(isDefault ? node.op_type()
                         : node.domain() + "::" + node.op_type());
    for (const onnx::AttributeProto &attribute : node.attribute()) {
      usesHalf |= attribute.has_t() && isHalf(attribute.t().data_type());
      if (attribute.has_g())
        collectNodes(attribute.g().node(), ops, usesHalf);
      for (const onnx::GraphProto &graph : attribute.graphs())
        collectNodes(graph.node(), ops, usesHalf);
    }
  }
}

llvm::Expected<ModelInfo> readModelInfo(llvm::StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  return parseModelInfo((*buffer)->getBuffer(), path);
}

llvm::Expected<ModelInfo> parseModelInfo(llvm::StringRef bytes,
                                         llvm::StringRef what) {
  onnx::ModelProto model;
  if (llvm::Error error = parse(bytes, what, "model", model))
    return error;
  ModelInfo info;
  std::set<std::string> weights, ops;
  for (const onnx::TensorProto &tensor : model.graph().initializer()) {
    weights.insert(tensor.name());
    info.usesHalf |= isHalf(tensor.data_type());
  }
  for (const onnx::ValueInfoProto &input : model.graph().input()) {
    info.inputs.push_back(describePort(input));
    Port &port = info.inputs.back();
    port.hasDefault = weights.count(port.name) != 0;
    info.usesHalf |= isHalf(port.type);
  }
  for (const onnx::ValueInfoProto &output : model.graph().output()) {
    info.outputs.push_back(describePort(output));
    info.usesHalf |= isHalf(info.outputs.back().type);
  }
  collectNodes(model.graph().node(), ops, info.usesHalf);
  for (const onnx::FunctionProto &function : model.functions())
    collectNodes(function.node(), ops, info.usesHalf);
  info.ops.assign(ops.begin(), ops.end());
  return info;
}

//===-- Values ------------------------------------------------------------===//

/// Spreads packed elements of `bits` bits, lowest first, to one byte each.
static void unpack(llvm::StringRef packed, unsigned bits,
                   std::vector<uint8_t> &out) {
  unsigned perByte = 8 / bits, mask = (1u << bits) - 1;
  for (size_t i = 0; i < out.size(); ++i) {
    size_t byte = i / perByte;
    if (byte >= packed.size())
      return;
    out[i] = static_cast<uint8_t>(
        (static_cast<uint8_t>(packed[byte]) >> (i % perByte * bits)) & mask);
  }
}

/// Copies a repeated field whose numbers are at least as wide as the
/// elements; the low bytes count. False when the lengths differ.
template <typename Field>
static bool copyNumbers(const Field &field, unsigned width,
                        std::vector<uint8_t> &out) {
  if (static_cast<size_t>(field.size()) * width != out.size())
    return false;
  for (int i = 0; i < field.size(); ++i) {
    auto value = field.Get(i);
    std::memcpy(out.data() + static_cast<size_t>(i) * width, &value, width);
  }
  return true;
}

/// Fills `tensor` from the typed field of `proto` that its type uses
/// (onnx.proto, comments of TensorProto).
static bool copyTypedField(const onnx::TensorProto &proto,
                           const ElementType &type, Tensor &tensor) {
  switch (type.number) {
  case ONNXC_TYPE_FLOAT:
  case ONNXC_TYPE_COMPLEX64:
    return copyNumbers(proto.float_data(), 4, tensor.bytes);
  case ONNXC_TYPE_DOUBLE:
  case ONNXC_TYPE_COMPLEX128:
    return copyNumbers(proto.double_data(), 8, tensor.bytes);
  case ONNXC_TYPE_INT64:
    return copyNumbers(proto.int64_data(), 8, tensor.bytes);
  case ONNXC_TYPE_UINT32:
  case ONNXC_TYPE_UINT64:
    return copyNumbers(proto.uint64_data(), type.bytes, tensor.bytes);
  default:
    break;
  }
  if (type.bits >= 8 || type.kind == ElementKind::Bool)
    return copyNumbers(proto.int32_data(), type.bytes, tensor.bytes);
  std::string packed;
  for (int32_t value : proto.int32_data())
    packed.push_back(static_cast<char>(value));
  if (packed.size() != (tensor.bytes.size() * type.bits + 7) / 8)
    return false;
  unpack(packed, type.bits, tensor.bytes);
  return true;
}

static llvm::Expected<Tensor> decodeTensor(const onnx::TensorProto &proto,
                                           llvm::StringRef path) {
  const ElementType *type = elementType(proto.data_type());
  if (!type)
    return unsupportedError(path + ": element type " +
                            llvm::Twine(proto.data_type()) +
                            " is not known to this version of onnx-run");
  if (proto.data_location() == onnx::TensorProto::EXTERNAL)
    return userError(path + ": keeps its data in another file; store the "
                            "values of a test inside the file");
  std::vector<int64_t> dims(proto.dims().begin(), proto.dims().end());
  std::optional<int64_t> count = countElements(dims);
  // Even packed types need a bit per element, so this bounds the allocation.
  if (!count || static_cast<uint64_t>(*count) / 8 > proto.ByteSizeLong())
    return userError(path + ": shape " + shapeString(dims) +
                     " does not fit the size of the file");
  Tensor tensor(type->number, dims);
  if (type->kind == ElementKind::String) {
    if (static_cast<size_t>(proto.string_data_size()) != tensor.strings.size())
      return userError(path + ": has " + llvm::Twine(proto.string_data_size()) +
                       " strings, shape " + shapeString(dims) + " needs " +
                       llvm::Twine(*count));
    tensor.strings.assign(proto.string_data().begin(),
                          proto.string_data().end());
    return tensor;
  }
  bool isPacked = type->bits < 8 && type->kind != ElementKind::Bool;
  if (proto.has_raw_data()) {
    llvm::StringRef raw = proto.raw_data();
    size_t wanted = isPacked ? (tensor.bytes.size() * type->bits + 7) / 8
                             : tensor.bytes.size();
    if (raw.size() != wanted)
      return userError(path + ": has " + llvm::Twine(raw.size()) +
                       " bytes of data, shape " + shapeString(dims) + " of " +
                       type->name + " needs " + llvm::Twine(wanted));
    if (isPacked)
      unpack(raw, type->bits, tensor.bytes);
    else if (wanted)
      std::memcpy(tensor.bytes.data(), raw.data(), wanted);
    return tensor;
  }
  if (!copyTypedField(proto, *type, tensor))
    return userError(path + ": number of values differs from shape " +
                     shapeString(dims) + " of " + type->name);
  return tensor;
}

static llvm::Expected<Value> tensorValue(const onnx::TensorProto &proto,
                                         llvm::StringRef path) {
  auto tensor = decodeTensor(proto, path);
  if (!tensor)
    return tensor.takeError();
  Value value;
  value.kind = Value::Kind::Tensor;
  value.tensor = std::move(*tensor);
  return value;
}

static llvm::Expected<Value> decodeOptional(const onnx::OptionalProto &proto,
                                            llvm::StringRef path);

static llvm::Expected<Value> decodeSequence(const onnx::SequenceProto &proto,
                                            llvm::StringRef path) {
  Value value;
  value.kind = Value::Kind::Sequence;
  auto append = [&](llvm::Expected<Value> element) -> llvm::Error {
    if (!element)
      return element.takeError();
    value.elements.push_back(std::move(*element));
    return llvm::Error::success();
  };
  for (const auto &tensor : proto.tensor_values())
    if (llvm::Error error = append(tensorValue(tensor, path)))
      return error;
  for (const auto &sequence : proto.sequence_values())
    if (llvm::Error error = append(decodeSequence(sequence, path)))
      return error;
  for (const auto &optional : proto.optional_values())
    if (llvm::Error error = append(decodeOptional(optional, path)))
      return error;
  if (proto.map_values_size() || proto.sparse_tensor_values_size())
    return unsupportedError(path + ": maps and sparse tensors are not "
                                   "supported");
  return value;
}

static llvm::Expected<Value> decodeOptional(const onnx::OptionalProto &proto,
                                            llvm::StringRef path) {
  if (proto.has_tensor_value())
    return tensorValue(proto.tensor_value(), path);
  if (proto.has_sequence_value())
    return decodeSequence(proto.sequence_value(), path);
  if (proto.has_optional_value())
    return decodeOptional(proto.optional_value(), path);
  if (proto.has_map_value() || proto.has_sparse_tensor_value())
    return unsupportedError(path + ": maps and sparse tensors are not "
                                   "supported");
  return Value();
}

llvm::Expected<Value> readProtoValue(llvm::StringRef path,
                                     ValueEncoding encoding) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  return parseProtoValue((*buffer)->getBuffer(), encoding, path);
}

llvm::Expected<Value> parseProtoValue(llvm::StringRef bytes,
                                      ValueEncoding encoding,
                                      llvm::StringRef what) {
  switch (encoding) {
  case ValueEncoding::Tensor: {
    onnx::TensorProto proto;
    if (llvm::Error error = parse(bytes, what, "tensor", proto))
      return error;
    return tensorValue(proto, what);
  }
  case ValueEncoding::Sequence: {
    onnx::SequenceProto proto;
    if (llvm::Error error = parse(bytes, what, "sequence", proto))
      return error;
    return decodeSequence(proto, what);
  }
  case ValueEncoding::Optional: {
    onnx::OptionalProto proto;
    if (llvm::Error error = parse(bytes, what, "optional", proto))
      return error;
    return decodeOptional(proto, what);
  }
  case ValueEncoding::Other:
    break;
  }
  return unsupportedError(what + ": maps and sparse tensors are not supported");
}

//===-- Scales of outputs -------------------------------------------------===//

/// The one number of a float constant; 0 where it is none.
static float scalarOf(const onnx::TensorProto &tensor) {
  auto value = decodeTensor(tensor, tensor.name());
  if (!value || value->type != ONNXC_TYPE_FLOAT || value->numElements() != 1) {
    llvm::consumeError(value.takeError());
    return 0;
  }
  float scale;
  std::memcpy(&scale, value->bytes.data(), sizeof scale);
  return scale;
}

llvm::Expected<std::map<std::string, float>> readOutputScales(llvm::StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  onnx::ModelProto model;
  if (llvm::Error error = parse((*buffer)->getBuffer(), path, "model", model))
    return std::move(error);
  std::map<std::string, const onnx::NodeProto *> producers;
  std::map<std::string, const onnx::TensorProto *> constants;
  for (const onnx::TensorProto &tensor : model.graph().initializer())
    constants[tensor.name()] = &tensor;
  for (const onnx::NodeProto &node : model.graph().node()) {
    for (const std::string &name : node.output())
      producers[name] = &node;
    for (const onnx::AttributeProto &attribute : node.attribute())
      if (node.op_type() == "Constant" && attribute.has_t())
        constants[node.output(0)] = &attribute.t();
  }
  static const std::set<std::string> moves = {"Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Identity"};
  std::map<std::string, float> scales;
  for (const onnx::ValueInfoProto &output : model.graph().output()) {
    auto it = producers.find(output.name());
    while (it != producers.end() && moves.count(it->second->op_type()))
      it = producers.find(it->second->input(0));
    if (it == producers.end() || it->second->op_type() != "DequantizeLinear" || it->second->input_size() < 2)
      continue;
    auto constant = constants.find(it->second->input(1));
    if (constant == constants.end())
      continue;
    if (float scale = scalarOf(*constant->second); scale > 0)
      scales[output.name()] = scale;
  }
  return scales;
}

} // namespace onnxc::run
