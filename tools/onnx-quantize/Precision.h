// A float32 model in float16 or bfloat16, with casts around what stays float32.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_PRECISION_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_PRECISION_H

#include "Quantize.h"

namespace onnxc::quantize {

/// The ops that stay float32 unless --keep-float says otherwise: sums of many
/// numbers, exponentials, and what yields positions.
llvm::ArrayRef<llvm::StringLiteral> defaultFloatOps();

/// Converts the nodes that ONNX's schemas allow to have options.precision's
/// type, constants included; inputs and outputs of the model stay float32.
/// Constants beyond the type's range become its largest number; nodes with a
/// number below it, and what depends on shapes alone, stay float32. Nodes with
/// graphs inside are an error.
llvm::Expected<Quantized> convertPrecision(const onnx::ModelProto &model, const Options &options);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_PRECISION_H
