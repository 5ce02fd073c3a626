// Comparison of tensors, element by element in double precision.
#include "Compare.h"
#include "onnxc.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace onnxc::run {

static bool isHalf(int32_t type) {
  return type == ONNXC_TYPE_FLOAT16 || type == ONNXC_TYPE_BFLOAT16;
}

Tolerance backendTolerance(int32_t type, double rtol, double atol) {
  Tolerance t;
  t.rtol = type == ONNXC_TYPE_BFLOAT16 ? std::max(rtol, 1.0 / 64) : rtol;
  t.atol = atol;
  return t;
}

Tolerance verifyTolerance(int32_t type, bool halfPrecision) {
  Tolerance t;
  bool half = halfPrecision || isHalf(type);
  t.rtol = half ? 1e-2 : 1e-3;
  t.atol = half ? 1e-2 : 1e-4;
  if (type == ONNXC_TYPE_BFLOAT16)
    t.rtol = std::max(t.rtol, 1.0 / 64);
  t.scaleAtol = true;
  t.exactIntegers = true;
  return t;
}

namespace {
/// An element as numbers: two parts for complex types.
struct Element {
  double real = 0, imaginary = 0;
};
} // namespace

static Element load(const ElementType &type, const uint8_t *p) {
  Element e;
  e.real = loadDouble(type, p);
  if (type.kind == ElementKind::Complex)
    e.imaginary = loadDouble(type, p + type.bytes / 2);
  return e;
}

/// "[0, 2, 5]" for the element at `flat`.
static std::string indexString(llvm::ArrayRef<int64_t> dims, int64_t flat) {
  std::vector<int64_t> index(dims.size());
  for (size_t d = dims.size(); d-- > 0;) {
    index[d] = flat % dims[d];
    flat /= dims[d];
  }
  return shapeString(index);
}

static std::string elementString(const ElementType &type, const uint8_t *p) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Element e = load(type, p);
  if (type.number == ONNXC_TYPE_INT64) {
    int64_t value;
    std::memcpy(&value, p, 8);
    os << value;
  } else if (type.number == ONNXC_TYPE_UINT64) {
    uint64_t value;
    std::memcpy(&value, p, 8);
    os << value;
  } else if (type.kind == ElementKind::Complex) {
    os << llvm::format("%.9g%+.9gi", e.real, e.imaginary);
  } else {
    os << llvm::format("%.9g", e.real);
  }
  return text;
}

static Comparison compareStrings(const Tensor &got, const Tensor &wanted) {
  Comparison result;
  size_t count = std::min(got.strings.size(), wanted.strings.size());
  for (size_t i = 0; i < count; ++i) {
    if (got.strings[i] == wanted.strings[i])
      continue;
    if (result.mismatches++ == 0)
      result.message =
          "differs at " + indexString(wanted.dims, static_cast<int64_t>(i)) +
          ": got '" + got.strings[i] + "', wanted '" + wanted.strings[i] + "'";
  }
  result.same = result.mismatches == 0;
  return result;
}

/// The largest finite magnitude in a tensor.
static double largest(const ElementType &type, const Tensor &tensor) {
  double top = 0;
  for (size_t i = 0; i + type.bytes <= tensor.bytes.size(); i += type.bytes) {
    Element e = load(type, tensor.bytes.data() + i);
    double size = std::hypot(e.real, e.imaginary);
    if (std::isfinite(size))
      top = std::max(top, size);
  }
  return top;
}

/// |got - wanted|; 0 for equal elements (NaN and infinities included),
/// infinity for elements that no tolerance covers.
static double distance(const Element &got, const Element &wanted) {
  auto part = [](double g, double w) {
    if (g == w || (std::isnan(g) && std::isnan(w)))
      return 0.0;
    if (!std::isfinite(g) || !std::isfinite(w))
      return std::numeric_limits<double>::infinity();
    return std::fabs(g - w);
  };
  return std::hypot(part(got.real, wanted.real),
                    part(got.imaginary, wanted.imaginary));
}

Comparison compareTensors(const Tensor &got, const Tensor &wanted,
                          const Tolerance &tolerance) {
  Comparison result;
  auto differ = [&](std::string message) {
    result.same = false;
    result.message = std::move(message);
    return result;
  };
  if (got.type != wanted.type)
    return differ("has element type " + typeName(got.type) + ", wanted " +
                  typeName(wanted.type));
  if (got.dims != wanted.dims)
    return differ("has shape " + shapeString(got.dims) + ", wanted " +
                  shapeString(wanted.dims));
  const ElementType *type = elementType(got.type);
  if (!type)
    return differ("has unknown element type " + typeName(got.type));
  if (type->kind == ElementKind::String)
    return compareStrings(got, wanted);
  if (got.bytes.size() != wanted.bytes.size())
    return differ("has " + std::to_string(got.bytes.size()) +
                  " bytes, wanted " + std::to_string(wanted.bytes.size()));

  bool isFloat =
      type->kind == ElementKind::Float || type->kind == ElementKind::Complex;
  bool isExact = !isFloat && tolerance.exactIntegers;
  double top = largest(*type, wanted);
  double atol = tolerance.atol;
  if (isFloat && tolerance.scaleAtol)
    atol *= top;

  size_t step = type->bytes;
  int64_t worst = -1;
  double worstExcess = -1, worstAllowed = 0, worstDistance = 0;
  for (size_t i = 0, n = wanted.bytes.size() / step; i < n; ++i) {
    const uint8_t *g = got.bytes.data() + i * step;
    const uint8_t *w = wanted.bytes.data() + i * step;
    if (std::memcmp(g, w, step) == 0)
      continue;
    Element ge = load(*type, g), we = load(*type, w);
    double off = distance(ge, we);
    if (!isFloat && off == 0)
      off = 1; // 64-bit integers that are equal only after rounding
    if (std::isfinite(off))
      result.maxAbs = std::max(result.maxAbs, off);
    double size = std::hypot(we.real, we.imaginary);
    double allowed = isExact ? 0 : atol + tolerance.rtol * size;
    // Infinite or NaN `wanted` passes only as itself.
    if (off == 0 || (std::isfinite(off) && off <= allowed))
      continue;
    ++result.mismatches;
    double excess = off - allowed;
    if (worst < 0 || excess > worstExcess) {
      worst = static_cast<int64_t>(i);
      worstExcess = excess;
      worstAllowed = allowed;
      worstDistance = off;
    }
  }
  if (top > 0)
    result.maxRelative = result.maxAbs / top;
  if (!result.mismatches)
    return result;

  std::string text;
  llvm::raw_string_ostream os(text);
  size_t at = static_cast<size_t>(worst) * step;
  os << result.mismatches << " of " << wanted.bytes.size() / step
     << " elements differ, worst at " << indexString(wanted.dims, worst)
     << ": got " << elementString(*type, got.bytes.data() + at) << ", wanted "
     << elementString(*type, wanted.bytes.data() + at);
  if (std::isfinite(worstDistance))
    os << llvm::format(", |difference| %.3g, allowed %.3g", worstDistance,
                       worstAllowed);
  return differ(std::move(text));
}

} // namespace onnxc::run
