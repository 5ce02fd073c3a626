// Reading and making large constants: raw little-endian elements, one byte per
// bool, without per-element attributes.
#ifndef ONNXC_DIALECTS_ONNX_CONSTANTDATA_H
#define ONNXC_DIALECTS_ONNX_CONSTANTDATA_H

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>

namespace onnxc::onnx {

/// Bytes of one element as stored in a constant; 0 for types without a plain
/// byte form (strings, sub-byte types).
unsigned elementBytes(mlir::Type elem);

/// The elements of a constant.  A splat holds one element only.
struct ConstantData {
  llvm::ArrayRef<char> view;
  llvm::SmallVector<char, 0> owned; ///< used instead of `view` when the attribute is packed differently
  bool splat = false;
  llvm::ArrayRef<char> bytes() const { return owned.empty() ? view : llvm::ArrayRef<char>(owned); }
};

/// nullopt for a type without a plain byte form, or a resource whose data is gone.
std::optional<ConstantData> readConstant(mlir::ElementsAttr attr);

/// A constant of `type` from its elements: dense up to 1024 bytes, else a
/// resource that takes the blob over.
mlir::ElementsAttr makeConstant(mlir::RankedTensorType type, mlir::AsmResourceBlob blob);
/// A constant whose elements all equal the one in `element`.
mlir::ElementsAttr makeSplat(mlir::RankedTensorType type, llvm::ArrayRef<char> element);

/// Frees the data of a resource constant that nothing uses any more.
void releaseConstant(mlir::ElementsAttr attr);

} // namespace onnxc::onnx

#endif
