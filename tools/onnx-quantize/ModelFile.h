// ONNX models in memory: read with the importer's checks, brought to an opset,
// written so that a file appears whole or not at all. What the importer and the
// onnx library throw ends here as an error of the user's or of ours.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_MODELFILE_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_MODELFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "onnx/onnx_pb.h"
#include <cstdint>
#include <string>

namespace onnxc::quantize {

struct ModelFile {
  onnx::ModelProto proto; ///< all data inside; every node has a name of its own
  std::string path;
  std::string hash;   ///< SHA-256 of the file, hex
  uint64_t bytes = 0; ///< of the file and its external data
};

/// Reads and checks a model. Initializers that are inputs as well are
/// constants, model functions are inlined, what nobody uses is dropped, and
/// value types are inferred.
llvm::Expected<ModelFile> readModel(llvm::StringRef path);

/// The version of the default domain's opset.
int opsetOf(const onnx::ModelProto &model);

/// Brings the model to opset `version` where it is older, and to an IR version
/// that goes with it; types are inferred anew.
llvm::Error raiseOpset(onnx::ModelProto &model, int version, llvm::StringRef path);

/// Infers the types of all values anew; declared ones of outputs stay.
llvm::Error inferTypes(onnx::ModelProto &model, llvm::StringRef path);

/// Drops nodes and initializers that no output needs.
void dropUnused(onnx::ModelProto &model);

/// The bytes of the model, the same for equal models. An error above the 2 GiB
/// that a protobuf message can have.
llvm::Expected<std::string> serialise(const onnx::ModelProto &model, llvm::StringRef path);

/// Runs ONNX's checker over a model of our making: a failure is our bug.
llvm::Error checkMade(const onnx::ModelProto &model, llvm::StringRef path);

/// An error where writeFile() could not write: before work is spent on it.
llvm::Error probeFile(llvm::StringRef path);

/// Writes `bytes` to `path` under a temporary name and renames it.
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_MODELFILE_H
