//===- ShapeUtils.h - helpers of the shape rules ----------------*- C++ -*-===//
//
// Arithmetic on dims that may be unknown (ShapedType::kDynamic), and joins of
// types. Shared by the Infer*.cpp files; what dims must have in common is said
// in the words of Constraints.h.
//
#ifndef ONNXC_DIALECTS_ONNX_SHAPEUTILS_H
#define ONNXC_DIALECTS_ONNX_SHAPEUTILS_H

#include "dialects/onnx/Onnx.h"

#include "mlir/IR/TypeUtilities.h"

namespace onnxc::onnx {

using Dims = llvm::SmallVector<int64_t>;

constexpr int64_t kDynamic = mlir::ShapedType::kDynamic;
inline bool isDynamic(int64_t dim) { return dim == kDynamic; }

/// Whether an optional operand is there.
inline bool isPresent(mlir::Value value) {
  return !llvm::isa<mlir::NoneType>(value.getType());
}

/// An integer attribute by name, for rules that several ops share.
int64_t intAttr(mlir::Operation *op, llvm::StringRef name, int64_t absent);

inline mlir::RankedTensorType rankedType(mlir::Value value) {
  return llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
}

mlir::Type tensorOf(mlir::Type elem, llvm::ArrayRef<int64_t> dims);
mlir::Type scalarOf(mlir::Type elem);
mlir::Type unrankedOf(mlir::Type elem);
/// The shape of `like` (ranked or not) with another element type.
mlir::Type withElement(mlir::Type like, mlir::Type elem);

/// A sum or product beyond 64 bits is INT64_MAX, which no tensor may have.
int64_t addDims(int64_t a, int64_t b);
int64_t mulDims(int64_t a, int64_t b);
int64_t product(llvm::ArrayRef<int64_t> dims);

/// First element and number of elements of a slice of `size` elements.
struct SliceRange {
  int64_t start, count;
};
std::optional<SliceRange> sliceRange(int64_t size, int64_t start, int64_t end,
                                     int64_t step);

/// Number of elements of Range; nullopt for delta 0 and on overflow.
std::optional<int64_t> rangeCount(int64_t start, int64_t limit, int64_t delta);

/// The dims [start, end) that a Shape op asks for.
std::pair<int64_t, int64_t> shapeOpRange(ShapeOp op, int64_t rank);

/// The most precise type that both are instances of; null when there is none.
mlir::Type joinTypes(mlir::Type a, mlir::Type b);

/// What two true statements about one type say together; null when they
/// contradict each other.
mlir::Type meetTypes(mlir::Type a, mlir::Type b);

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_SHAPEUTILS_H
