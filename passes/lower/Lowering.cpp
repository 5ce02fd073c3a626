// The vocabulary of lowerings: binding of values, dims, constants.
#include "passes/lower/Lowering.h"
#include "dialects/onnx/InferShapes.h"
#include "dialects/rt/NodeName.h"
#include "passes/lower/Families.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;

namespace onnxc::lower {

const Registry &registry() {
  static const Registry table = [] {
    Registry r;
    registerElementwise(r);
    registerCast(r);
    registerQuantize(r);
    registerReduction(r);
    registerNormalization(r);
    registerMovement(r);
    registerShape(r);
    registerIndexing(r);
    registerSelection(r);
    registerConvolution(r);
    registerPooling(r);
    registerMatmul(r);
    registerResize(r);
    registerRecurrent(r);
    registerControlFlow(r);
    registerSignal(r);
    return r;
  }();
  return table;
}

//===----------------------------------------------------------------------===//
// Operands and results
//===----------------------------------------------------------------------===//

bool Lowering::has(Operation *op, unsigned i) {
  return i < op->getNumOperands() && !isa<NoneType>(op->getOperand(i).getType());
}

Value Lowering::get(Value onnxValue) { return lowered.lookup(onnxValue); }

void Lowering::bind(Value onnxValue, Value v) { lowered[onnxValue] = v; }

void Lowering::checkShape(Value v, RankedTensorType type) {
  for (auto [i, n] : llvm::enumerate(type.getShape()))
    if (!ShapedType::isDynamic(n) && cast<RankedTensorType>(v.getType()).isDynamicDim(i))
      checkEqual(dim(v, i), idx(n), "dim " + Twine(i) + " of the result");
}

Value Lowering::castTo(Value v, RankedTensorType type) {
  checkShape(v, type);
  return v.getType() == type ? v : tensor::CastOp::create(b, loc(), type, v).getResult();
}

void Lowering::set(Operation *op, unsigned i, Value v) {
  auto have = cast<RankedTensorType>(v.getType());
  SmallVector<int64_t> shape(have.getShape());
  if (auto want = dyn_cast<RankedTensorType>(op->getResult(i).getType()); want && want.getRank() == have.getRank()) {
    for (auto [d, w] : llvm::zip(shape, want.getShape()))
      if (ShapedType::isDynamic(d))
        d = w;
    v = castTo(v, RankedTensorType::get(shape, have.getElementType()));
  }
  // What lowering found out serves the ops behind: a rank that shape inference
  // could not know, static dims.
  Value result = op->getResult(i);
  if (isa<TensorType>(result.getType())) {
    auto type = RankedTensorType::get(shape, elem(result));
    if (type != result.getType())
      facts.forget(result);
    result.setType(type);
    shareDims(result, v);
  }
  lowered[result] = v;
}

void Lowering::shareDims(Value onnxValue, Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (!type.isDynamicDim(d))
      continue;
    onnx::KnownInt known = onnx::getKnownDim(onnxValue, d);
    Value origin = known.dimOf && known.dimOf != onnxValue ? get(known.dimOf) : Value();
    if (!origin || origin == v)
      continue;
    Value size = sharedDim(origin, known.dim);
    if (Value &slot = sharedSlot(v, d); !slot)
      slot = size;
  }
}

Value &Lowering::sharedSlot(Value tensor, int64_t i) {
  auto &slots = shared[tensor];
  slots.resize(rank(tensor));
  return slots[i];
}

void Lowering::discard(Operation *op) {
  op->walk([&](Operation *inner) {
    for (Value result : inner->getResults())
      shared.erase(result);
    for (Region &region : inner->getRegions())
      for (Block &block : region)
        for (Value argument : block.getArguments())
          shared.erase(argument);
  });
  op->erase();
}

Value Lowering::sharedDim(Value tensor, int64_t i) {
  Value &made = sharedSlot(tensor, i);
  if (!made) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(tensor);
    made = tensor::DimOp::create(b, tensor.getLoc(), tensor, i);
  }
  return made;
}

bool Lowering::wants(Operation *op, unsigned i) {
  return i < op->getNumResults() && !isa<NoneType>(op->getResult(i).getType()) && !op->getResult(i).use_empty();
}

LogicalResult Lowering::fail(Operation *op, const Twine &reason) {
  unsupported.push_back({nodeName(op->getLoc()), op->getName().stripDialect().str(), reason.str()});
  return failure();
}

bool Lowering::checkOperands(Operation *op) {
  std::string reason;
  ScopedDiagnosticHandler handler(op->getContext(), [&](Diagnostic &d) {
    if (d.getSeverity() == DiagnosticSeverity::Error)
      reason += (reason.empty() ? "" : "; ") + d.str();
    return success();
  });
  if (succeeded(verify(op, /*verifyRecursively=*/false)) && succeeded(onnx::inferShapes(op)))
    return true;
  (void)fail(op, reason);
  return false;
}

std::optional<SmallVector<Value>> Lowering::lowerBlock(Block &block, ValueRange args) {
  for (auto [arg, v] : llvm::zip(block.getArguments(), args)) {
    if (isa<UnrankedTensorType>(arg.getType()))
      arg.setType(RankedTensorType::get(cast<RankedTensorType>(v.getType()).getShape(), elem(arg)));
    bind(arg, v);
  }
  bool ok = true;
  auto saved = current;
  Operation *savedOp = currentOp;
  for (Operation &op : block.without_terminator()) {
    if (op.getName().getStringRef() == "onnx.NoValue")
      continue;
    current = op.getLoc();
    currentOp = &op;
    // An operand without a lowered value comes from an op already reported.
    bool poisoned = llvm::any_of(op.getOperands(), [&](Value v) { return !isa<NoneType>(v.getType()) && !lowered.count(v); });
    if (poisoned) {
      ok = false;
      continue;
    }
    const LowerFn *fn = registry().find(op.getName().getStringRef());
    if (!fn) {
      (void)fail(&op, "the operator has no lowering yet; docs/operators.md shows those that have: export without it");
      ok = false;
      continue;
    }
    bool unranked = llvm::any_of(op.getOperandTypes(), [](Type t) { return isa<UnrankedTensorType>(t); });
    if (unranked) {
      (void)fail(&op, "the rank of an input is not known at compile time; pin the model's input shapes with --dim");
      ok = false;
      continue;
    }
    // Once more: ranks that inference did not know are known now, and passes have made ops.
    if (op.getNumRegions() == 0 && !checkOperands(&op)) {
      ok = false;
      continue;
    }
    // A tensor without elements needs no computation.
    auto isEmpty = [](Type t) {
      auto ranked = dyn_cast<RankedTensorType>(t);
      return isa<NoneType>(t) || (ranked && ranked.hasStaticShape() && ranked.getNumElements() == 0 &&
                                  isa<IntegerType, FloatType>(ranked.getElementType()));
    };
    if (op.getNumResults() && llvm::all_of(op.getResultTypes(), isEmpty)) {
      for (Value result : op.getResults())
        if (auto type = dyn_cast<RankedTensorType>(result.getType()))
          bind(result, empty(getAsIndexOpFoldResult(b.getContext(), type.getShape()), storage(type.getElementType())));
      continue;
    }
    size_t reported = unsupported.size();
    checkConstraints(&op);
    if (failed((*fn)(&op, *this)) && unsupported.size() == reported)
      (void)fail(&op, "this combination of attributes and types is not supported yet");
    ok &= unsupported.size() == reported; // also where a check is known not to hold
  }
  current = saved;
  currentOp = savedOp;
  if (!ok)
    return std::nullopt;
  SmallVector<Value> results;
  for (Value v : block.getTerminator()->getOperands()) {
    Value low = lowered.lookup(v);
    if (!low)
      return std::nullopt;
    results.push_back(low);
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

Type Lowering::elem(Value onnxValue) { return getElementTypeOrSelf(onnxValue.getType()); }

Type Lowering::storage(Type t) {
  if (auto i = dyn_cast<IntegerType>(t))
    return IntegerType::get(t.getContext(), std::max(8u, i.getWidth()));
  if (auto f = dyn_cast<FloatType>(t); f && f.getWidth() <= 8)
    return IntegerType::get(t.getContext(), 8);
  return t;
}

Type Lowering::compute(Type t) {
  if (t.isInteger(1))
    return t;
  if (t.isF16() || t.isBF16())
    return Float32Type::get(t.getContext());
  return storage(t);
}

Value Lowering::load(OpBuilder &b, Location loc, Value v, Type onnxElem) {
  if (onnxElem.isInteger(1)) {
    Value zero = arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(0));
    return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, v, zero);
  }
  if (onnxElem.isF16() || onnxElem.isBF16())
    return b.createOrFold<arith::ExtFOp>(loc, b.getF32Type(), v);
  return v;
}

Value Lowering::store(OpBuilder &b, Location loc, Value v, Type onnxElem) {
  if (onnxElem.isInteger(1))
    return v.getType().isInteger(1) ? b.createOrFold<arith::ExtUIOp>(loc, b.getI8Type(), v) : v;
  if ((onnxElem.isF16() || onnxElem.isBF16()) && v.getType().isF32())
    return b.createOrFold<arith::TruncFOp>(loc, onnxElem, v);
  return v;
}

Value Lowering::convert(OpBuilder &b, Location loc, Value v, Type from, Type to) {
  Type src = v.getType(), dst = compute(to);
  if (to.isInteger(1)) {
    if (src.isInteger(1))
      return v;
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(src));
    if (isa<FloatType>(src))
      return b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::UNE, v, zero);
    return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, v, zero);
  }
  if (isa<FloatType>(src) && isa<FloatType>(dst)) {
    unsigned a = src.getIntOrFloatBitWidth(), c = dst.getIntOrFloatBitWidth();
    if (a == c)
      return v;
    return a < c ? b.createOrFold<arith::ExtFOp>(loc, dst, v) : b.createOrFold<arith::TruncFOp>(loc, dst, v);
  }
  if (isa<FloatType>(dst))
    return isUnsigned(from) ? b.createOrFold<arith::UIToFPOp>(loc, dst, v)
                            : b.createOrFold<arith::SIToFPOp>(loc, dst, v);
  if (isa<FloatType>(src)) {
    // Narrow integers go through i64 so that values beyond the range wrap as C does on common hosts.
    Type wide = b.getI64Type();
    Value w = to.isUnsignedInteger(64) ? b.createOrFold<arith::FPToUIOp>(loc, wide, v)
                                       : b.createOrFold<arith::FPToSIOp>(loc, wide, v);
    return dst == wide ? w : b.createOrFold<arith::TruncIOp>(loc, dst, w);
  }
  unsigned a = src.getIntOrFloatBitWidth(), c = dst.getIntOrFloatBitWidth();
  if (a == c)
    return v;
  if (a > c)
    return b.createOrFold<arith::TruncIOp>(loc, dst, v);
  return isUnsigned(from) ? b.createOrFold<arith::ExtUIOp>(loc, dst, v)
                          : b.createOrFold<arith::ExtSIOp>(loc, dst, v);
}

RankedTensorType loweredType(Type onnxTensor) {
  auto t = cast<RankedTensorType>(onnxTensor);
  return RankedTensorType::get(t.getShape(), Lowering::storage(t.getElementType()));
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Value Lowering::index(int64_t v) { return arith::ConstantIndexOp::create(b, loc(), v); }

Value Lowering::scalar(OpBuilder &b, Location loc, Type onnxElem, double v) {
  Type t = compute(onnxElem);
  if (auto f = dyn_cast<FloatType>(t))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(f, v));
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(t, t.isInteger(1) ? int64_t(v != 0) : int64_t(v)));
}

Value Lowering::lowest(OpBuilder &b, Location loc, Type onnxElem) {
  Type t = compute(onnxElem);
  if (auto f = dyn_cast<FloatType>(t))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(f, APFloat::getInf(f.getFloatSemantics(), true)));
  unsigned w = t.getIntOrFloatBitWidth();
  APInt v = isUnsigned(onnxElem) ? APInt::getZero(w) : APInt::getSignedMinValue(w);
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(t, v));
}

Value Lowering::highest(OpBuilder &b, Location loc, Type onnxElem) {
  Type t = compute(onnxElem);
  if (auto f = dyn_cast<FloatType>(t))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(f, APFloat::getInf(f.getFloatSemantics(), false)));
  unsigned w = t.getIntOrFloatBitWidth();
  APInt v = isUnsigned(onnxElem) ? APInt::getMaxValue(w) : APInt::getSignedMaxValue(w);
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(t, v));
}

ElementsAttr Lowering::constant(Value onnxValue) {
  Operation *def = onnxValue.getDefiningOp();
  if (!def || def->getName().getStringRef() != "onnx.Constant")
    return {};
  return def->getAttrOfType<ElementsAttr>("value");
}

/// Reads `attr` element by element as T (double or int64_t).
template <typename T>
static std::optional<SmallVector<T>> readConstant(ElementsAttr attr) {
  if (!attr)
    return std::nullopt;
  Type elem = attr.getElementType();
  SmallVector<T> out;
  if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
    if (isa<FloatType>(elem)) {
      for (APFloat f : dense.getValues<APFloat>()) {
        bool lossy;
        f.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
        out.push_back(T(f.convertToDouble()));
      }
      return out;
    }
    if (isa<IntegerType>(elem)) {
      bool isUnsigned = Lowering::isUnsigned(elem);
      for (APInt i : dense.getValues<APInt>())
        out.push_back(T(isUnsigned ? int64_t(i.getZExtValue()) : i.getSExtValue()));
      return out;
    }
    return std::nullopt;
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(attr);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob)
    return std::nullopt;
  const char *p = blob->getData().data();
  int64_t n = attr.getNumElements();
  auto read = [&](auto zero) {
    using E = decltype(zero);
    for (int64_t i = 0; i < n; ++i) {
      E e;
      memcpy(&e, p + i * sizeof(E), sizeof(E));
      out.push_back(T(e));
    }
    return true;
  };
  bool u = elem.isUnsignedInteger();
  if (elem.isF32())
    read(float());
  else if (elem.isF64())
    read(double());
  else if (elem.isInteger(64))
    u ? read(uint64_t()) : read(int64_t());
  else if (elem.isInteger(32))
    u ? read(uint32_t()) : read(int32_t());
  else if (elem.isInteger(16))
    u ? read(uint16_t()) : read(int16_t());
  else if (elem.isInteger(8))
    u ? read(uint8_t()) : read(int8_t());
  else if (elem.isInteger(1))
    read(uint8_t());
  else
    return std::nullopt;
  return out;
}

std::optional<SmallVector<int64_t>> Lowering::constInts(Value v) { return readConstant<int64_t>(constant(v)); }
std::optional<SmallVector<double>> Lowering::constFloats(Value v) { return readConstant<double>(constant(v)); }

//===----------------------------------------------------------------------===//
// Dims
//===----------------------------------------------------------------------===//

OpFoldResult Lowering::dim(Value tensor, int64_t i) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(i))
    return b.getIndexAttr(type.getDimSize(i));
  if (auto known = shared.find(tensor); known != shared.end() && known->second[i])
    return known->second[i];
  // Where the size of a result was computed already, it is that value.
  while (Operation *def = tensor.getDefiningOp()) {
    if (auto empty = dyn_cast<tensor::EmptyOp>(def))
      return empty.getMixedSizes()[i];
    if (auto known = dyn_cast<tensor::CastOp>(def))
      tensor = known.getSource();
    else if (auto op = dyn_cast<DestinationStyleOpInterface>(def))
      tensor = op.getTiedOpOperand(cast<OpResult>(tensor))->get();
    else
      break;
  }
  if (auto known = cast<RankedTensorType>(tensor.getType()); !known.isDynamicDim(i))
    return b.getIndexAttr(known.getDimSize(i));
  return b.createOrFold<tensor::DimOp>(loc(), tensor, i);
}

bool Lowering::sameSize(OpFoldResult a, OpFoldResult c) {
  if (a == c)
    return true;
  if (auto x = staticDim(a), y = staticDim(c); x || y)
    return x == y;
  auto p = cast<Value>(a).getDefiningOp<tensor::DimOp>(), q = cast<Value>(c).getDefiningOp<tensor::DimOp>();
  return p && q && p.getSource() == q.getSource() && p.getConstantIndex() && p.getConstantIndex() == q.getConstantIndex();
}

Dims Lowering::dims(Value tensor) {
  Dims out;
  for (int64_t i = 0, r = rank(tensor); i < r; ++i)
    out.push_back(dim(tensor, i));
  return out;
}

std::optional<int64_t> Lowering::staticDim(OpFoldResult d) { return getConstantIntValue(d); }

Value Lowering::value(OpFoldResult d) {
  if (auto c = getConstantIntValue(d))
    return index(*c);
  return cast<Value>(d);
}

OpFoldResult Lowering::add(OpFoldResult a, OpFoldResult c) {
  auto x = staticDim(a), y = staticDim(c);
  if (x && y)
    return idx(*x + *y);
  if (x && *x == 0)
    return c;
  if (y && *y == 0)
    return a;
  return arith::AddIOp::create(b, loc(), value(a), value(c)).getResult();
}

OpFoldResult Lowering::sub(OpFoldResult a, OpFoldResult c) {
  auto x = staticDim(a), y = staticDim(c);
  if (x && y)
    return idx(*x - *y);
  if (y && *y == 0)
    return a;
  return arith::SubIOp::create(b, loc(), value(a), value(c)).getResult();
}

OpFoldResult Lowering::mul(OpFoldResult a, OpFoldResult c) {
  auto x = staticDim(a), y = staticDim(c);
  if (x && y)
    return idx(*x * *y);
  if (x && *x == 1)
    return c;
  if (y && *y == 1)
    return a;
  return arith::MulIOp::create(b, loc(), value(a), value(c)).getResult();
}

OpFoldResult Lowering::floorDiv(OpFoldResult a, OpFoldResult c) {
  auto x = staticDim(a), y = staticDim(c);
  if (y && *y == 1)
    return a;
  if (x && y && *y != 0)
    return idx(llvm::divideFloorSigned(*x, *y));
  return arith::FloorDivSIOp::create(b, loc(), value(a), value(c)).getResult();
}

OpFoldResult Lowering::ceilDiv(OpFoldResult a, OpFoldResult c) {
  auto x = staticDim(a), y = staticDim(c);
  if (y && *y == 1)
    return a;
  if (x && y && *y != 0)
    return idx(llvm::divideCeilSigned(*x, *y));
  return arith::CeilDivSIOp::create(b, loc(), value(a), value(c)).getResult();
}

OpFoldResult Lowering::max(OpFoldResult a, OpFoldResult c) {
  auto x = staticDim(a), y = staticDim(c);
  if (x && y)
    return idx(std::max(*x, *y));
  return arith::MaxSIOp::create(b, loc(), value(a), value(c)).getResult();
}

OpFoldResult Lowering::min(OpFoldResult a, OpFoldResult c) {
  auto x = staticDim(a), y = staticDim(c);
  if (x && y)
    return idx(std::min(*x, *y));
  return arith::MinSIOp::create(b, loc(), value(a), value(c)).getResult();
}

OpFoldResult Lowering::product(ArrayRef<OpFoldResult> ds) {
  OpFoldResult p = idx(1);
  for (OpFoldResult d : ds)
    p = mul(p, d);
  return p;
}

std::optional<Dims> Lowering::intsAsDims(Value onnxValue) {
  Dims out;
  if (auto ints = constInts(onnxValue)) {
    for (int64_t i : *ints)
      out.push_back(idx(i));
    return out;
  }
  Value t = get(onnxValue);
  auto type = cast<RankedTensorType>(t.getType());
  if (type.getRank() > 1 || !type.hasStaticShape())
    return std::nullopt;
  while (auto cast = t.getDefiningOp<tensor::CastOp>())
    t = cast.getSource();
  auto elements = t.getDefiningOp<tensor::FromElementsOp>();
  for (int64_t i = 0, n = type.getNumElements(); i < n; ++i) {
    Value e;
    if (elements)
      e = elements.getElements()[i];
    else
      e = tensor::ExtractOp::create(b, loc(), t, type.getRank() ? ValueRange{index(i)} : ValueRange{});
    APInt c;
    if (matchPattern(e, m_ConstantInt(&c))) {
      out.push_back(idx(c.getSExtValue()));
      continue;
    }
    if (auto cast = e.getDefiningOp<arith::IndexCastOp>(); cast && cast.getIn().getType().isIndex())
      out.push_back(cast.getIn());
    else if (isUnsigned(elem(onnxValue)))
      out.push_back(arith::IndexCastUIOp::create(b, loc(), b.getIndexType(), e).getResult());
    else
      out.push_back(arith::IndexCastOp::create(b, loc(), b.getIndexType(), e).getResult());
  }
  return out;
}

Value Lowering::dimsTensor(ArrayRef<OpFoldResult> ds) {
  auto type = RankedTensorType::get({int64_t(ds.size())}, b.getI64Type());
  SmallVector<Value> elements;
  for (OpFoldResult d : ds) {
    if (auto c = staticDim(d))
      elements.push_back(arith::ConstantOp::create(b, loc(), b.getI64IntegerAttr(*c)));
    else
      elements.push_back(arith::IndexCastOp::create(b, loc(), b.getI64Type(), cast<Value>(d)));
  }
  if (elements.empty())
    return tensor::EmptyOp::create(b, loc(), ArrayRef<int64_t>{0}, b.getI64Type());
  return tensor::FromElementsOp::create(b, loc(), type, elements);
}

Dims Lowering::broadcastDims(ValueRange tensors) {
  int64_t r = 0;
  for (Value t : tensors)
    r = std::max(r, rank(t));
  Dims out(r, idx(1));
  for (int64_t d = 0; d < r; ++d) {
    for (Value t : tensors) {
      int64_t i = d - (r - rank(t));
      if (i < 0)
        continue;
      OpFoldResult mine = dim(t, i);
      auto x = staticDim(out[d]), y = staticDim(mine);
      if (y && *y == 1)
        continue;
      if ((x && *x == 1) || (!x && y))
        out[d] = mine;
      else if (!x && !y && !sameSize(out[d], mine)) {
        // Either may be 1 at run time and gives way to the other, to 0 as well.
        Value isOne = arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::eq, value(out[d]), index(1));
        out[d] = arith::SelectOp::create(b, loc(), isOne, value(mine), value(out[d])).getResult();
      }
    }
  }
  return out;
}

} // namespace onnxc::lower
