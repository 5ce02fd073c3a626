// Models that run in another process: the near end of remote/remote.c.
#include "Error.h"
#include "Model.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace onnxc::run {

namespace {

/// A child process and the pipes to its standard input and from its output.
class Process {
public:
  Process() = default;
  Process(const Process &) = delete;
  ~Process() {
    if (in >= 0)
      close(in);
    if (out >= 0)
      close(out);
    if (pid > 0)
      waitpid(pid, nullptr, 0);
  }

  llvm::Error start(std::vector<std::string> words) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0)
      return userError(llvm::Twine("cannot make a pipe: ") +
                       std::strerror(errno));
    in = to[1];
    if (pipe2(from, O_CLOEXEC) != 0) {
      close(to[0]);
      return userError(llvm::Twine("cannot make a pipe: ") +
                       std::strerror(errno));
    }
    out = from[0];
    std::signal(SIGPIPE, SIG_IGN); // a dead child shows as a failed write
    std::vector<char *> argv;
    for (std::string &word : words)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    int failed =
        posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    if (failed) {
      pid = -1;
      return userError("cannot start '" + words[0] +
                       "': " + std::strerror(failed));
    }
    return llvm::Error::success();
  }

  /// Calls `step(done, left)` until all `bytes` went through the pipe; false
  /// when it is closed or broken.
  static bool transfer(size_t bytes,
                       llvm::function_ref<ssize_t(size_t, size_t)> step) {
    for (size_t done = 0; done < bytes;) {
      ssize_t n = step(done, bytes - done);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return false;
      done += static_cast<size_t>(n);
    }
    return true;
  }

  bool write(const void *data, size_t bytes) {
    auto *from = static_cast<const char *>(data);
    return transfer(bytes, [&](size_t done, size_t left) {
      return ::write(in, from + done, left);
    });
  }

  bool read(void *data, size_t bytes) {
    auto *to = static_cast<char *>(data);
    return transfer(bytes, [&](size_t done, size_t left) {
      return ::read(out, to + done, left);
    });
  }

  /// How the child ended, for a message; waits for it.
  std::string end() {
    close(in);
    in = -1;
    int status = 0;
    waitpid(pid, &status, 0);
    pid = -1;
    if (WIFSIGNALED(status))
      return std::string("killed by signal ") +
             std::to_string(WTERMSIG(status)) + " (" +
             strsignal(WTERMSIG(status)) + ")";
    return "exit code " + std::to_string(WEXITSTATUS(status));
  }

private:
  pid_t pid = -1;
  int in = -1, out = -1;
};

/// Sizes and counts beyond this are a broken conversation.
constexpr int64_t Most = int64_t(1) << 40;

class RemoteModel : public LoadedModel {
public:
  explicit RemoteModel(std::string label) : LoadedModel(std::move(label)) {}

  llvm::Error start(llvm::StringRef runner, llvm::StringRef path) {
    llvm::SmallVector<llvm::StringRef> parts;
    runner.split(parts, ' ', -1, /*KeepEmpty=*/false);
    if (parts.empty())
      return userError("--runner: got an empty command");
    std::vector<std::string> words;
    for (llvm::StringRef part : parts)
      words.push_back(part.str());
    words.push_back(path.str());
    if (llvm::Error error = process.start(std::move(words)))
      return error;
    char magic[8];
    if (!process.read(magic, 8))
      return lost("did not answer");
    if (std::memcmp(magic, "onnxcerr", 8) == 0) {
      std::string text;
      if (!readText(text))
        return lost("broke off");
      return userError(label() + ": cannot load: " + text);
    }
    if (std::memcmp(magic, "onnxcrun", 8) != 0)
      return userError("--runner: '" + runner +
                       "' does not speak the protocol of onnx-run's remote.c");
    return readRecord() ? llvm::Error::success() : lost("broke off");
  }

  llvm::Expected<int32_t> execute(void *, onnxc_context *context,
                                  llvm::ArrayRef<onnxc_tensor> inputs,
                                  llvm::MutableArrayRef<onnxc_tensor> outputs,
                                  void *, size_t) const override {
    bool ok = number(1);
    for (const onnxc_tensor &t : inputs) {
      ok = ok && number(t.type) && number(t.rank);
      for (int32_t d = 0; d < t.rank; ++d)
        ok = ok && number(t.dims[d]);
      ok = ok && number(static_cast<int64_t>(t.bytes)) &&
           process.write(t.data, t.bytes);
    }
    int64_t status = 0;
    if (!ok || !readNumber(status) || !readText(said))
      return lost("died during the run");
    if (status != ONNXC_OK) {
      context->error_message = said.empty() ? nullptr : said.c_str();
      return static_cast<int32_t>(status);
    }
    if (!said.empty())
      return compiledModelError(label(), said);
    for (onnxc_tensor &t : outputs) {
      int64_t type, rank, bytes;
      if (!readNumber(type) || !readNumber(rank) || rank < 0 ||
          rank > ONNXC_MAX_RANK)
        return lost("broke off");
      t.type = static_cast<int32_t>(type);
      t.rank = static_cast<int32_t>(rank);
      for (int64_t d = 0; d < rank; ++d)
        if (!readNumber(t.dims[d]))
          return lost("broke off");
      if (!readNumber(bytes) || bytes < 0 || bytes > Most)
        return lost("broke off");
      if (!t.data) {
        t.bytes = static_cast<size_t>(bytes);
        t.data = context->allocate(context->user, t.bytes, 64);
        if (!t.data)
          return ONNXC_OUT_OF_MEMORY;
      }
      if (t.bytes < static_cast<size_t>(bytes))
        return ONNXC_OUTPUT_TOO_SMALL;
      if (!process.read(t.data, static_cast<size_t>(bytes)))
        return lost("broke off");
    }
    return ONNXC_OK;
  }

private:
  mutable Process process;
  mutable std::string said; ///< the text of the last answer
  onnxc_model remote = {};
  std::vector<onnxc_tensor_info> infos;
  std::vector<std::string> names;

  bool number(int64_t n) const { return process.write(&n, sizeof n); }
  bool readNumber(int64_t &n) const { return process.read(&n, sizeof n); }
  bool readText(std::string &text) const {
    int64_t length;
    if (!readNumber(length) || length < 0 || length > Most)
      return false;
    text.resize(static_cast<size_t>(length));
    return process.read(text.data(), text.size());
  }
  llvm::Error lost(const char *what) const {
    return userError(label() + ": the runner " + what + ": " + process.end());
  }

  bool readRecord() {
    int64_t arena, state, inputs, outputs;
    if (!readNumber(arena) || !readNumber(state) || !readNumber(inputs) ||
        !readNumber(outputs) || inputs < 0 || outputs < 0 ||
        inputs + outputs > 4096)
      return false;
    size_t count = static_cast<size_t>(inputs + outputs);
    infos.resize(count);
    names.resize(count);
    for (size_t i = 0; i < count; ++i) {
      int64_t type, rank;
      if (!readText(names[i]) || !readNumber(type) || !readNumber(rank) ||
          rank > ONNXC_MAX_RANK)
        return false;
      infos[i].name = names[i].c_str();
      infos[i].type = static_cast<int32_t>(type);
      infos[i].rank = static_cast<int32_t>(rank);
      for (int64_t d = 0; d < rank; ++d)
        if (!readNumber(infos[i].dims[d]))
          return false;
    }
    remote.version = ONNXC_VERSION;
    remote.model_name = label().c_str();
    remote.model_hash = remote.compiler_version = "";
    remote.arena_bytes = arena;
    remote.arena_align = 64;
    remote.state_bytes = state;
    remote.num_inputs = static_cast<int32_t>(inputs);
    remote.num_outputs = static_cast<int32_t>(outputs);
    remote.inputs = infos.data();
    remote.outputs = infos.data() + inputs;
    model = &remote;
    return true;
  }
};

} // namespace

llvm::Expected<std::unique_ptr<LoadedModel>>
LoadedModel::openRemote(llvm::StringRef runner, llvm::StringRef path,
                        llvm::StringRef label) {
  auto model = std::make_unique<RemoteModel>(label.str());
  if (llvm::Error error = model->start(runner, path))
    return error;
  return model;
}

} // namespace onnxc::run
