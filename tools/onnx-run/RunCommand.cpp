// onnx-run run: inputs in, outputs out.
#include "Commands.h"
#include "Error.h"
#include "Npz.h"
#include "Prepare.h"
#include "llvm/Support/raw_ostream.h"

namespace onnxc::run {

static const OptionSpec Options[] = {
    {"input", "IN.npz", "inputs by name"},
    {"random", nullptr, "random inputs instead"},
    {"seed", "N", "seed of random inputs (0)"},
    {"range", "[NAME=]LO,HI", "range of random inputs; may be repeated"},
    {"output", "OUT.npz", "where the outputs go; printed in short without it"},
};

/// "y: float32 [1, 10]: 0.5, 0.25, ..." for a reader at the terminal.
static void printTensor(llvm::StringRef name, const Tensor &tensor) {
  llvm::raw_ostream &os = llvm::outs();
  os << name << ": " << typeName(tensor.type) << " " << shapeString(tensor.dims)
     << ":";
  const ElementType *type = elementType(tensor.type);
  size_t count = static_cast<size_t>(tensor.numElements());
  for (size_t i = 0; i < count && i < 8; ++i)
    os << (i ? ", " : " ")
       << llvm::format(
              "%.7g", loadDouble(*type, tensor.bytes.data() + i * type->bytes));
  os << (count > 8 ? ", ...\n" : "\n");
}

static llvm::Error run(const Arguments &arguments) {
  if (arguments.positionals().size() != 1)
    return userError("run: got " + llvm::Twine(arguments.positionals().size()) +
                     " models, wanted one: onnx-run run MODEL --input=IN.npz");
  llvm::StringRef path = arguments.positionals().front();
  if (arguments.has("input") && arguments.has("random"))
    return userError("run: --input and --random exclude each other");
  auto shapes = parseShapes(arguments);
  if (!shapes)
    return shapes.takeError();
  auto ranges = parseRanges(arguments);
  if (!ranges)
    return ranges.takeError();
  auto seed = arguments.integer("seed", 0, 0, INT64_MAX);
  if (!seed)
    return seed.takeError();
  auto work = WorkFolder::create();
  if (!work)
    return work.takeError();

  NamedTensors inputs;
  if (arguments.has("input")) {
    auto read = readNpz(arguments.get("input"));
    if (!read)
      return read.takeError();
    inputs = std::move(*read);
  }
  auto prepared = prepare(path, arguments, *shapes, &inputs, *work);
  if (!prepared)
    return prepared.takeError();
  const LoadedModel &model = *prepared->model;
  if (arguments.has("random")) {
    auto made =
        randomInputs(model, *shapes, static_cast<uint64_t>(*seed), *ranges);
    if (!made)
      return made.takeError();
    inputs = std::move(*made);
  } else if (!arguments.has("input") && !model.inputs().empty()) {
    return userError("run: " + path +
                     " has inputs; give --input=IN.npz or "
                     "--random");
  }

  Session session(model);
  if (llvm::Error error = session.bind(inputs))
    return error;
  if (llvm::Error error = session.run())
    return error;
  auto outputs = session.outputs();
  if (!outputs)
    return outputs.takeError();
  if (arguments.has("output"))
    return writeNpz(arguments.get("output"), *outputs);
  for (const auto &entry : *outputs)
    printTensor(entry.first, entry.second);
  return llvm::Error::success();
}

int runCommand(llvm::ArrayRef<const char *> argv) {
  std::vector<OptionSpec> specs(std::begin(Options), std::end(Options));
  specs.insert(specs.end(), compileOptions().begin(), compileOptions().end());
  auto arguments = Arguments::parse("run", specs, argv);
  if (!arguments)
    return reportError(arguments.takeError());
  if (arguments->has("help")) {
    llvm::outs() << "onnx-run run MODEL.onnx|MODEL.so --input=IN.npz|--random "
                    "[--output=OUT.npz]\n";
    printOptions(llvm::outs(), specs);
    return ExitOk;
  }
  return reportError(run(*arguments));
}

} // namespace onnxc::run
