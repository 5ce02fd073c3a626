// onnx-run verify: is the compiled model right?
#include "Commands.h"
#include "Compare.h"
#include "Error.h"
#include "Npz.h"
#include "Prepare.h"
#include "Proto.h"
#include "Reference.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace onnxc::run {

static const OptionSpec Options[] = {
    {"against", "WHAT", "the reference: onnxruntime, onnxruntime-unoptimised (node by node), or REF.npz"},
    {"inputs", "IN.npz", "inputs by name; random ones without it"},
    {"seed", "N", "seed of random inputs (0); run i uses seed + i"},
    {"range", "[NAME=]LO,HI", "range of random inputs; may be repeated"},
    {"runs", "N", "runs with different random inputs (1)"},
    {"onnx", "MODEL.onnx", "what ONNX Runtime runs when MODEL is a .so"},
    {"rtol", "R", "relative tolerance (1e-3; half precision 1e-2)"},
    {"atol", "A",
     "tolerance in units of the largest |reference| for float outputs (1e-4; "
     "half precision 1e-2), absolute for integers (0)"},
    {"quanta", "N",
     "instead: outputs may differ by N steps of their scale, integers by N"},
};

namespace {
/// The worst of all outputs of all runs, for the last line.
struct Summary {
  size_t outputs = 0;
  int64_t elements = 0;
  double maxAbs = 0, maxRelative = 0;
};
} // namespace

/// The scales of a quantised model's outputs, and by how many steps they may differ.
struct Quanta {
  double steps;
  std::map<std::string, float> scales;
};

/// What --quanta says of the model in `onnx`; nothing without the option.
static llvm::Expected<std::optional<Quanta>> parseQuanta(const Arguments &arguments, llvm::StringRef onnx) {
  auto steps = arguments.number("quanta");
  if (!steps)
    return steps.takeError();
  if (!*steps)
    return std::optional<Quanta>();
  if (arguments.has("rtol") || arguments.has("atol"))
    return userError("verify: --quanta excludes --rtol and --atol");
  if (!onnx.ends_with(".onnx"))
    return userError("verify: --quanta reads scales from a model; give the one that " + onnx +
                     " came from with --onnx=MODEL.onnx");
  auto scales = readOutputScales(onnx);
  if (!scales)
    return scales.takeError();
  return std::optional<Quanta>(Quanta{**steps, std::move(*scales)});
}

/// The tolerance of an output that is quantised.
static llvm::Expected<Tolerance> quantaTolerance(const Quanta &quanta, llvm::StringRef output, int32_t type) {
  Tolerance tolerance;
  tolerance.rtol = 0;
  tolerance.atol = quanta.steps;
  if (elementType(type)->kind != ElementKind::Float)
    return tolerance;
  auto scale = quanta.scales.find(output.str());
  if (scale == quanta.scales.end())
    return userError("--quanta: output '" + output +
                     "' has no scale: no DequantizeLinear makes it; give --rtol and --atol instead");
  // A step is a difference of two rounded products.
  tolerance.atol = (quanta.steps + 1e-3) * scale->second;
  return tolerance;
}

/// Compares one run; the error names the first output that differs.
static llvm::Error compareRun(const NamedTensors &got, NamedTensors &reference,
                              const Arguments &arguments, bool usesHalf,
                              const std::optional<Quanta> &quanta,
                              Summary &summary) {
  auto rtol = arguments.number("rtol");
  if (!rtol)
    return rtol.takeError();
  auto atol = arguments.number("atol");
  if (!atol)
    return atol.takeError();
  std::string problems;
  for (const auto &[name, tensor] : got) {
    auto *wanted = const_cast<Tensor *>(findTensor(reference, name));
    if (!wanted) {
      std::string names;
      for (const auto &entry : reference)
        names += (names.empty() ? "'" : ", '") + entry.first + "'";
      return userError("output '" + name +
                       "' is not in the reference, which "
                       "has " +
                       (names.empty() ? "nothing" : names));
    }
    reinterpretAs(*wanted, tensor.type);
    Tolerance tolerance = verifyTolerance(tensor.type, usesHalf);
    if (*rtol)
      tolerance.rtol = **rtol;
    if (*atol)
      tolerance.atol = **atol;
    // Integers take a tolerance only when the user asks for one.
    if (*rtol || *atol) {
      const ElementType *type = elementType(tensor.type);
      tolerance.exactIntegers = false;
      if (type->kind != ElementKind::Float &&
          type->kind != ElementKind::Complex) {
        tolerance.rtol = rtol->value_or(0);
        tolerance.atol = atol->value_or(0);
      }
    }
    if (quanta) {
      auto steps = quantaTolerance(*quanta, name, tensor.type);
      if (!steps)
        return steps.takeError();
      tolerance = *steps;
    }
    Comparison comparison = compareTensors(tensor, *wanted, tolerance);
    ++summary.outputs;
    summary.elements += tensor.numElements();
    summary.maxAbs = std::max(summary.maxAbs, comparison.maxAbs);
    summary.maxRelative = std::max(summary.maxRelative, comparison.maxRelative);
    if (!comparison.same)
      problems += (problems.empty() ? "output '" : "; output '") + name + "' " +
                  comparison.message;
  }
  return problems.empty() ? llvm::Error::success() : userError(problems);
}

static llvm::Expected<Summary> verify(const Arguments &arguments) {
  auto request = Request::parse(arguments, "verify MODEL --against=onnxruntime", "inputs");
  if (!request)
    return request.takeError();
  llvm::StringRef against = arguments.get("against");
  if (against.empty())
    return userError("verify: no reference; give --against=onnxruntime or "
                     "--against=REF.npz");
  bool isUnoptimised = against == "onnxruntime-unoptimised";
  bool isRuntime = against == "onnxruntime" || isUnoptimised;
  llvm::StringRef onnx = arguments.get("onnx", request->path);
  if (isRuntime && onnx.ends_with(".so"))
    return userError("verify: ONNX Runtime cannot run " + onnx +
                     "; give the model it came from with --onnx=MODEL.onnx");
  auto quanta = parseQuanta(arguments, onnx);
  if (!quanta)
    return quanta.takeError();
  auto runs = arguments.integer("runs", 1, 1, 1000);
  if (!runs)
    return runs.takeError();
  // Stored outputs belong to one set of inputs.
  if (request->given || !isRuntime)
    *runs = 1;
  auto prepared = request->prepare(arguments);
  if (!prepared)
    return prepared.takeError();
  const LoadedModel &model = *prepared->model;

  std::vector<NamedTensors> inputs(static_cast<size_t>(*runs));
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto made = request->inputs(model, static_cast<int64_t>(i));
    if (!made)
      return made.takeError();
    inputs[i] = std::move(*made);
  }
  std::vector<NamedTensors> references;
  if (isRuntime) {
    std::vector<NamedTensors> all = inputs;
    for (NamedTensors &run : all)
      if (llvm::Error error = request->addPinned(onnx, run))
        return error;
    auto outputs = onnxRuntimeOutputs(onnx, all, request->work.folder(), !isUnoptimised);
    if (!outputs)
      return outputs.takeError();
    references = std::move(*outputs);
  } else {
    auto read = readNpz(against);
    if (!read)
      return read.takeError();
    references.push_back(std::move(*read));
  }

  Summary summary;
  Session session(model);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (llvm::Error error = session.bind(inputs[i]))
      return error;
    if (llvm::Error error = session.runChecked())
      return error;
    if (int64_t leaked = session.leaked())
      note(request->path + ": the run left " + llvm::Twine(leaked) +
           " allocations unreleased");
    auto outputs = session.outputs();
    if (!outputs)
      return outputs.takeError();
    if (llvm::Error error = compareRun(*outputs, references[i], arguments,
                                       prepared->usesHalf, *quanta, summary)) {
      if (inputs.size() == 1)
        return error;
      return userError("run " + llvm::Twine(i) + " (seed " +
                       llvm::Twine(request->seed + static_cast<int64_t>(i)) +
                       "): " + llvm::toString(std::move(error)));
    }
  }
  return summary;
}

/// Prints the verdict in one line; returns the exit code.
static int printVerdict(llvm::Expected<Summary> summary) {
  if (summary) {
    llvm::outs() << "verify: PASS " << summary->outputs << " outputs, "
                 << summary->elements << " elements, largest |difference| "
                 << llvm::format("%.3g (%.3g of the largest |reference|)\n",
                                 summary->maxAbs, summary->maxRelative);
    return ExitOk;
  }
  int code = ExitUser;
  std::string text;
  llvm::handleAllErrors(
      summary.takeError(),
      [&](const RunError &e) {
        code = e.Code;
        text = e.Message;
      },
      [&](const llvm::ErrorInfoBase &e) {
        code = ExitInternal;
        text = e.message();
      });
  // A message of several lines goes into one.
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(text).split(lines, '\n', -1, /*KeepEmpty=*/false);
  llvm::outs() << "verify: FAIL";
  for (llvm::StringRef line : lines)
    llvm::outs() << " " << line.trim();
  llvm::outs() << "\n";
  return code;
}

int verifyCommand(llvm::ArrayRef<const char *> argv) {
  return runSubcommand(
      "verify", "MODEL.onnx|MODEL.so --against=onnxruntime|onnxruntime-unoptimised|REF.npz [--inputs=IN.npz]", withCompileOptions(Options), argv,
      [](const Arguments &arguments) { return printVerdict(verify(arguments)); });
}

} // namespace onnxc::run
