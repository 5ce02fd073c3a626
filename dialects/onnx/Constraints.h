//===- Constraints.h - what operands must have in common --------*- C++ -*-===//
//
// The vocabulary in which a shape rule states, once, what ranks, dims and
// attributes it wants. What the present types contradict is an error on the op
// ("<what>: got 5, wanted 3"); what they leave open (dynamic dims) can be asked
// for with undecidedConstraints, so that lowering checks it in the run.
//
#ifndef ONNXC_DIALECTS_ONNX_CONSTRAINTS_H
#define ONNXC_DIALECTS_ONNX_CONSTRAINTS_H

#include "dialects/onnx/ShapeUtils.h"

#include <string>

namespace onnxc::onnx {

struct KnownInt;

/// factor * (dim `dim` of `tensor`), or `constant` when `tensor` is null. The
/// tensor is ranked and `dim` counts from 0. A constant of kDynamic is a number
/// that only the run knows and no dim is equal to.
struct Size {
  mlir::Value tensor;
  int64_t dim = 0;
  int64_t factor = 1;
  int64_t constant = 0;

  static Size of(mlir::Value tensor, int64_t dim, int64_t factor = 1) {
    return {tensor, dim, factor, 0};
  }
  static Size of(int64_t constant) { return {{}, 0, 1, constant}; }
  /// An element of a shape operand: its value, or the dim that it is.
  static Size of(const KnownInt &element);

  /// The number if the types say it, else kDynamic.
  int64_t value() const;
};

using Sizes = llvm::SmallVector<Size>;

/// The dims of a ranked tensor.
Sizes sizesOf(mlir::Value tensor);

struct SizeConstraint {
  enum class Relation {
    Equal,
    Broadcast,   // equal, or either is 1
    BroadcastTo, // `got` is 1 or equal to `wanted`
    AtMost,      // `got` is not above `wanted`
  };
  Size got, wanted;
  Relation relation;
  std::string what; // "length of B", "dim 1 of slope"
};

/// Runs the rule of `op` and returns those of its constraints that the present
/// types do not decide. Dims that are known to be the same (getKnownDim) are
/// decided. Empty for ops without a rule and for ops that the rule refuses.
llvm::SmallVector<SizeConstraint> undecidedConstraints(mlir::Operation *op);

//===-- Dims

/// Both are one number, which is returned (kDynamic when no type says it).
mlir::FailureOr<int64_t> sameDim(mlir::Operation *op, Size got, Size wanted,
                                 const llvm::Twine &what);

/// `got` is 1 or `wanted`.
llvm::LogicalResult broadcastsTo(mlir::Operation *op, Size got, Size wanted,
                                 const llvm::Twine &what);

/// `got` is not above `wanted`.
llvm::LogicalResult atMost(mlir::Operation *op, Size got, Size wanted,
                           const llvm::Twine &what);

/// Numpy broadcast of shapes: the dims of the result.
mlir::FailureOr<Dims> broadcastDims(mlir::Operation *op,
                                    llvm::ArrayRef<Sizes> shapes);

/// Broadcast of the shapes of all values; nullopt inside when one is unranked.
mlir::FailureOr<std::optional<Dims>> broadcastShapes(mlir::Operation *op,
                                                     mlir::ValueRange values);

//===-- Operands; what is absent or of unknown rank passes

/// `operand` has `least` to `most` dims.
llvm::LogicalResult wantRank(mlir::Operation *op, mlir::Value operand,
                             int64_t least, int64_t most,
                             const llvm::Twine &name);
inline llvm::LogicalResult wantRank(mlir::Operation *op, mlir::Value operand,
                                    int64_t rank, const llvm::Twine &name) {
  return wantRank(op, operand, rank, rank, name);
}

/// `operand` has exactly these dims.
llvm::LogicalResult wantShape(mlir::Operation *op, mlir::Value operand,
                              llvm::ArrayRef<Size> dims,
                              const llvm::Twine &name);

/// `operand` is a vector of `length` elements.
llvm::LogicalResult wantVector(mlir::Operation *op, mlir::Value operand,
                               Size length, const llvm::Twine &name);

/// `operand` has one element and at most one dim.
llvm::LogicalResult wantScalar(mlir::Operation *op, mlir::Value operand,
                               const llvm::Twine &name);

/// `operand` broadcasts to the shape of `target`, which stays as it is.
llvm::LogicalResult wantBroadcastTo(mlir::Operation *op, mlir::Value operand,
                                    llvm::ArrayRef<Size> target,
                                    const llvm::Twine &name);

/// `operand` has the shape of `like`.
llvm::LogicalResult wantSameShape(mlir::Operation *op, mlir::Value operand,
                                  mlir::Value like, const llvm::Twine &name);

/// The element of a one-element integer operand, where it is known, lies in
/// [least, most].
llvm::LogicalResult wantIntRange(mlir::Operation *op, mlir::Value operand,
                                 int64_t least, int64_t most,
                                 const llvm::Twine &name);

//===-- Attributes

/// `got` is in [least, most].
llvm::LogicalResult wantRange(mlir::Operation *op, int64_t got, int64_t least,
                              int64_t most, const llvm::Twine &name);

/// The integer or list attribute `name`, where it is there, lies in
/// [least, most], every entry of it.
llvm::LogicalResult wantAttrRange(mlir::Operation *op, llvm::StringRef name,
                                  int64_t least, int64_t most = INT32_MAX);

/// The list attribute `name`, where it is there, has `length` entries.
llvm::LogicalResult wantAttrLength(mlir::Operation *op, llvm::StringRef name,
                                   int64_t length);

/// The string attribute `name`, where it is there, is one of `words`.
llvm::LogicalResult wantAttrWord(mlir::Operation *op, llvm::StringRef name,
                                 llvm::ArrayRef<llvm::StringRef> words);

/// The integer attribute `name`, where it is there and not `absent`, is the
/// number of an element type (TensorProto.DataType).
llvm::LogicalResult wantAttrType(mlir::Operation *op, llvm::StringRef name,
                                 int64_t absent = -1);

/// `axis` in [0, rank), or an error on the op.
mlir::FailureOr<int64_t> checkAxis(mlir::Operation *op, int64_t axis,
                                   int64_t rank,
                                   llvm::StringRef name = "axis");

/// All of `axes` in [0, rank), none twice.
mlir::FailureOr<Dims> checkAxes(mlir::Operation *op,
                                llvm::ArrayRef<int64_t> axes, int64_t rank,
                                llvm::StringRef name = "axes");

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_CONSTRAINTS_H
