// Stands for libFuzzer where there is none: runs each file, and each file of
// each folder, through the target once.
//   fuzz-TARGET FILE|FOLDER...
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv) {
  std::vector<std::string> files;
  std::error_code ec;
  for (int i = 1; i < argc; ++i) {
    if (!llvm::sys::fs::is_directory(argv[i])) {
      files.push_back(argv[i]);
      continue;
    }
    for (llvm::sys::fs::recursive_directory_iterator it(argv[i], ec), end; it != end && !ec; it.increment(ec))
      if (it->type() == llvm::sys::fs::file_type::regular_file)
        files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  for (const std::string &file : files) {
    auto buffer = llvm::MemoryBuffer::getFile(file, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!buffer) {
      llvm::errs() << file << ": cannot read: " << buffer.getError().message() << "\n";
      return 1;
    }
    llvm::outs() << file << "\n"; // before it runs: the last line is the culprit
    llvm::outs().flush();
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>((*buffer)->getBufferStart()), (*buffer)->getBufferSize());
  }
  llvm::outs() << files.size() << " inputs\n";
  return files.empty() || ec ? 1 : 0;
}
