// What is observed of a value: its range and, where a method asks for it, a
// histogram that grows with the range.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_STATISTICS_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_STATISTICS_H

#include "Options.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <vector>

namespace onnxc::quantize {

struct Range {
  float low = 0, high = 0;
  bool operator==(const Range &other) const { return low == other.low && high == other.high; }
};

/// Range and histogram of one value over samples. The bins' width is a power of
/// two and a multiple of the bins' number of them starts at 0, so that growing
/// merges pairs of bins: the result does not depend on the order of samples.
class Statistics {
public:
  static constexpr int HalfBins = 2048; ///< on each side of 0

  /// Takes in the elements of one sample. Returns false, and takes in nothing,
  /// where one of them is NaN or infinite.
  bool add(llvm::ArrayRef<float> elements, bool withHistogram);

  int64_t samples() const { return count; }
  Range minMax() const { return range; }
  /// Bins, the first at -HalfBins * width(); empty where none was asked for or
  /// all elements were 0.
  llvm::ArrayRef<int64_t> histogram() const { return bins; }
  double width() const { return binWidth; }

  llvm::json::Value toJson() const;
  /// False where the value is no such statistics.
  bool fromJson(const llvm::json::Value &value);

private:
  int64_t count = 0, zeros = 0;
  Range range;
  double binWidth = 0;
  std::vector<int64_t> bins;

  void growTo(float largest);
};

/// The range that a method takes from what was observed; it holds 0.
Range chooseRange(const Statistics &statistics, const Options &options);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_STATISTICS_H
