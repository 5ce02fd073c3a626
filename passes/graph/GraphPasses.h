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
/// Evaluates ops on constants where the result has at most `maxBytes`, or is not larger than they; without
/// `dequantize`, quantised constants stay; with `widen`, those that matrix products dequantise themselves
/// (FoldConstants.cpp).
std::unique_ptr<mlir::Pass> createFoldConstantsPass(int64_t maxBytes = kFoldBytes, bool dequantize = true, bool widen = true);
/// DequantizeLinear sinks, QuantizeLinear rises (MoveQuantization.cpp).
std::unique_ptr<mlir::Pass> createMoveQuantizationPass();
/// Products and convolutions of quantised values in integers (IntegerForms.cpp).
std::unique_ptr<mlir::Pass> createIntegerFormsPass();
/// Costly functions of 8 bits become tables (QuantTables.cpp).
std::unique_ptr<mlir::Pass> createQuantTablesPass();
/// Scales of QuantizeLinear go into constants in front; with `fixedPoint`, sums are scaled in integers where the model
/// leaves the rounding open (FoldQuantizeScale.cpp).
std::unique_ptr<mlir::Pass> createFoldQuantizeScalePass(bool fixedPoint = false);
/// Folds BatchNormalization and per-channel Mul/Add into weights (FoldScaleShift.cpp).
std::unique_ptr<mlir::Pass> createFoldScaleShiftPass();
/// Recognises ops that exporters decompose (FuseOps.cpp).
std::unique_ptr<mlir::Pass> createFuseOpsPass();
/// Channels-last images where that saves work (ChooseLayout.cpp).
std::unique_ptr<mlir::Pass> createChooseLayoutPass();

struct GraphOptions {
  bool chooseLayout = true; ///< channels-last images where that saves work
  bool tables = false;      ///< functions of bytes are read from tables
  bool fixedPoint = false;  ///< sums of integers are scaled in integers
  bool widen = true;        ///< products read narrow weights as they are
  int64_t foldBytes = kFoldBytes;
};
/// Fold, compute quantised models in integers, fuse.
void buildGraphPipeline(mlir::OpPassManager &pm, const GraphOptions &options);
/// For onnx-compile-opt.
void registerGraphPasses();

} // namespace onnxc

#endif
