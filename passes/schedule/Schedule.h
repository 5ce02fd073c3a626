// From linalg on tensors to scheduled kernels on memrefs.
#ifndef ONNXC_PASSES_SCHEDULE_SCHEDULE_H
#define ONNXC_PASSES_SCHEDULE_SCHEDULE_H

#include "codegen/targets/Target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace onnxc {

/// Fuses elementwise producers into their only consumer (FuseElementwise.cpp).
std::unique_ptr<mlir::Pass> createFuseElementwisePass();
/// Fused multiply-adds of f32 that are written in f64 (ContractMultiplyAdd.cpp).
std::unique_ptr<mlir::Pass> createContractMultiplyAddPass();
/// Tensors to memrefs (Bufferize.cpp); without `reuse`, every write and every
/// view is a copy.
std::unique_ptr<mlir::Pass> createBufferizePass(bool reuse);
/// Groups of linalg ops become private functions (OutlineKernels.cpp); with
/// `anyOffset`, one for all slices of a buffer.
std::unique_ptr<mlir::Pass> createOutlineKernelsPass(bool anyOffset);
/// Kernels keep out of the padding of their windows instead of reading it from
/// memory (ImplicitPadding.cpp). Only before createScheduleKernelsPass.
std::unique_ptr<mlir::Pass> createImplicitPaddingPass(const Target &target);
struct StageOptions {
  std::optional<int64_t> budget; ///< bytes that arena, inputs and outputs may take; none: as few as come without extra arithmetic
  bool ioInArena = false;
};
/// Chains of kernels run box by box where memory is short (StageKernels.cpp). Behind createImplicitPaddingPass.
std::unique_ptr<mlir::Pass> createStageKernelsPass(const StageOptions &options);
/// Tiles and vectorises each kernel for the target (ScheduleKernels.cpp). With
/// `bothWays`, each has a copy that runs backwards, for the planner of memory to choose.
std::unique_ptr<mlir::Pass> createScheduleKernelsPass(const Target &target, bool bothWays = false);
/// Temporaries of kernels become arguments that the caller allocates (HoistTemporaries.cpp).
std::unique_ptr<mlir::Pass> createHoistTemporariesPass();
/// Outer loops of large kernels become functions that run a range of iterations (ParallelizeKernels.cpp).
std::unique_ptr<mlir::Pass> createParallelizeKernelsPass(int threads);
/// Hands the frame, the last argument of `main` once the arena is planned, to
/// the kernels that call such functions, as their last argument.
void passFrame(mlir::func::FuncOp main);

/// The text of a kernel under a common name: kernels of equal text are the same.
std::string kernelText(mlir::func::FuncOp kernel);

/// On a function that is a kernel.
constexpr llvm::StringLiteral kKernelAttr = "onnxc.kernel";
/// On a kernel: the time it takes on one core of the target, an estimate (i64).
constexpr llvm::StringLiteral kKernelCostAttr = "onnxc.nanoseconds";
/// On a kernel: its register tile, [rows, vectors of a row, lanes of a vector] (array of i64); absent: plain loops.
constexpr llvm::StringLiteral kTileAttr = "onnxc.tile";
/// On a function that calls the kernels of a chain, box by box.
constexpr llvm::StringLiteral kStagedAttr = "onnxc.staged";
/// On its call: multiply-adds of the chain, and how many more it does because boxes share what they need (array of i64).
constexpr llvm::StringLiteral kStagedWorkAttr = "onnxc.staged_work";
/// On a kernel: the one that does the same in the opposite order (symbol), which nothing calls yet.
constexpr llvm::StringLiteral kBackwardAttr = "onnxc.backward";
/// On that one.
constexpr llvm::StringLiteral kBackwardCopyAttr = "onnxc.backward_copy";
/// On an argument of a kernel: memory that only a part of the kernel's iterations needs at a time.
constexpr llvm::StringLiteral kScratchAttr = "onnxc.scratch";
/// On a loop of a scheduled kernel: its iterations do not depend on each other.
constexpr llvm::StringLiteral kParallelLoopAttr = "onnxc.parallel";
/// Names of the functions (begin, end, worker, captured values...) that hold a range of such iterations.
constexpr llvm::StringLiteral kParallelBodyPrefix = "onnxc.body.";

} // namespace onnxc

#endif
