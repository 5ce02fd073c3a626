// From ONNX tensors to MLIR element types and constant attributes.
#ifndef ONNXC_COMPILER_IMPORT_TENSORDATA_H
#define ONNXC_COMPILER_IMPORT_TENSORDATA_H

#include "llvm/ADT/StringRef.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "onnx/onnx_pb.h"

#include <cstdint>
#include <string>
#include <vector>

namespace onnxc::import {

struct SideFolder;

// The number of elements; throws ImportError on negative or overflowing dims.
uint64_t elementCount(const ::onnx::TensorProto &tensor);

// Bytes of the tensor as raw_data or a side file holds it: sub-byte elements
// packed, strings none.
uint64_t packedBytes(const ::onnx::TensorProto &tensor);

// Null for a number that is no TensorProto.DataType known here.
mlir::Type elementType(int onnxType, mlir::MLIRContext &context);

// The type of a value; null if it or a part of it is unknown.
mlir::Type valueType(const ::onnx::TypeProto &type, mlir::MLIRContext &context);

// The tensor's value. Above 1024 bytes the bytes are moved (not copied) out of
// `tensor` into a resource of the context; elements of less than a byte and
// bools take one byte each. Throws ImportError if data and shape disagree.
mlir::ElementsAttr takeElements(::onnx::TensorProto &tensor,
                                llvm::StringRef name,
                                const SideFolder &directory,
                                mlir::MLIRContext &context);

// A sparse tensor's value, made dense.
mlir::ElementsAttr takeElements(::onnx::SparseTensorProto &tensor,
                                llvm::StringRef name,
                                const SideFolder &directory,
                                mlir::MLIRContext &context);

// The integers of a small int32 or int64 tensor; empty optional otherwise.
bool readIntegers(const ::onnx::TensorProto &tensor,
                  std::vector<int64_t> &values);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_TENSORDATA_H
