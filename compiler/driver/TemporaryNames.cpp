// Names of files that exist only while a process is at work.
#include "compiler/driver/TemporaryNames.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/xxhash.h"
#include <cerrno>
#include <chrono>
#include <csignal>
#include <unistd.h>

namespace fs = llvm::sys::fs;

namespace onnxc {

static constexpr llvm::StringLiteral kMark = ".tmp-";

/// This run of this machine, in which a number names one process: 16 hex digits.
static const std::string &machine() {
  static const std::string id = [] {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    std::string text = host;
    if (auto boot = llvm::MemoryBuffer::getFileAsStream("/proc/sys/kernel/random/boot_id"))
      text += (*boot)->getBuffer();
    char space[64]; // containers number their processes anew
    if (ssize_t n = readlink("/proc/self/ns/pid", space, sizeof space); n > 0)
      text.append(space, size_t(n));
    return llvm::utohexstr(llvm::xxHash64(text), /*LowerCase=*/true, /*Width=*/16);
  }();
  return id;
}

std::string temporarySuffix() { return kMark.str() + machine() + "-" + std::to_string(llvm::sys::Process::getProcessId()); }

/// The process that made the file is gone.
static bool isAbandoned(llvm::StringRef path) {
  auto [stem, suffix] = llvm::sys::path::filename(path).rsplit(kMark);
  auto [where, process] = suffix.split('-');
  int pid;
  if (stem.empty() || where.size() != 16 || !llvm::all_of(where, llvm::isHexDigit) || process.getAsInteger(10, pid) || pid <= 0)
    return false;
  if (where == machine())
    return kill(pid, 0) != 0 && errno == ESRCH;
  // Another machine, or this one before it was started anew: nothing takes a day.
  fs::file_status status;
  return !fs::status(path, status, /*follow=*/false) &&
         status.getLastModificationTime() + std::chrono::hours(24) < std::chrono::system_clock::now();
}

void removeAbandoned(llvm::StringRef folder) {
  std::error_code ec;
  std::vector<std::string> found;
  for (fs::directory_iterator it(folder, ec, /*follow_symlinks=*/false), end; it != end && !ec; it.increment(ec))
    if (isAbandoned(it->path()))
      found.push_back(it->path());
  for (const std::string &path : found) {
    fs::file_status status;
    // In a folder that others write to, such a name proves nothing.
    if (fs::status(path, status, /*follow=*/false) || status.getUser() != geteuid())
      continue;
    if (fs::is_directory(status))
      fs::remove_directories(path, /*IgnoreErrors=*/true);
    else
      fs::remove(path);
  }
}

} // namespace onnxc
