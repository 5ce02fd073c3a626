// A model compiled in this process, and runs of it whose outputs are read where
// they lie.
#ifndef ONNXC_TOOLS_ONNX_QUANTIZE_ENGINE_H
#define ONNXC_TOOLS_ONNX_QUANTIZE_ENGINE_H

#include "Calibration.h"
#include "llvm/ADT/ArrayRef.h"
#include "onnx/onnx_pb.h"
#include <memory>

namespace onnxc::quantize {

/// What runs of models need besides the models.
struct Runner {
  const run::Arguments &arguments; ///< those of compiling: threads, target, dims
  const run::Request &request;     ///< shapes and pinned values; its folder takes files
  std::string label;               ///< the user's model, for messages
};

class Engine {
public:
  /// Compiles `model`. Dynamic dims have the sizes of `example`'s inputs.
  static llvm::Expected<std::unique_ptr<Engine>> create(const Runner &runner, onnx::ModelProto model,
                                                        const run::NamedTensors &example);

  /// The same, but goes on while a process of its own compiles; ready() waits for it.
  static llvm::Expected<std::unique_ptr<Engine>> start(const Runner &runner, onnx::ModelProto model,
                                                       const run::NamedTensors &example);
  llvm::Error ready();
  ~Engine();

  /// One run. Inputs of other sizes than before have the model compiled once
  /// more, for any size.
  llvm::Error run(run::NamedTensors &inputs);

  /// The elements of output `index` of the last run, which is a float tensor.
  llvm::ArrayRef<float> output(size_t index) const;
  llvm::ArrayRef<onnxc_tensor> outputs() const { return session->lastOutputs(); }
  const run::LoadedModel &model() const { return *prepared.model; }

private:
  Engine(const Runner &runner) : runner(runner), arguments(runner.arguments) {}
  const Runner &runner;
  run::Arguments arguments;
  onnx::ModelProto proto;
  std::unique_ptr<run::Request> compiling; ///< its folder takes what the process `child` makes
  int child = 0;
  run::Prepared prepared;
  std::unique_ptr<run::Session> session;
  bool isDynamic = false;

  llvm::Expected<std::unique_ptr<run::Request>> request(const run::NamedTensors &example) const;
  llvm::Error load(const run::Request &request);
  llvm::Error startCompiling(const run::NamedTensors &example);
  void waitForChild(bool &succeeded);
};

/// A copy of `model` whose outputs are `values`, without what they do not need.
onnx::ModelProto withOutputs(const onnx::ModelProto &model, llvm::ArrayRef<std::string> values);

} // namespace onnxc::quantize

#endif // ONNXC_TOOLS_ONNX_QUANTIZE_ENGINE_H
