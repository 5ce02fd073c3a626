// The whole way from a float model to a quantised file.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_QUANTIZE_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_QUANTIZE_H

#include "ModelFile.h"
#include "Qdq.h"

namespace onnxc::quantize {

/// A quantised model, and what the report says of it.
struct Quantized {
  struct Layer {
    std::string name, op;
    std::string result; ///< the value that it makes, by its name in the float model
    Scale scale;        ///< of the result
  };
  onnx::ModelProto model;
  ReadBack readBack;
  std::vector<Layer> layers;
  std::vector<std::string> notes;
};

/// Quantises a simplified model by what was observed of it. Nodes of
/// `stayFloat` (names) stay as they are. The result is checked.
llvm::Expected<Quantized> quantizeModel(const onnx::ModelProto &model, const Observations &seen,
                                        const Options &options, const llvm::StringSet<> &stayFloat);

/// The whole command.
llvm::Error quantize(const Options &options, const run::Arguments &arguments);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_QUANTIZE_H
