// Checks of a run become branches.
//
//   rt.check %ok, got %n, wanted %m, 2, ...      cf.cond_br %ok, ^rest, ^failed
//                                           ->  ^failed:
//                                                 call @onnxc.fail(%frame, 0, %n, %m)
//                                                 return
//
// The code generator defines @onnxc.fail (EntrySupport.cpp); what the run took
// from the caller's allocator is given back behind @main.
#include "codegen/llvm/LowerChecks.h"
#include "dialects/rt/Rt.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace onnxc {
namespace {

/// Moves checks up to where their operands are known: types may have told a
/// kernel before a check what only the check makes true, as the declared size of an output.
/// Checks of the same place keep their order, in which one may rely on the other.
class Places {
public:
  void raise(rt::CheckOp op) {
    Block *block = op->getBlock();
    if (blocks.insert(block).second)
      for (auto [i, each] : llvm::enumerate(*block))
        place[&each] = i + 1;
    llvm::SetVector<Operation *> moving; // operands first
    Operation *last = nullptr;           // of what stays where it is
    auto visit = [&](auto &&self, Value v) -> void {
      Operation *made = v.getDefiningOp();
      if (!made || made->getBlock() != block || moving.contains(made))
        return;
      if (isPure(made) && made->getNumRegions() == 0) {
        for (Value operand : made->getOperands())
          self(self, operand);
        moving.insert(made);
      } else if (!last || place[last] < place[made]) {
        last = made;
      }
    };
    for (Value operand : op->getOperands())
      visit(visit, operand);
    moving.insert(op);
    size_t here = last ? place[last] : 0;
    Operation *&behind = end.try_emplace({block, here}, last).first->second;
    for (Operation *each : moving) {
      if (place[each] <= here)
        continue;
      if (behind)
        each->moveAfter(behind);
      else
        each->moveBefore(block, block->begin());
      place[each] = here;
      behind = each;
    }
  }

private:
  llvm::DenseSet<Block *> blocks;                                 ///< whose operations have a place
  llvm::DenseMap<Operation *, size_t> place;                      ///< number in its block at first, of what it was moved behind later
  llvm::DenseMap<std::pair<Block *, size_t>, Operation *> end;    ///< the last check that was moved behind an operation
};

struct LowerChecksPass : PassWrapper<LowerChecksPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerChecksPass)
  explicit LowerChecksPass(std::vector<RunCheck> &checks) : checks(checks) {}
  StringRef getArgument() const override { return "onnxc-lower-checks"; }
  StringRef getDescription() const override { return "rt.check to branches"; }
  void getDependentDialects(DialectRegistry &r) const override { r.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect>(); }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    SmallVector<rt::CheckOp> ops;
    if (main)
      main.walk([&](rt::CheckOp op) { ops.push_back(op); });
    if (ops.empty())
      return;
    OpBuilder b(main);
    Type i64 = b.getI64Type();
    auto fail = func::FuncOp::create(b, main.getLoc(), "onnxc.fail",
                                     b.getFunctionType({b.getIndexType(), b.getI32Type(), i64, i64}, {}));
    fail.setPrivate();
    Value frame = main.getBody().front().getArguments().back();
    llvm::MapVector<std::pair<Attribute, Attribute>, int> numbers;
    Places places;
    for (rt::CheckOp op : ops)
      places.raise(op);
    SmallVector<int> which;
    for (rt::CheckOp op : ops) {
      auto [it, isNew] = numbers.try_emplace({op.getTextAttr(), op.getStatusAttr()}, int(checks.size()));
      if (isNew)
        checks.push_back({int32_t(op.getStatus()), op.getNode().str(), op.getText().str()});
      which.push_back(it->second);
    }
    // From the last to the first: each split moves what is up to the next one.
    for (auto [op, number] : llvm::reverse(llvm::zip_equal(ops, which)))
      lower(b, op, fail, frame, number);
  }

  void lower(OpBuilder &b, rt::CheckOp op, func::FuncOp fail, Value frame, int number) {
    Location loc = op.getLoc();
    Block *here = op->getBlock(), *rest = here->splitBlock(std::next(op->getIterator()));
    Block *failed = b.createBlock(here->getParent(), here->getParent()->end());
    Value which = arith::ConstantIntOp::create(b, loc, number, 32);
    func::CallOp::create(b, loc, fail, ValueRange{frame, which, op.getGot(), op.getWanted()});
    func::ReturnOp::create(b, loc);
    b.setInsertionPoint(op);
    cf::CondBranchOp::create(b, loc, op.getOk(), rest, ValueRange(), failed, ValueRange());
    op.erase();
  }

  std::vector<RunCheck> &checks;
};

} // namespace

std::unique_ptr<Pass> createLowerChecksPass(std::vector<RunCheck> &checks) { return std::make_unique<LowerChecksPass>(checks); }

} // namespace onnxc
