// The importer's interface: an ONNX file goes in, a module in the `onnx`
// dialect with one function @main comes out. No onnx or protobuf type and no
// exception passes through here.
#ifndef ONNXC_COMPILER_IMPORT_IMPORT_H
#define ONNXC_COMPILER_IMPORT_IMPORT_H

#include "compiler/import/Limits.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mlir {
class MLIRContext;
} // namespace mlir

namespace onnxc {

struct ImportOptions {
  // A dimension symbol ("batch") or an input's dimension ("input.0") to a size
  // ("4") or a range ("1..8"). A size becomes static; a range is kept as the
  // module attribute `onnx.dim_bounds` and the dimension stays dynamic.
  std::map<std::string, std::string> dims;
  // Values by input name, "16000" or "1,2,3": such an input is a constant.
  std::map<std::string, std::string> values;
  // Initializers that are inputs as well stay inputs, without their value;
  // else they are constants.
  bool keepInitializerInputs = false;
  // The shapes that the model declares of its outputs say nothing.
  bool computedOutputShapes = false;
  // Whole shapes by input name; -1 leaves a dimension as the model has it.
  std::map<std::string, std::vector<int64_t>> inputShapes;
  ImportLimits limits;
  // External data may lie behind links that lead out of the model's folder.
  bool allowLinks = false;
  // Leaves ops with a function body in ONNX's schemas unexpanded even where
  // the dialect does not know them; they are then reported as unsupported.
  bool keepFunctions = false;
};

struct ImportedModelInfo {
  struct TensorInfo {
    std::string name;
    int32_t onnxType = 0;              // TensorProto.DataType; 0 if no tensor
    std::vector<int64_t> dims;         // -1: dynamic
    std::vector<std::string> dimNames; // "" where the dimension has no symbol
    bool hasRank = true;
  };
  std::string modelName;
  std::string modelHash; // SHA-256 of the model file (not of side files), hex
  std::vector<TensorInfo> inputs, outputs;
  // What is an input in the file and a constant here, a line each.
  std::vector<std::string> frozen;
  // Positions of the file's outermost nodes, by their names and, as the import
  // names nodes without one, by their first outputs.
  std::map<std::string, int32_t> nodeNumbers;
};

// Why an import failed.
struct ImportFailure {
  enum class Kind {
    Model,       // the model or an option is wrong
    Unsupported, // the model is valid, but outside of what the compiler takes;
                 // the message names each node or tensor and the way out
    Internal,    // we are wrong
  };
  Kind kind = Kind::Model;
  std::string message; // what is wrong and, unless we are, what to do
};

// Builds the tables of the onnx library, which the first import would build
// otherwise: a process that forks for each model calls this before.
void preloadImporter();

// Reads the model at `path` ("-" is standard input). On failure the result is
// null and `failure` says why.
mlir::OwningOpRef<mlir::ModuleOp>
importModel(llvm::StringRef path, const ImportOptions &options,
            mlir::MLIRContext &context, ImportedModelInfo &info,
            ImportFailure &failure);

// The same from bytes in memory; external data is looked for in `directory`,
// and refused if that is empty.
mlir::OwningOpRef<mlir::ModuleOp>
importModelBytes(llvm::StringRef bytes, llvm::StringRef directory,
                 const ImportOptions &options, mlir::MLIRContext &context,
                 ImportedModelInfo &info, ImportFailure &failure);

// Writes the model as the import sees it after the opset upgrade (and, unless
// `options.keepFunctions`, the expansion of function bodies): an ONNX file in
// the newest opset. For tests and for looking at what the adapters did.
bool saveUpgradedModel(llvm::StringRef path, llvm::StringRef output,
                       const ImportOptions &options, mlir::MLIRContext &context,
                       ImportFailure &failure);

} // namespace onnxc

#endif // ONNXC_COMPILER_IMPORT_IMPORT_H
