// The inputs that a model is observed on: files cut into samples, or random
// numbers.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_CALIBRATION_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_CALIBRATION_H

#include "Options.h"
#include "Prepare.h"
#include "Proto.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>

namespace onnxc::quantize {

/// One run's inputs, and where they come from, for messages.
struct Sample {
  run::NamedTensors inputs;
  std::string where; ///< "images.npz, sample 3"
  std::optional<int64_t> label;
};

/// The samples of all files, in the order of the command line and of the names
/// in folders. Files are read when their samples are asked for.
class CalibrationSet {
public:
  /// `request` says shapes, seed and ranges of random inputs, and which inputs
  /// are constants.
  static llvm::Expected<CalibrationSet> open(const Options &options, const run::ModelInfo &model,
                                             const run::Request &request);

  /// Calls `fn` for each sample from number `first` to before `end`, until one fails.
  llvm::Error forEach(int64_t first, int64_t end, llvm::function_ref<llvm::Error(Sample &)> fn) const;
  llvm::Error forEach(int64_t first, llvm::function_ref<llvm::Error(Sample &)> fn) const {
    return forEach(first, INT64_MAX, fn);
  }

  /// The first sample.
  llvm::Expected<Sample> front() const;

  /// What tells these samples from others: names, sizes and times of files.
  const std::string &identity() const { return id; }

  /// How many samples there are; nothing until forEach() came to the end once.
  std::optional<int64_t> size() const { return known; }

private:
  std::string model;
  std::vector<run::Port> ports; ///< inputs that are no constants
  std::vector<std::string> files;
  int64_t limit = 0;
  bool isRandom = false, wholeFiles = false;
  run::Shapes shapes;
  run::Ranges ranges;
  uint64_t seed = 0;
  std::vector<float> mean, deviation; ///< of pixels
  std::string id;
  mutable std::optional<int64_t> known;

  llvm::Error addFile(llvm::StringRef path);
  llvm::Error addFolder(llvm::StringRef path);
  llvm::Expected<run::NamedTensors> read(const std::string &file) const;
  llvm::Expected<run::Tensor> readImage(const std::string &file) const;
  llvm::Expected<std::vector<Sample>> split(const std::string &file) const;
  llvm::Error fit(run::Tensor &tensor, const run::Port &port, llvm::StringRef where, int64_t &samples) const;
  Sample random(int64_t number) const;
};

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_CALIBRATION_H
