// Reading, upgrading and writing of models; the only file here that sees
// exceptions.
#include "ModelFile.h"
#include "Error.h"
#include "compiler/driver/OutputFiles.h"
#include "compiler/import/Check.h"
#include "compiler/import/FunctionAttributes.h"
#include "compiler/import/Functions.h"
#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"
#include "compiler/import/Inference.h"
#include "compiler/import/ModelReader.h"
#include "compiler/import/PinnedValues.h"
#include "compiler/import/Upgrade.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "onnx/checker.h"
#include <climits>
#include <new>

namespace onnxc::quantize {

using run::ExitInternal;
using run::RunError;
using run::userError;

/// Runs `work`; what it throws becomes an error that begins with `path`.
template <typename Work> static llvm::Error guarded(llvm::StringRef path, Work work) {
  try {
    work();
  } catch (const import::UnsupportedError &problem) {
    return run::unsupportedError(path + ": " + problem.what());
  } catch (const import::ImportError &problem) {
    return userError(path + ": " + problem.what());
  } catch (const std::bad_alloc &) {
    return userError(path + ": not enough memory for the model; give it more, or make the model smaller");
  } catch (const std::exception &problem) {
    return llvm::make_error<RunError>(
        (path + ": " + problem.what() + "; this is a bug of onnx-quantize, please report it with the model").str(),
        ExitInternal);
  }
  return llvm::Error::success();
}

/// Moves the data of side files into the model; returns their bytes.
static uint64_t takeExternalData(import::ReadModel &model) {
  uint64_t total = 0;
  import::walkGraphs(*model.proto.mutable_graph(), [&](onnx::GraphProto &graph) {
    for (onnx::TensorProto &tensor : *graph.mutable_initializer()) {
      if (!import::isExternal(tensor))
        continue;
      auto buffer = import::mapExternalData(tensor, model.directory);
      total += buffer->getBufferSize();
      tensor.set_raw_data(buffer->getBufferStart(), buffer->getBufferSize());
      tensor.clear_external_data();
      tensor.clear_data_location();
    }
  });
  return total;
}

/// Gives every node a name of its own: nodes are told apart by it, here and by
/// runtimes, which refuse a model where two share one.
static void nameApart(onnx::ModelProto &model) {
  import::nameNodes(*model.mutable_graph());
  llvm::StringSet<> names;
  for (onnx::NodeProto &node : *model.mutable_graph()->mutable_node()) {
    std::string name = node.name();
    for (int number = 2; !names.insert(node.name()).second; ++number)
      node.set_name(name + "_" + std::to_string(number));
  }
}

llvm::Expected<ModelFile> readModel(llvm::StringRef path) {
  ModelFile file;
  file.path = path.str();
  llvm::sys::fs::file_size(path, file.bytes);
  llvm::Error error = guarded(path, [&] {
    ImportOptions options;
    import::ReadModel model;
    import::readModelFile(path, options, model);
    import::checkLimits(model.proto, options.limits);
    import::normalise(model.proto);
    import::resolveExternalData(model, options.limits);
    import::checkModel(model, options.limits);
    file.bytes += takeExternalData(model);
    import::DeclaredTypes declared(model.proto);
    import::settleInitializerInputs(model.proto, /*keep=*/false);
    import::removeDead(model.proto);
    import::bindFunctionAttributes(model.proto);
    if (import::functionOpsetsDiffer(model.proto)) {
      import::inferTypes(model.proto, declared);
      import::upgradeModel(model.proto);
    }
    import::inlineModelFunctions(model.proto);
    nameApart(model.proto);
    import::inferTypes(model.proto, declared);
    file.hash = model.hash;
    file.proto = std::move(model.proto);
  });
  if (error)
    return std::move(error);
  return std::move(file);
}

int opsetOf(const onnx::ModelProto &model) { return import::opsetVersion(model, ""); }

/// The first IR version that knows an opset (onnx/docs/Versioning.md).
static int irVersionOf(int opset) { return opset >= 21 ? 10 : opset >= 19 ? 9 : opset >= 15 ? 8 : 7; }

llvm::Error raiseOpset(onnx::ModelProto &model, int version, llvm::StringRef path) {
  return guarded(path, [&] {
    import::DeclaredTypes declared(model);
    import::upgradeModel(model, version);
    nameApart(model);
    model.set_ir_version(std::max<int64_t>(model.ir_version(), irVersionOf(opsetOf(model))));
    import::inferTypes(model, declared);
  });
}

llvm::Error inferTypes(onnx::ModelProto &model, llvm::StringRef path) {
  return guarded(path, [&] {
    import::DeclaredTypes declared(model);
    import::inferTypes(model, declared);
  });
}

void dropUnused(onnx::ModelProto &model) { import::removeDead(model); }

llvm::Expected<std::string> serialise(const onnx::ModelProto &model, llvm::StringRef path) {
  if (model.ByteSizeLong() > INT_MAX)
    return userError(path + ": the model has " + llvm::Twine(model.ByteSizeLong()) +
                     " bytes, and one file of protobuf holds 2 GiB at most; onnx-quantize writes no side files");
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    model.SerializeWithCachedSizes(&coded);
  }
  return bytes;
}

llvm::Error checkMade(const onnx::ModelProto &model, llvm::StringRef path) {
  return guarded(path, [&] { onnx::checker::check_model(model); });
}

llvm::Error probeFile(llvm::StringRef path) {
  OutputFiles files(""); // what is not committed goes away
  std::string error;
  return files.writeAt(path, "", error) ? llvm::Error::success() : userError(error);
}

llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes) {
  OutputFiles files("");
  std::vector<std::string> written;
  std::string error;
  if (!files.writeAt(path, bytes, error) || !files.commit(written, error))
    return userError(error);
  return llvm::Error::success();
}

} // namespace onnxc::quantize
