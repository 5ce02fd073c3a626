// Reading a kernel into a loop nest, dropping and merging loops.
#include "passes/schedule/LoopNest.h"
#include "passes/schedule/PaddedView.h"

#include "mlir/Interfaces/ViewLikeInterface.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"

using namespace mlir;

namespace onnxc {

Value bufferOf(Value v) {
  while (auto view = v.getDefiningOp<ViewLikeOpInterface>())
    v = view.getViewSource();
  return v;
}

bool isOwnBuffer(Value buffer) {
  if (auto arg = dyn_cast<BlockArgument>(buffer))
    return isa<func::FuncOp>(arg.getOwner()->getParentOp());
  return isa<memref::AllocOp, memref::GetGlobalOp>(buffer.getDefiningOp());
}

SmallVector<Access *> LoopNest::accesses() {
  SmallVector<Access *> all;
  for (Access &a : inputs)
    all.push_back(&a);
  all.push_back(&accumulator);
  for (Access &a : epilogueInputs)
    all.push_back(&a);
  all.push_back(&output);
  return all;
}

namespace {

/// expr as sum of dims times constants plus a constant.
bool linear(AffineExpr expr, int64_t factor, SmallVectorImpl<int64_t> &dims, int64_t &constant) {
  if (auto d = dyn_cast<AffineDimExpr>(expr)) {
    dims[d.getPosition()] += factor;
    return true;
  }
  if (auto c = dyn_cast<AffineConstantExpr>(expr)) {
    constant += factor * c.getValue();
    return true;
  }
  auto bin = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!bin)
    return false;
  if (bin.getKind() == AffineExprKind::Add)
    return linear(bin.getLHS(), factor, dims, constant) && linear(bin.getRHS(), factor, dims, constant);
  if (bin.getKind() == AffineExprKind::Mul)
    if (auto c = dyn_cast<AffineConstantExpr>(bin.getRHS()))
      return linear(bin.getLHS(), factor * c.getValue(), dims, constant);
  return false;
}

class Reader {
public:
  explicit Reader(func::FuncOp kernel) : kernel(kernel), b(kernel.getContext()) {}

  std::optional<LoopNest> read() {
    if (!match())
      return std::nullopt;
    b.setInsertionPoint(nest.root);
    SmallVector<Range> ranges = cast<linalg::LinalgOp>(nest.root.getOperation()).createLoopRanges(b, nest.root.getLoc());
    auto iterators = nest.root.getIteratorTypesArray();
    for (auto [range, it] : llvm::zip(ranges, iterators))
      nest.loops.push_back({range.size, it == utils::IteratorType::reduction});
    auto generic = nest.root;
    for (OpOperand *in : generic.getDpsInputOperands())
      if (!access(in->get(), generic.getMatchingIndexingMap(in), identityDims(), nest.inputs.emplace_back()))
        return std::nullopt;
    OpOperand *init = generic.getDpsInitOperand(0);
    if (!access(init->get(), generic.getMatchingIndexingMap(init), identityDims(), nest.accumulator))
      return std::nullopt;
    nest.output = nest.accumulator;
    if (nest.epilogue && !readEpilogue())
      return std::nullopt;
    for (size_t d = 0; d < nest.loops.size(); ++d)
      nest.rootIndex.push_back(d);
    dropUnitLoops();
    if (!usesIndex(nest.root))
      mergeLoops();
    return nest;
  }

private:
  static bool usesIndex(linalg::GenericOp op) { return op.hasIndexSemantics(); }

  bool match() {
    linalg::LinalgOp ops[3];
    int n = 0;
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
        if (nest.temporary)
          return false;
        nest.temporary = alloc;
      } else if (auto lin = dyn_cast<linalg::LinalgOp>(op)) {
        if (n == 3)
          return false;
        ops[n++] = lin;
      } else if (!isa<arith::ConstantOp>(op) && !isPaddedView(&op)) {
        return false;
      }
    }
    int i = 0;
    if (n > 1)
      if (auto fill = dyn_cast<linalg::FillOp>(ops[0].getOperation())) {
        nest.fill = fill;
        i = 1;
      }
    if (i == n)
      return false;
    nest.root = dyn_cast<linalg::GenericOp>(ops[i].getOperation());
    if (!nest.root || nest.root.getNumDpsInits() != 1)
      return false;
    if (i + 1 < n) {
      nest.epilogue = dyn_cast<linalg::GenericOp>(ops[i + 1].getOperation());
      if (!nest.epilogue || i + 2 < n)
        return false;
    }
    return elementwiseBody(nest.root, /*loads=*/false) && (!nest.epilogue || elementwiseBody(nest.epilogue, /*loads=*/true));
  }

  /// Every op of the body has a vector form. With `loads`, it may look up values in buffers that the kernel is given.
  static bool elementwiseBody(linalg::GenericOp op, bool loads) {
    for (Operation &inner : op.getBody()->without_terminator()) {
      if (isa<arith::ConstantOp, linalg::IndexOp>(inner))
        continue;
      auto load = dyn_cast<memref::LoadOp>(inner);
      if (loads && load && isa<BlockArgument>(load.getMemref()) && load.getMemRefType().getMemorySpace() == Attribute())
        continue;
      if (!OpTrait::hasElementwiseMappableTraits(&inner) || inner.getNumResults() != 1)
        return false;
    }
    return op.getBody()->getTerminator()->getNumOperands() == 1;
  }

  SmallVector<int> identityDims() {
    SmallVector<int> dims;
    for (size_t d = 0; d < nest.loops.size(); ++d)
      dims.push_back(d);
    return dims;
  }

  /// `dims[i]`: the loop of the nest that dim i of `map` stands for; -1: always 0.
  bool access(Value operand, AffineMap map, ArrayRef<int> dims, Access &a) {
    size_t n = nest.loops.size();
    RankedTensorType padded;
    ArrayRef<int64_t> low;
    if (Operation *view = operand.getDefiningOp(); view && isPaddedView(view)) {
      auto shape = cast<MemRefType>(operand.getType());
      padded = RankedTensorType::get(shape.getShape(), shape.getElementType());
      low = paddingBelow(view);
      operand = view->getOperand(0);
    }
    a.operand = operand;
    a.coeff.assign(n, b.getIndexAttr(0));
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!type) {
      a.scalar = true;
      a.element = operand.getType();
      return map.getNumResults() == 0;
    }
    a.element = type.getElementType();
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(type.getStridesAndOffset(strides, offset)))
      return false;
    SmallVector<Value> dynamicStrides;
    if (llvm::any_of(strides, ShapedType::isDynamic)) {
      auto meta = memref::ExtractStridedMetadataOp::create(b, nest.root.getLoc(), operand);
      dynamicStrides.assign(meta.getStrides().begin(), meta.getStrides().end());
    }
    for (auto [i, expr] : llvm::enumerate(map.getResults())) {
      SmallVector<int64_t> factors(map.getNumDims(), 0);
      int64_t constant = 0;
      if (!linear(expr, 1, factors, constant))
        return false;
      if (padded && padded.getDimSize(i) != type.getDimSize(i)) {
        Window &w = a.windows.emplace_back();
        w.coeff.assign(n, 0);
        for (auto [d, f] : llvm::enumerate(factors))
          if (dims[d] >= 0)
            w.coeff[dims[d]] += f;
        w.low = low[i] - constant;
        w.extent = type.getDimSize(i);
        constant -= low[i];
      }
      if (constant) {
        if (ShapedType::isDynamic(strides[i]))
          return false;
        a.constant += constant * strides[i];
      }
      for (auto [d, f] : llvm::enumerate(factors)) {
        if (!f || dims[d] < 0)
          continue;
        OpFoldResult &c = a.coeff[dims[d]];
        auto have = getConstantIntValue(c);
        if (!ShapedType::isDynamic(strides[i]) && have) {
          c = b.getIndexAttr(*have + f * strides[i]);
          continue;
        }
        Location loc = nest.root.getLoc();
        Value stride = ShapedType::isDynamic(strides[i]) ? dynamicStrides[i]
                                                         : arith::ConstantIndexOp::create(b, loc, strides[i]).getResult();
        if (f != 1)
          stride = arith::MulIOp::create(b, loc, stride, arith::ConstantIndexOp::create(b, loc, f));
        if (have && *have == 0) {
          c = stride;
          continue;
        }
        Value old = have ? arith::ConstantIndexOp::create(b, loc, *have).getResult() : cast<Value>(c);
        c = arith::AddIOp::create(b, loc, old, stride).getResult();
      }
    }
    return true;
  }

  /// Epilogue loops are loops of the root, found through the temporary.
  bool readEpilogue() {
    linalg::GenericOp op = nest.epilogue;
    if (usesIndex(op))
      return false;
    Value tmp = nest.accumulator.operand;
    AffineMap rootMap = nest.root.getMatchingIndexingMap(nest.root.getDpsInitOperand(0));
    SmallVector<int> dims(op.getNumLoops(), -2);
    for (OpOperand *in : op.getDpsInputOperands()) {
      if (in->get() != tmp)
        continue;
      AffineMap map = op.getMatchingIndexingMap(in);
      for (auto [rootExpr, expr] : llvm::zip(rootMap.getResults(), map.getResults())) {
        auto e = dyn_cast<AffineDimExpr>(expr);
        if (!e)
          return false;
        if (auto d = dyn_cast<AffineDimExpr>(rootExpr))
          dims[e.getPosition()] = d.getPosition();
        else if (auto c = dyn_cast<AffineConstantExpr>(rootExpr); c && c.getValue() == 0)
          dims[e.getPosition()] = -1;
        else
          return false;
      }
    }
    if (llvm::is_contained(dims, -2))
      return false;
    for (OpOperand *in : op.getDpsInputOperands()) {
      Access &a = nest.epilogueInputs.emplace_back();
      if (in->get() == tmp) {
        a.scalar = true;
        a.coeff.assign(nest.loops.size(), b.getIndexAttr(0));
        continue;
      }
      if (!access(in->get(), op.getMatchingIndexingMap(in), dims, a))
        return false;
    }
    OpOperand *init = op.getDpsInitOperand(0);
    return access(init->get(), op.getMatchingIndexingMap(init), dims, nest.output);
  }

  void eraseLoop(size_t d, int replacement) {
    nest.loops.erase(nest.loops.begin() + d);
    for (Access *a : nest.accesses()) {
      a->coeff.erase(a->coeff.begin() + d);
      for (Window &w : a->windows)
        w.coeff.erase(w.coeff.begin() + d);
    }
    for (int &i : nest.rootIndex) {
      if (i == int(d))
        i = replacement;
      if (i > int(d))
        --i;
    }
  }

  void dropUnitLoops() {
    for (int d = int(nest.loops.size()) - 1; d >= 0; --d)
      if (nest.loops[d].size() == 1)
        eraseLoop(d, -1);
  }

  /// (outer, inner) -> one loop when every access steps by inner's whole extent in outer.
  bool tryMerge(size_t outer, size_t inner) {
    if (nest.loops[outer].reduction != nest.loops[inner].reduction)
      return false;
    auto n = nest.loops[outer].size(), m = nest.loops[inner].size();
    if (!n || !m)
      return false;
    for (Access *a : nest.accesses()) {
      if (a->scalar)
        continue;
      auto x = getConstantIntValue(a->coeff[outer]), y = getConstantIntValue(a->coeff[inner]);
      if (!x || !y || *x != *y * *m)
        return false;
      if (llvm::any_of(a->windows, [&](const Window &w) { return w.coeff[outer] || w.coeff[inner]; }))
        return false;
    }
    nest.loops[inner].extent = b.getIndexAttr(*n * *m);
    eraseLoop(outer, -1);
    return true;
  }

  void mergeLoops() {
    bool changed = true;
    while (changed) {
      changed = false;
      for (size_t i = 0; i < nest.loops.size() && !changed; ++i)
        for (size_t j = 0; j < nest.loops.size() && !changed; ++j)
          changed = i != j && tryMerge(i, j);
    }
  }

  func::FuncOp kernel;
  OpBuilder b;
  LoopNest nest;
};

} // namespace

std::optional<LoopNest> buildLoopNest(func::FuncOp kernel) { return Reader(kernel).read(); }

} // namespace onnxc
