// Sliding windows; see Window.h.
#include "passes/lower/Window.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "passes/lower/Attributes.h"
#include "passes/lower/Scalars.h"
#include "runtime-lite/include/onnxc.h"

using namespace mlir;

namespace onnxc::lower {

Window windowOf(Operation *op, Lowering &l, ArrayRef<OpFoldResult> in, ArrayRef<OpFoldResult> kernel) {
  size_t n = in.size();
  Window w;
  w.strides = intsAttr(op, "strides", n, 1);
  w.dilations = intsAttr(op, "dilations", n, 1);
  w.kernel.assign(kernel.begin(), kernel.end());
  SmallVector<int64_t> pads = intsAttr(op, "pads", 2 * n, 0);
  StringRef mode = strAttr(op, "auto_pad", "NOTSET");
  bool ceil = intAttr(op, "ceil_mode", 0) != 0;
  for (size_t i = 0; i < n; ++i) {
    OpFoldResult s = l.idx(w.strides[i]), one = l.idx(1), zero = l.idx(0);
    OpFoldResult extent = l.add(l.mul(l.sub(kernel[i], one), l.idx(w.dilations[i])), one);
    OpFoldResult low = zero, high = zero, out;
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      out = l.ceilDiv(in[i], s);
      OpFoldResult total = l.max(l.sub(l.add(l.mul(l.sub(out, one), s), extent), in[i]), zero);
      OpFoldResult half = l.floorDiv(total, l.idx(2)), rest = l.sub(total, half);
      low = mode == "SAME_UPPER" ? half : rest;
      high = mode == "SAME_UPPER" ? rest : half;
      w.asked.push_back(high);
    } else {
      if (mode != "VALID") {
        low = l.idx(pads[i]);
        high = l.idx(pads[n + i]);
      }
      w.asked.push_back(high);
      Value padded = dim64(l, l.add(l.add(in[i], low), high)), window = dim64(l, extent);
      l.check(cmp64(l, arith::CmpIPredicate::sge, padded, window), ONNXC_SHAPE_MISMATCH,
              "spatial dim " + Twine(i) + " with its padding: got \1, wanted at least \2, the extent of the kernel", padded, window);
      OpFoldResult room = l.sub(l.add(l.add(in[i], low), high), extent);
      // With ceil_mode the last window still has to start inside the input or
      // its leading padding.
      out = ceil ? l.min(l.add(l.ceilDiv(room, s), one), l.ceilDiv(l.add(in[i], low), s))
                 : l.add(l.floorDiv(room, s), one);
      if (ceil || (w.strides[i] != 1 && Lowering::staticDim(in[i]) && Lowering::staticDim(kernel[i])))
        high = l.max(l.sub(l.sub(l.add(l.mul(l.sub(out, one), s), extent), in[i]), low), zero);
    }
    w.low.push_back(low);
    w.high.push_back(high);
    w.out.push_back(out);
  }
  return w;
}

Value padWindow(Lowering &l, Value x, const Window &w, Type elem, Value scalar) {
  Dims low{l.idx(0)}, high{l.idx(0)};
  low.append(w.low);
  high.append(w.high);
  low.push_back(l.idx(0));
  high.push_back(l.idx(0));
  auto none = [](OpFoldResult d) { return isConstantIntValue(d, 0); };
  if (llvm::all_of(low, none) && llvm::all_of(high, none))
    return x;
  return l.pad(x, low, high, elem, scalar);
}

Value toChannelsLast(Lowering &l, Value x) {
  int64_t rank = Lowering::rank(x);
  SmallVector<int64_t> perm{0};
  for (int64_t i = 2; i < rank; ++i)
    perm.push_back(i);
  perm.push_back(1);
  return rank > 2 ? l.transpose(x, perm) : x;
}

Value toChannelsFirst(Lowering &l, Value x) {
  int64_t rank = Lowering::rank(x);
  SmallVector<int64_t> perm{0, rank - 1};
  for (int64_t i = 1; i < rank - 1; ++i)
    perm.push_back(i);
  return rank > 2 ? l.transpose(x, perm) : x;
}

Type wide(Type elem) {
  return elem.isF16() || elem.isBF16() ? Float32Type::get(elem.getContext()) : elem;
}

Value widen(Lowering &l, Value x, Type elem) {
  if (wide(elem) == elem)
    return x;
  return l.map({x}, {elem}, wide(elem), [](OpBuilder &, Location, ValueRange v) { return v[0]; });
}

Value narrow(Lowering &l, Value x, Type elem) {
  if (wide(elem) == elem)
    return x;
  return l.map({x}, {wide(elem)}, elem, [](OpBuilder &, Location, ValueRange v) { return v[0]; });
}

Value plus(OpBuilder &b, Location loc, Value a, Value c) {
  if (isa<FloatType>(a.getType()))
    return arith::AddFOp::create(b, loc, a, c);
  return arith::AddIOp::create(b, loc, a, c);
}

Value mulAdd(OpBuilder &b, Location loc, Value a, Value c, Value acc, ValueRange) {
  if (isa<FloatType>(a.getType()))
    return arith::AddFOp::create(b, loc, acc, arith::MulFOp::create(b, loc, a, c));
  return arith::AddIOp::create(b, loc, acc, arith::MulIOp::create(b, loc, a, c));
}

} // namespace onnxc::lower
