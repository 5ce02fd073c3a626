// Factors between weights, and between activations and weights.
#include "Equalize.h"
#include "OpTable.h"
#include "Simplify.h"
#include <algorithm>
#include <cmath>

namespace onnxc::quantize {

void forEachInputWeight(const onnx::NodeProto &node, llvm::ArrayRef<int64_t> dims,
                        llvm::function_ref<void(size_t, size_t)> fn) {
  size_t groups = 1, axis;
  if (node.op_type() == "Conv" || node.op_type() == "ConvTranspose") {
    groups = static_cast<size_t>(import::intAttribute(node, "group").value_or(1));
    axis = node.op_type() == "Conv" ? 1 : 0;
  } else {
    axis = static_cast<size_t>(weightLayout(node, dims).axis) == dims.size() - 1 ? dims.size() - 2 : dims.size() - 1;
  }
  size_t inner = 1, outer = 1, count = static_cast<size_t>(dims[axis]), element = 0;
  for (size_t d = 0; d < axis; ++d)
    outer *= static_cast<size_t>(dims[d]);
  for (size_t d = axis + 1; d < dims.size(); ++d)
    inner *= static_cast<size_t>(dims[d]);
  // Outputs of a group of a Conv read that group's inputs; a ConvTranspose has all inputs in one dim.
  bool isGrouped = axis == 1 && groups > 1;
  for (size_t o = 0; o < outer; ++o)
    for (size_t c = 0; c < count; ++c)
      for (size_t i = 0; i < inner; ++i)
        fn(element++, isGrouped ? o * groups / outer * count + c : c);
}

static bool isLayer(const Graph &graph, const onnx::NodeProto *node) {
  if (!node)
    return false;
  const OpRow *row = opRow(*node);
  if (!row || row->role != Role::Weighted)
    return false;
  const onnx::TensorProto *weights = graph.initializer(operand(*node, 1));
  return weights && weights->data_type() == onnx::TensorProto::FLOAT && weights->dims_size() >= 2 &&
         graph.uses(weights->name()).size() == 1;
}

/// Ops f with f(s x) = s f(x) for each channel and s > 0.
static bool isHomogeneous(const onnx::NodeProto &node) {
  const std::string &op = node.op_type();
  return node.domain().empty() && (op == "Relu" || op == "LeakyRelu" || op == "MaxPool" || op == "AveragePool" ||
                                   op == "GlobalAveragePool" || op == "GlobalMaxPool");
}

/// The layer behind a layer, with nothing between that sees the size of numbers.
static onnx::NodeProto *layerBehind(const Graph &graph, const onnx::NodeProto &node) {
  onnx::NodeProto *next = graph.onlyUser(node.output(0));
  while (next && isHomogeneous(*next))
    next = graph.onlyUser(next->output(0));
  bool isConvolution = node.op_type() == "Conv" || node.op_type() == "ConvTranspose";
  bool nextIs = next && (next->op_type() == "Conv" || next->op_type() == "ConvTranspose");
  return isLayer(graph, next) && isConvolution == nextIs ? next : nullptr;
}

/// Multiplies the constant `index` of a node, which has a number for each channel.
static bool scaleRow(Graph &graph, onnx::NodeProto &node, int index, llvm::ArrayRef<double> factors) {
  onnx::TensorProto *row = graph.initializer(operand(node, index));
  if (!row)
    return operand(node, index).empty();
  std::vector<float> values = floatsOf(*row);
  if (values.size() != factors.size())
    return false;
  for (size_t c = 0; c < values.size(); ++c)
    values[c] = static_cast<float>(values[c] * factors[c]);
  std::string hint = row->name() + "_scaled";
  setOperand(node, index, graph.addFloats(hint, values, dimsOf(*row)));
  return true;
}

/// One pair of layers; returns how far the largest factor is from 1.
static double equalizePair(Graph &graph, onnx::NodeProto &first, onnx::NodeProto &second) {
  onnx::TensorProto &a = *graph.initializer(first.input(1)), &b = *graph.initializer(second.input(1));
  std::vector<int64_t> aDims = dimsOf(a), bDims = dimsOf(b);
  size_t channels = static_cast<size_t>(weightLayout(first, aDims).outputChannels);
  std::vector<float> aValues = floatsOf(a), bValues = floatsOf(b);
  std::vector<double> aLargest(channels, 0), bLargest(channels, 0), factors(channels, 1), inverse(channels, 1);
  bool fits = true;
  forEachWeight(first, aDims, [&](size_t i, size_t c) { aLargest[c] = std::max<double>(aLargest[c], std::fabs(aValues[i])); });
  forEachInputWeight(second, bDims, [&](size_t i, size_t c) {
    if (c < channels)
      bLargest[c] = std::max<double>(bLargest[c], std::fabs(bValues[i]));
    else
      fits = false;
  });
  if (!fits)
    return 0;
  double change = 0;
  for (size_t c = 0; c < channels; ++c) {
    if (aLargest[c] < 1e-12 || bLargest[c] < 1e-12)
      continue;
    factors[c] = std::sqrt(aLargest[c] / bLargest[c]);
    inverse[c] = 1 / factors[c];
    change = std::max(change, std::fabs(std::log(factors[c])));
  }
  if (!scaleRow(graph, first, 2, inverse))
    return 0;
  forEachWeight(first, aDims, [&](size_t i, size_t c) { aValues[i] = static_cast<float>(aValues[i] * inverse[c]); });
  forEachInputWeight(second, bDims, [&](size_t i, size_t c) { bValues[i] = static_cast<float>(bValues[i] * factors[c]); });
  setFloats(a, aValues);
  setFloats(b, bValues);
  return change;
}

int equalize(onnx::ModelProto &model) {
  Graph graph(model);
  std::vector<std::pair<onnx::NodeProto *, onnx::NodeProto *>> pairs;
  for (onnx::NodeProto *node : graph.nodes())
    if (isLayer(graph, node))
      if (onnx::NodeProto *next = layerBehind(graph, *node))
        pairs.push_back({node, next});
  // Chains of pairs settle after a few rounds.
  for (int round = 0; round < 20; ++round) {
    double change = 0;
    for (auto [first, second] : pairs)
      change = std::max(change, equalizePair(graph, *first, *second));
    if (change < 1e-3)
      break;
  }
  return static_cast<int>(pairs.size());
}

//===-- SmoothQuant -------------------------------------------------------===//

/// The node and the operands that a factor of each channel of `value` can go
/// into: scale and shift of a LayerNormalization, or of the Mul and Add of one.
static bool scaleMaker(Graph &graph, llvm::StringRef value, llvm::ArrayRef<double> factors) {
  onnx::NodeProto *maker = graph.producer(value);
  if (!maker || !maker->domain().empty())
    return false;
  auto hasRow = [&](const onnx::NodeProto &node, int index) {
    const onnx::TensorProto *row = graph.initializer(operand(node, index));
    return row && row->data_type() == onnx::TensorProto::FLOAT &&
           elementsOf(*row) == static_cast<int64_t>(factors.size());
  };
  if (maker->op_type() == "LayerNormalization" && hasRow(*maker, 1) &&
      (operand(*maker, 2).empty() || hasRow(*maker, 2)))
    return scaleRow(graph, *maker, 1, factors) && scaleRow(graph, *maker, 2, factors);
  if (maker->op_type() != "Add")
    return false;
  for (int side : {0, 1}) {
    onnx::NodeProto *product = graph.producer(maker->input(1 - side));
    if (!hasRow(*maker, side) || !product || product->op_type() != "Mul" ||
        graph.onlyUser(product->output(0)) != maker)
      continue;
    for (int other : {0, 1})
      if (hasRow(*product, other))
        return scaleRow(graph, *maker, side, factors) && scaleRow(graph, *product, other, factors);
  }
  return false;
}

int smooth(onnx::ModelProto &model, const ChannelObservations &channels, double alpha) {
  Graph graph(model);
  int count = 0;
  for (onnx::NodeProto *maker : graph.nodes()) {
    if (maker->output_size() == 0)
      continue;
    const std::string value = maker->output(0);
    auto seen = channels.find(value);
    llvm::ArrayRef<Use> uses = graph.uses(value);
    if (seen == channels.end() || graph.isOutput(value))
      continue;
    bool allRead = llvm::all_of(uses, [&](const Use &use) {
      return use.index == 0 && isLayer(graph, use.node) &&
             (use.node->op_type() == "MatMul" || use.node->op_type() == "Gemm") &&
             !import::intAttribute(*use.node, "transA").value_or(0);
    });
    if (!allRead)
      continue;
    std::vector<double> weights(seen->second.largest.size(), 0), factors(weights.size(), 1), inverse(weights.size(), 1);
    for (const Use &use : uses) {
      const onnx::TensorProto &matrix = *graph.initializer(use.node->input(1));
      std::vector<float> values = floatsOf(matrix);
      forEachInputWeight(*use.node, dimsOf(matrix), [&](size_t i, size_t c) {
        weights[c] = std::max<double>(weights[c], std::fabs(values[i]));
      });
    }
    for (size_t c = 0; c < weights.size(); ++c)
      if (weights[c] > 1e-9 && seen->second.largest[c] > 1e-9) {
        factors[c] = std::max(std::pow(seen->second.largest[c], alpha) / std::pow(weights[c], 1 - alpha), 1e-5);
        inverse[c] = 1 / factors[c];
      }
    if (!scaleMaker(graph, value, inverse))
      continue;
    for (const Use &use : uses) {
      onnx::TensorProto &matrix = *graph.initializer(use.node->input(1));
      std::vector<float> values = floatsOf(matrix);
      forEachInputWeight(*use.node, dimsOf(matrix),
                         [&](size_t i, size_t c) { values[i] = static_cast<float>(values[i] * factors[c]); });
      setFloats(matrix, values);
    }
    ++count;
  }
  return count;
}

} // namespace onnxc::quantize
