// Element types and single elements of tensors.
#include "Tensor.h"
#include "onnxc.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APInt.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <cstring>
#include <limits>

namespace onnxc::run {

using K = ElementKind;

static const ElementType Types[] = {
    {ONNXC_TYPE_FLOAT, "float32", K::Float, 32, 4, "<f4"},
    {ONNXC_TYPE_UINT8, "uint8", K::Unsigned, 8, 1, "|u1"},
    {ONNXC_TYPE_INT8, "int8", K::Signed, 8, 1, "|i1"},
    {ONNXC_TYPE_UINT16, "uint16", K::Unsigned, 16, 2, "<u2"},
    {ONNXC_TYPE_INT16, "int16", K::Signed, 16, 2, "<i2"},
    {ONNXC_TYPE_INT32, "int32", K::Signed, 32, 4, "<i4"},
    {ONNXC_TYPE_INT64, "int64", K::Signed, 64, 8, "<i8"},
    {ONNXC_TYPE_STRING, "string", K::String, 0, 0, ""},
    {ONNXC_TYPE_BOOL, "bool", K::Bool, 1, 1, "|b1"},
    {ONNXC_TYPE_FLOAT16, "float16", K::Float, 16, 2, "<f2"},
    {ONNXC_TYPE_DOUBLE, "float64", K::Float, 64, 8, "<f8"},
    {ONNXC_TYPE_UINT32, "uint32", K::Unsigned, 32, 4, "<u4"},
    {ONNXC_TYPE_UINT64, "uint64", K::Unsigned, 64, 8, "<u8"},
    {ONNXC_TYPE_COMPLEX64, "complex64", K::Complex, 64, 8, "<c8"},
    {ONNXC_TYPE_COMPLEX128, "complex128", K::Complex, 128, 16, "<c16"},
    {ONNXC_TYPE_BFLOAT16, "bfloat16", K::Float, 16, 2, "|V2"},
    {ONNXC_TYPE_FLOAT8E4M3FN, "float8e4m3fn", K::Float, 8, 1, "|u1"},
    {ONNXC_TYPE_FLOAT8E4M3FNUZ, "float8e4m3fnuz", K::Float, 8, 1, "|u1"},
    {ONNXC_TYPE_FLOAT8E5M2, "float8e5m2", K::Float, 8, 1, "|u1"},
    {ONNXC_TYPE_FLOAT8E5M2FNUZ, "float8e5m2fnuz", K::Float, 8, 1, "|u1"},
    {ONNXC_TYPE_UINT4, "uint4", K::Unsigned, 4, 1, "|u1"},
    {ONNXC_TYPE_INT4, "int4", K::Signed, 4, 1, "|i1"},
    {ONNXC_TYPE_FLOAT4E2M1, "float4e2m1", K::Float, 4, 1, "|u1"},
    {ONNXC_TYPE_FLOAT8E8M0, "float8e8m0", K::Float, 8, 1, "|u1"},
    {ONNXC_TYPE_UINT2, "uint2", K::Unsigned, 2, 1, "|u1"},
    {ONNXC_TYPE_INT2, "int2", K::Signed, 2, 1, "|i1"},
};

const ElementType *elementType(int32_t number) {
  // The table is in the order of the numbers, which start at 1.
  if (number < 1 || number > static_cast<int32_t>(std::size(Types)))
    return nullptr;
  return &Types[number - 1];
}

std::string typeName(int32_t number) {
  if (const ElementType *type = elementType(number))
    return type->name;
  return "type " + std::to_string(number);
}

std::optional<int64_t> countElements(llvm::ArrayRef<int64_t> dims) {
  // A dim of 0 makes it 0, whatever the others would come to.
  bool isEmpty = llvm::is_contained(dims, 0);
  int64_t count = isEmpty ? 0 : 1;
  for (int64_t dim : dims)
    if (dim < 0 || __builtin_mul_overflow(count, dim, &count))
      return std::nullopt;
  return count;
}

Tensor::Tensor(int32_t type, llvm::ArrayRef<int64_t> dims)
    : type(type), dims(dims.begin(), dims.end()) {
  const ElementType *row = elementType(type);
  size_t count = static_cast<size_t>(numElements());
  if (row && row->kind == K::String)
    strings.resize(count);
  else if (row)
    bytes.resize(count * row->bytes);
}

int64_t Tensor::numElements() const { return countElements(dims).value_or(0); }

const Tensor *findTensor(const NamedTensors &tensors, llvm::StringRef name) {
  for (const auto &entry : tensors)
    if (entry.first == name)
      return &entry.second;
  return nullptr;
}

std::string shapeString(llvm::ArrayRef<int64_t> dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i)
      text += ", ";
    text += dims[i] < 0 ? "?" : std::to_string(dims[i]);
  }
  return text + "]";
}

static const llvm::fltSemantics &floatSemantics(int32_t number) {
  switch (number) {
  case ONNXC_TYPE_FLOAT16:
    return llvm::APFloat::IEEEhalf();
  case ONNXC_TYPE_BFLOAT16:
    return llvm::APFloat::BFloat();
  case ONNXC_TYPE_FLOAT8E4M3FN:
    return llvm::APFloat::Float8E4M3FN();
  case ONNXC_TYPE_FLOAT8E4M3FNUZ:
    return llvm::APFloat::Float8E4M3FNUZ();
  case ONNXC_TYPE_FLOAT8E5M2:
    return llvm::APFloat::Float8E5M2();
  case ONNXC_TYPE_FLOAT8E5M2FNUZ:
    return llvm::APFloat::Float8E5M2FNUZ();
  case ONNXC_TYPE_FLOAT4E2M1:
    return llvm::APFloat::Float4E2M1FN();
  case ONNXC_TYPE_FLOAT8E8M0:
    return llvm::APFloat::Float8E8M0FNU();
  default:
    return llvm::APFloat::IEEEdouble();
  }
}

template <typename T> static T loadAs(const uint8_t *p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

template <typename T> static void storeAs(T value, uint8_t *p) {
  std::memcpy(p, &value, sizeof(T));
}

/// Half to double without going through arbitrary precision; comparisons of
/// whole models in half precision live on it.
static double halfToDouble(uint16_t bits) {
  int exponent = (bits >> 10) & 31;
  int mantissa = bits & 1023;
  double sign = bits & 0x8000 ? -1.0 : 1.0;
  if (exponent == 31)
    return mantissa ? std::numeric_limits<double>::quiet_NaN()
                    : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0)
    return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

double loadDouble(const ElementType &type, const uint8_t *p) {
  switch (type.number) {
  case ONNXC_TYPE_FLOAT:
  case ONNXC_TYPE_COMPLEX64:
    return loadAs<float>(p);
  case ONNXC_TYPE_DOUBLE:
  case ONNXC_TYPE_COMPLEX128:
    return loadAs<double>(p);
  case ONNXC_TYPE_FLOAT16:
    return halfToDouble(loadAs<uint16_t>(p));
  case ONNXC_TYPE_BFLOAT16:
    return llvm::bit_cast<float>(static_cast<uint32_t>(loadAs<uint16_t>(p))
                                 << 16);
  case ONNXC_TYPE_INT8:
    return loadAs<int8_t>(p);
  case ONNXC_TYPE_INT16:
    return loadAs<int16_t>(p);
  case ONNXC_TYPE_INT32:
    return loadAs<int32_t>(p);
  case ONNXC_TYPE_INT64:
    return static_cast<double>(loadAs<int64_t>(p));
  case ONNXC_TYPE_UINT8:
  case ONNXC_TYPE_BOOL:
    return *p;
  case ONNXC_TYPE_UINT16:
    return loadAs<uint16_t>(p);
  case ONNXC_TYPE_UINT32:
    return loadAs<uint32_t>(p);
  case ONNXC_TYPE_UINT64:
    return static_cast<double>(loadAs<uint64_t>(p));
  default:
    break;
  }
  llvm::APInt bits(type.bits, *p, /*isSigned=*/false, /*implicitTrunc=*/true);
  if (type.kind == K::Unsigned)
    return static_cast<double>(bits.getZExtValue());
  if (type.kind == K::Signed)
    return static_cast<double>(bits.getSExtValue());
  llvm::APFloat value(floatSemantics(type.number), bits);
  return value.convertToDouble();
}

/// The integer nearest to `value` that the type holds, as raw bits.
static uint64_t clampToInteger(const ElementType &type, double value) {
  if (std::isnan(value))
    return 0;
  value = std::nearbyint(value);
  if (type.kind == K::Unsigned) {
    double top = std::ldexp(1.0, static_cast<int>(type.bits));
    if (value <= 0)
      return 0;
    return value >= top ? llvm::APInt::getMaxValue(type.bits).getZExtValue()
                        : static_cast<uint64_t>(value);
  }
  double top = std::ldexp(1.0, static_cast<int>(type.bits) - 1);
  if (value <= -top)
    return llvm::APInt::getSignedMinValue(type.bits).getZExtValue();
  if (value >= top)
    return llvm::APInt::getSignedMaxValue(type.bits).getZExtValue();
  uint64_t bits = static_cast<uint64_t>(static_cast<int64_t>(value));
  return type.bits == 64 ? bits : bits & ((uint64_t(1) << type.bits) - 1);
}

void storeDouble(const ElementType &type, double value, uint8_t *p) {
  switch (type.kind) {
  case K::String:
    return;
  case K::Bool:
    *p = value != 0;
    return;
  case K::Signed:
  case K::Unsigned: {
    uint64_t bits = clampToInteger(type, value);
    std::memcpy(p, &bits, type.bytes);
    return;
  }
  case K::Complex:
    std::memset(p, 0, type.bytes);
    if (type.number == ONNXC_TYPE_COMPLEX64)
      storeAs(static_cast<float>(value), p);
    else
      storeAs(value, p);
    return;
  case K::Float:
    break;
  }
  if (type.number == ONNXC_TYPE_FLOAT)
    return storeAs(static_cast<float>(value), p);
  if (type.number == ONNXC_TYPE_DOUBLE)
    return storeAs(value, p);
  llvm::APFloat number(value);
  bool losesInfo;
  number.convert(floatSemantics(type.number),
                 llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  uint64_t bits = number.bitcastToAPInt().getZExtValue();
  std::memcpy(p, &bits, type.bytes);
}

bool reinterpretAs(Tensor &tensor, int32_t to) {
  const ElementType *from = elementType(tensor.type);
  const ElementType *row = elementType(to);
  if (!from || !row)
    return false;
  if (from->number == to)
    return true;
  // numpy has no names of its own for these, so files hold them as integers
  // or raw bytes of the same width.
  bool nameless = row->number >= ONNXC_TYPE_BFLOAT16;
  bool carrier = from->kind == K::Signed || from->kind == K::Unsigned ||
                 from->number == ONNXC_TYPE_BFLOAT16;
  if (!nameless || !carrier || from->bytes != row->bytes)
    return false;
  if (row->bits < 8)
    for (uint8_t &byte : tensor.bytes)
      byte &= static_cast<uint8_t>((1u << row->bits) - 1);
  tensor.type = to;
  return true;
}

} // namespace onnxc::run
