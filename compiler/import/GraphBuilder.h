// Builds the MLIR module from a model that is checked, upgraded, expanded and
// has its types inferred.
#ifndef ONNXC_COMPILER_IMPORT_GRAPHBUILDER_H
#define ONNXC_COMPILER_IMPORT_GRAPHBUILDER_H

#include "compiler/import/DimOverrides.h"
#include "compiler/import/Inference.h"
#include "compiler/import/ModelReader.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>
#include <string>

namespace onnxc::import {

// The dialect's name of a node's op; none if the op is of a custom domain.
std::optional<std::string> dialectOpName(const ::onnx::NodeProto &node);

// True if the dialect defines the node's op.
bool isDialectOp(const ::onnx::NodeProto &node, mlir::MLIRContext &context);

// Consumes the model: the weights' bytes move into the context. Fills `info`'s
// inputs and outputs. Throws ImportError.
mlir::OwningOpRef<mlir::ModuleOp> buildModule(ReadModel &model,
                                              const DimBounds &bounds,
                                              mlir::MLIRContext &context,
                                              ImportedModelInfo &info);

// Throws ImportError if the file declares a graph output of another rank or
// other dims than the model computes.
void checkOutputs(mlir::ModuleOp module, const DeclaredTypes &declared);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_GRAPHBUILDER_H
