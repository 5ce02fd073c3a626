// Element types of 8 bits or fewer that no host computes on: 8-, 6- and 4-bit
// floats and integers of 2 and 4 bits.  Memory holds one element per byte;
// conversions are bit arithmetic.
#ifndef ONNXC_PASSES_LOWER_NARROWTYPES_H
#define ONNXC_PASSES_LOWER_NARROWTYPES_H

#include "mlir/IR/Builders.h"

namespace onnxc::lower {

/// How values that do not fit become a narrow float.
struct NarrowRounding {
  bool saturate = true;
  /// f8E8M0FNU only: "up", "down" or "nearest".
  llvm::StringRef mode = "up";
};

bool isNarrow(mlir::Type onnxElem);
bool isNarrowFloat(mlir::Type onnxElem);

/// The onnx element type that a narrow type computes as: f32, i8 or ui8.
/// Other types are returned as they are.
mlir::Type decodedType(mlir::Type onnxElem);

/// i8 in memory -> scalar of decodedType.
mlir::Value decodeNarrow(mlir::OpBuilder &b, mlir::Location loc, mlir::Value v, mlir::Type onnxElem);
/// Scalar (f32 for floats, any integer for integers, whose high bits are
/// dropped) -> i8 in memory.
mlir::Value encodeNarrow(mlir::OpBuilder &b, mlir::Location loc, mlir::Value v, mlir::Type onnxElem,
                         NarrowRounding rounding = {});

} // namespace onnxc::lower

#endif
