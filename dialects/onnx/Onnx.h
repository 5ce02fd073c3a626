//===- Onnx.h - the onnx dialect with all its ops ---------------*- C++ -*-===//
//
// Dialect, types and op classes. Include OnnxDialect.h where no op is named.
//
#ifndef ONNXC_DIALECTS_ONNX_ONNX_H
#define ONNXC_DIALECTS_ONNX_ONNX_H

#include "dialects/onnx/OnnxDialect.h"
#include "dialects/onnx/Traits.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/onnx/DimOrder.h"
#include "dialects/onnx/Interfaces.h.inc"
#include "dialects/onnx/ShapeRules.h"

#define GET_OP_CLASSES
#include "dialects/onnx/OnnxOps.h.inc"

#endif // ONNXC_DIALECTS_ONNX_ONNX_H
