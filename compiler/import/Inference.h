// Runs ONNX's type and shape inference over a model.
#ifndef ONNXC_COMPILER_IMPORT_INFERENCE_H
#define ONNXC_COMPILER_IMPORT_INFERENCE_H

#include "compiler/import/ModelReader.h"

#include "onnx/onnx_pb.h"

#include <functional>
#include <string>
#include <unordered_map>

namespace onnxc::import {

// Keeps what the file declares about values, because inference starts afresh
// each time: a declared shape may be wrong, or contradict a pinned dimension.
class DeclaredTypes {
public:
  explicit DeclaredTypes(const ::onnx::ModelProto &model);
  // Null if nothing is declared.
  const ::onnx::TypeProto *find(const std::string &name) const;

private:
  std::unordered_map<std::string, ::onnx::TypeProto> types;
};

// Replaces all value types other than the main graph's inputs by what ONNX
// infers from them. Throws ImportError where types contradict each other.
void inferTypes(::onnx::ModelProto &model, const DeclaredTypes &declared);

// Throws ImportError where ONNX's inference finds that operands of a node that
// `isFunction` contradict each other: in the node's body it is no longer seen
// what they are. What it says of other nodes is the dialect's matter.
void checkFunctionOps(
    ::onnx::ModelProto &model,
    const std::function<bool(const ::onnx::NodeProto &)> &isFunction);

// Throws ImportError, with inference's own message, if a value has no type. A
// branch of an If with such a value may be one that never runs: it goes to
// `model.impossible`.
void reportUntyped(ReadModel &model);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_INFERENCE_H
