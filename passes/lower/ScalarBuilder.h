// Scalar arithmetic for the bodies of lowerings: one spelling for floats,
// signed and unsigned integers.
#ifndef ONNXC_PASSES_LOWER_SCALARBUILDER_H
#define ONNXC_PASSES_LOWER_SCALARBUILDER_H

#include "passes/lower/Lowering.h"

namespace onnxc::lower {

/// Arithmetic on compute-type scalars of one onnx element type; constants fold.
/// Values of other types may pass through; integer ops then take the signedness
/// of `elem`.
class ScalarBuilder {
public:
  ScalarBuilder(mlir::OpBuilder &b, mlir::Location loc, mlir::Type elem) : b(b), loc(loc), elem(elem) {}

  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Type elem; ///< onnx element type

  bool isFloat() const { return mlir::isa<mlir::FloatType>(Lowering::compute(elem)); }
  bool isUnsigned() const { return Lowering::isUnsigned(elem); }

  /// Constant of the compute type of `elem`; of the type of `like`.
  mlir::Value num(double v) { return Lowering::scalar(b, loc, elem, v); }
  mlir::Value numLike(mlir::Value like, double v);
  mlir::Value bits(mlir::Type type, int64_t v); ///< integer constant

  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  /// Integers: truncating; 0 where y is 0, and no trap for min / -1.
  mlir::Value div(mlir::Value x, mlir::Value y);
  /// Sign of x; integers: 0 where y is 0.
  mlir::Value rem(mlir::Value x, mlir::Value y);
  mlir::Value neg(mlir::Value x);
  mlir::Value abs(mlir::Value x);
  /// NaN in either operand gives NaN.
  mlir::Value min(mlir::Value x, mlir::Value y);
  mlir::Value max(mlir::Value x, mlir::Value y);
  /// x limited to a bound; NaN in x stays (one instruction on most hosts).
  mlir::Value atLeast(mlir::Value x, mlir::Value bound) { return select(lt(x, bound), bound, x); }
  mlir::Value atMost(mlir::Value x, mlir::Value bound) { return select(gt(x, bound), bound, x); }
  /// Sum whose order a vectoriser may choose.
  mlir::Value accumulate(mlir::Value x, mlir::Value acc);

  // Ordered comparisons, false on NaN; ne is true on NaN.
  mlir::Value lt(mlir::Value x, mlir::Value y);
  mlir::Value le(mlir::Value x, mlir::Value y);
  mlir::Value gt(mlir::Value x, mlir::Value y) { return lt(y, x); }
  mlir::Value ge(mlir::Value x, mlir::Value y) { return le(y, x); }
  mlir::Value eq(mlir::Value x, mlir::Value y);
  mlir::Value ne(mlir::Value x, mlir::Value y);
  mlir::Value isNaN(mlir::Value x);
  mlir::Value select(mlir::Value c, mlir::Value x, mlir::Value y);
  mlir::Value both(mlir::Value x, mlir::Value y);   ///< bitwise and
  mlir::Value either(mlir::Value x, mlir::Value y); ///< bitwise or
  mlir::Value exclusive(mlir::Value x, mlir::Value y);

  // Floats only.
  mlir::Value exp(mlir::Value x);
  mlir::Value log(mlir::Value x);
  mlir::Value sqrt(mlir::Value x);
  mlir::Value pow(mlir::Value x, mlir::Value y);
  mlir::Value roundEven(mlir::Value x);
  mlir::Value reciprocal(mlir::Value x) { return div(numLike(x, 1), x); }
  mlir::Value sigmoid(mlir::Value x);
  mlir::Value softplus(mlir::Value x); ///< without overflow
};

/// Elementwise computation that also takes element types of fewer than 8
/// bits and 8-bit floats: the body sees f32 for narrow floats and i8 for
/// narrow integers, and yields the same.  Narrow float results saturate.
mlir::Value mapDecoded(Lowering &l, mlir::ValueRange ins, llvm::ArrayRef<mlir::Type> elems, mlir::Type outElem,
                       ScalarFn body);

/// `map` with an explicit indexing map per input (result identity over
/// `outDims`), for inputs that are constant along some dims.
mlir::Value mapWith(Lowering &l, llvm::ArrayRef<mlir::OpFoldResult> outDims, mlir::ValueRange ins,
                    llvm::ArrayRef<mlir::AffineMap> maps, llvm::ArrayRef<mlir::Type> elems, mlir::Type outElem,
                    ScalarFn body);

/// Reduction of `x` over `axes` (dims dropped) whose body also sees `along`:
/// tensors of the kept dims.  body(x, along..., acc) -> acc; the accumulator
/// has the compute type of `accElem`, which must also be its storage.
mlir::Value reduceWith(Lowering &l, mlir::Value x, mlir::Type elem, mlir::ValueRange along,
                       llvm::ArrayRef<mlir::Type> alongElems, llvm::ArrayRef<int64_t> axes, mlir::Type accElem,
                       mlir::Value init, ScalarFn body);

/// A dim or count as a scalar of `elem`, made at the insertion point of `b`.
mlir::Value countAs(mlir::OpBuilder &b, mlir::Location loc, mlir::OpFoldResult count, mlir::Type elem);

/// The identity of `rank` dims without those in `dropped`.
mlir::AffineMap projection(mlir::MLIRContext *ctx, int64_t rank, llvm::ArrayRef<int64_t> dropped);

} // namespace onnxc::lower

#endif
