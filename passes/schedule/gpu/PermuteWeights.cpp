// Constant operands are stored as their kernels walk through them.
//
//   call @kernel(%x, %w : memref<64x32x3x3xf32>, ...)    w[n, ci, kh, kw]
// becomes
//   call @kernel(%x, %v : memref<3x3x32x64xf32>, ...)    v[kh, kw, ci, n]
//
// so that neighbouring threads load neighbouring columns, 16 bytes each; where
// the kernel sums up along k with the threads of a warp, neighbouring steps of
// k. Rows begin at sectors of memory: behind each are zeros up to the next
//
//   memref<134x402xf32, strided<[408, 1]>>
//
// Constants of other kernels lie so that neighbouring threads load neighbouring
// elements.
#include "passes/schedule/gpu/ConstantBytes.h"
#include "passes/schedule/gpu/Contraction.h"
#include "passes/schedule/gpu/Gpu.h"
#include "passes/schedule/gpu/Mapping.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace onnxc {
namespace {

/// A constant, or a part of it, as a call passes it.
struct ConstantView {
  memref::GlobalOp global;
  SmallVector<int64_t> strides;
  int64_t offset = 0;
};

/// The dims of `operand` in the order of `groups`, slowest first; nullopt
/// where they are no plain loops.
std::optional<SmallVector<unsigned>> wantedOrder(linalg::GenericOp root, OpOperand *operand, ArrayRef<const LoopGroup *> groups) {
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
  if (order.size() != map.getNumResults())
    return std::nullopt;
  return order;
}

/// Elements from one row of `length` to the next, so that each begins at a
/// sector; never more than twice the length.
int64_t pitchOf(int64_t length, Type element) {
  int64_t pitch = llvm::alignTo(length, std::max<int64_t>(kSectorBytes / elementBytes(element), 1));
  return pitch <= 2 * length ? pitch : length;
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
      permuteSide(kernel, ops->root, c->rows, *c, c->m);
      permuteSide(kernel, ops->root, c->columns, *c, c->n);
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
        permute(kernel, ops->root, operand, {&rest, &last}, /*padRows=*/false);
  }

private:
  void permuteSide(func::FuncOp kernel, linalg::GenericOp root, OpOperand *operand, const Contraction &c, const LoopGroup &own) {
    // What fills no tile is a sum for each result, which a warp adds up.
    bool isSummed = !fillsTiles(c);
    permute(kernel, root, operand, isSummed ? ArrayRef{&c.batch, &own, &c.k} : ArrayRef{&c.batch, &c.k, &own}, /*padRows=*/true);
  }

  std::optional<ConstantView> constantAt(func::CallOp call, unsigned arg) {
    Value v = call.getOperand(arg);
    ConstantView view;
    if (failed(cast<MemRefType>(v.getType()).getStridesAndOffset(view.strides, view.offset)) || ShapedType::isDynamic(view.offset) ||
        llvm::any_of(view.strides, ShapedType::isDynamic))
      return std::nullopt;
    // Offset and strides of these count from the start of the buffer.
    while (isa_and_nonnull<memref::SubViewOp, memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp>(v.getDefiningOp()))
      v = v.getDefiningOp()->getOperand(0);
    auto get = v.getDefiningOp<memref::GetGlobalOp>();
    view.global = get ? module.lookupSymbol<memref::GlobalOp>(get.getName()) : memref::GlobalOp();
    if (!view.global || !view.global.getConstant() || !view.global.getInitialValue())
      return std::nullopt;
    return view;
  }

  void permute(func::FuncOp kernel, linalg::GenericOp root, OpOperand *operand, ArrayRef<const LoopGroup *> groups, bool padRows) {
    auto arg = dyn_cast<BlockArgument>(operand->get());
    if (!arg || !arg.hasOneUse())
      return;
    auto type = cast<MemRefType>(arg.getType());
    if (!type.hasStaticShape() || type.getNumElements() == 0)
      return;
    auto order = wantedOrder(root, operand, groups);
    ArrayRef<func::CallOp> callers = calls[kernel.getSymName()];
    if (!order || order->empty() || !llvm::all_of(callers, [&](func::CallOp call) { return bool(constantAt(call, arg.getArgNumber())); }))
      return;
    SmallVector<int64_t> shape;
    for (unsigned d : *order)
      shape.push_back(type.getDimSize(d));
    SmallVector<int64_t> padded = shape;
    if (padRows && type.getNumElements() > shape.back())
      padded.back() = pitchOf(shape.back(), type.getElementType());
    if (llvm::is_sorted(*order) && padded == shape)
      return;
    auto stored = MemRefType::get(padded, type.getElementType());
    auto passed = MemRefType::get(shape, type.getElementType());
    SmallVector<int64_t> strides;
    int64_t offset;
    (void)stored.getStridesAndOffset(strides, offset);
    if (padded != shape)
      passed = MemRefType::get(shape, type.getElementType(), StridedLayoutAttr::get(kernel.getContext(), 0, strides));
    for (func::CallOp call : callers) {
      memref::GlobalOp made = copyOf(*constantAt(call, arg.getArgNumber()), stored, shape, *order);
      OpBuilder b(call);
      auto get = memref::GetGlobalOp::create(b, call.getLoc(), stored, made.getSymName());
      get->setAttr(kOnDeviceAttr, b.getUnitAttr());
      Value v = get;
      if (padded != shape)
        v = memref::ReinterpretCastOp::create(b, call.getLoc(), passed, v, /*offset=*/0, shape, strides);
      call.setOperand(arg.getArgNumber(), v);
    }
    arg.setType(passed);
    // A row is what one loop walks through, all by itself: it may read on into the zeros.
    if (padded != shape && groups.back()->total == shape.back())
      markZeroTail(root, operand);
    kernel.setFunctionType(FunctionType::get(kernel.getContext(), kernel.getBody().getArgumentTypes(), {}));
    SmallVector<AffineMap> maps = root.getIndexingMapsArray();
    AffineMap &map = maps[operand->getOperandNumber()];
    SmallVector<AffineExpr> results;
    for (unsigned d : *order)
      results.push_back(map.getResult(d));
    map = AffineMap::get(map.getNumDims(), 0, results, map.getContext());
    root.setIndexingMapsAttr(Builder(kernel.getContext()).getAffineMapArrayAttr(maps));
  }

  /// The elements of `source`, in `order` its dims `shape`, with zeros up to those of `type`.
  memref::GlobalOp copyOf(const ConstantView &view, MemRefType type, ArrayRef<int64_t> shape, ArrayRef<unsigned> order) {
    memref::GlobalOp source = view.global;
    std::string key = source.getSymName().str() + "@" + std::to_string(view.offset);
    SmallVector<int64_t> steps;
    for (unsigned d : order)
      steps.push_back(view.strides[d]);
    for (ArrayRef<int64_t> part : {ArrayRef<int64_t>(steps), type.getShape()})
      for (int64_t n : part)
        key += "_" + std::to_string(n);
    memref::GlobalOp &made = known[key];
    if (made)
      return made;
    int64_t width = elementBytes(type.getElementType()), rank = type.getRank();
    std::vector<char> from = constantBytes(*source.getInitialValue(), source.getType());
    AsmResourceBlob blob = HeapAsmResourceBlob::allocate(type.getNumElements() * width, 64, /*dataIsMutable=*/true);
    char *to = blob.getMutableData().data();
    memset(to, 0, type.getNumElements() * width);
    SmallVector<int64_t> at(rank, 0);
    int64_t offset = view.offset;
    for (int64_t i = 0, rows = ShapedType::getNumElements(shape) / shape.back(); i < rows; ++i, to += type.getShape().back() * width) {
      for (int64_t j = 0; j < shape.back(); ++j)
        memcpy(to + j * width, from.data() + (offset + j * steps.back()) * width, width);
      for (int64_t d = rank - 2; d >= 0; --d) {
        offset += steps[d];
        if (++at[d] < shape[d])
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
