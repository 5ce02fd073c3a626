// What the caller of a compiled model sees of its tensors.
#ifndef ONNXC_COMPILER_DRIVER_INTERFACE_H
#define ONNXC_COMPILER_DRIVER_INTERFACE_H

#include "codegen/llvm/Emit.h"
#include "compiler/driver/Report.h"
#include "compiler/import/Import.h"
#include "compiler/pipeline/Pipeline.h"

namespace onnxc {

/// Gives the buffers of `report` that are inputs or outputs their names. `module` has been lowered.
void nameArguments(mlir::ModuleOp module, const ImportedModelInfo &info, PipelineReport &report);

/// Fills in inputs and outputs of `interface`, with their places in the arena and the bounds of their dims.
void describeTensors(mlir::ModuleOp module, const ImportedModelInfo &info, const PipelineReport &report, ModelInterface &interface);

/// Sets what `report` says of the memory of inputs and outputs, here and with --io=arena.
void reportTensors(const ModelInterface &interface, const PipelineReport &pipeline, ModelReport &report);

} // namespace onnxc

#endif
