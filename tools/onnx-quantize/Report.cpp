// The report, for people and as JSON.
#include "Error.h"
#include "Measure.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

namespace onnxc::quantize {

static std::string decibels(double sqnr) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (std::isinf(sqnr) && sqnr > 0)
    os << "exact";
  else
    os << llvm::format("%.1f dB", sqnr);
  return text;
}

static const Difference *differenceOf(const Measurement &measured, const std::string &value) {
  auto it = measured.values.find(value);
  return it == measured.values.end() ? nullptr : &it->second;
}

static void printText(llvm::raw_ostream &os, const Options &options, const Quantized &quantized,
                      const Measurement &measured, bool withLayers) {
  os << options.output << ": ";
  if (quantized.converted)
    os << quantized.converted << " nodes compute in half precision\n";
  else if (options.weightBits)
    os << "the weights of " << quantized.layers.size() << " nodes are stored in " << options.weightBits << " bits\n";
  else
    os << quantized.layers.size() << " values of nodes are stored as " << options.activations.name
       << "; observed on " << measured.samples << " samples\n";
  if (measured.simplified.batchNorms || measured.simplified.gemms)
    os << "  " << measured.simplified.batchNorms << " batch normalisations went into weights, "
       << measured.simplified.gemms << " MatMul and Add became Gemm\n";
  if (measured.simplified.equalized)
    os << "  " << measured.simplified.equalized << " pairs of layers were equalised\n";
  if (options.smoothing)
    os << "  " << measured.simplified.smoothed << " values were smoothed\n";
  os << llvm::format("  file    %12llu -> %llu bytes\n", static_cast<unsigned long long>(measured.floatFileBytes),
                     static_cast<unsigned long long>(measured.fileBytes));
  if (quantized.sensitivity) {
    const Sensitivity &found = *quantized.sensitivity;
    size_t left = static_cast<size_t>(llvm::count_if(found.layers, [](const LayerNoise &l) { return l.staysFloat; }));
    os << "  drop    " << llvm::format("%.4g %%", 100 * found.drop) << " with all layers, "
       << llvm::format("%.4g %%", 100 * found.finalDrop) << " with " << left << " of " << found.layers.size()
       << " in float\n"
       << "  noise in the outputs with one layer quantised alone:\n";
    for (const LayerNoise &layer : found.layers)
      os << llvm::format("  %10.2e %-6s %-18s ", layer.noise, layer.staysFloat ? "float" : "", layer.op.c_str())
         << layer.name << "\n";
  }
  if (!measured.compared)
    return;
  os << llvm::format("  arena   %12lld -> %lld bytes\n", static_cast<long long>(measured.floatCost.arenaBytes),
                     static_cast<long long>(measured.cost.arenaBytes))
     << llvm::format("  time    %12.3f -> %.3f ms on this machine\n", measured.floatCost.milliseconds,
                     measured.cost.milliseconds);
  for (const auto &[name, difference] : measured.outputs)
    os << "  output '" << name << "': cosine " << llvm::format("%.6f", difference.cosine()) << ", SQNR "
       << decibels(difference.sqnr()) << " on " << measured.compared << " samples\n";
  if (!withLayers)
    return;
  os << "layers, SQNR of their results:\n";
  for (const Quantized::Layer &layer : quantized.layers)
    if (const Difference *difference = differenceOf(measured, layer.result))
      os << llvm::format("  %-10s %-18s ", decibels(difference->sqnr()).c_str(), layer.op.c_str()) << layer.name
         << "\n";
}

static llvm::json::Value number(double value) {
  return std::isfinite(value) ? llvm::json::Value(value) : llvm::json::Value(nullptr);
}

static llvm::json::Value errors(const Difference &difference) {
  return llvm::json::Object{{"sqnr_db", number(difference.sqnr())}, {"cosine", number(difference.cosine())}};
}

static llvm::json::Object json(const Options &options, const Quantized &quantized, const Measurement &measured) {
  llvm::json::Object object{
      {"model", options.model},
      {"output", options.output},
      {"activations", options.activations.name},
      {"samples", measured.samples},
      {"batch_norms_folded", measured.simplified.batchNorms},
      {"file_bytes", llvm::json::Object{{"float", static_cast<int64_t>(measured.floatFileBytes)},
                                        {"quantized", static_cast<int64_t>(measured.fileBytes)}}}};
  if (measured.compared) {
    object["compared_samples"] = measured.compared;
    object["arena_bytes"] = llvm::json::Object{{"float", measured.floatCost.arenaBytes},
                                               {"quantized", measured.cost.arenaBytes}};
    object["milliseconds"] = llvm::json::Object{{"float", measured.floatCost.milliseconds},
                                                {"quantized", measured.cost.milliseconds}};
    llvm::json::Object outputs;
    for (const auto &[name, difference] : measured.outputs)
      outputs[name] = errors(difference);
    object["outputs"] = std::move(outputs);
  }
  llvm::json::Array layers;
  for (const Quantized::Layer &layer : quantized.layers) {
    llvm::json::Object row{{"name", layer.name}, {"op", layer.op}, {"result", layer.result}};
    if (!options.weightBits) {
      row["scale"] = layer.scale.scale;
      row["zero_point"] = layer.scale.zero;
    }
    if (const Difference *difference = differenceOf(measured, layer.result))
      row["error"] = errors(*difference);
    layers.push_back(std::move(row));
  }
  object["layers"] = std::move(layers);
  if (quantized.sensitivity) {
    llvm::json::Array rows;
    for (const LayerNoise &layer : quantized.sensitivity->layers)
      rows.push_back(llvm::json::Object{
          {"name", layer.name}, {"op", layer.op}, {"noise", layer.noise}, {"float", layer.staysFloat}});
    object["sensitivity"] = llvm::json::Object{{"drop", quantized.sensitivity->drop},
                                               {"final_drop", quantized.sensitivity->finalDrop},
                                               {"layers", std::move(rows)}};
  }
  object["notes"] = llvm::json::Array(quantized.notes);
  return object;
}

llvm::Error report(const Options &options, const Quantized &quantized, const Measurement &measured) {
  printText(llvm::outs(), options, quantized, measured, /*withLayers=*/false);
  if (options.report.empty())
    return llvm::Error::success();
  std::string text;
  llvm::raw_string_ostream os(text);
  if (llvm::StringRef(options.report).ends_with(".json"))
    os << llvm::formatv("{0:2}\n", llvm::json::Value(json(options, quantized, measured)));
  else
    printText(os, options, quantized, measured, /*withLayers=*/true);
  return writeFile(options.report, text);
}

} // namespace onnxc::quantize
