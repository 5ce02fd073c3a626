//===- KnownValues.h - compile-time knowledge of small tensors --*- C++ -*-===//
//
// What is known about the elements of shapes, axes, pads and the like, without
// changing the IR. Also: the ONNX numbers of element types.
//
#ifndef ONNXC_DIALECTS_ONNX_KNOWNVALUES_H
#define ONNXC_DIALECTS_ONNX_KNOWNVALUES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Value.h"
#include <memory>
#include <optional>

namespace onnxc::onnx {

/// One integer element: a value, or else possibly the dim of a tensor that it
/// is equal to (the earliest such tensor that could be found).
struct KnownInt {
  std::optional<int64_t> value;
  mlir::Value dimOf; // null when unknown
  int64_t dim = 0;

  bool sameAs(const KnownInt &other) const {
    if (value || other.value)
      return value == other.value;
    return dimOf && dimOf == other.dimOf && dim == other.dim;
  }
};

/// The elements of an integer tensor in row-major order; nullopt when their
/// number is unknown or large.
std::optional<llvm::SmallVector<KnownInt>> getKnownElements(mlir::Value value);

/// The same with ShapedType::kDynamic for unknown elements. A known INT64_MIN
/// (which kDynamic is) becomes INT64_MIN + 1.
std::optional<llvm::SmallVector<int64_t>> getKnownInts(mlir::Value value);

/// The elements of an integer tensor if all of them are known.
std::optional<llvm::SmallVector<int64_t>> getStaticInts(mlir::Value value);

/// The element of a one-element integer tensor if it is known.
std::optional<int64_t> getStaticInt(mlir::Value value);

/// The elements of an f32 or f64 tensor if all of them are known.
std::optional<llvm::SmallVector<double>> getStaticFloats(mlir::Value value);

/// Dim `dim` of a ranked tensor: its size, or the earliest tensor dim that is
/// always equal to it.
KnownInt getKnownDim(mlir::Value tensor, int64_t dim);

class Facts;

/// While one lives, what the functions above find out on this thread is kept
/// and never worked out again: a pass over n ops asks in linear time. Scopes
/// nest; the outer one is used. A pass that makes one tells it of each value
/// whose type changes or which goes away, by forget() or as the listener of its
/// rewriter. Rewrites that keep what values are need not be told.
class KnownFacts : public mlir::RewriterBase::Listener {
public:
  KnownFacts();
  ~KnownFacts() override;

  /// Finds out about the results of `op`, or of all ops of a region in their
  /// order. Asking about the last value of a long chain alone would give up.
  void learn(mlir::Operation *op);
  void learn(mlir::Region &region);

  void forget(mlir::Value value);
  void notifyOperationErased(mlir::Operation *op) override;
  void notifyBlockErased(mlir::Block *block) override;

private:
  std::unique_ptr<Facts> own; // null in a nested scope
};

/// Element type of a TensorProto.DataType number; null for unknown numbers.
mlir::Type elementTypeFromOnnx(mlir::MLIRContext *context, int64_t dataType);

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_KNOWNVALUES_H
