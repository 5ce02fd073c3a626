// Typed access to the raw elements of constants: whole chunks are converted
// to double or int64 and back, so that arithmetic is written once.
#ifndef ONNXC_PASSES_GRAPH_ELEMENTS_H
#define ONNXC_PASSES_GRAPH_ELEMENTS_H

#include "mlir/IR/BuiltinTypes.h"

namespace onnxc::graph {

/// Storage forms that arithmetic is evaluated on.
enum class Form { None, F16, BF16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Bool };

Form formOf(mlir::Type elem);
inline bool isFloat(Form f) { return f >= Form::F16 && f <= Form::F64; }

/// Element `at[i]` of `data` for i in [0, n), as double or int64.
void loadElements(Form form, const char *data, const int64_t *at, size_t n, double *out);
void loadElements(Form form, const char *data, const int64_t *at, size_t n, int64_t *out);
/// Elements [first, first + n) of `data`; integers wrap, floats round to nearest even.
void storeElements(Form form, char *data, int64_t first, size_t n, const double *in);
void storeElements(Form form, char *data, int64_t first, size_t n, const int64_t *in);

} // namespace onnxc::graph

#endif
