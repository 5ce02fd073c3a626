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
  if (arguments.has("input") && arguments.has("random"))
    return userError("run: --input and --random exclude each other");
  auto request = Request::parse(arguments, "run MODEL --input=IN.npz", "input");
  if (!request)
    return request.takeError();
  auto prepared = request->prepare(arguments);
  if (!prepared)
    return prepared.takeError();
  const LoadedModel &model = *prepared->model;
  if (!request->given && !arguments.has("random") && !model.inputs().empty())
    return userError("run: " + request->path +
                     " has inputs; give --input=IN.npz or --random");
  auto inputs = request->inputs(model);
  if (!inputs)
    return inputs.takeError();

  Session session(model);
  if (llvm::Error error = session.bind(*inputs))
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
  return runSubcommand(
      "run", "MODEL.onnx|MODEL.so --input=IN.npz|--random [--output=OUT.npz]", withCompileOptions(Options), argv,
      [](const Arguments &arguments) { return reportError(run(arguments)); });
}

} // namespace onnxc::run
