// Static planning of temporary buffers.
//
// `main` is a list of ops; a buffer is live from the first to the last op of
// the top-level block that touches it or a view of it.  Buffers are placed
// largest first at the lowest offset that is free for their whole lifetime.
#include "passes/memory/PlanArena.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace onnxc {

static int64_t alignUp(int64_t n) { return (n + kArenaAlign - 1) / kArenaAlign * kArenaAlign; }

static int64_t elementBytes(Type t) { return (t.isIndex() ? 64 : t.getIntOrFloatBitWidth() + 7) / 8; }

int64_t bufferBytes(MemRefType type) {
  return alignUp(std::max<int64_t>(1, type.getNumElements() * elementBytes(type.getElementType())));
}

/// A value that carries a buffer from one iteration of a loop around `alloc` to the next.
static bool crossesIterations(memref::AllocOp alloc, const BufferViewFlowAnalysis::ValueSetT &aliases) {
  for (Value v : aliases)
    if (auto arg = dyn_cast<BlockArgument>(v))
      if (auto loop = dyn_cast<LoopLikeOpInterface>(arg.getOwner()->getParentOp()); loop && loop->isAncestor(alloc))
        return true;
  return false;
}

/// Some alias outlives the block that `alloc` stands in.
static bool leavesBlock(memref::AllocOp alloc, const BufferViewFlowAnalysis::ValueSetT &aliases) {
  Region *region = alloc->getParentRegion();
  for (Value v : aliases)
    if (!region->isAncestor(v.getParentRegion()))
      return true;
  return false;
}

void placeBuffers(SmallVectorImpl<PlannedBuffer> &buffers, ArenaPlan &plan) {
  SmallVector<PlannedBuffer *> order;
  for (PlannedBuffer &b : buffers)
    order.push_back(&b);
  llvm::stable_sort(order, [](PlannedBuffer *a, PlannedBuffer *b) { return a->bytes > b->bytes; });
  SmallVector<PlannedBuffer *> placed;
  for (PlannedBuffer *b : order) {
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (PlannedBuffer *p : placed)
      if (p->first <= b->last && b->first <= p->last)
        taken.push_back({p->offset, p->offset + p->bytes});
    llvm::sort(taken);
    int64_t at = 0;
    for (auto [from, to] : taken) {
      if (from - at >= b->bytes)
        break;
      at = std::max(at, to);
    }
    b->offset = at;
    plan.bytes = std::max(plan.bytes, at + b->bytes);
    placed.push_back(b);
  }
  auto liveWith = [&](const PlannedBuffer &b) {
    return llvm::make_filter_range(buffers, [&](const PlannedBuffer &c) { return c.first <= b.first && b.first <= c.last; });
  };
  const PlannedBuffer *largest = nullptr;
  for (const PlannedBuffer &b : buffers) {
    int64_t live = 0;
    for (const PlannedBuffer &c : liveWith(b))
      live += c.bytes;
    if (live > plan.lowerBound) {
      plan.lowerBound = live;
      largest = &b;
    }
  }
  if (largest)
    for (const PlannedBuffer &c : liveWith(*largest))
      plan.peak.push_back({c.op->getLoc(), c.bytes});
}

static func::FuncOp declare(func::FuncOp main, StringRef name, FunctionType type) {
  auto module = main->getParentOfType<ModuleOp>();
  if (auto f = module.lookupSymbol<func::FuncOp>(name))
    return f;
  OpBuilder b(module.getBody(), module.getBody()->begin());
  auto f = func::FuncOp::create(b, main.getLoc(), name, type);
  f.setPrivate();
  return f;
}

Value memrefAt(OpBuilder &b, Location loc, Value address, MemRefType type, ValueRange sizes, unsigned indexBits) {
  Type word = b.getIntegerType(indexBits), ptr = LLVM::LLVMPointerType::get(b.getContext());
  auto byteType = MemRefType::get({ShapedType::kDynamic}, b.getI8Type());
  auto array = LLVM::LLVMArrayType::get(word, 1);
  auto desc = LLVM::LLVMStructType::getLiteral(b.getContext(), {ptr, ptr, word, array, array});
  Value raw = arith::IndexCastOp::create(b, loc, word, address);
  Value p = LLVM::IntToPtrOp::create(b, loc, ptr, raw);
  Value zero = LLVM::ConstantOp::create(b, loc, word, b.getIntegerAttr(word, 0));
  Value one = LLVM::ConstantOp::create(b, loc, word, b.getIntegerAttr(word, 1));
  // The view below is never asked for the size of its source.
  Value huge = LLVM::ConstantOp::create(b, loc, word, b.getIntegerAttr(word, APInt::getSignedMaxValue(indexBits)));
  Value d = LLVM::PoisonOp::create(b, loc, desc);
  d = LLVM::InsertValueOp::create(b, loc, d, p, ArrayRef<int64_t>{0});
  d = LLVM::InsertValueOp::create(b, loc, d, p, ArrayRef<int64_t>{1});
  d = LLVM::InsertValueOp::create(b, loc, d, zero, ArrayRef<int64_t>{2});
  d = LLVM::InsertValueOp::create(b, loc, d, huge, ArrayRef<int64_t>{3, 0});
  d = LLVM::InsertValueOp::create(b, loc, d, one, ArrayRef<int64_t>{4, 0});
  Value bytes = UnrealizedConversionCastOp::create(b, loc, TypeRange{byteType}, ValueRange{d}).getResult(0);
  Value start = arith::ConstantIndexOp::create(b, loc, 0);
  return memref::ViewOp::create(b, loc, type, bytes, start, sizes);
}

ArenaPlan planArena(func::FuncOp main, unsigned indexBits) {
  ArenaPlan plan;
  OpBuilder b(main.getContext());
  Location loc = main.getLoc();
  Block &top = main.getBody().front();

  BufferViewFlowAnalysis flow(main);
  DenseMap<Operation *, int64_t> number;
  for (auto [i, op] : llvm::enumerate(top))
    number[&op] = i;
  auto at = [&](Operation *op) { return number.lookup(top.findAncestorOpInBlock(*op)); };

  SmallVector<PlannedBuffer> buffers;
  struct Heap {
    memref::AllocOp op;
    Operation *freeBefore;
  };
  SmallVector<Heap> heap;
  SmallVector<memref::AllocOp> unused;
  main.walk([&](memref::AllocOp alloc) {
    if (alloc->use_empty()) {
      unused.push_back(alloc);
      return;
    }
    auto aliases = flow.resolve(alloc.getResult());
    if (!alloc.getType().hasStaticShape() || crossesIterations(alloc, aliases)) {
      heap.push_back({alloc, leavesBlock(alloc, aliases) ? nullptr : alloc->getBlock()->getTerminator()});
      return;
    }
    PlannedBuffer buf{alloc, bufferBytes(alloc.getType()), INT64_MAX, -1};
    for (Value v : aliases)
      for (Operation *user : v.getUsers()) {
        buf.first = std::min(buf.first, at(user));
        buf.last = std::max(buf.last, at(user));
      }
    buffers.push_back(buf);
  });
  for (memref::AllocOp op : unused)
    op.erase();
  placeBuffers(buffers, plan);
  plan.buffers = buffers.size();
  plan.dynamic = heap.size();

  auto arenaType = MemRefType::get({plan.bytes}, b.getI8Type());
  (void)main.insertArgument(main.getNumArguments(), arenaType, DictionaryAttr::get(b.getContext()), loc);
  Value arena = top.getArguments().back();
  (void)main.insertArgument(main.getNumArguments(), b.getIndexType(), DictionaryAttr::get(b.getContext()), loc);
  Value frame = top.getArguments().back();

  for (PlannedBuffer &buf : buffers) {
    b.setInsertionPoint(buf.op);
    Value offset = arith::ConstantIndexOp::create(b, loc, buf.offset);
    Value whole = buf.op->getResult(0);
    Value view = memref::ViewOp::create(b, buf.op->getLoc(), cast<MemRefType>(whole.getType()), arena, offset, ValueRange{});
    whole.replaceAllUsesWith(view);
    buf.op->erase();
  }
  if (heap.empty())
    return plan;
  Type index = b.getIndexType();
  auto allocFn = declare(main, "onnxc.alloc", b.getFunctionType({index, index}, {index}));
  auto freeFn = declare(main, "onnxc.free", b.getFunctionType({index, index}, {}));
  for (Heap &h : heap) {
    Location where = h.op.getLoc();
    b.setInsertionPoint(h.op);
    MemRefType type = h.op.getType();
    Value bytes = arith::ConstantIndexOp::create(b, where, elementBytes(type.getElementType()));
    unsigned next = 0;
    for (int64_t d : type.getShape()) {
      Value size = ShapedType::isDynamic(d) ? h.op.getDynamicSizes()[next++]
                                            : arith::ConstantIndexOp::create(b, where, d).getResult();
      bytes = arith::MulIOp::create(b, where, bytes, size);
    }
    Value address = func::CallOp::create(b, where, allocFn, ValueRange{frame, bytes}).getResult(0);
    Value buffer = memrefAt(b, where, address, type, h.op.getDynamicSizes(), indexBits);
    if (h.freeBefore) {
      b.setInsertionPoint(h.freeBefore);
      func::CallOp::create(b, where, freeFn, ValueRange{frame, address});
    }
    h.op.replaceAllUsesWith(buffer);
    h.op.erase();
  }
  return plan;
}

} // namespace onnxc
