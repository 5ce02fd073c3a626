// Constant operands are stored as their kernels walk through them.
//
//   call @kernel(%x, %w : memref<64x32x3x3xf32>, ...)    w[n, ci, kh, kw]
// becomes
//   call @kernel(%x, %v : memref<3x3x32x64xf32>, ...)    v[kh, kw, ci, n]
//
// so that neighbouring threads load neighbouring columns, 16 bytes each; and
// constants of other kernels so that neighbouring threads load neighbouring
// elements.
#include "passes/schedule/gpu/ConstantBytes.h"
#include "passes/schedule/gpu/Contraction.h"
#include "passes/schedule/gpu/Gpu.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace onnxc {
namespace {

/// The dims of `operand` in the order of `groups`, slowest first;
/// empty where they lie so already, or are no plain loops.
SmallVector<unsigned> wantedOrder(linalg::GenericOp root, OpOperand *operand, ArrayRef<const LoopGroup *> groups) {
  SmallVector<unsigned> loops, order;
  for (const LoopGroup *group : groups)
    loops.append(group->loops.begin(), group->loops.end());
  AffineMap map = root.getMatchingIndexingMap(operand);
  auto take = [&](llvm::function_ref<bool(AffineExpr)> is) {
    for (auto [i, e] : llvm::enumerate(map.getResults()))
      if (is(e))
        order.push_back(i);
  };
  take([](AffineExpr e) { return isa<AffineConstantExpr>(e); });
  for (unsigned loop : loops)
    take([&](AffineExpr e) { return e == getAffineDimExpr(loop, map.getContext()); });
  if (order.size() != map.getNumResults() || llvm::is_sorted(order))
    return {};
  return order;
}

class Permuter {
public:
  explicit Permuter(ModuleOp module) : module(module) {
    module.walk([&](func::CallOp call) { calls[call.getCallee()].push_back(call); });
  }

  void run(func::FuncOp kernel) {
    auto ops = readKernel(kernel.getBody().front());
    auto epilogue = ops ? epilogueLoops(*ops) : std::nullopt;
    if (!epilogue)
      return;
    if (auto c = readContraction(*ops, *epilogue)) {
      permuteSide(kernel, ops->root, c->rows, *c, c->m, c->n);
      permuteSide(kernel, ops->root, c->columns, *c, c->n, c->m);
      return;
    }
    // Threads follow the loop along which results are stored.
    int fastest = fastestLoop(*ops, *epilogue);
    if (fastest < 0)
      return;
    LoopGroup rest, last;
    SmallVector<int64_t> extents = ops->root.getStaticLoopRanges();
    for (auto [loop, extent] : llvm::enumerate(extents))
      (int(loop) == fastest ? last : rest).add(loop, extent);
    for (OpOperand *operand : ops->root.getDpsInputOperands())
      if (isa<MemRefType>(operand->get().getType()) && ops->root.getMatchingIndexingMap(operand).isFunctionOfDim(fastest))
        permute(kernel, ops->root, operand, {&rest, &last});
  }

private:
  void permuteSide(func::FuncOp kernel, linalg::GenericOp root, OpOperand *operand, const Contraction &c, const LoopGroup &own, const LoopGroup &other) {
    // A matrix times a vector is a sum for each row, which a warp adds up.
    bool isVectorProduct = other.total == 1 && own.total > 1;
    permute(kernel, root, operand, isVectorProduct ? ArrayRef{&c.batch, &own, &c.k} : ArrayRef{&c.batch, &c.k, &own});
  }

  memref::GlobalOp constantAt(func::CallOp call, unsigned arg) {
    auto get = call.getOperand(arg).getDefiningOp<memref::GetGlobalOp>();
    auto global = get ? module.lookupSymbol<memref::GlobalOp>(get.getName()) : memref::GlobalOp();
    return global && global.getConstant() && global.getInitialValue() ? global : memref::GlobalOp();
  }

  void permute(func::FuncOp kernel, linalg::GenericOp root, OpOperand *operand, ArrayRef<const LoopGroup *> groups) {
    auto arg = dyn_cast<BlockArgument>(operand->get());
    if (!arg || !arg.hasOneUse())
      return;
    auto type = cast<MemRefType>(arg.getType());
    SmallVector<unsigned> order = wantedOrder(root, operand, groups);
    ArrayRef<func::CallOp> callers = calls[kernel.getSymName()];
    if (order.empty() || !type.getLayout().isIdentity() ||
        !llvm::all_of(callers, [&](func::CallOp call) { return bool(constantAt(call, arg.getArgNumber())); }))
      return;
    SmallVector<int64_t> shape;
    for (unsigned d : order)
      shape.push_back(type.getDimSize(d));
    auto permuted = MemRefType::get(shape, type.getElementType());
    for (func::CallOp call : callers) {
      memref::GlobalOp made = copyOf(constantAt(call, arg.getArgNumber()), permuted, order);
      OpBuilder b(call);
      auto get = memref::GetGlobalOp::create(b, call.getLoc(), permuted, made.getSymName());
      get->setAttr(kOnDeviceAttr, b.getUnitAttr());
      call.setOperand(arg.getArgNumber(), get);
    }
    arg.setType(permuted);
    kernel.setFunctionType(FunctionType::get(kernel.getContext(), kernel.getBody().getArgumentTypes(), {}));
    SmallVector<AffineMap> maps = root.getIndexingMapsArray();
    AffineMap &map = maps[operand->getOperandNumber()];
    SmallVector<AffineExpr> results;
    for (unsigned d : order)
      results.push_back(map.getResult(d));
    map = AffineMap::get(map.getNumDims(), 0, results, map.getContext());
    root.setIndexingMapsAttr(Builder(kernel.getContext()).getAffineMapArrayAttr(maps));
  }

  memref::GlobalOp copyOf(memref::GlobalOp source, MemRefType type, ArrayRef<unsigned> order) {
    std::string key = source.getSymName().str();
    for (unsigned d : order)
      key += "_" + std::to_string(d);
    memref::GlobalOp &made = known[key];
    if (made)
      return made;
    int64_t width = elementBytes(type.getElementType()), rank = type.getRank();
    std::vector<char> from = constantBytes(*source.getInitialValue(), source.getType());
    AsmResourceBlob blob = HeapAsmResourceBlob::allocate(type.getNumElements() * width, 64, /*dataIsMutable=*/true);
    SmallVector<int64_t> sourceStrides(rank, 1), steps(rank), at(rank, 0);
    for (int64_t d = rank - 1; d > 0; --d)
      sourceStrides[d - 1] = sourceStrides[d] * source.getType().getDimSize(d);
    for (auto [step, d] : llvm::zip(steps, order))
      step = sourceStrides[d];
    char *to = blob.getMutableData().data();
    int64_t offset = 0;
    for (int64_t i = 0, n = type.getNumElements(); i < n; ++i, to += width) {
      memcpy(to, from.data() + offset * width, width);
      for (int64_t d = rank - 1; d >= 0; --d) {
        offset += steps[d];
        if (++at[d] < type.getDimSize(d))
          break;
        offset -= steps[d] * at[d];
        at[d] = 0;
      }
    }
    OpBuilder b(source);
    std::string name = source.getSymName().str() + "_permuted" + std::to_string(known.size());
    auto value = DenseResourceElementsAttr::get(RankedTensorType::get(type.getShape(), type.getElementType()), name, std::move(blob));
    made = memref::GlobalOp::create(b, source.getLoc(), name, b.getStringAttr("private"), type, value, /*constant=*/true, IntegerAttr());
    return made;
  }

  ModuleOp module;
  llvm::StringMap<SmallVector<func::CallOp>> calls;
  llvm::StringMap<memref::GlobalOp> known;
};

struct PermuteWeightsPass : PassWrapper<PermuteWeightsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PermuteWeightsPass)
  StringRef getArgument() const override { return "onnxc-permute-weights"; }
  StringRef getDescription() const override { return "constant operands of products lie as the device's kernels walk through them"; }
  void getDependentDialects(DialectRegistry &r) const override { r.insert<memref::MemRefDialect>(); }
  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::SetVector<func::FuncOp> kernels;
    module.walk([&](func::CallOp call) {
      if (call->hasAttr(kOnDeviceAttr))
        kernels.insert(module.lookupSymbol<func::FuncOp>(call.getCallee()));
    });
    Permuter permuter(module);
    for (func::FuncOp kernel : kernels)
      permuter.run(kernel);
  }
};

} // namespace

std::unique_ptr<Pass> createPermuteWeightsPass() { return std::make_unique<PermuteWeightsPass>(); }

} // namespace onnxc
