// How large the elements of a quantised computation can become.
#ifndef ONNXC_PASSES_GRAPH_MAGNITUDE_H
#define ONNXC_PASSES_GRAPH_MAGNITUDE_H

#include "mlir/IR/Value.h"
#include <optional>

namespace onnxc::graph {

/// A bound of |element| of `v`, an onnx value, when it follows from the types
/// of integer products, from constants and from what ops do to them; none of
/// the elements is NaN then. Nullopt: nothing is known.
std::optional<double> magnitude(mlir::Value v);

} // namespace onnxc::graph

#endif
