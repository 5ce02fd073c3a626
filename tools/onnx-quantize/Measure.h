// What quantisation costs and saves: errors by layer, files, RAM and time.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_MEASURE_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_MEASURE_H

#include "Quantize.h"
#include "Simplify.h"

namespace onnxc::quantize {

/// Sums over elements of what a float and a quantised run say.
struct Difference {
  double signal = 0, noise = 0, product = 0, other = 0;

  void add(llvm::ArrayRef<float> wanted, llvm::ArrayRef<float> got);
  /// Signal to noise in dB; infinity without noise.
  double sqnr() const;
  double cosine() const;
};

/// What compiling for this machine gives.
struct Cost {
  int64_t arenaBytes = 0;
  double milliseconds = 0; ///< of the fastest of a few runs
};

struct Measurement {
  Simplified simplified;
  uint64_t floatFileBytes = 0, fileBytes = 0;
  int64_t samples = 0;  ///< that were observed
  int64_t compared = 0; ///< that errors are of; 0: nothing was measured
  std::map<std::string, Difference> values;  ///< results of layers, by name in the float model
  std::map<std::string, Difference> outputs; ///< of the model
  Cost floatCost, cost;
};

/// Runs the float and the quantised model on the first samples, with every
/// layer's result read, and both as they are: `floatEngine` is the float model.
llvm::Error measure(const Runner &runner, const onnx::ModelProto &model, const Quantized &quantized,
                    Observed &observed, Engine &floatEngine, const CalibrationSet &samples, const Options &options,
                    Measurement &result);

/// Prints the report, and writes it to the file of --report.
llvm::Error report(const Options &options, const Quantized &quantized, const Measurement &measured);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_MEASURE_H
