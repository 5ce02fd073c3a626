// Scales of activations, weights and biases.
#include "Scales.h"
#include "Simplify.h"
#include <algorithm>
#include <cmath>

namespace onnxc::quantize {

/// Scales below are as good as none: products of two would be denormal.
static constexpr double SmallestScale = 1e-18;
static constexpr float WeightLevels = 127;

Scale scaleOf(Range range, const ActivationType &type) {
  double low = std::min(range.low, 0.0f), high = std::max(range.high, 0.0f);
  double middle = std::floor((type.low + type.high + 1) / 2.0);
  double extent = type.isSymmetric ? std::max(-low, high) : high - low;
  double levels = type.isSymmetric ? type.high - middle : type.levels();
  double scale = extent / levels;
  int zeroOfNothing = static_cast<int>(type.isSymmetric ? middle : type.low);
  if (scale < SmallestScale)
    return {1, zeroOfNothing};
  if (type.isSymmetric)
    return {static_cast<float>(scale), static_cast<int>(middle)};
  double zero = std::nearbyint(type.low - low / scale);
  return {static_cast<float>(scale), static_cast<int>(std::clamp<double>(zero, type.low, type.high))};
}

/// The scale of results that lie in [0, 1): all levels for it, so that it is a
/// power of two.
static Scale unitScale(const ActivationType &type) {
  if (!type.isSymmetric)
    return {1.0f / static_cast<float>(type.levels() + 1), type.low};
  int middle = (type.low + type.high + 1) / 2;
  return {1.0f / static_cast<float>(type.high - middle + 1), middle};
}

static bool hasUnitRange(const PlannedValue &value) {
  return value.maker && value.maker->low == 0 && value.maker->high == 1;
}

static Range unionOf(Range a, Range b) { return {std::min(a.low, b.low), std::max(a.high, b.high)}; }

static double extent(Range range) { return static_cast<double>(range.high) - range.low; }

llvm::StringMap<Scale> chooseScales(Plan &plan, const Observations &seen, const Options &options,
                                    std::vector<std::string> &notes) {
  llvm::StringMap<Range> ranges; // by group
  auto collect = [&] {
    ranges.clear();
    for (const auto &[name, value] : plan.values) {
      Range range;
      if (value.constant) {
        for (float x : floatsOf(*value.constant))
          range = unionOf(range, {x, x});
      } else if (hasUnitRange(value)) {
        range = {0, 1};
      } else {
        range = chooseRange(seen.find(name)->second, options);
      }
      Range &all = ranges[value.group];
      all = unionOf(all, range);
    }
  };
  collect();
  // Beyond this the smaller of two operands would lose more than three bits.
  constexpr double MostDifference = 8;
  for (const PlannedNode &planned : plan.nodes) {
    if (planned.row->role != Role::Join)
      continue;
    const std::string &result = planned.results.front();
    for (int index : planned.activations) {
      const std::string &name = planned.node->input(index);
      std::string from = plan.values[name].group, to = plan.values[result].group;
      double a = extent(ranges[from]), b = extent(ranges[to]);
      if (from == to || std::max(a, b) > MostDifference * std::min(a, b))
        continue;
      ranges[to] = unionOf(ranges[to], ranges[from]);
      plan.unite(name, result);
    }
  }

  llvm::StringMap<Scale> scales;
  llvm::StringSet<> units;
  for (const auto &[name, value] : plan.values)
    if (hasUnitRange(value))
      units.insert(value.group);
  for (const auto &[name, value] : plan.values) {
    if (scales.contains(value.group))
      continue;
    Range range = ranges[value.group];
    bool isUnit = units.contains(value.group) && range.low >= 0 && range.high <= 1;
    Scale scale = isUnit ? unitScale(options.activations) : scaleOf(range, options.activations);
    scales[value.group] = scale;
    if (!isUnit && !value.constant && extent(range) < SmallestScale)
      notes.push_back("value '" + name + "' was 0 on all samples; its scale is 1");
  }
  return scales;
}

QuantizedWeights quantizeWeights(const onnx::NodeProto &node, const onnx::TensorProto &weights, float input,
                                 llvm::ArrayRef<float> bias, bool perChannel) {
  std::vector<int64_t> dims = dimsOf(weights);
  std::vector<float> values = floatsOf(weights);
  QuantizedWeights result;
  result.axis = weightLayout(node, dims).axis;
  size_t count = perChannel ? static_cast<size_t>(dims[static_cast<size_t>(result.axis)]) : 1;
  std::vector<double> largest(count, 0.0);
  forEachWeight(node, dims, [&](size_t i, size_t channel) {
    double &top = largest[channel % count];
    top = std::max<double>(top, std::fabs(values[i]));
  });
  std::vector<double> scales(count);
  for (size_t c = 0; c < count; ++c)
    scales[c] = largest[c] / WeightLevels;
  // A bias of 2^30 units leaves room for the products. Channels without weights
  // keep 24 bits of it.
  for (size_t c = 0; c < bias.size(); ++c) {
    double &scale = scales[c % count];
    double units = scale > 0 ? std::ldexp(1.0, 30) : std::ldexp(1.0, 24);
    scale = std::max(scale, std::fabs(static_cast<double>(bias[c])) / input / units);
  }
  for (double scale : scales)
    result.scales.push_back(scale < SmallestScale ? 1.0f : static_cast<float>(scale));
  result.values.resize(values.size());
  forEachWeight(node, dims, [&](size_t i, size_t channel) {
    float level = std::nearbyint(values[i] / result.scales[channel % count]);
    result.values[i] = static_cast<int8_t>(std::clamp(level, -WeightLevels, WeightLevels));
  });
  return result;
}

std::vector<int32_t> quantizeBias(llvm::ArrayRef<float> bias, llvm::ArrayRef<float> units) {
  std::vector<int32_t> result;
  for (size_t c = 0; c < bias.size(); ++c) {
    double level = std::nearbyint(static_cast<double>(bias[c]) / units[c % units.size()]);
    result.push_back(static_cast<int32_t>(std::clamp<double>(level, INT32_MIN, INT32_MAX)));
  }
  return result;
}

} // namespace onnxc::quantize
