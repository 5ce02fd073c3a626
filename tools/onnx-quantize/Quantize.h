// The whole way from a float model to a quantised file.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_QUANTIZE_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_QUANTIZE_H

#include "ModelFile.h"
#include "Qdq.h"

namespace onnxc::quantize {

/// A layer quantised alone: the noise in the model's outputs, as a part of the signal.
struct LayerNoise {
  std::string name, op;
  double noise = 0;
  bool staysFloat = false;
};

/// What --max-drop found.
struct Sensitivity {
  std::vector<LayerNoise> layers; ///< the worst first
  double drop = 0;                ///< by the metric, with all layers quantised
  double finalDrop = 0;           ///< with those of staysFloat left out
};

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
  std::optional<Sensitivity> sensitivity;
  std::vector<std::string> notes;
  int64_t converted = 0; ///< nodes in half precision
};

/// Quantises a simplified model by what was observed of it. Nodes of
/// `stayFloat` (names) stay as they are; `channels`: see insertQdq(). The result
/// is checked.
llvm::Expected<Quantized> quantizeModel(const onnx::ModelProto &model, const Observations &seen,
                                        const Options &options, const llvm::StringSet<> &stayFloat,
                                        const ChannelObservations *channels = nullptr);

/// Names the producer of a model of our making, drops what is unused, checks it.
llvm::Error finishModel(onnx::ModelProto &model, const Options &options);

/// The whole command.
llvm::Error quantize(const Options &options, const run::Arguments &arguments);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_QUANTIZE_H
