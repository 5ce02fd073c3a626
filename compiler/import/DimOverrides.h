// Applies --dim and input shapes to the graph's inputs.
#ifndef ONNXC_COMPILER_IMPORT_DIMOVERRIDES_H
#define ONNXC_COMPILER_IMPORT_DIMOVERRIDES_H

#include "compiler/import/Import.h"
#include "onnx/onnx_pb.h"

#include <map>
#include <string>
#include <utility>

namespace onnxc::import {

// Takes the names away from dims of inputs and outputs that exporters write
// for "unknown": those without a letter (`?`, `-1`), `None`, `unknown`. Two of
// them are not one size.
void dropPlaceholderNames(::onnx::GraphProto &graph);

// Bounds of symbols that stay dynamic.
using DimBounds = std::map<std::string, std::pair<int64_t, int64_t>>;

// Throws ImportError for unknown names, bad numbers and contradictions.
DimBounds applyDimOverrides(::onnx::GraphProto &graph,
                            const ImportOptions &options);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_DIMOVERRIDES_H
