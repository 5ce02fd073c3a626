// Output files that appear all together or not at all.
#include "compiler/driver/OutputFiles.h"
#include "compiler/driver/TemporaryNames.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

namespace fs = llvm::sys::fs;

namespace onnxc {

OutputFiles::~OutputFiles() {
  for (const Pending &file : pending) {
    fs::remove(file.temporary);
    llvm::sys::DontRemoveFileOnSignal(file.temporary);
  }
}

std::string OutputFiles::within(llvm::StringRef name) const {
  llvm::SmallString<128> path(dir);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

std::string OutputFiles::add(std::string final, bool isArtefact) {
  llvm::StringRef folder = llvm::sys::path::parent_path(final);
  if (folders.insert(folder).second)
    removeAbandoned(folder.empty() ? "." : folder);
  std::string temporary = final + temporarySuffix();
  pending.push_back({temporary, isArtefact ? final : std::string()});
  llvm::sys::RemoveFileOnSignal(temporary);
  return temporary;
}

std::string OutputFiles::temporary(llvm::StringRef name) { return add(within(name), true); }
std::string OutputFiles::scratch(llvm::StringRef name) { return add(within(name), false); }

bool OutputFiles::commit(std::vector<std::string> &files, std::string &error) {
  // A rename fails after others succeeded only where a name is taken by a folder.
  for (const Pending &file : pending)
    if (!file.final.empty() && fs::is_directory(file.final)) {
      error = "cannot write '" + file.final + "': it is a folder; give another --name or output folder";
      return false;
    }
  for (const Pending &file : pending) {
    if (file.final.empty())
      continue;
    if (auto ec = fs::rename(file.temporary, file.final)) {
      error = "cannot write '" + file.final + "': " + ec.message();
      return false;
    }
    files.push_back(file.final);
  }
  return true;
}

/// Writes `text` to `path`, which messages call `name`.
static bool write(llvm::StringRef path, llvm::StringRef name, llvm::StringRef text, std::string &error) {
  std::error_code ec;
  llvm::raw_fd_ostream out(path, ec);
  if (!ec) {
    out << text;
    out.close();
    ec = out.error();
    out.clear_error();
  }
  if (ec)
    error = "cannot write '" + name.str() + "': " + ec.message();
  return !ec;
}

bool writeText(llvm::StringRef path, llvm::StringRef text, std::string &error) { return write(path, path, text, error); }

bool OutputFiles::writeAt(llvm::StringRef path, llvm::StringRef text, std::string &error) {
  return write(add(path.str(), true), path, text, error);
}

} // namespace onnxc
