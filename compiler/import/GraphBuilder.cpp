// From the prepared model to the dialect, one op per node. Ops are built by
// name, so that a new op of the dialect needs nothing here.
#include "compiler/import/GraphBuilder.h"

#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"
#include "compiler/import/TensorData.h"
#include "dialects/onnx/InferShapes.h"
#include "dialects/onnx/ResolveIfs.h"
#include "dialects/onnx/ShapeUtils.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"
#include "onnx/defs/schema.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <unordered_map>

namespace onnxc::import {

using namespace mlir;
using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::NodeProto;
using ::onnx::OpSchema;

namespace {

// Operands of the ops that are not in ONNX's schemas.
constexpr const char *noValueOp = "onnx.NoValue";
constexpr const char *constantOp = "onnx.Constant";
constexpr const char *yieldOp = "onnx.Yield";

// Regions in the order in which the dialect declares them.
constexpr const char *regionOrder[] = {"then_branch", "else_branch", "body"};

class Builder {
public:
  Builder(ReadModel &model, MLIRContext &context)
      : model(model), context(context), builder(&context) {}

  OwningOpRef<ModuleOp> run(const DimBounds &bounds, ImportedModelInfo &info) {
    nodeNumbers = &info.nodeNumbers;
    GraphProto &graph = *model.proto.mutable_graph();
    OwningOpRef<ModuleOp> module =
        ModuleOp::create(builder.getUnknownLoc());
    builder.setInsertionPointToStart(module->getBody());

    SmallVector<Type> inputTypes;
    for (const auto &input : graph.input()) {
      Type type = valueType(input.type(), context);
      if (!type)
        throw ImportError("input '" + input.name() + "' has an unknown type");
      inputTypes.push_back(type);
    }
    auto function = func::FuncOp::create(
        builder, builder.getUnknownLoc(), "main",
        builder.getFunctionType(inputTypes, {}));
    entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);

    SmallVector<Value> results = block(graph, *entry);
    func::ReturnOp::create(builder, builder.getUnknownLoc(), results);
    function.setFunctionType(
        builder.getFunctionType(inputTypes, ValueRange(results).getTypes()));

    for (int i = 0; i < graph.input_size(); ++i) {
      function.setArgAttr(i, "onnx.name",
                          builder.getStringAttr(graph.input(i).name()));
      info.inputs.push_back(describe(graph.input(i), inputTypes[size_t(i)], bounds));
      if (Attribute names = dimNames(info.inputs.back()))
        function.setArgAttr(i, "onnx.dim_names", names);
    }
    for (int i = 0; i < graph.output_size(); ++i) {
      // ONNX's check leaves out what is an input as well.
      const auto &type = graph.output(i).type();
      auto said = type.has_tensor_type() && type.tensor_type().elem_type() ? dyn_cast_or_null<TensorType>(valueType(type, *builder.getContext())) : TensorType();
      auto made = dyn_cast<TensorType>(results[size_t(i)].getType());
      if (said && made && said.getElementType() != made.getElementType()) {
        std::string text;
        llvm::raw_string_ostream(text) << "graph output '" << graph.output(i).name() << "': the model declares elements of type "
                                       << said.getElementType() << ", but computes " << made.getElementType() << "; correct the declared type";
        throw ImportError(text);
      }
      function.setResultAttr(i, "onnx.name",
                             builder.getStringAttr(graph.output(i).name()));
      info.outputs.push_back(
          describe(graph.output(i), results[size_t(i)].getType(), bounds));
      if (Attribute names = dimNames(info.outputs.back()))
        function.setResultAttr(i, "onnx.dim_names", names);
    }
    if (!bounds.empty()) {
      SmallVector<NamedAttribute> list;
      for (const auto &[name, range] : bounds)
        list.push_back(builder.getNamedAttr(
            name, builder.getDenseI64ArrayAttr({range.first, range.second})));
      (*module)->setAttr("onnx.dim_bounds", builder.getDictionaryAttr(list));
    }
    return module;
  }

private:
  using Names = std::unordered_map<std::string, Value>;

  // Fills a block with a graph's constants and nodes; the graph's inputs are
  // the block's arguments. Returns the values of the graph's outputs.
  SmallVector<Value> block(GraphProto &graph, Block &block) {
    scopes.emplace_back();
    types.push_back(std::make_unique<TypeScope>(
        graph, types.empty() ? nullptr : types.back().get()));
    for (int i = 0; i < graph.input_size(); ++i)
      define(graph.input(i).name(), block.getArgument(unsigned(i)));
    for (auto &tensor : *graph.mutable_initializer())
      define(tensor.name(),
             constant(tensor.name(), takeElements(tensor, tensor.name(),
                                                  model.directory, context)));
    for (auto &tensor : *graph.mutable_sparse_initializer()) {
      std::string name = tensor.values().name();
      define(name, constant(name, takeElements(tensor, name, model.directory,
                                               context)));
    }
    for (NodeProto &node : *graph.mutable_node()) {
      this->node(node);
      // Its tensors are in the context now; do not hold both.
      node.clear_attribute();
    }
    SmallVector<Value> results;
    for (const auto &output : graph.output())
      results.push_back(find(output.name(), "graph output"));
    types.pop_back();
    scopes.pop_back();
    return results;
  }

  void define(const std::string &name, Value value) {
    scopes.back()[name] = value;
  }

  Value find(const std::string &name, const std::string &reader) {
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
      auto found = scope->find(name);
      if (found != scope->end())
        return found->second;
    }
    throw ImportError(reader + " reads '" + name + "', which nothing before it "
                      "makes; the nodes are not in order or one is missing");
  }

  // One `none` value serves the whole function: the first block dominates all.
  Value noValue() {
    if (!none) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(entry);
      OperationState state(builder.getUnknownLoc(), noValueOp);
      state.addTypes(builder.getNoneType());
      none = builder.create(state)->getResult(0);
    }
    return none;
  }

  Location location(const std::string &name) {
    return NameLoc::get(builder.getStringAttr(name));
  }

  Value constant(const std::string &name, ElementsAttr value) {
    OperationState state(location(name), constantOp);
    state.addAttribute("value", value);
    state.addTypes(value.getShapedType());
    return builder.create(state)->getResult(0);
  }

  void node(NodeProto &node) {
    std::string name = node.name();
    if (name.empty()) {
      name = node.op_type() + "_" + std::to_string(index);
      auto number = nodeNumbers->find(node.output_size() ? node.output(0) : "");
      if (number != nodeNumbers->end())
        nodeNumbers->try_emplace(name, number->second);
    }
    ++index;
    if (node.op_type() == "Constant" && node.domain().empty()) {
      if (node.output_size() == 1)
        define(node.output(0), constant(name, constantValue(node)));
      return;
    }
    if (!isDialectOp(node, context))
      throw InternalImportError("op " + node.op_type() +
                                " has no counterpart in the dialect");
    const OpSchema *schema = ::onnx::OpSchemaRegistry::Instance()->GetSchema(
        node.op_type(), opset(node.domain()), node.domain());
    if (!schema)
      throw InternalImportError("op " + node.op_type() + " has no schema");

    OperationState state(location(name), *dialectOpName(node));
    for (const std::string &input : node.input())
      state.operands.push_back(
          input.empty() ? noValue() : find(input, import::describe(node)));
    for (size_t i = state.operands.size(); i < fixedCount(schema->inputs()); ++i)
      state.operands.push_back(noValue());

    size_t results = std::max<size_t>(size_t(node.output_size()),
                                      fixedCount(schema->outputs()));
    for (size_t i = 0; i < results; ++i)
      state.addTypes(resultType(node, int(i)));

    addAttributes(state, node);
    addRegions(state, node);
    Operation *op = builder.create(state);
    for (int i = 0; i < node.output_size(); ++i)
      if (!node.output(i).empty())
        define(node.output(i), op->getResult(unsigned(i)));
  }

  // Formal parameters before a variadic one.
  static size_t fixedCount(const std::vector<OpSchema::FormalParameter> &list) {
    size_t count = 0;
    for (const auto &parameter : list)
      if (parameter.GetOption() != OpSchema::Variadic)
        ++count;
    return count;
  }

  int opset(const std::string &domain) const {
    for (const auto &import : model.proto.opset_import())
      if (import.domain() == domain)
        return int(import.version());
    return 0;
  }

  Type resultType(const NodeProto &node, int index) {
    if (index >= node.output_size() || node.output(index).empty())
      return builder.getNoneType();
    const ::onnx::TypeProto *known = types.back()->type(node.output(index));
    Type type = known ? valueType(*known, context) : Type();
    if (!type)
      throw ImportError("the type of '" + node.output(index) + "', made by " +
                        import::describe(node) + ", cannot be inferred; "
                        "declare it in the model's value_info");
    return type;
  }

  Attribute attribute(AttributeProto &attribute, const NodeProto &node) {
    switch (attribute.type()) {
    case AttributeProto::INT:
      return builder.getI64IntegerAttr(attribute.i());
    case AttributeProto::FLOAT:
      return builder.getF32FloatAttr(attribute.f());
    case AttributeProto::STRING:
      return builder.getStringAttr(attribute.s());
    case AttributeProto::INTS:
      return builder.getDenseI64ArrayAttr(
          ArrayRef(attribute.ints().data(), size_t(attribute.ints_size())));
    case AttributeProto::FLOATS:
      return builder.getDenseF32ArrayAttr(
          ArrayRef(attribute.floats().data(), size_t(attribute.floats_size())));
    case AttributeProto::STRINGS: {
      SmallVector<StringRef> strings(attribute.strings().begin(),
                                     attribute.strings().end());
      return builder.getStrArrayAttr(strings);
    }
    case AttributeProto::TENSOR:
      return takeElements(*attribute.mutable_t(), attribute.t().name(),
                          model.directory, context);
    case AttributeProto::SPARSE_TENSOR:
      return takeElements(*attribute.mutable_sparse_tensor(),
                          attribute.sparse_tensor().values().name(),
                          model.directory, context);
    case AttributeProto::TYPE_PROTO: {
      Type type = valueType(attribute.tp(), context);
      if (type)
        return TypeAttr::get(type);
      break;
    }
    default:
      break;
    }
    throw ImportError(import::describe(node) + ": its attribute '" +
                      attribute.name() + "' has a kind of value that is not "
                      "supported");
  }

  void addAttributes(OperationState &state, NodeProto &node) {
    for (AttributeProto &item : *node.mutable_attribute()) {
      if (item.type() == AttributeProto::GRAPH)
        continue;
      if (!item.ref_attr_name().empty())
        throw ImportError(import::describe(node) + ": its attribute '" +
                          item.name() + "' refers to a function's attribute "
                          "outside of a function");
      state.addAttribute(item.name(), attribute(item, node));
    }
  }

  void addRegions(OperationState &state, NodeProto &node) {
    for (const char *name : regionOrder)
      for (AttributeProto &item : *node.mutable_attribute())
        if (item.type() == AttributeProto::GRAPH && item.name() == name)
          region(*state.addRegion(), *item.mutable_g(), state, node);
  }

  void region(Region &region, GraphProto &graph, const OperationState &state,
              const NodeProto &node) {
    Block &body = region.emplaceBlock();
    for (int i = 0; i < graph.input_size(); ++i)
      body.addArgument(bodyArgumentType(graph, i, state, node), state.location);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&body);
    auto impossible = model.impossible.find(&graph);
    SmallVector<Value> results = impossible == model.impossible.end()
                                     ? block(graph, body)
                                     : contradiction(state, impossible->second);
    OperationState yield(state.location, yieldOp);
    yield.addOperands(results);
    builder.create(yield);
  }

  // Results of an If from a branch that cannot run.
  SmallVector<Value> contradiction(const OperationState &branches,
                                   const std::string &message) {
    OperationState state(branches.location, "onnx.Contradiction");
    state.addAttribute("message", builder.getStringAttr(message));
    state.addTypes(branches.types);
    return SmallVector<Value>(builder.create(state)->getResults());
  }

  // What inference found, else what follows from the op: a loop's counter and
  // condition, and carried values of the initial value's element type.
  Type bodyArgumentType(const GraphProto &graph, int index,
                        const OperationState &state, const NodeProto &node) {
    if (Type type = valueType(graph.input(index).type(), context))
      return type;
    if (node.op_type() == "Loop") {
      if (index == 0)
        return RankedTensorType::get({}, builder.getI64Type());
      if (index == 1)
        return RankedTensorType::get({}, builder.getI1Type());
      if (size_t(index) < state.operands.size()) {
        Type type = state.operands[size_t(index)].getType();
        if (auto tensor = dyn_cast<TensorType>(type))
          return UnrankedTensorType::get(tensor.getElementType());
        return type;
      }
    }
    throw ImportError(import::describe(node) + ": the type of its body's input "
                      "'" + graph.input(index).name() + "' is unknown");
  }

  ElementsAttr constantValue(NodeProto &node) {
    for (AttributeProto &item : *node.mutable_attribute()) {
      const std::string &name = item.name();
      auto vector = [&](size_t size, Type element) {
        return RankedTensorType::get({int64_t(size)}, element);
      };
      auto scalar = [&](Type element) {
        return RankedTensorType::get({}, element);
      };
      Type string =
          elementType(::onnx::TensorProto::STRING, context);
      if (name == "value")
        return takeElements(*item.mutable_t(), node.output(0), model.directory,
                            context);
      if (name == "sparse_value")
        return takeElements(*item.mutable_sparse_tensor(), node.output(0),
                            model.directory, context);
      if (name == "value_int")
        return DenseElementsAttr::get(scalar(builder.getI64Type()),
                                      ArrayRef<int64_t>(item.i()));
      if (name == "value_float")
        return DenseElementsAttr::get(scalar(builder.getF32Type()),
                                      ArrayRef<float>(item.f()));
      if (name == "value_ints")
        return DenseElementsAttr::get(
            vector(size_t(item.ints_size()), builder.getI64Type()),
            ArrayRef<int64_t>(item.ints().data(), size_t(item.ints_size())));
      if (name == "value_floats")
        return DenseElementsAttr::get(
            vector(size_t(item.floats_size()), builder.getF32Type()),
            ArrayRef<float>(item.floats().data(), size_t(item.floats_size())));
      if (name == "value_string")
        return DenseStringElementsAttr::get(scalar(string),
                                            {StringRef(item.s())});
      if (name == "value_strings") {
        SmallVector<StringRef> strings(item.strings().begin(),
                                       item.strings().end());
        return DenseStringElementsAttr::get(vector(strings.size(), string),
                                            strings);
      }
    }
    throw ImportError(import::describe(node) + " has no value");
  }

  static ImportedModelInfo::TensorInfo
  describe(const ::onnx::ValueInfoProto &value, Type type,
           const DimBounds &bounds) {
    ImportedModelInfo::TensorInfo info;
    info.name = value.name();
    if (value.type().has_tensor_type())
      info.onnxType = value.type().tensor_type().elem_type();
    auto ranked = dyn_cast<RankedTensorType>(type);
    info.hasRank = bool(ranked);
    if (!ranked)
      return info;
    const auto &shape = value.type().tensor_type().shape();
    for (int64_t i = 0; i < ranked.getRank(); ++i) {
      info.dims.push_back(ranked.isDynamicDim(unsigned(i))
                              ? -1
                              : ranked.getDimSize(unsigned(i)));
      std::string symbol;
      if (i < shape.dim_size() && shape.dim(int(i)).has_dim_param())
        symbol = shape.dim(int(i)).dim_param();
      // Inference makes up names of the form unk__7; they say nothing, unless
      // the user took one up.
      if (StringRef(symbol).starts_with("unk__") && !bounds.count(symbol))
        symbol.clear();
      info.dimNames.push_back(symbol);
    }
    return info;
  }

  Attribute dimNames(const ImportedModelInfo::TensorInfo &tensor) {
    bool any = false;
    SmallVector<StringRef> names;
    for (const std::string &name : tensor.dimNames) {
      any |= !name.empty();
      names.push_back(name);
    }
    return any ? builder.getStrArrayAttr(names) : Attribute();
  }

  ReadModel &model;
  MLIRContext &context;
  OpBuilder builder;
  std::vector<Names> scopes;
  std::vector<std::unique_ptr<TypeScope>> types;
  Block *entry = nullptr; // of the function
  Value none;
  std::map<std::string, int32_t> *nodeNumbers = nullptr; // names made up here join those of the file
  int index = 0;
};

std::string nameOf(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    return "node '" + name.getName().str() + "': ";
  return "";
}

// A tensor of this many bytes fits no machine; above it, sums of sizes and
// products of sizes and strides would not fit 64 bits.
constexpr int64_t maxTensorBytes = int64_t(1) << 47;

// The bytes of a tensor's known dims; empty dims count as 1, because they are
// factors of strides.
bool isTooLarge(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  int64_t bytes = 8;
  for (int64_t size : tensor.getShape())
    if (size > 0 && llvm::MulOverflow(bytes, size, bytes))
      return true;
  return bytes >= maxTensorBytes;
}

// Results of ops are the dialect's matter.
void checkInputSizes(func::FuncOp function) {
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    if (!isTooLarge(type))
      continue;
    std::string text;
    llvm::raw_string_ostream(text)
        << "graph input " << index << " has type " << type
        << ", wanted less than 2^47 bytes";
    throw ImportError(text);
  }
}

} // namespace

std::optional<std::string> dialectOpName(const NodeProto &node) {
  const std::string &domain = node.domain();
  if (!domain.empty() && domain.rfind("ai.onnx", 0) != 0)
    return std::nullopt;
  return "onnx." + node.op_type();
}

bool isDialectOp(const NodeProto &node, MLIRContext &context) {
  std::optional<std::string> name = dialectOpName(node);
  return name && RegisteredOperationName::lookup(*name, &context).has_value();
}

OwningOpRef<ModuleOp> buildModule(ReadModel &model, const DimBounds &bounds,
                                  MLIRContext &context,
                                  ImportedModelInfo &info) {
  OwningOpRef<ModuleOp> module = Builder(model, context).run(bounds, info);
  std::string problems;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (problems.empty())
      problems = nameOf(diagnostic.getLocation()) + diagnostic.str();
    return success();
  });
  checkInputSizes(cast<func::FuncOp>(module->lookupSymbol("main")));
  // Valid in itself, then right: the rules of the ops say more than ONNX's
  // inference did, count where it is wrong, and say what contradicts them.
  bool valid = succeeded(verify(*module));
  for (auto func : module->getOps<func::FuncOp>())
    valid = valid && succeeded(onnxc::onnx::inferShapes(func, onnxc::onnx::Present::Guess)) &&
            succeeded(onnxc::onnx::resolveIfs(func));
  if (!valid)
    throw ImportError(problems.empty() ? "the model is not valid" : problems);
  return module;
}

void checkOutputs(ModuleOp module, const DeclaredTypes &declared) {
  auto function = cast<func::FuncOp>(module.lookupSymbol("main"));
  // With a dynamic batch, exporters forget it in what they declare of outputs.
  bool fixed = llvm::all_of(function.getArgumentTypes(), [](Type type) {
    auto tensor = dyn_cast<TensorType>(type);
    return tensor && tensor.hasStaticShape();
  });
  for (auto [index, made] : llvm::enumerate(function.getResultTypes())) {
    auto name = function.getResultAttrOfType<StringAttr>(unsigned(index), "onnx.name");
    const ::onnx::TypeProto *file = declared.find(name.getValue().str());
    Type said = file ? valueType(*file, *module.getContext()) : Type();
    auto from = dyn_cast_or_null<TensorType>(said), to = dyn_cast<TensorType>(made);
    // Element types are ONNX's own check.
    if (!from || !to || from.getElementType() != to.getElementType())
      continue;
    if (Type both = onnxc::onnx::meetTypes(from, to)) {
      if (fixed && both != to)
        function.setResultAttr(unsigned(index), "onnx.declared", TypeAttr::get(both));
      continue;
    }
    std::string text;
    llvm::raw_string_ostream(text)
        << "graph output '" << name.getValue() << "': the model declares "
        << from << ", but computes " << to
        << "; correct the declared shape, or compile with"
           " --output-shapes=computed, which does not ask for it";
    throw ImportError(text);
  }
}

} // namespace onnxc::import
