// Constants, nodes without effect, batch normalisations, and Gemms.
#include "Simplify.h"
#include "Error.h"
#include "Graph.h"
#include "ModelFile.h"
#include <cmath>
#include <cstring>

namespace onnxc::quantize {

//===-- Weights -----------------------------------------------------------===//

WeightLayout weightLayout(const onnx::NodeProto &node, llvm::ArrayRef<int64_t> dims) {
  const std::string &op = node.op_type();
  WeightLayout layout;
  if (op == "Conv")
    layout = {0, dims[0]};
  else if (op == "ConvTranspose")
    layout = {1, dims[1] * import::intAttribute(node, "group").value_or(1)};
  else if (op == "Gemm")
    layout.axis = import::intAttribute(node, "transB").value_or(0) ? 0 : 1;
  else if (op == "MatMul" && dims.size() >= 2)
    layout.axis = static_cast<int>(dims.size()) - 1;
  if (layout.axis >= 0 && layout.outputChannels == 0)
    layout.outputChannels = dims[static_cast<size_t>(layout.axis)];
  return layout;
}

void forEachWeight(const onnx::NodeProto &node, llvm::ArrayRef<int64_t> dims,
                   llvm::function_ref<void(size_t, size_t)> fn) {
  WeightLayout layout = weightLayout(node, dims);
  size_t axis = static_cast<size_t>(layout.axis), inner = 1, outer = 1, count = static_cast<size_t>(dims[axis]);
  for (size_t d = 0; d < axis; ++d)
    outer *= static_cast<size_t>(dims[d]);
  for (size_t d = axis + 1; d < dims.size(); ++d)
    inner *= static_cast<size_t>(dims[d]);
  // Input channels of a grouped ConvTranspose belong to a group of outputs.
  size_t groups = count ? static_cast<size_t>(layout.outputChannels) / count : 1;
  size_t element = 0;
  for (size_t o = 0; o < outer; ++o) {
    size_t group = groups > 1 ? o * groups / outer : 0;
    for (size_t c = 0; c < count; ++c)
      for (size_t i = 0; i < inner; ++i)
        fn(element++, group * count + c);
  }
}

//===-- Constants and nodes without effect --------------------------------===//

static std::optional<onnx::TensorProto> constantValue(const onnx::NodeProto &node) {
  if (const auto *value = import::findAttribute(node, "value"))
    return value->t();
  onnx::TensorProto tensor;
  if (auto number = import::floatAttribute(node, "value_float")) {
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    setFloats(tensor, *number);
    return tensor;
  }
  if (auto numbers = import::intsAttribute(node, "value_ints")) {
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<int64_t>(numbers->size()));
    tensor.set_raw_data(numbers->data(), numbers->size() * sizeof(int64_t));
    return tensor;
  }
  if (auto number = import::intAttribute(node, "value_int")) {
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.set_raw_data(&*number, sizeof(int64_t));
    return tensor;
  }
  return std::nullopt;
}

static void takeConstants(onnx::ModelProto &model) {
  llvm::StringSet<> moved;
  for (const onnx::NodeProto &node : model.graph().node()) {
    if (node.op_type() != "Constant" || !node.domain().empty())
      continue;
    if (auto value = constantValue(node)) {
      value->set_name(node.output(0));
      *model.mutable_graph()->add_initializer() = std::move(*value);
      moved.insert(node.name());
    }
  }
  eraseNodes(model, [&](const onnx::NodeProto &node) {
    return node.op_type() == "Constant" && node.domain().empty() && moved.contains(node.name());
  });
}

/// Identity, and Dropout whose mask nobody reads: readers take the input.
static void dropCopies(onnx::ModelProto &model) {
  Graph graph(model);
  llvm::StringSet<> dropped;
  for (onnx::NodeProto *node : graph.nodes()) {
    bool isCopy = node->domain().empty() && (node->op_type() == "Identity" || node->op_type() == "Dropout");
    bool trains = !operand(*node, 2).empty();
    if (!isCopy || trains || graph.isOutput(node->output(0)) ||
        (node->output_size() > 1 && !graph.uses(node->output(1)).empty()))
      continue;
    llvm::ArrayRef<Use> uses = graph.uses(node->output(0));
    if (llvm::any_of(uses, [](const Use &use) { return use.index < 0; }))
      continue;
    for (const Use &use : uses)
      use.node->set_input(use.index, node->input(0));
    dropped.insert(node->output(0));
  }
  eraseNodes(model, [&](const onnx::NodeProto &node) {
    return node.output_size() && dropped.contains(node.output(0));
  });
}

//===-- Batch normalisation -----------------------------------------------===//

/// The constant row added by Gemm or Conv, zeros where there is none; nothing
/// where it is not a constant with a number for each channel.
static std::optional<std::vector<float>> biasOf(Graph &graph, const onnx::NodeProto &node, int64_t channels) {
  llvm::StringRef name = operand(node, 2);
  if (name.empty())
    return std::vector<float>(static_cast<size_t>(channels), 0.0f);
  onnx::TensorProto *tensor = graph.initializer(name);
  if (!tensor || tensor->data_type() != onnx::TensorProto::FLOAT || elementsOf(*tensor) != channels)
    return std::nullopt;
  return floatsOf(*tensor);
}

/// The four constants of a BatchNormalization as scale and shift by channel.
static bool scaleAndShift(Graph &graph, const onnx::NodeProto &node, std::vector<float> &scale,
                          std::vector<float> &shift) {
  std::vector<std::vector<float>> parts;
  for (int i = 1; i < 5; ++i) {
    onnx::TensorProto *tensor = graph.initializer(operand(node, i));
    if (!tensor || tensor->data_type() != onnx::TensorProto::FLOAT)
      return false;
    parts.push_back(floatsOf(*tensor));
  }
  if (import::intAttribute(node, "training_mode").value_or(0))
    return false;
  double epsilon = import::floatAttribute(node, "epsilon").value_or(1e-5f);
  for (size_t c = 0; c < parts[0].size(); ++c) {
    double s = parts[0][c] / std::sqrt(parts[3][c] + epsilon);
    scale.push_back(static_cast<float>(s));
    shift.push_back(static_cast<float>(parts[1][c] - parts[2][c] * s));
  }
  return true;
}

static int foldBatchNorms(onnx::ModelProto &model) {
  Graph graph(model);
  llvm::StringSet<> folded;
  for (onnx::NodeProto *norm : graph.nodes()) {
    if (norm->op_type() != "BatchNormalization" || !norm->domain().empty())
      continue;
    onnx::NodeProto *node = graph.producer(norm->input(0));
    if (!node || !node->domain().empty() || graph.onlyUser(norm->input(0)) != norm)
      continue;
    const std::string &op = node->op_type();
    bool isPlainGemm = op == "Gemm" && import::floatAttribute(*node, "alpha").value_or(1) == 1 &&
                       import::floatAttribute(*node, "beta").value_or(1) == 1;
    if (op != "Conv" && op != "ConvTranspose" && !isPlainGemm)
      continue;
    onnx::TensorProto *weight = graph.initializer(node->input(1));
    std::vector<float> scale, shift;
    if (!weight || weight->data_type() != onnx::TensorProto::FLOAT || !scaleAndShift(graph, *norm, scale, shift))
      continue;
    std::vector<int64_t> dims = dimsOf(*weight);
    int64_t channels = weightLayout(*node, dims).outputChannels;
    auto bias = biasOf(graph, *node, channels);
    if (!bias || static_cast<int64_t>(scale.size()) != channels)
      continue;
    std::vector<float> values = floatsOf(*weight);
    forEachWeight(*node, dims, [&](size_t i, size_t c) { values[i] *= scale[c]; });
    for (size_t c = 0; c < bias->size(); ++c)
      (*bias)[c] = (*bias)[c] * scale[c] + shift[c];
    std::string weightName = weight->name();
    setOperand(*node, 1, graph.addFloats(weightName + "_folded", values, dims));
    setOperand(*node, 2, graph.addFloats(node->name() + "_bias", *bias, channels));
    // The convolution takes the place of what it swallowed.
    folded.insert(norm->name());
    node->set_output(0, norm->output(0));
  }
  eraseNodes(model, [&](const onnx::NodeProto &node) {
    return node.op_type() == "BatchNormalization" && folded.contains(node.name());
  });
  return static_cast<int>(folded.size());
}

//===-- Gemm --------------------------------------------------------------===//

static int makeGemms(onnx::ModelProto &model) {
  Graph graph(model);
  llvm::StringSet<> gone;
  for (onnx::NodeProto *add : graph.nodes()) {
    if (add->op_type() != "Add" || !add->domain().empty())
      continue;
    for (int side : {0, 1}) {
      onnx::NodeProto *product = graph.producer(add->input(side));
      onnx::TensorProto *row = graph.initializer(add->input(1 - side));
      if (!product || product->op_type() != "MatMul" || !product->domain().empty() || !row ||
          row->data_type() != onnx::TensorProto::FLOAT || row->dims_size() != 1 ||
          graph.onlyUser(add->input(side)) != add)
        continue;
      onnx::TensorProto *weight = graph.initializer(product->input(1));
      auto dims = graph.dims(product->input(0));
      if (!weight || weight->data_type() != onnx::TensorProto::FLOAT || weight->dims_size() != 2 || !dims ||
          dims->size() != 2 || row->dims(0) != weight->dims(1))
        continue;
      product->set_op_type("Gemm");
      setOperand(*product, 2, row->name());
      product->set_output(0, add->output(0));
      gone.insert(add->name());
      break;
    }
  }
  eraseNodes(model, [&](const onnx::NodeProto &node) { return node.op_type() == "Add" && gone.contains(node.name()); });
  return static_cast<int>(gone.size());
}

/// Takes a factor of a Gemm into its constant operand.
static void takeFactor(Graph &graph, onnx::NodeProto &node, const char *attribute, int index) {
  float factor = import::floatAttribute(node, attribute).value_or(1);
  onnx::TensorProto *tensor = graph.initializer(operand(node, index));
  if (factor == 1 || !tensor || tensor->data_type() != onnx::TensorProto::FLOAT)
    return;
  std::vector<float> values = floatsOf(*tensor);
  for (float &value : values)
    value *= factor;
  std::string hint = tensor->name() + "_" + attribute;
  setOperand(node, index, graph.addFloats(hint, values, dimsOf(*tensor)));
  import::removeAttribute(node, attribute);
}

/// Gemms without factors: alpha is in the weights, beta in the row that is added.
static void takeFactors(onnx::ModelProto &model) {
  Graph graph(model);
  for (onnx::NodeProto *node : graph.nodes())
    if (node->op_type() == "Gemm" && node->domain().empty()) {
      takeFactor(graph, *node, "alpha", 1);
      takeFactor(graph, *node, "beta", 2);
    }
}

void addBiases(onnx::ModelProto &model) {
  Graph graph(model);
  for (onnx::NodeProto *node : graph.nodes()) {
    bool isLayer = node->domain().empty() && (node->op_type() == "Conv" || node->op_type() == "Gemm");
    const onnx::TensorProto *weights = isLayer ? graph.initializer(operand(*node, 1)) : nullptr;
    if (!weights || weights->data_type() != onnx::TensorProto::FLOAT || !operand(*node, 2).empty())
      continue;
    int64_t channels = weightLayout(*node, dimsOf(*weights)).outputChannels;
    std::vector<float> zeros(static_cast<size_t>(channels), 0.0f);
    setOperand(*node, 2, graph.addFloats(node->name() + "_bias", zeros, channels));
  }
}

llvm::Expected<Simplified> simplify(onnx::ModelProto &model, llvm::StringRef path) {
  Simplified counts;
  takeConstants(model);
  dropCopies(model);
  takeFactors(model);
  counts.batchNorms = foldBatchNorms(model);
  counts.gemms = makeGemms(model);
  sortNodes(model);
  dropUnused(model);
  if (llvm::Error error = inferTypes(model, path))
    return std::move(error);
  return counts;
}

} // namespace onnxc::quantize
