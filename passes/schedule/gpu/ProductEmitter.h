// What the mappings of products have in common: the way of results through the
// epilogue to memory.
#ifndef ONNXC_PASSES_SCHEDULE_GPU_PRODUCTEMITTER_H
#define ONNXC_PASSES_SCHEDULE_GPU_PRODUCTEMITTER_H

#include "passes/schedule/gpu/Contraction.h"
#include "passes/schedule/gpu/IndexMath.h"
#include "passes/schedule/gpu/Mapping.h"

namespace onnxc {

/// Elements of a piece: neighbouring results, or elements of an operand, that
/// a thread handles together.
constexpr int kPiece = 4;
/// Largest grid in y and z.
constexpr int64_t kMostBlocks = 65535;

class ProductEmitter : protected IndexMath {
public:
  /// `tileM` rows and `tileN` columns of a block, which x and y of the grid
  /// number; z numbers the batch.
  ProductEmitter(mlir::OpBuilder &b, KernelOps ops, llvm::ArrayRef<int> epilogueLoops, const Contraction &c, int tileM, int tileN);

protected:
  mlir::VectorType piece(mlir::Type element = {}, int count = kPiece); ///< of f32 by default

  /// `count` elements of `operand` from the point `ivs` on, which is at a multiple of `count`.
  mlir::Value loadPiece(mlir::linalg::GenericOp op, mlir::OpOperand *operand, mlir::ValueRange ivs, int count = kPiece);
  /// Runs `body` where `at` is below `total`, which is everywhere when `always`.
  void guarded(mlir::Value at, int64_t total, bool always, llvm::function_ref<void()> body);
  /// Stores pieces of neighbouring results, a multiple of the store width each, in
  /// row `m` from each of `columns` on, where they are in range.
  void storeRow(mlir::Value m, llvm::ArrayRef<mlir::Value> columns, llvm::ArrayRef<llvm::SmallVector<mlir::Value>> pieces);

  KernelOps ops;
  llvm::ArrayRef<int> epilogue;
  const Contraction &c;
  int tileM, tileN;
  mlir::Type f32;
  mlir::Value thread, firstM, firstN;
  llvm::SmallVector<mlir::Value> zeroIvs; ///< the batch's loops, and 0 for all others

private:
  void storePiece(llvm::ArrayRef<mlir::Value> values, mlir::Value n, llvm::ArrayRef<mlir::Value> rowIvs);
  llvm::SmallVector<mlir::Value> runEpilogue(llvm::ArrayRef<mlir::Value> values, llvm::ArrayRef<mlir::Value> at, int fastest);
};

/// The tile of `tiles` that `cost` finds best and whose grid is allowed; null: none.
template <typename Tile, typename Cost>
const Tile *chooseTile(llvm::ArrayRef<Tile> tiles, const Contraction &c, Cost cost) {
  const Tile *best = nullptr;
  for (const Tile &t : tiles)
    if (int64_t(llvm::divideCeil(c.n.total, t.n)) <= kMostBlocks && c.batch.total <= kMostBlocks && (!best || cost(t) < cost(*best)))
      best = &t;
  return best;
}

/// Neighbouring results that can be stored together: 4, 2 or 1.
int storeWidth(KernelOps ops, llvm::ArrayRef<int> epilogueLoops, const Contraction &c);

/// The grid of a product by blocks of `m` x `n` results.
GridOf productGrid(const Contraction &c, int m, int n);

/// Relative time of a product by blocks of `m` x `n` results whose threads
/// spend `overhead` times as long on all else as on multiplying.
double productCost(const Contraction &c, int m, int n, int threads, double overhead, const GpuTarget &target);

} // namespace onnxc

#endif
