// What ops that become other ops on import (function bodies) want of their operands, where ONNX's
// inference does not ask: their bodies broadcast and would take more.
#ifndef ONNXC_COMPILER_IMPORT_FUNCTIONOPERANDS_H
#define ONNXC_COMPILER_IMPORT_FUNCTIONOPERANDS_H

#include "onnx/onnx_pb.h"

namespace onnxc::import {

// Throws ImportError where ranks, dims or attributes of a node contradict what
// its op wants. Needs inferred types; dims that are not known are not looked at.
void checkFunctionOperands(const ::onnx::ModelProto &model);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_FUNCTIONOPERANDS_H
