// Typed access to raw elements; see Elements.h.
#include "passes/graph/Elements.h"
#include <cmath>
#include <cstdint>
#include <cstring>

using namespace mlir;

namespace onnxc::graph {

Form formOf(Type t) {
  if (t.isF16())
    return Form::F16;
  if (t.isBF16())
    return Form::BF16;
  if (t.isF32())
    return Form::F32;
  if (t.isF64())
    return Form::F64;
  if (t.isInteger(1))
    return Form::Bool;
  if (auto i = dyn_cast<IntegerType>(t)) {
    bool u = i.isUnsigned();
    switch (i.getWidth()) {
    case 8:
      return u ? Form::U8 : Form::I8;
    case 16:
      return u ? Form::U16 : Form::I16;
    case 32:
      return u ? Form::U32 : Form::I32;
    case 64:
      return u ? Form::U64 : Form::I64;
    }
  }
  return Form::None;
}

namespace {

float bitsToFloat(uint32_t bits) {
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}
uint32_t floatToBits(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return bits;
}

struct Half {
  uint16_t bits;
  operator double() const {
    uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = (bits >> 10) & 31, mantissa = bits & 1023;
    if (exponent == 31)
      return bitsToFloat(sign | 0x7f800000 | (mantissa << 13));
    if (exponent)
      return bitsToFloat(sign | ((exponent + 112) << 23) | (mantissa << 13));
    double v = std::ldexp(double(mantissa), -24);
    return sign ? -v : v;
  }
  explicit Half(double v) {
    uint16_t sign = std::signbit(v) ? 0x8000 : 0;
    double a = std::fabs(v);
    if (std::isnan(v))
      bits = sign | 0x7e00;
    else if (a >= 65520.0)
      bits = sign | 0x7c00;
    else {
      // Units of the result's last place; nearbyint rounds to even.
      int e;
      std::frexp(a, &e);
      e = std::max(e, -13);
      double units = std::nearbyint(std::ldexp(a, 11 - e));
      double rounded = std::ldexp(units, e - 11);
      if (rounded < std::ldexp(1.0, -14))
        bits = sign | uint16_t(std::ldexp(rounded, 24));
      else {
        std::frexp(rounded, &e);
        bits = sign | uint16_t((e + 14) << 10) | (uint16_t(std::ldexp(rounded, 11 - e)) & 1023);
      }
    }
  }
};

struct BFloat {
  uint16_t bits;
  operator double() const { return bitsToFloat(uint32_t(bits) << 16); }
  explicit BFloat(double v) {
    uint32_t b = floatToBits(float(v));
    if (std::isnan(v))
      bits = uint16_t(b >> 16) | 0x40;
    else
      bits = uint16_t((b + 0x7fff + ((b >> 16) & 1)) >> 16);
  }
};

struct Bool {
  uint8_t v;
  operator double() const { return v != 0; }
  explicit Bool(double d) : v(d != 0) {}
};

template <typename T, typename Out>
void load(const char *data, const int64_t *at, size_t n, Out *out) {
  for (size_t i = 0; i < n; ++i) {
    alignas(T) char raw[sizeof(T)];
    std::memcpy(raw, data + at[i] * sizeof(T), sizeof(T));
    const T &v = *reinterpret_cast<const T *>(raw);
    if constexpr (std::is_integral_v<T>)
      out[i] = Out(v);
    else
      out[i] = Out(double(v));
  }
}

/// Floats to integers truncate; what does not fit saturates instead of being undefined.
int64_t toInt(double d) {
  if (std::isnan(d))
    return 0;
  if (d >= 9223372036854775807.0)
    return INT64_MAX;
  if (d <= -9223372036854775808.0)
    return INT64_MIN;
  return int64_t(d);
}

template <typename T, typename In>
void store(char *data, size_t n, const In *in) {
  for (size_t i = 0; i < n; ++i) {
    T v = [&] {
      if constexpr (std::is_integral_v<T> && std::is_same_v<In, double>)
        return T(toInt(in[i]));
      else
        return T(in[i]);
    }();
    std::memcpy(data + i * sizeof(T), &v, sizeof(T));
  }
}

template <typename Out>
void loadAny(Form form, const char *data, const int64_t *at, size_t n, Out *out) {
  switch (form) {
  case Form::F16:
    return load<Half>(data, at, n, out);
  case Form::BF16:
    return load<BFloat>(data, at, n, out);
  case Form::F32:
    return load<float>(data, at, n, out);
  case Form::F64:
    return load<double>(data, at, n, out);
  case Form::I8:
    return load<int8_t>(data, at, n, out);
  case Form::I16:
    return load<int16_t>(data, at, n, out);
  case Form::I32:
    return load<int32_t>(data, at, n, out);
  case Form::I64:
    return load<int64_t>(data, at, n, out);
  case Form::U8:
    return load<uint8_t>(data, at, n, out);
  case Form::U16:
    return load<uint16_t>(data, at, n, out);
  case Form::U32:
    return load<uint32_t>(data, at, n, out);
  case Form::U64:
    return load<uint64_t>(data, at, n, out);
  case Form::Bool:
    return load<Bool>(data, at, n, out);
  case Form::None:
    return;
  }
}

template <typename In>
void storeAny(Form form, char *data, int64_t first, size_t n, const In *in) {
  switch (form) {
  case Form::F16:
    return store<Half>(data + first * 2, n, in);
  case Form::BF16:
    return store<BFloat>(data + first * 2, n, in);
  case Form::F32:
    return store<float>(data + first * 4, n, in);
  case Form::F64:
    return store<double>(data + first * 8, n, in);
  case Form::I8:
    return store<int8_t>(data + first, n, in);
  case Form::I16:
    return store<int16_t>(data + first * 2, n, in);
  case Form::I32:
    return store<int32_t>(data + first * 4, n, in);
  case Form::I64:
    return store<int64_t>(data + first * 8, n, in);
  case Form::U8:
    return store<uint8_t>(data + first, n, in);
  case Form::U16:
    return store<uint16_t>(data + first * 2, n, in);
  case Form::U32:
    return store<uint32_t>(data + first * 4, n, in);
  case Form::U64:
    return store<uint64_t>(data + first * 8, n, in);
  case Form::Bool:
    return store<Bool>(data + first, n, in);
  case Form::None:
    return;
  }
}

} // namespace

void loadElements(Form form, const char *data, const int64_t *at, size_t n, double *out) {
  loadAny(form, data, at, n, out);
}
void loadElements(Form form, const char *data, const int64_t *at, size_t n, int64_t *out) {
  if (form == Form::Bool)
    for (size_t i = 0; i < n; ++i)
      out[i] = data[at[i]] != 0;
  else
    loadAny(form, data, at, n, out);
}
void storeElements(Form form, char *data, int64_t first, size_t n, const double *in) {
  storeAny(form, data, first, n, in);
}
void storeElements(Form form, char *data, int64_t first, size_t n, const int64_t *in) {
  storeAny(form, data, first, n, in);
}

} // namespace onnxc::graph
