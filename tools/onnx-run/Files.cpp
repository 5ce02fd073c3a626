// Files that the user names.
#include "Files.h"
#include "Error.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace onnxc::run {

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readFile(llvm::StringRef path) {
  // Not waiting for the other end of a pipe, which is refused next.
  int fd = open(path.str().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return userError(path + ": cannot read: " + std::strerror(errno));
  llvm::scope_exit close([&] { ::close(fd); });
  llvm::sys::fs::file_status status;
  if (std::error_code ec = llvm::sys::fs::status(fd, status))
    return userError(path + ": cannot read: " + ec.message());
  if (llvm::sys::fs::is_directory(status))
    return userError(path + ": cannot read: it is a folder");
  if (!llvm::sys::fs::is_regular_file(status))
    return userError(path + ": is not a plain file but a pipe, a socket or a "
                            "device; give a file");
  auto buffer = llvm::MemoryBuffer::getOpenFile(
      llvm::sys::fs::convertFDToNativeFile(fd), path, status.getSize(),
      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return userError(path + ": cannot read: " + buffer.getError().message());
  return std::move(*buffer);
}

} // namespace onnxc::run
