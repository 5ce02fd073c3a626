// Constants opened for evaluation; see ConstantView.h.
#include "passes/graph/ConstantView.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace onnxc::graph {

int64_t count(ArrayRef<int64_t> shape) {
  int64_t n = 1;
  for (int64_t d : shape)
    if (llvm::MulOverflow(n, d, n))
      return llvm::is_contained(shape, 0) ? 0 : INT64_MAX;
  return n;
}

Shape View::strides() const {
  Shape s(shape.size(), 0);
  int64_t next = 1;
  for (size_t i = shape.size(); i-- > 0; next *= shape[i])
    s[i] = data.splat || shape[i] == 1 ? 0 : next;
  return s;
}

std::optional<View> open(ElementsAttr attr) {
  auto type = dyn_cast_or_null<RankedTensorType>(attr ? attr.getShapedType() : ShapedType());
  auto data = type ? onnx::readConstant(attr) : std::nullopt;
  if (!data)
    return std::nullopt;
  return View{std::move(*data), type.getElementType(), Shape(type.getShape())};
}

bool worthwhile(ArrayRef<int64_t> shape, unsigned elementBytes, int64_t operandBytes) {
  int64_t elements = count(shape);
  return elements <= 64 * 1024 / elementBytes || elements <= 4 * operandBytes / elementBytes;
}

ElementsAttr build(ArrayRef<int64_t> shape, Type elem, llvm::function_ref<void(char *)> write) {
  auto type = RankedTensorType::get(shape, elem);
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(std::max<int64_t>(1, count(shape) * onnx::elementBytes(elem)), 64);
  if (count(shape) == 0)
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  write(blob.getMutableData().data());
  return onnx::makeConstant(type, std::move(blob));
}

void forEach(ArrayRef<int64_t> shape, ArrayRef<Shape> strides, llvm::function_ref<void(ArrayRef<int64_t>)> visit) {
  Shape index(shape.size(), 0), offsets(strides.size(), 0);
  for (int64_t i = 0, n = count(shape); i < n; ++i) {
    visit(offsets);
    for (size_t d = shape.size(); d-- > 0;) {
      for (size_t s = 0; s < strides.size(); ++s)
        offsets[s] += strides[s][d];
      if (++index[d] < shape[d])
        break;
      for (size_t s = 0; s < strides.size(); ++s)
        offsets[s] -= strides[s][d] * shape[d];
      index[d] = 0;
    }
  }
}

std::optional<Shape> broadcast(ArrayRef<View> in) {
  Shape out;
  for (const View &v : in) {
    size_t rank = std::max(out.size(), v.shape.size());
    out.insert(out.begin(), rank - out.size(), 1);
    for (size_t i = 0; i < v.shape.size(); ++i) {
      int64_t &d = out[rank - v.shape.size() + i], mine = v.shape[i];
      if (d != mine && d != 1 && mine != 1)
        return std::nullopt;
      d = d == 1 ? mine : d;
    }
  }
  return out;
}

} // namespace onnxc::graph
