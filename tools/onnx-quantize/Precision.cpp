// Half precision: every float value has a version of each width, made on demand.
#include "Precision.h"
#include "Error.h"
#include "onnx/defs/schema.h"
#include <cmath>
#include <cstring>

namespace onnxc::quantize {

using run::userError;

llvm::ArrayRef<llvm::StringLiteral> defaultFloatOps() {
  static constexpr llvm::StringLiteral ops[] = {
      "CumSum",      "Exp",        "InstanceNormalization", "LayerNormalization", "Log",
      "LogSoftmax",  "NonMaxSuppression", "Pow",            "Range",              "ReduceL2",
      "ReduceLogSumExp", "ReduceMean", "ReduceProd",        "ReduceSum",          "ReduceSumSquare",
      "RoiAlign",    "Softmax",    "TopK"};
  return ops;
}

namespace {

class Converter {
public:
  Converter(Graph &graph, const Options &options)
      : graph(graph), options(options), half(options.precision == Precision::Half ? onnx::TensorProto::FLOAT16
                                                                                  : onnx::TensorProto::BFLOAT16),
        opset(opsetOf(graph.model())), shapeValues(findShapeValues(graph)) {}

  llvm::Error run() {
    for (onnx::NodeProto *node : graph.nodes())
      for (const onnx::AttributeProto &attribute : node->attribute())
        if (attribute.has_g() || attribute.graphs_size())
          return userError(options.model + ": node '" + node->name() + "' (" + node->op_type() +
                           ") has a graph inside; --precision converts models without these");
    for (onnx::NodeProto *node : graph.nodes())
      convert(*node);
    onnx::GraphProto &proto = *graph.model().mutable_graph();
    for (onnx::NodeProto &node : added)
      *proto.add_node() = std::move(node);
    proto.clear_value_info();
    sortNodes(graph.model());
    return llvm::Error::success();
  }

  int64_t converted = 0;

private:
  Graph &graph;
  const Options &options;
  const int half;
  const int opset;
  const llvm::StringSet<> shapeValues;
  std::vector<onnx::NodeProto> added;
  llvm::StringMap<std::string> halves;  ///< of float values and constants
  llvm::StringMap<std::string> floats;  ///< of values that nodes make in half precision
  llvm::StringMap<std::string> constants;

  bool isKept(const onnx::NodeProto &node) const {
    if (!node.domain().empty() || llvm::is_contained(options.keepFloat, node.op_type()))
      return true;
    if (llvm::any_of(options.exclude, [&](const std::string &pattern) { return matches(pattern, node.name()); }))
      return true;
    if (node.output_size() && shapeValues.contains(node.output(0)))
      return true;
    if (llvm::any_of(node.input(), [&](const std::string &name) { return vanishes(name); }))
      return true;
    // Their type is an attribute; a Cast to another type than float reads any.
    bool hasType = import::findAttribute(node, "dtype") || node.op_type() == "Constant" ||
                   node.op_type() == "ConstantOfShape";
    return hasType || node.op_type() == "QuantizeLinear" || node.op_type() == "DequantizeLinear";
  }

  /// A constant such as an epsilon that half precision takes for 0, or nearly.
  bool vanishes(const std::string &name) const {
    const onnx::TensorProto *constant = graph.initializer(name);
    if (!constant || constant->data_type() != onnx::TensorProto::FLOAT || elementsOf(*constant) != 1)
      return false;
    float value = std::fabs(floatsOf(*constant).front());
    return value != 0 && value < (half == onnx::TensorProto::FLOAT16 ? 6.2e-5f : 1.2e-38f);
  }

  /// Whether a formal operand or result can be of half precision.
  bool takesHalf(const std::vector<onnx::OpSchema::FormalParameter> &formal, int index) const {
    if (formal.empty())
      return false;
    const auto &parameter = formal[std::min(static_cast<size_t>(index), formal.size() - 1)];
    const char *name = half == onnx::TensorProto::FLOAT16 ? "tensor(float16)" : "tensor(bfloat16)";
    return llvm::any_of(parameter.GetTypes(), [&](onnx::DataType type) { return *type == name; });
  }

  std::string addCast(const std::string &value, int type, llvm::StringRef result) {
    onnx::NodeProto &node = added.emplace_back();
    node.set_op_type("Cast");
    node.add_input(value);
    node.add_output(result.str());
    node.set_name(result.str() + "_Cast");
    import::setAttribute(node, "to", static_cast<int64_t>(type));
    return result.str();
  }

  std::string halfOf(const std::string &value) {
    auto [it, isNew] = halves.try_emplace(value);
    if (!isNew)
      return it->second;
    std::string name;
    if (const onnx::TensorProto *constant = graph.initializer(value))
      name = addConstant(*constant);
    else
      name = addCast(value, half, graph.freshName(value + "_half"));
    return halves[value] = name;
  }

  std::string addConstant(const onnx::TensorProto &constant) {
    const run::ElementType &type = *run::elementType(half);
    double largest = half == onnx::TensorProto::FLOAT16 ? 65504 : std::ldexp(255.0, 120);
    std::vector<float> values = floatsOf(constant);
    std::string raw(values.size() * 2, '\0');
    for (size_t i = 0; i < values.size(); ++i) {
      double value = values[i];
      if (std::isfinite(value))
        value = std::clamp(value, -largest, largest);
      run::storeDouble(type, value, reinterpret_cast<uint8_t *>(raw.data()) + 2 * i);
    }
    onnx::TensorProto made;
    made.set_data_type(half);
    for (int64_t dim : constant.dims())
      made.add_dims(dim);
    made.set_raw_data(raw);
    return graph.addInitializer(constant.name() + "_half", std::move(made));
  }

  void convert(onnx::NodeProto &node) {
    const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(node.op_type(), opset, node.domain());
    bool kept = isKept(node) || !schema;
    bool isCast = node.op_type() == "Cast";
    // All float results in half precision, or none.
    for (int i = 0; i < node.output_size() && !kept; ++i)
      kept = graph.isFloat(node.output(i)) && !takesHalf(schema->outputs(), i);
    bool anyFloat = false;
    for (int i = 0; i < node.input_size(); ++i) {
      const std::string input = node.input(i);
      if (input.empty() || !graph.isFloat(input))
        continue;
      anyFloat = true;
      if (!kept && takesHalf(schema->inputs(), i))
        node.set_input(i, halfOf(input));
      else if (auto it = floats.find(input); it != floats.end())
        node.set_input(i, floatOf(input));
    }
    bool makesFloat = false;
    for (const std::string &output : node.output())
      makesFloat |= !output.empty() && graph.isFloat(output);
    if (kept || (!anyFloat && !isCast) || !makesFloat)
      return;
    ++converted;
    if (isCast)
      import::setAttribute(node, "to", static_cast<int64_t>(half));
    for (std::string &output : *node.mutable_output()) {
      if (output.empty() || !graph.isFloat(output))
        continue;
      // The float version, where one is needed, has the old name.
      std::string value = output, made = graph.freshName(value + "_half");
      halves[value] = made;
      floats[value] = "";
      output = made;
      if (graph.isOutput(value))
        floatOf(value);
    }
  }

  /// The float32 version of a value that is made in half precision.
  std::string floatOf(const std::string &value) {
    std::string &name = floats[value];
    if (name.empty())
      name = addCast(halves[value], onnx::TensorProto::FLOAT, value);
    return name;
  }
};

} // namespace

llvm::Expected<Quantized> convertPrecision(const onnx::ModelProto &model, const Options &options) {
  Quantized result;
  result.model = model;
  Graph graph(result.model);
  Converter converter(graph, options);
  if (llvm::Error error = converter.run())
    return std::move(error);
  result.converted = converter.converted;
  if (llvm::Error error = finishModel(result.model, options))
    return std::move(error);
  return std::move(result);
}

} // namespace onnxc::quantize
