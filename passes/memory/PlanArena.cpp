// Static planning of temporary buffers.
//
// `main` is a list of ops, some with regions. In the order of the text, a
// buffer is live from the first to the last op of its block that touches it or
// a view of it, with all that is inside these ops: what a loop uses is live
// for the whole loop, but the branches of an scf.if share memory, and so do
// the temporaries of a loop's body that follow each other.
//
// Buffers whose sizes are known at run time only are planned as well where
// these are multiples of the same product of dims (a batch, mostly): offsets
// are in units of that product, and one allocation holds them all.
#include "passes/memory/PlanArena.h"
#include "passes/memory/AccessCounts.h"
#include "passes/memory/KernelOverlaps.h"
#include "passes/memory/PlaceBuffers.h"
#include "passes/memory/PlaceInMemories.h"
#include "passes/schedule/Schedule.h"
#include "passes/schedule/gpu/Gpu.h"
#include "dialects/rt/NodeName.h"
#include "dialects/rt/Rt.h"
#include "runtime-lite/include/onnxc.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"

#include <numeric>

using namespace mlir;

namespace onnxc {

/// Where buffers of the device start: at lines of its caches.
constexpr int64_t kDeviceAlign = 128;

static int64_t elementBytes(Type t) { return (t.isIndex() ? 64 : t.getIntOrFloatBitWidth() + 7) / 8; }

static int64_t bytesOf(MemRefType type) {
  return std::max<int64_t>(1, type.getNumElements() * elementBytes(type.getElementType()));
}

/// The most bytes that an allocation can take, by the ranges of the inputs.
static std::optional<int64_t> mostBytes(memref::AllocOp alloc, SizeBounds &bounds) {
  auto dims = bounds.mostDims(alloc);
  int64_t bytes = elementBytes(alloc.getType().getElementType());
  for (int64_t d : dims.value_or(std::vector<int64_t>()))
    if (llvm::MulOverflow(bytes, d, bytes))
      return std::nullopt;
  return dims ? std::optional(std::max<int64_t>(1, bytes)) : std::nullopt;
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

namespace {
/// What has to be placed: a range of positions in the text, [first, last].
struct Buffer {
  Value value; ///< an allocation or an argument
  int64_t bytes, first, last, offset = 0;
  unsigned memory = 0;
};

/// The text of a function as positions: each op has one, and what is inside it the next ones.
class Positions {
public:
  explicit Positions(func::FuncOp main) {
    number(main.getBody());
  }
  int64_t begin(Operation *op) const { return range.lookup(op).first; }
  int64_t end(Operation *op) const { return range.lookup(op).second; }
  int64_t last() const { return next - 1; }

private:
  void number(Region &region) {
    for (Block &block : region)
      for (Operation &op : block) {
        int64_t begin = next++;
        for (Region &inner : op.getRegions())
          number(inner);
        range[&op] = {begin, next - 1};
      }
  }
  DenseMap<Operation *, std::pair<int64_t, int64_t>> range;
  int64_t next = 0;
};
} // namespace

/// Sets the live range of `buffer`, whose names are `aliases`: the ops of the
/// innermost block around all of it that touch it.
static void setLiveRange(Buffer &buffer, const BufferViewFlowAnalysis::ValueSetT &aliases, const Positions &positions) {
  Block *block = buffer.value.getParentBlock();
  SmallVector<Operation *> users;
  for (Value v : aliases)
    for (Operation *user : v.getUsers()) {
      users.push_back(user);
      while (!block->findAncestorOpInBlock(*user))
        block = block->getParentOp()->getBlock();
    }
  buffer.first = INT64_MAX;
  buffer.last = -1;
  for (Operation *user : users) {
    Operation *here = block->findAncestorOpInBlock(*user);
    buffer.first = std::min(buffer.first, positions.begin(here));
    buffer.last = std::max(buffer.last, positions.end(here));
  }
}

/// The node that an allocation is made for: its own, or that of what touches it.
static std::string nodeOf(memref::AllocOp op) {
  std::string name = nodeName(op.getLoc());
  for (Operation *user : op->getUsers())
    if (name.empty())
      name = nodeName(user->getLoc());
  return name;
}

/// The bytes of one element along each unknown dim; known dims of 0 are taken for 1.
static int64_t knownBytes(MemRefType type) {
  int64_t known = elementBytes(type.getElementType());
  for (int64_t d : type.getShape())
    if (!ShapedType::isDynamic(d))
      known *= std::max<int64_t>(d, 1);
  return known;
}

/// `known` bytes times `sizes`, for `node`; the run ends where they cannot be
/// counted. Dims of 0 are taken for 1, as they are factors of strides; negative
/// ones are numbers beyond any memory.
static Value bytesToAllocate(OpBuilder &b, Location loc, int64_t known, ValueRange sizes, const std::string &node) {
  auto constant = [&](int64_t n) { return arith::ConstantIndexOp::create(b, loc, n).getResult(); };
  Value bytes = constant(known), zero = constant(0), fits;
  auto both = [&](Value more) { fits = fits ? arith::AndIOp::create(b, loc, fits, more).getResult() : more; };
  for (Value size : sizes) {
    Value factor = arith::MaxUIOp::create(b, loc, size, constant(1));
    auto product = arith::MulUIExtendedOp::create(b, loc, bytes, factor);
    bytes = product.getLow();
    both(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, product.getHigh(), zero));
  }
  if (!fits)
    return bytes;
  // As a signed number, so that differences of addresses fit as well.
  both(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, bytes, zero));
  Value largest = arith::IndexCastOp::create(b, loc, b.getI64Type(), sizes.front());
  for (Value size : sizes.drop_front()) {
    Value wide = arith::IndexCastOp::create(b, loc, b.getI64Type(), size);
    largest = arith::MaxUIOp::create(b, loc, largest, wide);
  }
  // The largest of them is named.
  rt::CheckOp::create(b, loc, fits, largest, largest, ONNXC_OUT_OF_MEMORY, node,
                      "node '" + shownName(node) + "': a temporary with a dim of " + rt::kGot + " elements is larger than memory can be");
  return bytes;
}

/// The run ends where the allocator had nothing.
static void checkAllocated(OpBuilder &b, Location loc, const std::string &node, Value address, Value bytes) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value got = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, address, zero);
  Value wanted = arith::IndexCastOp::create(b, loc, b.getI64Type(), bytes);
  rt::CheckOp::create(b, loc, got, wanted, wanted, ONNXC_OUT_OF_MEMORY, node,
                      "node '" + shownName(node) + "': the allocator gave no memory, wanted " + rt::kWanted + " bytes");
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

/// Everything is alive all the time, so that no two buffers share memory.
static void keepForever(MutableArrayRef<Buffer> buffers, const Positions &positions) {
  for (Buffer &b : buffers) {
    b.first = 0;
    b.last = positions.last();
  }
}

/// Buffers start at multiples of `align`, or of their size where that is less, but of `leastAlign`.
static SmallVector<Lifetime> lifetimesOf(ArrayRef<Buffer> buffers, int64_t align, int64_t leastAlign) {
  SmallVector<Lifetime> lifetimes;
  for (const Buffer &b : buffers)
    lifetimes.push_back({b.bytes, std::max(leastAlign, std::min(align, int64_t(llvm::PowerOf2Ceil(b.bytes)))), b.first, b.last});
  return lifetimes;
}

static int argumentNumber(Value buffer) {
  auto arg = dyn_cast<BlockArgument>(buffer);
  return arg ? int(arg.getArgNumber()) : -1;
}

/// Sets what is alive when most is, and how much that is, less what `overlaps` spare.
static void notePeak(ArrayRef<Buffer> buffers, ArrayRef<Lifetime> lifetimes, ArrayRef<Overlap> overlaps, ArenaPlan &plan) {
  Peak peak = findPeak(lifetimes, overlaps);
  plan.lowerBound = peak.bytes;
  for (const Buffer &b : buffers)
    if (b.first <= peak.at && peak.at <= b.last)
      plan.peak.push_back({b.value.getLoc(), b.bytes, argumentNumber(b.value), cast<MemRefType>(b.value.getType()).getElementType().isF32()});
}

/// Sets the offsets of `buffers`, in one memory that is as small as can be. Kernels of `overlaps` are turned to the direction in which their buffers lie.
static void place(MutableArrayRef<Buffer> buffers, int64_t align, int64_t leastAlign, ArenaPlan &plan,
                  KernelOverlaps *overlaps = nullptr) {
  SmallVector<Lifetime> lifetimes = lifetimesOf(buffers, align, leastAlign);
  ArrayRef<Overlap> pairs = overlaps ? overlaps->overlaps() : ArrayRef<Overlap>();
  notePeak(buffers, lifetimes, pairs, plan);
  Placement placement = placeBuffers(lifetimes, plan.lowerBound, pairs);
  if (overlaps)
    overlaps->turn(placement.backwards);
  for (auto [buffer, offset] : llvm::zip(buffers, placement.offsets))
    buffer.offset = offset;
  plan.bytes = placement.bytes;
}

namespace {
/// Buffers of one block that one allocation holds: their sizes are multiples of
/// `dims`, the same index values.
struct DynamicGroup {
  SmallVector<Value> dims;
  SmallVector<Buffer> buffers; ///< bytes and offsets in units of the product of `dims`
};

/// The groups that buffers of run-time size fall into.
class DynamicGroups {
public:
  void add(memref::AllocOp alloc, const BufferViewFlowAnalysis::ValueSetT &aliases, const Positions &positions) {
    SmallVector<Value> dims(alloc.getDynamicSizes());
    llvm::sort(dims, [](Value a, Value c) { return a.getAsOpaquePointer() < c.getAsOpaquePointer(); });
    DynamicGroup &group = groups[{alloc->getBlock(), dims}];
    Buffer buffer{alloc, int64_t(llvm::alignTo(knownBytes(alloc.getType()), kArenaAlign)), 0, 0};
    setLiveRange(buffer, aliases, positions);
    group.dims.assign(dims);
    group.buffers.push_back(buffer);
  }

  auto begin() { return groups.begin(); }
  auto end() { return groups.end(); }

private:
  using Key = std::pair<Block *, SmallVector<Value>>;
  struct KeyInfo {
    static Key getEmptyKey() { return {llvm::DenseMapInfo<Block *>::getEmptyKey(), {}}; }
    static Key getTombstoneKey() { return {llvm::DenseMapInfo<Block *>::getTombstoneKey(), {}}; }
    static unsigned getHashValue(const Key &key) {
      return llvm::hash_combine(key.first, llvm::hash_combine_range(key.second));
    }
    static bool isEqual(const Key &a, const Key &b) { return a == b; }
  };
  llvm::MapVector<Key, DynamicGroup, llvm::DenseMap<Key, unsigned, KeyInfo>> groups; // in the order of the text
};
} // namespace

/// Sets memories and offsets of `buffers`: the most accessed bytes first into the fast one.
static void placeHot(MutableArrayRef<Buffer> buffers, const BufferViewFlowAnalysis &flow, ArrayRef<int64_t> memories, ArenaPlan &plan,
                     KernelOverlaps *overlaps) {
  SmallVector<Lifetime> lifetimes = lifetimesOf(buffers, kArenaAlign, 1);
  ArrayRef<Overlap> pairs = overlaps ? overlaps->overlaps() : ArrayRef<Overlap>();
  notePeak(buffers, lifetimes, pairs, plan);
  AccessCounts counts;
  SmallVector<double> heat;
  for (const Buffer &b : buffers) {
    auto aliases = flow.resolve(b.value);
    double accessed = counts.bytes(SmallVector<Value>(aliases.begin(), aliases.end()));
    heat.push_back(accessed / double(b.bytes));
    auto alloc = b.value.getDefiningOp<memref::AllocOp>();
    plan.placed.push_back({alloc ? nodeOf(alloc) : "", argumentNumber(b.value), b.bytes, int64_t(accessed)});
  }
  MemoryPlacement placement = placeInMemories(lifetimes, heat, memories, pairs);
  plan.wantedOfLast = placement.wantedOfLast;
  for (unsigned i : placement.left)
    plan.placed[i].fits = false;
  if (overlaps)
    overlaps->turn(placement.backwards);
  for (auto [i, buffer] : llvm::enumerate(buffers)) {
    buffer.offset = plan.placed[i].offset = placement.offsets[i];
    buffer.memory = plan.placed[i].memory = placement.memory[i];
  }
  plan.memoryBytes = placement.bytes;
  plan.bytes = std::accumulate(placement.bytes.begin(), placement.bytes.end(), int64_t(0));
}

/// Which of `buffers` may overlap, as far as `options` say; only while a KernelOverlaps is made are `buffers` looked at.
static std::optional<KernelOverlaps> findOverlaps(func::FuncOp function, ArrayRef<Buffer> buffers, const BufferViewFlowAnalysis &flow,
                                                  const Positions &positions, const ArenaOptions &options) {
  if (!options.shares || !options.overlaps)
    return std::nullopt;
  std::vector<LiveBuffer> live;
  for (const Buffer &buffer : buffers)
    live.push_back({buffer.value, buffer.bytes, buffer.first, buffer.last});
  auto users = [&](Value buffer) {
    SmallVector<Operation *> users;
    for (Value alias : flow.resolve(buffer))
      users.append(alias.user_begin(), alias.user_end());
    return users;
  };
  return std::optional<KernelOverlaps>(std::in_place, function, live, [&](Operation *op) { return positions.begin(op); }, users,
                                       options.memories.empty() ? INT64_MAX : *llvm::min_element(options.memories));
}

/// Offsets of `buffers` of `function`, whose kernels' inputs and outputs may overlap as far as `options` say.
static void placeAll(func::FuncOp function, MutableArrayRef<Buffer> buffers, const BufferViewFlowAnalysis &flow, const Positions &positions,
                     const ArenaOptions &options, ArenaPlan &plan) {
  if (!options.shares)
    keepForever(buffers, positions);
  std::optional<KernelOverlaps> overlaps = findOverlaps(function, buffers, flow, positions, options);
  if (options.memories.empty())
    return place(buffers, kArenaAlign, 1, plan, overlaps ? &*overlaps : nullptr);
  placeHot(buffers, flow, options.memories, plan, overlaps ? &*overlaps : nullptr);
}

/// The scratch of the stages of a chain is one buffer of its caller, planned like an arena.
static void planStages(func::FuncOp main, const ArenaOptions &options) {
  main.walk([&](func::CallOp call) {
    auto staged = main->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee());
    if (!staged || !staged->hasAttr(kStagedAttr))
      return;
    BufferViewFlowAnalysis flow(staged);
    Positions positions(staged);
    SmallVector<Buffer> buffers;
    staged.walk([&](memref::AllocOp alloc) {
      Buffer buffer{alloc, bytesOf(alloc.getType()), 0, 0};
      setLiveRange(buffer, flow.resolve(alloc.getResult()), positions);
      buffers.push_back(buffer);
    });
    ArenaPlan plan;
    ArenaOptions inOneMemory = options;
    inOneMemory.memories.clear();
    placeAll(staged, buffers, flow, positions, inOneMemory, plan);
    Location loc = staged.getLoc();
    auto type = MemRefType::get({plan.bytes}, IntegerType::get(staged.getContext(), 8));
    (void)staged.insertArgument(staged.getNumArguments(), type, DictionaryAttr::get(staged.getContext()), loc);
    Value scratch = staged.getArgument(staged.getNumArguments() - 1);
    OpBuilder b(call);
    call.getOperandsMutable().append(memref::AllocOp::create(b, call.getLoc(), type).getResult());
    for (const Buffer &buffer : buffers) {
      auto alloc = buffer.value.getDefiningOp<memref::AllocOp>();
      b.setInsertionPoint(alloc);
      Value offset = arith::ConstantIndexOp::create(b, loc, buffer.offset);
      Value view = memref::ViewOp::create(b, alloc.getLoc(), alloc.getType(), scratch, offset, ValueRange());
      alloc.replaceAllUsesWith(view);
      alloc.erase();
    }
  });
}

/// Static inputs and outputs of `main` as buffers: an input is alive until its last use, an output from its first.
static SmallVector<Buffer> argumentBuffers(func::FuncOp main, const BufferViewFlowAnalysis &flow, const Positions &positions) {
  SmallVector<Buffer> buffers;
  auto inputs = main->getAttrOfType<IntegerAttr>("onnxc.num_inputs");
  for (BlockArgument arg : main.getArguments()) {
    auto type = dyn_cast<MemRefType>(arg.getType());
    if (!inputs || !type || !type.hasStaticShape())
      continue;
    Buffer buffer{arg, bytesOf(type), 0, positions.last()};
    bool isInput = arg.getArgNumber() < inputs.getInt();
    if (!arg.use_empty()) {
      setLiveRange(buffer, flow.resolve(arg), positions);
      (isInput ? buffer.first : buffer.last) = isInput ? 0 : positions.last();
    }
    buffers.push_back(buffer);
  }
  return buffers;
}

ArenaPlan planArena(func::FuncOp main, const ArenaOptions &options) {
  planStages(main, options);
  ArenaPlan plan;
  OpBuilder b(main.getContext());
  Location loc = main.getLoc();
  Block &top = main.getBody().front();

  BufferViewFlowAnalysis flow(main);
  Positions positions(main);
  SmallVector<Buffer> buffers;
  struct Heap {
    memref::AllocOp op;
    Operation *freeBefore;
  };
  SmallVector<Heap> heap;
  DynamicGroups groups;
  SizeBounds bounds(main, options.inputRanges);
  plan.argumentOffsets.assign(top.getNumArguments(), -1);
  plan.argumentMemories.assign(top.getNumArguments(), 0);
  if (options.ownsArguments)
    buffers = argumentBuffers(main, flow, positions);
  main.walk([&](memref::AllocOp alloc) {
    if (alloc->use_empty()) {
      alloc.erase();
      return;
    }
    auto aliases = flow.resolve(alloc.getResult());
    std::optional<int64_t> bytes = mostBytes(alloc, bounds);
    bool crosses = crossesIterations(alloc, aliases);
    if (options.separate || !bytes || crosses) {
      plan.dynamic.push_back(alloc->getLoc());
      bool leaves = leavesBlock(alloc, aliases);
      if (options.separate || crosses || leaves || alloc.getDynamicSizes().empty())
        heap.push_back({alloc, leaves ? nullptr : alloc->getBlock()->getTerminator()});
      else
        groups.add(alloc, aliases, positions);
      return;
    }
    Buffer buffer{alloc, *bytes, 0, 0};
    setLiveRange(buffer, aliases, positions);
    buffers.push_back(buffer);
  });
  main.walk([&](func::CallOp call) {
    StringRef callee = call.getCallee();
    unsigned number;
    if (callee.consume_front("onnxc.output.") && !callee.getAsInteger(10, number))
      if (auto dims = bounds.mostDims(call.getOperand(0)))
        plan.outputDims[number] = *dims;
  });
  if (options.triesArguments && !options.ownsArguments && options.shares) {
    SmallVector<Buffer> all = argumentBuffers(main, flow, positions);
    all.append(buffers.begin(), buffers.end());
    auto overlaps = findOverlaps(main, all, flow, positions, options);
    ArrayRef<Overlap> pairs = overlaps ? overlaps->overlaps() : ArrayRef<Overlap>();
    SmallVector<Lifetime> lifetimes = lifetimesOf(all, kArenaAlign, 1);
    plan.bytesWithArguments = placeBuffers(lifetimes, findPeak(lifetimes, pairs).bytes, pairs).bytes;
  }
  placeAll(main, buffers, flow, positions, options, plan);
  eraseUnusedDirections(main->getParentOfType<ModuleOp>());
  plan.buffers = buffers.size();
  SmallVector<Value> arenas;
  for (int64_t bytes : options.memories.empty() ? std::vector<int64_t>{plan.bytes} : plan.memoryBytes) {
    auto type = MemRefType::get({bytes}, b.getI8Type());
    (void)main.insertArgument(main.getNumArguments(), type, DictionaryAttr::get(b.getContext()), loc);
    arenas.push_back(top.getArguments().back());
  }
  (void)main.insertArgument(main.getNumArguments(), b.getIndexType(), DictionaryAttr::get(b.getContext()), loc);
  Value frame = top.getArguments().back();

  BitVector owned(main.getNumArguments());
  for (Buffer &buf : buffers) {
    auto arg = dyn_cast<BlockArgument>(buf.value);
    if (arg)
      b.setInsertionPointToStart(&top);
    else
      b.setInsertionPoint(buf.value.getDefiningOp());
    Value offset = arith::ConstantIndexOp::create(b, loc, buf.offset);
    auto alloc = buf.value.getDefiningOp<memref::AllocOp>();
    Value view = memref::ViewOp::create(b, buf.value.getLoc(), cast<MemRefType>(buf.value.getType()), arenas[buf.memory], offset,
                                        alloc ? ValueRange(alloc.getDynamicSizes()) : ValueRange());
    buf.value.replaceAllUsesWith(view);
    if (arg) {
      owned.set(arg.getArgNumber());
      plan.argumentOffsets[arg.getArgNumber()] = buf.offset;
      plan.argumentMemories[arg.getArgNumber()] = buf.memory;
    } else {
      buf.value.getDefiningOp()->erase();
    }
  }
  (void)main.eraseArguments(owned);
  if (plan.dynamic.empty())
    return plan;
  Type index = b.getIndexType();
  auto allocFn = declare(main, "onnxc.alloc", b.getFunctionType({index, index}, {index}));
  auto freeFn = declare(main, "onnxc.free", b.getFunctionType({index, index}, {}));
  for (Heap &h : heap) {
    Location where = h.op.getLoc();
    b.setInsertionPoint(h.op);
    MemRefType type = h.op.getType();
    Value bytes = bytesToAllocate(b, where, knownBytes(type), h.op.getDynamicSizes(), nodeOf(h.op));
    Value address = func::CallOp::create(b, where, allocFn, ValueRange{frame, bytes}).getResult(0);
    checkAllocated(b, where, nodeOf(h.op), address, bytes);
    Value buffer = memrefAt(b, where, address, type, h.op.getDynamicSizes(), options.indexBits);
    if (h.freeBefore) {
      b.setInsertionPoint(h.freeBefore);
      func::CallOp::create(b, where, freeFn, ValueRange{frame, address});
    }
    h.op.replaceAllUsesWith(buffer);
    h.op.erase();
  }
  for (auto &[key, group] : groups) {
    ArenaPlan units;
    if (!options.shares)
      keepForever(group.buffers, positions);
    place(group.buffers, kArenaAlign, kArenaAlign, units);
    auto first = group.buffers.front().value.getDefiningOp<memref::AllocOp>();
    Location where = first.getLoc();
    b.setInsertionPoint(first);
    Value bytes = bytesToAllocate(b, where, units.bytes, group.dims, nodeOf(first));
    Value address = func::CallOp::create(b, where, allocFn, ValueRange{frame, bytes}).getResult(0);
    checkAllocated(b, where, nodeOf(first), address, bytes);
    Value product = arith::ConstantIndexOp::create(b, where, 1);
    for (Value size : group.dims)
      product = arith::MulIOp::create(b, where, product, size);
    for (const Buffer &buffer : group.buffers) {
      auto alloc = buffer.value.getDefiningOp<memref::AllocOp>();
      b.setInsertionPoint(alloc);
      Value offset = arith::MulIOp::create(b, where, arith::ConstantIndexOp::create(b, where, buffer.offset), product);
      Value start = arith::AddIOp::create(b, where, address, offset);
      alloc.replaceAllUsesWith(
          memrefAt(b, alloc.getLoc(), start, alloc.getType(), alloc.getDynamicSizes(), options.indexBits));
    }
    b.setInsertionPoint(first->getBlock()->getTerminator());
    func::CallOp::create(b, where, freeFn, ValueRange{frame, address});
    for (const Buffer &buffer : group.buffers)
      buffer.value.getDefiningOp()->erase();
  }
  return plan;
}

ArenaPlan planDeviceArena(func::FuncOp main, bool shares) {
  ArenaPlan plan;
  BufferViewFlowAnalysis flow(main);
  Positions positions(main);
  SmallVector<Buffer> buffers;
  main.walk([&](gpu::AllocOp alloc) {
    if (alloc.getMemref().use_empty()) {
      alloc.erase();
      return;
    }
    Buffer buffer{alloc.getMemref(), bytesOf(alloc.getType()), 0, 0};
    setLiveRange(buffer, flow.resolve(alloc.getMemref()), positions);
    if (alloc->hasAttr(kInputAttr)) // its copy to the device is made here
      buffer.first = positions.begin(alloc);
    buffers.push_back(buffer);
  });
  if (!shares)
    keepForever(buffers, positions);
  place(buffers, kDeviceAlign, kDeviceAlign, plan);
  plan.buffers = buffers.size();
  Builder b(main.getContext());
  for (const Buffer &buffer : buffers)
    buffer.value.getDefiningOp()->setAttr(kOffsetAttr, b.getI64IntegerAttr(buffer.offset));
  return plan;
}

} // namespace onnxc
