// Repacking of constant operands into panels, at compile time.
#ifndef ONNXC_PASSES_SCHEDULE_PACKWEIGHTS_H
#define ONNXC_PASSES_SCHEDULE_PACKWEIGHTS_H

#include "passes/schedule/Tiling.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace onnxc {

/// Finds and rewrites the constants that kernels are called with.
class WeightPacker {
public:
  explicit WeightPacker(mlir::ModuleOp module);

  /// Argument `arg` of `kernel` is a whole constant at every call.
  bool isConstant(mlir::func::FuncOp kernel, unsigned arg) const;

  /// No call passes the buffer behind argument `arg` as another argument too.
  bool isApart(mlir::func::FuncOp kernel, unsigned arg) const;

  /// Least and greatest byte of the constants that are argument `arg`, at all calls; nullopt where one cannot be read.
  std::optional<ByteRange> byteRange(mlir::func::FuncOp kernel, unsigned arg, bool isUnsigned) const;

  /// The largest magnitude of a sum over the reductions of `nest`, at any iteration of loop `column`, of products of integers
  /// of `range` with the signed bytes of the constants that are argument `arg`, input `input` of the nest; nullopt where
  /// one cannot be read.
  std::optional<int64_t> columnSum(mlir::func::FuncOp kernel, unsigned arg, const LoopNest &nest, unsigned input, int column,
                                   ByteRange range) const;

  /// Makes argument `arg` of `kernel` a panel buffer
  ///   [ceil(n / width)][reduction loops][width], zero padded, or for dot products
  ///   [ceil(n / width)]{[other reductions][ceil(run / group)][width][group], i32[width] sums of the columns}
  /// or for widened products
  ///   [ceil(n / width)][other reductions]{i32[ceil(run / codes of a word)][width], [width] of each side}
  /// (the last panel holds the columns of the tail's pieces, Tiling::pieces),
  /// and every call pass its constant in that form. Returns the new argument,
  /// which stands after the old one; the caller erases the old. `sides`: the arguments of tiling.widened->sides.
  mlir::Value pack(mlir::func::FuncOp kernel, unsigned arg, const LoopNest &nest, const Tiling &tiling,
                   llvm::ArrayRef<unsigned> sides);

  /// Takes argument `arg`, which nothing reads any more, from `kernel` and its calls.
  void drop(mlir::func::FuncOp kernel, unsigned arg);

private:
  /// Erases `get` and, with its last use, the constant and its bytes.
  void release(mlir::memref::GetGlobalOp get);
  mlir::memref::GlobalOp globalOf(mlir::Value v) const;
  mlir::memref::GlobalOp packed(mlir::memref::GlobalOp source, llvm::ArrayRef<mlir::memref::GlobalOp> sides, mlir::MemRefType type,
                                const LoopNest &nest, const Tiling &tiling);

  mlir::ModuleOp module;
  llvm::DenseMap<mlir::StringAttr, mlir::memref::GlobalOp> globals;
  llvm::DenseMap<mlir::StringAttr, llvm::SmallVector<mlir::func::CallOp>> calls;
  llvm::DenseMap<mlir::StringAttr, int> uses; ///< get_global ops per constant
  llvm::StringMap<int> sharers;              ///< constants per resource blob
  llvm::StringMap<mlir::memref::GlobalOp> cache;
  int count = 0;
};

} // namespace onnxc

#endif
