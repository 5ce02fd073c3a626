// Output files that appear all together or not at all.
#ifndef ONNXC_COMPILER_DRIVER_OUTPUTFILES_H
#define ONNXC_COMPILER_DRIVER_OUTPUTFILES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include <string>
#include <vector>

namespace onnxc {

/// Files of one folder, written under temporary names. commit() renames them;
/// what is not committed is removed with this object, when a signal ends the
/// process, and, where nothing could be done then, by the next process.
class OutputFiles {
public:
  explicit OutputFiles(std::string dir) : dir(std::move(dir)) {}
  OutputFiles(const OutputFiles &) = delete;
  ~OutputFiles();

  /// The path that the artefact `name` has in the end.
  std::string within(llvm::StringRef name) const;
  /// The path to write the artefact `name` to.
  std::string temporary(llvm::StringRef name);
  /// Writes an artefact with a path of its own. False and `error` on failure.
  bool writeAt(llvm::StringRef path, llvm::StringRef text, std::string &error);
  /// The path of an intermediate file, which is never an artefact.
  std::string scratch(llvm::StringRef name);
  /// Gives the artefacts their names and appends these to `files`. False and `error` on failure.
  bool commit(std::vector<std::string> &files, std::string &error);

private:
  struct Pending {
    std::string temporary, final; ///< final: empty for an intermediate file
  };
  std::string add(std::string path, bool isArtefact);
  std::string dir;
  std::vector<Pending> pending;
  llvm::StringSet<> folders; ///< in which earlier processes' files were looked for
};

/// Writes a whole file. False and `error` on failure.
bool writeText(llvm::StringRef path, llvm::StringRef text, std::string &error);

} // namespace onnxc

#endif
