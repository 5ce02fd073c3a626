// Reads a model under limits. The file is parsed from a stream, not from one
// big buffer, so that only the proto's own bytes stay in memory; the weights'
// bytes later move from the proto into the module without a copy.
#include "compiler/import/ModelReader.h"

#include "compiler/import/GraphUtil.h"
#include "compiler/import/ImportError.h"
#include "compiler/import/TensorData.h"

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace onnxc::import {

namespace sys = llvm::sys;
using google::protobuf::io::ZeroCopyInputStream;

namespace {

// Of messages in messages. A graph in a graph is three levels: what is nested
// beyond --limit nesting, but not beyond reason, is told from a damaged file.
int recursionLimit(const ImportLimits &limits) {
  return int(std::clamp<uint64_t>(4 * limits.nesting + 16, 4000, 40000));
}
// Side-file tensors up to this size are read into the proto.
constexpr uint64_t inlineBytes = 4096;

// Passes a stream's bytes on and hashes them on the way.
class HashingStream : public ZeroCopyInputStream {
public:
  explicit HashingStream(ZeroCopyInputStream &inner) : inner(inner) {}

  bool Next(const void **data, int *size) override {
    flush();
    if (!inner.Next(data, size))
      return false;
    pending = llvm::ArrayRef(static_cast<const uint8_t *>(*data),
                             static_cast<size_t>(*size));
    return true;
  }
  void BackUp(int count) override {
    pending = pending.drop_back(count);
    inner.BackUp(count);
  }
  bool Skip(int count) override {
    const void *data;
    int size;
    while (count > 0 && Next(&data, &size)) {
      if (size > count) {
        BackUp(size - count);
        size = count;
      }
      count -= size;
    }
    return count == 0;
  }
  int64_t ByteCount() const override { return inner.ByteCount(); }

  std::string hex() {
    flush();
    return llvm::toHex(sha.final(), /*LowerCase=*/true);
  }

private:
  void flush() {
    if (!pending.empty())
      sha.update(pending);
    pending = {};
  }
  ZeroCopyInputStream &inner;
  llvm::SHA256 sha;
  llvm::ArrayRef<uint8_t> pending;
};

void parse(ZeroCopyInputStream &stream, llvm::StringRef what,
           const ImportLimits &limits, ReadModel &model) {
  HashingStream hashing(stream);
  bool parsed;
  try {
    google::protobuf::io::CodedInputStream coded(&hashing);
    coded.SetRecursionLimit(recursionLimit(limits));
    coded.SetTotalBytesLimit(INT_MAX);
    parsed = model.proto.MergePartialFromCodedStream(&coded) &&
             coded.ConsumedEntireMessage();
  } catch (const std::bad_alloc &) {
    throw ImportError("not enough memory to read " + what.str() + "; give the "
                      "compiler more, or keep the weights in side files");
  }
  if (!parsed)
    throw ImportError(what.str() + " is not an ONNX model: its bytes cannot be "
                      "parsed as one (damaged, cut off, or another format)");
  model.hash = hashing.hex();
}

void checkSize(uint64_t bytes, const ImportLimits &limits,
               llvm::StringRef what) {
  if (bytes > limits.fileBytes)
    throw ImportError(what.str() + " has " + std::to_string(bytes) +
                      " bytes, " +
                      beyondLimit(limits, &ImportLimits::fileBytes));
  if (bytes == 0)
    throw ImportError(what.str() + " is empty");
}

} // namespace

// The file status of an open file, if it is one whose reading comes to an end.
static sys::fs::file_status plainFile(int descriptor, const std::string &what) {
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(descriptor, status))
    throw ImportError("cannot open " + what + ": " + code.message());
  if (sys::fs::is_directory(status))
    throw ImportError(what + " is a folder, not an ONNX file");
  if (!sys::fs::is_regular_file(status))
    throw ImportError(what + " is not a plain file but a pipe, a socket or a "
                      "device; give a file, or - to read standard input");
  return status;
}

void readModelBytes(llvm::StringRef bytes, llvm::StringRef directory,
                    const ImportOptions &options, ReadModel &model) {
  checkSize(bytes.size(), options.limits, "the model");
  if (bytes.size() > size_t(INT_MAX))
    throw ImportError("the model is larger than 2 GB, which the format does "
                      "not allow; store the weights in side files");
  google::protobuf::io::ArrayInputStream stream(bytes.data(),
                                                static_cast<int>(bytes.size()));
  parse(stream, "the model", options.limits, model);
  model.directory = {directory.str(), options.allowLinks};
}

void readModelFile(llvm::StringRef path, const ImportOptions &options,
                   ReadModel &model) {
  if (path == "-") {
    auto buffer = llvm::MemoryBuffer::getSTDIN();
    if (!buffer)
      throw ImportError("cannot read the model from standard input: " +
                        buffer.getError().message());
    readModelBytes((*buffer)->getBuffer(), "", options, model);
    return;
  }
  std::string what = "'" + path.str() + "'";
  // Not waiting for the other end of a pipe, which is refused next.
  int descriptor = ::open(path.str().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    throw ImportError("cannot open " + what + ": " + std::strerror(errno));
  google::protobuf::io::FileInputStream stream(descriptor, 1 << 16);
  stream.SetCloseOnDelete(true);
  uint64_t size = plainFile(descriptor, what).getSize();
  checkSize(size, options.limits, what);
  if (size > uint64_t(INT_MAX))
    throw ImportError(what + " is larger than 2 GB, which the format does "
                      "not allow; store the weights in side files");
  parse(stream, what, options.limits, model);
  llvm::SmallString<256> directory(path);
  sys::path::remove_filename(directory);
  model.directory = {directory.empty() ? "." : directory.str().str(), options.allowLinks};
}

bool isExternal(const ::onnx::TensorProto &tensor) {
  return tensor.data_location() == ::onnx::TensorProto::EXTERNAL;
}

// How many names of the file lie in the folder or below it.
static uint64_t namesInside(const SideFolder &folder,
                            const sys::fs::file_status &file) {
  if (file.getLinkCount() == 1)
    return 1;
  auto [known, isNew] = folder.names.try_emplace(file.getUniqueID(), 0);
  uint64_t &names = known->second;
  if (!isNew)
    return names;
  std::error_code code;
  for (sys::fs::recursive_directory_iterator it(folder.path, code, /*follow_symlinks=*/false), end;
       it != end && !code; it.increment(code)) {
    sys::fs::file_status other;
    if (!sys::fs::status(it->path(), other, /*follow=*/false))
      names += other.getUniqueID() == file.getUniqueID();
  }
  return names;
}

std::unique_ptr<llvm::MemoryBuffer>
mapExternalData(const ::onnx::TensorProto &tensor, const SideFolder &folder) {
  llvm::StringRef directory = folder.path;
  std::string who = "tensor '" + tensor.name() + "'";
  if (directory.empty())
    throw ImportError(who + " is stored in a side file, but the model was not "
                      "read from a file; give the model's path instead");
  std::string location;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool hasLength = false;
  for (const auto &entry : tensor.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset") {
      if (llvm::StringRef(entry.value()).getAsInteger(10, offset))
        throw ImportError(who + ": the offset '" + entry.value() +
                          "' of its external data is not a number");
    } else if (entry.key() == "length") {
      hasLength = true;
      if (llvm::StringRef(entry.value()).getAsInteger(10, length))
        throw ImportError(who + ": the length '" + entry.value() +
                          "' of its external data is not a number");
    }
  }
  if (location.empty())
    throw ImportError(who + ": its external data has no location");

  // Only files inside the model's folder: no absolute path, no way up, and no
  // symbolic or hard link that leads out.
  auto refuse = [&]() {
    throw ImportError(who + ": its external data '" + location +
                      "' is outside the model's folder; refused");
  };
  if (sys::path::is_absolute(location) ||
      location.find('\0') != std::string::npos)
    refuse();
  for (auto part = sys::path::begin(location), end = sys::path::end(location);
       part != end; ++part)
    if (*part == "..")
      refuse();
  llvm::SmallString<256> path(directory), realPath, realDirectory;
  sys::path::append(path, location);
  if (std::error_code code = sys::fs::real_path(path, realPath))
    throw ImportError(who + ": cannot open its external data '" + location +
                      "' in the model's folder: " + code.message());
  if (sys::fs::real_path(directory, realDirectory))
    refuse();
  if (!realDirectory.ends_with("/"))
    realDirectory += '/';
  if (!folder.allowLinks && !realPath.starts_with(realDirectory))
    refuse();
  // Looked at through the descriptor that is read, so that it is the same file.
  int descriptor = ::open(realPath.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    throw ImportError(who + ": cannot read its external data '" + location +
                      "': " + std::strerror(errno));
  llvm::scope_exit close([&] { ::close(descriptor); });
  sys::fs::file_status status;
  if (sys::fs::status(descriptor, status) || !sys::fs::is_regular_file(status))
    throw ImportError(who + ": its external data '" + location +
                      "' is not a plain file");
  if (!folder.allowLinks && status.getLinkCount() > namesInside(folder, status))
    throw ImportError(who + ": its external data '" + location + "' has another name, a "
                      "hard link, outside the model's folder; refused. Put a "
                      "copy in its place, or trust the links with --allow-links");

  uint64_t expected = packedBytes(tensor);
  if (hasLength && length != expected)
    throw ImportError(who + ": its external data has " +
                      std::to_string(length) + " bytes, its type and shape "
                      "need " + std::to_string(expected));
  if (offset > status.getSize() || expected > status.getSize() - offset)
    throw ImportError(who + ": its external data needs bytes " +
                      std::to_string(offset) + " to " +
                      std::to_string(offset + expected) + " of '" + location +
                      "', which has only " + std::to_string(status.getSize()));
  if (expected == 0)
    return llvm::MemoryBuffer::getMemBufferCopy("");
  auto buffer = llvm::MemoryBuffer::getOpenFileSlice(
      sys::fs::convertFDToNativeFile(descriptor), realPath, expected, int64_t(offset));
  if (!buffer)
    throw ImportError(who + ": cannot read its external data '" + location +
                      "': " + buffer.getError().message());
  if ((*buffer)->getBufferSize() < expected)
    throw ImportError(who + ": its external data '" + location +
                      "' changed while it was read");
  return std::move(*buffer);
}

static void resolveTensor(::onnx::TensorProto &tensor, ReadModel &model,
                          const ImportLimits &limits, uint64_t &total) {
  if (!isExternal(tensor))
    return;
  auto buffer = mapExternalData(tensor, model.directory);
  total += buffer->getBufferSize();
  if (total > limits.fileBytes)
    throw ImportError("the model's external data has " + std::to_string(total) +
                      " bytes and more, " +
                      beyondLimit(limits, &ImportLimits::fileBytes));
  if (buffer->getBufferSize() > inlineBytes)
    return;
  tensor.set_raw_data(buffer->getBufferStart(), buffer->getBufferSize());
  tensor.clear_external_data();
  tensor.clear_data_location();
}

void resolveExternalData(ReadModel &model, const ImportLimits &limits) {
  uint64_t total = 0;
  auto attributes = [&](::onnx::NodeProto &node) {
    for (auto &attribute : *node.mutable_attribute())
      if (attribute.has_t())
        resolveTensor(*attribute.mutable_t(), model, limits, total);
  };
  walkGraphs(*model.proto.mutable_graph(), [&](::onnx::GraphProto &graph) {
    for (auto &tensor : *graph.mutable_initializer())
      resolveTensor(tensor, model, limits, total);
    for (auto &tensor : *graph.mutable_sparse_initializer()) {
      resolveTensor(*tensor.mutable_values(), model, limits, total);
      resolveTensor(*tensor.mutable_indices(), model, limits, total);
    }
    for (auto &node : *graph.mutable_node())
      attributes(node);
  });
  for (auto &function : *model.proto.mutable_functions())
    for (auto &node : *function.mutable_node())
      attributes(node);
}

} // namespace onnxc::import
