// From linalg on tensors to scheduled kernels on memrefs.
#ifndef ONNXC_PASSES_SCHEDULE_SCHEDULE_H
#define ONNXC_PASSES_SCHEDULE_SCHEDULE_H

#include "codegen/targets/Target.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace onnxc {

/// Fuses elementwise producers into their only consumer (FuseElementwise.cpp).
std::unique_ptr<mlir::Pass> createFuseElementwisePass();
/// Tensors to memrefs (Bufferize.cpp).
std::unique_ptr<mlir::Pass> createBufferizePass();
/// Groups of linalg ops become private functions (OutlineKernels.cpp).
std::unique_ptr<mlir::Pass> createOutlineKernelsPass();
/// Kernels keep out of the padding of their windows instead of reading it from
/// memory (ImplicitPadding.cpp). Only before createScheduleKernelsPass.
std::unique_ptr<mlir::Pass> createImplicitPaddingPass(const Target &target);
/// Tiles and vectorises each kernel for the target (ScheduleKernels.cpp).
std::unique_ptr<mlir::Pass> createScheduleKernelsPass(const Target &target);
/// Temporaries of kernels become arguments that the caller allocates (HoistTemporaries.cpp).
std::unique_ptr<mlir::Pass> createHoistTemporariesPass();

} // namespace onnxc

#endif
