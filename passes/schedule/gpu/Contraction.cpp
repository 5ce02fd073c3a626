// Reading a kernel as a product of matrices.
#include "passes/schedule/gpu/Contraction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace onnxc {

void LoopGroup::makeFastest(unsigned loop) {
  auto *at = llvm::find(loops, loop);
  size_t i = at - loops.begin();
  std::rotate(loops.begin() + i, loops.begin() + i + 1, loops.end());
  std::rotate(extents.begin() + i, extents.begin() + i + 1, extents.end());
}

void LoopGroup::setIvs(OpBuilder &b, Location loc, Value flat, MutableArrayRef<Value> ivs) const {
  for (size_t i = loops.size(); i-- > 0;) {
    if (i == 0) {
      ivs[loops[0]] = flat;
      break;
    }
    Value extent = arith::ConstantIndexOp::create(b, loc, extents[i]);
    ivs[loops[i]] = arith::RemUIOp::create(b, loc, flat, extent);
    flat = arith::DivUIOp::create(b, loc, flat, extent);
  }
}

/// `v` is block argument `i` of the root's body, perhaps widened to f32.
static std::optional<unsigned> argumentOf(Value v) {
  if (auto wide = v.getDefiningOp<arith::ExtFOp>())
    v = wide.getIn();
  auto arg = dyn_cast<BlockArgument>(v);
  return arg ? std::optional<unsigned>(arg.getArgNumber()) : std::nullopt;
}

/// The body is acc + a * b in f32.
static bool isProductSum(linalg::GenericOp root) {
  Value result = root.getBody()->getTerminator()->getOperand(0);
  Value acc, a, b;
  if (auto fma = result.getDefiningOp<math::FmaOp>()) {
    a = fma.getA();
    b = fma.getB();
    acc = fma.getC();
  } else if (auto add = result.getDefiningOp<arith::AddFOp>()) {
    for (auto [x, y] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())})
      if (auto mul = y.getDefiningOp<arith::MulFOp>()) {
        acc = x;
        a = mul.getLhs();
        b = mul.getRhs();
      }
  }
  if (!acc || !result.getType().isF32() || acc != root.getRegionOutputArgs()[0])
    return false;
  auto i = argumentOf(a), j = argumentOf(b);
  return i && j && *i + *j == 1;
}

static bool readsLoop(linalg::GenericOp op, OpOperand *operand, unsigned loop) {
  return op.getMatchingIndexingMap(operand).isFunctionOfDim(loop);
}

int fastestLoop(KernelOps ops, ArrayRef<int> epilogueLoops) {
  auto last = ops.epilogue ? ops.epilogue : ops.root;
  SmallVector<int64_t> extents = ops.root.getStaticLoopRanges();
  int fastest = -1;
  for (AffineExpr e : last.getMatchingIndexingMap(last.getDpsInitOperand(0)).getResults())
    if (auto d = dyn_cast<AffineDimExpr>(e)) {
      int loop = ops.epilogue ? epilogueLoops[d.getPosition()] : int(d.getPosition());
      if (loop >= 0 && extents[loop] != 1)
        fastest = loop;
    }
  return fastest;
}

std::optional<Contraction> readContraction(KernelOps ops, ArrayRef<int> epilogueLoops) {
  linalg::GenericOp root = ops.root;
  if (!ops.fill || root.getNumDpsInits() != 1 || root.getNumDpsInputs() != 2 || root.hasIndexSemantics() || !isProductSum(root))
    return std::nullopt;
  if (!matchPattern(ops.fill.getInputs()[0], m_AnyZeroFloat()))
    return std::nullopt;
  OpOperand *x = root.getDpsInputOperand(0), *y = root.getDpsInputOperand(1), *init = root.getDpsInitOperand(0);
  for (OpOperand *operand : {x, y})
    if (!isa<MemRefType>(operand->get().getType()))
      return std::nullopt;
  SmallVector<int64_t> extents = root.getStaticLoopRanges();
  if (llvm::any_of(extents, ShapedType::isDynamic))
    return std::nullopt;

  // What the output runs through fastest makes the columns.
  auto last = ops.epilogue ? ops.epilogue : root;
  AffineMap stored = last.getMatchingIndexingMap(last.getDpsInitOperand(0));
  int fastest = fastestLoop(ops, epilogueLoops);
  if (fastest < 0)
    return std::nullopt;
  if (!readsLoop(root, y, fastest))
    std::swap(x, y);

  Contraction c;
  c.rows = x;
  c.columns = y;
  AffineMap written = root.getMatchingIndexingMap(init);
  auto iterators = root.getIteratorTypesArray();
  auto sort = [&](unsigned loop) {
    bool inRows = readsLoop(root, x, loop), inColumns = readsLoop(root, y, loop);
    if (iterators[loop] == utils::IteratorType::reduction) {
      c.k.add(loop, extents[loop]);
      return inRows || inColumns;
    }
    if (!written.isFunctionOfDim(loop) || !(inRows || inColumns))
      return extents[loop] == 1;
    (inRows && inColumns ? c.batch : inRows ? c.m : c.n).add(loop, extents[loop]);
    return true;
  };
  // Parallel loops in the order of the stored buffer, then the rest.
  SmallVector<unsigned> order;
  for (AffineExpr e : stored.getResults())
    if (auto d = dyn_cast<AffineDimExpr>(e)) {
      int loop = ops.epilogue ? epilogueLoops[d.getPosition()] : int(d.getPosition());
      if (loop >= 0 && !llvm::is_contained(order, unsigned(loop)))
        order.push_back(loop);
    }
  for (unsigned loop = 0; loop < root.getNumLoops(); ++loop)
    if (!llvm::is_contained(order, loop))
      order.push_back(loop);
  for (unsigned loop : order)
    if (!sort(loop))
      return std::nullopt;
  // Each point is written once.
  if (!c.n.has(fastest) || c.k.loops.empty() || c.k.total == 0 || c.m.total * c.n.total * c.batch.total == 0)
    return std::nullopt;
  for (AffineExpr e : written.getResults())
    if (!isa<AffineDimExpr, AffineConstantExpr>(e))
      return std::nullopt;
  // What an operand walks through contiguously is walked through fastest.
  for (OpOperand *operand : {c.rows, c.columns}) {
    int loop = contiguousLoop(root, operand, 1);
    if (loop >= 0 && c.k.has(loop)) {
      c.k.makeFastest(loop);
      break;
    }
  }
  return c;
}

/// On a linalg.generic: the numbers of its operands with zeros behind their rows.
constexpr StringLiteral kZeroTailsAttr = "onnxc.zero_tails";

static SmallVector<int64_t> zeroTails(linalg::GenericOp op) {
  auto numbers = op->getAttrOfType<DenseI64ArrayAttr>(kZeroTailsAttr);
  return numbers ? llvm::to_vector(numbers.asArrayRef()) : SmallVector<int64_t>();
}

static bool hasZeroTail(linalg::GenericOp op, OpOperand *operand) { return llvm::is_contained(zeroTails(op), operand->getOperandNumber()); }

void markZeroTail(linalg::GenericOp op, OpOperand *operand) {
  SmallVector<int64_t> numbers = zeroTails(op);
  numbers.push_back(operand->getOperandNumber());
  op->setAttr(kZeroTailsAttr, DenseI64ArrayAttr::get(op.getContext(), numbers));
}

std::optional<int64_t> strideOf(linalg::GenericOp op, OpOperand *operand, unsigned loop) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(cast<MemRefType>(operand->get().getType()).getStridesAndOffset(strides, offset)))
    return std::nullopt;
  AffineMap map = op.getMatchingIndexingMap(operand);
  MLIRContext *context = op.getContext();
  SmallVector<AffineExpr> at(map.getNumDims(), getAffineConstantExpr(0, context)), next = at;
  next[loop] = getAffineConstantExpr(1, context);
  int64_t total = 0;
  for (auto [result, stride] : llvm::zip(map.getResults(), strides)) {
    auto x = dyn_cast<AffineConstantExpr>(result.replaceDims(at)), y = dyn_cast<AffineConstantExpr>(result.replaceDims(next));
    if (!x || !y || (x != y && ShapedType::isDynamic(stride)))
      return std::nullopt;
    if (x != y)
      total += (y.getValue() - x.getValue()) * stride;
  }
  return total;
}

int64_t contiguousRun(linalg::GenericOp op, OpOperand *operand, const LoopGroup &group) {
  int64_t run = 1;
  for (auto [loop, extent] : llvm::reverse(llvm::zip_equal(group.loops, group.extents))) {
    if (extent != 1 && strideOf(op, operand, loop) != run)
      break;
    run *= extent;
  }
  return run;
}

int contiguousLoop(linalg::GenericOp op, OpOperand *operand, unsigned lanes) {
  auto type = dyn_cast<MemRefType>(operand->get().getType());
  if (!type || type.getRank() == 0)
    return -1;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)) || strides.back() != 1)
    return -1;
  AffineMap map = op.getMatchingIndexingMap(operand);
  // Outer dims of one element do not count.
  auto d = dyn_cast<AffineDimExpr>(map.getResults().back());
  if (!d)
    if (auto sum = dyn_cast<AffineBinaryOpExpr>(map.getResults().back()); sum && lanes == 1 && sum.getKind() == AffineExprKind::Add)
      // A window that slides by one: its position walks contiguously, too.
      for (AffineExpr side : {sum.getLHS(), sum.getRHS()})
        if (auto dim = dyn_cast<AffineDimExpr>(side); dim && !d)
          d = dim;
  if (!d)
    return -1;
  unsigned loop = d.getPosition();
  if (lanes == 1)
    return loop;
  if ((op.getStaticLoopRanges()[loop] % lanes && !hasZeroTail(op, operand)) || ShapedType::isDynamic(offset) || offset % lanes)
    return -1;
  for (auto [stride, result] : llvm::drop_end(llvm::zip(strides, map.getResults()))) {
    if (result.isFunctionOfDim(loop))
      return -1;
    if ((ShapedType::isDynamic(stride) || stride % lanes) && !isa<AffineConstantExpr>(result))
      return -1;
  }
  return loop;
}

} // namespace onnxc
