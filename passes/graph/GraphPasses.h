// onnx -> onnx passes.
#ifndef ONNXC_PASSES_GRAPH_GRAPHPASSES_H
#define ONNXC_PASSES_GRAPH_GRAPHPASSES_H

#include "mlir/Pass/PassManager.h"
#include <memory>

namespace onnxc {

/// Evaluates ops on constants (FoldConstants.cpp).
std::unique_ptr<mlir::Pass> createFoldConstantsPass();
/// Folds BatchNormalization and per-channel Mul/Add into weights (FoldScaleShift.cpp).
std::unique_ptr<mlir::Pass> createFoldScaleShiftPass();
/// Recognises ops that exporters decompose (FuseOps.cpp).
std::unique_ptr<mlir::Pass> createFuseOpsPass();
/// Channels-last images where that saves work (ChooseLayout.cpp).
std::unique_ptr<mlir::Pass> createChooseLayoutPass();

/// Fold, fuse, choose layouts.
void buildGraphPipeline(mlir::OpPassManager &pm);
/// For onnx-compile-opt.
void registerGraphPasses();

} // namespace onnxc

#endif
