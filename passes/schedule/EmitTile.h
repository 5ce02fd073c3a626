// Writes a tiled, vectorised loop nest as scf and vector ops.
#ifndef ONNXC_PASSES_SCHEDULE_EMITTILE_H
#define ONNXC_PASSES_SCHEDULE_EMITTILE_H

#include "passes/schedule/Tiling.h"

namespace onnxc {

/// Emits the nest before `nest.root`'s function terminator. `packed` is the
/// panel buffer of input tiling.packed when the compiler packed it (a memref of
/// tiling.panelElements()); null otherwise.
void emitNest(LoopNest &nest, const Tiling &tiling, const Target &target, mlir::Value packed);

/// Number of iterations of the reduction loops together (all static).
int64_t reductionDepth(const LoopNest &nest);

} // namespace onnxc

#endif
