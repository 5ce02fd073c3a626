// The bytes of a constant as memory holds them.
#ifndef ONNXC_PASSES_SCHEDULE_GPU_CONSTANTBYTES_H
#define ONNXC_PASSES_SCHEDULE_GPU_CONSTANTBYTES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <vector>

namespace onnxc {

/// Bytes of an element in memory; an index is 64 bits wide.
int64_t elementBytes(mlir::Type type);

/// One element after the other, row-major; `value` is dense or a resource.
std::vector<char> constantBytes(mlir::Attribute value, mlir::MemRefType type);

} // namespace onnxc

#endif
