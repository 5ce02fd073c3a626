// How large sizes known at run time can get, from the ranges that the user gave the input's dims.
#ifndef ONNXC_PASSES_MEMORY_SIZEBOUNDS_H
#define ONNXC_PASSES_MEMORY_SIZEBOUNDS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/InferIntRangeInterface.h"
#include <optional>
#include <vector>

namespace onnxc {

/// What a dim of an input may be, both ends included.
struct DimRange {
  int64_t low = 0, high = INT64_MAX;
  bool isBounded() const { return high != INT64_MAX; }
};

/// Of each input each dim; inputs without a range at the end may be left out.
using InputRanges = std::vector<std::vector<DimRange>>;

/// Bounds of index values and sizes in `main`, whose first arguments are the inputs.
class SizeBounds {
public:
  SizeBounds(mlir::func::FuncOp main, const InputRanges &inputs) : main(main), inputs(inputs) {}

  /// The largest extents of a memref; nullopt where one is not known.
  std::optional<std::vector<int64_t>> mostDims(mlir::Value memref);

private:
  // Nullopt: no bound follows from the ranges of the inputs.
  std::optional<mlir::ConstantIntRanges> rangeOf(mlir::Value value);
  std::optional<mlir::ConstantIntRanges> rangeOf(mlir::OpFoldResult size);
  std::optional<mlir::ConstantIntRanges> dimRange(mlir::Value memref, unsigned dim);
  std::optional<mlir::ConstantIntRanges> infer(mlir::Value value);

  mlir::func::FuncOp main;
  const InputRanges &inputs;
  llvm::DenseMap<mlir::Value, std::optional<mlir::ConstantIntRanges>> known;
};

} // namespace onnxc

#endif
