// onnx-quantize: a float ONNX model in, one with 8-bit integers out.
#include "Error.h"
#include "Quantize.h"

using namespace onnxc;

static llvm::Error quantizeAsAsked(run::Arguments arguments) {
  auto options = quantize::parseOptions(arguments);
  if (!options)
    return options.takeError();
  return quantize::quantize(*options, arguments);
}

int main(int argc, char **argv) {
  run::setProgramName("onnx-quantize");
  llvm::ArrayRef<const char *> words(argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0));
  return run::runSubcommand("", "MODEL.onnx --calibration=DIR|FILE.npz|--random -o MODEL.int8.onnx",
                            quantize::optionSpecs(), words,
                            [](const run::Arguments &arguments) { return run::reportError(quantizeAsAsked(arguments)); });
}
