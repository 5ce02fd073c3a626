// Spells out ops of other domains that are compositions of standard ops.
#ifndef ONNXC_COMPILER_IMPORT_CONTRIB_H
#define ONNXC_COMPILER_IMPORT_CONTRIB_H

#include "onnx/onnx_pb.h"

namespace onnxc::import {

// Whether the op has such a composition.
bool isContribOp(const ::onnx::NodeProto &node);

// Replaces every such op by standard ops of the newest opset. Throws
// ImportError listing the nodes that use a part of an op which has no
// replacement.
void expandContribOps(::onnx::ModelProto &model);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_CONTRIB_H
