// Reference outputs from ONNX Runtime.
#include "Reference.h"
#include "Error.h"
#include "Npz.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <cstdlib>

namespace onnxc::run {

static std::string join(llvm::StringRef folder, const llvm::Twine &a,
                        const llvm::Twine &b = "") {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, a, b);
  return path.str().str();
}

std::string executableFolder() {
  static char anchor;
  std::string path = llvm::sys::fs::getMainExecutable("onnx-run", &anchor);
  return llvm::sys::path::parent_path(path).str();
}

static llvm::Expected<std::string> findPython() {
  if (const char *given = std::getenv("ONNXC_PYTHON"); given && *given) {
    auto found = llvm::sys::findProgramByName(given);
    if (!found)
      return userError(llvm::Twine("ONNXC_PYTHON: '") + given +
                       "' cannot be run: " + found.getError().message());
    return *found;
  }
  std::string bin = executableFolder();
  std::string local =
      join(llvm::sys::path::parent_path(bin), "venv", "bin/python");
  if (llvm::sys::fs::can_execute(local))
    return local;
  auto found = llvm::sys::findProgramByName("python3");
  if (!found)
    return userError("--against onnxruntime: no python3 found; set "
                     "ONNXC_PYTHON to a Python that has onnxruntime");
  return *found;
}

/// The last line with text in a file.
static std::string lastLine(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return "";
  llvm::StringRef text = (*buffer)->getBuffer().rtrim();
  return text.substr(text.rfind('\n') + 1).str();
}

llvm::Expected<std::vector<NamedTensors>>
onnxRuntimeOutputs(llvm::StringRef model, llvm::ArrayRef<NamedTensors> inputs,
                   llvm::StringRef folder, bool optimised) {
  std::string script = join(executableFolder(), "ort_reference.py");
  if (!llvm::sys::fs::exists(script))
    return userError(script + ": no such file; it belongs beside onnx-run");
  auto python = findPython();
  if (!python)
    return python.takeError();

  std::vector<std::string> words = {*python, script};
  if (!optimised)
    words.push_back("--unoptimised");
  words.push_back(model.str());
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::string in = join(folder, "in" + llvm::Twine(i) + ".npz");
    if (llvm::Error error = writeNpz(in, inputs[i]))
      return error;
    words.push_back(in);
    words.push_back(join(folder, "out" + llvm::Twine(i) + ".npz"));
  }
  std::string log = join(folder, "reference.log");
  llvm::SmallVector<llvm::StringRef> argv(words.begin(), words.end());
  std::optional<llvm::StringRef> redirects[] = {
      std::nullopt, std::optional<llvm::StringRef>(log),
      std::optional<llvm::StringRef>(log)};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(*python, argv, std::nullopt, redirects,
                                         0, 0, &message);
  if (status != 0) {
    std::string reason = lastLine(log);
    if (reason.empty())
      reason =
          message.empty() ? "exit code " + std::to_string(status) : message;
    return userError("reference run of " + model +
                     " with ONNX Runtime failed: " + reason);
  }
  std::vector<NamedTensors> outputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto read = readNpz(join(folder, "out" + llvm::Twine(i) + ".npz"));
    if (!read)
      return read.takeError();
    outputs.push_back(std::move(*read));
  }
  return outputs;
}

} // namespace onnxc::run
