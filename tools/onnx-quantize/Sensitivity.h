// How much each layer's quantisation costs, and which layers stay float so that
// a budget holds.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_SENSITIVITY_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_SENSITIVITY_H

#include "Quantize.h"

namespace onnxc::quantize {

/// Quantises each layer alone, and leaves the worst ones float until the drop is
/// within options.maxDrop, where that is given. One model is compiled, in which every stored value
/// and weight tensor has a switch; a command of the user's sees files instead.
llvm::Expected<Sensitivity> findSensitivity(const Runner &runner, const onnx::ModelProto &model,
                                            const Observations &seen, const CalibrationSet &samples,
                                            const Options &options);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_SENSITIVITY_H
