// A part of what a kernel computes, as a kernel of its own: a stage.
//
//   root:  y[n, h, w, c] += x[n, 2 h + r, 2 w + s, k] * f[c, k, r, s]
//
// Rows [a, a + n) of y need rows [2 a - below, + 2 (n - 1) + 3) of x, where x
// is seen through `below` rows of padding. Windows are read off the indexing
// maps, from the output back through temporaries to the arguments; nothing
// depends on what the op was called.
#include "passes/schedule/StageSlice.h"
#include "passes/schedule/PaddedView.h"
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace onnxc {
namespace {

using Axes = std::array<AxisWindow, 2>;

class Reader {
public:
  Reader(func::CallOp call, func::FuncOp kernel) : stage{call, kernel, 0, {}, 0, {}} {}

  std::optional<Stage> read() {
    SmallVector<Operation *> ops;
    for (Operation &op : stage.kernel.getBody().front().without_terminator())
      ops.push_back(&op);
    if (!stage.kernel.getBody().hasOneBlock() || !findOutput(ops))
      return std::nullopt;
    axes[stage.kernel.getArgument(stage.output)] = {AxisWindow{1}, AxisWindow{2}};
    for (Operation *op : llvm::reverse(ops))
      if (!visit(op))
        return std::nullopt;
    for (BlockArgument arg : stage.kernel.getArguments()) {
      if (!isa<MemRefType>(arg.getType()) && !arg.use_empty())
        return std::nullopt;
      StageOperand &operand = stage.operands.emplace_back();
      if (auto it = axes.find(arg); it != axes.end())
        operand.axes = it->second;
      operand.padding = padding.lookup(arg);
      if ((operand.axes[0].dim < 0) != (operand.axes[1].dim < 0))
        return std::nullopt;
    }
    return std::move(stage);
  }

private:
  /// The only argument that is written, by the last op, which writes nothing twice.
  bool findOutput(ArrayRef<Operation *> ops) {
    auto last = ops.empty() ? linalg::LinalgOp() : dyn_cast<linalg::LinalgOp>(ops.back());
    if (!last || last.getNumDpsInits() != 1)
      return false;
    auto out = dyn_cast<BlockArgument>(last.getDpsInitOperand(0)->get());
    auto type = out ? dyn_cast<MemRefType>(out.getType()) : MemRefType();
    if (!type || type.getRank() != 4 || !type.hasStaticShape() || out.getOwner() != &stage.kernel.getBody().front())
      return false;
    for (Operation *op : ops)
      if (auto l = dyn_cast<linalg::LinalgOp>(op))
        for (Value init : l.getDpsInits())
          if (isa<BlockArgument>(init) && init != out)
            return false;
    stage.output = out.getArgNumber();
    return true;
  }

  bool visit(Operation *op) {
    if (isa<arith::ConstantOp>(op))
      return true;
    if (auto alloc = dyn_cast<memref::AllocOp>(op))
      return alloc.getType().hasStaticShape() && alloc.getType().getLayout().isIdentity();
    if (isPaddedView(op))
      return visitPadding(op);
    if (isa<linalg::FillOp>(op))
      return axes.contains(cast<linalg::FillOp>(op).getOutputs()[0]);
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      return visitGeneric(generic);
    return false;
  }

  bool visitPadding(Operation *op) {
    Value view = op->getResult(0);
    auto arg = dyn_cast<BlockArgument>(op->getOperand(0));
    auto it = axes.find(view);
    if (!arg || it == axes.end() || axes.contains(arg))
      return false;
    auto type = cast<MemRefType>(arg.getType()), padded = cast<MemRefType>(view.getType());
    Axes of = it->second;
    for (int64_t d = 0; d < type.getRank(); ++d) {
      bool sliced = false;
      for (AxisWindow &a : of)
        if (a.dim == d) {
          a.below += paddingBelow(op)[d];
          sliced = true;
        }
      if (!sliced && type.getDimSize(d) != padded.getDimSize(d))
        return false;
    }
    axes[arg] = of;
    padding[arg] = paddingValue(op);
    return true;
  }

  bool visitGeneric(linalg::GenericOp op) {
    // Rows outside of the image are computed as well, and thrown away: that must have no effects.
    if (op.hasIndexSemantics() || op.getNumDpsInits() != 1)
      return false;
    for (Operation &inner : op.getBody()->without_terminator())
      if (!isPure(&inner))
        return false;
    auto out = axes.find(op.getDpsInitOperand(0)->get());
    if (out == axes.end())
      return false;
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    if (llvm::any_of(ranges, ShapedType::isDynamic))
      return false;
    int64_t iterations = 1;
    for (int64_t r : ranges)
      iterations *= r;
    stage.multiplyAdds += op.getNumReductionLoops() ? iterations : 0;
    AffineMap written = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    if (!written.isProjectedPermutation())
      return false;
    std::array<int, 2> loops = {-1, -1};
    Axes of = out->second;
    for (int a : {0, 1}) {
      loops[a] = cast<AffineDimExpr>(written.getResult(of[a].dim)).getPosition();
      if (op.getIteratorTypesArray()[loops[a]] != utils::IteratorType::parallel)
        return false;
    }
    for (OpOperand *input : op.getDpsInputOperands()) {
      if (!isa<MemRefType>(input->get().getType()))
        continue;
      Axes needed;
      for (auto [d, e] : llvm::enumerate(op.getMatchingIndexingMap(input).getResults()))
        if (!addDim(e, d, loops, of, ranges, needed))
          return false;
      bool moves = needed[0].dim >= 0 || needed[1].dim >= 0;
      auto [it, isNew] = axes.try_emplace(input->get(), needed);
      bool window = !op.getMatchingIndexingMap(input).isProjectedPermutation();
      if (!isNew || (window && input->get().getDefiningOp<memref::AllocOp>())) // read twice; a window over a temporary
        return false;
      if (!moves)
        axes.erase(it);
    }
    noteMove(op);
    return true;
  }

  /// Dim `d` of an input is addressed by `e`.
  static bool addDim(AffineExpr e, unsigned d, std::array<int, 2> loops, const Axes &of, ArrayRef<int64_t> ranges, Axes &needed) {
    // A sum of loops times factors.
    SmallVector<std::pair<unsigned, int64_t>> terms;
    std::function<bool(AffineExpr)> collect = [&](AffineExpr part) {
      if (auto dim = dyn_cast<AffineDimExpr>(part)) {
        terms.push_back({dim.getPosition(), 1});
        return true;
      }
      if (auto c = dyn_cast<AffineConstantExpr>(part))
        return c.getValue() == 0;
      auto both = dyn_cast<AffineBinaryOpExpr>(part);
      if (!both)
        return false;
      if (part.getKind() == AffineExprKind::Add)
        return collect(both.getLHS()) && collect(both.getRHS());
      auto dim = dyn_cast<AffineDimExpr>(both.getLHS());
      auto factor = dyn_cast<AffineConstantExpr>(both.getRHS());
      if (part.getKind() != AffineExprKind::Mul || !dim || !factor || factor.getValue() < 1)
        return false;
      terms.push_back({dim.getPosition(), factor.getValue()});
      return true;
    };
    bool simple = collect(e);
    int axis = -1;
    e.walk([&](AffineExpr part) {
      if (auto dim = dyn_cast<AffineDimExpr>(part))
        for (int a : {0, 1})
          if (int(dim.getPosition()) == loops[a])
            axis = axis < 0 ? a : 2;
    });
    if (axis < 0)
      return true;
    if (axis > 1 || !simple || needed[axis].dim >= 0)
      return false;
    AxisWindow &w = needed[axis];
    w = of[axis];
    w.dim = int(d);
    int64_t taps = 0;
    for (auto [loop, factor] : terms) {
      if (int(loop) != loops[axis]) {
        taps += (ranges[loop] - 1) * factor;
        continue;
      }
      w.stride *= factor;
      w.below *= factor;
      w.window = (of[axis].window - 1) * factor + 1;
    }
    w.window += taps;
    return true;
  }

  void noteMove(linalg::GenericOp op) {
    Block *body = op.getBody();
    if (op.getNumDpsInputs() != 1 || stage.kernel.getNumArguments() != 2 || body->getTerminator()->getOperand(0) != body->getArgument(0) ||
        op.getInputs()[0] != stage.kernel.getArgument(0) || op.getOutputs()[0] != stage.kernel.getArgument(1))
      return;
    AffineMap from = op.getMatchingIndexingMap(op.getDpsInputOperand(0)), to = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    if (!from.isPermutation() || !to.isPermutation())
      return;
    for (AffineExpr e : to.getResults())
      stage.moved.push_back(*from.getResultPosition(e));
  }

  Stage stage;
  llvm::DenseMap<Value, Axes> axes; ///< of buffers with a part that the box needs
  llvm::DenseMap<Value, TypedAttr> padding;
};

} // namespace

std::optional<Stage> readStage(func::CallOp call, func::FuncOp kernel) { return Reader(call, kernel).read(); }

func::FuncOp sliceKernel(const Stage &stage, ArrayRef<Type> types) {
  func::FuncOp copy = func::FuncOp(stage.kernel).clone();
  Block &body = copy.getBody().front();
  for (auto [arg, type] : llvm::zip(body.getArguments(), types))
    arg.setType(type);
  copy.setFunctionType(FunctionType::get(copy.getContext(), types, {}));
  for (Operation &op : llvm::make_early_inc_range(body))
    if (isPaddedView(&op)) {
      op.getResult(0).replaceAllUsesWith(op.getOperand(0));
      op.erase();
    }
  // Temporaries take the extents of what is computed from them: their dims are those of the output's loops.
  for (Operation &op : llvm::reverse(body)) {
    auto generic = dyn_cast<linalg::GenericOp>(&op);
    if (!generic)
      continue;
    AffineMap written = generic.getMatchingIndexingMap(generic.getDpsInitOperand(0));
    auto outType = cast<MemRefType>(generic.getDpsInitOperand(0)->get().getType());
    SmallVector<int64_t> ranges(generic.getNumLoops(), -1);
    for (auto [d, e] : llvm::enumerate(written.getResults()))
      ranges[cast<AffineDimExpr>(e).getPosition()] = outType.getDimSize(d);
    for (OpOperand *input : generic.getDpsInputOperands()) {
      auto alloc = input->get().getDefiningOp<memref::AllocOp>();
      if (!alloc)
        continue;
      SmallVector<int64_t> shape(alloc.getType().getShape());
      for (auto [d, e] : llvm::enumerate(generic.getMatchingIndexingMap(input).getResults()))
        if (auto dim = dyn_cast<AffineDimExpr>(e); dim && ranges[dim.getPosition()] >= 0)
          shape[d] = ranges[dim.getPosition()];
      alloc.getResult().setType(MemRefType::get(shape, alloc.getType().getElementType()));
    }
  }
  return copy;
}

} // namespace onnxc
