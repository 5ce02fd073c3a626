// Padding that windows read is left out instead of stored.
//
//   %p = memref.alloc() : memref<1x37x37x48xf32>     %y = memref.alloc() : memref<1x35x35x48xf32>
//   call @fill(%p)                                    call @produce(%x, %y)
//   %in = memref.subview %p[0, 1, 1, 0] ...       ->  call @convolve(%y, %w, %z)
//   call @produce(%x, %in)                            // @convolve sees %y through a padded view
//   call @convolve(%p, %w, %z)
//
// That holds where reading the padding cannot change the result: products with
// 0 in a sum, the neutral element of a maximum.  Where the contents are a copy
// of another buffer, that buffer is read and the copy goes.  The kernels' loops
// then have bounds that keep out of the padding (EmitTile).
#include "passes/schedule/KernelTable.h"
#include "passes/schedule/LoopNest.h"
#include "passes/schedule/PaddedView.h"
#include "passes/schedule/Schedule.h"
#include "passes/schedule/Tiling.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace onnxc {
namespace {

/// A buffer of which one part is written and the rest holds `value`.
struct Padded {
  memref::AllocOp alloc;
  func::CallOp fill;
  TypedAttr value;
  memref::SubViewOp interior;
  SmallVector<func::CallOp> readers;
};

class ImplicitPadding {
public:
  ImplicitPadding(ModuleOp module, func::FuncOp main, const Target &target) : kernels(module), main(main), target(target) {}

  void run() {
    SmallVector<memref::AllocOp> allocs;
    main.walk([&](memref::AllocOp op) {
      if (op.getType().hasStaticShape())
        allocs.push_back(op);
    });
    for (memref::AllocOp op : allocs)
      if (std::optional<Padded> p = match(op))
        rewrite(*p);
    kernels.eraseUncalled();
  }

private:
  func::FuncOp kernelOf(func::CallOp call) { return kernels.kernelOf(call); }

  // ---- recognising ---------------------------------------------------------
  /// The constant that a kernel of nothing but a fill writes into its only buffer.
  TypedAttr filledWith(func::CallOp call) {
    func::FuncOp kernel = kernelOf(call);
    if (!kernel || call.getNumOperands() != 1)
      return {};
    linalg::FillOp fill;
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      if (isa<arith::ConstantOp>(op))
        continue;
      if (fill || !isa<linalg::FillOp>(op))
        return {};
      fill = cast<linalg::FillOp>(op);
    }
    TypedAttr value;
    if (!fill || !matchPattern(fill.getInputs()[0], m_Constant(&value)))
      return {};
    return value;
  }

  std::optional<Padded> match(memref::AllocOp alloc) {
    Padded p;
    p.alloc = alloc;
    for (Operation *user : alloc->getUsers()) {
      if (user->getBlock() != alloc->getBlock())
        return std::nullopt;
      if (auto view = dyn_cast<memref::SubViewOp>(user)) {
        if (p.interior)
          return std::nullopt;
        p.interior = view;
        continue;
      }
      auto call = dyn_cast<func::CallOp>(user);
      if (!call || !kernelOf(call))
        return std::nullopt;
      if (TypedAttr value = filledWith(call)) {
        if (p.fill)
          return std::nullopt;
        p.fill = call;
        p.value = value;
      } else if (!llvm::is_contained(p.readers, call)) {
        p.readers.push_back(call);
      }
    }
    memref::SubViewOp v = p.interior;
    if (!p.fill || !v || p.readers.empty() || !v.getType().hasStaticShape() || v.getType().getRank() != alloc.getType().getRank() ||
        llvm::any_of(v.getStaticStrides(), [](int64_t s) { return s != 1; }) ||
        llvm::any_of(v.getStaticOffsets(), ShapedType::isDynamic))
      return std::nullopt;
    for (Operation *user : v->getUsers())
      if (!isa<func::CallOp>(user) || user->getBlock() != alloc->getBlock() || !kernelOf(cast<func::CallOp>(user)) ||
          user->isBeforeInBlock(p.fill))
        return std::nullopt;
    for (func::CallOp call : p.readers) {
      // What reads the padding comes after everything that writes the contents.
      if (call->isBeforeInBlock(p.fill) || !readsWithoutPadding(call, p))
        return std::nullopt;
      for (Operation *user : v->getUsers())
        if (user == call.getOperation() || (writes(cast<func::CallOp>(user), v) && call->isBeforeInBlock(user)))
          return std::nullopt;
    }
    return p;
  }

  /// The kernel of `call` may write the buffer `v`.
  bool writes(func::CallOp call, Value v) {
    func::FuncOp kernel = kernelOf(call);
    if (!kernel)
      return true;
    for (auto [operand, arg] : llvm::zip(call.getOperands(), kernel.getArguments())) {
      if (!isa<MemRefType>(operand.getType()) || bufferOf(operand) != bufferOf(v))
        continue;
      for (OpOperand &use : arg.getUses()) {
        auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
        if (!op || op.isDpsInit(&use))
          return true;
      }
    }
    return false;
  }

  /// The kernel reads the buffer once, as a window whose padding is neutral, and can be scheduled that way.
  bool readsWithoutPadding(func::CallOp call, Padded &p) {
    func::FuncOp kernel = kernelOf(call);
    int at = -1;
    for (auto [i, v] : llvm::enumerate(call.getOperands()))
      if (v == p.alloc.getResult()) {
        if (at >= 0)
          return false;
        at = i;
      }
    BlockArgument arg = kernel.getArgument(at);
    if (!arg.hasOneUse())
      return false;
    auto root = dyn_cast<linalg::GenericOp>(*arg.user_begin());
    OpOperand *use = &*arg.use_begin();
    if (!root || !root.isDpsInput(use) || !root.getNumReductionLoops() || root.hasIndexSemantics() ||
        !isNeutral(root, root.getMatchingBlockArgument(use), p.value))
      return false;
    // A trial: is it a nest, and is there a tiling that leaves the padding out?
    func::FuncOp trial = readerOf(kernel, at, p, cast<MemRefType>(contentsType(p)));
    auto nest = buildLoopNest(trial);
    bool good = false;
    if (nest) {
      auto isWeight = [&](unsigned input) {
        auto a = dyn_cast_if_present<BlockArgument>(nest->inputs[input].operand);
        return a && call.getOperand(a.getArgNumber()).getDefiningOp<memref::GetGlobalOp>();
      };
      auto tiling = windowsAreSimple(*nest) ? chooseTiling(*nest, target, {isWeight, true}) : std::nullopt;
      good = tiling && !tiling->wantsStoredPadding;
    }
    trial.erase();
    return good;
  }

  /// Each window is about one parallel and one reduction loop.
  static bool windowsAreSimple(LoopNest &nest) {
    for (const Access &a : nest.inputs)
      for (const Window &w : a.windows) {
        int parallel = 0, reduction = 0;
        for (auto [loop, c] : llvm::zip(nest.loops, w.coeff)) {
          if (!loop.size() || c < 0)
            return false;
          (loop.reduction ? reduction : parallel) += c != 0;
        }
        if (parallel > 1 || reduction != 1)
          return false;
      }
    return true;
  }

  /// `v`, which follows from `in`, when `in` is `padding`.
  static std::optional<APInt> evaluate(Value v, BlockArgument in, const APInt &padding) {
    if (v == in)
      return padding;
    APInt constant;
    if (matchPattern(v, m_ConstantInt(&constant)))
      return constant;
    Operation *def = v.getDefiningOp();
    if (!isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp, arith::SubIOp>(def))
      return std::nullopt;
    auto first = evaluate(def->getOperand(0), in, padding);
    if (!first)
      return std::nullopt;
    if (isa<arith::ExtSIOp>(def))
      return first->sext(v.getType().getIntOrFloatBitWidth());
    if (isa<arith::ExtUIOp>(def))
      return first->zext(v.getType().getIntOrFloatBitWidth());
    auto second = evaluate(def->getOperand(1), in, padding);
    return second ? std::optional<APInt>(*first - *second) : std::nullopt;
  }

  /// combine(acc, f(padding)) is acc.
  static bool isNeutral(linalg::GenericOp root, BlockArgument in, TypedAttr value) {
    auto kind = combiningKind(root);
    if (!kind || !in.hasOneUse())
      return false;
    Operation *combine = root.getBody()->getTerminator()->getOperand(0).getDefiningOp();
    Value acc = root.getRegionOutputArgs()[0];
    Value term = combine->getOperand(0) == acc ? combine->getOperand(1) : combine->getOperand(0);
    auto real = dyn_cast<FloatAttr>(value);
    auto integer = dyn_cast<IntegerAttr>(value);
    using Kind = vector::CombiningKind;
    switch (*kind) {
    case Kind::ADD: {
      bool zero = real ? real.getValue().isZero() : integer && integer.getValue().isZero();
      Operation *def = term.getDefiningOp();
      if (integer && isa_and_nonnull<arith::MulIOp>(def))
        for (Value factor : def->getOperands())
          if (auto value = evaluate(factor, in, integer.getValue()); value && value->isZero())
            return true;
      return zero && (term == in || (isa_and_nonnull<arith::MulFOp, arith::MulIOp>(def) && llvm::is_contained(def->getOperands(), in)));
    }
    case Kind::MAXIMUMF:
    case Kind::MAXNUMF:
      return term == in && real && real.getValue().isNegative() && (real.getValue().isInfinity() || real.getValue().isLargest());
    case Kind::MAXSI:
      return term == in && integer && integer.getValue().isMinSignedValue();
    case Kind::MAXUI:
      return term == in && integer && integer.getValue().isZero();
    default:
      return false;
    }
  }

  // ---- rewriting -----------------------------------------------------------
  static Type contentsType(Padded &p) {
    auto type = p.interior.getType();
    return MemRefType::get(type.getShape(), type.getElementType());
  }

  /// A copy of `kernel`, outside the module's table, whose argument `arg` is the unpadded buffer.
  func::FuncOp readerOf(func::FuncOp kernel, unsigned arg, Padded &p, MemRefType type) {
    func::FuncOp copy = kernel.clone();
    setArgumentType(copy, arg, type);
    OpBuilder b = OpBuilder::atBlockBegin(&copy.getBody().front());
    BlockArgument inner = copy.getArgument(arg);
    Value view = createPaddedView(b, copy.getLoc(), inner, p.alloc.getType(), p.interior.getStaticOffsets(), p.value);
    inner.replaceAllUsesExcept(view, view.getDefiningOp());
    return copy;
  }

  /// The buffer that the contents are only a copy of, if it can be read instead.
  Value copiedFrom(Padded &p) {
    if (!p.interior->hasOneUse())
      return {};
    auto call = cast<func::CallOp>(*p.interior->user_begin());
    func::FuncOp kernel = kernelOf(call);
    SmallVector<linalg::GenericOp> ops(kernel.getOps<linalg::GenericOp>());
    if (ops.size() != 1 || call.getNumOperands() != 2 || ops[0].getNumDpsInputs() != 1 || call.getOperand(1) != p.interior.getResult() ||
        ops[0].getBody()->getTerminator()->getOperand(0) != ops[0].getBody()->getArgument(0) ||
        !llvm::all_of(ops[0].getIndexingMapsArray(), [](AffineMap m) { return m.isIdentity(); }))
      return {};
    Value source = call.getOperand(0);
    if (cast<MemRefType>(source.getType()).getShape() != p.interior.getType().getShape() || !isOwnBuffer(bufferOf(source)))
      return {};
    Operation *last = p.readers.front();
    for (func::CallOp reader : p.readers)
      if (last->isBeforeInBlock(reader))
        last = reader;
    for (Operation *op = call->getNextNode(); op; op = op->getNextNode()) {
      bool touches = false;
      op->walk([&](Operation *inner) {
        for (Value v : inner->getOperands())
          touches |= isa<MemRefType>(v.getType()) && bufferOf(v) == bufferOf(source);
      });
      auto other = dyn_cast<func::CallOp>(op);
      if (touches && !isPure(op) && (!other || writes(other, source)))
        return {};
      if (op == last)
        return source;
    }
    return {};
  }

  void rewrite(Padded &p) {
    OpBuilder b(p.alloc);
    Value contents = copiedFrom(p);
    if (contents) {
      p.interior->user_begin()->erase();
    } else {
      contents = memref::AllocOp::create(b, p.alloc.getLoc(), cast<MemRefType>(contentsType(p)));
      SmallVector<OpOperand *> uses;
      for (OpOperand &use : p.interior->getUses())
        uses.push_back(&use);
      for (OpOperand *use : uses) {
        auto call = cast<func::CallOp>(use->getOwner());
        func::FuncOp copy = kernelOf(call).clone();
        setArgumentType(copy, use->getOperandNumber(), contents.getType());
        use->set(contents);
        kernels.redirect(call, copy);
      }
    }
    for (func::CallOp call : p.readers)
      for (OpOperand &operand : call->getOpOperands())
        if (operand.get() == p.alloc.getResult()) {
          unsigned arg = operand.getOperandNumber();
          func::FuncOp copy = readerOf(kernelOf(call), arg, p, cast<MemRefType>(contents.getType()));
          operand.set(contents);
          kernels.redirect(call, copy);
          break;
        }
    p.interior.erase();
    p.fill.erase();
    p.alloc.erase();
  }

  KernelTable kernels;
  func::FuncOp main;
  const Target &target;
};

struct ImplicitPaddingPass : PassWrapper<ImplicitPaddingPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ImplicitPaddingPass)
  explicit ImplicitPaddingPass(const Target &target) : target(target) {}
  ImplicitPaddingPass(const ImplicitPaddingPass &other) : PassWrapper(other), target(other.target) {}
  StringRef getArgument() const override { return "onnxc-implicit-padding"; }
  StringRef getDescription() const override { return "leave out padding that windows read instead of storing it"; }
  void runOnOperation() override {
    if (auto main = getOperation().lookupSymbol<func::FuncOp>("main"))
      ImplicitPadding(getOperation(), main, target).run();
  }
  Target target;
};

} // namespace

std::unique_ptr<Pass> createImplicitPaddingPass(const Target &target) { return std::make_unique<ImplicitPaddingPass>(target); }

} // namespace onnxc
