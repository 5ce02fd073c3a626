// See PinnedValues.h.
#include "compiler/import/PinnedValues.h"

#include "compiler/import/ImportError.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"

#include <algorithm>

namespace onnxc::import {

using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::TensorProto;
using ::onnx::ValueInfoProto;
using llvm::StringRef;

namespace {

// A pinned value stands on a command line; larger ones belong into the model.
constexpr size_t maxElements = 4096;

[[noreturn]] void mistake(const std::string &name, const std::string &text) {
  throw ImportError("--value " + name + ": " + text);
}

std::string typeName(int type) {
  return TensorProto::DataType_IsValid(type)
             ? TensorProto::DataType_Name(TensorProto::DataType(type))
             : "type " + std::to_string(type);
}

// The bits of an integer element type and whether it has a sign; 0: no integer.
std::pair<unsigned, bool> integerBits(int type) {
  switch (type) {
  case TensorProto::INT8: return {8, true};
  case TensorProto::INT16: return {16, true};
  case TensorProto::INT32: return {32, true};
  case TensorProto::INT64: return {64, true};
  case TensorProto::UINT8: return {8, false};
  case TensorProto::UINT16: return {16, false};
  case TensorProto::UINT32: return {32, false};
  case TensorProto::UINT64: return {64, false};
  default: return {0, false};
  }
}

// Bytes of one float element; 0: no float that a value can be given for.
unsigned floatBytes(int type, const llvm::fltSemantics *&semantics) {
  switch (type) {
  case TensorProto::FLOAT: semantics = &llvm::APFloat::IEEEsingle(); return 4;
  case TensorProto::DOUBLE: semantics = &llvm::APFloat::IEEEdouble(); return 8;
  case TensorProto::FLOAT16: semantics = &llvm::APFloat::IEEEhalf(); return 2;
  case TensorProto::BFLOAT16: semantics = &llvm::APFloat::BFloat(); return 2;
  default: return 0;
  }
}

void append(std::string &bytes, uint64_t bits, unsigned count) {
  for (unsigned k = 0; k < count; ++k)
    bytes += char(bits >> (8 * k)); // raw_data is little-endian
}

// One number as the bytes of an element.
void appendElement(std::string &bytes, int type, StringRef text,
                   const std::string &name) {
  auto wrong = [&](const std::string &wanted) {
    mistake(name, "got '" + text.str() + "', wanted " + wanted);
  };
  auto [bits, isSigned] = integerBits(type);
  const llvm::fltSemantics *semantics = nullptr;
  if (type == TensorProto::BOOL) {
    bool yes = text == "1" || text.equals_insensitive("true");
    if (!yes && text != "0" && !text.equals_insensitive("false"))
      wrong("true or false");
    append(bytes, yes, 1);
  } else if (bits) {
    int64_t number = 0;
    uint64_t natural = 0;
    bool fails = isSigned ? text.getAsInteger(10, number)
                          : text.getAsInteger(10, natural);
    if (isSigned && bits < 64)
      fails |= number < -(int64_t(1) << (bits - 1)) ||
               number >= int64_t(1) << (bits - 1);
    if (!isSigned && bits < 64)
      fails |= natural >> bits != 0;
    if (fails)
      wrong("an integer that " + typeName(type) + " holds");
    append(bytes, isSigned ? uint64_t(number) : natural, bits / 8);
  } else if (unsigned size = floatBytes(type, semantics)) {
    llvm::APFloat number(*semantics);
    auto status = number.convertFromString(text.empty() ? "none" : text,
                                           llvm::APFloat::rmNearestTiesToEven);
    if (llvm::errorToBool(status.takeError()))
      wrong("a number");
    append(bytes, number.bitcastToAPInt().getZExtValue(), size);
  } else {
    mistake(name, "inputs of element type " + typeName(type) +
                      " take no value; numbers and bool do");
  }
}

// The input's dims for `count` elements; an unknown one follows from the rest.
std::vector<int64_t> dimsFor(ValueInfoProto &input, size_t count) {
  auto &tensor = *input.mutable_type()->mutable_tensor_type();
  if (!tensor.has_shape() && count != 1)
    tensor.mutable_shape()->add_dim();
  tensor.mutable_shape(); // without dims: a scalar
  int64_t known = 1;
  std::vector<int64_t> dims;
  size_t open = 0;
  for (const auto &dim : tensor.shape().dim()) {
    bool fixed = dim.has_dim_value() && dim.dim_value() >= 0;
    dims.push_back(fixed ? dim.dim_value() : -1);
    known *= fixed ? dim.dim_value() : 1;
    open += !fixed;
  }
  if (open > 1)
    mistake(input.name(), "its shape has " + std::to_string(open) +
                              " unknown dimensions; pin them with --dim");
  if (open == 1 && known > 0 && int64_t(count) % known == 0)
    std::replace(dims.begin(), dims.end(), int64_t(-1), int64_t(count) / known);
  else if (open || known != int64_t(count))
    mistake(input.name(), "got " + std::to_string(count) + " elements, wanted " +
                              (open ? "a multiple of " : "") + std::to_string(known));
  return dims;
}

// A symbol whose size a value tells has that size in every input.
void pinSymbols(GraphProto &graph, const ValueInfoProto &pinned,
                const std::vector<int64_t> &dims) {
  const auto &shape = pinned.type().tensor_type().shape();
  for (int d = 0; d < shape.dim_size(); ++d) {
    const std::string symbol = shape.dim(d).dim_param();
    if (symbol.empty())
      continue;
    for (ValueInfoProto &input : *graph.mutable_input())
      if (input.type().has_tensor_type() && input.type().tensor_type().has_shape())
        for (auto &dim : *input.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim())
          if (dim.dim_param() == symbol)
            dim.set_dim_value(dims[size_t(d)]);
  }
}

template <typename List, typename Dead> void eraseIf(List &list, Dead dead) {
  for (int i = list.size() - 1; i >= 0; --i)
    if (dead(list[i]))
      list.DeleteSubrange(i, 1);
}

std::string pinValue(GraphProto &graph, const std::string &name, StringRef text) {
  auto *inputs = graph.mutable_input();
  auto found = std::find_if(inputs->begin(), inputs->end(),
                            [&](const auto &input) { return input.name() == name; });
  if (found == inputs->end()) {
    std::string known;
    for (const auto &input : graph.input())
      known += " " + input.name();
    mistake(name, known.empty() ? "the model has no inputs"
                                : "the model has no such input; its inputs are" + known);
  }
  if (!found->type().has_tensor_type())
    mistake(name, "the input is not a tensor; only tensors take a value");
  llvm::SmallVector<StringRef> parts;
  text.split(parts, ',');
  if (parts.size() > maxElements)
    mistake(name, "got " + std::to_string(parts.size()) + " elements, wanted at most " +
                      std::to_string(maxElements));
  TensorProto tensor;
  int type = found->type().tensor_type().elem_type();
  for (StringRef part : parts)
    appendElement(*tensor.mutable_raw_data(), type, part.trim(), name);
  tensor.set_name(name);
  tensor.set_data_type(type);
  ValueInfoProto input = *found;
  std::vector<int64_t> dims = dimsFor(input, parts.size());
  for (int64_t dim : dims)
    tensor.add_dims(dim);
  pinSymbols(graph, input, dims);
  eraseIf(*graph.mutable_initializer(), [&](const auto &t) { return t.name() == name; });
  eraseIf(*inputs, [&](const auto &i) { return i.name() == name; });
  *graph.add_initializer() = std::move(tensor);
  return "input '" + name + "' is " + text.str();
}

} // namespace

std::vector<std::string> pinValues(ModelProto &model, const ImportOptions &options) {
  std::vector<std::string> lines;
  for (const auto &[name, text] : options.values)
    lines.push_back(pinValue(*model.mutable_graph(), name, text));
  return lines;
}

std::vector<std::string> settleInitializerInputs(ModelProto &model, bool keep) {
  GraphProto &graph = *model.mutable_graph();
  llvm::StringSet<> inputs;
  for (const auto &input : graph.input())
    inputs.insert(input.name());
  // Older versions list every initializer among the inputs.
  bool listsAll = model.ir_version() < 4;
  if (keep && listsAll)
    throw ImportError("--keep-initializer-inputs: the model has IR version " +
                      std::to_string(model.ir_version()) + ", which lists every "
                      "weight as an input; only from version 4 on is that a choice");
  std::vector<std::string> names;
  eraseIf(*graph.mutable_initializer(), [&](const auto &tensor) {
    bool both = inputs.contains(tensor.name());
    if (both)
      names.push_back(tensor.name());
    return both && keep;
  });
  if (keep || listsAll || names.empty())
    return {};
  constexpr size_t most = 8;
  std::string line = "frozen to the model's initializer (--keep-initializer-inputs makes inputs of them):";
  for (size_t k = 0; k < std::min(most, names.size()); ++k)
    line += " '" + names[names.size() - 1 - k] + "'";
  if (names.size() > most)
    line += " and " + std::to_string(names.size() - most) + " more";
  return {line};
}

} // namespace onnxc::import
