// Integer scalars and loops: what the index-computing lowerings share.
//
// i64 scalars fold as they are built, so that the same code gives constants
// for static shapes and arithmetic for dynamic ones.  They stay i64 until they
// are clamped to a dim: INT64_MAX as an end is common, and index may have 32
// bits.
#ifndef ONNXC_PASSES_LOWER_SCALARS_H
#define ONNXC_PASSES_LOWER_SCALARS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/lower/Lowering.h"

namespace onnxc::lower {

using Values = llvm::SmallVector<mlir::Value>;

// ---- i64 scalars ------------------------------------------------------
mlir::Value c64(Lowering &l, int64_t v);
mlir::Value add64(Lowering &l, mlir::Value a, mlir::Value c);
mlir::Value sub64(Lowering &l, mlir::Value a, mlir::Value c);
mlir::Value mul64(Lowering &l, mlir::Value a, mlir::Value c);
mlir::Value min64(Lowering &l, mlir::Value a, mlir::Value c);
mlir::Value max64(Lowering &l, mlir::Value a, mlir::Value c);
mlir::Value div64(Lowering &l, mlir::Value a, mlir::Value c); ///< towards zero; a zero divisor counts as 1
mlir::Value cmp64(Lowering &l, mlir::arith::CmpIPredicate p, mlir::Value a, mlir::Value c);
mlir::Value select64(Lowering &l, mlir::Value cond, mlir::Value a, mlir::Value c);
/// A dim as an i64 scalar, and back.
mlir::Value dim64(Lowering &l, mlir::OpFoldResult d);
mlir::OpFoldResult asDim(Lowering &l, mlir::Value i64);
/// The constant behind a folded scalar.
std::optional<int64_t> known64(mlir::Value v);

// ---- operands that hold integers ----------------------------------------
/// Elements of a 1-D or scalar integer operand, sign-extended to i64; its
/// length must be static.
std::optional<Values> ints64(Lowering &l, mlir::Value onnxValue);
/// A scalar, or a tensor of one element, read as storage type.
mlir::Value scalarOf(Lowering &l, mlir::Value tensor);
/// `ds`, with the static dims of the inferred type where it has them.
Dims refine(Dims ds, mlir::Type onnxType);
/// Axis operand j addresses dim d: does axis `a` (i64, maybe negative) equal it?
mlir::Value isAxis(Lowering &l, mlir::Value a, int64_t d, int64_t rank);

// ---- short integer vectors ----------------------------------------------
// Shape arithmetic is kept as scalars in tensor.from_elements, so that it
// folds through Gather, Concat, Slice and friends into the dims it came from.
/// An integer scalar or vector of at most 16 elements.
bool isShort(mlir::Value tensor);
/// Static, at most 16 elements of any type, each known as a scalar: a constant or tensor.from_elements.
bool knownAsScalars(mlir::Value tensor);
Values elements(Lowering &l, mlir::Value tensor);
/// Tensor from storage scalars; `shape` is static.
mlir::Value fromElements(Lowering &l, llvm::ArrayRef<int64_t> shape, mlir::Type storage, mlir::ValueRange scalars);

// ---- loops --------------------------------------------------------------
/// scf.for from lower to upper (index values).
Values forLoop(Lowering &l, mlir::Value lower, mlir::Value upper, mlir::ValueRange inits,
               llvm::function_ref<Values(mlir::Value, mlir::ValueRange)> body, int64_t step = 1);
/// One scf.for per dim, outermost first.
Values forNest(Lowering &l, llvm::ArrayRef<mlir::OpFoldResult> dims, mlir::ValueRange inits,
               llvm::function_ref<Values(mlir::ValueRange, mlir::ValueRange)> body);
/// scf.while: `cond` and `body` get the carried values.
Values whileLoop(Lowering &l, mlir::ValueRange inits, llvm::function_ref<mlir::Value(mlir::ValueRange)> cond,
                 llvm::function_ref<Values(mlir::ValueRange)> body);
mlir::Value extract(Lowering &l, mlir::Value tensor, mlir::ValueRange indices);
mlir::Value insert(Lowering &l, mlir::Value scalar, mlir::Value tensor, mlir::ValueRange indices);

// ---- indices in bodies ----------------------------------------------------
/// An integer scalar as index: negative counts from the end, then clamped to [0, dim).
mlir::Value wrapIndex(mlir::OpBuilder &b, mlir::Location loc, mlir::Value v, mlir::Value dim);
/// The sizes of `indices`, operand 1 of `op`, are not beyond those of `data` but along `axis`.
void checkWithin(Lowering &l, mlir::Operation *op, mlir::Value indices, mlir::Value data, int64_t axis);
/// The entries of the index tuples along the last dim of `indices`, operand 1 of `op`, are indices into `limits`.
void checkTuples(Lowering &l, mlir::Operation *op, mlir::Value indices, llvm::ArrayRef<mlir::OpFoldResult> limits);
/// a < c and a == c on compute-type scalars.
mlir::Value lessThan(mlir::OpBuilder &b, mlir::Location loc, mlir::Value a, mlir::Value c, mlir::Type onnxElem);
/// a comes before c in ascending order. Unlike lessThan, a total order: NaNs are
/// equal to each other and come last, as numpy sorts them.
mlir::Value comesBefore(mlir::OpBuilder &b, mlir::Location loc, mlir::Value a, mlir::Value c, mlir::Type onnxElem);
mlir::Value equal(mlir::OpBuilder &b, mlir::Location loc, mlir::Value a, mlir::Value c);

/// Stable merge sort of the first `n` entries of `order` (tensor<?xindex>) by
/// `less` on its entries; `scratch` has its size.  Returns {order, scratch}.
std::pair<mlir::Value, mlir::Value> sortIndices(Lowering &l, mlir::Value order, mlir::Value scratch, mlir::Value n,
                                                llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> less);

} // namespace onnxc::lower

#endif
