// Zip archives as numpy writes them: stored or deflated members, zip64.
#ifndef ONNXC_TOOLS_ONNX_RUN_ZIP_H
#define ONNXC_TOOLS_ONNX_RUN_ZIP_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <string>
#include <vector>

namespace onnxc::run {

/// A member as the central directory describes it.
struct ZipMember {
  std::string name;
  uint16_t method = 0; ///< 0 stored, 8 deflated
  uint32_t crc = 0;
  uint64_t packedBytes = 0;
  uint64_t bytes = 0;
  uint64_t offset = 0; ///< of the local header
};

/// Lists an archive held in memory. `what` names it in errors.
llvm::Expected<std::vector<ZipMember>> listZip(llvm::StringRef archive,
                                               llvm::StringRef what);

/// The contents of a member, its checksum verified.
llvm::Expected<std::string> extractZip(llvm::StringRef archive,
                                       const ZipMember &member,
                                       llvm::StringRef what);

/// Writes an archive member by member; finish() completes it. Times and
/// attributes are fixed, so equal contents give equal files.
class ZipWriter {
public:
  explicit ZipWriter(llvm::raw_ostream &os) : os(os) {}
  void add(llvm::StringRef name, llvm::StringRef contents, bool compress);
  void finish();

private:
  llvm::raw_ostream &os;
  uint64_t position = 0;
  std::vector<ZipMember> members;
  void write(llvm::StringRef bytes);
};

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_ZIP_H
