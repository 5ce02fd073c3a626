// The convolution contraction, shared by Conv, ConvTranspose, ConvInteger and
// QLinearConv.
#ifndef ONNXC_PASSES_LOWER_CONVOLUTION_H
#define ONNXC_PASSES_LOWER_CONVOLUTION_H

#include "passes/lower/Window.h"

namespace onnxc::lower {

/// Convolution without bias.  x: (n, spatial..., ci), unpadded; w: (co, ci/group, kernel...);
/// result: (n, spatial..., co) of `elem` (f32, f64 or a signless integer), in which the sum is kept.
/// `product` takes elements of x and w as they are stored. Padding of x is `padding`, or zero. `scalars` are 0-d tensors
/// whose values `product` gets.
mlir::Value convCore(Lowering &l, mlir::Value x, mlir::Value w, mlir::Type elem, const Window &win, int64_t group,
                     ProductFn product = mulAdd, mlir::Value padding = {}, mlir::ValueRange scalars = {});

/// Result 0 of a convolution node from its channels-last sums `y`: adds the bias, operand 2, where there is one, narrows
/// to `elem`, and moves channels to where the node has them.
void setConvResult(Lowering &l, mlir::Operation *op, mlir::Value y, mlir::Type elem, bool channelsLast);

/// Spatial extents of an image operand in either layout.
Dims spatialDims(Lowering &l, mlir::Value x, bool channelsLast);
/// Kernel extents of a (co, ci, kernel...) weight.
Dims kernelDims(Lowering &l, mlir::Value w);

} // namespace onnxc::lower

#endif
