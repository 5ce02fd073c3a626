// Constant scales and zero points, and what is dequantised by them.
#ifndef ONNXC_PASSES_GRAPH_QUANTPARAMS_H
#define ONNXC_PASSES_GRAPH_QUANTPARAMS_H

#include "passes/graph/GraphUtil.h"

namespace onnxc::graph {

/// Constant scale and zero point: one of each for the whole tensor, or one of
/// each per index of `axis`.
struct QuantParams {
  std::vector<float> scale;  ///< finite, normal, above zero
  std::vector<int64_t> zero; ///< as many
  int64_t axis = 0;          ///< counted from the front
  mlir::Type elem;           ///< the integers

  bool perTensor() const { return scale.size() == 1; }
  bool noZero() const {
    return llvm::all_of(zero, [](int64_t z) { return z == 0; });
  }
  bool operator==(const QuantParams &o) const {
    return scale == o.scale && zero == o.zero && elem == o.elem && (perTensor() || axis == o.axis);
  }
};

/// Least and greatest integer of a type.
std::pair<int64_t, int64_t> rangeOf(mlir::Type elem);

/// The parameters of a QuantizeLinear or DequantizeLinear between f32 and
/// integers.  nullopt for computed and blocked ones, and for scales that are
/// 0, infinite, NaN or subnormal.
std::optional<QuantParams> paramsOf(mlir::Operation *op);

/// Warns of a constant scale of a quantised op that is no finite number above 0: it has no integer form.
void warnOfScale(mlir::Operation *op);
/// Warns of an op that joins tensors whose zero points differ, with no QuantizeLinear behind it: their integers cannot be
/// joined as they are.
void warnOfJoin(mlir::Operation *op);

/// `v` is `q` dequantised.
struct Dequantized {
  mlir::Value q;
  QuantParams params;
  mlir::RankedTensorType type() const { return ranked(q); }
};
std::optional<Dequantized> dequantized(mlir::Value v);

/// A constant scalar, or a vector when there are several values; f32 or integers of `elem`.
mlir::Value scalesConstant(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<float> values);
mlir::Value zerosConstant(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<int64_t> values, mlir::Type elem);

/// DequantizeLinear and QuantizeLinear (of f32) with these parameters.
mlir::Value dequantize(mlir::OpBuilder &b, mlir::Location loc, mlir::Value q, const QuantParams &params);
mlir::Value quantize(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, const QuantParams &params);

/// Calls visit(index, value) for every element of an integer constant of 2 to
/// 16 bits; false when it cannot be read.
bool forEachInteger(mlir::ElementsAttr attr, llvm::function_ref<void(int64_t, int64_t)> visit);

/// The constant integers of 2 to 16 bits less their zero points, which are one
/// or one per index of `axis`: i8 where every difference fits, else i16; the
/// constant itself when that is what it is.  Null when it cannot be read, or a
/// difference needs more bits.
mlir::ElementsAttr centred(mlir::ElementsAttr attr, llvm::ArrayRef<int64_t> zero, int64_t axis);

} // namespace onnxc::graph

#endif
