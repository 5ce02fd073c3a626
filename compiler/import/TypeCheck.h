// Checks the types of all values against the schemas of the ops.
#ifndef ONNXC_COMPILER_IMPORT_TYPECHECK_H
#define ONNXC_COMPILER_IMPORT_TYPECHECK_H

#include "onnx/onnx_pb.h"

namespace onnxc::import {

// Throws ImportError for the first node that is given a type its schema does
// not allow, or two types where the schema wants one. Types that inference
// could not find pass.
void checkTypes(const ::onnx::ModelProto &model);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_TYPECHECK_H
