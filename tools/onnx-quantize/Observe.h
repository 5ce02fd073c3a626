// Running a model on its calibration data, and what its values were.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_OBSERVE_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_OBSERVE_H

#include "Engine.h"
#include "ProgressBar.h"
#include "Statistics.h"
#include "ByName.h"

namespace onnxc::quantize {

using Observations = ByName<Statistics>;

/// What was seen, and, where one model made all values, that model and the
/// values that are its outputs.
struct Observed {
  Observations seen;
  std::unique_ptr<Engine> engine;
  std::vector<std::string> values;
};

/// Observes float values (inputs of the model or results of nodes) of `model` on
/// all samples. Values whose elements together take much memory are observed in
/// several models, one after the other. With --state, what was observed before
/// is taken from the file, and kept there as it grows.
llvm::Expected<Observed> observe(const Runner &runner, const onnx::ModelProto &model,
                                     llvm::StringRef modelHash, llvm::ArrayRef<std::string> values,
                                     const CalibrationSet &samples, const Options &options);

/// Cuts `values` into portions that one model can have as outputs.
std::vector<std::vector<std::string>> inPortions(const onnx::ModelProto &model, llvm::ArrayRef<std::string> values);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_OBSERVE_H
