//===- OnnxDialect.h - dialect and types ------------------------*- C++ -*-===//
//
// The onnx dialect class and its types, without the ops.
//
#ifndef ONNXC_DIALECTS_ONNX_ONNXDIALECT_H
#define ONNXC_DIALECTS_ONNX_ONNXDIALECT_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

#include "dialects/onnx/OnnxDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/onnx/OnnxTypes.h.inc"

#endif // ONNXC_DIALECTS_ONNX_ONNXDIALECT_H
