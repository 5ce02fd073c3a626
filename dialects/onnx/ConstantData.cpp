// Raw data of constants; see ConstantData.h.
#include "dialects/onnx/ConstantData.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace onnxc::onnx {

unsigned elementBytes(Type elem) {
  if (elem.isInteger(1))
    return 1;
  if (auto c = dyn_cast<ComplexType>(elem))
    return 2 * elementBytes(c.getElementType());
  if (elem.isIntOrFloat() && elem.getIntOrFloatBitWidth() % 8 == 0)
    return elem.getIntOrFloatBitWidth() / 8;
  return 0;
}

std::optional<ConstantData> readConstant(ElementsAttr attr) {
  ConstantData data;
  Type elem = attr.getElementType();
  unsigned size = elementBytes(elem);
  if (!size)
    return std::nullopt;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || blob->getData().size() != size_t(attr.getNumElements()) * size)
      return std::nullopt;
    data.view = blob->getData();
    return data;
  }
  auto dense = dyn_cast<DenseElementsAttr>(attr);
  if (!dense)
    return std::nullopt;
  data.splat = dense.isSplat();
  if (elem.isInteger(1)) {
    if (data.splat)
      data.owned.push_back(dense.getSplatValue<bool>());
    else
      for (bool v : dense.getValues<bool>())
        data.owned.push_back(v);
    return data;
  }
  data.view = dense.getRawData();
  return data;
}

ElementsAttr makeSplat(RankedTensorType type, ArrayRef<char> element) {
  if (type.getElementType().isInteger(1))
    return DenseElementsAttr::get(type, bool(element[0]));
  return DenseElementsAttr::getFromRawBuffer(type, element);
}

ElementsAttr makeConstant(RankedTensorType type, AsmResourceBlob blob) {
  ArrayRef<char> bytes = blob.getData();
  if (bytes.size() > 1024)
    return DenseResourceElementsAttr::get(type, "folded", std::move(blob));
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> values(bytes.begin(), bytes.end());
    return DenseElementsAttr::get(type, values);
  }
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

void releaseConstant(ElementsAttr attr) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr))
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      *blob = AsmResourceBlob();
}

} // namespace onnxc::onnx
