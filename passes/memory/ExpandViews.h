// Views with several run-time dims, in a form the memref lowering accepts.
#ifndef ONNXC_PASSES_MEMORY_EXPANDVIEWS_H
#define ONNXC_PASSES_MEMORY_EXPANDVIEWS_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace onnxc {

/// memref.expand_shape with dynamic result dims -> memref.reinterpret_cast.
std::unique_ptr<mlir::Pass> createExpandViewsPass();

} // namespace onnxc

#endif
