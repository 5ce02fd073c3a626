// Sliding windows of Conv and the pooling ops: padding, strides, dilations and
// output extents per spatial dim (ONNX operator specification, Conv and
// MaxPool), and the transposes around channels-last computations.
#ifndef ONNXC_PASSES_LOWER_WINDOW_H
#define ONNXC_PASSES_LOWER_WINDOW_H

#include "passes/lower/Lowering.h"

namespace onnxc::lower {

/// All vectors have one entry per spatial dim.  `high` is what the last window
/// needs, which may be less than the padding asked for, or more (ceil_mode).
struct Window {
  llvm::SmallVector<int64_t> strides, dilations;
  Dims kernel, low, high, out;
  /// Padding as asked for at the end, without what ceil_mode adds.
  Dims asked;
  size_t rank() const { return kernel.size(); }
};

/// The window of `op` over spatial extents `in` with kernel extents `kernel`.
Window windowOf(mlir::Operation *op, Lowering &l, llvm::ArrayRef<mlir::OpFoldResult> in,
                llvm::ArrayRef<mlir::OpFoldResult> kernel);

/// Pads the spatial dims of channels-last `x` as the window needs.
mlir::Value padWindow(Lowering &l, mlir::Value x, const Window &w, mlir::Type elem, mlir::Value scalar);

/// (n, c, spatial...) -> (n, spatial..., c) and back.
mlir::Value toChannelsLast(Lowering &l, mlir::Value x);
mlir::Value toChannelsFirst(Lowering &l, mlir::Value x);

/// f16 and bf16 tensors become f32; others are returned as they are.
mlir::Value widen(Lowering &l, mlir::Value x, mlir::Type elem);
/// f32 for f16 and bf16.
mlir::Type wide(mlir::Type elem);
/// Back to `elem` from wide(elem).
mlir::Value narrow(Lowering &l, mlir::Value x, mlir::Type elem);

/// acc + a * b on floats or integers.
mlir::Value mulAdd(mlir::OpBuilder &b, mlir::Location loc, mlir::Value a, mlir::Value c, mlir::Value acc,
                   mlir::ValueRange scalars = {});
/// Body of a contraction: a and c as they are stored, the sum so far -> the next sum.
/// `scalars`: the values of 0-d tensors that the contraction was given besides.
using ProductFn = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::Value a, mlir::Value c, mlir::Value acc,
                                                 mlir::ValueRange scalars)>;
/// a + b on floats or integers.
mlir::Value plus(mlir::OpBuilder &b, mlir::Location loc, mlir::Value a, mlir::Value c);

} // namespace onnxc::lower

#endif
