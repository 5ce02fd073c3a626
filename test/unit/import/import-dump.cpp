// Imports a model and prints the module, for the importer's tests:
//   import-dump MODEL [--dim NAME=VALUE]... [--shape INPUT=1,2,3]... [--quiet] [--bytes]
// Exit status 0, or 1 with the error on stderr. --bytes reads the file itself
// and imports from memory. --info prints the model's inputs and outputs.
// --save-upgraded FILE writes the model in the newest opset instead.
#include "compiler/import/Import.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using llvm::StringRef;

static void printTensors(
    const char *what,
    const std::vector<onnxc::ImportedModelInfo::TensorInfo> &tensors) {
  for (const auto &tensor : tensors) {
    llvm::outs() << what << " " << tensor.name << " type " << tensor.onnxType
                 << " dims [" << llvm::join(llvm::map_range(tensor.dims,
                        [](int64_t dim) { return std::to_string(dim); }), ",")
                 << "] names [" << llvm::join(tensor.dimNames, ",") << "]\n";
  }
}

int main(int argc, char **argv) {
  onnxc::ImportOptions options;
  StringRef path, upgraded;
  bool quiet = false, bytes = false, info = false;
  for (int i = 1; i < argc; ++i) {
    StringRef argument = argv[i];
    if (argument == "--quiet") {
      quiet = true;
    } else if (argument == "--bytes") {
      bytes = true;
    } else if (argument == "--info") {
      info = true;
    } else if (argument == "--save-upgraded" && i + 1 < argc) {
      upgraded = argv[++i];
    } else if (argument == "--dim" && i + 1 < argc) {
      auto [name, value] = StringRef(argv[++i]).split('=');
      options.dims[name.str()] = value.str();
    } else if (argument == "--shape" && i + 1 < argc) {
      auto [name, value] = StringRef(argv[++i]).split('=');
      std::vector<int64_t> &shape = options.inputShapes[name.str()];
      llvm::SmallVector<StringRef> dims;
      value.split(dims, ',', -1, false);
      for (StringRef dim : dims) {
        int64_t size = 0;
        if (dim.getAsInteger(10, size))
          return 2;
        shape.push_back(size);
      }
    } else {
      path = argument;
    }
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  onnxc::ImportedModelInfo model;
  onnxc::ImportFailure failure;
  if (!upgraded.empty()) {
    options.keepFunctions = true;
    if (onnxc::saveUpgradedModel(path, upgraded, options, context, failure))
      return 0;
    llvm::errs() << "error: " << failure.message << "\n";
    return 1;
  }
  mlir::OwningOpRef<mlir::ModuleOp> module;
  if (bytes) {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    if (!buffer)
      return 2;
    module = onnxc::importModelBytes((*buffer)->getBuffer(), "", options,
                                     context, model, failure);
  } else {
    module = onnxc::importModel(path, options, context, model, failure);
  }
  if (!module) {
    llvm::errs() << "error: " << failure.message << "\n";
    return 1;
  }
  if (info) {
    llvm::outs() << "hash " << model.modelHash << "\n";
    printTensors("input", model.inputs);
    printTensors("output", model.outputs);
  }
  if (!quiet) {
    mlir::OpPrintingFlags flags;
    flags.elideLargeElementsAttrs(16);
    flags.elideLargeResourceString(16);
    module->print(llvm::outs(), flags);
    llvm::outs() << "\n";
  }
  return 0;
}
