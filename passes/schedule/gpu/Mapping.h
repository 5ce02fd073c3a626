// The mappings of a kernel's loops to blocks and threads.
#ifndef ONNXC_PASSES_SCHEDULE_GPU_MAPPING_H
#define ONNXC_PASSES_SCHEDULE_GPU_MAPPING_H

#include "codegen/targets/GpuTarget.h"
#include "passes/schedule/gpu/Contraction.h"

namespace onnxc {

/// Blocks in x, y, z from the extents of the root's loops; writes code of the host.
using GridOf = std::function<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Range>)>;

/// How a kernel is launched.
struct Launch {
  llvm::StringLiteral mapping; ///< its name in reports
  llvm::SmallVector<int32_t, 3> block; ///< threads in x, y, z
  GridOf grid;
};

/// A warp or a block for each point of the parallel loops (Reductions.cpp).
/// Nullopt where nothing is reduced, little is, or threads would not read
/// neighbouring elements.
std::optional<Launch> mapSharedReduction(mlir::OpBuilder &b, KernelOps ops, mlir::gpu::GPUFuncOp kernel, const GpuTarget &target);
/// A tile in shared memory turns around what is read across the way of the
/// stores (Transposes.cpp). Nullopt where nothing is, or something is reduced.
std::optional<Launch> mapTranspose(mlir::OpBuilder &b, KernelOps ops, mlir::gpu::GPUFuncOp kernel, const GpuTarget &target);
/// One thread for each point of the parallel loops; it runs the reductions
/// serially (Pointwise.cpp). Works for every kernel whose parallel loops do not
/// depend on each other. Code goes to the insertion point of `b`.
std::optional<Launch> mapPointwise(mlir::OpBuilder &b, KernelOps ops, mlir::gpu::GPUFuncOp kernel, const GpuTarget &target);

/// On the matrix units: f16 operands, f32 accumulators (MatrixContraction.cpp).
/// Nullopt where the kernel is no such product, or a side of it is too short.
std::optional<Launch> mapMatrixContraction(mlir::OpBuilder &b, KernelOps ops, mlir::gpu::GPUFuncOp kernel, const GpuTarget &target);
/// Tiles in shared memory, a register tile for each thread (TiledContraction.cpp).
/// Nullopt where the kernel is no contraction or too small for one.
std::optional<Launch> mapTiledContraction(mlir::OpBuilder &b, KernelOps ops, mlir::gpu::GPUFuncOp kernel, const GpuTarget &target);

/// Whether mapTiledContraction finds the product large enough.
bool fillsTiles(const Contraction &c);

} // namespace onnxc

#endif
