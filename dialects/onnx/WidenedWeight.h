// Weights of matrix products that stay narrow: dequantised where they are used.
#ifndef ONNXC_DIALECTS_ONNX_WIDENEDWEIGHT_H
#define ONNXC_DIALECTS_ONNX_WIDENEDWEIGHT_H

#include "dialects/onnx/Onnx.h"
#include <optional>

namespace onnxc::onnx {

/// The right operand of a product of f32 matrices,
///   DequantizeLinear(values, scale, zero), possibly transposed,
/// of constant bytes: [k, n], or [n, k] when `transposed`.
struct WidenedWeight {
  DequantizeLinearOp dequantize;
  mlir::ElementsAttr scale, zero; ///< zero: null for 0; both have one element, one per column, or one per column and block
  bool transposed = false;
  int64_t k = 0, n = 0;
  int64_t block = 0; ///< rows of k that share a scale; 0: all
};

/// The weight of `product`, an op that WidensWeight; nullopt where it has another form, or is so small that it is
/// better folded.
std::optional<WidenedWeight> widenedWeight(mlir::Operation *product);

/// Every reader of `op`, a DequantizeLinear or its Transpose, is a product that widens it.
bool onlyWidened(mlir::Operation *op);

} // namespace onnxc::onnx

#endif
