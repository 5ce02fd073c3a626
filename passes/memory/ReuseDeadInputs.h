// Elementwise results take the memory of an input that nothing needs any more.
#ifndef ONNXC_PASSES_MEMORY_REUSEDEADINPUTS_H
#define ONNXC_PASSES_MEMORY_REUSEDEADINPUTS_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace onnxc {

/// On calls of kernels whose bodies are linalg ops still, after padding that is
/// not stored has become views (createImplicitPaddingPass).
std::unique_ptr<mlir::Pass> createReuseDeadInputsPass();

} // namespace onnxc

#endif
