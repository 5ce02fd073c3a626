// The bar.
#include "ProgressBar.h"
#include "llvm/Support/raw_ostream.h"

namespace onnxc::quantize {

static constexpr int64_t Width = 30;

void ProgressBar::show() const {
  if (!isShown)
    return;
  llvm::errs() << "\r" << what << " ";
  if (total && *total > 0) {
    int64_t filled = std::min(done, *total) * Width / *total;
    llvm::errs() << "[" << std::string(static_cast<size_t>(filled), '#')
                 << std::string(static_cast<size_t>(Width - filled), '.') << "] " << done << "/" << *total;
  } else {
    llvm::errs() << done;
  }
  llvm::errs() << "\x1b[K";
}

ProgressBar::~ProgressBar() {
  if (isShown)
    llvm::errs() << "\r\x1b[K";
}

} // namespace onnxc::quantize
