// Observing, and choosing ranges from what was observed.
#include "Statistics.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace onnxc::quantize {

//===-- Observing ---------------------------------------------------------===//

/// Smallest and largest element; false where one is NaN or infinite. Lanes, so
/// that compilers make vectors of them.
static bool findRange(llvm::ArrayRef<float> elements, Range &range) {
  constexpr size_t Lanes = 16;
  float low[Lanes], high[Lanes], odd[Lanes];
  std::fill_n(low, Lanes, 0.0f);
  std::fill_n(high, Lanes, 0.0f);
  std::fill_n(odd, Lanes, 0.0f);
  size_t i = 0;
  for (; i + Lanes <= elements.size(); i += Lanes)
    for (size_t k = 0; k < Lanes; ++k) {
      float x = elements[i + k];
      low[k] = x < low[k] ? x : low[k];
      high[k] = x > high[k] ? x : high[k];
      odd[k] += x - x; // NaN for infinities and NaN
    }
  float nans = 0;
  for (size_t k = 0; k < Lanes; ++k) {
    range.low = std::min(range.low, low[k]);
    range.high = std::max(range.high, high[k]);
    nans += odd[k];
  }
  for (; i < elements.size(); ++i) {
    range.low = std::min(range.low, elements[i]);
    range.high = std::max(range.high, elements[i]);
    nans += elements[i] - elements[i];
  }
  return nans == 0;
}

void Statistics::growTo(float largest) {
  if (bins.empty()) {
    if (largest == 0)
      return;
    bins.assign(2 * HalfBins, 0);
    bins[HalfBins] = zeros;
    int exponent;
    std::frexp(largest / HalfBins, &exponent);
    binWidth = std::ldexp(1.0, exponent);
  }
  while (largest >= binWidth * HalfBins) {
    std::vector<int64_t> merged(bins.size(), 0);
    for (int i = 0; i < 2 * HalfBins; ++i) {
      int bin = i - HalfBins; // floor of the half
      merged[static_cast<size_t>((bin >= 0 ? bin / 2 : (bin - 1) / 2) + HalfBins)] += bins[static_cast<size_t>(i)];
    }
    bins = std::move(merged);
    binWidth *= 2;
  }
}

bool Statistics::add(llvm::ArrayRef<float> elements, bool withHistogram) {
  // From 0, which every quantised range holds.
  Range here;
  if (!findRange(elements, here))
    return false;
  ++count;
  range.low = std::min(range.low, here.low);
  range.high = std::max(range.high, here.high);
  if (!withHistogram)
    return true;
  growTo(std::max(here.high, -here.low));
  if (bins.empty()) {
    zeros += static_cast<int64_t>(elements.size());
    return true;
  }
  // The lowest edge has a bin of its own only in the middle of the range.
  const float scale = static_cast<float>(1 / binWidth);
  int64_t *middle = bins.data() + HalfBins;
  for (float x : elements)
    ++middle[std::max(static_cast<int>(std::floor(x * scale)), -HalfBins)];
  return true;
}

llvm::json::Value Statistics::toJson() const {
  llvm::json::Object object{{"samples", count}, {"zeros", zeros}, {"low", range.low}, {"high", range.high}};
  if (!bins.empty()) {
    llvm::json::Array runs; // first bin, then counts, of each run of bins that are not 0
    for (size_t i = 0; i < bins.size(); ++i)
      if (bins[i]) {
        runs.push_back(static_cast<int64_t>(i));
        runs.push_back(bins[i]);
      }
    object["width"] = binWidth;
    object["bins"] = std::move(runs);
  }
  return object;
}

bool Statistics::fromJson(const llvm::json::Value &value) {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return false;
  auto samples = object->getInteger("samples"), zero = object->getInteger("zeros");
  auto low = object->getNumber("low"), high = object->getNumber("high");
  if (!samples || !zero || !low || !high)
    return false;
  *this = Statistics();
  count = *samples;
  zeros = *zero;
  range = {static_cast<float>(*low), static_cast<float>(*high)};
  const llvm::json::Array *runs = object->getArray("bins");
  if (!runs)
    return true;
  bins.assign(2 * HalfBins, 0);
  binWidth = object->getNumber("width").value_or(0);
  for (size_t i = 0; i + 1 < runs->size(); i += 2) {
    auto bin = (*runs)[i].getAsInteger(), number = (*runs)[i + 1].getAsInteger();
    if (!bin || !number || *bin < 0 || *bin >= 2 * HalfBins)
      return false;
    bins[static_cast<size_t>(*bin)] = *number;
  }
  return binWidth > 0;
}

//===-- Methods -----------------------------------------------------------===//

/// The lower edge of bin `i`.
static double edge(const Statistics &statistics, size_t i) {
  return (static_cast<double>(i) - Statistics::HalfBins) * statistics.width();
}

static Range clipTo(Range range, double low, double high) {
  return {static_cast<float>(std::min(std::max<double>(range.low, low), 0.0)),
          static_cast<float>(std::max(std::min<double>(range.high, high), 0.0))};
}

/// Leaves (100 - percentile) % of the elements out on each side.
static Range percentileRange(const Statistics &statistics, double percentile) {
  llvm::ArrayRef<int64_t> bins = statistics.histogram();
  double total = 0, tail = 0;
  for (int64_t n : bins)
    total += static_cast<double>(n);
  double allowed = total * (100 - percentile) / 100;
  size_t first = 0, last = bins.size();
  while (first < bins.size() && tail + static_cast<double>(bins[first]) <= allowed)
    tail += static_cast<double>(bins[first++]);
  tail = 0;
  while (last > first && tail + static_cast<double>(bins[last - 1]) <= allowed)
    tail += static_cast<double>(bins[--last]);
  return clipTo(statistics.minMax(), edge(statistics, first), edge(statistics, last));
}

/// The mean squared error of elements rounded to `levels` steps of a range,
/// from the histogram: the square of a step / 12 within, the distance beyond.
static double squaredError(const Statistics &statistics, Range range, int levels) {
  double step = (static_cast<double>(range.high) - range.low) / levels, error = 0;
  llvm::ArrayRef<int64_t> bins = statistics.histogram();
  for (size_t i = 0; i < bins.size(); ++i) {
    if (!bins[i])
      continue;
    double x = edge(statistics, i) + statistics.width() / 2;
    double beyond = x < range.low ? range.low - x : x > range.high ? x - range.high : 0;
    // Zero is exact, and there are many of them behind a Relu.
    double within = i == Statistics::HalfBins && range.low == 0 ? 0 : step * step / 12;
    error += static_cast<double>(bins[i]) * (beyond > 0 ? beyond * beyond : within);
  }
  return error;
}

/// The range, each side shrunk by itself, with the smallest squared error.
static Range mseRange(const Statistics &statistics, const ActivationType &type) {
  Range whole = statistics.minMax(), best = whole;
  double bestError = squaredError(statistics, best, type.levels());
  for (int round = 0; round < 2; ++round)
    for (float Range::*side : {&Range::high, &Range::low})
      for (int percent = 1; percent < 100; ++percent) {
        Range tried = best;
        tried.*side = whole.*side * static_cast<float>(percent) / 100;
        if (tried.low == tried.high)
          continue;
        double error = squaredError(statistics, tried, type.levels());
        if (error < bestError) {
          bestError = error;
          best = tried;
        }
      }
  return best;
}

/// The divergence of what `levels` steps can tell of a histogram of |x|, cut at
/// bin `cut`, from the histogram (Migacz, 8-bit inference with TensorRT, 2017).
static double divergence(llvm::ArrayRef<double> sizes, size_t cut, size_t levels) {
  std::vector<double> wanted(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(cut)), got(cut, 0.0);
  for (size_t i = cut; i < sizes.size(); ++i)
    wanted[cut - 1] += sizes[i];
  for (size_t level = 0; level < levels; ++level) {
    size_t first = level * cut / levels, last = (level + 1) * cut / levels;
    double sum = 0, filled = 0;
    for (size_t i = first; i < last; ++i) {
      sum += sizes[i];
      filled += wanted[i] > 0;
    }
    for (size_t i = first; i < last; ++i)
      if (wanted[i] > 0)
        got[i] = sum / filled;
  }
  double wantedSum = 0, gotSum = 0, result = 0;
  for (size_t i = 0; i < cut; ++i) {
    wantedSum += wanted[i];
    gotSum += got[i];
  }
  if (wantedSum == 0 || gotSum == 0)
    return INFINITY;
  for (size_t i = 0; i < cut; ++i)
    if (wanted[i] > 0) {
      double p = wanted[i] / wantedSum, q = std::max(got[i] / gotSum, 1e-12);
      result += p * std::log(p / q);
    }
  return result;
}

/// The threshold of |x| whose 128 steps tell most.
static Range entropyRange(const Statistics &statistics) {
  constexpr size_t Levels = 128;
  llvm::ArrayRef<int64_t> bins = statistics.histogram();
  std::vector<double> sizes(Statistics::HalfBins, 0.0);
  for (size_t i = 0; i < sizes.size(); ++i)
    sizes[i] = static_cast<double>(bins[Statistics::HalfBins + i] + bins[Statistics::HalfBins - 1 - i]);
  // Many exact zeros would decide alone.
  sizes[0] = sizes[1];
  size_t used = sizes.size();
  while (used > Levels && sizes[used - 1] == 0)
    --used;
  size_t best = used;
  double bestDivergence = INFINITY;
  for (size_t cut = Levels; cut <= used; cut += 4) {
    double here = divergence(llvm::ArrayRef(sizes).take_front(used), cut, Levels);
    if (here < bestDivergence) {
      bestDivergence = here;
      best = cut;
    }
  }
  double threshold = static_cast<double>(best) * statistics.width();
  return clipTo(statistics.minMax(), -threshold, threshold);
}

Range chooseRange(const Statistics &statistics, const Options &options) {
  if (statistics.histogram().empty())
    return statistics.minMax();
  switch (options.method) {
  case Method::MinMax:
    break;
  case Method::Percentile:
    return percentileRange(statistics, options.percentile);
  case Method::Entropy:
    return entropyRange(statistics);
  case Method::Mse:
    return mseRange(statistics, options.activations);
  }
  return statistics.minMax();
}

} // namespace onnxc::quantize
