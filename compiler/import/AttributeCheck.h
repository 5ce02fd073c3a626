// Checks attributes that every op reads in the same way.
#ifndef ONNXC_COMPILER_IMPORT_ATTRIBUTECHECK_H
#define ONNXC_COMPILER_IMPORT_ATTRIBUTECHECK_H

#include "onnx/onnx_pb.h"

namespace onnxc::import {

// Throws ImportError where an attribute that is a flag is neither 0 nor 1.
void checkAttributes(const ::onnx::ModelProto &model);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_ATTRIBUTECHECK_H
