// Blocks of weights.
#include "WeightOnly.h"
#include "Error.h"
#include "Simplify.h"
#include <algorithm>
#include <cmath>

namespace onnxc::quantize {

BlockedWeights quantizeBlocks(llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> dims, size_t axis, int64_t block,
                              int bits) {
  size_t inner = 1, outer = 1, count = static_cast<size_t>(dims[axis]);
  for (size_t d = 0; d < axis; ++d)
    outer *= static_cast<size_t>(dims[d]);
  for (size_t d = axis + 1; d < dims.size(); ++d)
    inner *= static_cast<size_t>(dims[d]);
  size_t size = static_cast<size_t>(block), blocks = (count + size - 1) / size;
  BlockedWeights result;
  result.values.resize(values.size());
  result.scales.assign(outer * blocks * inner, 1.0f);
  result.scaleDims.assign(dims.begin(), dims.end());
  result.scaleDims[axis] = static_cast<int64_t>(blocks);
  const float low = -std::ldexp(1.0f, bits - 1), high = -low - 1;
  for (size_t o = 0; o < outer; ++o)
    for (size_t b = 0; b < blocks; ++b)
      for (size_t i = 0; i < inner; ++i) {
        auto at = [&](size_t k) { return (o * count + k) * inner + i; };
        size_t first = b * size, last = std::min(first + size, count);
        float largest = 0;
        for (size_t k = first; k < last; ++k)
          if (std::fabs(values[at(k)]) > std::fabs(largest))
            largest = values[at(k)];
        float scale = std::fabs(largest / low);
        if (scale < 1e-30f)
          continue;
        // Scales are positive, so a positive element ends one below.
        if (largest > 0)
          scale = largest / high;
        result.scales[(o * blocks + b) * inner + i] = scale;
        for (size_t k = first; k < last; ++k)
          result.values[at(k)] =
              static_cast<int8_t>(std::clamp(std::nearbyint(values[at(k)] / scale), low, high));
      }
  return result;
}

namespace {

/// A constant operand and the axis along which its blocks lie.
struct Target {
  onnx::NodeProto *node;
  int operand;
  int axis;
  int64_t block;
};

class Storer {
public:
  Storer(Graph &graph, const Options &options) : graph(graph), options(options) {}

  /// What of a node is stored in few bits, if anything.
  std::optional<Target> target(onnx::NodeProto &node) const {
    const std::string &op = node.op_type();
    bool isProduct = op == "MatMul" || op == "Gemm";
    bool isConvolution = op == "Conv" || op == "ConvTranspose";
    int index = op == "Gather" ? 0 : 1;
    onnx::TensorProto *constant = graph.initializer(operand(node, index));
    if (!node.domain().empty() || !constant || constant->data_type() != onnx::TensorProto::FLOAT ||
        elementsOf(*constant) == 0 || isExcluded(node))
      return std::nullopt;
    if (isConvolution && options.weightBits == 8)
      return Target{&node, index, weightLayout(node, dimsOf(*constant)).axis, 0};
    if (constant->dims_size() != 2)
      return std::nullopt;
    // Blocks lie along the products' sums, or along a row of a table.
    if (isProduct)
      return Target{&node, index, 1 - weightLayout(node, dimsOf(*constant)).axis, options.block};
    if (op == "Gather" && import::intAttribute(node, "axis").value_or(0) == 0)
      return Target{&node, index, 1, options.block};
    return std::nullopt;
  }

  void store(const Target &target) {
    const onnx::TensorProto &constant = *graph.initializer(target.node->input(target.operand));
    std::string key = constant.name() + " " + std::to_string(target.axis);
    auto [it, isNew] = stored.try_emplace(key);
    if (isNew)
      it->second = target.block ? addBlocks(constant, target) : addChannels(constant, target);
    target.node->set_input(target.operand, it->second);
  }

  void finish() {
    onnx::GraphProto &proto = *graph.model().mutable_graph();
    for (onnx::NodeProto &node : added)
      *proto.add_node() = std::move(node);
    proto.clear_value_info();
    sortNodes(graph.model());
  }

private:
  Graph &graph;
  const Options &options;
  std::vector<onnx::NodeProto> added;
  llvm::StringMap<std::string> stored;

  bool isExcluded(const onnx::NodeProto &node) const {
    return (!options.opTypes.empty() && !llvm::is_contained(options.opTypes, node.op_type())) ||
           llvm::any_of(options.exclude, [&](const std::string &pattern) { return matches(pattern, node.name()); });
  }

  std::string addDequantize(const std::string &name, const std::string &values, const std::string &scales, int axis,
                            int64_t block) {
    onnx::NodeProto &node = added.emplace_back();
    node.set_op_type("DequantizeLinear");
    node.add_input(values);
    node.add_input(scales);
    std::string result = graph.freshName(name + "_dequantized");
    node.add_output(result);
    node.set_name(result + "_DequantizeLinear");
    import::setAttribute(node, "axis", static_cast<int64_t>(axis));
    if (block)
      import::setAttribute(node, "block_size", block);
    return result;
  }

  onnx::TensorProto integers(llvm::ArrayRef<int8_t> values, llvm::ArrayRef<int64_t> dims) const {
    onnx::TensorProto tensor;
    for (int64_t dim : dims)
      tensor.add_dims(dim);
    if (options.weightBits == 8) {
      tensor.set_data_type(onnx::TensorProto::INT8);
      tensor.set_raw_data(values.data(), values.size());
      return tensor;
    }
    // Two to a byte, the first in the low half.
    tensor.set_data_type(onnx::TensorProto::INT4);
    std::string packed((values.size() + 1) / 2, '\0');
    for (size_t i = 0; i < values.size(); ++i)
      packed[i / 2] = static_cast<char>(packed[i / 2] | (values[i] & 15) << (i % 2 * 4));
    tensor.set_raw_data(packed);
    return tensor;
  }

  std::string addBlocks(const onnx::TensorProto &constant, const Target &target) {
    std::string name = constant.name();
    std::vector<int64_t> dims = dimsOf(constant);
    BlockedWeights made =
        quantizeBlocks(floatsOf(constant), dims, static_cast<size_t>(target.axis), target.block, options.weightBits);
    std::string values = graph.addInitializer(name + "_quantized", integers(made.values, dims));
    std::string scales = graph.addFloats(name + "_scale", made.scales, made.scaleDims);
    return addDequantize(name, values, scales, target.axis, target.block);
  }

  std::string addChannels(const onnx::TensorProto &constant, const Target &target) {
    std::string name = constant.name();
    QuantizedWeights made = quantizeWeights(*target.node, constant, 1, {}, /*perChannel=*/true);
    std::string values = graph.addInitializer(name + "_quantized", integers(made.values, dimsOf(constant)));
    std::string scales = graph.addFloats(name + "_scale", made.scales, static_cast<int64_t>(made.scales.size()));
    return addDequantize(name, values, scales, target.axis, 0);
  }
};

} // namespace

llvm::Expected<Quantized> quantizeWeightsOnly(const onnx::ModelProto &model, const Options &options) {
  Quantized result;
  result.model = model;
  Graph graph(result.model);
  Storer storer(graph, options);
  for (onnx::NodeProto *node : graph.nodes())
    if (auto target = storer.target(*node)) {
      result.layers.push_back({node->name(), node->op_type(), node->output(0), {}});
      storer.store(*target);
    }
  storer.finish();
  if (llvm::Error error = finishModel(result.model, options))
    return std::move(error);
  return std::move(result);
}

} // namespace onnxc::quantize
