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
    llvm::DenseSet<Operation *> raised;
    for (rt::CheckOp op : ops)
      raise(op, raised);
    for (rt::CheckOp op : ops) {
      auto [it, isNew] = numbers.try_emplace({op.getTextAttr(), op.getStatusAttr()}, int(checks.size()));
      if (isNew)
        checks.push_back({int32_t(op.getStatus()), op.getNode().str(), op.getText().str()});
      lower(b, op, fail, frame, it->second);
    }
  }

  /// Moves a check up to where its operands are known: types may have told a
  /// kernel before it what only the check makes true, as the declared size of an output.
  /// Checks of the same place keep their order, in which one may rely on the other:
  /// `raised` holds what was moved for those before it.
  static void raise(rt::CheckOp op, llvm::DenseSet<Operation *> &raised) {
    Block *block = op->getBlock();
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
      } else if (!last || last->isBeforeInBlock(made)) {
        last = made;
      }
    };
    for (Value operand : op->getOperands())
      visit(visit, operand);
    moving.insert(op);
    Operation *place = last ? last->getNextNode() : &block->front();
    while (raised.contains(place))
      place = place->getNextNode();
    raised.insert(moving.begin(), moving.end());
    for (Operation *each : moving) {
      if (each == place)
        place = place->getNextNode();
      else if (place->isBeforeInBlock(each))
        each->moveBefore(place);
    }
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
