// Reads a model file (or standard input, or bytes) into an onnx ModelProto
// under limits, and gives access to tensors stored in side files.
#ifndef ONNXC_COMPILER_IMPORT_MODELREADER_H
#define ONNXC_COMPILER_IMPORT_MODELREADER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include "onnx/onnx_pb.h"

#include <cstdint>
#include <memory>
#include <string>

namespace onnxc::import {

struct ReadModel {
  ::onnx::ModelProto proto;
  std::string hash;      // SHA-256 of the bytes, hex
  std::string directory; // where side files may lie; "" = none allowed
};

// Throws ImportError. "-" reads standard input.
void readModelFile(llvm::StringRef path, uint64_t maxBytes, ReadModel &model);
void readModelBytes(llvm::StringRef bytes, llvm::StringRef directory,
                    uint64_t maxBytes, ReadModel &model);

bool isExternal(const ::onnx::TensorProto &tensor);

// Maps the bytes of an external tensor. Only plain files inside `directory`
// (after symbolic links are followed) are opened; throws ImportError.
std::unique_ptr<llvm::MemoryBuffer>
mapExternalData(const ::onnx::TensorProto &tensor, llvm::StringRef directory);

// Checks every external tensor's file, offset and size against its type and
// the limit, and loads the small ones into the proto, because type inference
// reads shapes and axes from them.
void resolveExternalData(ReadModel &model, uint64_t maxBytes);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_MODELREADER_H
