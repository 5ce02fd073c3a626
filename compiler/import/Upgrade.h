// Brings models of old opsets into the form of a newer one.
#ifndef ONNXC_COMPILER_IMPORT_UPGRADE_H
#define ONNXC_COMPILER_IMPORT_UPGRADE_H

#include "onnx/onnx_pb.h"

#include <string>

namespace onnxc::import {

// Applies the adapters to every node of the graph and of model functions, and
// sets the opset imports to version `to` where they are older; 0 is the newest.
// Uses inferred types where they are there. Throws ImportError listing every
// node that no adapter can map.
void upgradeModel(::onnx::ModelProto &model, int to = 0);

// The same for the body of a function written in ai.onnx opset `from`; no
// types are known there. `caller` is named in messages.
void upgradeFunction(::onnx::FunctionProto &function, int from,
                     const std::string &caller);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_UPGRADE_H
