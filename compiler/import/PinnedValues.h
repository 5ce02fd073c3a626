// Inputs that are no inputs of the compiled model: those that the user gave a
// value, and initializers that a caller of an interpreter might replace.
#ifndef ONNXC_COMPILER_IMPORT_PINNEDVALUES_H
#define ONNXC_COMPILER_IMPORT_PINNEDVALUES_H

#include "compiler/import/Import.h"

#include "onnx/onnx_pb.h"

namespace onnxc::import {

// Makes each input of `options.values` an initializer of that value, and pins
// the dims that its number of elements tells. Returns lines for the user,
// "input 'sr' is 16000". Throws ImportError on an unknown name, and on a value
// that is not one of the input's type and shape.
std::vector<std::string> pinValues(::onnx::ModelProto &model,
                                   const ImportOptions &options);

// Initializers that are inputs as well, which IR versions from 4 on use for
// values that a caller may replace: with `keep` they lose their value and stay
// inputs, else they are constants and named in the returned line.
std::vector<std::string> settleInitializerInputs(::onnx::ModelProto &model,
                                                 bool keep);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_PINNEDVALUES_H
