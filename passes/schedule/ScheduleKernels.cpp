// Tiles and vectorises each kernel for the target.
//
// A kernel is read as a loop nest over linear accesses (LoopNest), a tiling is
// chosen from the target row (Tiling), constant operands are repacked into
// panels (PackWeights), and the nest is written as scf and vector ops
// (EmitTile).  A kernel of another form keeps its linalg ops, which become
// plain loops later.
#include "passes/schedule/KernelTable.h"
#include "passes/schedule/EmitTile.h"
#include "passes/schedule/PackWeights.h"
#include "passes/schedule/PaddedView.h"
#include "passes/schedule/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/OwningOpRef.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Time of a kernel on one core, to the order of magnitude: the larger of its
/// arithmetic and its traffic. Loops of unknown extent count kUnknownExtent.
int64_t estimatedNanoseconds(LoopNest &nest, const Target &target) {
  constexpr double kInstructionsPerNs = 3, kBytesPerNs = 10;
  auto product = [&](llvm::function_ref<bool(size_t)> take) {
    double n = 1;
    for (size_t d = 0; d < nest.loops.size(); ++d)
      if (take(d))
        n *= double(nest.loops[d].size().value_or(kUnknownExtent));
    return n;
  };
  double bytes = 0, operations = 0, bits = 8;
  for (Access *a : nest.accesses()) {
    if (a->scalar)
      continue;
    double width = a->element.isIntOrFloat() ? a->element.getIntOrFloatBitWidth() : 64;
    bits = std::max(bits, width);
    bytes += product([&](size_t d) { return a->dependsOn(d); }) * width / 8;
  }
  operations += product([](size_t) { return true; }) * double(nest.root.getBody()->getOperations().size());
  if (nest.epilogue)
    operations += product([&](size_t d) { return !nest.loops[d].reduction; }) * double(nest.epilogue.getBody()->getOperations().size());
  return int64_t(std::min(1e18, std::max(operations / target.lanes(unsigned(bits)) / kInstructionsPerNs, bytes / kBytesPerNs)));
}

/// Writes `nest` as loops and takes its ops away. `replaced`: the argument whose place a panel, the next one, took; -1: none.
void write(func::FuncOp kernel, LoopNest &nest, const Tiling &tiling, const Target &target, int replaced) {
  emitNest(nest, tiling, target, replaced >= 0 ? kernel.getArgument(replaced + 1) : BlockArgument());
  if (nest.epilogue)
    nest.epilogue.erase();
  nest.root.erase();
  if (nest.fill)
    nest.fill.erase();
  for (auto view : llvm::make_early_inc_range(kernel.getOps<UnrealizedConversionCastOp>()))
    view.erase();
  if (nest.temporary && nest.temporary->use_empty())
    nest.temporary.erase();
  if (replaced >= 0)
    (void)kernel.eraseArgument(replaced);
}

/// Loops over parallel dims can be counted down.
bool canTurn(const LoopNest &nest) {
  return llvm::all_of(nest.loops, [](const Loop &l) { return l.reduction || l.size(); });
}

void schedule(func::FuncOp kernel, const Target &target, WeightPacker &packer, bool bothWays) {
  generalizeLoneFill(kernel);
  // A nest over sizes known at run time only leaves ops that read them, which no second one may find.
  OwningOpRef<func::FuncOp> asWritten = bothWays ? kernel.clone() : func::FuncOp();
  auto nest = buildLoopNest(kernel);
  if (!nest)
    return materializePaddedViews(kernel);
  auto argumentOf = [](const LoopNest &nest, unsigned input) {
    auto arg = dyn_cast_if_present<BlockArgument>(nest.inputs[input].operand);
    // A weight that the kernel uses in two ways is left as it is.
    return arg && arg.hasOneUse() ? int(arg.getArgNumber()) : -1;
  };
  auto choose = [&](LoopNest &nest) {
    auto isWeight = [&](unsigned input) {
      int arg = argumentOf(nest, input);
      return arg >= 0 && packer.isConstant(kernel, arg);
    };
    auto output = dyn_cast_if_present<BlockArgument>(nest.output.operand);
    auto bytes = [&](unsigned input, bool isUnsigned) { return packer.byteRange(kernel, argumentOf(nest, input), isUnsigned); };
    auto columnSum = [&](unsigned input, int column, ByteRange range) {
      return packer.columnSum(kernel, argumentOf(nest, input), nest, input, column, range);
    };
    return chooseTiling(nest, target, {isWeight, output && packer.isApart(kernel, output.getArgNumber()), bytes, columnSum});
  };
  auto tiling = choose(*nest);
  if (!tiling)
    return materializePaddedViews(kernel);
  kernel->setAttr(kKernelCostAttr, Builder(kernel.getContext()).getI64IntegerAttr(estimatedNanoseconds(*nest, target)));
  kernel->setAttr(kTileAttr, Builder(kernel.getContext()).getDenseI64ArrayAttr({tiling->tile, tiling->vectors, tiling->lanes}));
  func::FuncOp turned;
  if (bothWays && canTurn(*nest)) {
    turned = asWritten.release();
    turned->setAttrs(kernel->getAttrs());
    turned.setSymName((kernel.getSymName() + "_backward").str());
    turned->setAttr(kBackwardCopyAttr, UnitAttr::get(kernel.getContext()));
    kernel->setAttr(kBackwardAttr, FlatSymbolRefAttr::get(turned));
    kernel->getBlock()->getOperations().insertAfter(kernel->getIterator(), turned);
  }
  std::optional<LoopNest> same;
  std::optional<Tiling> backward;
  if (turned) {
    same = buildLoopNest(turned);
    backward = choose(*same); // the same choices, on values of this function; before packing changes the weights
    backward->backward = true;
  }
  int replaced = -1;
  Value panel;
  SmallVector<unsigned> sides; // arguments that the panel holds too
  if (tiling->packed >= 0 && !tiling->packAtRunTime) {
    replaced = argumentOf(*nest, tiling->packed);
    if (tiling->widened)
      for (unsigned side : tiling->widened->sides)
        sides.push_back(argumentOf(*nest, side));
    panel = packer.pack(kernel, replaced, *nest, *tiling, sides);
  }
  llvm::sort(sides, std::greater<>());
  if (turned) {
    if (panel)
      (void)turned.insertArgument(replaced + 1, panel.getType(), DictionaryAttr::get(kernel.getContext()), kernel.getLoc());
    write(turned, *same, *backward, target, replaced);
    for (unsigned side : sides)
      (void)turned.eraseArgument(side);
  }
  write(kernel, *nest, *tiling, target, replaced);
  for (unsigned side : sides)
    packer.drop(kernel, side);
}

struct ScheduleKernelsPass : PassWrapper<ScheduleKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ScheduleKernelsPass)
  ScheduleKernelsPass(const Target &target, bool bothWays) : target(target), bothWays(bothWays) {}
  ScheduleKernelsPass(const ScheduleKernelsPass &other) : PassWrapper(other), target(other.target), bothWays(other.bothWays) {}
  StringRef getArgument() const override { return "onnxc-schedule-kernels"; }
  StringRef getDescription() const override { return "tile and vectorise each kernel for the target"; }
  void getDependentDialects(DialectRegistry &r) const override {
    r.insert<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
  }
  void runOnOperation() override {
    WeightPacker packer(getOperation());
    SmallVector<func::FuncOp> kernels;
    for (auto f : getOperation().getOps<func::FuncOp>())
      if (f->hasAttr(kKernelAttr))
        kernels.push_back(f);
    for (func::FuncOp kernel : kernels)
      schedule(kernel, target, packer, bothWays);
  }
  Target target;
  bool bothWays;
};

} // namespace

std::unique_ptr<Pass> createScheduleKernelsPass(const Target &target, bool bothWays) {
  return std::make_unique<ScheduleKernelsPass>(target, bothWays);
}

} // namespace onnxc
