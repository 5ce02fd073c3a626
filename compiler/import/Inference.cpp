// ONNX's own inference, from the graph inputs on. It is a start: the dialect's
// shape inference refines what it leaves open.
#include "compiler/import/Inference.h"

#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"

#include "onnx/shape_inference/implementation.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace onnxc::import {

using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TypeProto;

DeclaredTypes::DeclaredTypes(const ModelProto &model) {
  std::function<void(const GraphProto &)> collect = [&](const GraphProto &graph) {
    for (const auto *list : {&graph.value_info(), &graph.output(), &graph.input()})
      for (const auto &value : *list)
        if (value.has_type())
          types[value.name()] = value.type();
    for (const auto &node : graph.node())
      for (const auto &attribute : node.attribute())
        if (attribute.has_g())
          collect(attribute.g());
  };
  collect(model.graph());
}

const TypeProto *DeclaredTypes::find(const std::string &name) const {
  auto found = types.find(name);
  return found == types.end() ? nullptr : &found->second;
}

// Forgets shapes; element types stay, because the checker wants them there.
static void forgetShape(TypeProto &type) {
  if (type.has_tensor_type())
    type.mutable_tensor_type()->clear_shape();
  else if (type.has_sequence_type())
    forgetShape(*type.mutable_sequence_type()->mutable_elem_type());
  else if (type.has_optional_type())
    forgetShape(*type.mutable_optional_type()->mutable_elem_type());
}

// What the file says of a value that inference knows nothing of: its element
// type and rank. A dim is not believed; the run finds it out.
static TypeProto believed(TypeProto type) {
  if (type.has_sequence_type())
    *type.mutable_sequence_type()->mutable_elem_type() =
        believed(type.sequence_type().elem_type());
  else if (type.has_optional_type())
    *type.mutable_optional_type()->mutable_elem_type() =
        believed(type.optional_type().elem_type());
  else if (type.has_tensor_type() && type.tensor_type().has_shape())
    for (auto &dim : *type.mutable_tensor_type()->mutable_shape()->mutable_dim())
      if (dim.has_dim_value())
        dim.clear_dim_value();
  return type;
}

// Clears all inferred types. The ranks that bodies declare of their inputs (a
// loop's carried values) inference cannot find out; they are kept on request.
// Their dims are often those of the first iteration alone: an exporter writes
// what its example has.
static void forgetTypes(ModelProto &model, bool keepBodyInputs) {
  bool main = true;
  walkGraphs(*model.mutable_graph(), [&](GraphProto &graph) {
    graph.clear_value_info();
    for (auto &output : *graph.mutable_output())
      forgetShape(*output.mutable_type());
    if (!main)
      for (auto &input : *graph.mutable_input()) {
        if (keepBodyInputs)
          *input.mutable_type() = believed(input.type());
        else
          forgetShape(*input.mutable_type());
      }
    main = false;
  });
}

// Whether ONNX's propagation of small integer tensors stays small. It spells out
// every element of what is a vector, also where it knows only the length, and a row
// of Concats, each of one value twice, doubles them. `model` has types inferred without it.
static bool propagatesLittle(ModelProto &model) {
  constexpr uint64_t most = 1 << 20;
  int64_t version = 1;
  for (const auto &opset : model.opset_import())
    if (isDefaultDomain(opset.domain()))
      version = opset.version();
  std::unordered_map<std::string, uint64_t> lengths; // of vectors; 0: of other ranks
  uint64_t total = 0, largest = 0;                   // `largest`: what a length may turn out to be
  auto learn = [&](const auto &values) {
    for (const auto &value : values)
      if (value.type().has_tensor_type() && value.type().tensor_type().has_shape()) {
        const auto &dims = value.type().tensor_type().shape().dim();
        for (const auto &dim : dims)
          largest = std::max(largest, uint64_t(std::max<int64_t>(dim.dim_value(), 0)));
        if (dims.size() != 1 || dims[0].has_dim_value())
          lengths[value.name()] = dims.size() == 1 ? uint64_t(std::max<int64_t>(dims[0].dim_value(), 0)) : 0;
      }
  };
  walkGraphs(*model.mutable_graph(), [&](GraphProto &graph) {
    learn(graph.input());
    learn(graph.value_info());
    learn(graph.output());
    for (const auto &tensor : graph.initializer())
      lengths[tensor.name()] = tensor.dims_size() == 1 ? uint64_t(std::max<int64_t>(tensor.dims(0), 0)) : 0;
  });
  walkGraphs(*model.mutable_graph(), [&](GraphProto &graph) {
    for (const NodeProto &node : graph.node()) {
      const auto *schema = isDefaultDomain(node.domain()) ? ::onnx::OpSchemaRegistry::Schema(node.op_type(), int(version)) : nullptr;
      bool propagates = schema && schema->has_data_propagation_function();
      uint64_t sum = 0, longest = 1;
      for (const std::string &name : node.input()) {
        auto found = lengths.find(name);
        uint64_t length = std::min(found == lengths.end() ? 1 : found->second, 2 * most);
        sum += length;
        longest = std::max(longest, length);
      }
      if (propagates)
        total += sum;
      uint64_t length = node.op_type() == "Concat" ? sum : !propagates && largest > most ? largest : longest;
      for (const std::string &name : node.output())
        lengths.try_emplace(name, std::min(length, 2 * most));
    }
  });
  return total <= most;
}

// What is wrong with the equation of an Einsum, of whose operands ONNX's rule reads
// nothing but letters, spaces and one "..." each, without an end otherwise.
static std::string badEquation(const ModelProto &model) {
  std::string error;
  auto check = [&](const NodeProto &node) {
    auto equation = stringAttribute(node, "equation");
    if (node.op_type() != "Einsum" || !equation || !error.empty())
      return;
    size_t dots = std::string::npos;
    for (size_t k = 0, arrow = equation->find("->"); k < equation->size(); ++k) {
      char c = (*equation)[k];
      bool isLetter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      bool isNext = c == ',' && k < arrow;
      if (isNext)
        dots = std::string::npos;
      if (k == arrow)
        dots = std::string::npos, ++k;
      else if (equation->compare(k, 3, "...") == 0 && dots == std::string::npos)
        dots = k, k += 2;
      else if (!isLetter && !isNext && c != ' ') {
        error = describe(node) + ": equation '" + *equation + "': got '" + c + "', wanted letters and at most one '...' for each operand";
        return;
      }
    }
  };
  walkNodes(model.graph(), check);
  for (const auto &function : model.functions())
    for (const NodeProto &node : function.node())
      check(node);
  return error;
}

static std::string runInference(ModelProto &model, int strictness) {
  if (std::string error = badEquation(model); !error.empty())
    return error;
  auto infer = [&](int strictness, bool propagate) {
    ::onnx::shape_inference::DataValueMap data;
    ::onnx::shape_inference::InferShapes(
        model, ::onnx::OpSchemaRegistry::Instance(),
        ::onnx::ShapeInferenceOptions(/*check_type=*/false, strictness, propagate), &data);
  };
  try {
    // Without a trace: what is known already is part of what a strict inference says.
    std::vector<std::array<google::protobuf::RepeatedPtrField<::onnx::ValueInfoProto>, 3>> known;
    walkGraphs(*model.mutable_graph(), [&](GraphProto &graph) { known.push_back({graph.value_info(), graph.output(), graph.input()}); });
    infer(/*strictness=*/0, /*propagate=*/false);
    bool propagate = propagatesLittle(model);
    size_t next = 0;
    walkGraphs(*model.mutable_graph(), [&](GraphProto &graph) {
      auto &[values, outputs, inputs] = known[next++];
      graph.mutable_value_info()->Swap(&values);
      graph.mutable_output()->Swap(&outputs);
      graph.mutable_input()->Swap(&inputs);
    });
    infer(strictness, propagate);
    return "";
  } catch (const std::exception &error) {
    std::string text = error.what();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text.empty() ? "unknown error" : text;
  }
}

// The pads that make up for output_shape; none if a dim they need is unknown.
static std::optional<std::vector<int64_t>>
padsOf(const NodeProto &node, const std::vector<int64_t> &wanted,
       const TypeScope &scope) {
  size_t n = wanted.size();
  auto list = [&](const char *name, int64_t standard) {
    auto values = intsAttribute(node, name).value_or(std::vector<int64_t>(n, standard));
    values.resize(n, standard); // what is too short is reported later
    return values;
  };
  auto spatialDim = [&](int input, size_t k) -> std::optional<int64_t> {
    const auto &dim = scope.type(node.input(input))->tensor_type().shape().dim(int(k) + 2);
    return dim.has_dim_value() ? std::optional(dim.dim_value()) : std::nullopt;
  };
  for (int input : {0, 1})
    if (scope.rank(node.input(input)) != int64_t(n) + 2)
      return std::nullopt;
  auto strides = list("strides", 1), dilations = list("dilations", 1), extra = list("output_padding", 0);
  bool moreAtEnd = stringAttribute(node, "auto_pad") == "SAME_UPPER";
  std::vector<int64_t> pads(2 * n);
  for (size_t k = 0; k < n; ++k) {
    auto size = spatialDim(0, k), kernel = spatialDim(1, k);
    if (!size || !kernel)
      return std::nullopt;
    int64_t total = strides[k] * (*size - 1) + extra[k] + (*kernel - 1) * dilations[k] + 1 - wanted[k];
    if (total < 0)
      return std::nullopt;
    pads[k] = moreAtEnd ? total / 2 : total - total / 2;
    pads[n + k] = total - pads[k];
  }
  return pads;
}

// ONNX's rule gives a ConvTranspose whose output_shape is smaller than its
// input a part of a shape, such as [N, C]. Stated as pads, the same is inferred.
static bool spellOutputShapes(ModelProto &model) {
  bool changed = false;
  walkGraphs(*model.mutable_graph(), [&](GraphProto &graph) {
    TypeScope scope(graph);
    for (NodeProto &node : *graph.mutable_node()) {
      auto wanted = intsAttribute(node, "output_shape");
      if (node.op_type() != "ConvTranspose" || !wanted)
        continue;
      auto rank = scope.rank(node.output(0));
      if (!rank || *rank >= int64_t(wanted->size()) + 2)
        continue;
      if (auto pads = padsOf(node, *wanted, scope)) {
        removeAttribute(node, "output_shape");
        removeAttribute(node, "auto_pad");
        setAttribute(node, "pads", *pads);
        changed = true;
      }
    }
  });
  return changed;
}

void inferTypes(ModelProto &model, const DeclaredTypes &declared) {
  std::string error;
  do {
    forgetTypes(model, /*keepBodyInputs=*/true);
    error = runInference(model, /*strictness=*/0);
    if (!error.empty()) {
      forgetTypes(model, /*keepBodyInputs=*/false);
      error = runInference(model, /*strictness=*/0);
    }
  } while (error.empty() && spellOutputShapes(model));
  if (!error.empty())
    throw ImportError("the model's types do not fit together: " + error);

  // Where inference found nothing, believe the file.
  walkGraphs(*model.mutable_graph(), [&](GraphProto &graph) {
    TypeScope scope(graph);
    auto missing = [&](const std::string &name) {
      const TypeProto *type = scope.type(name);
      return !type || type->value_case() == TypeProto::VALUE_NOT_SET ||
             (type->has_tensor_type() && type->tensor_type().elem_type() == 0);
    };
    for (auto &output : *graph.mutable_output()) {
      const TypeProto *file = declared.find(output.name());
      if (file && output.type().has_tensor_type() &&
          !output.type().tensor_type().has_shape() &&
          (output.type().tensor_type().elem_type() == 0 ||
           output.type().tensor_type().elem_type() ==
               file->tensor_type().elem_type()))
        *output.mutable_type() = believed(*file);
    }
    for (const auto &node : graph.node())
      for (const std::string &name : node.output()) {
        if (name.empty() || !missing(name))
          continue;
        if (const TypeProto *file = declared.find(name)) {
          auto &value = *graph.add_value_info();
          value.set_name(name);
          *value.mutable_type() = believed(*file);
        }
      }
  });
}

void checkFunctionOps(ModelProto &model, const std::function<bool(const NodeProto &)> &isFunction) {
  std::vector<const NodeProto *> functions;
  walkNodes(std::as_const(model.graph()), [&](const NodeProto &node) {
    if (isFunction(node))
      functions.push_back(&node);
  });
  if (functions.empty())
    return;
  std::string errors = runInference(model, /*strictness=*/1);
  for (const NodeProto *node : functions) {
    std::string head = "(op_type:" + node->op_type() + ", node name: " + node->name() + "): ";
    size_t at = errors.find(head);
    if (at == std::string::npos)
      continue;
    size_t text = at + head.size();
    std::string error = errors.substr(text, errors.find("(op_type:", text) - text);
    // Errors inside of the body: it is inferred without the attributes' defaults.
    bool nested = error.rfind("[ShapeInferenceError] Inference error(s):", 0) == 0;
    // What comes of them: results without a type, which are not contradictions.
    bool follows = error.find("expected to have type but instead is null") != std::string::npos;
    if (!nested && !follows)
      throw ImportError(describe(*node) + ": " + error);
  }
}

void reportUntyped(ReadModel &model) {
  std::string culprit;
  std::vector<std::pair<const GraphProto *, std::string>> branches;
  std::function<void(const GraphProto &, const TypeScope *, std::string &)> check =
      [&](const GraphProto &graph, const TypeScope *outer, std::string &found) {
        TypeScope scope(graph, outer);
        for (const auto &node : graph.node()) {
          for (const std::string &name : node.output()) {
            const TypeProto *type = scope.type(name);
            bool typed = type && type->value_case() != TypeProto::VALUE_NOT_SET;
            if (!name.empty() && !typed && found.empty())
              found = "the type of '" + name + "', made by " +
                      describe(node) + ", cannot be inferred";
          }
          for (const auto &attribute : node.attribute()) {
            if (!attribute.has_g())
              continue;
            // A branch may be one that never runs.
            std::string inBranch;
            bool branch = node.op_type() == "If" && isDefaultDomain(node.domain());
            check(attribute.g(), &scope, branch ? inBranch : found);
            if (!inBranch.empty())
              branches.emplace_back(&attribute.g(), inBranch);
          }
        }
      };
  check(model.proto.graph(), nullptr, culprit);
  if (culprit.empty() && branches.empty())
    return;
  // Once more, now with the errors that were passed over.
  std::string reason = runInference(model.proto, /*strictness=*/1);
  auto text = [&](const std::string &what) {
    return what + (reason.empty() ? "; declare it in value_info" : ": " + reason);
  };
  if (!culprit.empty())
    throw ImportError(text(culprit));
  for (const auto &[branch, what] : branches)
    model.impossible[branch] = text(what);
}

} // namespace onnxc::import
