// A compiled model in a shared library, and runs of it.
#ifndef ONNXC_TOOLS_ONNX_RUN_MODEL_H
#define ONNXC_TOOLS_ONNX_RUN_MODEL_H

#include "Tensor.h"
#include "onnxc.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <utility>

namespace onnxc::run {

/// Threads that runs may use.
class ThreadPool {
public:
  static llvm::Expected<ThreadPool> create(int threads);
  ThreadPool(ThreadPool &&other)
      : memory(std::move(other.memory)),
        pool(std::exchange(other.pool, nullptr)) {}
  ThreadPool &operator=(ThreadPool &&) = delete;
  ~ThreadPool();
  /// For onnxc_context; null for one thread.
  onnxc_executor *executor() const { return pool; }

private:
  ThreadPool() = default;
  struct Free {
    void operator()(void *p) const;
  };
  std::unique_ptr<void, Free> memory;
  onnxc_executor *pool = nullptr;
};

/// Aligned memory with a guard behind it.
class Buffer {
public:
  Buffer() = default;
  Buffer(size_t bytes, size_t align);
  void *data() const { return start; }
  size_t size() const { return bytes; }
  /// Fills the memory and the guard with a pattern.
  void poison();
  /// Whether the guard still holds the pattern.
  bool intact() const;

private:
  struct Free {
    void operator()(void *p) const;
  };
  std::unique_ptr<void, Free> memory;
  void *start = nullptr;
  size_t bytes = 0;
};

/// A compiled model with its record checked.
class LoadedModel {
public:
  /// Loads the shared library `path` (made with --emit=shared) into this
  /// process; `label` names the model in errors. Runs use up to `threads`
  /// threads where the model was compiled for them. `weights`: the file of a
  /// model made with --emit=weights; empty: the one beside `path`.
  static llvm::Expected<std::unique_ptr<LoadedModel>>
  open(llvm::StringRef path, llvm::StringRef label, int threads,
       llvm::StringRef weights = {});
  /// Starts `runner` (words separated by spaces) with `path` as its last
  /// argument: a program that speaks the protocol of remote/remote.c and runs
  /// the model there, in an emulator for example.
  static llvm::Expected<std::unique_ptr<LoadedModel>>
  openRemote(llvm::StringRef runner, llvm::StringRef path,
             llvm::StringRef label);
  virtual ~LoadedModel() = default;
  LoadedModel(const LoadedModel &) = delete;

  const onnxc_model &record() const { return *model; }
  llvm::ArrayRef<onnxc_tensor_info> inputs() const;
  llvm::ArrayRef<onnxc_tensor_info> outputs() const;
  /// What the model takes instead of one arena; none: the arena.
  llvm::ArrayRef<onnxc_region_info> regions() const;
  /// The file of weights, for the region that wants it; null: none does.
  virtual const Buffer *weights() const { return nullptr; }
  const std::string &label() const { return name; }
  /// For onnxc_context; null for one thread.
  virtual onnxc_executor *executor() const { return nullptr; }

  /// Makes a state ready for runs and gives back what it holds, as
  /// onnxc_init_fn and onnxc_deinit_fn do; nothing for models without them.
  virtual int32_t init(void *state, size_t bytes, onnxc_context *context) const;
  virtual void deinit(void *state) const;

  /// Runs the model once, as onnxc_run_fn (`arena` is an array of regions where
  /// the model wants them); an error when it could not be run
  /// or the compiled code did what it must not.
  virtual llvm::Expected<int32_t>
  execute(void *state, onnxc_context *context,
          llvm::ArrayRef<onnxc_tensor> inputs,
          llvm::MutableArrayRef<onnxc_tensor> outputs, void *arena,
          size_t arenaBytes) const = 0;

protected:
  explicit LoadedModel(std::string name) : name(std::move(name)) {}
  const onnxc_model *model = nullptr;

private:
  std::string name;
};

/// The declared shape of an input or output, -1 for dynamic dims.
llvm::ArrayRef<int64_t> dimsOf(const onnxc_tensor_info &info);

/// What compiled code did that it must not, as a bug of the compiler.
llvm::Error compiledModelError(llvm::StringRef label, const llvm::Twine &what);

/// The buffers of one caller: inputs bound, outputs and arena allocated, run
/// as often as wanted.
class Session {
public:
  explicit Session(const LoadedModel &model);
  ~Session();
  Session(const Session &) = delete;

  /// Checks `inputs` (by name) against the model and keeps pointers to them;
  /// types without a numpy name are reinterpreted in place.
  llvm::Error bind(NamedTensors &inputs);

  /// One run. Outputs of the last run are released first; the first run makes
  /// the state ready.
  llvm::Error run();

  /// Like run(), from poisoned memory; afterwards checks that nothing was
  /// written past the arena or a static output, and no input was changed.
  llvm::Error runChecked();

  /// The outputs of the last run where they lie; a next run overwrites them.
  llvm::ArrayRef<onnxc_tensor> lastOutputs() const { return out; }

  /// Copies of the outputs of the last run.
  llvm::Expected<NamedTensors> outputs() const;

  /// Allocations of the last run that were neither released nor handed out.
  int64_t leaked() const { return live - handedOut(); }

private:
  const LoadedModel &model;
  std::vector<onnxc_tensor> in, out;
  std::vector<Buffer> outBuffers; ///< empty for dynamic outputs
  std::vector<Buffer> arenas; ///< the arena, or each region
  std::vector<onnxc_region> regions; ///< what a run takes of them
  Buffer state;
  onnxc_context context = {};
  int64_t live = 0;
  bool isReady = false; ///< the state holds what init took

  llvm::Error failed(llvm::StringRef what, int32_t status) const;
  static void *allocate(void *user, size_t bytes, size_t align);
  static void release(void *user, void *p);
  void releaseOutputs();
  int64_t handedOut() const;
};

} // namespace onnxc::run

#endif // ONNXC_TOOLS_ONNX_RUN_MODEL_H
