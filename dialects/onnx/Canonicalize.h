//===- Canonicalize.h - canonicalisation patterns ---------------*- C++ -*-===//
//
// The pattern sets behind OnnxDialect::getCanonicalizationPatterns.
//
#ifndef ONNXC_DIALECTS_ONNX_CANONICALIZE_H
#define ONNXC_DIALECTS_ONNX_CANONICALIZE_H

#include "mlir/IR/PatternMatch.h"

namespace onnxc::onnx {

/// Replaces the single result of `op` by a value of the same type; so users and
/// the signature of the function stay valid.
llvm::LogicalResult replaceIfSameType(mlir::Operation *op, mlir::Value value,
                                      mlir::PatternRewriter &rewriter);

/// Shape computations and reshaped constants become constants.
void populateFoldShapes(mlir::RewritePatternSet &patterns);

/// Ops that change nothing, and pairs that cancel, go away.
void populateCanonicalizeMovement(mlir::RewritePatternSet &patterns);

/// Branches on known conditions; optionals and sequences of known content.
void populateCanonicalizeContainers(mlir::RewritePatternSet &patterns);

} // namespace onnxc::onnx

#endif // ONNXC_DIALECTS_ONNX_CANONICALIZE_H
