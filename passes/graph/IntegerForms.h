// What the integer forms of products and convolutions have in common.
#ifndef ONNXC_PASSES_GRAPH_INTEGERFORMS_H
#define ONNXC_PASSES_GRAPH_INTEGERFORMS_H

#include "passes/graph/QuantParams.h"

namespace onnxc::graph {

/// One side of an integer product: elements of 8 or 16 bits less a zero point.
/// A constant has none; where others had one for each channel, they are no factor.
struct Factor {
  mlir::Value q;
  int64_t zero = 0;
  double most = 0; ///< the greatest |q - zero|
  double sum = 0;  ///< the greatest sum of |q - zero| that goes into one result; 0 when q is computed

  static std::optional<Factor> of(mlir::OpBuilder &b, mlir::Value q, llvm::ArrayRef<int64_t> zero, int64_t channelAxis);
};

/// No sum of `terms` products (kDynamic: unknown, taken to be few thousands)
/// leaves the range of i32, with `room` for what is added.
bool fitsWord(const Factor &x, const Factor &w, int64_t terms, double room = 0);

/// ConvInteger or MatMulInteger in place of `op`, whose result has the shape.
mlir::Value integerProduct(mlir::OpBuilder &b, mlir::Operation *op, llvm::StringRef name, const Factor &x, const Factor &w,
                           llvm::ArrayRef<mlir::NamedAttribute> attrs = {});

/// sums + bias, where bias has one value or one per index of dim `axis` of sums.
mlir::Value plusIntegers(mlir::OpBuilder &b, mlir::Value sums, int64_t axis, llvm::ArrayRef<int64_t> bias);
/// The same for floats.
mlir::Value plusFloats(mlir::OpBuilder &b, mlir::Value x, int64_t axis, llvm::ArrayRef<float> bias);
/// sums as f32, times a constant that broadcasts to them.
mlir::Value scaledSums(mlir::OpBuilder &b, mlir::Value sums, mlir::Value multiplier);
/// The same with one multiplier or one per index of dim `axis`.
mlir::Value scaledSums(mlir::OpBuilder &b, mlir::Value sums, int64_t axis, llvm::ArrayRef<float> multiplier);

/// The elements of an f32 constant, or of a constant dequantised; nullopt when computed.
std::optional<std::vector<float>> knownFloats(mlir::Value v);
/// f32(x scale * w scale), times `by`: one, or one per channel of w.
std::vector<float> multipliersOf(const QuantParams &x, const QuantParams &w, float by = 1);
/// None is 0, subnormal, infinite or NaN.
bool allNormal(llvm::ArrayRef<float> values);
/// (sums * multipliers + bias) as floats, each one value or one per index of dim `axis`; the bias in integers where it
/// is a multiple of the multipliers.
mlir::Value scaled(mlir::OpBuilder &b, mlir::Value sums, int64_t axis, llvm::ArrayRef<float> multipliers, llvm::ArrayRef<float> bias);
/// Room for a bias in the sums; one that is larger is added to the floats.
constexpr double kBiasRoom = 1 << 30;

/// Rewrites QLinearConv or QLinearMatMul as integer product, multiplier and
/// QuantizeLinear, to the bit as ONNX Runtime computes it:
///   saturate(round_half_even(f32(sums) * (x_scale * w_scale / y_scale)) + y_zero_point)
/// False where parameters are computed.
bool decomposeQLinear(mlir::Operation *op);

/// Rewrites a mean of dequantised values (AveragePool, GlobalAveragePool, ReduceMean) as a sum of integers; false where
/// it stays as it is.
bool meanToIntegers(mlir::Operation *op);

/// Rewrites a ConvTranspose of dequantised values as a convolution of integers; false where it stays as it is.
bool transposedToIntegers(mlir::Operation *op);

} // namespace onnxc::graph

#endif
