// The files that onnx-run reads. The first byte says which of the readers.
#include "Npz.h"
#include "Proto.h"
#include "Zip.h"

#include <cstdint>
#include <cstdlib>

using namespace onnxc::run;

/// What a reader returned, thrown away; an error must have a message.
template <typename T> static void drop(llvm::Expected<T> result) {
  if (!result && llvm::toString(result.takeError()).empty())
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  llvm::StringRef bytes(reinterpret_cast<const char *>(data) + 1, size - 1);
  switch (*data % 6) {
  case 0: {
    auto array = parseNpy(bytes, "array");
    // What is read can be written, and is then the same.
    if (array && array->strings.empty()) {
      auto again = parseNpy(formatNpy(*array), "array");
      if (!again || again->bytes.size() != array->bytes.size() || again->dims != array->dims)
        std::abort();
    }
    drop(std::move(array));
    break;
  }
  case 1:
    drop(parseNpz(bytes, "archive"));
    break;
  case 2:
    drop(parseProtoValue(bytes, ValueEncoding::Tensor, "tensor"));
    break;
  case 3:
    drop(parseProtoValue(bytes, ValueEncoding::Sequence, "sequence"));
    break;
  case 4:
    drop(parseProtoValue(bytes, ValueEncoding::Optional, "optional"));
    break;
  default:
    drop(parseModelInfo(bytes, "model"));
    break;
  }
  return 0;
}
