// Gives the nodes of model functions the attributes that a call passes.
#ifndef ONNXC_COMPILER_IMPORT_FUNCTIONATTRIBUTES_H
#define ONNXC_COMPILER_IMPORT_FUNCTIONATTRIBUTES_H

#include "onnx/onnx_pb.h"

namespace onnxc::import {

// Afterwards no function of the model has attributes: each call that passed
// some, or took a default, calls a copy of its function in which every
// `@attribute` is the value. An attribute that the call leaves out and that has
// no default is left out of the nodes that refer to it, which then have their
// own default. Throws ImportError where a value is of another kind than wanted.
void bindFunctionAttributes(::onnx::ModelProto &model);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_FUNCTIONATTRIBUTES_H
