// The bytes of a constant as memory holds them.
#include "passes/schedule/gpu/ConstantBytes.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace onnxc {

int64_t elementBytes(Type t) { return t.isIndex() ? 8 : llvm::divideCeil(t.getIntOrFloatBitWidth(), 8); }

std::vector<char> constantBytes(Attribute value, MemRefType type) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    ArrayRef<char> data = resource.getRawHandle().getBlob()->getData();
    return {data.begin(), data.end()};
  }
  auto dense = cast<DenseIntOrFPElementsAttr>(value);
  int64_t width = elementBytes(type.getElementType());
  std::vector<char> bytes;
  bytes.reserve(type.getNumElements() * width);
  auto push = [&](const APInt &element) {
    APInt wide = element.zext(width * 8);
    const char *raw = reinterpret_cast<const char *>(wide.getRawData());
    bytes.insert(bytes.end(), raw, raw + width);
  };
  if (isa<FloatType>(dense.getElementType()))
    for (const APFloat &element : dense.getValues<APFloat>())
      push(element.bitcastToAPInt());
  else
    for (const APInt &element : dense.getValues<APInt>())
      push(element);
  return bytes;
}

} // namespace onnxc
