//===- KnownFacts.h - the store behind KnownValues.h -----------*- C++ -*-===//
//
// What has been found out about dims and elements, by value, with the values
// that a fact speaks of, so that it goes when they do.
//
#ifndef ONNXC_DIALECTS_ONNX_KNOWNFACTS_H
#define ONNXC_DIALECTS_ONNX_KNOWNFACTS_H

#include "dialects/onnx/KnownValues.h"

#include "llvm/ADT/DenseMap.h"

namespace onnxc::onnx {

/// Shape computations are short; tensors of more elements are data.
constexpr int64_t maxElements = 1024;

/// One element: an integer or a float, or an unknown integer with the dim that
/// it is equal to.
struct Number {
  bool known = false;
  int64_t i = 0;
  double f = 0;
  mlir::Value dimOf;
  int64_t dim = 0;

  static Number ofInt(int64_t value) { return {true, value, 0, {}, 0}; }
  static Number ofFloat(double value) { return {true, 0, value, {}, 0}; }
  static Number ofDim(const KnownInt &dim) {
    if (dim.value)
      return ofInt(*dim.value);
    return {false, 0, 0, dim.dimOf, dim.dim};
  }
};
using Numbers = llvm::SmallVector<Number, 4>;

class Facts {
public:
  /// Elements in row-major order; nullopt when their number is unknown or large.
  std::optional<Numbers> numbers(mlir::Value value);
  /// See getKnownDim.
  KnownInt dim(mlir::Value tensor, int64_t dim);
  void forget(mlir::Value value);

private:
  using DimKey = std::pair<mlir::Value, int64_t>;

  std::optional<Numbers> evaluate(mlir::Value value, mlir::Type elem);
  /// The dim of an operand that dim `dim` of a result always equals.
  std::optional<DimKey> originStep(mlir::Value tensor, int64_t dim);
  /// Runs `work` one level deeper; true when the depth allowed it.
  bool deeper(llvm::function_ref<void()> work);

  llvm::DenseMap<mlir::Value, std::optional<Numbers>> elements;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<std::optional<KnownInt>, 4>> dims;
  /// From a tensor to the values whose facts name a dim of it.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value, 2>> named;

  /// Facts that a question found after some other gave up for its depth: they
  /// hold until the outermost question is answered.
  llvm::SmallVector<mlir::Value> incompleteElements;
  llvm::SmallVector<DimKey> incompleteDims;
  unsigned depth = 0;
  bool gaveUp = false;
};

/// The facts of the KnownFacts that lives on this thread, or else empty ones
/// for the length of one question.
class CurrentFacts {
public:
  CurrentFacts();
  ~CurrentFacts();
  Facts *operator->() const;

private:
  std::unique_ptr<Facts> own;
};

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_KNOWNFACTS_H
