// Reads a model file (or standard input, or bytes) into an onnx ModelProto
// under limits, and gives access to tensors stored in side files.
#ifndef ONNXC_COMPILER_IMPORT_MODELREADER_H
#define ONNXC_COMPILER_IMPORT_MODELREADER_H

#include "compiler/import/Import.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "onnx/onnx_pb.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

namespace onnxc::import {

// Where side files may lie.
struct SideFolder {
  std::string path;        // "" = none allowed
  bool allowLinks = false; // symbolic and hard links may lead out of it
  // Of files with several names, how many lie in the folder or below it.
  mutable std::map<llvm::sys::fs::UniqueID, uint64_t> names = {};
};

struct ReadModel {
  ::onnx::ModelProto proto;
  std::string hash; // SHA-256 of the bytes, hex
  SideFolder directory;
  // Branches of Ifs whose types contradict each other, and how.
  std::unordered_map<const ::onnx::GraphProto *, std::string> impossible;
};

// Throws ImportError. "-" reads standard input; other paths must name plain
// files, because a pipe or device may never end.
void readModelFile(llvm::StringRef path, const ImportOptions &options,
                   ReadModel &model);
void readModelBytes(llvm::StringRef bytes, llvm::StringRef directory,
                    const ImportOptions &options, ReadModel &model);

bool isExternal(const ::onnx::TensorProto &tensor);

// Maps the bytes of an external tensor. Only plain files inside `directory`
// (after symbolic links are followed), all of whose names (hard links) lie
// inside too, are opened; throws ImportError.
std::unique_ptr<llvm::MemoryBuffer>
mapExternalData(const ::onnx::TensorProto &tensor, const SideFolder &directory);

// Checks every external tensor's file, offset and size against its type and
// the limit, and loads the small ones into the proto, because type inference
// reads shapes and axes from them.
void resolveExternalData(ReadModel &model, const ImportLimits &limits);

} // namespace onnxc::import

#endif // ONNXC_COMPILER_IMPORT_MODELREADER_H
