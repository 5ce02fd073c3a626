// Random inputs from SplitMix64 (Steele, Lea, Flood: "Fast splittable
// pseudorandom number generators", 2014).
#include "Random.h"
#include "Error.h"
#include <cmath>

namespace onnxc::run {

namespace {
class Generator {
public:
  explicit Generator(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, 1) with 53 bits.
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
  uint64_t state;
};
} // namespace

llvm::Error parseRange(llvm::StringRef text, Ranges &ranges) {
  llvm::StringRef name, bounds = text;
  // Names may hold '=', bounds may not.
  if (size_t at = text.rfind('='); at != llvm::StringRef::npos) {
    name = text.take_front(at);
    bounds = text.drop_front(at + 1);
  }
  auto [low, high] = bounds.split(',');
  Range range;
  if (low.trim().getAsDouble(range.low) || high.trim().getAsDouble(range.high))
    return userError("--range: got '" + text +
                     "', wanted LO,HI or NAME=LO,HI, for example x=0,255");
  if (!std::isfinite(range.low) || !std::isfinite(range.high) ||
      range.low > range.high)
    return userError("--range: got '" + text +
                     "', wanted finite bounds with LO not above HI");
  if (name.empty())
    ranges.all = range;
  else
    ranges.byName[name.str()] = range;
  return llvm::Error::success();
}

static Range defaultRange(llvm::StringRef name, const ElementType &type) {
  bool isFlag = name.contains_insensitive("mask") ||
                name.contains_insensitive("segment") ||
                name.contains_insensitive("token_type");
  switch (type.kind) {
  case ElementKind::Signed:
  case ElementKind::Unsigned: {
    if (type.bits > 8)
      return isFlag ? Range{0, 1} : Range{0, 9};
    double count = std::ldexp(1.0, static_cast<int>(type.bits));
    return type.kind == ElementKind::Signed ? Range{-count / 2, count / 2 - 1}
                                            : Range{0, count - 1};
  }
  case ElementKind::Bool:
    return {0, 1};
  default:
    return {-1, 1};
  }
}

Tensor randomTensor(llvm::StringRef name, int32_t type,
                    llvm::ArrayRef<int64_t> dims, uint64_t seed,
                    const Ranges &ranges) {
  Tensor tensor(type, dims);
  const ElementType *row = elementType(type);
  if (!row)
    return tensor;
  Range range = defaultRange(name, *row);
  if (ranges.all)
    range = *ranges.all;
  if (auto it = ranges.byName.find(name.str()); it != ranges.byName.end())
    range = it->second;

  // FNV-1a of the name keeps equal-shaped inputs different.
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : name)
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  Generator generator(seed * 0x2545f4914f6cdd1d + hash);

  if (row->kind == ElementKind::String) {
    for (std::string &s : tensor.strings)
      s = "s" + std::to_string(generator.next() % 10);
    return tensor;
  }
  bool isFloat = row->kind == ElementKind::Float;
  double span = range.high - range.low;
  for (size_t i = 0; i < tensor.bytes.size(); i += row->bytes) {
    uint8_t *p = tensor.bytes.data() + i;
    if (row->kind == ElementKind::Complex) {
      // Both parts are floats of half the width.
      const ElementType *part = elementType(row->bytes == 8 ? 1 : 11);
      storeDouble(*part, range.low + span * generator.unit(), p);
      storeDouble(*part, range.low + span * generator.unit(), p + part->bytes);
      continue;
    }
    double value = isFloat
                       ? range.low + span * generator.unit()
                       : std::floor(range.low + (span + 1) * generator.unit());
    storeDouble(*row, value, p);
  }
  return tensor;
}

} // namespace onnxc::run
