// Tensors and values on the caller's side of a model: element types, raw
// bytes in row-major order, conversions of single elements.
#ifndef ONNXC_TOOLS_ONNX_RUN_TENSOR_H
#define ONNXC_TOOLS_ONNX_RUN_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace onnxc::run {

enum class ElementKind { Float, Signed, Unsigned, Bool, Complex, String };

/// One row per ONNX element type.
struct ElementType {
  int32_t number; ///< TensorProto.DataType, as in onnxc.h
  const char *name;
  ElementKind kind;
  unsigned bits;  ///< of the value
  unsigned bytes; ///< of one element in memory; 0 for strings
  const char
      *npy; ///< descr in .npy files; a raw void type where numpy has none
};

/// The row of a type, or null for a number that ONNX does not define.
const ElementType *elementType(int32_t number);

/// The row's name, or "type <number>".
std::string typeName(int32_t number);

/// A dense tensor. Elements below one byte take one byte each, the value in
/// the low bits, the rest zero (as in the C interface).
struct Tensor {
  int32_t type = 0;
  std::vector<int64_t> dims;
  std::vector<uint8_t> bytes;
  std::vector<std::string> strings; ///< instead of bytes for string tensors

  Tensor() = default;
  /// Zeros of this type and shape.
  Tensor(int32_t type, llvm::ArrayRef<int64_t> dims);
  int64_t numElements() const;
};

/// A tensor, a sequence of values, or nothing (an empty optional).
struct Value {
  enum class Kind { None, Tensor, Sequence } kind = Kind::None;
  Tensor tensor;
  std::vector<Value> elements;
};

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// The tensor called `name`, or null.
const Tensor *findTensor(const NamedTensors &tensors, llvm::StringRef name);

/// Product of `dims`; nothing when it overflows or a dim is negative. Beside a
/// dim of 0 the others may be of any size.
std::optional<int64_t> countElements(llvm::ArrayRef<int64_t> dims);

/// "[1, 3, 224, 224]", with "?" for negative dims.
std::string shapeString(llvm::ArrayRef<int64_t> dims);

/// Reads the element at `p` as a double (the real part of complex numbers).
/// 64-bit integers beyond 2^53 are rounded.
double loadDouble(const ElementType &type, const uint8_t *p);

/// Stores `value` at `p`, rounded to nearest even; integers are clamped to
/// the range of the type.
void storeDouble(const ElementType &type, double value, uint8_t *p);

/// Reads the same bytes as another type of the same width where an .npz file
/// cannot name the type: uint16 or V2 as bfloat16, uint8 or V1 as float8 or
/// 4-bit types, int8 as int4. False when `to` is no such type.
bool reinterpretAs(Tensor &tensor, int32_t to);

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_TENSOR_H
