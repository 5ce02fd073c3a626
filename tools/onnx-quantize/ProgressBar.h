// How far the work is, in one line of stderr that is written over.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_PROGRESSBAR_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_PROGRESSBAR_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>

namespace onnxc::quantize {

/// Prints nothing unless `isShown`. The line goes away with the object.
class ProgressBar {
public:
  ProgressBar(llvm::StringRef what, std::optional<int64_t> total, bool isShown)
      : what(what.str()), total(total), isShown(isShown) {
    show();
  }
  ~ProgressBar();
  ProgressBar(const ProgressBar &) = delete;
  void step(int64_t steps = 1) {
    done += steps;
    show();
  }

private:
  std::string what;
  std::optional<int64_t> total;
  const bool isShown;
  int64_t done = 0;
  void show() const;
};

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_PROGRESSBAR_H
