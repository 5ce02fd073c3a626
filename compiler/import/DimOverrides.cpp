// Pins or bounds the dimensions of graph inputs before types are inferred, so
// that everything downstream is as static as the user said.
#include "compiler/import/DimOverrides.h"

#include "compiler/import/ImportError.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <set>

namespace onnxc::import {

using ::onnx::GraphProto;
using Dim = ::onnx::TensorShapeProto::Dimension;

namespace {

struct Range {
  int64_t low = 0, high = 0;
};

Range parseRange(const std::string &name, llvm::StringRef text) {
  auto [first, second] = text.split("..");
  Range range;
  bool isRange = text.contains("..");
  if (first.getAsInteger(10, range.low) ||
      (isRange && second.getAsInteger(10, range.high)))
    throw ImportError("--dim " + name + "=" + text.str() +
                      ": the value must be a number or a range a..b");
  if (!isRange)
    range.high = range.low;
  if (range.low < 0 || range.high < range.low)
    throw ImportError("--dim " + name + "=" + text.str() +
                      ": a dimension is not negative and a range goes up");
  return range;
}

// Every dimension of every input, with its "input.index" name.
template <typename Fn> void forEachDim(GraphProto &graph, Fn fn) {
  for (auto &input : *graph.mutable_input()) {
    if (!input.type().has_tensor_type() ||
        !input.type().tensor_type().has_shape())
      continue;
    auto &dims = *input.mutable_type()
                      ->mutable_tensor_type()
                      ->mutable_shape()
                      ->mutable_dim();
    for (int i = 0; i < dims.size(); ++i)
      fn(input.name() + "." + std::to_string(i), dims[i]);
  }
}

void pin(Dim &dim, int64_t size, const std::string &name) {
  if (dim.has_dim_value() && dim.dim_value() != size)
    throw ImportError("dimension " + name + " is " +
                      std::to_string(dim.dim_value()) +
                      " in the model and cannot become " +
                      std::to_string(size));
  dim.set_dim_value(size);
}

std::string knownNames(GraphProto &graph) {
  std::set<std::string> names;
  forEachDim(graph, [&](const std::string &place, const Dim &dim) {
    if (dim.has_dim_param() && !dim.dim_param().empty())
      names.insert(dim.dim_param());
    else if (!dim.has_dim_value())
      names.insert(place);
  });
  if (names.empty())
    return "the model has no dynamic dimension";
  std::string text = "the model's dynamic dimensions are";
  for (const std::string &name : names)
    text += " " + name;
  return text;
}

void applyShape(::onnx::ValueInfoProto &input,
                const std::vector<int64_t> &shape) {
  if (!input.type().has_tensor_type())
    throw ImportError("input '" + input.name() + "' is not a tensor; it takes "
                      "no shape");
  auto &tensor = *input.mutable_type()->mutable_tensor_type();
  if (!tensor.has_shape())
    for (size_t i = 0; i < shape.size(); ++i)
      tensor.mutable_shape()->add_dim();
  auto &dims = *tensor.mutable_shape()->mutable_dim();
  if (size_t(dims.size()) != shape.size())
    throw ImportError("input '" + input.name() + "' has " +
                      std::to_string(dims.size()) + " dimensions, the given "
                      "shape has " + std::to_string(shape.size()));
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1)
      continue;
    if (shape[i] < -1)
      throw ImportError("input '" + input.name() + "': the given dimension " +
                        std::to_string(shape[i]) + " is negative");
    pin(dims[int(i)], shape[i], input.name() + "." + std::to_string(i));
  }
}

} // namespace

void dropPlaceholderNames(GraphProto &graph) {
  auto isPlaceholder = [](llvm::StringRef name) {
    return llvm::none_of(name, llvm::isAlpha) || name.equals_insensitive("none") ||
           name.equals_insensitive("unknown");
  };
  for (auto *values : {graph.mutable_input(), graph.mutable_output()})
    for (auto &value : *values)
      if (value.type().has_tensor_type() && value.type().tensor_type().has_shape())
        for (Dim &dim : *value.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim())
          if (dim.has_dim_param() && isPlaceholder(dim.dim_param()))
            dim.clear_dim_param();
}

DimBounds applyDimOverrides(GraphProto &graph, const ImportOptions &options) {
  DimBounds bounds;
  // A symbol pinned through one input's shape is pinned wherever it occurs.
  std::map<std::string, int64_t> pinnedSymbols;
  for (const auto &[name, shape] : options.inputShapes) {
    bool found = false;
    for (auto &input : *graph.mutable_input())
      if (input.name() == name) {
        ::onnx::ValueInfoProto before = input;
        applyShape(input, shape);
        found = true;
        const auto &dims = before.type().tensor_type().shape().dim();
        for (int i = 0; i < dims.size(); ++i)
          if (dims[i].has_dim_param() && !dims[i].dim_param().empty() &&
              shape[size_t(i)] >= 0)
            pinnedSymbols[dims[i].dim_param()] = shape[size_t(i)];
      }
    if (!found) {
      std::string text = "the model has no input '" + name + "'; its inputs are";
      for (const auto &input : graph.input())
        text += " " + input.name();
      throw ImportError(text);
    }
  }
  // An input that was given a shape of its own keeps it; the others follow.
  for (const auto &[symbol, size] : pinnedSymbols)
    forEachDim(graph, [&, symbol = symbol, size = size](const std::string &place,
                                                        Dim &dim) {
      if (dim.has_dim_param() && dim.dim_param() == symbol)
        pin(dim, size, place);
    });

  for (const auto &[name, value] : options.dims) {
    Range range = parseRange(name, value);
    bool found = pinnedSymbols.count(name) != 0;
    forEachDim(graph, [&, name = name](const std::string &place, Dim &dim) {
      bool symbol = dim.has_dim_param() && dim.dim_param() == name;
      if (!symbol && place != name)
        return;
      found = true;
      if (range.low == range.high)
        return pin(dim, range.low, place);
      if (dim.has_dim_value()) {
        if (dim.dim_value() < range.low || dim.dim_value() > range.high)
          throw ImportError("--dim " + name + ": dimension " + place + " is " +
                            std::to_string(dim.dim_value()) +
                            " in the model, outside the range");
        return;
      }
      bool named = dim.has_dim_param() && !dim.dim_param().empty();
      if (!named)
        dim.set_dim_param(place);
      bounds[named ? dim.dim_param() : place] = {range.low, range.high};
    });
    if (!found)
      throw ImportError("--dim " + name + ": no such dimension; " +
                        knownNames(graph));
  }
  return bounds;
}

} // namespace onnxc::import
