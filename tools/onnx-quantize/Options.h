// What the user asks of onnx-quantize.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_OPTIONS_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_OPTIONS_H

#include "Arguments.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace onnxc::quantize {

enum class Method { MinMax, Percentile, Entropy, Mse };

/// What --max-drop is measured by.
enum class Metric { Top1, Cosine, Sqnr, Command };

/// What --precision asks for instead of integers.
enum class Precision { Integers, Half, BFloat };

/// The integer type of activations.
struct ActivationType {
  int onnxType;  ///< TensorProto.DataType
  int low, high; ///< of the integers
  bool isSymmetric;
  const char *name;
  int levels() const { return high - low; }
};

struct Options {
  std::string model, output;
  std::vector<std::string> calibration; ///< folders and files; empty: random
  int64_t samples = 0;                  ///< at most
  std::vector<float> mean, deviation;   ///< of pictures' pixels, one or by channel
  bool isRandom = false;                ///< --random
  int weightBits = 0;                   ///< of --weights: 4 or 8; 0: activations as well
  int64_t block = 32;                   ///< elements with one scale, of weights alone
  Precision precision = Precision::Integers;
  std::vector<std::string> keepFloat;   ///< ops that stay float32 with --precision
  bool wholeFiles = false;              ///< each file is one sample
  Method method = Method::MinMax;
  double percentile = 99.99;
  ActivationType activations;
  bool perChannel = true;
  bool biasCorrection = false;
  bool equalize = false;
  std::optional<double> smoothing;      ///< alpha of --smooth-quant
  std::vector<std::string> exclude;     ///< patterns of node names
  std::vector<std::string> opTypes;     ///< empty: all of the table
  std::optional<double> maxDrop;        ///< a part of 1; nothing: no budget
  bool showsSensitivity = false;        ///< the table without a budget
  Metric metric = Metric::Cosine;
  std::string metricCommand;
  bool showProgress = false;
  bool measures = true;                 ///< errors, RAM and time
  std::string state, report;
};

/// The options of the command line.
std::vector<run::OptionSpec> optionSpecs();

/// Reads and checks them. The number of threads of compiled models is set to
/// that of the machine where the user gave none.
llvm::Expected<Options> parseOptions(run::Arguments &arguments);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_OPTIONS_H
