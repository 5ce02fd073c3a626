// Static planning of the device's arena.
#ifndef ONNXC_PASSES_MEMORY_PLANDEVICE_H
#define ONNXC_PASSES_MEMORY_PLANDEVICE_H

#include "passes/memory/PlanArena.h"

namespace onnxc {

/// Gives each gpu.alloc of `main` its offset in the device's arena (attribute
/// onnxc.offset). Inputs are alive from the start of the run, outputs until
/// they are complete. Launches run one after the other, so that buffers whose
/// uses do not overlap may share memory.
ArenaPlan planDeviceArena(mlir::func::FuncOp main);

} // namespace onnxc

#endif
