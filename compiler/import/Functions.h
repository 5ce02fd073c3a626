// Inlines model-local functions and expands ops that the dialect lacks into
// the function bodies of their ONNX schemas.
#ifndef ONNXC_COMPILER_IMPORT_FUNCTIONS_H
#define ONNXC_COMPILER_IMPORT_FUNCTIONS_H

#include "onnx/onnx_pb.h"

#include <functional>
#include <string>

namespace onnxc::import {

using OpPredicate = std::function<bool(const ::onnx::NodeProto &)>;

// Replaces every call of a model-local function by its body.
void inlineModelFunctions(::onnx::ModelProto &model);

// True if some function of the model uses another ai.onnx opset than the model.
bool functionOpsetsDiffer(const ::onnx::ModelProto &model);

// One round: every node that is not `known` and has a function body in ONNX's
// schemas becomes its body, upgraded to the newest opset. Needs inferred
// types. Returns whether anything was expanded.
bool expandFunctionOps(::onnx::ModelProto &model, const OpPredicate &known);

// Removes nodes, nested ones too, whose results nobody uses, and initializers
// that no node reads. Inputs that have an initializer are no inputs any more.
void removeDead(::onnx::ModelProto &model);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_FUNCTIONS_H
