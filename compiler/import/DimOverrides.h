// Applies --dim and input shapes to the graph's inputs.
#ifndef ONNXC_COMPILER_IMPORT_DIMOVERRIDES_H
#define ONNXC_COMPILER_IMPORT_DIMOVERRIDES_H

#include "compiler/import/Import.h"
#include "onnx/onnx_pb.h"

#include <map>
#include <string>
#include <utility>

namespace onnxc::import {

// Bounds of symbols that stay dynamic.
using DimBounds = std::map<std::string, std::pair<int64_t, int64_t>>;

// Throws ImportError for unknown names, bad numbers and contradictions.
DimBounds applyDimOverrides(::onnx::GraphProto &graph,
                            const ImportOptions &options);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_DIMOVERRIDES_H
