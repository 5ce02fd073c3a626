// The command line of onnx-quantize.
#include "Options.h"
#include "Error.h"
#include "OpTable.h"
#include "Precision.h"
#include "Prepare.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "onnx/onnx_pb.h"
#include <thread>
#include <unistd.h>

namespace onnxc::quantize {

using run::Arguments;
using run::userError;

static const run::OptionSpec Specs[] = {
    {"o", "FILE", "the quantised model"},
    {"calibration", "DIR|FILE", "inputs to observe: .npz, .npy, .png, .ppm, or a folder of them; may be repeated"},
    {"mean", "M,...", "pictures: subtracted from pixels of 0 to 255 (0)"},
    {"std", "S,...", "pictures: divides what is left (255)"},
    {"random", "[N]", "N random inputs instead (16): to try things out"},
    {"samples", "N", "use the first N samples (all)"},
    {"whole-files", nullptr, "each file is one sample, whatever its first dimension"},
    {"method", "NAME", "ranges: minmax (default), percentile, entropy or mse"},
    {"percentile", "P", "for --method=percentile (99.99)"},
    {"activations", "TYPE", "u8 (default), s8 or s16"},
    {"symmetric", nullptr, "zero point in the middle of the type"},
    {"weights", "int4|int8", "weights alone, by blocks; activations stay float (opset 21)"},
    {"block", "N", "elements of a block, for --weights (32)"},
    {"precision", "fp16|bf16", "no integers: half precision, inputs and outputs stay float32"},
    {"keep-float", "LIST", "ops that stay float32 with --precision (a list of its own; none: nothing)"},
    {"per-channel", nullptr, "a scale for each output channel of weights (default)"},
    {"per-tensor", nullptr, "one scale for each weight tensor"},
    {"bias-correction", nullptr, "biases make up for what rounding of weights shifts on average"},
    {"equalize", nullptr, "move factors between layers so that the ranges of channels come closer"},
    {"smooth-quant", "[ALPHA]", "move factors from activations of LayerNormalization into weights (0.5)"},
    {"exclude", "PATTERN", "nodes that stay float: a name, * for any text; may be repeated"},
    {"op-types", "LIST", "quantise these ops only, for example Conv,Gemm"},
    {"max-drop", "P%", "leave the worst layers float until the drop is at most this; prints a table of layers"},
    {"metric", "NAME", "the drop is of: top1, cosine (default) or sqnr"},
    {"metric-command", "COMMAND", "or of the number that COMMAND FILE.onnx prints last, higher is better"},
    {"sensitivity", nullptr, "print the table of layers without a budget"},
    {"state", "FILE", "what was observed is kept there, and reused"},
    {"report", "FILE", "errors by layer, JSON if it ends in .json, else text"},
    {"no-measure", nullptr, "do not measure errors, RAM and time, which takes some compilations"},
    {"progress", nullptr, "show progress even where stderr is no terminal"},
    {"seed", "N", "seed of random inputs (0)"},
    {"range", "[NAME=]LO,HI", "range of random inputs; may be repeated"},
};

std::vector<run::OptionSpec> optionSpecs() { return run::withCompileOptions(Specs); }

static const ActivationType Types[] = {
    {onnx::TensorProto::UINT8, 0, 255, false, "u8"},
    {onnx::TensorProto::INT8, -128, 127, false, "s8"},
    {onnx::TensorProto::INT16, -32768, 32767, true, "s16"},
};

static llvm::Error parseTypes(const Arguments &arguments, Options &options) {
  llvm::StringRef name = arguments.get("activations", "u8");
  const auto *type = llvm::find_if(Types, [&](const ActivationType &row) { return name == row.name; });
  if (type == std::end(Types))
    return userError("--activations: got '" + name + "', wanted u8, s8 or s16");
  options.activations = *type;
  options.activations.isSymmetric |= arguments.has("symmetric");
  llvm::StringRef weights = arguments.get("weights");
  if (arguments.has("weights") && weights != "int4" && weights != "int8")
    return userError("--weights: got '" + weights + "', wanted int4 or int8");
  options.weightBits = weights.empty() ? 0 : weights == "int4" ? 4 : 8;
  auto block = arguments.integer("block", 32, 2, 1 << 20);
  if (!block)
    return block.takeError();
  options.block = *block;
  options.biasCorrection = arguments.has("bias-correction");
  options.equalize = arguments.has("equalize");
  if (arguments.has("smooth-quant")) {
    double alpha = 0.5;
    llvm::StringRef text = arguments.get("smooth-quant");
    if (!text.empty() && (text.getAsDouble(alpha) || !(alpha > 0 && alpha < 1)))
      return userError("--smooth-quant: got '" + text + "', wanted a number between 0 and 1");
    options.smoothing = alpha;
  }
  if (arguments.has("per-channel") && arguments.has("per-tensor"))
    return userError("--per-channel and --per-tensor exclude each other");
  options.perChannel = !arguments.has("per-tensor");
  return llvm::Error::success();
}

static llvm::Error parseMethod(const Arguments &arguments, Options &options) {
  llvm::StringRef name = arguments.get("method", "minmax");
  if (name == "minmax")
    options.method = Method::MinMax;
  else if (name == "percentile")
    options.method = Method::Percentile;
  else if (name == "entropy")
    options.method = Method::Entropy;
  else if (name == "mse")
    options.method = Method::Mse;
  else
    return userError("--method: got '" + name + "', wanted minmax, percentile, entropy or mse");
  auto percentile = arguments.number("percentile");
  if (!percentile)
    return percentile.takeError();
  options.percentile = percentile->value_or(options.percentile);
  if (options.percentile <= 50 || options.percentile > 100)
    return userError("--percentile: got '" + arguments.get("percentile") + "', wanted more than 50 and at most 100");
  return llvm::Error::success();
}

static llvm::Error parsePixels(const Arguments &arguments, Options &options) {
  auto read = [&](const char *name, const char *fallback, std::vector<float> &values) -> llvm::Error {
    llvm::SmallVector<llvm::StringRef> parts;
    arguments.get(name, fallback).split(parts, ',');
    for (llvm::StringRef part : parts) {
      double value;
      bool isFine = !part.trim().getAsDouble(value) && (name != llvm::StringRef("std") || value > 0);
      if (!isFine || (parts.size() != 1 && parts.size() != 3))
        return userError(llvm::Twine("--") + name + ": got '" + arguments.get(name) +
                         "', wanted one number or three, for example 123.7,116.3,103.5");
      values.push_back(static_cast<float>(value));
    }
    return llvm::Error::success();
  };
  if (llvm::Error error = read("mean", "0", options.mean))
    return error;
  return read("std", "255", options.deviation);
}

static llvm::Error parseBudget(const Arguments &arguments, Options &options) {
  options.showsSensitivity = arguments.has("sensitivity");
  if (arguments.has("max-drop")) {
    llvm::StringRef text = arguments.get("max-drop");
    bool isPercent = text.consume_back("%");
    double value;
    if (text.getAsDouble(value) || !(value >= 0) || value > (isPercent ? 100 : 1))
      return userError("--max-drop: got '" + arguments.get("max-drop") + "', wanted a part such as 1% or 0.01");
    options.maxDrop = isPercent ? value / 100 : value;
    options.showsSensitivity = true;
  }
  llvm::StringRef metric = arguments.get("metric", "cosine");
  if (metric == "top1")
    options.metric = Metric::Top1;
  else if (metric == "sqnr")
    options.metric = Metric::Sqnr;
  else if (metric != "cosine")
    return userError("--metric: got '" + metric + "', wanted top1, cosine or sqnr");
  options.metricCommand = arguments.get("metric-command").str();
  if (!options.metricCommand.empty())
    options.metric = Metric::Command;
  if ((arguments.has("metric") || arguments.has("metric-command")) && !options.maxDrop)
    return userError("--metric and --metric-command go with --max-drop");
  if (options.showsSensitivity && options.weightBits)
    return userError("--max-drop and --sensitivity are about activations; --weights leaves these float");
  return llvm::Error::success();
}

static llvm::Error parsePrecision(const Arguments &arguments, Options &options) {
  for (llvm::StringRef op : defaultFloatOps())
    options.keepFloat.push_back(op.str());
  if (arguments.has("keep-float")) {
    llvm::SmallVector<llvm::StringRef> names;
    arguments.get("keep-float").split(names, ',', -1, /*KeepEmpty=*/false);
    options.keepFloat.clear();
    for (llvm::StringRef name : names)
      if (name != "none")
        options.keepFloat.push_back(name.str());
  }
  if (!arguments.has("precision"))
    return arguments.has("keep-float") ? userError("--keep-float goes with --precision") : llvm::Error::success();
  llvm::StringRef name = arguments.get("precision");
  if (name != "fp16" && name != "bf16")
    return userError("--precision: got '" + name + "', wanted fp16 or bf16");
  options.precision = name == "fp16" ? Precision::Half : Precision::BFloat;
  if (options.weightBits || options.showsSensitivity)
    return userError("--precision excludes --weights, --max-drop and --sensitivity");
  return llvm::Error::success();
}

static llvm::Error parseNodes(const Arguments &arguments, Options &options) {
  options.exclude = arguments.all("exclude").vec();
  for (llvm::StringRef list : arguments.all("op-types")) {
    llvm::SmallVector<llvm::StringRef> names;
    list.split(names, ',', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef name : names) {
      if (llvm::none_of(opTable(), [&](const OpRow &row) { return name == row.op; })) {
        std::string known;
        for (const OpRow &row : opTable())
          known += (known.empty() ? "" : ", ") + std::string(row.op);
        return userError("--op-types: '" + name + "' is no op that can be quantised; these can: " + known);
      }
      options.opTypes.push_back(name.str());
    }
  }
  return llvm::Error::success();
}

llvm::Expected<Options> parseOptions(Arguments &arguments) {
  Options options;
  if (arguments.positionals().size() != 1)
    return userError("got " + llvm::Twine(arguments.positionals().size()) +
                     " models, wanted one: onnx-quantize MODEL.onnx --calibration=DIR -o MODEL.int8.onnx");
  options.model = arguments.positionals().front();
  options.output = arguments.get("o").str();
  if (options.output.empty())
    return userError("no output; give the file of the quantised model with -o FILE");
  if (llvm::sys::fs::equivalent(options.model, options.output))
    return userError("-o " + options.output + " is the model itself; give another file");
  options.wholeFiles = arguments.has("whole-files");
  for (auto parse : {parseTypes, parseMethod, parsePixels, parseBudget, parsePrecision, parseNodes})
    if (llvm::Error error = parse(arguments, options))
      return std::move(error);
  options.calibration = arguments.all("calibration").vec();
  options.isRandom = arguments.has("random");
  bool needsSamples = options.weightBits == 0 && options.precision == Precision::Integers;
  bool hasBoth = !options.calibration.empty() && options.isRandom;
  if (hasBoth || (needsSamples && options.calibration.empty() && !options.isRandom))
    return userError(!hasBoth
                         ? "no inputs to observe; give --calibration=DIR|FILE.npz, or --random to try things out"
                         : "--calibration and --random exclude each other");
  bool isRandom = options.calibration.empty() && !arguments.get("random").empty();
  auto samples = arguments.integer(isRandom ? "random" : "samples", options.calibration.empty() ? 16 : INT64_MAX, 1,
                                   INT64_MAX);
  if (!samples)
    return samples.takeError();
  options.samples = *samples;
  options.showProgress = arguments.has("progress") || isatty(STDERR_FILENO);
  options.measures = !arguments.has("no-measure");
  options.state = arguments.get("state").str();
  options.report = arguments.get("report").str();
  if (!arguments.has("threads"))
    arguments.set("threads", std::to_string(std::clamp(std::thread::hardware_concurrency(), 1u, 16u)));
  return options;
}

} // namespace onnxc::quantize
