// Making and reading onnx ops by name; see GraphUtil.h.
#include "passes/graph/GraphUtil.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/graph/Elements.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"
#include <numeric>

using namespace mlir;

namespace onnxc::graph {

ElementsAttr constantOf(Value v) {
  Operation *op = definedBy(v, "Constant");
  return op ? op->getAttrOfType<ElementsAttr>("value") : ElementsAttr();
}

Operation *create(OpBuilder &b, Location loc, StringRef onnxName, ValueRange operands, TypeRange results,
                  ArrayRef<NamedAttribute> attrs) {
  OperationState state(loc, "onnx." + onnxName.str());
  state.addOperands(operands);
  state.addTypes(results);
  state.addAttributes(attrs);
  return b.create(state);
}

Value constant(OpBuilder &b, Location loc, ElementsAttr value) {
  return create(b, loc, "Constant", {}, {value.getShapedType()}, {b.getNamedAttr("value", value)})->getResult(0);
}

Value constantInts(OpBuilder &b, Location loc, ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, b.getI64Type());
  return constant(b, loc, cast<ElementsAttr>(DenseIntElementsAttr::get(type, values)));
}

NamedAttribute intAttr(OpBuilder &b, StringRef name, int64_t v) {
  return b.getNamedAttr(name, b.getI64IntegerAttr(v));
}

Value transpose(OpBuilder &b, Location loc, Value v, ArrayRef<int64_t> perm) {
  auto type = cast<RankedTensorType>(v.getType());
  SmallVector<int64_t> shape;
  for (int64_t p : perm)
    shape.push_back(type.getDimSize(p));
  return create(b, loc, "Transpose", {v}, {RankedTensorType::get(shape, type.getElementType())},
                {b.getNamedAttr("perm", b.getDenseI64ArrayAttr(perm))})
      ->getResult(0);
}

template <typename T>
static std::optional<std::vector<T>> elementsOf(ElementsAttr attr, bool wantFloat) {
  Form form = attr ? formOf(attr.getElementType()) : Form::None;
  if (form == Form::None || isFloat(form) != wantFloat)
    return std::nullopt;
  auto data = onnx::readConstant(attr);
  if (!data)
    return std::nullopt;
  size_t n = attr.getNumElements();
  std::vector<T> out(n);
  using Wide = std::conditional_t<std::is_same_v<T, float>, double, int64_t>;
  constexpr size_t chunk = 512;
  Wide wide[chunk];
  int64_t at[chunk];
  for (size_t first = 0; first < n; first += chunk) {
    size_t m = std::min(chunk, n - first);
    for (size_t i = 0; i < m; ++i)
      at[i] = data->splat ? 0 : int64_t(first + i);
    loadElements(form, data->bytes().data(), at, m, wide);
    for (size_t i = 0; i < m; ++i)
      out[first + i] = T(wide[i]);
  }
  return out;
}

std::optional<std::vector<float>> floatsOf(ElementsAttr attr) { return elementsOf<float>(attr, true); }
std::optional<std::vector<int64_t>> intsOf(ElementsAttr attr) { return elementsOf<int64_t>(attr, false); }

std::optional<double> scalarOf(Value v) {
  ElementsAttr attr = constantOf(v);
  if (!attr || !isFloat(formOf(attr.getElementType())) ||
      !(attr.getNumElements() == 1 || (isa<DenseElementsAttr>(attr) && cast<DenseElementsAttr>(attr).isSplat())))
    return std::nullopt;
  auto data = onnx::readConstant(attr);
  if (!data)
    return std::nullopt;
  double value;
  int64_t zero = 0;
  loadElements(formOf(attr.getElementType()), data->bytes().data(), &zero, 1, &value);
  return value;
}

ElementsAttr f32Constant(MLIRContext *ctx, ArrayRef<int64_t> shape, ArrayRef<float> values) {
  return onnx::makeConstant(RankedTensorType::get(shape, Float32Type::get(ctx)),
                            HeapAsmResourceBlob::allocateAndCopyWithAlign(
                                ArrayRef<char>(reinterpret_cast<const char *>(values.data()), values.size() * 4), 64));
}

std::vector<ElementsAttr> resourceConstants(ModuleOp module) {
  std::vector<ElementsAttr> all;
  module.walk([&](Operation *op) {
    for (NamedAttribute attr : op->getAttrs())
      if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr.getValue()))
        all.push_back(resource);
  });
  return all;
}

void releaseUnused(ModuleOp module, ArrayRef<ElementsAttr> before) {
  llvm::StringSet<> used;
  for (ElementsAttr attr : resourceConstants(module))
    used.insert(cast<DenseResourceElementsAttr>(attr).getRawHandle().getKey());
  for (ElementsAttr attr : before)
    if (!used.contains(cast<DenseResourceElementsAttr>(attr).getRawHandle().getKey()))
      onnx::releaseConstant(attr);
}

void eraseDead(ModuleOp module) {
  std::vector<Operation *> ops;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : llvm::reverse(ops))
    if (op->getName().getDialectNamespace() == "onnx" && isOpTriviallyDead(op))
      op->erase();
}

} // namespace onnxc::graph
