// What is checked before anything else looks at the model.
#ifndef ONNXC_COMPILER_IMPORT_CHECK_H
#define ONNXC_COMPILER_IMPORT_CHECK_H

#include "compiler/import/ModelReader.h"

#include <string>
#include <vector>

namespace onnxc::import {

// Brings the proto into the one form that the later steps expect: the default
// domain is "" everywhere, one opset import per domain, -1 dims are unknown.
void normalise(::onnx::ModelProto &model);

// The version of a domain's opset; 0 if it is not imported.
int opsetVersion(const ::onnx::ModelProto &model, const std::string &domain);

// Throws ImportError if the model is beyond a limit: sizes, nesting, numbers.
void checkLimits(const ::onnx::ModelProto &model, const ImportLimits &limits);

// Throws ImportError if the model is malformed, if model functions are
// recursive or blow up, or if ops are unknown to ONNX (all of them at once).
void checkModel(ReadModel &model, const ImportLimits &limits);

// Checks the graph alone against the schemas of its opset; throws
// InternalImportError naming `step`, after which the graph must be valid.
void checkRewritten(const ReadModel &model, const std::string &step);

// One line of an unsupported-op report.
std::string unsupportedLine(const ::onnx::NodeProto &node, int opset,
                            const std::string &remedy);
[[noreturn]] void throwUnsupported(const std::vector<std::string> &lines);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_CHECK_H
