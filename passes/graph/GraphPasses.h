// onnx -> onnx passes.
#ifndef ONNXC_PASSES_GRAPH_GRAPHPASSES_H
#define ONNXC_PASSES_GRAPH_GRAPHPASSES_H

#include "mlir/Pass/PassManager.h"
#include <memory>

namespace onnxc {

/// A constant that evaluation makes is larger only when its operands are.
constexpr int64_t kFoldBytes = int64_t(64) << 20;
/// Canonicalises, in time linear in the number of ops (Simplify.cpp).
std::unique_ptr<mlir::Pass> createSimplifyPass();
/// Evaluates ops on constants where the result has at most `maxBytes`, or is not larger than they (FoldConstants.cpp).
std::unique_ptr<mlir::Pass> createFoldConstantsPass(int64_t maxBytes = kFoldBytes);
/// Folds BatchNormalization and per-channel Mul/Add into weights (FoldScaleShift.cpp).
std::unique_ptr<mlir::Pass> createFoldScaleShiftPass();
/// Recognises ops that exporters decompose (FuseOps.cpp).
std::unique_ptr<mlir::Pass> createFuseOpsPass();
/// Channels-last images where that saves work (ChooseLayout.cpp).
std::unique_ptr<mlir::Pass> createChooseLayoutPass();

/// Fold, fuse, and with `chooseLayout` choose layouts.
void buildGraphPipeline(mlir::OpPassManager &pm, bool chooseLayout, int64_t foldBytes = kFoldBytes);
/// For onnx-compile-opt.
void registerGraphPasses();

} // namespace onnxc

#endif
